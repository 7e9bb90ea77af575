"""Readings on their way into day rows.

Readings of any order are sorted by month and customer bucket into plain records
in the engine's private folder, so that memory holds one such part at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from labkit.store import SLOTS, day_rows

RECORD = np.dtype(
    [
        ("customer", "i4"),
        ("minute", "i4"),  # since 1970
        ("wh", "i4"),
        ("varh", "i4"),
        ("line", "i8"),
        ("file", "i2"),
        ("interval", "i2"),  # 0 where it follows from the times
    ]
)
NOTHING = np.iinfo(np.int32).min
#: More months since 1970 than any reading has.
_MONTHS = 10_000


@dataclass
class Spool:
    """Records by bucket and month.

    Attributes
    ----------
    customers : Array of str
        Sorted ids; a record's ``customer`` is its place here.
    buckets : ndarray of int
        Bucket of each customer.
    """

    folder: Path
    customers: pa.Array
    buckets: np.ndarray
    parts: set[tuple[int, int]] = field(default_factory=set)

    def add(self, records: np.ndarray) -> None:
        """Append records."""
        if not len(records):
            return
        month = _months(records["minute"])
        key = self.buckets[records["customer"]] * _MONTHS + month
        for code in np.unique(key).tolist():
            part = (code // _MONTHS, code % _MONTHS)
            self.parts.add(part)
            with self._path(part).open("ab") as file:
                file.write(records[key == code].tobytes())

    def _path(self, part: tuple[int, int]) -> Path:
        return self.folder / f"spool-{part[0]:05d}-{part[1]:05d}.bin"

    def sorted_parts(self) -> Iterator[tuple[int, str, np.ndarray]]:
        """Bucket, month and records sorted by customer and time, part by part."""
        for part in sorted(self.parts):
            records = np.fromfile(self._path(part), dtype=RECORD)
            self._path(part).unlink()
            key = _key(records)
            if (key[1:] < key[:-1]).any():
                records = records[np.argsort(key, kind="stable")]
            yield part[0], str(np.datetime64(part[1], "M")), records


def _months(minutes: np.ndarray) -> np.ndarray:
    """Months since 1970 of minutes since 1970, by way of a table of the days that occur."""
    days = minutes // 1440
    first = int(days.min())
    table = np.arange(first, int(days.max()) + 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int32)
    return np.asarray(table[days - first])


def _key(records: np.ndarray) -> np.ndarray:
    return records["customer"].astype(np.int64) << 32 | records["minute"].astype(np.int64)


def judge_duplicates(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which records say again what another said, and which contradict another.

    Parameters
    ----------
    records : ndarray
        Sorted by customer and time.

    Returns
    -------
    repeated, conflicting : ndarray of bool
        A repeated record is left out, its first stays; of conflicting ones none stays.
    """
    repeated, conflicting = np.zeros(len(records), bool), np.zeros(len(records), bool)
    key = _key(records)
    if not (key[1:] == key[:-1]).any():
        return repeated, conflicting
    energy = np.flatnonzero(records["wh"] != NOTHING)
    mine = records[energy]
    key = _key(mine)
    same = np.append(False, key[1:] == key[:-1])
    if not same.any():
        return repeated, conflicting
    equal = np.append(False, (mine["wh"][1:] == mine["wh"][:-1]) & (mine["varh"][1:] == mine["varh"][:-1]))
    group = np.cumsum(~same) - 1
    contradicted = np.zeros(group[-1] + 1, bool)
    contradicted[group[same & ~equal]] = True
    conflicting[energy] = contradicted[group]
    repeated[energy] = same & ~contradicted[group]
    return repeated, conflicting


def to_day_rows(records: np.ndarray, customers: pa.Array, value: str) -> pa.Table | None:
    """Records of one part as day rows.

    Parameters
    ----------
    records : ndarray
        Sorted by customer and time, without duplicates.
    value : {"wh", "varh"}
    """
    records = records[records[value] != NOTHING]
    if not len(records):
        return None
    day = records["minute"] // 1440
    first = np.append(True, (day[1:] != day[:-1]) | (records["customer"][1:] != records["customer"][:-1]))
    row = np.cumsum(first) - 1
    starts = np.flatnonzero(first)
    interval = _interval(records, starts)
    slot = (records["minute"] % 1440) // interval[row]
    values = np.zeros((len(starts), SLOTS), np.int32)
    missing = np.ones((len(starts), SLOTS), bool)
    values[row, slot], missing[row, slot] = records[value], False
    tables = []
    for minutes in np.unique(interval):
        mine = np.flatnonzero(interval == minutes)
        slots = 1440 // int(minutes)
        ids = customers.take(pa.array(records["customer"][starts[mine]]))
        days = pa.array(day[starts[mine]].astype("datetime64[D]"))
        tables.append(day_rows(ids, days, int(minutes), values[mine, :slots], missing[mine, :slots]))
    table = pa.concat_tables(tables)
    return (
        table.sort_by([("customer_id", "ascending"), ("day", "ascending")])
        if len(tables) > 1
        else table.combine_chunks()
    )


def daily_totals(records: np.ndarray) -> np.ndarray:
    """Records of customers whose every day of the month has its one value at midnight.

    Parameters
    ----------
    records : ndarray
        Sorted by customer and time.

    Returns
    -------
    ndarray of bool
        Customers with fewer than three days are given the benefit of the doubt.
    """
    timed = records["interval"] == 0
    if not timed.any():
        return timed
    starts = np.flatnonzero(np.append(True, records["customer"][1:] != records["customer"][:-1]))
    midnight = np.logical_and.reduceat((records["minute"] % 1440 == 0) & timed, starts)
    days = np.diff(np.append(starts, len(records)))
    return np.repeat(midnight & (days >= 3), days)


def _interval(records: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Interval of each customer-day [min]: given, or the coarsest its times allow.

    A day with less than half its readings follows the finest day of its customer
    in the month: a lone value at midnight is a quarter-hour where the others are.
    """
    past_hour = records["minute"] % 60
    finest = np.where(past_hour % 30 == 15, 15, np.where(past_hour == 30, 30, 60))
    given = records["interval"][starts]
    of_day = np.where(given > 0, given, np.minimum.reduceat(finest, starts))
    count = np.diff(np.append(starts, len(records)))
    customer = records["customer"][starts]
    first = np.flatnonzero(np.append(True, customer[1:] != customer[:-1]))
    of_month = np.repeat(np.minimum.reduceat(of_day, first), np.diff(np.append(first, len(customer))))
    thin = (given == 0) & (count < 720 // of_day)
    return np.where(thin, of_month, of_day)
