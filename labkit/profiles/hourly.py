"""Loads of whole days hour by hour, and energy day by day: for what looks at days one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit import calendar
from labkit.engine import divide
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS


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
    for minutes in lab.intervals():
        width = 60 // minutes
        rows = lab.readings.filter(lab.readings.interval_min == minutes)
        names = SLOT_COLUMNS[: 1440 // minutes]
        hours = {
            f"h{h:02d}": reduce(add, (rows[name].cast("int64") for name in names[h * width : (h + 1) * width]))
            for h in range(24)
        }
        for wide in lab.run_parts(rows.select("customer_id", "day", **hours)):
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


def daily_energy(lab: Lab, day_rows: ir.Table | None = None) -> ir.Table:
    """Energy of each customer and day: ``customer_id``, ``day``, ``kwh``, ``readings_count``."""
    rows = lab.readings if day_rows is None else day_rows
    wh = reduce(add, (rows[name].fill_null(0).cast("int64") for name in SLOT_COLUMNS))
    return rows.select(
        "customer_id",
        "day",
        kwh=divide(wh, 1000),
        readings_count=reduce(add, (rows[name].notnull().cast("int64") for name in SLOT_COLUMNS)),
    )
