"""A scenario at three levels of the response and three odds of joining, and the cases drawn between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from labkit.dsm.joining import net_to_gross
from labkit.dsm.prepared import Prepared
from labkit.dsm.respond import Changed, System, bill_year, respond
from labkit.dsm.scenario import UNCERTAIN, Programme, Scenario

#: What is added up over customers, a year unless it says once.
TERMS = ("joined", "br", "bi", "rl", "rg", "inc", "inc_once", "pc", "pc_once", "pcn", "pcn_once", "pac_a", "prc",
          "externality", "saved_kwh", "uac", "uic", "tonnes")  # fmt: skip


def sum_up(ready: Prepared, scenario: Scenario, classes: list[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Sums by response, joining and class, (3, 3, classes); change of the system by hour, (3, 3, hours)."""
    levels = [np.array([scenario.uncertain[u][0], 1.0, scenario.uncertain[u][1]]) for u in UNCERTAIN[:2]]
    block = ready.block
    sums = {t: np.zeros((3, 3, len(classes))) for t in TERMS}
    hours = np.zeros((3, 3, ready.system.load_kwh.size))
    for at, level in enumerate(levels[0]):
        touched: dict[int, np.ndarray] = {}
        bills = ready.bills_yuan.copy()
        for programme in scenario.programmes:
            wanted = [c for c in classes if c in programme.classes]
            groups = [wanted] if programme.kind == "orderly" else [[c] for c in wanted]
            for group in groups:
                rows = np.flatnonzero(block.customers["customer_class"].isin(group))
                own = block.customers.iloc[rows].reset_index(drop=True)
                load = np.stack([touched.get(int(i), block.load_kwh[i]) for i in rows])
                changed = _respond_by_tariff(programme, load, own, ready, float(level))
                after, energy = bill_year(changed.load_kwh, own, ready.system, dict(ready.known))
                if changed.price is not None:
                    scale = 365 / load.shape[1]
                    after += np.einsum("nds,ds->n", changed.load_kwh, changed.price) * scale - energy
                codes = np.array([classes.index(c) for c in own["customer_class"]])
                joined = _add(
                    sums, hours, at, codes, programme, scenario, changed, load,
                    bills[rows], bills[rows] - after, levels[1], ready.system,
                )  # fmt: skip
                for k, i in enumerate(rows):
                    touched[int(i)] = load[k] + (changed.load_kwh[k] - load[k]) * np.float32(joined[k])
                bills[rows] += (after - bills[rows]) * joined
    return sums, hours


def _respond_by_tariff(
    programme: Programme, load: np.ndarray, own: pd.DataFrame, ready: Prepared, level: float
) -> Changed:
    """One class at once; each customer at the prices of its own tariff."""
    if programme.kind in ("shift", "time_of_use", "critical_peak"):
        price = np.stack([ready.block.price[name] for name in own["tariff_id"]])
    else:
        price = np.ones(load.shape[1:])
    return respond(programme, load, own, price, ready.system, level)


