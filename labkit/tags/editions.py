"""What changed from one edition of a scheme to the next."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import pandas as pd

from labkit.tags.scheme import Scheme
from labkit.tags.words import normalise_word

CHANGES = ("kept", "renamed", "moved", "recoded", "split", "merged", "removed", "added")


@dataclass(frozen=True, eq=False)
class EditionDiff:
    """Classes of two editions against each other.

    Attributes
    ----------
    changes : DataFrame
        ``change`` (one of `CHANGES`; a class may have several), ``old``, ``new`` (ids,
        several joined by ``;``), ``what``.
    survival : DataFrame
        ``measure`` (codes, codes_and_names, leaf_codes, leaf_codes_and_names),
        ``kept_count``, ``old_count``, ``kept_share``: a census, so without intervals.
    """

    changes: pd.DataFrame
    survival: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The changes other than "kept"."""
        return self.changes[self.changes["change"] != "kept"].reset_index(drop=True)


def diff(old: Scheme, new: Scheme) -> EditionDiff:
    """Survival of codes and names, moves, splits and merges between two editions.

    Parameters
    ----------
    old, new : Scheme

    Notes
    -----
    Classes are the same if their ids are. ``split``: a leaf of old that now has only new
    classes under it, or is replaced by several. ``merged``: several old classes replaced
    by one (``replaced_by``), or gone and now aliases of one. ``recoded``: gone, with a name
    that exactly one added class has.

    Examples
    --------
    >>> from labkit.tags import make_class
    >>> before = Scheme.of([make_class("A", "Homes"), make_class("B", "Shops")])
    >>> after = Scheme.of([make_class("A", "Households"), make_class("C", "Shops")])
    >>> diff(before, after).to_frame()[["change", "old", "new"]].values.tolist()
    [['renamed', 'A', 'A'], ['recoded', 'B', 'C']]
    """
    rows: list[tuple[str, str, str, str]] = []
    gone = [id for id in old.classes if id not in new]
    fresh = [id for id in new.classes if id not in old]
    for id in old.classes:
        if id in new:
            rows += _same_code(old, new, id, set(fresh))
    told: set[str] = set()
    for change, sources, target, what in [*_replaced(old, new), *_absorbed(old, new, gone)]:
        if not told & set(sources):
            rows.append((change, ";".join(sources), target, what))
            told |= set(sources)
    by_name = _by_name(new, fresh)
    recoded = {
        id: by_name[name][0] for id in gone if id not in told and len(by_name.get(name := _name(old, id), ())) == 1
    }
    rows += [("recoded", a, b, f"{old[a].name()}: {a} -> {b}") for a, b in recoded.items()]
    rows += [("removed", id, "", old[id].name()) for id in gone if id not in told and id not in recoded]
    rows += [("added", "", id, new[id].name()) for id in fresh if id not in recoded.values()]
    frame = pd.DataFrame(rows, columns=["change", "old", "new", "what"])
    order = {name: i for i, name in enumerate(CHANGES)}
    frame = frame.sort_values("change", key=lambda c: c.map(order), kind="stable", ignore_index=True)
    return EditionDiff(frame, _survival(old, new))


def _name(scheme: Scheme, id: str) -> str:
    item = scheme[id]
    return (
        normalise_word(item.name("zh")) if any(x.language == "zh" for x in item.labels) else normalise_word(item.name())
    )


def _by_name(scheme: Scheme, ids: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for id in ids:
        found[_name(scheme, id)].append(id)
    return found


def _same_code(old: Scheme, new: Scheme, id: str, fresh: set[str]) -> list[tuple[str, str, str, str]]:
    rows = []
    if _name(old, id) != _name(new, id):
        rows.append(("renamed", id, id, f"{old[id].name()} -> {new[id].name()}"))
    if set(old[id].parents) != set(new[id].parents):
        rows.append(("moved", id, id, f"{', '.join(old[id].parents) or '-'} -> {', '.join(new[id].parents) or '-'}"))
    below = new.children[id]
    if not old.children[id] and len(below) > 1 and set(below) <= fresh:
        rows.append(("split", id, ";".join(below), f"{old[id].name()} now has {len(below)} classes under it"))
    return rows or [("kept", id, id, old[id].name())]


def _replaced(old: Scheme, new: Scheme) -> list[tuple[str, tuple[str, ...], str, str]]:
    """What ``replaced_by`` says, in either edition."""
    into: dict[str, list[str]] = defaultdict(list)
    found: list[tuple[str, tuple[str, ...], str, str]] = []
    for id, item in old.classes.items():
        text = item.replaced_by or (new[id].replaced_by if id in new else "")
        targets = [t.strip() for t in text.split(";") if t.strip() in new]
        if len(targets) > 1:
            found.append(
                ("split", (id,), ";".join(targets), f"{item.name()} -> {', '.join(new[t].name() for t in targets)}")
            )
        elif targets:
            into[targets[0]].append(id)
    for target, sources in into.items():
        change = "merged" if len(sources) > 1 else "recoded"
        found.append(
            (change, tuple(sources), target, f"{', '.join(old[s].name() for s in sources)} -> {new[target].name()}")
        )
    return found


def _absorbed(old: Scheme, new: Scheme, gone: list[str]) -> list[tuple[str, tuple[str, ...], str, str]]:
    """Classes that are gone and whose names are now aliases of one class."""
    aliases: dict[str, str] = {}
    for item in new.classes.values():
        for alias in item.aliases:
            aliases.setdefault(normalise_word(alias), item.id)
    into: dict[str, list[str]] = defaultdict(list)
    for id in gone:
        if _name(old, id) in aliases:
            into[aliases[_name(old, id)]].append(id)
    return [("merged", tuple(ids), target, f"now aliases of {new[target].name()}") for target, ids in into.items()]


def _survival(old: Scheme, new: Scheme) -> pd.DataFrame:
    rows = []
    for prefix, ids in (("", list(old.classes)), ("leaf_", list(old.leaves))):
        codes = [id for id in ids if id in new]
        both = [id for id in codes if _name(old, id) == _name(new, id)]
        rows += [(f"{prefix}codes", len(codes), len(ids)), (f"{prefix}codes_and_names", len(both), len(ids))]
    frame = pd.DataFrame(rows, columns=["measure", "kept_count", "old_count"])
    return frame.assign(kept_share=frame["kept_count"] / frame["old_count"].where(frame["old_count"] > 0))
