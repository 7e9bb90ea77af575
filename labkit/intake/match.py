"""Which table a file is, and which of its columns is which."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labkit import privacy, terms
from labkit.intake.findings import Finding, IntakeError, LayoutError
from labkit.intake.mapping import FileMapping
from labkit.intake.values import header_scale, unit_factors
from labkit.schema import TABLES, Column, Table, Type

_SLOT = re.compile(r"^p0*(\d{1,2})$")
_POWER = Column("kw", Type.NUMBER)


@dataclass(frozen=True)
class Match:
    """Where each column of a table stands in a file.

    Attributes
    ----------
    positions : dict
        Column -> position in the header.
    scales : dict
        Column -> factor to the column's own unit.
    slots : tuple of int
        Positions of the slots of a day, in order, where readings are wide.
    stored : bool
        Whether the slots are those of a store (whole Wh).
    power : bool
        Whether ``kwh`` holds mean power [kW], to be multiplied by the interval.
    """

    table: Table
    positions: dict[str, int]
    scales: dict[str, float]
    slots: tuple[int, ...] = ()
    stored: bool = False
    power: bool = False


def table_of(stem: str) -> str | None:
    """Table a file is named after: ``bills``, ``bills_2024``, ``电费账单-2024``.

    Examples
    --------
    >>> table_of("bills_2024-01"), table_of("客户档案"), table_of("notes")
    ('bills', 'customers', None)
    """
    name = terms.normalise_header(stem)
    for table in (*TABLES, "reactive"):
        for known in names_of_table(table):
            if name == known or re.fullmatch(re.escape(known) + r"[_\d年月]+", name):
                return table
    return None


def names_of_table(table: str) -> set[str]:
    """Every name a file of a table may have."""
    return {table} if table == "reactive" else terms.names_of(table)


def known_headers(table: str) -> set[str]:
    """Every header a table's columns may have (normalised)."""
    columns = TABLES["readings" if table == "reactive" else table].columns
    return {"day", "date", "日期", "kw"}.union(*(terms.names_of(column.name) for column in columns))


def match_columns(name: str, table: str, header: list[str], mapping: FileMapping | None) -> tuple[Match, list[Finding]]:
    """Find every column of a table in a header, by name, never by order.

    Raises
    ------
    IntakeError
        If a column that must be there is not (naming the nearest header), stands
        there twice, or is in a unit that is not understood.
    """
    spec = TABLES["readings" if table == "reactive" else table]
    places = _places(name, spec, header, mapping)
    power = "kw" in places and "kwh" not in places
    if power:
        places["kwh"] = places.pop("kw")
    slots, stored = _slots(header, spec)
    if slots and "day" not in places:
        places |= _places(name, Table("day", ("day",), (Column("day", Type.DATE),)), header, mapping)
    _require(name, spec, header, places, mapping, wide=bool(slots))
    scales = {}
    for column, position in places.items():
        said = _POWER if power and column == "kwh" else (spec[column] if column != "day" else Column("day", Type.DATE))
        given = mapping.units.get("kw" if power and column == "kwh" else column) if mapping else None
        scale = unit_factors(said.unit)[given.lower()] if given else header_scale(said, header[position])
        if scale is None:
            unit = terms.header_unit(header[position])
            shown = unit if unit.isascii() and unit.isalpha() else privacy.mask(unit)
            raise IntakeError(
                f"{name}: column {column}: the unit {shown!r} in the header is not understood; write it as {said.unit}"
            )
        scales[column] = scale
    used = {*places.values(), *slots}
    ours = ("interval_min", "month", "bucket")
    extra = [i for i, cell in enumerate(header) if i not in used and cell and cell not in ours]
    findings = [_extra_columns(name, table, extra, header)] if extra else []
    if slots and mapping and "kwh" in mapping.units:
        scales["slots"] = unit_factors("kWh")[mapping.units["kwh"].lower()]
    return Match(spec, places, scales, slots, stored, power), findings


