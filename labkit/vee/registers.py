"""Readings against bills: two meters of the same thing, the register and the interval."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit.engine import divide
from labkit.lab import Lab
from labkit.schema import TABLES
from labkit.vee.day_checks import SUSPECT
from labkit.vee.thresholds import Thresholds

#: Readings over what they should be, where the unit is wrong.
UNIT_RATIOS = (1000.0, 0.001, 4.0, 0.25)


def compare_registers(lab: Lab, energy: ir.Table, complete: float, tolerance: float) -> pd.DataFrame:
    """Energy of the bill against the sum of readings, customer-months that are complete.

    Parameters
    ----------
    energy : Table
        ``customer_id``, ``month``, ``kwh``, ``hours_metered``.
    complete : float
        Share of a month's hours that must have a reading.
    tolerance : float
        Relative difference up to which they agree; a bill in whole kWh may always be 1 kWh off.

    Returns
    -------
    DataFrame
        ``customer_id``, ``period``, ``bill_kwh``, ``readings_kwh``, ``ratio`` (missing where the bill is 0), ``agrees``.
    """
    bills = lab.bills.select("customer_id", "period", bill_kwh="kwh")
    joined = lab.run(bills.inner_join(energy, [("customer_id", "customer_id"), ("period", "month")]))
    if joined.empty:
        return pd.DataFrame(columns=["customer_id", "period", "bill_kwh", "readings_kwh", "ratio", "agrees"])
    hours = pd.PeriodIndex(joined["period"], freq="M").days_in_month * 24.0
    joined = joined[joined["hours_metered"] >= complete * hours].rename(columns={"kwh": "readings_kwh"})
    joined["ratio"] = joined["readings_kwh"] / joined["bill_kwh"].where(joined["bill_kwh"] > 0)
    room = np.maximum(tolerance * joined["bill_kwh"], 1.0)
    joined["agrees"] = (joined["readings_kwh"] - joined["bill_kwh"]).abs() <= room
    return joined[["customer_id", "period", "bill_kwh", "readings_kwh", "ratio", "agrees"]].sort_values(
        ["customer_id", "period"], ignore_index=True
    )


def month_energy(facts: ir.Table) -> ir.Table:
    """``customer_id``, ``month``, ``kwh``, ``hours_metered`` of the facts of days."""
    sums = facts.group_by(["customer_id", "month"]).aggregate(
        wh=facts.wh.sum().cast("int64"), minutes=(facts.known * facts.interval_min).sum().cast("int64")
    )
    return sums.select("customer_id", "month", kwh=divide(sums.wh, 1000), hours_metered=divide(sums.minutes, 60))


def check_registers(lab: Lab, facts: ir.Table, limits: Thresholds) -> list[pd.DataFrame]:
    """Wrong units, wrong multipliers, and bills that differ otherwise: each month under the gravest alone.

    Parameters
    ----------
    facts : Table
        Of `labkit.vee.day_facts`.
    """
    energy = month_energy(facts)
    found = [_unlike_itself(lab.run(energy), limits)]
    if lab.has("bills"):
        complete, room = limits["register_sum.complete_share"], limits["register_sum.tolerance"]
        found += judge_ratios(compare_registers(lab, energy, complete, room), limits)
    return found


def judge_ratios(compared: pd.DataFrame, limits: Thresholds) -> list[pd.DataFrame]:
    """What months that differ are suspected of.

    Parameters
    ----------
    compared : DataFrame
        Of `compare_registers`.
    """
    apart = compared[~compared["agrees"].astype(bool)].astype({"ratio": float})
    near = pd.Series(np.nan, index=apart.index)
    for unit in UNIT_RATIOS:
        near = near.mask((apart["ratio"] / unit - 1).abs() <= limits["unit_suspect.tolerance"], unit)
    units, rest = apart[near.notna()], apart[near.isna()]
    steady = rest.groupby("customer_id")["ratio"].agg(["min", "max", "median", "count"])
    # As many months as agree speak against a multiplier, which would be wrong in all.
    agreeing = compared.groupby("customer_id")["agrees"].sum().reindex(steady.index, fill_value=0)
    wrong = (
        (steady["count"] >= limits.whole("wrong_multiplier.least_months"))
        & (steady["max"] <= steady["min"] * (1 + limits["wrong_multiplier.spread"]))
        & ((steady["median"] - 1).abs() > limits["wrong_multiplier.least_difference"])
        & (steady["min"] > 0)
        & (agreeing < steady["count"])
    )
    multiplier = rest[rest["customer_id"].isin(wrong[wrong].index)]
    plain = rest.drop(index=multiplier.index)
    of_all = multiplier.groupby("customer_id").agg(
        first=("period", "min"), last=("period", "max"), cases_count=("period", "count"), value=("ratio", "median")
    )
    return [
        _bill_rows(units, "unit_suspect", units["ratio"], near[near.notna()]),
        _spans(of_all.reset_index(), "wrong_multiplier", 1.0),
        _bill_rows(plain, "register_sum", plain["readings_kwh"], plain["bill_kwh"]),
    ]


def _bill_rows(months: pd.DataFrame, check: str, value: pd.Series, limit: pd.Series) -> pd.DataFrame:
    rows = months.assign(first=months["period"], last=months["period"], cases_count=1, value=value.astype(float))
    return _spans(rows, check, limit.astype(float))


def _spans(rows: pd.DataFrame, check: str, limit: float | pd.Series) -> pd.DataFrame:
    """Months as the days from their first to their last."""
    first = pd.PeriodIndex(rows["first"].astype(str), freq="M").start_time.date if len(rows) else []
    last = pd.PeriodIndex(rows["last"].astype(str), freq="M").end_time.date if len(rows) else []
    return rows.assign(check=check, from_day=first, to_day=last, limit=limit)[SUSPECT]


def _unlike_itself(months: pd.DataFrame, limits: Thresholds) -> pd.DataFrame:
    """Months about a thousand times above or below the customer's median month: no bill is needed to see it."""
    known = months[months["hours_metered"] > 0].copy()
    known["level"] = known["kwh"] / known["hours_metered"]
    median = known.groupby("customer_id")["level"].transform("median")
    enough = known.groupby("customer_id")["level"].transform("size") >= 3
    ratio, factor = known["level"] / median.where(median > 0), limits["unit_suspect.history_factor"]
    thousand = ((ratio >= 1000 / factor) & (ratio <= 1000 * factor)) | (
        (ratio >= 0.001 / factor) & (ratio <= 0.001 * factor)
    )
    mine = known[enough & thousand].rename(columns={"month": "period"})
    limit = pd.Series(np.where(ratio[mine.index] > 1, 1000.0, 0.001), index=mine.index)
    return _bill_rows(mine, "unit_suspect", ratio[mine.index], limit)


