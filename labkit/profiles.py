"""From readings to load features and typical days, in two steps.

Cells (customer x month x day type, sums, counts and maxima of every slot) are
the only pass over the readings; everything else follows from cells. Energies
are whole Wh, so that months add up exactly and engines agree bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import add

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit import calendar
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS

#: Period -> the share it counts in; sharp hours are peak hours that cost more.
_SHARES = {"peak": ("sharp", "peak"), "flat": ("flat",), "valley": ("valley", "deep_valley")}


def cells(day_rows: ir.Table, days: ir.Table, interval_min: int) -> ir.Table:
    """Sums, counts and maxima of every slot by customer, month and day type.

    Parameters
    ----------
    day_rows : Table
        `Lab.readings`.
    days : Table
        `Lab.days`.
    interval_min : int
        Metering interval of the rows taken [min].

    Returns
    -------
    Table
        ``customer_id``, ``month``, ``day_type``, ``days_metered`` and, a slot
        each, ``s00`` … energy [Wh], ``n00`` … readings, ``m00`` … highest [Wh].
    """
    slots = SLOT_COLUMNS[: 1440 // interval_min]
    rows = day_rows.filter(day_rows.interval_min == interval_min).inner_join(days, "day")
    parts = {"days_metered": rows.count()}
    for name in slots:
        parts[f"s{name[1:]}"] = rows[name].sum().cast("int64")
        parts[f"n{name[1:]}"] = rows[name].count()
        parts[f"m{name[1:]}"] = rows[name].max()
    return rows.group_by(["customer_id", "month", "day_type"]).aggregate(**parts)


def _sums(cell: ir.Table, interval_min: int, periods: calendar.PeriodRules) -> ir.Table:
    """A row a cell: whole Wh by period, readings, the highest slot as whole W."""
    numbers = [name[1:] for name in SLOT_COLUMNS[: 1440 // interval_min]]
    wh = reduce(add, (cell[f"s{n}"].fill_null(0) for n in numbers))
    by_period = {
        f"{name}_wh": _period_sum(cell, interval_min, periods, parts, numbers) for name, parts in _SHARES.items()
    }
    return cell.select(
        "customer_id",
        "month",
        "day_type",
        "days_metered",
        wh=wh,
        minutes=reduce(add, (cell[f"n{n}"] for n in numbers)) * interval_min,
        highest_w=ibis.greatest(*(cell[f"m{n}"] for n in numbers)).cast("int64") * (60 // interval_min),
        **by_period,
    )


def _period_sum(
    cell: ir.Table, interval_min: int, periods: calendar.PeriodRules, parts: tuple[str, ...], numbers: list[str]
) -> ir.IntegerValue:
    """Energy in some periods; which slots these are depends on month and day type."""
    plans: dict[tuple[int, ...], list[int]] = {}
    for month in range(1, 13):
        for at, day_type in enumerate(calendar.DAY_TYPES):
            names = periods.slots(interval_min, month, day_type)
            chosen = tuple(i for i, name in enumerate(names) if name in parts)
            plans.setdefault(chosen, []).append(month * 3 + at)
    kinds = ibis.cases(*((cell.day_type == name, i) for i, name in enumerate(calendar.DAY_TYPES)))
    when = cell.month[5:7].cast("int64") * 3 + kinds
    sums = {
        chosen: reduce(add, (cell[f"s{numbers[i]}"].fill_null(0) for i in chosen), ibis.literal(0, "int64"))
        for chosen in plans
    }
    return ibis.cases(
        *((when.isin(keys), sums[chosen]) for chosen, keys in plans.items()), else_=ibis.literal(0, "int64")
    )


def monthly_sums(lab: Lab, periods: calendar.PeriodRules | None = None, day_rows: ir.Table | None = None) -> ir.Table:
    """What features are made of: a row a customer, month, day type and interval.

    Returns
    -------
    Table
        ``days_metered``, ``minutes`` with a reading, ``wh``, ``peak_wh``,
        ``flat_wh``, ``valley_wh``, ``highest_w``; all whole numbers.
    """
    rows = lab.readings if day_rows is None else day_rows
    rules = periods or calendar.read_periods()
    days = lab.days()
    parts = [_sums(cells(rows, days, minutes), minutes, rules) for minutes in lab.intervals()]
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def features(sums: ir.Table) -> ir.Table:
    """Load features, one row a customer.

    Parameters
    ----------
    sums : Table
        Of `monthly_sums`.

    Returns
    -------
    Table
        ``days_metered``; ``hours_metered`` [h]; ``energy_kwh``;
        ``energy_per_day_kwh``: per 24 h with a reading; ``maximum_demand_kw``:
        highest mean power of an interval; ``load_factor``: mean load over maximum
        demand; ``peak_share`` (sharp included), ``flat_share``,
        ``valley_share`` of energy; ``weekend_ratio``: mean load on weekends over
        that on workdays. Missing where it would divide by nought.
    """
    on = {name: sums.day_type == name for name in ("workday", "weekend")}
    total = sums.group_by("customer_id").aggregate(
        days_metered=sums.days_metered.sum().cast("int64"),
        minutes=sums.minutes.sum().cast("int64"),
        wh=sums.wh.sum().cast("int64"),
        peak_wh=sums.peak_wh.sum().cast("int64"),
        flat_wh=sums.flat_wh.sum().cast("int64"),
        valley_wh=sums.valley_wh.sum().cast("int64"),
        highest_w=sums.highest_w.max(),
        workday_wh=sums.wh.sum(where=on["workday"]).cast("int64"),
        workday_minutes=sums.minutes.sum(where=on["workday"]).cast("int64"),
        weekend_wh=sums.wh.sum(where=on["weekend"]).cast("int64"),
        weekend_minutes=sums.minutes.sum(where=on["weekend"]).cast("int64"),
    )
    mean_w = total.wh * 60.0 / total.minutes.nullif(0)
    weekend = total.weekend_wh * 1.0 / total.weekend_minutes.nullif(0)
    workday = total.workday_wh * 1.0 / total.workday_minutes.nullif(0)
    return total.select(
        "customer_id",
        "days_metered",
        hours_metered=total.minutes / 60.0,
        energy_kwh=total.wh / 1000.0,
        energy_per_day_kwh=mean_w * 24.0 / 1000.0,
        maximum_demand_kw=total.highest_w / 1000.0,
        load_factor=mean_w / total.highest_w.nullif(0),
        **{f"{name}_share": total[f"{name}_wh"] * 1.0 / total.wh.nullif(0) for name in _SHARES},
        weekend_ratio=weekend / workday.nullif(0),
    )


def load_features(lab: Lab, periods: calendar.PeriodRules | None = None) -> pd.DataFrame:
    """`features` of every customer, computed bucket by bucket so that memory stays flat.

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> load_features(lab)["load_factor"].median()  # doctest: +SKIP
    """
    rows = lab.readings
    parts = [
        lab.run(features(monthly_sums(lab, periods, rows.filter(rows.bucket == bucket))))
        for bucket in range(lab.manifest.buckets)
    ]
    return pd.concat(parts).sort_values("customer_id", ignore_index=True)


def daily_energy(lab: Lab) -> ir.Table:
    """Energy of each customer and day: ``customer_id``, ``day``, ``kwh``, ``readings_count``."""
    rows = lab.readings
    return rows.select(
        "customer_id",
        "day",
        kwh=reduce(add, (rows[name].fill_null(0).cast("int64") for name in SLOT_COLUMNS)) / 1000.0,
        readings_count=reduce(add, (rows[name].notnull().cast("int64") for name in SLOT_COLUMNS)),
    )


def monthly_energy(sums: ir.Table) -> ir.Table:
    """Energy of each customer and month: ``customer_id``, ``month``, ``kwh``, ``hours_metered``."""
    return sums.group_by(["customer_id", "month"]).aggregate(
        kwh=sums.wh.sum().cast("int64") / 1000.0, hours_metered=sums.minutes.sum().cast("int64") / 60.0
    )


def typical_days(lab: Lab, groups: ir.Table | None = None) -> pd.DataFrame:
    """Mean load of every slot of the day, by day type.

    Parameters
    ----------
    groups : Table, optional
        ``customer_id`` and ``group``: then the mean over the customers of a
        group of each one's load relative to its own mean of that day type, hour
        by hour, so that no large customer's curve shows through.

    Returns
    -------
    DataFrame
        Without groups ``customer_id``, ``day_type``, ``hour`` (start of the slot
        [h]), ``mean_kw``; slots as metered, the finest where they changed. With
        groups ``group``, ``day_type``, ``hour``, ``relative_load``,
        ``customers_count``.
    """
    key, parts = ["customer_id", "day_type", "hour"], []
    for minutes in lab.intervals():
        for bucket in range(lab.manifest.buckets):
            rows = lab.readings.filter(lab.readings.bucket == bucket)
            wide = lab.run(_slot_sums(cells(rows, lab.days(), minutes), minutes, hourly=groups is not None))
            slots = [column[1:] for column in wide.columns if column.startswith("e")]
            long = wide.melt(key[:2], [f"e{slot}" for slot in slots], "hour", "wh")
            long["minutes"] = wide.melt([], [f"t{slot}" for slot in slots])["value"]
            long["hour"] = long["hour"].str[1:].astype(float)
            parts.append(long)
    # Energy and time are added before dividing: a day counts for what it has.
    total = pd.concat(parts).groupby(key, as_index=False)[["wh", "minutes"]].sum()
    total = total[total["minutes"] > 0]
    total["mean_kw"] = total["wh"] * 60 / 1000 / total["minutes"]
    if groups is None:
        return total[[*key, "mean_kw"]].reset_index(drop=True)
    member = lab.run(groups.select("customer_id", "group"))
    table = total.merge(member, on="customer_id").dropna(subset=["group"])
    mean = table.groupby(key[:2])["mean_kw"].transform("mean")
    table["relative_load"] = table["mean_kw"] / mean.where(mean > 0)
    return (
        table.dropna(subset=["relative_load"])
        .groupby(["group", "day_type", "hour"], as_index=False)
        .agg(relative_load=("relative_load", "mean"), customers_count=("customer_id", "nunique"))
    )


def _slot_sums(cell: ir.Table, interval_min: int, *, hourly: bool) -> ir.Table:
    """Energy ``e…`` [Wh] and time with a reading ``t…`` [min] of each slot or hour, by customer and day type."""
    numbers = [name[1:] for name in SLOT_COLUMNS[: 1440 // interval_min]]
    width = 60 // interval_min if hourly else 1
    sums = {}
    for start in range(0, len(numbers), width):
        chosen, at = numbers[start : start + width], f"{start * interval_min / 60:g}"
        sums[f"e{at}"] = reduce(add, (cell[f"s{n}"].sum().fill_null(0).cast("int64") for n in chosen))
        sums[f"t{at}"] = reduce(add, (cell[f"n{n}"].sum().cast("int64") for n in chosen)) * interval_min
    return cell.group_by(["customer_id", "day_type"]).aggregate(**sums)


def system_load(lab: Lab) -> pd.Series:
    """Load of all customers together, hour by hour [kW].

    Returns
    -------
    Series
        By start of the hour; readings that are missing are missing in the sum.
    """
    found: list[pd.Series] = []
    for minutes in lab.intervals():
        rows = lab.readings.filter(lab.readings.interval_min == minutes)
        sums = {name: rows[name].sum().cast("int64") for name in SLOT_COLUMNS[: 1440 // minutes]}
        wide = lab.run(rows.group_by("day").aggregate(**sums)).set_index("day").sort_index()
        values = wide.fillna(0).to_numpy(dtype=float).reshape(len(wide), 24, 60 // minutes).sum(axis=2) / 1000
        times = pd.DatetimeIndex(wide.index).repeat(24) + pd.to_timedelta(np.tile(np.arange(24), len(wide)), unit="h")
        found.append(pd.Series(values.reshape(-1), times))
    return pd.concat(found).groupby(level=0).sum().rename("kw")


@dataclass(frozen=True, eq=False)
class HourlyLoads:
    """Loads hour by hour, for what looks at whole days.

    Attributes
    ----------
    customer_ids : ndarray of str, shape (customers,)
    days : DatetimeIndex
    day_types : tuple of str
        Of each day.
    kwh : ndarray of float32, shape (customers, days, 24)
        Energy of each hour [kWh].
    coverage : ndarray, shape (customers,)
        Share of the hours with all their readings, before filling.
    """

    customer_ids: np.ndarray
    days: pd.DatetimeIndex
    day_types: tuple[str, ...]
    kwh: np.ndarray
    coverage: np.ndarray


#: Customers with less of the period than this are not filled up: they joined late, or left.
LEAST_COVERAGE = 0.9


def hourly_loads(lab: Lab) -> HourlyLoads:
    """Loads of all customers with readings, hour by hour (35 kB a customer and year).

    Notes
    -----
    Where at least nine tenths of a customer's hours are there, the rest are
    filled with its mean of the same hour and type of day; of others, hours
    without readings are nought.
    """
    first, last = lab.period
    days = pd.date_range(first, last)
    kinds = np.array(calendar.day_types([day.date() for day in days], lab.manifest.about.calendar))
    ids = np.sort(lab.run(lab.readings.select("customer_id").distinct())["customer_id"].to_numpy().astype(str))
    kwh = np.full((len(ids), len(days), 24), np.nan, dtype=np.float32)
    for bucket, minutes in product(range(lab.manifest.buckets), lab.intervals()):
        width = 60 // minutes
        rows = lab.readings.filter((lab.readings.bucket == bucket) & (lab.readings.interval_min == minutes))
        names = SLOT_COLUMNS[: 1440 // minutes]
        hours = {
            f"h{h:02d}": reduce(add, (rows[name].cast("int64") for name in names[h * width : (h + 1) * width]))
            for h in range(24)
        }
        wide = lab.run(rows.select("customer_id", "day", **hours))
        who = np.searchsorted(ids, wide["customer_id"].to_numpy().astype(str))
        at = (pd.DatetimeIndex(wide["day"]) - days[0]).days.to_numpy()
        kwh[who, at] = wide.drop(columns=["customer_id", "day"]).to_numpy(dtype=np.float32) / 1000
    coverage = np.isfinite(kwh).mean(axis=(1, 2))
    for kind in calendar.DAY_TYPES:
        mine = np.flatnonzero(kinds == kind)
        for customer in np.flatnonzero((coverage >= LEAST_COVERAGE) & (coverage < 1)):
            part = kwh[customer, mine]
            known = np.isfinite(part)
            mean = np.where(known, part, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            kwh[customer, mine] = np.where(known, part, mean)
    return HourlyLoads(ids, days, tuple(kinds), np.nan_to_num(kwh, copy=False), coverage)
