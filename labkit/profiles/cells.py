"""Cells, the only pass over the readings, and what is added up from them; whole numbers throughout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir

from labkit import calendar
from labkit.engine import divide
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS

#: Period -> the share it counts in; sharp hours are peak hours that cost more.
PERIOD_SHARES = {"peak": ("sharp", "peak"), "flat": ("flat",), "valley": ("valley", "deep_valley")}
_KEYS = ("customer_id", "month", "day_type")
HOURS = tuple(f"{hour:02d}" for hour in range(24))
#: What a reading counts in a sum of energy [1/Wh]: more than a month has readings of a step; doubles hold such parts exactly up to 8 TWh.
_PARTS = 1 << 10


def cells(
    lab: Lab,
    interval_min: int,
    day_rows: ir.Table | None = None,
    *,
    step_min: int | None = None,
    apart: Sequence[str] = (),
) -> ir.Table:
    """Sums, counts and maxima of every step of the day by customer, month and day type.

    Parameters
    ----------
    lab : Lab
    interval_min : int
        Metering interval of the rows taken [min].
    day_rows : Table, optional
        A part of the readings (`Lab.parts`); all by default, to be asked by `Lab.run_parts` where they are many.
    step_min : int, optional
        Length of a step [min], such as 60 for the hours of the day; the interval itself by default.
    apart : sequence of str, optional
        Columns of ``day_rows`` by which days are told apart besides.

    Returns
    -------
    Table
        ``customer_id``, ``month``, ``day_type``, those of ``apart``, ``days_metered`` and, a step
        each, ``s00`` … energy [Wh], ``n00`` … readings, ``m00`` … highest reading [Wh].

    Notes
    -----
    Every column is a sum, a count or a maximum of whole numbers: months add up
    exactly, so a new month touches only its own cells, and what is not asked for
    costs nothing.
    """
    rows = lab.readings if day_rows is None else day_rows
    slots, width = SLOT_COLUMNS[: 1440 // interval_min], (step_min or interval_min) // interval_min
    steps = {f"{i:02d}": slots[i * width : (i + 1) * width] for i in range(len(slots) // width)}
    rows = rows.filter(rows.interval_min == interval_min).mutate(day_type=lab.day_type(rows.day))
    parts: dict[str, ir.Value] = {"days_metered": rows.count()}
    for number, mine in steps.items():
        # Energy and count in one sum, which halves the work: each reading also adds one part of `_PARTS`.
        counted = [rows[name].cast("float64") + 1 / _PARTS for name in mine]
        together = reduce(add, (value.fill_null(0.0) for value in counted)) if width > 1 else counted[0]
        parts[f"c{number}"] = (together.sum() * _PARTS).cast("int64")
        # Of slots first: the greatest of two readings in each row takes longer than two columns' maxima.
        parts |= {f"m_{name}": rows[name].max() for name in mine}
    table = rows.group_by([*_KEYS, *apart]).aggregate(**parts)
    # A sum of no reading at all is missing; of several slots it is nought already.
    both = {number: table[f"c{number}"] if width > 1 else table[f"c{number}"].fill_null(0) for number in steps}
    return table.select(
        *_KEYS,
        *apart,
        "days_metered",
        **{f"s{number}": value >> (_PARTS.bit_length() - 1) for number, value in both.items()},
        **{f"n{number}": value & (_PARTS - 1) for number, value in both.items()},
        **{f"m{number}": _greatest(table, [f"m_{name}" for name in mine]) for number, mine in steps.items()},
    )


def monthly_sums(
    lab: Lab,
    periods: calendar.PeriodRules | None = None,
    day_rows: ir.Table | None = None,
    *,
    months: Sequence[str] | None = None,
) -> ir.Table:
    """What features are made of: a row a customer, month, day type and interval.

    Parameters
    ----------
    lab : Lab
    periods : PeriodRules, optional
        Time-of-use periods; those of ``data/tariffs`` by default.
    day_rows : Table, optional
        A part of the readings (`Lab.parts`); all by default.
    months : sequence of str, optional
        Such as ``["2025-06"]``: only these partitions are read. What was kept of
        other months stays right beside them.

    Returns
    -------
    Table
        ``days_metered``, ``minutes`` with a reading, ``idle_minutes`` in hours without
        any use all month (in shorter steps where a period begins within an hour), ``wh``, ``peak_wh``, ``flat_wh``, ``valley_wh``, ``highest_w``
        and the hour it fell in, ``highest_hour``; of each hour of the day ``e00`` … energy
        [Wh] and ``t00`` … minutes with a reading. All whole numbers.
    """
    rows = lab.readings if day_rows is None else day_rows
    if months is not None:
        rows = rows.filter(rows.month.isin(list(months)))
    rules = periods or calendar.read_periods()
    parts = []
    for minutes in lab.intervals():
        step = max(minutes, rules.step_min())
        parts.append(_sums(cells(lab, minutes, rows, step_min=step), minutes, step, rules))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def _sums(cell: ir.Table, interval_min: int, step_min: int, periods: calendar.PeriodRules) -> ir.Table:
    """A row a cell: the hours of the day first, then what follows from them."""
    width = 60 // step_min
    numbers = [name[1:] for name in SLOT_COLUMNS[: 1440 // step_min]]
    hour = {h: numbers[int(h) * width : (int(h) + 1) * width] for h in HOURS}
    by_hour = cell.select(
        *_KEYS,
        "days_metered",
        idle_minutes=reduce(add, ((cell[f"s{n}"] == 0).ifelse(cell[f"n{n}"], 0) for n in numbers)) * interval_min,
        **{f"e{h}": reduce(add, (cell[f"s{n}"] for n in mine)) for h, mine in hour.items()},
        **{f"t{h}": reduce(add, (cell[f"n{n}"] for n in mine)) * interval_min for h, mine in hour.items()},
        **{f"m{h}": _greatest(cell, [f"m{n}" for n in mine]) for h, mine in hour.items()},
        highest_wh=ibis.greatest(*(cell[f"m{n}"] for n in numbers)),
        **{f"{name}_wh": _period_sum(cell, step_min, periods, PERIOD_SHARES[name]) for name in ("peak", "valley")},
    )
    wh = reduce(add, (by_hour[f"e{h}"] for h in HOURS))
    return by_hour.select(
        *_KEYS,
        *("days_metered", "idle_minutes", "peak_wh", "valley_wh"),
        *(f"{kind}{h}" for kind in "et" for h in HOURS),
        wh=wh,
        # The periods cover the day.
        flat_wh=wh - by_hour.peak_wh - by_hour.valley_wh,
        minutes=reduce(add, (by_hour[f"t{h}"] for h in HOURS)),
        highest_w=by_hour.highest_wh.cast("int64") * (60 // interval_min),
        interval_min=ibis.literal(interval_min, "int64"),
        highest_hour=ibis.cases(*((by_hour[f"m{h}"] == by_hour.highest_wh, int(h)) for h in HOURS)).cast("int64"),
    )


def _greatest(table: ir.Table, names: Sequence[str]) -> ir.IntegerValue:
    """Greatest of some columns; Spark has none of a single one."""
    return ibis.greatest(*(table[name] for name in names)) if len(names) > 1 else table[names[0]]


def _period_sum(
    cell: ir.Table, step_min: int, periods: calendar.PeriodRules, parts: tuple[str, ...]
) -> ir.IntegerValue:
    """Energy in some periods; which steps these are depends on month and day type."""
    plans: dict[tuple[int, ...], list[int]] = {}
    for month in range(1, 13):
        for at, day_type in enumerate(calendar.DAY_TYPES):
            names = periods.slots(step_min, month, day_type)
            chosen = tuple(i for i, name in enumerate(names) if name in parts)
            plans.setdefault(chosen, []).append(month * 3 + at)
    kinds = ibis.cases(*((cell.day_type == name, i) for i, name in enumerate(calendar.DAY_TYPES)))
    when = cell.month[5:7].cast("int64") * 3 + kinds
    sums = {chosen: _slots_sum(cell, chosen) for chosen in plans}
    return ibis.cases(
        *((when.isin(keys), sums[chosen]) for chosen, keys in plans.items()), else_=ibis.literal(0, "int64")
    )


def _slots_sum(cell: ir.Table, slots: Sequence[int]) -> ir.IntegerValue:
    return reduce(add, (cell[f"s{SLOT_COLUMNS[i][1:]}"] for i in slots), ibis.literal(0, "int64"))


def monthly_energy(sums: ir.Table) -> ir.Table:
    """Energy of each customer and month: ``customer_id``, ``month``, ``kwh``, ``hours_metered``."""
    return sums.group_by(["customer_id", "month"]).aggregate(
        kwh=divide(sums.wh.sum(), 1000),
        hours_metered=divide(sums.minutes.sum(), 60),
    )
