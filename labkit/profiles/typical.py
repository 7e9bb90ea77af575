"""Typical days: the mean load of every slot by day type, and by season where asked."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit import calendar
from labkit.lab import Lab
from labkit.profiles.cells import cells

#: Relative loads (24 at most) are added as whole numbers of this part, so that no order of customers shows.
_UNIT = 1 << 40


def typical_days(lab: Lab, groups: ir.Table | None = None, *, by_season: bool = False) -> pd.DataFrame:
    """Mean load of every slot of the day, by day type, and by season where asked.

    Parameters
    ----------
    lab : Lab
    groups : Table, optional
        ``customer_id`` and ``group``: then the mean over the customers of a
        group of each one's load relative to its own mean of that day type, hour
        by hour, so that no large customer's curve shows through.
    by_season : bool
        Tell winter (12, 1, 2), spring, summer and autumn apart.

    Returns
    -------
    DataFrame
        Without groups ``customer_id``, ``day_type``, ``hour`` (start of the slot
        [h]), ``mean_kw``; slots as metered, hours where the interval changed. With
        groups ``group``, ``day_type``, ``hour``, ``relative_load``,
        ``customers_count``. By season with ``season`` before the day type.
    """
    kinds = ["season", "day_type"] if by_season else ["day_type"]
    intervals = lab.intervals()
    asked = []
    for minutes in intervals:
        step = minutes if groups is None else 60
        cell = cells(lab, minutes, step_min=step)
        cell = cell.mutate(season=_season(cell.month)) if by_season else cell
        asked.append(lab.run_parts(_step_sums(cell, minutes, step, kinds)))
    parts = (_mean_loads(wides, intervals, kinds) for wides in zip(*asked, strict=True))
    if groups is None:
        return pd.concat(parts).sort_values(["customer_id", *kinds, "hour"], ignore_index=True)
    member = lab.run(groups.select("customer_id", "group").distinct())
    by = ["group", *kinds, "hour"]
    sums = pd.concat([_relative_sums(part, member, by) for part in parts]).groupby(by).sum().reset_index()
    sums["relative_load"] = sums["relative_load"] / _UNIT / sums["customers_count"]
    return sums[[*by, "relative_load", "customers_count"]]


def _mean_loads(wides: tuple[pd.DataFrame, ...], intervals: list[int], kinds: list[str]) -> pd.DataFrame:
    """Mean load by customer, kind of day and hour of a part's customers, out of the sums of each interval."""
    key, parts = ["customer_id", *kinds, "hour"], []
    for wide, minutes in zip(wides, intervals, strict=True):
        steps = [column[1:] for column in wide.columns if column.startswith("e")]
        # In this order row after row is one customer's.
        long = wide.loc[wide.index.repeat(len(steps)), key[:-1]].reset_index(drop=True)
        long["hour"] = np.tile(np.array(steps, dtype=float), len(wide))
        for name, kind in (("wh", "e"), ("minutes", "t")):
            long[name] = wide[[f"{kind}{step}" for step in steps]].to_numpy().reshape(-1)
        parts.append(long.assign(interval_min=minutes))
    total = pd.concat(parts, ignore_index=True)
    if len(parts) > 1:
        changed = total.groupby("customer_id")["interval_min"].transform("nunique") > 1
        total["hour"] = total["hour"].where(~changed, total["hour"] // 1)
        # Energy and time are added before dividing: a day counts for what it has.
        total = total.groupby(key, as_index=False)[["wh", "minutes"]].sum()
    total = total[total["minutes"] > 0]
    return total[key].assign(mean_kw=total["wh"] * 60 / 1000 / total["minutes"])


def _relative_sums(loads: pd.DataFrame, member: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Sum over customers of a group of each one's load relative to its own mean of that kind of day, and how many these are."""
    table = loads.merge(member, on="customer_id").dropna(subset=["group"])
    mean = table.groupby(["customer_id", *by[1:-1]])["mean_kw"].transform("mean")
    table["relative_load"] = table["mean_kw"] / mean.where(mean > 0)
    known = table.dropna(subset=["relative_load"])
    known = known.assign(relative_load=np.rint(known["relative_load"] * _UNIT).astype("int64"))
    return known.groupby(by, as_index=False).agg(
        relative_load=("relative_load", "sum"), customers_count=("customer_id", "nunique")
    )


def _season(month: ir.StringValue) -> ir.StringValue:
    number = month[5:7].cast("int64")
    seasons = {name: [m for m in range(1, 13) if m % 12 // 3 == i] for i, name in enumerate(calendar.SEASONS)}
    return ibis.cases(*((number.isin(mine), name) for name, mine in seasons.items()))


def _step_sums(cell: ir.Table, interval_min: int, step_min: int, kinds: list[str]) -> ir.Table:
    """Energy ``e…`` [Wh] and time with a reading ``t…`` [min] of each step, by customer and kind of day."""
    sums = {}
    for i in range(1440 // step_min):
        sums[f"e{i * step_min / 60:g}"] = cell[f"s{i:02d}"].sum().fill_null(0).cast("int64")
        sums[f"t{i * step_min / 60:g}"] = cell[f"n{i:02d}"].sum().cast("int64") * interval_min
    return cell.group_by(["customer_id", *kinds]).aggregate(**sums)