def _add(
    sums: dict[str, np.ndarray], hours: np.ndarray, at: int, codes: np.ndarray, programme: Programme, scenario: Scenario,
    changed: Changed, load: np.ndarray, bill: np.ndarray, bill_fall: np.ndarray, odds: np.ndarray, system: System,
) -> np.ndarray:  # fmt: skip
    """Add one programme's customers to the sums; who joins in the middle case comes back."""
    annuity = annuity_of(scenario)
    change = (changed.load_kwh - load).reshape(len(load), -1)
    scale = 365 / load.shape[1]
    moved = np.maximum(np.maximum(-change, 0).sum(axis=1), np.maximum(change, 0).sum(axis=1)) * scale
    a_kwh = programme.participant_yuan_per_kwh * moved
    cost, other_fuel = np.maximum(a_kwh, 0) + changed.lost_yuan * scale, np.maximum(-a_kwh, 0)
    incentive = (
        programme.incentive_yuan
        + programme.incentive_yuan_per_kw * changed.kw_ready
        + programme.incentive_yuan_per_kwh * moved
    )
    paid = incentive + programme.incentive_yuan_once / annuity
    gain = bill_fall - cost + other_fuel - programme.participant_yuan / annuity
    middle = np.ones(len(load))
    for o, odd in enumerate(odds):
        if programme.joining is None:
            p, net = np.ones(len(load)), np.ones(len(load))
        else:
            j = programme.joining
            choice = replace(j, intercept=j.intercept + float(np.log(odd)))
            p = choice.probability(gain + paid, bill)
            net = p
            if programme.free_riders:
                net = p * net_to_gross(choice, gain, paid, np.maximum(moved, 1e-9), programme.spillover, bill).ratio
        middle = p if odd == 1.0 else middle
        by_class = np.zeros((sums["joined"].shape[2], len(load)))
        by_class[codes, np.arange(len(load))] = net
        hourly = by_class @ change
        hours[at, o] += hourly.sum(axis=0)
        a = system.avoided_yuan.reshape(-1)
        worth = programme.externality_yuan_per_kwh * moved
        tonnes = -(hourly @ system.tonnes_co2.reshape(-1)) * scale
        parts = {
            "joined": p, "br": p * bill_fall.clip(min=0), "bi": p * (-bill_fall).clip(min=0),
            "rl": net * bill_fall.clip(min=0), "rg": net * (-bill_fall).clip(min=0), "inc": p * incentive,
            "inc_once": p * programme.incentive_yuan_once, "pc": p * cost, "pc_once": p * programme.participant_yuan,
            "pcn": net * cost, "pcn_once": net * programme.participant_yuan, "pac_a": net * other_fuel,
            "prc": p * programme.programme_yuan_per_participant, "externality": net * worth,
            "saved_kwh": -net * change.sum(axis=1) * scale,
        }  # fmt: skip
        for name, values in parts.items():
            sums[name][at, o] += np.bincount(codes, values, sums[name].shape[2])
        sums["uac"][at, o] += np.maximum(-hourly, 0) @ a * scale
        sums["uic"][at, o] += np.maximum(hourly, 0) @ a * scale
        sums["tonnes"][at, o] += tonnes
        sums["externality"][at, o] += tonnes * scenario.carbon_yuan_per_tonne
    return middle


def annuity_of(scenario: Scenario, rate: float | None = None) -> float:
    """What a yuan a year over the life is worth at its beginning."""
    return float(((1 + (scenario.discount_rate if rate is None else rate)) ** -np.arange(scenario.life_years)).sum())


def draw_cases(scenario: Scenario, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the nine points of the grid, (draws, 9), and factors on avoided costs."""
    z = np.random.default_rng(seed).standard_normal((draws, 3))
    factors = []
    for k, name in enumerate(UNCERTAIN):
        low, high = np.log(scenario.uncertain[name])
        factors.append((low + high) / 2 + z[:, k] * (high - low) / (2 * 1.959964))
    axes = []
    for k, name in enumerate(UNCERTAIN[:2]):
        nodes = np.array([scenario.uncertain[name][0], 1.0, scenario.uncertain[name][1]])
        x = np.exp(factors[k]) if name == "response" else factors[k]
        nodes = nodes if name == "response" else np.log(nodes)
        axes.append(_hats(x, nodes))
    return np.einsum("da,db->dab", *axes).reshape(draws, 9), np.exp(factors[2])


def _hats(x: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Weights of three nodes for a straight line between neighbours, carried on beyond the ends."""
    weights, left = np.zeros((len(x), 3)), x < nodes[1]
    for side, (a, b) in ((left, (0, 1)), (~left, (1, 2))):
        share = (x[side] - nodes[a]) / max(nodes[b] - nodes[a], 1e-12)
        weights[side, a], weights[side, b] = 1 - share, share
    return weights