def _places(name: str, spec: Table, header: list[str], mapping: FileMapping | None) -> dict[str, int]:
    normal = [terms.normalise_header(cell) for cell in header]
    places: dict[str, int] = {}
    columns = [column.name for column in spec.columns] + (["kw"] if spec.name == "readings" else [])
    for column in columns:
        given = mapping.columns.get(column) if mapping else None
        if isinstance(given, int):
            if not 1 <= given <= len(header):
                raise IntakeError(f"{name}: the mapping puts {column} in column {given}, but there are {len(header)}")
            places[column] = given - 1
            continue
        wanted = {terms.normalise_header(given)} if given else terms.names_of(column)
        # A header that is the very name of another column is that column, whatever else it may mean.
        found = [i for i, cell in enumerate(normal) if cell in wanted and (cell == column or cell not in columns)]
        if len(found) > 1:
            raise IntakeError(
                f"{name}: column {column} stands there {len(found)} times ({', '.join(header[i] for i in found)}); keep one"
            )
        if found:
            places[column] = found[0]
        elif given:
            raise IntakeError(
                f"{name}: the mapping names a column {given!r} for {column}, which the header does not have"
            )
    # One header may be an alias of two columns (金额): the first column that claims it has it.
    claimed: dict[int, str] = {}
    return {c: i for c, i in places.items() if claimed.setdefault(i, c) == c}


def _slots(header: list[str], spec: Table) -> tuple[tuple[int, ...], bool]:
    if spec.name != "readings":
        return (), False
    numbered = {int(found.group(1)): i for i, cell in enumerate(header) if (found := _SLOT.match(cell.strip().lower()))}
    if not numbered:
        return (), False
    stored = 0 in numbered
    wanted = range(96) if stored else range(1, len(numbered) + 1)
    if len(numbered) not in (24, 48, 96) or any(slot not in numbered for slot in wanted):
        raise IntakeError(f"the slots P1, P2, … are {len(numbered)}; expected all of 24, 48 or 96")
    return tuple(numbered[slot] for slot in wanted), stored


def _require(
    name: str, spec: Table, header: list[str], places: dict[str, int], mapping: FileMapping | None, *, wide: bool
) -> None:
    given = set(places)
    if mapping and mapping.customer_id is not None:
        given.add("customer_id")
    if mapping and mapping.start is not None:
        given.add("ts")
    required = ["customer_id", "day"] if wide else [column.name for column in spec.columns if column.required]
    for column in required:
        if column not in given:
            normal = [terms.normalise_header(cell) for cell in header]
            near = difflib.get_close_matches(column, normal, 1, 0.6)
            hint = (
                f"; is it {_place(normal.index(near[0]), header)}?"
                if near
                else f"; the header has {_places_in_words(header)}"
            )
            title = terms.glossary()[column]
            raise LayoutError(f"{name}: the column {column} ({title.en}, {title.zh}) of {spec.name} is missing{hint}")


def _place(position: int, header: list[str]) -> str:
    """A column by its place; its name only where that is a known one, lest data without a header be shown."""
    known = terms.normalise_header(header[position]) in _all_headers()
    return f"column {position + 1} ({header[position] if known else privacy.mask(header[position])})"


def _places_in_words(header: list[str]) -> str:
    return ", ".join(_place(i, header) for i in range(min(len(header), 12)))


@cache
def _all_headers() -> frozenset[str]:
    return frozenset().union(*(known_headers(table) for table in TABLES))


def _extra_columns(name: str, table: str, extra: list[int], header: list[str]) -> Finding:
    places = [_place(i, header) for i in extra[:8]]
    listed = ", ".join(places) + (" …" if len(extra) > 8 else "")
    return Finding(
        f"{table}.columns.extra",
        "warning",
        name,
        table,
        tuple(places),
        len(extra),
        None,
        "",
        f"columns that the table does not have are left out: {listed}",
        f"表中没有的字段未读入：{listed}",
        "rename them if they are meant to be read, see data/README.md",
        "如需读入请按 data/README.md 更名",
    )


def is_data_file(path: Path) -> bool:
    """Whether a file has an ending the intake reads."""
    # Excel and macOS leave companions of open files.
    return (
        not path.name.startswith(("~$", "."))
        and path.is_file()
        and path.suffix.lower() in (".csv", ".txt", ".tsv", ".xlsx", ".xlsm", ".xls", ".parquet")
    )
