"""Who is a key account: by energy, revenue, margin and voltage, and who grows or shrinks."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Literal

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats
from statsmodels.stats.multitest import multipletests

from labkit.concentration import Every, assign_tiers, count_moves, period_of
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS

By = Literal["energy", "revenue"]
_COLUMNS = {"energy": "kwh", "revenue": "total_yuan"}
CRITERIA = ("by_energy", "by_revenue", "by_margin", "by_voltage")


def monthly_bills(lab: Lab) -> pd.DataFrame:
    """Energy and revenue by customer and billed month.

    Returns
    -------
    DataFrame
        ``customer_id``, ``month``, ``kwh``, ``total_yuan``, ``funds_yuan``,
        ``max_demand_kw``.
    """
    bills = lab.bills
    table = bills.group_by(["customer_id", "period"]).aggregate(
        kwh=bills.kwh.sum(),
        total_yuan=bills.total_yuan.sum(),
        funds_yuan=bills.funds_yuan.sum().fill_null(0.0),
        max_demand_kw=bills.max_demand_kw.max(),
    )
    return lab.run(table).rename(columns={"period": "month"}).sort_values(["customer_id", "month"], ignore_index=True)


def supply_costs(lab: Lab) -> pd.DataFrame:
    """What supplying each customer cost, hour by hour, at avoided costs.

    Returns
    -------
    DataFrame
        ``customer_id``, ``metered_kwh``, ``supply_yuan``: load of each hour times
        what energy, capacity and network cost in that hour.

    Notes
    -----
    The yuan per kW of an hour falls on the mean load of that hour, so capacity is
    paid by those who use the hours that make it necessary.
    """
    costs = lab.run(lab.avoided_costs)
    per_kwh = costs[["energy_yuan_per_kwh", "capacity_yuan_per_kw", "network_yuan_per_kw"]].fillna(0.0).sum(axis=1)
    times = pd.to_datetime(costs["ts"])
    wide = pd.DataFrame({"day": times.dt.date, "hour": times.dt.hour, "yuan": per_kwh}).pivot_table(
        index="day", columns="hour", values="yuan", aggfunc="mean"
    )
    wide = wide.reindex(columns=range(24))
    columns = {"day": pa.array(list(wide.index), pa.date32())}
    columns |= {f"c{hour:02d}": pa.array(wide[hour].to_numpy(dtype=float)) for hour in range(24)}
    rows = lab.readings.inner_join(ibis.memtable(pa.table(columns)), "day")
    slots = [rows[name].fill_null(0).cast("int64") for name in SLOT_COLUMNS]
    parts = {}
    for minutes in lab.intervals():
        mine = slots[: 1440 // minutes]
        width = 60 // minutes
        hours = [reduce(add, mine[h * width : (h + 1) * width]) for h in range(24)]
        parts[minutes] = (reduce(add, hours), reduce(add, (hours[h] * rows[f"c{h:02d}"] for h in range(24))))
    wh = ibis.cases(*((rows.interval_min == m, value[0]) for m, value in parts.items()))
    yuan = ibis.cases(*((rows.interval_min == m, value[1]) for m, value in parts.items()))
    table = rows.select("customer_id", wh=wh, yuan=yuan)
    return lab.run(
        table.group_by("customer_id").aggregate(
            metered_kwh=table.wh.sum().cast("int64") / 1000.0, supply_yuan=table.yuan.sum() / 1000.0
        )
    ).sort_values("customer_id", ignore_index=True)


def rank_accounts(lab: Lab, months: int = 12, voltage_kv: float = 10.0, least_criteria: int = 2) -> pd.DataFrame:
    """Customers by what they bring, and who of them is a key account.

    Parameters
    ----------
    months : int
        Last billed months that count.
    voltage_kv : float
        Supplied at this voltage or above.
    least_criteria : int
        How many of the criteria (energy, revenue, margin: among those who bring
        the first 80 %; voltage) make a key account.

    Returns
    -------
    DataFrame
        Largest revenue first: ``customer_id``, ``customer_class``, ``voltage_kv``,
        ``capacity_kva``, ``energy_kwh``, ``revenue_yuan``, ``margin_yuan``
        (missing without readings or avoided costs), ``revenue_share``,
        ``tier``, one flag a criterion, ``criteria_count``, ``key_account``.

    Notes
    -----
    Residential customers are no accounts. The margin is revenue without funds,
    less what supply cost at avoided costs, scaled from the metered to the billed
    energy; fixed costs of the grid are not in it.
    """
    bills = monthly_bills(lab)
    recent = sorted(bills["month"].unique())[-months:]
    mine = bills[bills["month"].isin(recent)]
    total = mine.groupby("customer_id").agg(
        energy_kwh=("kwh", "sum"), revenue_yuan=("total_yuan", "sum"), funds_yuan=("funds_yuan", "sum")
    )
    who = lab.run(lab.customers.select("customer_id", "customer_class", "voltage_kv", "capacity_kva", "left_on"))
    table = who.merge(total, on="customer_id", how="inner")
    table = table[(table["customer_class"] != "residential") & table["left_on"].isna()].copy()
    table["margin_yuan"] = np.nan
    if lab.has("readings", "avoided_costs"):
        cost = supply_costs(lab).set_index("customer_id").reindex(table["customer_id"])
        each = (cost["supply_yuan"] / cost["metered_kwh"].where(cost["metered_kwh"] > 0)).to_numpy()
        table["margin_yuan"] = table["revenue_yuan"] - table["funds_yuan"] - each * table["energy_kwh"]
    for name, column in (("by_energy", "energy_kwh"), ("by_revenue", "revenue_yuan"), ("by_margin", "margin_yuan")):
        known = table[column].clip(lower=0).fillna(0.0)
        table[name] = (assign_tiers(known) == "A") & (known > 0) if known.sum() > 0 else False
    table["by_voltage"] = (table["voltage_kv"] >= voltage_kv).fillna(False)
    table["criteria_count"] = table[list(CRITERIA)].sum(axis=1)
    table["key_account"] = table["criteria_count"] >= least_criteria
    table["tier"] = assign_tiers(table["revenue_yuan"].clip(lower=0))
    table["revenue_share"] = table["revenue_yuan"] / (table["revenue_yuan"].sum() or np.nan)
    order = ["customer_id", "customer_class", "voltage_kv", "capacity_kva", "energy_kwh", "revenue_yuan", "margin_yuan"]
    order += ["revenue_share", "tier", *CRITERIA, "criteria_count", "key_account"]
    return table[order].sort_values(["revenue_yuan", "customer_id"], ascending=[False, True], ignore_index=True)


def tiers_by_period(bills: pd.DataFrame, every: Every, by: By = "revenue") -> pd.DataFrame:
    """Tier of each customer in each month, whole quarter, or year.

    Years are compared by the months all of them have, so that a year still under
    way counts as well.

    Parameters
    ----------
    bills : DataFrame
        Of `monthly_bills`, for the customers that count.

    Returns
    -------
    DataFrame
        ``customer_id``, ``period``, ``value``, ``tier``.
    """
    frame = bills.assign(period=period_of(bills["month"], every), number=bills["month"].str[5:])
    if every == "year":
        shared = frame.groupby("number")["period"].nunique()
        frame = frame[frame["number"].isin(shared[shared == frame["period"].nunique()].index)]
    else:
        counts = frame.groupby("period")["month"].nunique()
        frame = frame[frame["period"].isin(counts[counts == {"month": 1, "quarter": 3}[every]].index)]
    value = frame.groupby(["period", "customer_id"], as_index=False)[_COLUMNS[by]].sum()
    value = value.rename(columns={_COLUMNS[by]: "value"})
    value["value"] = value["value"].clip(lower=0)
    value["tier"] = value.groupby("period")["value"].transform(assign_tiers)
    return value[["customer_id", "period", "value", "tier"]]


def count_tier_moves(tiers: pd.DataFrame) -> pd.DataFrame:
    """Moves between tiers from each period to the next, all pairs of periods together.

    Returns
    -------
    DataFrame
        As `labkit.concentration.count_moves`; empty where there is one period only.
    """
    wide = tiers.pivot_table(index="customer_id", columns="period", values="tier", aggfunc="first")
    periods = sorted(wide.columns)
    if len(periods) < 2:
        return pd.DataFrame(columns=["tier_before", "tier_after", "customers_count", "share", "low", "high"])
    before = pd.concat([wide[p].set_axis(wide.index + f"|{i}") for i, p in enumerate(periods[:-1])])
    after = pd.concat([wide[p].set_axis(wide.index + f"|{i}") for i, p in enumerate(periods[1:])])
    return count_moves(before, after)


def find_trends(bills: pd.DataFrame, least_months: int = 6, error_rate: float = 0.10) -> pd.DataFrame:
    """Who grows and who shrinks: each month against the same month a year before.

    Parameters
    ----------
    bills : DataFrame
        Of `monthly_bills`, for the customers that count.
    least_months : int
        Fewest pairs of months; fewer give no verdict.
    error_rate : float
        Share of false names among those named (Benjamini-Hochberg).

    Returns
    -------
    DataFrame
        ``customer_id``, ``pairs_count``, ``change_share`` a year with ``low`` and
        ``high`` (95 %), ``p_value``, ``direction``: growing, shrinking, steady or
        unknown; strongest change first.

    Notes
    -----
    Mean of the log ratios with a t interval; since months hang together, the
    error is widened by the lag-1 correlation of all customers' ratios. Benjamini
    and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    wide = bills.pivot_table(index="customer_id", columns="month", values="kwh", aggfunc="sum")
    wide = wide.where(wide > 0)
    months = [m for m in wide.columns if f"{int(m[:4]) - 1}{m[4:]}" in wide.columns]
    earlier = [f"{int(m[:4]) - 1}{m[4:]}" for m in months]
    ratio = np.log(wide[months].to_numpy()) - np.log(wide[earlier].to_numpy())
    n = np.isfinite(ratio).sum(axis=1)
    known = n >= max(least_months, 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, np.nansum(ratio, axis=1) / np.maximum(n, 1), np.nan)
        spread = np.sqrt(np.nansum((ratio - mean[:, None]) ** 2, axis=1) / np.maximum(n - 1, 1))
        inflation = np.sqrt((1 + (r := _lag_correlation(ratio[known]))) / (1 - r))
        error = spread / np.sqrt(np.maximum(n, 1)) * inflation
        t = np.where(error > 0, mean / error, 0.0)
    reach = stats.t.ppf(0.975, np.maximum(n - 1, 1)) * error
    p = np.where(known, 2 * stats.t.sf(np.abs(t), np.maximum(n - 1, 1)), np.nan)
    named = np.zeros(len(p), dtype=bool)
    if known.any():
        named[known] = multipletests(p[known], alpha=error_rate, method="fdr_bh")[0]
    direction = np.select(
        [~known, named & (mean > 0), named & (mean < 0)], ["unknown", "growing", "shrinking"], "steady"
    )
    found = pd.DataFrame(
        {
            "customer_id": wide.index,
            "pairs_count": n,
            "change_share": np.where(known, np.expm1(mean), np.nan),
            "low": np.where(known, np.expm1(mean - reach), np.nan),
            "high": np.where(known, np.expm1(mean + reach), np.nan),
            "p_value": p,
            "direction": direction,
        }
    )
    return found.sort_values("p_value", ignore_index=True)


def _lag_correlation(ratio: np.ndarray) -> float:
    """Lag-1 correlation within customers, pooled; between 0 and 0.8."""
    x = ratio - np.nanmean(ratio, axis=1, keepdims=True) if len(ratio) else ratio
    if x.size == 0 or not np.nansum(x**2):
        return 0.0
    raw = np.nansum(x[:, 1:] * x[:, :-1]) / np.nansum(x**2)
    # A mean taken from n values pulls the correlation down by about (1 + 3r) / n: undone.
    n = x.shape[1]
    return float(np.clip((n * raw + 1) / max(n - 3, 1), 0.0, 0.8))
