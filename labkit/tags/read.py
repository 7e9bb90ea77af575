"""Schemes from files: CSV, Excel, JSON here, SKOS by `labkit.tags.skos`; also gzip and bzip2.

What is wrong in a file is kept for `labkit.tags.check` to report; only a file that
cannot be read at all is refused.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labkit import privacy, terms
from labkit.tags.errors import TagError
from labkit.tags.record import KINDS, RELATIONS, STATUSES, TEXT_FIELDS, Label, TagClass, guess_language
from labkit.tags.scheme import Method, ReadingProblem, Scheme

#: Field -> headers it goes by besides those of the glossary, the likeliest first.
_HEADERS: dict[str, tuple[str, ...]] = {
    "id": ("tag_id", "class_id", "code", "industry_id", "id", "标签编号", "标签id", "类目编号", "类目代码", "行业代码", "代码", "编码", "编号", "uri"),
    "notation": ("notation", "class_mark", "类号", "标签代码"),
    "name_en": ("name_en", "english", "英文名称", "英文名"),
    "name_zh": ("name_zh", "chinese", "中文名称", "标签名称", "类目名称", "中文名"),
    "name": ("name", "label", "title", "名称"),
    "aliases": ("aliases", "alias", "synonyms", "别名", "同义词"),
    "definition_en": ("definition_en",),
    "definition_zh": ("definition_zh",),
    "definition": ("definition", "description", "note", "定义", "口径", "说明", "描述"),
    "parents": ("parents", "parent_id", "parent", "parent_code", "parent_name", "broader", "上位类", "父标签", "上级代码", "上级编码", "父级代码", "上级", "父级", "父类"),
    "facet": ("facet", "分面"),
    "criterion": ("criterion", "division_criterion", "划分标准"),
    "relation": ("relation", "relation_kind", "与上位类关系", "关系"),
    "exclusive": ("exclusive", "是否互斥", "互斥"),
    "exhaustive": ("exhaustive", "是否穷尽", "穷尽"),
    "residual": ("residual", "是否其他类", "其他类"),
    "kind": ("kind", "type", "标签类型", "类型"),
    "rule": ("rule", "compute_rule", "计算规则", "规则"),
    "domain": ("domain", "value_domain", "取值范围", "值域"),
    "sources": ("sources", "source", "source_columns", "数据来源"),
    "owner": ("owner", "责任部门"),
    "refresh": ("refresh", "更新周期", "更新频率"),
    "valid_from": ("valid_from", "生效日期"),
    "valid_to": ("valid_to", "失效日期"),
    "status": ("status", "状态"),
    "replaced_by": ("replaced_by", "替代标签"),
    "version": ("version", "版本"),
}  # fmt: skip
#: Field -> what its headers look like, where none of the names above is there.
_STEMS = {
    "parents": re.compile(r"(上级|父级|父|上位|所属上级|parent|broader)"),
    "id": re.compile(r"(编号|编码|代码|序号|标签号|id|code|number|no)$"),
    "name": re.compile(r"(名|名称|标签|类目|name|label|tag)$"),
}
_HEADER_ROWS = 10
_YES, _NO = ("1", "true", "yes", "y", "是"), ("0", "false", "no", "n", "否")
_CHOICES = {"relation": RELATIONS, "kind": KINDS, "status": STATUSES}
_LIST = re.compile(r"[;；|]")
_RDF = (".ttl", ".rdf", ".owl", ".xml", ".nt", ".n3", ".jsonld")


def read_scheme(
    path: str | Path,
    *,
    sheet: str | None = None,
    title: str = "",
    method: Method = "",
    single_parent: bool = False,
) -> Scheme:
    """A scheme from a file; the ending says which format, ``.gz`` and ``.bz2`` may follow.

    Parameters
    ----------
    path : str or Path
        CSV (comma, semicolon or tab; UTF-8, UTF-16 or GB18030) or Excel with a row a
        class, headers in English or Chinese, JSON as `write_scheme` gives it, or SKOS.
    sheet : str, optional
        Of a workbook; the first one with classes by default.
    title : str
    method : {"", "enumerative", "faceted", "folksonomy", "combined"}
    single_parent : bool
        Whether `check` reports a class with two parents.

    Raises
    ------
    TagError
        If the file is not there, empty, in no known encoding or format, or has no column that could be the id.

    Notes
    -----
    Where several columns could be the id, it is the one that the parents point to. A
    parent may be written as an id, a class mark, or a name that occurs once.
    """
    path = Path(path)
    data = _unpack(path)
    name = path.name.removesuffix(path.suffix) if path.suffix in (".gz", ".bz2") else path.name
    ending = Path(name).suffix.lower()
    about: dict[str, Any] = {"title": title or Path(name).stem, "method": method, "single_parent": single_parent}
    if ending in _RDF:
        from labkit.tags.skos import parse_skos

        return parse_skos(data, path.name, ending, **about)
    if ending == ".json":
        from labkit.tags.read_json import parse_json

        return parse_json(decode(data, path.name), path.name, about)
    if ending in (".xlsx", ".xlsm"):
        return _from_rows(_sheet_rows(data, path.name, sheet), path.name, about)
    if ending in (".csv", ".tsv", ".txt"):
        return _from_rows(_text_rows(decode(data, path.name)), path.name, about)
    raise TagError(
        f"{path.name}: the ending {ending or '(none)'} is no format of schemes: use .csv, .xlsx, .json, .ttl or .rdf"
    )


def _unpack(path: Path) -> bytes:
    if not path.is_file():
        raise TagError(f"{path.name}: there is no such file")
    data = path.read_bytes()
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:3] == b"BZh":
            data = bz2.decompress(data)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise TagError(f"{path.name}: the compressed file is damaged ({error}); copy it again") from error
    if not data.strip():
        raise TagError(f"{path.name}: the file is empty; a scheme needs at least one class")
    return data


def decode(data: bytes, name: str) -> str:
    """Text of a file: byte-order mark, UTF-8, GB18030, tried strictly and in this order."""
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise TagError(f"{name}: the characters fit neither UTF-8 nor GB18030 nor UTF-16: save it as UTF-8")


def _text_rows(text: str) -> list[tuple[int, list[str]]]:
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise TagError(f"line {reader.line_num}: {error}; is a quote left open?") from error


def _sheet_rows(data: bytes, name: str, sheet: str | None) -> list[tuple[int, list[str]]]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise TagError(f"{name}: is not a readable workbook ({error}); save it as .xlsx again") from error
    if sheet is not None and sheet not in book.sheetnames:
        raise TagError(f"{name}: there is no sheet {sheet!r}; there are {', '.join(book.sheetnames)}")
    for title in [sheet] if sheet else book.sheetnames:
        rows = [
            (i, [_cell_text(cell) for cell in row]) for i, row in enumerate(book[title].iter_rows(values_only=True), 1)
        ]
        rows = [(i, row) for i, row in rows if any(row)]
        if sheet or (len(rows) > 1 and len(rows[0][1]) > 1):
            return rows
    raise TagError(f"{name}: no sheet has a table of classes")


def _cell_text(cell: object) -> str:
    """Text of a cell; a code kept as a number is told without a decimal point."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _from_rows(rows: list[tuple[int, list[str]]], name: str, about: dict) -> Scheme:
    if not rows:
        raise TagError(f"{name}: the file is empty; a scheme needs at least one class")
    at_row = _header_row(rows)
    header, body = rows[at_row][1], rows[at_row + 1 :]
    places = _places([terms.normalise_header(cell) for cell in header])
    used = {i for found in places.values() for i in found}
    problems = [
        ReadingProblem("unread_column", (), f"column {cell!r} is not understood and left out", rows[at_row][0], cell)
        for i, cell in enumerate(header)
        if i not in used and cell.strip()
    ]
    fit: list[tuple[int, list[str]]] = []
    ragged: list[tuple[int, list[str]]] = []
    for line, row in body:
        # An over-long row may have lost a quote: its cells cannot be told apart.
        (fit if len(row) <= len(header) or not any(row[len(header) :]) else ragged).append((line, row))
    problems += [
        ReadingProblem("bad_row", (), f"row {line} has {len(row)} cells, the header {len(header)}", line)
        for line, row in ragged
    ]
    key = _choose_key(places, fit, name, header)
    at = {field: found[0] for field, found in places.items()} | {"id": key}
    classes = []
    for line, row in fit:
        cell = {field: _plain(row[i]) if i < len(row) else "" for field, i in at.items()}
        if not cell["id"]:
            problems.append(ReadingProblem("bad_row", (), f"row {line} has no id", line, header[key]))
            continue
        classes.append(_class_of(cell, line, header, at, problems))
    if not classes:
        raise TagError(f"{name}: no row below the header is a class; a scheme needs at least one")
    return Scheme.of(_resolve_parents(classes), problems=tuple(problems), **about)


