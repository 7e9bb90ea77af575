"""A mapping for files that do not name their columns as the tables do.

``mapping.yaml``, in the folder or given on the command line::

    about: {name_en: My utility, name_zh: 我的供电企业, timezone: Asia/Shanghai, calendar: CN}
    customers:                      # where no customer table was exported
      - {customer_id: COM-001, customer_class: commercial}
    files:
      - file: load.csv
        table: readings
        header: false               # or header_row: 3
        columns: {kw: 1}            # ours: theirs, by name or by position from 1
        start: 2018-01-01           # a series without times
        interval_min: 60
        customer_id: COM-001        # the same for every row
      - {file: lp.csv, table: readings, columns: {ts: 时间, kwh: 电量}, time: end, interval_min: 15}
      - {file: p96.csv, table: readings, slots: kw}     # P1..P96 are power
      - file: export.xlsx
        sheet: 负荷                 # one sheet of a workbook; a file may have an entry a sheet
        table: readings
        columns: {customer_id: 户号, ts: 时刻, kwh: 电量}
        units: {kwh: Wh}            # where the header does not say so
        timezone: UTC               # times of the file, moved to the time zone of `about`

``customers: from readings`` takes every customer that the readings name.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from labkit.intake.clock import require_zone
from labkit.intake.findings import IntakeError
from labkit.intake.values import unit_factors
from labkit.schema import TABLES
from labkit.store import About

_FILE_KEYS = {
    "file",
    "table",
    "header",
    "header_row",
    "columns",
    "start",
    "interval_min",
    "customer_id",
    "time",
    "slots",
    "sheet",
    "units",
    "timezone",
}
#: What `customers` may say in place of a list.
FROM_READINGS = "from readings"
_ABOUT_KEYS = {"name_en", "name_zh", "timezone", "calendar", "currency", "disclosure"}


@dataclass(frozen=True)
class FileMapping:
    """How one file is to be read."""

    file: str
    table: str
    header: bool = True
    header_row: int | None = None
    columns: dict[str, str | int] = field(default_factory=dict)
    start: dt.datetime | None = None
    interval_min: int | None = None
    customer_id: str | None = None
    time: str = "start"
    #: Slots of wide readings (P1, P2, …): energy [kWh] or mean power [kW].
    slots: str = "kwh"
    #: Sheet of a workbook.
    sheet: str | None = None
    #: Column -> unit its numbers are in.
    units: dict[str, str] = field(default_factory=dict)
    #: Time zone of the times, where it is not the utility's own.
    timezone: str | None = None

    @property
    def place(self) -> str:
        """File, and sheet where one is named."""
        return f"{self.file}[{self.sheet}]" if self.sheet else self.file


@dataclass(frozen=True)
class Mapping:
    """All that a mapping file says."""

    files: dict[str, FileMapping] = field(default_factory=dict)
    customers: tuple[dict[str, Any], ...] = ()
    about: About = field(default_factory=About)
    #: Whether the customers are those that the readings name.
    customers_from_readings: bool = False

    def entry_of(self, file: str, sheet: str = "") -> FileMapping | None:
        """The entry of a sheet, or of its file."""
        return self.files.get(f"{file}[{sheet}]") or self.files.get(file)


def read_mapping(path: Path) -> Mapping:
    """A mapping file.

    Raises
    ------
    IntakeError
        Naming the entry that is wrong and what may stand there.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = path.name if line is None else f"{path.name}:{line + 1}"
        raise IntakeError(f"{place}: not valid YAML in UTF-8; see docs in labkit/intake/mapping.py") from error
    if not isinstance(raw, dict):
        raise IntakeError(f"{path.name}: expected entries `files`, `customers`, `about`")
    _refuse_unknown(path.name, raw, {"files", "customers", "about"})
    about = _entries(f"{path.name}: about", [raw.get("about") or {}])[0]
    _refuse_unknown(f"{path.name}: about", about, _ABOUT_KEYS)
    if about.get("disclosure", "protected") not in ("protected", "open"):
        raise IntakeError(f"{path.name}: about: disclosure is {about['disclosure']!r}, expected protected or open")
    files = [_file(path.name, entry) for entry in _entries(f"{path.name}: files", raw.get("files") or [])]
    twice = [entry.place for i, entry in enumerate(files) if entry.place in {other.place for other in files[:i]}]
    if twice:
        raise IntakeError(f"{path.name}: files: {twice[0]} has two entries; keep one")
    from_readings = raw.get("customers") == FROM_READINGS
    rows = _entries(f"{path.name}: customers", [] if from_readings else raw.get("customers") or [])
    customers = tuple({key: str(value) for key, value in row.items()} for row in rows)
    for row in customers:
        _refuse_unknown(f"{path.name}: customers", row, set(TABLES["customers"].column_names))
        if "customer_id" not in row:
            raise IntakeError(f"{path.name}: customers: an entry lacks `customer_id`")
    require_zone(about.get("timezone", "UTC"))
    return Mapping({entry.place: entry for entry in files}, customers, About(**about), from_readings)


