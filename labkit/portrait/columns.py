"""What stands in a portrait: each column with its group, its source, its kind and what it means.

The columns are declared in ``columns.csv``; a load feature that `labkit.profiles`
adds is taken up by itself, as a number of the readings.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labkit import terms
from labkit.schema import TABLES
from labkit.terms import Language

#: Groups of columns, in the order in which they are shown.
GROUPS = ("social", "behaviour", "value", "credit", "service", "satisfaction", "tags")
#: Of memberships that others bring; not part of `SOURCES`, since rules of tags cannot look at tags.
_MEMBERSHIPS = "tags"
#: Columns of segments that others bring begin so.
SEGMENT_PREFIX = "segment_"


@dataclass(frozen=True)
class PortraitColumn:
    """A column of the portrait.

    Attributes
    ----------
    name : str
    group : str
        One of `GROUPS`.
    source : str
        Table it comes from.
    kind : {"word", "flag", "count", "number"}
        A count is 0 where a customer has none.
    missing : tuple of (str, str)
        Why a customer may have no value, in the order in which it is asked: a reason (``why=…`` in
        the glossary), and the column that is nought or missing then; always then where that is empty.
    on_card : bool
        Whether a card of one customer shows it, unless told otherwise.
    en, zh : str
        What it means.
    """

    name: str
    group: str
    source: str
    kind: str
    missing: tuple[tuple[str, str], ...]
    on_card: bool
    en: str
    zh: str

    def title(self, language: Language) -> str:
        """Name in a language; of a segmentation nobody has named, its own name."""
        if self.name.startswith(SEGMENT_PREFIX) and self.name not in terms.glossary():
            say = terms.Say(language)
            return say(f"Segment: {self.name[len(SEGMENT_PREFIX) :]}", f"细分：{self.name[len(SEGMENT_PREFIX) :]}")
        return terms.label(self.name, language)

    def definition(self, language: Language) -> str:
        """What it means, in a language."""
        return self.zh if language == "zh" else self.en


@cache
def read_columns() -> dict[str, PortraitColumn]:
    """The columns declared in ``columns.csv``, by name.

    Examples
    --------
    >>> read_columns()["late_share"].group, read_columns()["late_share"].source
    ('credit', 'payments')
    """
    with Path(__file__).with_name("columns.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            PortraitColumn(
                r["column"],
                r["group"],
                r["source"],
                r["kind"],
                _read_missing(r["missing"]),
                r["card"] == "yes",
                r["en"],
                r["zh"],
            )
            for r in csv.DictReader(file)
        ]
    return {row.name: row for row in rows}


def _read_missing(text: str) -> tuple[tuple[str, str], ...]:
    """``no_bills:bills_count no_bill_due``: the second where the first does not hold."""
    return tuple((part.partition(":")[0], part.partition(":")[2]) for part in text.split())


def column_of(name: str) -> PortraitColumn:
    """What a column of a portrait is; one nobody declared is a segment, or else a load feature.

    Examples
    --------
    >>> column_of("segment_value").group, column_of("a_new_load_feature").source
    ('tags', 'readings')
    """
    if name in read_columns():
        return read_columns()[name]
    if name.startswith(SEGMENT_PREFIX):
        return PortraitColumn(
            name,
            "tags",
            "tags",
            "word",
            (("not_placed", ""),),
            False,
            "Group of a classification.",
            "某一分类方法下所属的组别。",
        )
    missing = read_columns()["load_factor"].missing
    return PortraitColumn(name, "behaviour", "readings", "number", missing, False, "Load feature.", "负荷特征指标。")


def _by_source() -> dict[str, tuple[str, ...]]:
    found = {table: tuple(c.name for c in read_columns().values() if c.source == table) for table in TABLES}
    return {table: names for table, names in found.items() if names and table != _MEMBERSHIPS}


def _of_kind(kind: str) -> frozenset[str]:
    return frozenset(c.name for c in read_columns().values() if c.kind == kind and c.source != _MEMBERSHIPS)


#: Columns of the portrait by the table they come from.
SOURCES: dict[str, tuple[str, ...]] = _by_source()
#: Columns that hold words, those that hold yes or no, and counts; all others hold numbers.
WORDS, FLAGS, COUNTS = _of_kind("word"), _of_kind("flag"), _of_kind("count")


def group_columns(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Columns of a portrait by group, in the order of `GROUPS` and within it as declared.

    Parameters
    ----------
    names : iterable of str
        Such as ``people.columns``; ``customer_id`` is left out.

    Examples
    --------
    >>> group_columns(["customer_id", "late_share", "peak_share", "load_factor"])
    {'behaviour': ('load_factor', 'peak_share'), 'credit': ('late_share',)}
    """
    given = [name for name in names if name != "customer_id"]
    order = {name: at for at, name in enumerate(read_columns())}
    placed = sorted(given, key=lambda name: order.get(name, len(order)))
    groups = {group: tuple(n for n in placed if column_of(n).group == group) for group in GROUPS}
    return {group: members for group, members in groups.items() if members}