def check_bills(lab: Lab, limits: Thresholds) -> list[pd.DataFrame]:
    """Periods that do not add up, and billing periods off their cycle."""
    return [_check_period_sums(lab), _check_cycles(lab, limits)] if lab.has("bills") else []


def _check_period_sums(lab: Lab) -> pd.DataFrame:
    rule = next(rule for rule in TABLES["bills"].rules if rule.id == "bills.energy_adds_up")
    bills = lab.bills
    parts = ("kwh_sharp", "kwh_peak", "kwh_flat", "kwh_valley")
    total = sum((bills[part].fill_null(0) for part in parts[1:]), bills[parts[0]].fill_null(0))
    bad = bills.filter(rule.bad(bills).fill_null(False))
    found = lab.run(bad.select("customer_id", "period", bill_kwh="kwh", parts_kwh=total))
    return _bill_rows(found, "period_sum", found["parts_kwh"], found["bill_kwh"])


def _check_cycles(lab: Lab, limits: Thresholds) -> pd.DataFrame:
    """Days from one issue to the next; where bills have no day of issue, from month to month."""
    bills = lab.bills.select("customer_id", "period", "bill_id", "issued_on")
    bills = bills.mutate(month=(bills.period + "-01").cast("date"))
    before = ibis.window(group_by="customer_id", order_by=["period", "bill_id"])
    bills = bills.mutate(issued_before=bills.issued_on.lag().over(before), month_before=bills.month.lag().over(before))
    issued, months = (
        now.delta(then, unit="day").cast("int64")
        for now, then in ((bills.issued_on, bills.issued_before), (bills.month, bills.month_before))
    )
    bills = bills.mutate(days=ibis.coalesce(issued, months))
    low, high = limits.whole("off_cycle_bill.shortest_days"), limits.whole("off_cycle_bill.longest_days")
    found = lab.run(bills.filter((bills.days < low) | (bills.days > high)).select("customer_id", "period", "days"))
    limit = pd.Series(np.where(found["days"] < low, low, high), index=found.index)
    return _bill_rows(found, "off_cycle_bill", found["days"], limit)
