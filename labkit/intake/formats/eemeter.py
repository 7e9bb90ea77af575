"""Meter data in the layout of OpenEEmeter: a CSV a meter with the columns ``start`` and ``value``.

The layout is that of ``meter_data_from_csv`` in eemeter (Apache License 2.0); the data are whoever's they are.
Source: https://github.com/openeemeter/eemeter, docstring of eemeter/io.py

Traps: ``start`` begins the period and is UTC with or without its offset written, so local time must be named; ``value``
may be of any unit, here it is taken as kWh; a last row with a time and no value only ends the period before it; the same
layout is used for days and billing months, which are no readings of intervals and are refused; nothing in the file says
whose meter it is, so the customer is named after the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from labkit.intake.clock import read_instants, require_zone
from labkit.intake.findings import CheckResult, IntakeError
from labkit.intake.formats.taking import about_american, customers_source, data_files, make_store, note, open_lines
from labkit.intake.mapping import FileMapping
from labkit.intake.sources import Source, TextSource
from labkit.intake.streams import in_local_time

HEADER = ("start", "value")


@dataclass
class _WithoutEnd(TextSource):
    """Without a last row that has a time and no value: it is no reading."""

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        held: tuple[pa.RecordBatch, np.ndarray] | None = None
        for batch, lines in super().batches():
            if held is not None:
                yield held
            held = (batch, lines) if len(batch) else held
        if held is not None:
            batch, lines = held
            ends = not (batch.column(1)[-1].as_py() or "").strip() and (batch.column(0)[-1].as_py() or "").strip()
            yield (batch.slice(0, len(batch) - 1), lines[:-1]) if ends else held


def intake_eemeter(path: Path, out: Path, timezone: str | None = None) -> CheckResult:
    """Make a store of meters in the layout of OpenEEmeter.

    Parameters
    ----------
    path : Path
        A CSV, or a folder of them; a customer is named after its file.
    out : Path
        The store: ``customers`` and ``readings``.
    timezone : str
        Time zone of the meters, such as America/Chicago.

    Raises
    ------
    IntakeError
        If a file does not have this layout, its periods are no 15, 30 or 60 minutes, or no time zone is given.
    """
    if not timezone:
        raise IntakeError(
            "times of this layout are UTC: name the time zone of the meters, as in --timezone America/Chicago"
        )
    zone = require_zone(timezone)
    files = data_files(Path(path), (".csv",))
    if not files:
        raise IntakeError(f"{path}: holds no .csv file; expected meters with the columns start,value")
    parts: list[tuple[Source, str, FileMapping | None]] = []
    for file in files:
        given = FileMapping("", "readings", interval_min=_interval_min(file), customer_id=file.stem)
        source = _WithoutEnd(**vars(open_lines(file, ",", ["ts", "kwh"], 1)))
        parts.append((in_local_time(source, 0, "UTC", zone), "readings", given))
    customers = customers_source(Path(path), {"customer_id": [file.stem for file in files]})
    unit = note(
        files[0].name, "readings.kwh.unit", "value", 0, "the layout does not name a unit; taken as kWh", "该布局不含单位，按 kWh 读入",
        ("if it is another, use a mapping with `units`", "如为其他单位，请用映射文件的 units 说明"),
    )  # fmt: skip
    about, country = about_american(
        "Meters in the layout of OpenEEmeter", "OpenEEmeter 布局的电表", zone, files[0].name
    )
    return make_store([(customers, "customers", None), *parts], about, out, [unit, country])


def _interval_min(path: Path) -> int:
    """Minutes between the first readings.

    Raises
    ------
    IntakeError
        If the header is another, or these are no readings of intervals.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        top = [line.strip().split(",") for _, line in zip(range(200), file)]
    if not top or tuple(cell.strip() for cell in top[0]) != HEADER:
        raise IntakeError(f"{path.name}:1: not the layout of OpenEEmeter: expected the header start,value")
    instants = read_instants([row[0] for row in top[1:] if row[0]], "UTC")
    steps = np.diff(np.sort(instants[instants > np.iinfo(np.int64).min])) // 60
    minutes = int(np.median(steps[steps > 0])) if (steps > 0).any() else 0
    if minutes not in (15, 30, 60):
        what = "days or billing months" if minutes >= 1440 else f"{minutes} minutes"
        raise IntakeError(
            f"{path.name}: periods are {what}; a store keeps readings of 15, 30 or 60 minutes, totals belong into bills"
        )
    return minutes
