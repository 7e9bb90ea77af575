"""Load shapes: equal to the linear programme, within their caps, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from labkit import dsm

RNG = np.random.default_rng(4)
LOAD = RNG.uniform(0.1, 2, (5, 4, 24))


@pytest.mark.parametrize(
    ("efficiency", "budget", "cost"), [(1.0, None, 0.0), (0.85, 1.2, 0.1), (0.9, 3.0, 0.0), (1.0, 0.0, 0.0)]
)
@pytest.mark.parametrize("price_shape", [(24,), (4, 24), (5, 4, 24), (5, 1, 24)])
def test_shift_costs_what_the_linear_programme_costs(
    efficiency: float, budget: float | None, cost: float, price_shape: tuple[int, ...]
) -> None:
    price = np.random.default_rng(1).uniform(-0.2, 1.0, price_shape).round(1)
    after = dsm.shift(LOAD, price, 0.3 * LOAD, 0.4, budget, efficiency, cost)
    every = np.broadcast_to(price, LOAD.shape)
    for i, j in np.ndindex(LOAD.shape[:2]):
        plan = dsm.solve_shift(
            LOAD[i, j], every[i, j], 0.3 * LOAD[i, j], 0.4, budget=budget, efficiency=efficiency, cost=cost
        )
        change = after[i, j] - LOAD[i, j]
        mine = (every[i, j] * change).sum() + cost * np.maximum(-change, 0).sum()
        # With negative prices, taking out and putting in at once hides in the change; nothing else may differ.
        assert mine == pytest.approx(plan.objective_yuan, abs=1e-6) or (
            price.min() < 0 and efficiency < 1 and mine <= plan.objective_yuan + cost * 5
        )
        if budget is not None:
            assert np.maximum(-change, 0).sum() <= budget + 1e-9


def lowest_peak(load: np.ndarray, down: float, budget: float, rebound: float, up: float) -> float:
    """The peak by linear programming: out, in, peak."""
    n = len(load)
    eye = np.eye(n)
    above = np.column_stack([-eye, eye, -np.ones(n)])
    spent = np.concatenate([np.ones(n), np.zeros(n), [0]])[None]
    back = np.concatenate([np.full(n, -rebound), np.ones(n), [0]])[None]
    caps = [(0, min(down, x)) for x in load] + [(0, up)] * n + [(None, None)]
    found = linprog(
        np.concatenate([np.zeros(2 * n), [1.0]]),
        np.vstack([above, spent]),
        np.concatenate([-load, [budget]]),
        back,
        [0.0],
        caps,
    )
    assert found.status == 0
    return float(found.fun)


@pytest.mark.parametrize(
    ("down", "budget", "rebound", "up"),
    [(0.5, 1.0, 0.0, 9.0), (0.3, 50.0, 1.0, 0.2), (2.0, 3.0, 0.7, 0.5), (2.0, 99.0, 1.0, 0.4)],
)
def test_clip_reaches_the_lowest_peak(down: float, budget: float, rebound: float, up: float) -> None:
    after = dsm.clip(LOAD, down, up, budget, rebound)
    for i, j in np.ndindex(LOAD.shape[:2]):
        assert after[i, j].max() == pytest.approx(lowest_peak(LOAD[i, j], down, budget, rebound, up), abs=1e-6)
    over, back = np.maximum(LOAD - after, 0).sum(-1), np.maximum(after - LOAD, 0).sum(-1)
    assert np.allclose(back, rebound * over)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 1))
def test_shift_keeps_caps_and_energy(seed: int, down: float, up: float, efficiency: float) -> None:
    rng = np.random.default_rng(seed)
    load = rng.uniform(0, 2, (3, 2, 12))
    after = dsm.shift(load, rng.uniform(0, 1, 12), down, up, efficiency=efficiency)
    change = after - load
    assert (change >= -np.minimum(down, load) - 1e-9).all() and (change <= up + 1e-9).all() and (after >= -1e-12).all()
    if efficiency == 1.0:
        assert np.allclose(change.sum(-1), 0)


def test_fill_mirrors_clip_and_adds_no_more_than_the_budget() -> None:
    after = dsm.fill(LOAD, 0.4, budget=2.0)
    added = (after - LOAD).sum(-1)
    assert (added <= 2.0 + 1e-9).all() and (after >= LOAD - 1e-12).all()
    floor = after.min(-1)
    lacking = np.maximum(floor[..., None] + 1e-6 - LOAD, 0)
    assert ((lacking.sum(-1) > 2.0) | (lacking.max(-1) > 0.4)).all(), "a higher floor is not possible"


def test_conserve_grow_and_flexible_by_hand() -> None:
    assert dsm.conserve(np.array([10.0, 4.0]), 0.5, down_cap=3.0).tolist() == [7.0, 2.0]
    assert dsm.grow(np.array([10.0, 4.0]), 0.5, up_cap=3.0).tolist() == [13.0, 6.0]
    called = dsm.call_windows(np.array([[0.0, 1.0], [5.0, 0.0]]), 1, 1)
    assert called.tolist() == [[False, False], [True, False]]
    assert dsm.flexible(np.array([[2.0, 2.0], [2.0, 2.0]]), called, 1.0, rebound=1.0).tolist() == [
        [2.0, 2.0],
        [1.0, 3.0],
    ]


def test_joined_is_a_share_of_each_customer_and_numbers_keep_their_kind() -> None:
    half = dsm.conserve(np.full((2, 1, 2), 10.0, dtype=np.float32), 0.2, joined=np.array([0.5, 0.0]))
    assert half.dtype == np.float32 and half[:, 0, 0].tolist() == [9.0, 10.0]
    with pytest.raises(dsm.DsmError, match="joined has 3 values for 2 customers"):
        dsm.conserve(np.ones((2, 1, 2)), 0.2, joined=np.ones(3))


def test_the_programme_knows_delay_demand_and_the_peak_so_far() -> None:
    load, price = np.array([3.0, 1.0, 0.0, 1.0]), np.array([2.0, 1.0, 1.0, 0.5])
    near = dsm.solve_shift(load, price, 1.0, 1.0, delay_slots=1)
    far = dsm.solve_shift(load, price, 1.0, 1.0)
    assert near.objective_yuan > far.objective_yuan
    assert near.up_kwh.sum() == pytest.approx(near.down_kwh.sum())
    paid = dsm.solve_shift(load, np.ones(4), 1.0, 1.0, demand_price=10.0)
    assert paid.peak_kwh == pytest.approx(2.0) and paid.objective_yuan == pytest.approx(20.0)
    known = dsm.solve_shift(load, np.ones(4), 1.0, 1.0, demand_price=10.0, peak_so_far_kwh=3.0)
    assert known.objective_yuan == pytest.approx(0.0) and known.peak_kwh == pytest.approx(3.0)


def test_a_week_is_moved_within_daily_budgets() -> None:
    load, price = np.tile([2.0, 1.0], 3), np.array([3.0, 1.0, 3.0, 1.0, 3.0, 0.5])
    plan = dsm.solve_shift(load, price, 1.0, 5.0, budget=0.5, slots_per_day=2)
    assert plan.down_kwh.reshape(3, 2).sum(1).tolist() == pytest.approx([0.5, 0.5, 0.5])
    assert plan.up_kwh[5] == pytest.approx(1.5)


@pytest.mark.parametrize(("change", "says"), [
    ({"down_cap": -0.1}, "below 0"),
    ({"up_cap": np.array([0.1, -1.0, 0.1])}, "below 0"),
    ({"efficiency": 1.1}, "efficiency is 1.1"),
    ({"price": np.array([1.0, np.nan, 2.0])}, "slot 1 has no price"),
    ({"price": np.ones(2)}, "price has the shape"),
    ({"budget": -1.0}, "budget"),
    ({"load_kwh": np.array([1.0, np.nan, 1.0])}, "gaps"),
])  # fmt: skip
def test_what_cannot_be_shifted_is_said(change: dict[str, Any], says: str) -> None:
    given_ = {"load_kwh": np.ones(3), "price": np.array([1.0, 2.0, 3.0]), "down_cap": 0.5, "up_cap": 0.5} | change
    with pytest.raises(dsm.DsmError, match=says):
        dsm.shift(**given_)


def test_a_real_looking_year_through_every_shape() -> None:
    year = (50 + 30 * np.maximum(0, np.sin(2 * np.pi * (np.arange(8760) % 24 - 6) / 24))).reshape(1, 365, 24)
    price = np.where((np.arange(24) >= 15) & (np.arange(24) < 21), 1.0, 0.4)
    called = dsm.call_windows(np.broadcast_to(year[0] * price, (365, 24)), 10, 3)
    made = [
        dsm.clip(year, 8.0, budget=20.0), dsm.fill(year, 10.0, budget=40.0), dsm.shift(year, price, 8.0, 8.0),
        dsm.conserve(year, 0.05), dsm.grow(year, 0.05), dsm.flexible(year, called, 10.0),
    ]  # fmt: skip
    totals = [m.sum() - year.sum() for m in made]
    assert all(m.shape == year.shape for m in made)
    assert (
        totals[0] < 0 < totals[1]
        and totals[2] == pytest.approx(0, abs=1e-6)
        and totals[3] < 0 < totals[4]
        and totals[5] < 0
    )
