"""Monthly bills of the sample: energy by period, charges that add up to the cent."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from labkit import calendar, tariffs
from labkit.sample.readings import Loads
from labkit.sample.world import World

_PERIODS = ("sharp", "peak", "flat", "valley")
#: How contracts lie to the first year's highest demand: too low, right, too high.
_CONTRACT_OF_PEAK = (0.85, 0.95, 1.0, 1.2, 1.5)


@cache
def _rules() -> dict[str, tariffs.Tariff]:
    return tariffs.read_tariffs()


def draw_contracts(world: World, customers: pd.DataFrame, loads: list[Loads], rng: np.random.Generator) -> np.ndarray:
    """Contract demand [kW] of customers billed by it, agreed with the first year in view; missing for others."""
    contract = np.full(len(customers), np.nan)
    factor = rng.choice(_CONTRACT_OF_PEAK, len(customers))
    year = slice(0, world.month_starts[12])
    for part in loads:
        peak = part.wh[:, year].max(axis=(1, 2)) * (60 / part.interval_min) / 1000
        contract[part.rows] = np.maximum(np.round(peak * factor[part.rows], -1), 10)
    return np.where(customers["tariff_id"] == "TWO_PART_CONTRACT", contract, np.nan)


def make_bills(world: World, customers: pd.DataFrame, loads: list[Loads]) -> pd.DataFrame:
    """Bills of a block, a row a customer and month, customers who leave included.

    Returns
    -------
    DataFrame
        The columns of the table `bills`, ``_row`` (customer of the block) and
        ``_month`` (0 at the first).
    """
    energy, varh, demand = _monthly(world, len(customers), loads)
    n, months = demand.shape
    rows, month = np.repeat(np.arange(n), months), np.tile(np.arange(months), n)
    kwh = energy.reshape(-1, 4) / 1000
    bills = pd.DataFrame(
        {
            "bill_id": np.char.add(
                np.char.replace(customers["customer_id"].to_numpy().astype(str), "C", "B")[rows],
                np.array(["-" + name.replace("-", "") for name in world.months])[month],
            ),
            "customer_id": customers["customer_id"].to_numpy()[rows],
            "period": np.array(world.months)[month],
            "kwh": kwh.sum(axis=1).round(3),
            **{f"kwh_{name}": kwh[:, i] for i, name in enumerate(_PERIODS)},
            "kvarh": (varh.reshape(-1) / 1000).round(3),
            "max_demand_kw": demand.reshape(-1).round(3),
            "_row": rows,
            "_month": month,
        }
    )
    for name, amount in _charges(world, customers, energy / 1000, varh / 1000, demand).items():
        bills[name] = amount.reshape(-1)
    issued = world.month_starts[1:][month] + 2
    bills["issued_on"] = world.dates(issued)
    bills["due_on"] = world.dates(issued + 15)
    return bills


def _monthly(world: World, n: int, loads: list[Loads]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energy [Wh] by period, reactive energy [varh], maximum demand [kW], by month."""
    rules = calendar.read_periods()
    months = len(world.months)
    energy = np.zeros((n, months, 4))
    varh, demand = np.zeros((n, months)), np.zeros((n, months))
    for part in loads:
        for m in range(months):
            days = part.wh[:, world.month_starts[m] : world.month_starts[m + 1]]
            by_slot = days.sum(axis=1, dtype=np.int64)
            period = np.array(rules.slots(part.interval_min, m % 12 + 1))
            for i, name in enumerate(_PERIODS):
                energy[part.rows, m, i] = by_slot[:, period == name].sum(axis=1)
            # The meter counts whole varh a slot where it tells slots apart.
            reactive = np.rint(days * part.tan_phi[:, None]) if part.interval_min == 15 else None
            varh[part.rows, m] = (
                (by_slot * part.tan_phi).sum(axis=1)
                if reactive is None
                else reactive.sum(axis=(1, 2), dtype=np.float64)
            )
            demand[part.rows, m] = days.max(axis=(1, 2)) * (60 / part.interval_min) / 1000
    return energy, varh, demand


def _charges(
    world: World, who: pd.DataFrame, kwh: np.ndarray, kvarh: np.ndarray, demand: np.ndarray
) -> dict[str, np.ndarray]:
    """Amounts of the bills, by the tariff of each customer."""
    money = {name: np.zeros(demand.shape) for name in ("energy_yuan", "basic_yuan", "pf_yuan", "funds_yuan")}
    columns = {"energy": "energy_yuan", "basic": "basic_yuan", "power_factor": "pf_yuan", "funds": "funds_yuan"}
    for name, rule in _rules().items():
        here = np.flatnonzero(who["tariff_id"] == name)
        if not len(here):
            continue
        by_period = kwh[here] if len(rule.energy.periods.names) > 1 else kwh[here].sum(axis=2, keepdims=True)
        peaks = tuple(demand[here][..., None] for _ in rule.demand_charges)
        found = tariffs.Determinants(tuple(world.months), by_period, demand[here], peaks, kvarh[here].round(3))
        known = who.iloc[here]
        account = tariffs.Account(
            *(known[column].to_numpy(dtype=float) for column in ("capacity_kva", "contract_kw", "pf_standard"))
        )
        for line in tariffs.charge(rule, found, account):
            money[columns[line.kind]][here] += line.amount
    money = {name: amount.round(2) for name, amount in money.items()}
    return money | {"total_yuan": np.sum(list(money.values()), axis=0).round(2)}
