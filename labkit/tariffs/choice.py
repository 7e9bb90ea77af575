"""The choice between tariffs and kinds of basic charge, with its regret and how sure it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from labkit.estimates import Estimate
from labkit.tariffs.charges import charge
from labkit.tariffs.determinants import (
    Determinants,
    as_load,
    check_validity,
    make_grid,
    measure,
    refuse_gaps,
    refuse_negative,
)
from labkit.tariffs.lines import Account
from labkit.tariffs.rule import CapacityCharge, ContractCharge, DemandCharge, Every, TariffError
from labkit.tariffs.tariff import Tariff
from labkit.terms import Language


@dataclass(frozen=True, eq=False)
class Choice:
    """Which tariff is cheapest for a load, by how much, and how sure that is.

    Attributes
    ----------
    table : DataFrame
        Cheapest first: ``tariff_id``, ``name_en``, ``name_zh``, ``year_yuan`` (the
        months given, brought to twelve), ``regret_yuan`` over the cheapest with
        ``regret_low`` and ``regret_high``, ``cheapest_share`` of drawn years in
        which it is the cheapest of those allowed, ``contract_kw`` used,
        ``allowed``, ``why_not_en``, ``why_not_zh``.
    by_month : DataFrame
        Cost of each month (the index), a column a tariff.
    best : str
        Id of the cheapest tariff allowed.
    current : str, optional
        Id of today's tariff.
    saving : Estimate, optional
        A year's saving by the best against today's [yuan].
    change_on : tuple of date
        Next days on which the change is allowed.
    notes : tuple of (str, str)
        English and Chinese.
    """

    table: pd.DataFrame
    by_month: pd.DataFrame
    best: str
    current: str | None
    saving: Estimate | None
    change_on: tuple[dt.date, ...]
    notes: tuple[tuple[str, str], ...] = ()

    def sentence(self, language: Language) -> str:
        """The advice in a sentence."""
        best = self.table.set_index("tariff_id").loc[self.best]
        sure = f"{best['cheapest_share']:.0%}"
        name = best[f"name_{language}"]
        if self.saving is None or self.current == self.best:
            stay = self.current == self.best
            if language == "zh":
                return f"{'维持' if stay else '选择'}“{name}”：在 {sure} 的模拟年份中最省。"
            return f"{'Stay with' if stay else 'Take'} {name}: cheapest in {sure} of the drawn years."
        low, high, day = self.saving.low, self.saving.high, self.change_on[0]
        if language == "zh":
            return (
                f"改为“{name}”，预计每年少付 {self.saving.value:,.0f} 元（95% 区间 {low:,.0f} 至 {high:,.0f} 元），"
                f"在 {sure} 的模拟年份中最省；最早可自 {day} 起变更。"
            )
        return (
            f"Change to {name}: {self.saving.value:,.0f} yuan less a year (95% interval {low:,.0f} to {high:,.0f}), "
            f"cheapest in {sure} of the drawn years; possible from {day} on."
        )


def choose(
    load: Any,
    tariffs: Iterable[Tariff],
    *,
    start: str | dt.date | pd.Timestamp | None = None,
    interval_min: int | None = None,
    kvarh: Any = None,
    capacity_kva: float | None = None,
    contract_kw: float | None = None,
    pf_standard: float | None = None,
    voltage_kv: float | None = None,
    customer_class: str | None = None,
    current: str | None = None,
    on: dt.date | None = None,
    any_date: bool = False,
    draws: int = 2000,
    seed: int = 0,
) -> Choice:
    """The cheapest tariff and basic-charge mode over a year.

    Parameters
    ----------
    load : Series or sequence of float
        Energy of each interval [kWh]; a Series with times brings its own start
        and interval.
    tariffs : iterable of Tariff
        Modes of the basic charge are tariffs of their own.
    start, interval_min
        Of the load, where it is no Series with times.
    contract_kw : float, optional
        Contract to keep; where left out, `best_contract` of the months given.
    current : str, optional
        Id of today's tariff, which may be kept even where it is closed to others.
    on : date, optional
        Day of the advice; the day after the load by default.
    draws, seed : int
        Years drawn for the intervals.

    Raises
    ------
    TariffError
        If nothing may be chosen, or a load cannot be billed.

    Notes
    -----
    Another year is twelve months drawn with replacement from those given, the
    same for all tariffs: it says how far the choice hangs on single months, not
    what a change of the business would do. Months are taken as independent.
    A ratchet or yearly steps stay as they fell in the year given.

    Examples
    --------
    >>> from labkit.tariffs import read_tariffs
    >>> known = read_tariffs()
    >>> modes = [known["TWO_PART_CAPACITY"], known["TWO_PART_DEMAND"]]
    >>> flat = [100.0] * 8760
    >>> choose(flat, modes, start="2025-01-01", interval_min=60, capacity_kva=400).best
    'TWO_PART_DEMAND'
    """
    offered = list(tariffs)
    if not offered:
        raise TariffError("there is no tariff to choose from; give at least one")
    kwh, first, minutes = _as_series(load, start, interval_min)
    reactive = None if kvarh is None else as_load("kvarh", kvarh)
    if reactive is not None and (reactive.shape != kwh.shape or not np.isfinite(reactive).all()):
        raise TariffError("kvarh has gaps, or not one value for each interval of the load; fill them or leave it out")
    account = {"capacity_kva": capacity_kva, "pf_standard": pf_standard}
    rows, costs, notes = [], {}, []
    for rule in offered:
        grid = make_grid(first, minutes, kwh.shape[1], rule.calendar)
        refuse_gaps("load", kwh, grid)
        refuse_negative("load", kwh, grid)
        if not any_date:
            check_validity(rule, grid)
        found = measure(rule, kwh, grid, reactive)
        contract = contract_kw
        if isinstance(rule.basic, ContractCharge) and contract is None:
            contract = best_contract(rule, found, capacity_kva)
        known = {key: None if value is None else np.array([float(value)]) for key, value in account.items()}
        costs[rule.id] = _month_costs(
            rule, found, Account(**known, contract_kw=None if contract is None else np.array([contract]))
        )
        # Who has a tariff may keep it, also where it is closed to others.
        refusal = None if rule.id == current else rule.eligible.refusal(capacity_kva, voltage_kv, customer_class)
        rows.append(
            {
                "tariff_id": rule.id,
                "name_en": rule.name.en,
                "name_zh": rule.name.zh,
                "contract_kw": contract if isinstance(rule.basic, ContractCharge) else np.nan,
                "allowed": refusal is None,
                "why_not_en": refusal.en if refusal else "",
                "why_not_zh": refusal.zh if refusal else "",
            }
        )
        months = found.months
    by_month = pd.DataFrame(costs, index=pd.Index(months, name="month"))
    if len(months) != 12:
        notes.append((f"{len(months)} months are brought to a year.", f"以 {len(months)} 个月的数据折算为全年。"))
    table, saving = _compare(pd.DataFrame(rows), by_month, current, draws, seed)
    best = str(table.loc[table["allowed"], "tariff_id"].iloc[0])
    rule = next(rule for rule in offered if rule.id == best)
    # A new contract on the same mode follows the shorter step.
    every = rule.contract_changes if best == current else rule.basic_changes
    last = pd.Timestamp(first) + pd.Timedelta(minutes=minutes * kwh.shape[1])
    days = change_dates(every, on or last.date() - dt.timedelta(1))
    return Choice(table, by_month, best, current, saving, days, tuple(notes))


def _as_series(load: Any, start: Any, interval_min: int | None) -> tuple[np.ndarray, Any, int]:
    if isinstance(load, pd.Series) and isinstance(load.index, pd.DatetimeIndex):
        steps = np.unique(np.diff(load.index.to_numpy()).astype("timedelta64[m]").astype(int))
        if len(steps) != 1:
            at = load.index[int(np.argmax(np.diff(load.index.to_numpy()) != np.diff(load.index.to_numpy())[0])) + 1]
            raise TariffError(
                f"the load's times do not follow each other evenly at {at}; fill or estimate the gaps first"
            )
        return as_load("load", load.to_numpy()), load.index[0], int(steps[0])
    if start is None or interval_min is None:
        raise TariffError("start and interval_min are missing; give them, or a Series with times")
    return as_load("load", load), start, interval_min


def _month_costs(rule: Tariff, found: Determinants, account: Account) -> np.ndarray:
    total = np.zeros(found.max_kw.shape)
    for line in charge(rule, found, account):
        total = total + line.amount
    return total[0].round(2)


def _compare(
    table: pd.DataFrame, by_month: pd.DataFrame, current: str | None, draws: int, seed: int
) -> tuple[pd.DataFrame, Estimate | None]:
    allowed = table.loc[table["allowed"], "tariff_id"].tolist()
    if not allowed:
        raise TariffError(f"none of {', '.join(table['tariff_id'])} may be chosen: {table['why_not_en'].iloc[0]}")
    if current is not None and current not in by_month:
        raise TariffError(f"current is {current!r}, which is not among {', '.join(by_month)}; add it to the tariffs")
    costs = by_month.to_numpy()
    scale = 12 / len(costs)
    year = costs.sum(axis=0) * scale
    columns = list(by_month)
    places = [columns.index(name) for name in allowed]
    best = places[int(np.argmin(year[places]))]
    drawn = costs[np.random.default_rng(seed).integers(0, len(costs), (draws, 12))].sum(axis=1)
    regret = drawn - drawn[:, [best]]
    winner = np.array(places)[np.argmin(drawn[:, places], axis=1)]
    low, high = np.quantile(regret, [0.025, 0.975], axis=0)
    table = table.assign(
        year_yuan=year.round(2),
        regret_yuan=(year - year[best]).round(2),
        regret_low=low.round(2),
        regret_high=high.round(2),
        cheapest_share=[float((winner == i).mean()) for i in range(len(columns))],
    )
    saving = None
    if current is not None:
        at = columns.index(current)
        saving = Estimate(float(year[at] - year[best]), float(low[at]), float(high[at]), len(costs))
    order = [
        "tariff_id",
        "name_en",
        "name_zh",
        "year_yuan",
        "regret_yuan",
        "regret_low",
        "regret_high",
        "cheapest_share",
    ]
    table = table[[*order, "contract_kw", "allowed", "why_not_en", "why_not_zh"]]
    return table.sort_values(["year_yuan", "tariff_id"], ignore_index=True), saving


def best_contract(rule: Tariff, found: Determinants, capacity_kva: float | None = None) -> float:
    """The contract demand that would have been cheapest for the months given [kW].

    Notes
    -----
    The cost of the basic charge is piecewise linear and convex in the contract:
    a month's demand over the tolerance is where it bends, so trying those is
    exact. Rounded up to whole kW.
    """
    assert isinstance(rule.basic, ContractCharge)
    basic, peaks = rule.basic, found.max_kw[0]
    floor = basic.floor_share * (capacity_kva or 0.0)
    tried = np.unique(np.ceil(np.append(peaks / basic.tolerance, floor) - 1e-9)).clip(min=1.0)
    multiple = np.ones(len(peaks))
    if basic.high_use is not None and capacity_kva:
        use = found.kwh[0].sum(axis=1) / capacity_kva
        multiple = np.where(use.round(6) >= basic.high_use.kwh_per_kva, basic.high_use.multiple, 1.0)
    billed = np.maximum(tried, floor)[:, None]
    excess = np.clip(peaks - billed * basic.tolerance, 0, None)
    cost = ((billed + basic.excess_multiple * excess) * multiple).sum(axis=1)
    return float(tried[int(np.argmin(cost.round(6)))])


def change_dates(every: Every, on: dt.date, count: int = 4) -> tuple[dt.date, ...]:
    """The next days after `on` on which a change may begin.

    Examples
    --------
    >>> import datetime as dt
    >>> [str(day) for day in change_dates("quarter", dt.date(2025, 11, 20), 2)]
    ['2026-01-01', '2026-04-01']
    """
    step = {"month": 1, "quarter": 3, "year": 12}[every]
    at, found = pd.Period(on, "M") + 1, list[dt.date]()
    while len(found) < count:
        if (at.month - 1) % step == 0:
            found.append(at.start_time.date())
        at += 1
    return tuple(found)


def break_even(capacity: Tariff, demand: Tariff) -> tuple[float, float]:
    """Maximum demand per kVA [kW/kVA] at which both basic charges cost the same, plain and with high use.

    Below it the charge by demand is cheaper.

    Examples
    --------
    >>> from labkit.tariffs import read_tariffs
    >>> known = read_tariffs()
    >>> [round(x, 3) for x in break_even(known["TWO_PART_CAPACITY"], known["TWO_PART_DEMAND"])]
    [0.667, 0.741]
    """
    if not isinstance(capacity.basic, CapacityCharge) or not isinstance(demand.basic, DemandCharge | ContractCharge):
        raise TariffError("break_even needs a tariff by capacity and one by demand, in this order")
    basic = demand.basic
    price = basic.yuan_per_kw if isinstance(basic, ContractCharge) else basic.prices[0][0][0].price
    if price <= 0:
        raise TariffError(f"{demand.id}: the demand price is 0; there is no break-even")
    multiple = basic.high_use.multiple if basic.high_use else 1.0
    return capacity.basic.yuan_per_kva / price, capacity.basic.yuan_per_kva / price / multiple
