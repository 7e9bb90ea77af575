"""Solar home electricity data of Ausgrid (New South Wales, July 2010 to June 2013).

300 homes with a rooftop plant, energy of each half-hour [kWh], a row a home, day and category. Source:
https://www.ausgrid.com.au/Industry/Our-Research/Data-to-share/Solar-home-electricity-data; the files name no licence,
the terms are on that page.

Traps: a title stands above the header; the category is GC (general consumption), CL (controlled load, metered apart: the
home's consumption is GC + CL) or GG (gross generation, which is no consumption and not netted from it); the columns 0:30
to 0:00 are the ENDS of half-hours, so the last one belongs to the day of its row; dates have the day first and are spelled
differently from year to year (1/07/2012, 1-Jul-10); generator capacity [kWp] is the plant's, not the supply's; some
years end with a column of row quality.

A home here is GC with CL added where there is one. GG is left out and counted: the store has no place for generation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labkit.intake.findings import CheckResult, Finding, IntakeError
from labkit.intake.formats.taking import customers_source, data_files, make_store, note, open_lines
from labkit.intake.sources import Source, TextSource, column_name
from labkit.intake.streams import number_matrix
from labkit.schema import Rule
from labkit.store import About

FIRST = ("Customer", "Generator Capacity", "Postcode", "Consumption Category", "date")
SLOTS = tuple(f"{minute // 60 % 24}:{minute % 60:02d}" for minute in range(30, 1441, 30))
_QUALITY = "Row Quality"
_FORMS = ("%d/%m/%Y", "%d-%b-%y", "%d-%b-%Y", "%d/%m/%y")
_ABOUT = About("Ausgrid solar homes", "Ausgrid 光伏家庭", "Australia/Sydney", "AU", "AUD", "open")


@dataclass
class _Homes(Source):
    """Rows of GC with CL added; other rows counted.

    Attributes
    ----------
    controlled : dict
        Home and day -> line and energy [kWh] of the controlled load, until its home's row has come.
    """

    inner: TextSource = field(default=None)  # type: ignore[assignment]
    controlled: dict[tuple[str, str], tuple[int, np.ndarray]] = field(default_factory=dict)
    generation_rows: int = 0
    controlled_rows: int = 0
    doubtful_rows: int = 0
    homes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.header = ["customer_id", "day", *(f"P{i}" for i in range(1, 49))]
        self.invalid = self.inner.invalid
        aside: list[tuple[int, str, str | Rule]] = []
        for batch, lines in self.inner.batches():
            kind = _kind(batch)
            self.generation_rows += int((kind == "GG").sum())
            self._note_homes(batch)
            for row in np.flatnonzero(kind == "CL").tolist():
                part = batch.slice(row, 1)
                key = part.column(0)[0].as_py().strip(), _day(part.column(4)[0].as_py())
                if key in self.controlled:
                    aside.append((int(lines[row]), "CL", _twice_rule()))
                    continue
                kwh, unreadable = _slots(part)
                spoilt = np.asarray(unreadable[0] | (kwh[0] < 0))
                if spoilt.any():
                    aside.append((int(lines[row]), "CL", _slot_rule()))
                # What is spoilt leaves its slot of the day without a value, not without its load.
                self.controlled[key] = int(lines[row]), np.where(spoilt, np.nan, kwh[0])
        self.controlled_rows = len(self.controlled)
        self.invalid[:] = aside

    def _note_homes(self, batch: pa.RecordBatch) -> None:
        pairs = pa.table({"home": batch.column(0), "postcode": batch.column(2)}).group_by(["home", "postcode"])
        for row in pairs.aggregate([]).to_pylist():
            if row["home"].strip():
                self.homes.setdefault(row["home"].strip(), row["postcode"].strip())
        if batch.num_columns > 5 + len(SLOTS):
            quality = pc.utf8_trim_whitespace(batch.column(5 + len(SLOTS)))
            self.doubtful_rows += pc.sum(pc.not_equal(quality, "")).as_py() or 0

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Consumption of homes."""
        for batch, lines in self.inner.batches():
            kind = _kind(batch)
            for row in np.flatnonzero(~np.isin(kind, ("GC", "CL", "GG"))).tolist():
                self.invalid.append((int(lines[row]), kind[row] or "-", _category_rule()))
            mine = np.flatnonzero(kind == "GC")
            yield self._homes(batch.take(pa.array(mine)), lines[mine])
        for line, _ in self.controlled.values():
            self.invalid.append((line, "CL", _alone_rule()))
        self.controlled.clear()

    def _homes(self, batch: pa.RecordBatch, lines: np.ndarray) -> tuple[pa.RecordBatch, np.ndarray]:
        kwh, unreadable = _slots(batch)
        homes = pc.utf8_trim_whitespace(batch.column(0))
        days = [_day(cell) for cell in batch.column(4).to_pylist()]
        bad = np.asarray(unreadable.any(axis=1))
        for row, key in enumerate(zip(homes.to_pylist(), days)):
            # Beside a row that cannot be read it stays, and is set aside as well.
            found = None if bad[row] else self.controlled.pop(key, None)
            if found is not None:
                kwh[row] += found[1]
        self.invalid += [(int(line), "GC", _slot_rule()) for line in lines[bad]]
        cells = [pa.array(kwh[:, i], mask=np.isnan(kwh[:, i])) for i in range(len(SLOTS))]
        columns = [homes, pa.array(days, pa.string()), *cells]
        whole = pa.RecordBatch.from_arrays(columns, names=[column_name(i) for i in range(len(columns))])
        return whole.filter(pa.array(~bad)), lines[~bad]

    def originals(self, lines: set[int]) -> dict[int, str]:
        """Original text of some lines."""
        return self.inner.originals(lines)


