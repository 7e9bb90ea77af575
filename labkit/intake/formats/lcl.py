"""Low Carbon London smart-meter data with its tariff trial (UK Power Networks, 2011 to 2014), CC BY 4.0.

5,567 households, energy of each half-hour [kWh]; 1,122 of them on a dynamic
time-of-use tariff in 2013 (67.20, 11.76 and 3.99 pence a kWh), the rest on a flat
one. Source: London Datastore, "SmartMeter Energy Consumption Data in London
Households".

Traps: the name of the last column ends in a space; numbers are padded with
spaces; a missing value is the word ``Null``; times have seven decimals; lines end
in CRLF. The file begins a day at 00:30 and ends it at 00:00, so the label is
taken as the END of the half-hour. Households chose their arm, so the control group
is no random one.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labkit.intake.findings import CheckResult, IntakeError
from labkit.intake.formats.taking import customers_source, make_store, open_lines
from labkit.intake.mapping import FileMapping
from labkit.intake.sources import TextSource
from labkit.intake.streams import RowsSource, WrappedSource
from labkit.store import About

HEADER = ("LCLid", "stdorToU", "DateTime", "KWH/hh (per half hour)")
_TRIAL = ("LCL2013", dt.date(2013, 1, 1), dt.date(2013, 12, 31))
_ABOUT = About("Low Carbon London", "低碳伦敦试点", "Europe/London", "GB", "GBP", "open")


def intake_lcl(path: Path, out: Path) -> CheckResult:
    """Make a store of a Low Carbon London file, with its trial as programme and enrolments.

    Parameters
    ----------
    path : Path
        The file as published, or a part of it.
    out : Path
        The store: ``customers``, ``readings``, ``programmes``, ``enrolments`` (``ToU``
        is the treated arm, ``Std`` the control).

    Raises
    ------
    IntakeError
        If the file does not have this layout.

    Notes
    -----
    Half-hours that are ``Null`` are set aside as missing values.
    """
    path = Path(path)
    source = _open(path)
    arms = _arms(source)
    ids = sorted(arms)
    name, first, last = _TRIAL
    programme = {
        "programme_id": [name], "name": ["Dynamic time-of-use tariff"], "kind": ["time_of_use"], "starts_on": [first], "ends_on": [last],
    }  # fmt: skip
    enrolled = {
        "enrolment_id": [f"N-{one}" for one in ids], "programme_id": [name] * len(ids), "customer_id": ids,
        "arm": ["treated" if arms[one] == "ToU" else "control" for one in ids], "joined_on": [first] * len(ids),
    }  # fmt: skip
    given = FileMapping("", "readings", time="end", interval_min=30)
    parts = [
        (customers_source(path, {"customer_id": ids}), "customers", None),
        (WrappedSource(path, path.name, inner=source, change=_clean), "readings", given),
        (RowsSource(path, f"the trial of {path.name}", rows=pa.table(programme)), "programmes", None),
        (RowsSource(path, f"arms found in {path.name}", rows=pa.table(enrolled)), "enrolments", None),
    ]
    return make_store(parts, _ABOUT, out)


def _open(path: Path) -> TextSource:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = tuple(cell.strip() for cell in file.readline().rstrip("\r\n").split(","))
    if header != HEADER:
        raise IntakeError(f"{path.name}:1: not the layout of Low Carbon London: expected the header {','.join(HEADER)}")
    return open_lines(path, ",", ["customer_id", "", "ts", "kwh"], 1)


def _arms(source: TextSource) -> dict[str, str]:
    """The arm of each household."""
    arms: dict[str, str] = {}
    for batch, _ in source.batches():
        pairs = pa.table({"i": pc.utf8_trim_whitespace(batch.column(0)), "a": pc.utf8_trim_whitespace(batch.column(1))})
        for row in pairs.group_by(["i", "a"]).aggregate([]).to_pylist():
            _note_arm(arms, row["i"], row["a"], source.name)
    source.invalid.clear()
    return arms


def _clean(batch: pa.RecordBatch, lines: np.ndarray, _: list) -> tuple[pa.RecordBatch, np.ndarray]:
    """Cells without padding, times without their seven decimals, Null as an empty cell."""
    ids, arm, ts, kwh = (pc.utf8_trim_whitespace(column) for column in batch.columns)
    coded = ts.dictionary_encode()
    ts = pc.replace_substring_regex(coded.dictionary, r"\.\d+$", "").take(coded.indices)
    kwh = pc.if_else(pc.equal(kwh, "Null"), "", kwh)
    return pa.RecordBatch.from_arrays([ids, arm, ts, kwh], names=batch.schema.names), lines


def _note_arm(arms: dict[str, str], household: str, arm: str, name: str) -> None:
    if not household:
        return
    if arm not in ("Std", "ToU"):
        raise IntakeError(f"{name}: a household has the tariff {arm[:12]!r}, expected Std or ToU; correct stdorToU")
    if arms.setdefault(household, arm) != arm:
        raise IntakeError(f"{name}: a household stands there as Std and as ToU; keep one")
