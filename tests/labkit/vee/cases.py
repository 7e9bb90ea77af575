"""A small utility without a fault, and the same with one fault a customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from labkit.store import About, StoreWriter, day_rows

FIRST, DAYS = dt.date(2025, 1, 1), 365
ISSUED = 3


@dataclass
class Meter:
    """A customer's true load [Wh], what was read of it, and what else is known."""

    truth: np.ndarray
    read: np.ndarray = field(default_factory=lambda: np.empty(0))
    missing: np.ndarray = field(default_factory=lambda: np.empty(0))
    interval_min: int = 60
    fine_from: int | None = None
    capacity_kva: float | None = 20.0
    left_on: dt.date | None = None
    billed: str = "read"
    cuts: tuple[tuple[int, int | None], ...] = ()
    issue_late: dict[int, int] = field(default_factory=dict)
    bill_factor: dict[int, float] = field(default_factory=dict)
    parts_off: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.read = self.truth.copy()
        self.missing = np.zeros(self.truth.shape, bool)


def make_meter(number: int, scale: float = 1.0) -> Meter:
    """A load with a shape over the day, a season and noise that makes no alarm."""
    rng = np.random.default_rng([11, number])
    shape = 700 + 500 * np.sin((np.arange(24) - 9) / 24 * 2 * np.pi)
    season = 1 + 0.3 * np.cos(np.arange(DAYS) / 365 * 4 * np.pi)
    return Meter(np.rint(scale * shape * season[:, None] * rng.uniform(0.7, 1.3, (DAYS, 24))))


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(number)


def write_store(folder: Path, meters: dict[str, Meter], timezone: str = "Asia/Shanghai") -> Path:
    """A store of these customers: readings, a bill a month, steps of collection."""
    with StoreWriter(folder, About(timezone=timezone)) as writer:
        writer.write(
            "customers",
            pa.table(
                {
                    "customer_id": list(meters),
                    "capacity_kva": pa.array([m.capacity_kva for m in meters.values()], pa.float64()),
                    "left_on": pa.array([m.left_on for m in meters.values()], pa.date32()),
                }
            ),
        )
        bills, steps = _bills(meters)
        writer.write("bills", pa.Table.from_pandas(bills, preserve_index=False))
        if len(steps):
            writer.write("collections", pa.Table.from_pandas(steps, preserve_index=False))
        dates = pd.date_range(FIRST, periods=DAYS)
        for month in sorted(set(dates.strftime("%Y-%m"))):
            here = np.flatnonzero(dates.strftime("%Y-%m") == month)
            tables = [_rows(id, meter, here) for id, meter in sorted(meters.items())]
            whole = pa.concat_tables([t for one in tables for t in one])
            writer.write_day_rows("readings", month, 0, whole)
    return folder


def _rows(id: str, meter: Meter, days: np.ndarray) -> list[pa.Table]:
    fine = np.full(len(days), meter.fine_from is not None) & (days >= (meter.fine_from or 0))
    there = ~meter.missing[days].all(axis=1)
    tables = []
    for minutes, mine in ((60, days[~fine & there]), (15, days[fine & there])):
        if not len(mine):
            continue
        values, gone = meter.read[mine], meter.missing[mine]
        if minutes == 15:
            # Quarters that add up to the hour and are not alike.
            quarter = values // 4
            values = np.stack([quarter - 5, quarter + 5, quarter - 9, values - 3 * quarter + 9], axis=2).reshape(
                len(mine), 96
            )
            gone = np.repeat(gone, 4, axis=1)
        at = pa.array([day(int(d)) for d in mine], pa.date32())
        tables.append(day_rows(pa.array([id] * len(mine)), at, minutes, values.astype(np.int32), gone))
    return tables


def _bills(meters: dict[str, Meter]) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, steps = [], []
    dates = pd.date_range(FIRST, periods=DAYS)
    for id, meter in meters.items():
        load = meter.truth if meter.billed == "truth" else np.where(meter.missing, 0, meter.read)
        for month in range(1, 13):
            kwh = load[dates.month == month].sum() / 1000 * meter.bill_factor.get(month, 1.0)
            issued = (pd.Timestamp(2025, month, 1) + pd.offsets.MonthBegin() + pd.Timedelta(days=ISSUED)).date()
            issued += dt.timedelta(meter.issue_late.get(month, 0))
            rows.append(
                (
                    f"{id}-{month:02d}",
                    id,
                    f"2025-{month:02d}",
                    kwh,
                    kwh / 2,
                    kwh / 2 + meter.parts_off.get(month, 0.0),
                    kwh / 2,
                    issued,
                )
            )
        for number, (since, until) in enumerate(meter.cuts):
            for action, at in (("disconnection", since), ("reconnection", until)):
                if at is not None:
                    when = pd.Timestamp(day(at)) + pd.Timedelta(hours=10)
                    steps.append((f"{id}-{number}-{action}", f"{id}-01", action, when))
    bills = pd.DataFrame(
        rows, columns=["bill_id", "customer_id", "period", "kwh", "kwh_flat", "kwh_peak", "total_yuan", "issued_on"]
    )
    return bills, pd.DataFrame(steps, columns=["action_id", "bill_id", "action", "at"])


