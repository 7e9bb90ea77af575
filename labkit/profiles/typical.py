"""Typical days: the mean load of every slot by day type, and by season where asked."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit import calendar
from labkit.lab import Lab
from labkit.profiles.cells import cells


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
    key, parts = ["customer_id", *kinds, "hour"], []
    for minutes in lab.intervals():
        step = minutes if groups is None else 60
        cell = cells(lab, minutes, step_min=step)
        cell = cell.mutate(season=_season(cell.month)) if by_season else cell
        for wide in lab.run_parts(_step_sums(cell, minutes, step, kinds)):
            slots = [column[1:] for column in wide.columns if column.startswith("e")]
            long = wide.melt(key[:-1], [f"e{slot}" for slot in slots], "hour", "wh")
            long["minutes"] = wide.melt([], [f"t{slot}" for slot in slots])["value"]
            long["hour"] = long["hour"].str[1:].astype(float)
            parts.append(long.assign(interval_min=minutes))
    every = pd.concat(parts)
    changed = every.groupby("customer_id")["interval_min"].transform("nunique") > 1
    every["hour"] = every["hour"].where(~changed, every["hour"] // 1)
    # Energy and time are added before dividing: a day counts for what it has.
    total = every.groupby(key, as_index=False)[["wh", "minutes"]].sum()
    total = total[total["minutes"] > 0]
    total["mean_kw"] = total["wh"] * 60 / 1000 / total["minutes"]
    if groups is None:
        return total[[*key, "mean_kw"]].reset_index(drop=True)
    member = lab.run(groups.select("customer_id", "group"))
    table = total.merge(member, on="customer_id").dropna(subset=["group"])
    mean = table.groupby(key[:-1])["mean_kw"].transform("mean")
    table["relative_load"] = table["mean_kw"] / mean.where(mean > 0)
    return (
        table.dropna(subset=["relative_load"])
        .groupby(["group", *kinds, "hour"], as_index=False)
        .agg(relative_load=("relative_load", "mean"), customers_count=("customer_id", "nunique"))
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