def _plain(cell: str) -> str:
    """A cell without spaces around it, and without the quote that keeps a spreadsheet from running it."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and privacy.safe_text(text[1:]) == text else text


def _header_row(rows: list[tuple[int, list[str]]]) -> int:
    """The first row that reads like a header: workbooks often begin with a title."""
    for i, (_, row) in enumerate(rows[:_HEADER_ROWS]):
        found = _places([terms.normalise_header(cell) for cell in row])
        if ("id" in found or "notation" in found) and len(found) > 1:
            return i
    return 0


def _places(header: Sequence[str]) -> dict[str, list[int]]:
    """Columns that could be each field, the likeliest first."""
    found: dict[str, list[int]] = {}
    for field, names in _HEADERS.items():
        spelled = [terms.normalise_header(name) for name in names]
        hits = sorted((spelled.index(cell), i) for i, cell in enumerate(header) if cell in spelled)
        if hits:
            found[field] = [i for _, i in hits]
    taken = {i for places in found.values() for i in places}
    named = {"name", "name_en", "name_zh"} & set(found)
    for field, stem in _STEMS.items():
        if field in found or (field == "name" and named):
            continue
        hits_by_stem = [i for i, cell in enumerate(header) if i not in taken and stem.search(cell)]
        if hits_by_stem:
            found[field] = hits_by_stem[:1]
            taken.add(hits_by_stem[0])
    return found


def _choose_key(places: dict, rows: list[tuple[int, list[str]]], name: str, header: Sequence[str]) -> int:
    ids: list[int] = [*places.get("id", ()), *places.get("notation", ())]
    if not ids:
        wanted = ", ".join(_HEADERS["id"][:5])
        raise TagError(f"{name}: no column could be the id among {', '.join(header[:8])}: name one of them {wanted}")
    if len(ids) == 1 or "parents" not in places:
        return ids[0]
    up = places["parents"][0]
    wanted_ids = {row[up].strip() for _, row in rows if up < len(row) and row[up].strip()}
    hits = [len(wanted_ids & {row[i].strip() for _, row in rows if i < len(row)}) for i in ids]
    return ids[hits.index(max(hits))]


def _class_of(
    cell: dict[str, str], line: int, header: Sequence[str], at: dict[str, int], problems: list[ReadingProblem]
) -> TagClass:
    id = cell["id"]

    def wrong(field: str, expected: str) -> None:
        why = f"row {line}, column {header[at[field]]}: {cell[field][:40]!r} is not {expected}"
        problems.append(ReadingProblem("bad_value", (id,), why, line, header[at[field]]))

    labels = [Label(cell[f"name_{lang}"], lang) for lang in terms.LANGUAGES if cell.get(f"name_{lang}")]
    if not labels and cell.get("name"):
        labels = [Label(cell["name"], guess_language(cell["name"]))]
    labels += [Label(a.strip(), guess_language(a), "alt") for a in _LIST.split(cell.get("aliases", "")) if a.strip()]
    notes = [Label(cell[f"definition_{lang}"], lang) for lang in terms.LANGUAGES if cell.get(f"definition_{lang}")]
    if cell.get("definition"):
        notes.append(Label(cell["definition"], guess_language(cell["definition"])))
    flags: dict[str, bool | None] = {}
    for field in ("exclusive", "exhaustive", "residual"):
        text = cell.get(field, "").lower()
        flags[field] = True if text in _YES else False if text in _NO else None
        if text and flags[field] is None:
            wrong(field, "yes or no")
    texts = {field: cell[field] for field in TEXT_FIELDS if cell.get(field)}
    for field, allowed in _CHOICES.items():
        if field in texts:
            known = {title.lower(): value for value in allowed for title in (value, *_titles(field, value))}
            if texts[field].lower() not in known:
                wrong(field, " or ".join(allowed))
                del texts[field]
            else:
                texts[field] = known[texts[field].lower()]
    parents = tuple(p.strip() for p in _LIST.split(cell.get("parents", "")) if p.strip())
    return TagClass(
        id,
        labels=tuple(labels),
        notes=tuple(notes),
        parents=tuple(dict.fromkeys(parents)),
        exclusive=flags["exclusive"],
        exhaustive=flags["exhaustive"],
        residual=bool(flags["residual"]),
        row=line,
        **{"notation": id if re.fullmatch(r"[\w.\-]{1,20}", id) else "", **texts},
    )


def _titles(field: str, value: str) -> Iterator[str]:
    for language in terms.LANGUAGES:
        yield terms.category(field, value, language)


def _resolve_parents(classes: list[TagClass]) -> list[TagClass]:
    """Parents written as a class mark or a name become ids; what is not known stays as written."""
    ids = {item.id for item in classes}
    marks = {item.notation: item.id for item in classes if item.notation}
    names = Counter(label.text for item in classes for label in item.labels if label.kind == "pref")
    by_name = {label.text: item.id for item in classes for label in item.labels if names[label.text] == 1}
    return [
        item
        if all(p in ids for p in item.parents)
        else replace(
            item, parents=tuple(dict.fromkeys(p if p in ids else marks.get(p, by_name.get(p, p)) for p in item.parents))
        )
        for item in classes
    ]