def _spike(m: Meter) -> None:
    m.read[100, 8] = 7 * m.read[100].max()


def _stuck(m: Meter) -> None:
    m.read[50:53] = 777


def _thousandfold(m: Meter) -> None:
    m.read[120:151] *= 1000  # the whole of May
    m.billed = "truth"


def _unlike_bill(factor: float) -> Callable[[Meter], None]:
    def change(m: Meter) -> None:
        m.read = np.rint(m.read * factor)
        m.billed = "truth"

    return change


def _bill_off(m: Meter) -> None:
    m.bill_factor = {6: 1.1}


def _parts_off(m: Meter) -> None:
    m.parts_off = {4: 7.0}


def _gap(m: Meter) -> None:
    m.missing[60:70] = True
    m.missing[200, 3:8] = True


def _finer(m: Meter) -> None:
    m.fine_from = 181


def _high(m: Meter) -> None:
    m.read[80] *= 5


def _low(m: Meter) -> None:
    m.read[80] = np.rint(m.read[80] * 0.05)


def _beyond_capacity(m: Meter) -> None:
    m.capacity_kva = 3.0
    m.read[30, 17:20] = [3400, 3450, 3390]


def _negative(m: Meter) -> None:
    m.read[40, 2] = -500


def _runs_over(m: Meter) -> None:
    m.capacity_kva = None
    m.read[150, 9] = 99_400_000


def _zero(m: Meter) -> None:
    m.read[210:219] = 0


def _used_while_cut(m: Meter) -> None:
    m.cuts = ((100, 110),)


def _cut(m: Meter, *cuts: tuple[int, int | None]) -> None:
    """Nothing from ten o'clock on the day of a cut to ten on the day of the reconnection."""
    m.cuts = cuts
    for since, until in cuts:
        m.read[since, 10:] = 0
        m.read[since + 1 : until] = 0
        if until is not None:
            m.read[until, :10] = 0


def _used_after_leaving(m: Meter) -> None:
    m.left_on = day(360)


def _too_few_days(m: Meter) -> None:
    m.missing[10:70] = True


def _off_cycle(m: Meter) -> None:
    m.issue_late = {7: 12}


#: Fault -> what makes it, the check that must find it, and what else it cannot help setting off.
FAULTS: dict[str, tuple[Callable[[Meter], None], str, set[str]]] = {
    "SPIKE": (_spike, "spike", set()),
    "STUCK": (_stuck, "stuck", set()),
    "TIMES1000": (_thousandfold, "unit_suspect", {"physical_maximum", "high_use", "low_use"}),
    "TIMES4": (_unlike_bill(4), "unit_suspect", set()),
    "QUARTER": (_unlike_bill(0.25), "unit_suspect", set()),
    "MULTIPLIER": (_unlike_bill(0.75), "wrong_multiplier", set()),
    "BILL": (_bill_off, "register_sum", set()),
    "PARTS": (_parts_off, "period_sum", set()),
    "GAP": (_gap, "gap", set()),
    "FINER": (_finer, "mixed_interval", set()),
    "HIGH": (_high, "high_use", set()),
    "LOW": (_low, "low_use", set()),
    "CAPACITY": (_beyond_capacity, "physical_maximum", set()),
    "NEGATIVE": (_negative, "negative", set()),
    "ROLLOVER": (_runs_over, "rollover", {"spike", "high_use", "low_use"}),
    "ZERO": (_zero, "zero_use", set()),
    "CUT": (_used_while_cut, "use_after_disconnection", set()),
    "LEFT": (_used_after_leaving, "use_after_disconnection", set()),
    "FEWDAYS": (_too_few_days, "insufficient", {"gap"}),
    "CYCLE": (_off_cycle, "off_cycle_bill", set()),
}


#: Customers cut off from a day to a day: once, twice with three days between, for good, twice with one reconnection, and back without a word.
CUT_OFF: dict[str, tuple[tuple[int, int | None], ...]] = {
    "IDLE": ((100, 112),), "BLINK": ((100, 150), (153, 190)), "OPEN": ((300, None),), "TWICE": ((40, None), (55, 80)), "FORGOT": ((200, None),),
}  # fmt: skip


def faulty_meters(clean: int = 20) -> dict[str, Meter]:
    """A customer a fault, and others without one; those of `CUT_OFF` use nothing while their supply is cut, as it should be."""
    meters = {f"OK{n:02d}": make_meter(n) for n in range(clean)}
    for number, (name, (change, _, _)) in enumerate(FAULTS.items()):
        meters[name] = make_meter(100 + number)
        change(meters[name])
    for number, (name, cuts) in enumerate(CUT_OFF.items()):
        meters[name] = make_meter(90 + number)
        _cut(meters[name], *cuts)
    meters["TWICE"].read[81:] = meters["TWICE"].truth[81:]
    # Cut, and nobody wrote down that the supply came back.
    meters["FORGOT"].read = meters["FORGOT"].truth.copy()
    meters["ZERO"].cuts = ((150, None),)  # the same, long before its days without use
    # A thousandth needs a large customer: whole Wh are left of it.
    meters["THOUSANDTH"] = make_meter(98, scale=2000)
    meters["THOUSANDTH"].capacity_kva = 9000.0
    _unlike_bill(0.001)(meters["THOUSANDTH"])
    return meters
