"""One account under advice: its whole months, priced by today's tariff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from labkit.accounts.assumptions import Assumptions
from labkit.accounts.load import AccountData
from labkit.estimates import Estimate, estimate_by_bootstrap
from labkit.tariffs import Account, Choice, Determinants, Name, Tariff, TariffError, charge, choose, measure_load


@dataclass(frozen=True, eq=False)
class Item:
    """One piece of advice.

    Attributes
    ----------
    kind : str
        tariff, contract, capacitor, hours, maintenance or expansion.
    saving : Estimate, optional
        A year [yuan]; what it costs to run is taken off.
    cost_yuan : float
        What it costs once.
    payback_years : Estimate, optional
    worth_it : bool
        False for what not to do.
    """

    kind: str
    title: Name
    detail: Name
    saving: Estimate | None = None
    cost_yuan: float = 0.0
    payback_years: Estimate | None = None
    worth_it: bool = True


@dataclass(frozen=True, eq=False)
class Case:
    """What all items of advice start from.

    Attributes
    ----------
    load : Series
        Energy of each interval of the whole months [kWh].
    rule : Tariff
        Today's tariff.
    found : Determinants
        Of the load under it.
    cost_yuan, base_yuan : ndarray
        Each month: cost, and what the power-factor adjustment is a percentage of.
    """

    data: AccountData
    assume: Assumptions
    seed: int
    load: pd.Series
    kvarh: pd.Series | None
    rule: Tariff
    account: Account
    found: Determinants
    cost_yuan: np.ndarray
    base_yuan: np.ndarray
    choice: Choice

    @property
    def capacity_kva(self) -> float | None:
        """Transformer capacity."""
        return _known(self.data.facts["capacity_kva"])

    @property
    def contract_kw(self) -> float | None:
        """Contract demand."""
        return _known(self.data.facts["contract_kw"])

    @property
    def standard(self) -> float | None:
        """Power-factor standard."""
        return _known(self.data.facts["pf_standard"])


def make_case(
    data: AccountData, tariffs: Sequence[Tariff], assume: Assumptions, *, any_date: bool = False, seed: int = 0
) -> Case:
    """Price the whole months of an account by today's tariff and by all it may take.

    Raises
    ------
    TariffError
        If today's tariff is not among the tariffs, or no month is whole.
    """
    facts = data.facts
    known = {rule.id: rule for rule in tariffs}
    name = str(facts["tariff_id"])
    if name not in known:
        raise TariffError(f"an account's tariff of today, {name}, is not among {', '.join(known)}; add it")
    rule, load = known[name], _whole_months(data.load, data.interval_min)
    kvarh = None if data.kvarh is None else data.kvarh.reindex(load.index)
    number = {column: _known(facts[column]) for column in ("capacity_kva", "contract_kw", "pf_standard", "voltage_kv")}
    account = Account(
        *(None if number[c] is None else np.array([number[c]]) for c in ("capacity_kva", "contract_kw", "pf_standard"))
    )
    found = measure_load(rule, load, data.interval_min, kvarh, any_date=any_date)
    cost, base = price_months(rule, found, account)
    kind = str(facts["customer_class"])
    offered = [
        other
        for other in tariffs
        if other.id == name or other.eligible.refusal(number["capacity_kva"], number["voltage_kv"], kind) is None
    ]
    choice = choose(
        load,
        offered,
        kvarh=None if kvarh is None else kvarh.to_numpy(),
        capacity_kva=number["capacity_kva"],
        pf_standard=number["pf_standard"],
        voltage_kv=number["voltage_kv"],
        customer_class=kind,
        current=name,
        any_date=any_date,
        seed=seed,
    )
    return Case(data, assume, seed, load, kvarh, rule, account, found, cost, base, choice)


def price_months(rule: Tariff, found: Determinants, account: Account) -> tuple[np.ndarray, np.ndarray]:
    """Cost of each month [yuan], and what the power-factor adjustment is a percentage of."""
    total, base = np.zeros(len(found.months)), np.zeros(len(found.months))
    for line in charge(rule, found, account):
        total += line.amount[0]
        if rule.power_factor and line.kind in rule.power_factor.base:
            base += line.amount[0]
    return total.round(2), base


def estimate_year(monthly_yuan: np.ndarray, seed: int = 0) -> Estimate:
    """A year's amount from months, with an interval by drawing months anew.

    Examples
    --------
    >>> estimate_year(np.full(12, 100.0)).value
    1200.0
    """
    values = np.asarray(monthly_yuan, dtype=float)
    if len(values) < 5:
        return Estimate(float(values.mean() * 12), np.nan, np.nan, len(values))
    return estimate_by_bootstrap(values, lambda x: x.mean(axis=1) * 12, seed=seed)


def month_numbers(index: Any) -> np.ndarray:
    """Number of the month of each time, from 0."""
    return np.asarray(pd.factorize(pd.DatetimeIndex(index).to_period("M"))[0])


def _known(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _whole_months(load: pd.Series, interval_min: int) -> pd.Series:
    months = load.index.to_period("M")
    counts = pd.Series(1, months).groupby(level=0).sum()
    whole = counts[counts.to_numpy() == counts.index.days_in_month * (1440 // interval_min)].index
    kept = load[months.isin(whole)]
    if kept.empty:
        raise TariffError("the load has no whole month; bring at least one")
    return kept