def _file(name: str, entry: dict[str, Any]) -> FileMapping:
    where = f"{name}: files: {entry.get('file', '?')}"
    _refuse_unknown(where, entry, _FILE_KEYS)
    for key in ("file", "table"):
        if key not in entry:
            raise IntakeError(f"{where}: the entry lacks `{key}`")
    if entry["table"] not in list(TABLES):
        raise IntakeError(f"{where}: unknown table {entry['table']!r}; use one of {', '.join(TABLES)}")
    if entry.get("time", "start") not in ("start", "end"):
        raise IntakeError(f"{where}: time is {entry['time']!r}, expected start or end")
    if entry.get("interval_min") not in (None, 15, 30, 60):
        raise IntakeError(f"{where}: interval_min is {entry['interval_min']!r}, expected 15, 30 or 60")
    if entry.get("slots", "kwh") not in ("kwh", "kw"):
        raise IntakeError(f"{where}: slots is {entry['slots']!r}, expected kwh or kw")
    if not isinstance(entry.get("header_row", 1), int) or entry.get("header_row", 1) < 1:
        raise IntakeError(f"{where}: header_row is {entry['header_row']!r}, expected a line number from 1")
    if not isinstance(entry.get("columns") or {}, dict):
        raise IntakeError(f"{where}: columns: expected entries such as `kwh: 电量`")
    if entry.get("time") == "end" and entry.get("interval_min") is None:
        raise IntakeError(f"{where}: `time: end` needs `interval_min`, to find the start of the interval")
    known = {*TABLES[entry["table"]].column_names, "kw"} | ({"day"} if entry["table"] == "readings" else set())
    for column in entry.get("columns") or {}:
        if column not in known:
            raise IntakeError(
                f"{where}: columns: {column!r} is no column of {entry['table']}; use one of {', '.join(sorted(known))}"
            )
    _check_units(where, entry)
    start = entry.get("start")
    if start is not None and (not isinstance(start, dt.date) or entry.get("interval_min") is None):
        raise IntakeError(f"{where}: `start` is a date as in 2018-01-01 and needs `interval_min`")
    if isinstance(start, dt.date) and not isinstance(start, dt.datetime):
        start = dt.datetime.combine(start, dt.time())
    values = {
        key: entry[key]
        for key in ("file", "table", "header", "header_row", "interval_min", "time", "slots", "sheet", "timezone")
        if key in entry
    }
    customer = entry.get("customer_id")
    return FileMapping(
        **values,
        columns=dict(entry.get("columns") or {}),
        units={column: str(unit) for column, unit in (entry.get("units") or {}).items()},
        start=start,
        customer_id=None if customer is None else str(customer),
    )


def _check_units(where: str, entry: dict[str, Any]) -> None:
    if not isinstance(entry.get("units") or {}, dict):
        raise IntakeError(f"{where}: units: expected entries such as `kwh: Wh`")
    for column, unit in (entry.get("units") or {}).items():
        table = TABLES[entry["table"]]
        known = unit_factors("kW" if column == "kw" else table[column].unit if column in table.column_names else "")
        if str(unit).lower() not in known:
            one_of = f"; use one of {', '.join(known)}" if known else ""
            raise IntakeError(f"{where}: units: {column} in {unit!r} is not understood{one_of}")
    if entry.get("timezone") is not None:
        require_zone(str(entry["timezone"]))


def _entries(where: str, found: Any) -> list[dict[str, Any]]:
    """A list of entries of the form ``name: value``."""
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise IntakeError(f"{where}: expected a list of entries such as `- {{name: value}}`")
    return found


def _refuse_unknown(where: str, found: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(found) - known)
    if unknown:
        raise IntakeError(f"{where}: unknown entry {unknown[0]!r}; use {', '.join(sorted(known))}")