def intake_ausgrid(path: Path, out: Path) -> CheckResult:
    """Make a store of the solar homes.

    Parameters
    ----------
    path : Path
        A year's file as published, or a folder of them.
    out : Path
        The store: ``customers`` (``area_id`` is the postcode) and ``readings`` (GC + CL).

    Raises
    ------
    IntakeError
        If a file does not have this layout.

    Notes
    -----
    Counts are of rows of GC, a day of a home each. The controlled load of a file is held in memory (400 bytes a row).
    """
    sources = [_open(file) for file in data_files(Path(path), (".csv",))]
    if not sources:
        raise IntakeError(f"{path}: holds no .csv file; expected the solar home electricity data of a year")
    homes: dict[str, str] = {}
    for one in sources:
        homes |= one.homes
    ids = sorted(homes)
    rows = {"customer_id": ids, "customer_class": ["residential"] * len(ids), "area_id": [homes[i] for i in ids]}
    customers = customers_source(Path(path), rows)
    findings = [finding for one in sources for finding in _notes(one)]
    parts = [(customers, "customers", None), *((one, "readings", None) for one in sources)]
    return make_store(parts, _ABOUT, out, findings)


def _open(path: Path) -> _Homes:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        top = [[cell.strip() for cell in line.rstrip("\r\n").split(",")] for _, line in zip(range(3), file)]
    for at, cells in enumerate(top, 1):
        if tuple(cells[:5]) == FIRST:
            if tuple(cells[5 : 5 + len(SLOTS)]) != SLOTS or cells[5 + len(SLOTS) :] not in ([], [_QUALITY]):
                raise IntakeError(f"{path.name}:{at}: expected the half-hours 0:30 to 0:00 after the date")
            return _Homes(path, path.name, inner=open_lines(path, ",", cells, at))
    raise IntakeError(f"{path.name}:1: not the layout of Ausgrid's solar homes: expected a header {','.join(FIRST)}, …")


def _kind(batch: pa.RecordBatch) -> np.ndarray:
    return np.array(pc.utf8_trim_whitespace(batch.column(3)).to_pylist(), dtype=object)


def _slots(batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    return number_matrix(batch.columns[5 : 5 + len(SLOTS)])


@lru_cache(maxsize=10_000)
def _day(cell: str) -> str:
    """A day, day first; what is none stays, to be judged."""
    for form in _FORMS:
        try:
            return dt.datetime.strptime(cell.strip(), form).date().isoformat()
        except ValueError:
            continue
    return cell


def _notes(source: _Homes) -> Iterator[Finding]:
    fix = ("nothing to correct", "无需更正")
    told = (
        ("generation", source.generation_rows, "rows of gross generation (GG) are no consumption and left out", "总发电量（GG）行不属于用电，未读入"),
        ("controlled_load", source.controlled_rows, "rows of controlled load (CL) are added to general consumption (GC)", "可控负荷（CL）已并入一般用电（GC）"),
        ("quality", source.doubtful_rows, "rows carry a mark of row quality; they are read as they are", "这些行带有质量标记，按原值读入"),
    )  # fmt: skip
    for rule, rows, en, zh in told:
        if rows:
            yield note(source.name, f"readings.category.{rule}", "Consumption Category", rows, en, zh, fix)


def _rule(name: str, en: str, zh: str) -> Rule:
    restore = "restore the row from the source", "请按源文件恢复"
    return Rule(f"readings.{name}", ("slots",), lambda t: t.slots.isnull(), en, zh, *restore)


def _category_rule() -> Rule:
    return _rule("category.known", "a category other than GC, CL and GG", "用电类别不是 GC、CL 或 GG")


def _alone_rule() -> Rule:
    return _rule(
        "category.alone", "controlled load of a day without general consumption", "当日只有可控负荷，没有一般用电"
    )


def _twice_rule() -> Rule:
    return _rule(
        "category.twice",
        "controlled load of a day stands there again; the first is taken",
        "同日可控负荷重复，采用第一行",
    )


def _slot_rule() -> Rule:
    return _rule(
        "slots.type",
        "a slot cannot be read as a number, or is negative where it is to be added",
        "有时段无法识别为数值，或待并入的数值为负",
    )
