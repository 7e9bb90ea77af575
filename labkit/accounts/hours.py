"""Advice on the hours: use moved to cheaper ones, the month's peak in view."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from labkit.accounts.case import Case, Item, estimate_year, month_numbers, price_months
from labkit.shifting import shift_with_demand
from labkit.tariffs import Name, energy_prices, measure_load
from labkit.tariffs.rule import ContractCharge, DemandCharge


def advise_hours(case: Case) -> Iterator[Item]:
    """The optimum within the account's limits."""
    rule, minutes = case.rule, case.data.interval_min
    if len(rule.energy.periods.names) < 2 or rule.energy.fills_by_hour:
        return
    slots = 1440 // minutes
    load = case.load.to_numpy().reshape(-1, slots)
    days = case.load.index[::slots]
    month_of = month_numbers(days)
    kinds = case.data.day_type.reindex(days).tolist()
    price = energy_prices(rule, days, kinds, minutes)
    demand, limit = _demand_price(case, minutes)
    down = case.assume.movable_share * load
    up = np.full(load.shape, case.assume.fillable_share * load.mean())
    top = np.inf if case.capacity_kva is None else case.capacity_kva * minutes / 60
    after = shift_with_demand(
        load,
        price,
        down,
        up,
        month_of,
        demand_price=demand,
        floor_kwh=limit,
        limit_kwh=top,
        cost=case.assume.moving_yuan_per_kwh,
    )
    moved = np.maximum(load - after, 0.0)
    series = pd.Series(after.reshape(-1), case.load.index)
    found = measure_load(rule, series, minutes, case.kvarh, any_date=True)
    costs, _ = price_months(rule, found, case.account)
    work = np.bincount(month_of, moved.sum(axis=1), len(found.months)) * case.assume.moving_yuan_per_kwh
    saving = estimate_year(case.cost_yuan - costs - work, case.seed)
    if saving.value <= 0 or moved.sum() < 1:
        return
    share = moved.sum() / load.sum()
    hour = np.arange(slots) * minutes // 60
    change = pd.Series((after - load).sum(axis=0)).groupby(hour).sum()
    out, into = _hours_of(change.nsmallest(4), change < 0), _hours_of(change.nlargest(4), change > 0)
    before_kw, after_kw = (x.max(axis=1) * 60 / minutes for x in (load, after))
    yield Item(
        "hours",
        Name(f"Move use from {out} to {into}", f"把 {out} 的用电移到 {into}"),
        Name(
            f"{share:.1%} of all energy, within {case.assume.movable_share:.0%} of the load of any quarter of an hour; "
            f"highest demand {before_kw.max():,.0f} to {after_kw.max():,.0f} kW.",
            f"移动全部电量的 {share:.1%}，任一时段不超过其负荷的 {case.assume.movable_share:.0%}；"
            f"最大需量由 {before_kw.max():,.0f} kW 变为 {after_kw.max():,.0f} kW。",
        ),
        saving,
    )


def _demand_price(case: Case, minutes: int) -> tuple[np.ndarray, np.ndarray]:
    """Price of the month's peak by the kWh of a slot, and the peak that is paid for in any case."""
    basic, months = case.rule.basic, len(case.found.months)
    per_slot = 60 / minutes
    if isinstance(basic, DemandCharge):
        price = np.array([basic.prices[m - 1][0][-1].price for m in case.found.month_numbers])
        return price * per_slot, np.zeros(months)
    if isinstance(basic, ContractCharge) and case.contract_kw:
        price = np.full(months, basic.yuan_per_kw * basic.excess_multiple)
        return price * per_slot, np.full(months, case.contract_kw * basic.tolerance / per_slot)
    return np.zeros(months), np.zeros(months)


def _hours_of(change: pd.Series, moves: pd.Series) -> str:
    hours = sorted(int(h) for h in change.index if moves[h])
    spans: list[list[int]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour:
            spans[-1][1] = hour + 1
        else:
            spans.append([hour, hour + 1])
    return ", ".join(f"{a:02d}–{b:02d}" for a, b in spans)
