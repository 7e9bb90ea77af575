"""Monthly bills of the sample: energy by period, charges that add up to the cent."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import yaml

from labkit import calendar
from labkit.sample.readings import Loads
from labkit.sample.world import World

_PERIODS = ("sharp", "peak", "flat", "valley")


@cache
def prices() -> dict[str, Any]:
    """The sample's prices, as written in ``data/tariffs/sample_prices.yaml``."""
    return dict(yaml.safe_load((calendar.DATA / "tariffs" / "sample_prices.yaml").read_text(encoding="utf-8")))


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
    kwh = (energy.reshape(-1, 4) / 1000).round(2)
    bills = pd.DataFrame(
        {
            "bill_id": np.char.add(
                np.char.replace(customers["customer_id"].to_numpy().astype(str), "C", "B")[rows],
                np.array(["-" + name.replace("-", "") for name in world.months])[month],
            ),
            "customer_id": customers["customer_id"].to_numpy()[rows],
            "period": np.array(world.months)[month],
            "kwh": kwh.sum(axis=1).round(2),
            **{f"kwh_{name}": kwh[:, i] for i, name in enumerate(_PERIODS)},
            "kvarh": (varh.reshape(-1) / 1000).round(2),
            "max_demand_kw": demand.reshape(-1).round(3),
            "_row": rows,
            "_month": month,
        }
    )
    _add_charges(bills, customers.iloc[rows].reset_index(drop=True), kwh)
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
            varh[part.rows, m] = (by_slot * part.tan_phi).sum(axis=1)
            demand[part.rows, m] = days.max(axis=(1, 2)) * (60 / part.interval_min) / 1000
    return energy, varh, demand


def _add_charges(bills: pd.DataFrame, who: pd.DataFrame, kwh: np.ndarray) -> None:
    energy, basic = np.zeros(len(bills)), np.zeros(len(bills))
    tariff = who["tariff_id"].to_numpy()
    for name, rule in prices()["tariffs"].items():
        here = tariff == name
        if "steps" in rule:
            energy[here] = _step_charge(kwh[here].sum(axis=1), rule["steps"])
        else:
            unit = rule["flat_yuan_per_kwh"] * np.array([rule["ratio"][p] for p in _PERIODS])
            energy[here] = (kwh[here] * unit).round(2).sum(axis=1)
        basic[here] = rule.get("capacity_yuan_per_kva", 0) * who["capacity_kva"].to_numpy()[here]
        basic[here] += rule.get("demand_yuan_per_kw", 0) * bills["max_demand_kw"].to_numpy()[here]
    energy, basic = energy.round(2), basic.round(2)
    percent = power_factor_percent(bills["kwh"].to_numpy(), bills["kvarh"].to_numpy(), who["pf_standard"].to_numpy())
    bills["energy_yuan"], bills["basic_yuan"] = energy, basic
    bills["pf_yuan"] = ((energy + basic) * percent / 100).round(2)
    bills["funds_yuan"] = (bills["kwh"] * prices()["funds_yuan_per_kwh"]).round(2)
    bills["total_yuan"] = bills[["energy_yuan", "basic_yuan", "pf_yuan", "funds_yuan"]].sum(axis=1).round(2)


def _step_charge(kwh: np.ndarray, steps: list[list[float | None]]) -> np.ndarray:
    charge, low = np.zeros(len(kwh)), 0.0
    for high, price in steps:
        assert price is not None
        charge += (np.clip(kwh, low, np.inf if high is None else high) - low).clip(0) * price
        low = high or low
    return charge


def power_factor_percent(kwh: np.ndarray, kvarh: np.ndarray, standard: np.ndarray) -> np.ndarray:
    """Power-factor adjustment [% of basic and energy charge], after the rule of 1983.

    Worked in whole hundredths; nought where there is no standard or no use.
    Source: (83) 水电财字 215 号.

    Examples
    --------
    >>> power_factor_percent(np.array([91.0]), np.array([41.46]), np.array([0.90]))
    array([-0.15])
    """
    apparent = np.hypot(kwh, kvarh)
    pf = np.floor(np.divide(kwh, apparent, out=np.ones_like(apparent), where=apparent > 0) * 100 + 0.5).astype(int)
    s = np.nan_to_num(np.asarray(standard, dtype=float) * 100, nan=-1).round().astype(int)
    below = s - pf
    penalty = 0.5 * np.clip(below, 0, 20) + np.clip(below - 20, 0, 5) + 2.0 * np.clip(below - 25, 0, None)
    over = np.clip(-below, 0, None)
    reward = np.select(
        [s == 90, s == 85, s == 80],
        [
            np.minimum(0.15 * over, 0.75),
            np.minimum(0.10 * np.minimum(over, 5) + 0.15 * np.clip(over - 5, 0, None), 1.10),
            np.where(over >= 12, 1.30, np.where(over == 11, 1.15, 0.10 * over)),
        ],
        0.0,
    )
    return np.where((s > 0) & (apparent > 0), penalty - reward, 0.0).round(2)
