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

from labkit.intake.records import NOTHING, TYPES, Records, is_one_value
from labkit.store import day_rows

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
    #: For each part its pieces in the file: rows, and the value of each column that has but one.
    parts: dict[tuple[int, int], list[tuple[int, dict[str, int]]]] = field(default_factory=dict)

    def add(self, records: Records) -> None:
        """Append records."""
        if not len(records):
            return
        key = self.buckets[records["customer"]] * _MONTHS + _months(records["minute"])
        least = int(key.min())
        if int(key.max()) > least:
            # Whole numbers of 16 bits are sorted digit by digit, the quickest of all sorts.
            near = key - least
            order = np.argsort(near.astype(np.uint16) if near.max() < 1 << 16 else near, kind="stable")
            records, key = records[order], key[order]
        starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        for first, end in zip(starts.tolist(), [*starts[1:].tolist(), len(key)], strict=True):
            self._write((int(key[first]) // _MONTHS, int(key[first]) % _MONTHS), records[first:end])

    def _write(self, part: tuple[int, int], records: Records) -> None:
        single = {name: int(column[0]) for name, column in records.columns.items() if is_one_value(column)}
        self.parts.setdefault(part, []).append((len(records), single))
        with self._path(part).open("ab") as file:
            for name, column in records.columns.items():
                if name not in single:
                    file.write(np.ascontiguousarray(column).data)

    def _path(self, part: tuple[int, int]) -> Path:
        return self.folder / f"spool-{part[0]:05d}-{part[1]:05d}.bin"

    def _read(self, part: tuple[int, int]) -> Iterator[Records]:
        held, at = np.fromfile(self._path(part), dtype=np.uint8), 0
        for rows, single in self.parts[part]:
            columns = {}
            for name, kind in TYPES.items():
                if name in single:
                    columns[name] = np.broadcast_to(np.array(single[name], kind), rows)
                    continue
                size = rows * np.dtype(kind).itemsize
                columns[name] = held[at : at + size].view(kind)
                at += size
            yield Records(columns)

    def sorted_parts(self) -> Iterator[tuple[int, str, Records]]:
        """Bucket, month and records sorted by customer and time, part by part."""
        for part in sorted(self.parts):
            records = Records.joined(list(self._read(part)))
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


def _key(records: Records) -> np.ndarray:
    return records["customer"].astype(np.int64) << 32 | records["minute"].astype(np.int64)


def judge_duplicates(records: Records) -> tuple[np.ndarray, np.ndarray]:
    """Which records say again what another said, and which contradict another.

    Parameters
    ----------
    records : Records
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


def to_day_rows(records: Records, customers: pa.Array, value: str) -> pa.Table | None:
    """Records of one part as day rows.

    Parameters
    ----------
    records : Records
        Sorted by customer and time, without duplicates.
    value : {"wh", "varh"}
    """
    if is_one_value(records[value]) and records[value][0] == NOTHING:
        return None
    there = records[value] != NOTHING
    records = records if there.all() else records[there]
    if not len(records):
        return None
    day = records["minute"] // 1440
    starts = np.flatnonzero(_changes(day) | _changes(records["customer"]))
    interval = _interval(records, starts)
    tables = []
    for minutes in np.unique(interval).tolist():
        mine = np.flatnonzero(interval == minutes)
        values, missing = _grid(records, value, starts, mine, minutes)
        ids = customers.take(pa.array(records["customer"][starts[mine]]))
        days = pa.array(day[starts[mine]].astype("datetime64[D]"))
        tables.append(day_rows(ids, days, minutes, values, missing))
    table = pa.concat_tables(tables)
    return (
        table.sort_by([("customer_id", "ascending"), ("day", "ascending")])
        if len(tables) > 1
        else table.combine_chunks()
    )


def _changes(column: np.ndarray) -> np.ndarray:
    """Where a value differs from the one before; the first does."""
    return np.append(True, column[1:] != column[:-1])


def _grid(
    records: Records, value: str, starts: np.ndarray, mine: np.ndarray, minutes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values of some customer-days by slot, and where there are none."""
    slots, ends = 1440 // minutes, np.append(starts[1:], len(records))
    minute, energy = records["minute"], records[value]
    if len(mine) == len(starts) and (ends - starts == slots).all():
        # As many readings as slots and none twice: every slot has its reading, in order.
        return energy.reshape(-1, slots), np.zeros((len(mine), slots), bool)
    counts = ends[mine] - starts[mine]
    row = np.repeat(np.arange(len(mine)), counts)
    at = np.arange(counts.sum()) + np.repeat(starts[mine] - np.append(0, np.cumsum(counts)[:-1]), counts)
    cell = row * slots + minute[at] % 1440 // minutes
    values, missing = np.zeros(len(mine) * slots, np.int32), np.ones(len(mine) * slots, bool)
    values[cell], missing[cell] = energy[at], False
    return values.reshape(-1, slots), missing.reshape(-1, slots)


def daily_totals(records: Records) -> np.ndarray:
    """Records of customers whose every day of the month has its one value at midnight.

    Parameters
    ----------
    records : Records
        Sorted by customer and time.

    Returns
    -------
    ndarray of bool
        Customers with fewer than three days are given the benefit of the doubt.
    """
    nobody = np.zeros(len(records), bool)
    starts = np.flatnonzero(_changes(records["customer"]))
    days = np.diff(np.append(starts, len(records)))
    # Most are seen by their first two readings to have more than one a day.
    first, second = starts[days >= 3], starts[days >= 3] + 1
    minute = records["minute"]
    if not ((minute[first] % 1440 == 0) & (minute[second] % 1440 == 0)).any():
        return nobody
    timed = records["interval"] == 0
    midnight = np.logical_and.reduceat((minute % 1440 == 0) & timed, starts)
    return np.repeat(midnight & (days >= 3), days)


def _interval(records: Records, starts: np.ndarray) -> np.ndarray:
    """Interval of each customer-day [min]: given, or the coarsest its times allow.

    A day with less than half its readings follows the finest day of its customer
    in the month: a lone value at midnight is a quarter-hour where the others are.
    """
    past_hour = records["minute"] % 60
    given = records["interval"][starts]
    if not past_hour.any():
        finest = np.broadcast_to(np.int64(60), len(past_hour))
    else:
        finest = np.where(past_hour % 30 == 15, 15, np.where(past_hour == 30, 30, 60))
    of_day = np.where(given > 0, given, np.minimum.reduceat(finest, starts))
    count = np.diff(np.append(starts, len(records)))
    customer = records["customer"][starts]
    first = np.flatnonzero(_changes(customer))
    of_month = np.repeat(np.minimum.reduceat(of_day, first), np.diff(np.append(first, len(customer))))
    thin = (given == 0) & (count < 720 // of_day)
    return np.where(thin, of_month, of_day)
