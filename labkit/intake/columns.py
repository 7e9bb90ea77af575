"""The columns of a file that nobody has described: which could be whose, when and how much, and what is doubtful."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from labkit import terms
from labkit.intake.clock import read_instants
from labkit.intake.match import known_headers, table_of
from labkit.schema import TABLES

_DAY = r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?"
_TIME = re.compile(rf"^{_DAY}[ T]\d{{1,2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?([+-]\d{{2}}:?\d{{2}}|Z)?$")
_DATE = re.compile(rf"^({_DAY}|(19|20)\d{{6}})$")
_DAY_FIRST = re.compile(r"^\d{1,2}[/.-]\d{1,2}[/.-](\d{4}|\d{2})([ T]\d{1,2}:\d{2}(:\d{2})?)?$")
_ZONED = re.compile(r"([+-]\d{2}:?\d{2}|Z)$")
_NUMBER = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
_COMMA = re.compile(r"^[-+]?\d+,\d+$")
_SLOT = re.compile(r"^p0*(\d{1,2})$|^(\d{1,2}):(\d{2})(:00)?$", re.IGNORECASE)
#: What people call a meter's owner, energy and power where they do not use a name of ours.
_OWNER = re.compile(
    r"meter|customer|client|account|consumer|house|user|(^|[^a-z])id$|户|用户|客户|表号|表计|电表", re.IGNORECASE
)
_ENERGY = re.compile(r"kwh|wh\b|energy|consum|usage|电量|用电|度", re.IGNORECASE)
_POWER = re.compile(r"\bkw\b|(^|[^a-z])kw([^a-z]|$)|power|load|demand|功率|负荷", re.IGNORECASE)

#: A doubt: what it is about, in English and Chinese.
Doubt = tuple[str, str, str]


@dataclass(frozen=True)
class FileGuess:
    """What one file, or one sheet of a workbook, looks like.

    Attributes
    ----------
    table : str or None
        The table it could be; None where nothing speaks for one.
    header_row : int or None
        Line of the header; None where data begin on the first line.
    columns : dict
        Column of the table -> name in the file, or its position from 1 where there is no header.
    interval_min : int or None
    time : {"start", "end"}
        What the label of an interval is.
    zone : str
        "local", or the offset that times carry.
    wide : bool
        Whether a row is a day.
    customer_id : str or None
        The one customer of a file that names none.
    doubts : tuple
    """

    file: str
    sheet: str = ""
    table: str | None = None
    header_row: int | None = 1
    columns: dict[str, str | int] = field(default_factory=dict)
    #: Column that holds the energy [kWh] or the power [kW], and the unit its header names.
    measure: str = "kwh"
    unit: str = ""
    interval_min: int | None = None
    time: str = "start"
    zone: str = "local"
    wide: bool = False
    customer_id: str | None = None
    doubts: tuple[Doubt, ...] = ()


def is_value(cell: str) -> bool:
    """Whether a cell holds a time, a date or a number."""
    text = cell.strip()
    return any(form.match(text) for form in (_TIME, _DATE, _DAY_FIRST, _NUMBER, _COMMA))


def _share(cells: Sequence[str], form: re.Pattern[str]) -> float:
    """Share of the cells that hold something and are of a form."""
    there = [cell for cell in cells if cell]
    return sum(bool(form.match(cell)) for cell in there) / len(there) if there else 0.0


@dataclass
class Columns:
    """The columns of a file, and what speaks for each."""

    path: Path
    header: list[str]
    has_header: bool
    cells: list[list[str]]
    doubts: list[Doubt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.normal = [terms.normalise_header(name) for name in self.header]
        self.times = [i for i, cells in enumerate(self.cells) if _share(cells, _TIME) > 0.9]
        self.dates = [i for i, cells in enumerate(self.cells) if _share(cells, _DATE) > 0.9]
        self.numbers = [i for i, cells in enumerate(self.cells) if _share(cells, _NUMBER) > 0.9 and i not in self.dates]
        self.slots = [i for i, name in enumerate(self.header) if _SLOT.match(name) and i in self.numbers]
        if not self.has_header:
            self.doubt("header", "no header: columns are named by their place", "没有表头，按列号指明")

    def doubt(self, what: str, en: str, zh: str) -> None:
        """Enter a doubt."""
        self.doubts.append((what, en, zh))

    def name_of(self, at: int) -> str | int:
        """A column as a mapping names it: by its place where the name is not a plain word of the field, lest it be a customer's."""
        words = (*(known_headers(table) for table in TABLES), {"timestamp", "datetime", "time", "start", "value"})
        plain = any(self.normal[at] in known for known in words) or any(
            form.search(self.header[at]) for form in (_OWNER, _ENERGY, _POWER)
        )
        return self.header[at] if self.has_header and plain and self.normal.count(self.normal[at]) == 1 else at + 1

    def known(self, table: str) -> dict[str, int]:
        """Columns of a table that the header has by a name of ours."""
        names = {c.name: terms.names_of(c.name) for c in TABLES[table].columns}
        return {name: self.normal.index(cell) for name, known in names.items() for cell in self.normal if cell in known}

    def table(self) -> str | None:
        """The table it could be: by its name, by its header, or by times beside numbers."""
        named = table_of(self.path.stem)
        if named and named != "reactive":
            return named
        hits = {name: sum(cell in known_headers(name) for cell in set(self.normal)) for name in TABLES}
        best = max(hits, key=lambda name: hits[name])
        if (self.times and self.numbers) or (self.dates and len(self.slots) in (24, 48, 96)):
            return "readings"
        if hits[best] >= 3:
            return best
        self._say_why_no_times()
        return None

    def _say_why_no_times(self) -> None:
        if any(_share(cells, _DAY_FIRST) > 0.9 for cells in self.cells):
            self.doubt(
                "ts",
                "dates with the day or month first cannot be told apart: export as 2024-01-05 00:15",
                "日期为日/月在前，无法区分，请导出为 2024-01-05 00:15",
            )
        elif self.dates and len(self.numbers) > 1:
            self.doubt(
                "ts", "days beside numbers: totals of days are no readings of intervals", "按日的数值不是时段读数"
            )
        else:
            self.doubt(
                "table",
                "no column of times beside numbers, and no known header",
                "没有时间列与数值列，也没有可识别的表头",
            )

    def others(self, told: FileGuess) -> FileGuess:
        """A table other than readings: what its header says."""
        columns: dict[str, str | int] = {}
        if told.table:
            columns = {name: self.name_of(at) for name, at in self.known(told.table).items()}
            missing = [c.name for c in TABLES[told.table].columns if c.required and c.name not in columns]
            for name in missing:
                title = terms.glossary()[name]
                self.doubt(
                    name,
                    f"no column of the file is known to be {name} ({title.en}); add it",
                    f"未找到 {name}（{title.zh}），请补充",
                )
        return replace(told, columns=columns, doubts=tuple(self.doubts))

    def readings(self, told: FileGuess) -> FileGuess:
        """Readings: whose, when, how much, and what the labels mean."""
        known = self.known("readings")
        wide = bool(self.dates) and len(self.slots) in (24, 48, 96)
        when = next(iter([*([known["ts"]] if "ts" in known else []), *self.times, *self.dates]), None)
        owner = self._owner(known, when)
        columns: dict[str, str | int] = {} if owner is None else {"customer_id": self.name_of(owner)}
        measure, value = self._value(known, when, owner) if not wide else ("kwh", None)
        if when is not None:
            columns["day" if wide else "ts"] = self.name_of(when)
        if value is not None:
            columns[measure] = self.name_of(value)
        if wide and any(":" in self.header[i] for i in self.slots):
            self.doubt(
                "slots",
                "slots are named by the clock: rename them to P1, P2, … in their order",
                "时段列以时刻命名，请依次改名为 P1、P2……",
            )
        minutes, label = self._interval(when, owner, wide)
        zone = self._zone(when)
        customer = self.path.stem if owner is None else None
        if customer:
            self.doubt(
                "customer_id",
                "no column says whose the readings are: all are taken as one customer, named after the file",
                "没有客户编号列，整个文件视为一个客户，以文件名命名",
            )
        return replace(
            told, columns=columns, measure=measure, unit=terms.header_unit(self.header[value]) if value is not None else "", interval_min=minutes, time=label, zone=zone, wide=wide, customer_id=customer, doubts=tuple(self.doubts)
        )  # fmt: skip

    def _owner(self, known: dict[str, int], when: int | None) -> int | None:
        if "customer_id" in known:
            return known["customer_id"]
        rest = [i for i in range(len(self.header)) if i not in (when, *self.slots, *self.times)]
        named = [i for i in rest if self.has_header and _OWNER.search(self.header[i])]
        worded = [i for i in rest if i not in self.numbers and len(set(self.cells[i])) > 1]
        found = next(iter([*named, *worded]), None)
        if found is not None:
            self.doubt("customer_id", "taken for the customer's number; is it?", "视为客户编号，请核对")
        return found

    def _value(self, known: dict[str, int], when: int | None, owner: int | None) -> tuple[str, int | None]:
        if "kwh" in known:
            at = known["kwh"]
        else:
            rest = [i for i in self.numbers if i not in (when, owner)]
            power = [i for i in rest if _POWER.search(self.header[i]) and not _ENERGY.search(self.header[i])]
            at = next(iter([*(i for i in rest if _ENERGY.search(self.header[i])), *power, *rest]), -1)
            if at < 0:
                self.doubt("kwh", "no column of numbers is left for the energy", "没有可作电量的数值列")
                return "kwh", None
            if len(rest) > 1:
                self.doubt(
                    "kwh",
                    f"one of {len(rest)} columns of numbers; is it the energy?",
                    f"共有 {len(rest)} 个数值列，请核对哪一列是电量",
                )
            if at in power:
                return "kw", at
        if not terms.header_unit(self.header[at]) and not re.search("kwh|千瓦时|度", self.header[at], re.IGNORECASE):
            usual = float(np.median([float(cell) for cell in self.cells[at] if _NUMBER.match(cell)]))
            self.doubt(
                "kwh",
                f"no unit in the header: taken as kWh (half of the values are above {usual:.3g}); if it is another, say units: {{kwh: Wh}}",
                f"表头无单位，按 kWh（半数数值高于 {usual:.3g}）；如非请注明 units: {{kwh: Wh}}",
            )
        return "kwh", at

    def _interval(self, when: int | None, owner: int | None, wide: bool) -> tuple[int | None, str]:
        if wide:
            return 1440 // len(self.slots), "start"
        if when is None:
            return None, "start"
        instants = read_instants(self.cells[when], "UTC")
        ids = self.cells[owner] if owner is not None else [""] * len(instants)
        frame = pd.DataFrame({"id": ids, "at": instants})[instants > np.iinfo(np.int64).min]
        steps = frame.sort_values(["id", "at"]).groupby("id")["at"].diff().dropna() // 60
        minutes = int(steps[steps > 0].mode().iloc[0]) if (steps > 0).any() else 0
        if minutes not in (15, 30, 60):
            shown = f"{minutes} min" if minutes else "not to be seen"
            self.doubt(
                "interval_min",
                f"the interval is {shown}; expected 15, 30 or 60",
                f"时段长度为 {shown}，应为 15、30 或 60 分钟",
            )
            return None, "start"
        first = frame.groupby("id")["at"].first() // 60 % 1440
        ends = first.mode().iloc[0] == minutes or any(" 24:00" in cell for cell in self.cells[when][:200])
        seen = (
            ("the first label of a day is the end of its first interval", "首个标签为首时段终点")
            if ends
            else ("the first label is no such end", "首个标签不是时段终点")
        )
        self.doubt(
            "time",
            f"{seen[0]}: labels taken as {'end' if ends else 'start'} of the interval; ask whoever exports",
            f"{seen[1]}，按时段{'终点' if ends else '起点'}处理，请向数据提供方确认",
        )
        return minutes, "end" if ends else "start"

    def _zone(self, when: int | None) -> str:
        marks = (
            {m.group(1) for cell in self.cells[when] if (m := _ZONED.search(cell[10:]))} if when is not None else set()
        )
        if not marks:
            return "local"
        self.doubt(
            "timezone",
            "times carry an offset: they are moved to the zone of `about`, which is yours to name",
            "时间带时区偏移，将换算到 about 所写时区，请核对",
        )
        return "UTC" if marks <= {"Z", "+00:00", "+0000"} else sorted(marks)[0]
