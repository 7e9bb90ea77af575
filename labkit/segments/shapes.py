"""Typical days of each customer as shapes: mean load 1, so that small and large can be alike; size is kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit import calendar, profiles
from labkit.lab import Lab
from labkit.segments.errors import SegmentError
from labkit.store import SLOT_COLUMNS

#: Days of each kind in a year: what a kind of day counts for in the mean load that is set to 1.
DAYS_A_YEAR = {"workday": 248, "weekend": 89, "holiday": 28}
#: Why a customer has no shape.
NO_SHAPE = ("no_readings", "all_zero", "too_few_days", "hours_missing")
View = Literal["cumulated", "plain", "root"]
_HOURS = [f"{hour:02d}" for hour in range(24)]
_NOTHING = pd.DataFrame(
    columns=["customer_id", "block", "used", "days", *(f"{kind}{h}" for kind in "et" for h in _HOURS)]
)


@dataclass(frozen=True, eq=False)
class Shapes:
    """Typical days of customers, hour by hour, each customer's mean load set to 1.

    Attributes
    ----------
    values : DataFrame, shape (customers, 24 a kind of day)
        By customer_id; columns ``workday_00`` … ``weekend_23``: load over the customer's mean load.
    scale_kw : Series
        Mean load that was set to 1 [kW], in the unit of what was read.
    dropped_share : Series
        Share of days left out as near zero.
    apart : Series of str
        Customers without a shape and why (`NO_SHAPE`).
    blocks : tuple of str
        Kinds of day, with the season before them where seasons are told apart.
    """

    values: pd.DataFrame
    scale_kw: pd.Series
    dropped_share: pd.Series
    apart: pd.Series
    blocks: tuple[str, ...]

    def points(self, view: View = "cumulated") -> np.ndarray:
        """Shapes as points whose distance says how different two customers' days are.

        Parameters
        ----------
        view : {"cumulated", "plain", "root"}
            ``cumulated``: energy used up to each hour, so that the same bump an hour later is near (the distance of
            Cramér and von Mises; Székely and Rizzo 2013, doi:10.1016/j.jspi.2013.03.018); ``plain``: hour against hour;
            ``root``: square roots, which tame peaks.

        Notes
        -----
        The default rests on two sets of customers whose kinds are known, and they disagree. Adjusted Rand index with those
        kinds, k-means and Ward: sample utility, 9 groups, where customers of a kind differ by half an hour: cumulated 0.88
        and 0.90, plain 0.65 and 0.66, root 0.67 and 0.68; 144 simulated buildings of 16 types, 16 groups, whose clocks all
        agree: cumulated 0.65 and 0.68, plain 0.72 and 0.74, root 0.74 and 0.75. Cumulated loses least where it loses; where
        all keep the same hours, root tells more apart. Smoothing over 1 to 3 hours lay between or below on both.
        """
        x = self.values.to_numpy(dtype=float)
        if view == "cumulated":
            return np.asarray(np.cumsum(x.reshape(len(x), len(self.blocks), 24), axis=2).reshape(x.shape) / 24)
        if view == "root":
            return np.asarray(np.sqrt(x))
        if view != "plain":
            raise SegmentError(f"view is {view!r}, expected 'cumulated', 'plain' or 'root'")
        return x

    def take(self, customer_ids: Sequence[str] | pd.Index) -> Shapes:
        """Shapes of some customers only, in the order given."""
        ids = pd.Index(customer_ids)
        mine = ids[ids.isin(self.values.index)]
        left = ids[ids.isin(self.apart.index)]
        return Shapes(
            self.values.loc[mine], self.scale_kw[mine], self.dropped_share[mine], self.apart[left], self.blocks
        )


def read_shapes(
    lab: Lab,
    day_types: Sequence[str] = ("workday", "weekend"),
    *,
    by_season: bool = False,
    near_zero: float = 0.05,
    least_days: int = 14,
    since: str | pd.Timestamp | None = None,
    until: str | pd.Timestamp | None = None,
) -> Shapes:
    """Shapes of all customers of a lab, from cells, bucket by bucket.

    Parameters
    ----------
    lab : Lab
    day_types : sequence of str
        Of `labkit.calendar.DAY_TYPES`.
    by_season : bool
        Tell winter (12, 1, 2), spring, summer and autumn apart.
    near_zero : float
        Days with less than this part of the customer's mean day (of days with any use) are left out: nobody is there.
        Where they are most of a kind of day, as Sundays of a factory, they stay.
    least_days : int
        Customers with fewer other days are kept apart.
    since, until : date, optional
        First and last day that count; all there are by default.

    Raises
    ------
    SegmentError
        If a day type is unknown, hardly any customer has it, or the period is none.

    Notes
    -----
    A customer whose meter changed its interval counts with all its readings: energy and minutes are added hour by hour.
    """
    blocks, intervals, parts = _blocks(day_types, by_season), lab.intervals(), [_NOTHING]
    rows = _within(lab.readings, since, until)
    if intervals:
        rows = _tell_idle_apart(rows, pd.concat(lab.run_parts(_near_zero_days(rows, intervals, near_zero))))
    for minutes in intervals:
        cell = profiles.cells(lab, minutes, rows, step_min=60, apart=["used"])
        parts += lab.run_parts(_hour_sums(cell, minutes, by_season))
    everyone = lab.run(lab.customers.select("customer_id"))["customer_id"].sort_values()
    total = pd.concat([part for part in parts if len(part)] or parts).groupby(["customer_id", "block", "used"]).sum()
    return _make(total, pd.Index(everyone, dtype=object), blocks, least_days)


def shapes_of_loads(
    loads: profiles.HourlyLoads,
    day_types: Sequence[str] = ("workday", "weekend"),
    *,
    by_season: bool = False,
    near_zero: float = 0.05,
    least_days: int = 14,
) -> Shapes:
    """Shapes from loads hour by hour, for data that are in no store; parameters as of `read_shapes`.

    Notes
    -----
    Of customers with gaps (`HourlyLoads.coverage`), days without any use count as not metered.

    Examples
    --------
    >>> kwh = np.ones((1, 28, 24)) * np.where(np.arange(24) < 12, 1.0, 3.0)
    >>> days = pd.date_range("2025-03-03", periods=28)
    >>> kinds = tuple("weekend" if day.weekday() > 4 else "workday" for day in days)
    >>> shapes = shapes_of_loads(profiles.HourlyLoads(np.array(["a"]), days, kinds, kwh, np.ones(1)))
    >>> shapes.values.iloc[0, [0, 23]].tolist(), float(shapes.scale_kw.iloc[0])
    ([0.5, 1.5], 2.0)
    """
    daily = loads.kwh.sum(axis=2, dtype=float)
    any_use = daily > 0
    usual = daily.sum(axis=1) / np.maximum(any_use.sum(axis=1), 1)
    used = any_use & (daily >= near_zero * usual[:, None])
    metered = any_use | (loads.coverage >= profiles.LEAST_COVERAGE)[:, None]
    kinds = np.array(loads.day_types)
    season = np.array(calendar.SEASONS)[loads.days.month.to_numpy() % 12 // 3]
    blocks, parts = _blocks(day_types, by_season), []
    for block in blocks:
        here = kinds == block.split("_")[-1]
        if by_season:
            here &= season == block.split("_")[0]
        for kept in (True, False):
            chosen = (used == kept) & metered & here
            wh = np.einsum("cd,cdh->ch", chosen.astype(float), loads.kwh) * 1000
            table = pd.DataFrame(wh, columns=[f"e{h}" for h in _HOURS])
            for h in _HOURS:
                table[f"t{h}"] = chosen.sum(axis=1) * 60
            table["days"] = chosen.sum(axis=1)
            parts.append(table.assign(customer_id=loads.customer_ids, block=block, used=kept))
    total = pd.concat(parts).set_index(["customer_id", "block", "used"])
    return _make(total[total["days"] > 0], pd.Index(loads.customer_ids, dtype=object), blocks, least_days)


def _blocks(day_types: Sequence[str], by_season: bool) -> tuple[str, ...]:
    strange = sorted(set(day_types) - set(DAYS_A_YEAR))
    if strange or not day_types:
        raise SegmentError(f"day_types: {strange[:1]} expected some of {', '.join(DAYS_A_YEAR)}")
    return tuple(f"{s}_{d}" for s in calendar.SEASONS for d in day_types) if by_season else tuple(day_types)


def need_shapes(shapes: Shapes) -> None:
    """Refuse where nobody has a shape, and say why they have none."""
    if not len(shapes.values):
        reasons = ", ".join(f"{n} {why}" for why, n in shapes.apart.value_counts().items()) or "there is no customer"
        raise SegmentError(f"shapes: no customer has one ({reasons}); bring readings of 14 days or more with use")


def _within(rows: ir.Table, since: str | pd.Timestamp | None, until: str | pd.Timestamp | None) -> ir.Table:
    """Day rows of a period; whole months are told by the partition too, so that other files are not read."""
    try:
        first, last = (None if day is None else pd.Timestamp(day) for day in (since, until))
    except ValueError:
        raise SegmentError(f"since, until: {since!r} and {until!r}, expected days as YYYY-MM-DD") from None
    if first is not None and last is not None and first > last:
        raise SegmentError(f"since, until: {since} and {until}, expected the first day before the last")
    if first is not None:
        rows = rows.filter((rows.month >= f"{first:%Y-%m}") & (rows.day >= ibis.date(f"{first:%Y-%m-%d}")))
    if last is not None:
        rows = rows.filter((rows.month <= f"{last:%Y-%m}") & (rows.day <= ibis.date(f"{last:%Y-%m-%d}")))
    return rows


def _near_zero_days(rows: ir.Table, intervals: Sequence[int], near_zero: float) -> ir.Table:
    """``customer_id`` and ``day`` of days with nothing, or next to nothing, of the customer's mean day."""
    parts = []
    for minutes in intervals:
        mine = rows.filter(rows.interval_min == minutes)
        slots = [mine[name].fill_null(0).cast("int64") for name in SLOT_COLUMNS[: 1440 // minutes]]
        parts.append(mine.select("customer_id", "day", wh=reduce(add, slots)))
    daily = ibis.union(*parts) if len(parts) > 1 else parts[0]
    # Not by a join of the days with their means, for which the readings would be read twice.
    used = (daily.wh > 0).ifelse(daily.wh, ibis.null("int64"))
    daily = daily.mutate(usual_wh=used.mean().over(ibis.window(group_by="customer_id")))
    return daily.filter((daily.wh <= 0) | (daily.wh < near_zero * daily.usual_wh)).select("customer_id", "day")


def _tell_idle_apart(rows: ir.Table, idle_days: pd.DataFrame) -> ir.Table:
    """Day rows with ``used``: whether they are none of these days."""
    if idle_days.empty:
        return rows.mutate(used=ibis.literal(True))
    idle = ibis.memtable(idle_days.assign(idle=True))
    rows = rows.left_join(idle, ["customer_id", "day"], rname="idle_{name}")
    return rows.mutate(used=rows.idle.isnull())


def _hour_sums(cell: ir.Table, interval_min: int, by_season: bool) -> ir.Table:
    """Energy ``e07`` [Wh] and time with a reading ``t07`` [min] of each hour, by customer, kind of day and whether it was used."""
    block = cell.day_type
    if by_season:
        month = cell.month[5:7].cast("int64")
        season = ibis.cases(*((month.isin([m for m in range(1, 13) if m % 12 // 3 == i]), s) for i, s in enumerate(calendar.SEASONS)))  # fmt: skip
        block = season + "_" + cell.day_type
    rows = cell.mutate(block=block)
    sums = {"days": rows.days_metered.sum().cast("int64")}
    for hour in range(24):
        sums[f"e{hour:02d}"] = rows[f"s{hour:02d}"].sum().fill_null(0).cast("int64")
        sums[f"t{hour:02d}"] = rows[f"n{hour:02d}"].sum().cast("int64") * interval_min
    return rows.group_by(["customer_id", "block", "used"]).aggregate(**sums)


def _make(total: pd.DataFrame, everyone: pd.Index, blocks: tuple[str, ...], least_days: int) -> Shapes:
    """From sums by customer, kind of day and whether the day was used, to shapes."""
    everyone = everyone.rename("customer_id")
    grid = pd.MultiIndex.from_product([everyone, blocks], names=["customer_id", "block"])
    used, idle = (total.xs(flag, level="used").reindex(grid).fillna(0.0) if flag in total.index.get_level_values("used")
                  else pd.DataFrame(0.0, grid, total.columns) for flag in (True, False))  # fmt: skip
    # A kind of day on which mostly nobody is there is part of the shape, not a gap in it.
    both = used + idle.mul((idle["days"] > used["days"]).astype(float), axis=0)
    energy, minutes = (both[[f"{kind}{h}" for h in _HOURS]].to_numpy().reshape(len(everyone), -1) for kind in "et")
    days_used = used["days"].to_numpy().reshape(len(everyone), -1).sum(axis=1)
    days_all = days_used + idle["days"].to_numpy().reshape(len(everyone), -1).sum(axis=1)
    whole = (minutes > 0).all(axis=1)
    with_block = (minutes.reshape(len(everyone), len(blocks), 24) > 0).any(axis=2)[days_used >= least_days]
    for block, share in zip(blocks, with_block.mean(axis=0) if len(with_block) else []):
        if share < 0.5:
            raise SegmentError(f"day_types: only {share:.0%} of the customers have readings of {block}; leave it out")
    kw = np.divide(energy * 60 / 1000, minutes, out=np.zeros_like(energy), where=minutes > 0)
    weight = np.repeat([DAYS_A_YEAR[block.split("_")[-1]] for block in blocks], 24).astype(float)
    scale = kw @ weight / weight.sum()
    why = np.select(
        [days_all == 0, scale <= 0, days_used < least_days, ~whole],
        NO_SHAPE, default="",
    )  # fmt: skip
    good = why == ""
    columns = [f"{block}_{h}" for block in blocks for h in _HOURS]
    return Shapes(
        pd.DataFrame(kw[good] / scale[good, None], everyone[good], columns),
        pd.Series(scale[good], everyone[good], name="mean_kw"),
        pd.Series((1 - days_used / np.maximum(days_all, 1))[good], everyone[good], name="dropped_share"),
        pd.Series(why[~good].astype(object), everyone[~good], name="why"),
        blocks,
    )
