"""Green Button: what a North American utility lets its customers download of their meters (ESPI XML, NAESB REQ.21).

The data are the customer's own. Source of the layout: https://www.greenbuttonalliance.org/technical-info; schema espi.xsd.

Traps: times are seconds since 1970 in UTC and begin the interval, so local time must be named; a number means nothing
without its ReadingType: uom 72 is Wh, and powerOfTenMultiplier shifts it; power, reactive energy, gas and water have
other codes and are left out; flow direction 19 is energy fed back and left out, what is net or not said is read; days or
billing months stand in the same element as quarter-hours and are set aside; on the day clocks go back an hour comes
twice, its second pass is set aside. XML can be hostile: see `labkit.intake.formats.espi`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from labkit.intake.clock import repeated_hour_rule, require_zone, to_wall_time
from labkit.intake.findings import CheckResult, Finding, IntakeError
from labkit.intake.formats.espi import Feed, Reading, point_of, stream_readings
from labkit.intake.formats.taking import about_american, customers_source, data_files, make_store, note
from labkit.intake.mapping import FileMapping
from labkit.intake.sources import Source
from labkit.schema import Rule

_WH, _REVERSE = 72, 19
_MINUTES = {900: 15, 1800: 30, 3600: 60}


@dataclass
class _Readings(Source):
    """Intervals of one length of a file, numbered in the order in which all of them stand in it."""

    zone: str = "UTC"
    duration_s: int = 3600
    feed: Feed = field(default_factory=Feed)
    #: Whether what has no place in a store is set aside here: once for each file.
    sets_aside: bool = True

    def __post_init__(self) -> None:
        self.header = ["customer_id", "ts", "kwh"]

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Energy in kWh at local wall time."""
        for readings in stream_readings(self.path, Feed()):
            kept = []
            for one in readings:
                if not _is_use(one, self.feed):
                    continue
                whole = one.start_s is not None and one.value is not None and abs(one.start_s) < 1 << 40
                if not whole or one.duration_s not in _MINUTES:
                    if self.sets_aside:
                        self.invalid.append((one.number, one.text or "-", _reading_rule(whole)))
                elif one.duration_s == self.duration_s:
                    kept.append(one)
            if kept:
                yield self._batch(kept)

    def _batch(self, kept: list[Reading]) -> tuple[pa.RecordBatch, np.ndarray]:
        wall, repeated = to_wall_time(np.array([one.start_s for one in kept], np.int64), self.zone)
        self.invalid += [(one.number, one.text, repeated_hour_rule()) for one, again in zip(kept, repeated) if again]
        power = {series: self.feed.type_of(series) for series in {one.series for one in kept}}
        kwh = [float(one.value or 0) * 10.0 ** (power[one.series].power_of_ten - 3) for one in kept]  # type: ignore[union-attr]
        ids = [point_of(one.series, self.path.stem) for one in kept]
        columns = [
            pa.array(ids, pa.string()),
            pa.array(wall.astype("datetime64[s]")).cast(pa.timestamp("us")),
            pa.array(kwh, pa.float64()),
        ]
        batch = pa.RecordBatch.from_arrays(columns, names=["c0", "c1", "c2"])
        return batch.filter(pa.array(~repeated)), np.array([one.number for one in kept])[~repeated]

    def originals(self, lines: set[int]) -> dict[int, str]:
        """Start, duration and value of some readings as they stand in the file."""
        return {
            one.number: f"{point_of(one.series, self.path.stem)},{one.text}"
            for readings in stream_readings(self.path, Feed())
            for one in readings
            if one.number in lines
        }


def intake_greenbutton(path: Path, out: Path, timezone: str | None = None) -> CheckResult:
    """Make a store of Green Button files.

    Parameters
    ----------
    path : Path
        An XML file, or a folder of them; a customer is a usage point.
    out : Path
        The store: ``customers`` and ``readings``.
    timezone : str
        Time zone of the meters, such as America/New_York.

    Raises
    ------
    IntakeError
        If a file is no feed of readings, is hostile, holds no energy in Wh, or no time zone is given.

    Notes
    -----
    Counts are of readings; the line of a finding is the number of the reading in its file.
    """
    if not timezone:
        raise IntakeError(
            "times of Green Button are UTC: name the meters' time zone, as in --timezone America/New_York"
        )
    zone = require_zone(timezone)
    files = data_files(Path(path), (".xml",))
    parts, ids, findings = [], set(), []
    for file in files:
        feed, points, durations, left_out = _survey(file)
        ids |= points
        for i, duration in enumerate(durations):
            source = _Readings(file, file.name, zone=zone, duration_s=duration, feed=feed, sets_aside=i == 0)
            source.name = file.name if len(durations) == 1 else f"{file.name}[{_MINUTES[duration]} min]"
            parts.append((source, "readings", FileMapping("", "readings", interval_min=_MINUTES[duration])))
        findings += [_left_out(file.name, what, rows) for what, rows in sorted(left_out.items())]
    if not parts:
        raise IntakeError(
            f"{Path(path).name}: holds no energy in Wh (uom 72) of 15, 30 or 60 minutes; download interval data, not bills"
        )
    about, country = about_american("Green Button", "Green Button 用电数据", zone, files[0].name)
    customers = customers_source(Path(path), {"customer_id": sorted(ids)})
    return make_store([(customers, "customers", None), *parts], about, out, [*findings, country])


def _survey(path: Path) -> tuple[Feed, set[str], list[int], Counter[str]]:
    """A first pass: what entries say of each other, whose meters they are, lengths of intervals, what is left out."""
    feed = Feed()
    seen: Counter[tuple[str, int | None]] = Counter()
    for readings in stream_readings(path, feed):
        seen.update((one.series, one.duration_s) for one in readings)
    left_out: Counter[str] = Counter()
    points, durations = set(), set()
    for (series, duration), rows in seen.items():
        told = feed.type_of(series)
        if told is None:
            raise IntakeError(
                f"{path.name}: a series of readings names no ReadingType; without it numbers have no unit"
            )
        if told.uom != _WH:
            left_out[f"uom {told.uom}"] += rows
        elif told.flow == _REVERSE:
            left_out["reverse"] += rows
        elif duration in _MINUTES:
            points.add(point_of(series, path.stem))
            durations.add(int(duration or 0))
    return feed, points, sorted(durations), left_out


def _is_use(one: Reading, feed: Feed) -> bool:
    told = feed.type_of(one.series)
    return told is not None and told.uom == _WH and told.flow != _REVERSE


def _left_out(name: str, what: str, rows: int) -> Finding:
    if what == "reverse":
        en, zh = "energy fed back (flow direction 19) is left out", "反向上网电量（方向 19）未读入"
    else:
        en, zh = (
            f"readings of another unit ({what}; 72 is Wh) are left out",
            f"其他计量单位（{what}，72 为 Wh）的读数未读入",
        )
    return note(name, "readings.reading_type", "uom", rows, en, zh, ("nothing to correct", "无需更正"))


def _reading_rule(whole: bool) -> Rule:
    if whole:
        en, zh = "an interval of another length than 15, 30 or 60 minutes", "时段长度不是 15、30 或 60 分钟"
    else:
        en, zh = "start or value is missing or no whole number", "起始时间或数值缺失，或不是整数"
    return Rule(
        "readings.duration" if whole else "readings.kwh.type", ("ts",), lambda t: t.ts.isnull(), en, zh,
        "download interval data of the meter anew", "请重新下载该电表的时段数据",
    )  # fmt: skip
