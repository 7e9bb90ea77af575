"""Readings of some customers as arrays of days and slots, the only place where they leave the engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit import calendar
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS
from labkit.vee.clock import skipped_slots

#: Customers at a time: 140 MB of a year of quarter-hours.
CUSTOMERS = 500


@dataclass(frozen=True, eq=False)
class Block:
    """Readings of some customers at one metering interval.

    Attributes
    ----------
    customer_ids : ndarray of str
    days : DatetimeIndex
    kinds : ndarray of str
        Workday, weekend or holiday.
    interval_min : int
    wh : ndarray of float, shape (customers, days, slots)
        NaN where there is no reading.
    expected : ndarray of bool, same shape
        Where a reading should be: connected, metered at this interval (a day without a row as the day before it), and an
        hour that the clock has.
    """

    customer_ids: np.ndarray
    days: pd.DatetimeIndex
    kinds: np.ndarray
    interval_min: int
    wh: np.ndarray
    expected: np.ndarray


def read_blocks(lab: Lab, customer_ids: np.ndarray | None = None) -> Iterator[Block]:
    """Readings block by block; of all customers with readings unless some are named."""
    intervals = lab.intervals()
    names = SLOT_COLUMNS[: 1440 // min(intervals)]
    for rows in lab.parts():
        ids = np.sort(lab.run(rows.select("customer_id").distinct())["customer_id"].to_numpy().astype(str))
        ids = ids if customer_ids is None else ids[np.isin(ids, customer_ids)]
        for start in range(0, len(ids), CUSTOMERS):
            mine = ids[start : start + CUSTOMERS]
            wide = lab.run(
                rows.filter(rows.customer_id.isin(mine.tolist())).select("customer_id", "day", "interval_min", *names)
            )
            yield from _blocks(lab, mine, wide, intervals)


def _blocks(lab: Lab, ids: np.ndarray, wide: pd.DataFrame, intervals: list[int]) -> Iterator[Block]:
    first, last = lab.period
    days = pd.date_range(first, last)
    kinds = np.array(calendar.day_types([day.date() for day in days], lab.manifest.about.calendar))
    who = np.searchsorted(ids, wide["customer_id"].to_numpy().astype(str))
    at = (pd.DatetimeIndex(wide["day"]) - days[0]).days.to_numpy()
    minutes = wide["interval_min"].to_numpy()
    metered = np.zeros((len(ids), len(days)), int)
    metered[who, at] = minutes
    metered = _carry(metered)
    connected = _connected(lab, ids, days)
    for interval in intervals:
        names, here = SLOT_COLUMNS[: 1440 // interval], minutes == interval
        if not here.any():
            continue
        wh = np.full((len(ids), len(days), len(names)), np.nan)
        wh[who[here], at[here]] = wide.loc[here, list(names)].to_numpy(dtype=float)
        expected = np.repeat((connected & (metered == interval))[:, :, None], len(names), axis=2)
        for day, slots in skipped_slots(lab.manifest.about.timezone, lab.period, interval).items():
            expected[:, (pd.Timestamp(day) - days[0]).days, slots] = False
        yield Block(ids, days, kinds, interval, wh, expected)


def _carry(metered: np.ndarray) -> np.ndarray:
    """Interval of each day, a day without one as the day before it, the first days as the first that has one."""
    at = np.arange(metered.shape[1])
    before = np.maximum.accumulate(np.where(metered > 0, at, -1), axis=1)
    first = np.argmax(metered > 0, axis=1)[:, None]
    return np.take_along_axis(metered, np.where(before < 0, first, before), axis=1)


def _connected(lab: Lab, ids: np.ndarray, days: pd.DatetimeIndex) -> np.ndarray:
    customers = lab.customers
    frame = lab.run(
        customers.filter(customers.customer_id.isin(ids.tolist())).select("customer_id", "connected_on", "left_on")
    )
    frame = frame.set_index("customer_id").reindex(ids)
    since = pd.to_datetime(frame["connected_on"]).fillna(days[0]).to_numpy()[:, None]
    left = pd.to_datetime(frame["left_on"]).fillna(days[-1] + pd.Timedelta(days=1)).to_numpy()[:, None]
    return np.asarray((days.to_numpy() >= since) & (days.to_numpy() < left))
