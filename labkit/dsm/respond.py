"""What a programme does to loads: one block of customers, hour by hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit import calendar, tariffs
from labkit.dsm import shapes
from labkit.dsm.orderly import orderly_plan
from labkit.dsm.response import price_response
from labkit.dsm.scenario import Programme


@dataclass(frozen=True, eq=False)
class Block:
    """Customers with their loads and what they pay.

    Attributes
    ----------
    customers : DataFrame
        ``customer_id``, ``customer_class``, ``tariff_id``, ``capacity_kva``, ``contract_kw``,
        ``important``, ``whole`` (enough readings to be looked at).
    load_kwh : ndarray of float32, shape (customers, days, 24)
    price : ndarray, shape (customers, days, 24)
        Energy price at the margin, brought to the mean price paid [yuan/kWh]; a
        view, one row a tariff.
    """

    customers: pd.DataFrame
    load_kwh: np.ndarray
    price: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class System:
    """What all customers share.

    Attributes
    ----------
    days : DatetimeIndex
    day_types : tuple of str
    load_kwh : ndarray, shape (days, 24)
        All customers together.
    avoided_yuan : ndarray, shape (days, 24)
        What a kWh not supplied saves, capacity and network included [yuan/kWh].
    tonnes_co2 : ndarray, shape (days, 24)
        Of a kWh.
    mean_price : dict
        Customer class -> mean energy price paid [yuan/kWh].
    """

    days: pd.DatetimeIndex
    day_types: tuple[str, ...]
    load_kwh: np.ndarray
    avoided_yuan: np.ndarray
    tonnes_co2: np.ndarray
    mean_price: dict[str, float]


@dataclass(frozen=True, eq=False)
class Changed:
    """Load under a programme, of all who may take it as if all did.

    Attributes
    ----------
    load_kwh : ndarray, shape (customers, days, 24)
    price : ndarray, shape (days, 24), optional
        New energy price, where the programme is one.
    kw_ready : ndarray, shape (customers,)
        Mean power taken off in the hours called [kW].
    lost_yuan : ndarray, shape (customers,)
        Worth of what cannot be made or done, where use is ordered away.
    """

    load_kwh: np.ndarray
    price: np.ndarray | None
    kw_ready: np.ndarray
    lost_yuan: np.ndarray


def respond(
    programme: Programme, load: np.ndarray, own: pd.DataFrame, price: np.ndarray, system: System, level: float = 1.0
) -> Changed:
    """Loads of customers of one class under a programme.

    Parameters
    ----------
    load : ndarray, shape (customers, days, 24)
        Of those who may take it [kWh].
    own : DataFrame
        Their rows.
    price : ndarray, shape (days, 24) or (customers, days, 24)
        What they pay now [yuan/kWh].
    level : float
        Factor on the response.
    """
    r, n = programme.response, len(load)
    nothing = np.zeros(n)
    mask = programme.mask(system.days)
    mean = load.mean(axis=(1, 2), keepdims=True)
    budget_share = r.get("budget_share")
    if programme.kind in ("clip", "fill", "shift"):
        after = np.empty_like(load)
        down = np.where(mask, min(level * r.get("down_share", 0.0), 1.0), 0.0)
        up = np.where(mask, level * r.get("up_share", 0.0), 0.0)
        for i in range(n):
            budget = None if budget_share is None else float(level * budget_share * mean[i, 0, 0] * 24)
            one, cap_up = load[i], up * mean[i, 0, 0]
            if programme.kind == "clip":
                after[i] = shapes.clip(one, down * one, np.inf, budget, r.get("rebound", 0.0))
            elif programme.kind == "fill":
                after[i] = shapes.fill(one, np.where(mask, cap_up, 0.0), budget)
            else:
                own_price = price if price.ndim == 2 else price[i]
                after[i] = shapes.shift(
                    one,
                    own_price,
                    down * one,
                    cap_up,
                    budget,
                    r.get("efficiency", 1.0),
                    programme.participant_yuan_per_kwh,
                )
        return Changed(after, None, nothing, nothing)
    if programme.kind == "conserve":
        share = np.where(mask, min(level * r["share"], 1.0), 0.0)
        return Changed(shapes.conserve(load, share, rebound=r.get("rebound", 0.0)), None, nothing, nothing)
    if programme.kind == "grow":
        return Changed(shapes.grow(load, np.where(mask, level * r["share"], 0.0)), None, nothing, nothing)
    if programme.kind == "orderly":
        return _ordered(programme, load, own, system)
    if programme.kind == "flexible":
        called = shapes.call_windows(system.avoided_yuan * system.load_kwh, int(r["calls"]), int(r["hours_per_call"]))
        cap = min(level * r["down_share"], 1.0) * load
        after = shapes.flexible(load, called, cap, r.get("rebound", 0.0))
        return Changed(after, None, (load - after)[:, called].mean(axis=1), nothing)
    new, peak = _new_price(programme, load, own, system)
    after = price_response(load, price, new, peak, level * r["substitution"], level * r["daily"])
    return Changed(after.astype(load.dtype), new, nothing, nothing)


def _new_price(
    programme: Programme, load: np.ndarray, own: pd.DataFrame, system: System
) -> tuple[np.ndarray, np.ndarray]:
    """Prices of every hour, and the hours in which they are high; neutral to revenue before anybody responds."""
    if programme.kind == "critical_peak":
        r = programme.response
        called = shapes.call_windows(system.avoided_yuan * system.load_kwh, int(r["calls"]), int(r["hours_per_call"]))
        ratio = np.where(called, r["multiple"], 1.0)
    else:
        assert programme.periods is not None
        codes = programme.periods.codes(60)
        kinds = np.array([calendar.DAY_TYPES.index(kind) for kind in system.day_types])
        by_name = np.array([programme.ratio[name] for name in programme.periods.names])
        ratio = by_name[codes[system.days.month.to_numpy() - 1, kinds]]
    use = load.sum(axis=0, dtype=float)
    level = system.mean_price[str(own["customer_class"].iloc[0])] * use.sum() / max((use * ratio).sum(), 1e-12)
    return ratio * level, ratio > 1.0


def _ordered(programme: Programme, load: np.ndarray, own: pd.DataFrame, system: System) -> Changed:
    """Orderly use on the days of the highest demand, in the hours above what can be supplied.

    What is staggered comes back in the hours of the day that are below.
    """
    r = programme.response
    after, lost = load.astype(float), np.zeros(len(load))
    peak = float(system.load_kwh.max())
    supply = (1 - r["gap_share"]) * peak
    highest = system.load_kwh.max(axis=1)
    days = np.sort(np.argsort(-highest, kind="stable")[: int(r["days"])])
    kind, ids = own["customer_class"].astype(str), own["customer_id"].to_numpy()
    at = {name: i for i, name in enumerate(ids)}
    able = pd.DataFrame({"customer_id": ids, "protected": own["important"].fillna(False).to_numpy(dtype=bool)})
    short = system.load_kwh > supply
    usual = np.stack([load[:, day][:, short[day]].mean(axis=1) for day in days if short[day].any()]).mean(axis=0)
    for means, by_class in programme.means.items():
        able[f"{means}_kw"] = usual * kind.map(by_class).fillna(0.0).to_numpy(dtype=float)
    plan = orderly_plan(able, np.maximum(highest[days] - supply, 0.0), peak)
    for step in plan.steps.itertuples():
        i, day = at[step.customer_id], days[step.day]
        hours = short[day]
        down = np.where(hours, np.minimum(step.kw, after[i, day].clip(min=0)), 0.0)
        after[i, day] -= down
        if step.means == "stagger":
            after[i, day][~hours] += down.sum() / max((~hours).sum(), 1)
        lost[i] += down.sum() * programme.lost_yuan_per_kwh.get(step.means, 0.0)
    return Changed(after.astype(load.dtype), None, np.zeros(len(load)), lost)


def bill_year(
    load: np.ndarray, own: pd.DataFrame, system: System, known: dict[str, tariffs.Tariff]
) -> tuple[np.ndarray, np.ndarray]:
    """A year's bill and its energy part of each customer [yuan], by its own tariff.

    Notes
    -----
    Without the power-factor adjustment: programmes do not say what reactive
    energy becomes. Demand is that of whole hours.
    """
    total, energy = np.zeros(len(load)), np.zeros(len(load))
    days = load.shape[1]
    for name, rows in own.reset_index(drop=True).groupby("tariff_id").indices.items():
        mine = own.iloc[rows]
        table = tariffs.bill_loads(
            known[str(name)], load[rows].reshape(len(rows), -1), system.days[0], 60,
            capacity_kva=mine["capacity_kva"].to_numpy(dtype=float), contract_kw=mine["contract_kw"].to_numpy(dtype=float),
            any_date=True,
        ).groupby("row")[["total_yuan", "energy_yuan"]].sum()  # fmt: skip
        total[rows], energy[rows] = table["total_yuan"].to_numpy(), table["energy_yuan"].to_numpy()
    return total * 365 / days, energy * 365 / days
