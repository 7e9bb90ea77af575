"""Loads of a block of customers: hour by hour, or by quarter-hour for key accounts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from labkit.sample import behaviours
from labkit.sample.programmes import respond_to_trial
from labkit.sample.world import READINGS_FROM, World
from labkit.store import day_rows


@dataclass(frozen=True)
class Loads:
    """Energy of a block, before anybody has left and before any reading is lost.

    Attributes
    ----------
    rows : ndarray of int
        Which customers of the block.
    interval_min : int
    wh : ndarray of int32, shape (len(rows), days, slots)
        Energy of each slot [Wh].
    tan_phi : ndarray of float32, shape (len(rows), slots)
        Reactive to active energy.
    """

    rows: np.ndarray
    interval_min: int
    wh: np.ndarray
    tan_phi: np.ndarray


def make_loads(
    world: World, customers: pd.DataFrame, responses: np.ndarray, on_trial: np.ndarray, rng: np.random.Generator
) -> list[Loads]:
    """Loads of all customers of a block.

    Parameters
    ----------
    responses : ndarray, shape (n, days, 24)
        Factor by which a demand-side programme changes the hour.
    on_trial : ndarray of int
        Places of the customers, metered hourly, who pay the trial's prices.
    """
    key = customers["_key"].to_numpy()
    groups = [(np.flatnonzero(~key), 60), (np.flatnonzero(key), 15)]
    return [
        _loads(world, customers.iloc[rows], rows, interval, responses[rows], np.isin(rows, on_trial), rng)
        for rows, interval in groups
        if len(rows)
    ]


def _loads(
    world: World,
    who: pd.DataFrame,
    rows: np.ndarray,
    interval_min: int,
    responses: np.ndarray,
    on_trial: np.ndarray,
    rng: np.random.Generator,
) -> Loads:
    slots = 1440 // interval_min
    n_days = len(world.days)
    shapes = behaviours.day_shapes(who["_behaviour"].to_numpy().astype(str), rng, slots)
    kinds = [behaviours.BY_NAME[name] for name in who["_behaviour"]]
    column = lambda field: np.array([getattr(kind, field) for kind in kinds], dtype=np.float32)  # noqa: E731
    area = who["_area"].to_numpy()
    load = shapes[:, world.day_codes, :]
    hourly = _climate(world.temperature[area], column("cooling"), column("heating"))
    hourly *= world.availability[area]
    hourly *= responses
    load *= hourly if interval_min == 60 else np.repeat(hourly, 60 // interval_min, axis=2)
    if on_trial.any():
        load[on_trial] = respond_to_trial(load[on_trial])
    noise = rng.standard_normal(load.shape, dtype=np.float32)
    noise *= (column("hour_spread") * (1.0 if interval_min == 60 else 0.7))[:, None, None]
    np.exp(noise, out=noise)
    load *= noise
    scale = who["_mean_kw"].to_numpy(dtype=np.float32) * 1000 * interval_min / 60
    load *= (_day_levels(who, column("day_spread"), n_days, rng) * scale[:, None])[:, :, None]
    # Nobody draws more than the transformer gives.
    np.minimum(
        load, (who["capacity_kva"].to_numpy(dtype=np.float32) * 1000 * interval_min / 60)[:, None, None], out=load
    )
    pf_slot = np.clip(
        who["_pf"].to_numpy()[:, None] + 0.03 * (shapes[:, 0] / shapes[:, 0].max(axis=1, keepdims=True) - 0.5),
        0.55,
        0.995,
    )
    return Loads(
        rows, interval_min, np.rint(load, out=load).astype(np.int32), np.tan(np.arccos(pf_slot)).astype(np.float32)
    )


def _climate(temperature: np.ndarray, cooling: np.ndarray, heating: np.ndarray) -> np.ndarray:
    hot = np.maximum(temperature - 26, 0) * cooling[:, None, None]
    hot += np.maximum(10 - temperature, 0) * heating[:, None, None]
    return np.asarray(hot + 1, dtype=np.float32)


def _day_levels(who: pd.DataFrame, spread: np.ndarray, n_days: int, rng: np.random.Generator) -> np.ndarray:
    """Level of each day: trend, a drift that lasts days, now and then nobody at home."""
    push = rng.standard_normal((len(who), n_days), dtype=np.float32)
    drift = np.empty_like(push)
    state = push[:, 0]
    for day in range(n_days):
        state = 0.6 * state + 0.8 * push[:, day]
        drift[:, day] = state
    years = (np.arange(n_days) / 365.25).astype(np.float32)
    level = np.exp(spread[:, None] * drift + who["_trend_per_year"].to_numpy(dtype=np.float32)[:, None] * years)
    home = (who["customer_class"] == "residential").to_numpy()
    for row in np.flatnonzero(home & (rng.random(len(who)) < 0.35)):
        start, length = int(rng.integers(0, n_days)), int(rng.integers(4, 16))
        level[row, start : start + length] *= 0.12
    return np.asarray(level, dtype=np.float32)


def reading_rows(
    world: World, customers: pd.DataFrame, loads: list[Loads], present: np.ndarray, rng: np.random.Generator
) -> dict[str, dict[str, pa.Table]]:
    """Day rows by table and month, with the gaps that meters have.

    Parameters
    ----------
    present : ndarray of bool, shape (n, days)
        Days on which a customer was connected.
    """
    found: dict[str, dict[str, list[pa.Table]]] = {"readings": {}, "reactive": {}}
    starts = world.month_starts
    first_day = int((np.datetime64(READINGS_FROM) - world.dates(np.array([0]))[0]).astype(int))
    ids = customers["customer_id"].to_numpy()
    for part in loads:
        here = present[part.rows] & (rng.random(present[part.rows].shape) > 0.004)
        missing = rng.random((len(part.rows), part.wh.shape[1])) < 0.01
        for month, (low, high) in zip(world.months, itertools.pairwise(starts), strict=True):
            if low < first_day:
                continue
            who, day = np.nonzero(here[:, low:high])
            wh = part.wh[who, day + low]
            lost = _lost_slots(missing[who, day + low], wh.shape[1], rng)
            at = pa.array(ids[part.rows][who]), pa.array(world.dates(day + low))
            found["readings"].setdefault(month, []).append(day_rows(*at, part.interval_min, wh, lost))
            if part.interval_min == 15:
                varh = np.rint(wh * part.tan_phi[who]).astype(np.int32)
                found["reactive"].setdefault(month, []).append(day_rows(*at, part.interval_min, varh, lost))
    return {
        table: {
            month: pa.concat_tables(parts).sort_by([("customer_id", "ascending"), ("day", "ascending")])
            for month, parts in by_month.items()
        }
        for table, by_month in found.items()
    }


def _lost_slots(some: np.ndarray, slots: int, rng: np.random.Generator) -> np.ndarray:
    """On a day with losses, a run of slots is missing."""
    lost = np.zeros((len(some), slots), dtype=bool)
    rows = np.flatnonzero(some)
    start = rng.integers(0, slots, len(rows))
    length = rng.integers(1, slots // 3, len(rows))
    at = np.arange(slots)
    lost[rows] = (at >= start[:, None]) & (at < (start + length)[:, None])
    return lost
