"""Schemes to files, byte for byte the same for the same scheme."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from dataclasses import asdict, fields
from pathlib import Path

import networkx as nx
import pandas as pd

from labkit import privacy
from labkit.store import write_whole
from labkit.tags.errors import TagError
from labkit.tags.record import TEXT_FIELDS, TagClass
from labkit.tags.scheme import Scheme

_COLUMNS = ("tag_id", "notation", "name_en", "name_zh", "aliases", "definition", "facet", "parent_id", "criterion")


def to_frame(scheme: Scheme) -> pd.DataFrame:
    """Classes as the table ``tags``, a row a class, in order."""
    rest = [name for name in TEXT_FIELDS if name not in (*_COLUMNS, "notation")]
    rows = []
    for item in (*scheme.classes.values(), *scheme.repeated):
        names = {
            lang: item.name(lang) if any(x.language[:2] == lang for x in item.labels) else "" for lang in ("en", "zh")
        }
        if not any(names.values()) and item.labels:
            names["en"] = item.name()
        rows.append(
            {
                "tag_id": item.id,
                "notation": item.notation,
                "name_en": names["en"],
                "name_zh": names["zh"],
                "aliases": ";".join(item.aliases),
                **{f"definition_{lang}": _note(item, lang) for lang in ("en", "zh")},
                "facet": item.facet,
                "parent_id": ";".join(item.parents),
                "criterion": item.criterion,
                **{k: {True: "yes", False: "no", None: ""}[getattr(item, k)] for k in ("exclusive", "exhaustive")},
                "residual": "yes" if item.residual else "",
                **{name: getattr(item, name) for name in rest},
            }
        )
    return pd.DataFrame(rows)


def _note(item: TagClass, language: str) -> str:
    return next((note.text for note in item.notes if note.language[:2] == language), "")


def write_scheme(scheme: Scheme, path: str | Path) -> None:
    """Write a scheme; the ending says how.

    Parameters
    ----------
    scheme : Scheme
    path : str or Path
        ``.csv`` and ``.xlsx`` (a row a class, with English and Chinese names and
        definitions only; text that a spreadsheet would run is made safe), ``.json``
        (everything), ``.ttl`` and ``.rdf`` (SKOS),
        ``.graphml``; also with ``.gz`` or ``.bz2``.

    Raises
    ------
    TagError
        If the ending is none of these.
    """
    path = Path(path)
    name = path.name.removesuffix(path.suffix) if path.suffix in (".gz", ".bz2") else path.name
    ending = Path(name).suffix.lower()
    if ending == ".csv":
        data = privacy.to_safe_csv(to_frame(scheme))
    elif ending == ".xlsx":
        data = _workbook(to_frame(scheme))
    elif ending == ".json":
        data = _json(scheme)
    elif ending in (".ttl", ".rdf"):
        from labkit.tags.skos import to_skos

        data = to_skos(scheme, "turtle" if ending == ".ttl" else "pretty-xml")
    elif ending == ".graphml":
        data = _graphml(scheme)
    else:
        raise TagError(
            f"{path.name}: the ending {ending or '(none)'} is not one of .csv, .xlsx, .json, .ttl, .rdf, .graphml"
        )
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    elif path.suffix == ".bz2":
        data = bz2.compress(data)
    write_whole(path, data)


def _json(scheme: Scheme) -> bytes:
    plain = {f.name: f.default for f in fields(TagClass)}
    entries = []
    for item in (*scheme.classes.values(), *scheme.repeated):
        entry = {k: v for k, v in asdict(item).items() if k == "id" or (v != plain.get(k) and k != "row")}
        for kind in ("labels", "notes"):
            if kind in entry:
                entry[kind] = [[x.text, x.language, x.kind] for x in getattr(item, kind)]
        entries.append(entry)
    found = {
        "title": scheme.title,
        "method": scheme.method,
        "single_parent": scheme.single_parent,
        "from_rdf": scheme.from_rdf,
        "schemes": dict(scheme.schemes),
        "classes": entries,
        "relations": [[r.source, r.kind, r.target] for r in scheme.relations],
    }
    return (json.dumps(found, ensure_ascii=False, indent=1) + "\n").encode()


def _workbook(frame: pd.DataFrame) -> bytes:
    import openpyxl
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = openpyxl.Workbook()
    sheet = book.create_sheet("tags", 0)
    del book["Sheet"]
    for row in (list(frame.columns), *privacy.safe_frame(frame).itertuples(index=False, name=None)):
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("\ufffd", cell) if isinstance(cell, str) else cell for cell in row])
    sheet.freeze_panes = "B2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _graphml(scheme: Scheme) -> bytes:
    graph = nx.DiGraph()
    for item in scheme.classes.values():
        text = {k: getattr(item, k) for k in ("notation", "facet", "criterion", "rule", "status")}
        graph.add_node(item.id, name_en=item.name("en"), name_zh=item.name("zh"), **text)
    graph.add_edges_from((u, v, {"relation": d["relation"]}) for u, v, d in scheme.graph.edges(data=True))
    return "\n".join(nx.generate_graphml(graph, named_key_ids=True)).encode() + b"\n"
