"""Moving use: against the linear programme, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from labkit.shifting import shift_with_demand, shift_within_days


def solve_day(load, price, down, up, cost, efficiency, limit):
    """One day by HiGHS: variables up, down."""
    n = len(load)
    bounds = [(0, u) for u in up] + [(0, min(d, x)) for d, x in zip(down, load)]
    ends = np.c_[np.eye(n), -np.eye(n)]
    found = linprog(
        np.r_[price, cost - price],
        A_eq=[np.r_[np.ones(n), -np.ones(n) / efficiency]],
        b_eq=[0],
        A_ub=ends,
        b_ub=limit - load,
        bounds=bounds,
    )
    return found.fun if found.status == 0 else np.inf


@pytest.mark.parametrize("seed", range(30))
def test_a_day_equals_the_linear_programme(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days, slots = 4, 24
    load = rng.uniform(1, 10, (days, slots))
    price = rng.choice([0.3, 0.6, 1.0, 1.2], slots) if seed % 2 else rng.uniform(-0.1, 1, (days, slots))
    price = np.broadcast_to(price, load.shape)
    down, up = load * rng.uniform(0, 1.2, (days, slots)), rng.uniform(0, 3, (days, slots))
    cost, efficiency = float(rng.choice([0, 0.05, 0.2])), float(rng.choice([1.0, 0.9]))
    limit = float(rng.choice([np.inf, 10.5, 9.5]))
    solved = [
        solve_day(load[d], price[d], down[d], up[d], cost, efficiency, np.where(np.isinf(limit), 1e6, limit))
        for d in range(days)
    ]
    if not np.isfinite(solved).all():
        with pytest.raises(ValueError, match="the limit cannot be kept"):
            shift_within_days(load, price, down, up, limit_kwh=limit, cost=cost, efficiency=efficiency)
        return
    moved = shift_within_days(load, price, down, up, limit_kwh=limit, cost=cost, efficiency=efficiency)
    change = moved - load
    paid = (price * change).sum(axis=1) + cost * np.maximum(-change, 0).sum(axis=1)
    assert paid == pytest.approx(solved, abs=1e-6)
    assert (np.maximum(change, 0).sum(axis=1) * efficiency) == pytest.approx(
        np.maximum(-change, 0).sum(axis=1), abs=1e-9
    )
    assert (
        (change <= up + 1e-9).all()
        and (-change <= np.minimum(down, load) + 1e-9).all()
        and (moved <= limit + 1e-9).all()
    )


def solve_month(load, price, down, up, cost, demand, floor):
    """All days of a month and its peak in one programme."""
    days, n = load.shape
    size = days * n
    ends = np.c_[np.eye(size), -np.eye(size), -np.ones(size)]
    balance = np.c_[np.kron(np.eye(days), np.ones(n)), -np.kron(np.eye(days), np.ones(n)), np.zeros(days)]
    bounds = (
        [(0, u) for u in up.ravel()] + [(0, min(d, x)) for d, x in zip(down.ravel(), load.ravel())] + [(floor, None)]
    )
    found = linprog(
        np.r_[price.ravel(), cost - price.ravel(), demand],
        A_ub=ends,
        b_ub=-load.ravel(),
        A_eq=balance,
        b_eq=np.zeros(days),
        bounds=bounds,
    )
    return found.fun


@pytest.mark.parametrize("seed", range(12))
def test_months_with_a_demand_charge_equal_the_linear_programme(seed: int) -> None:
    rng = np.random.default_rng(seed)
    load = rng.uniform(1, 10, (10, 12))
    month_of = np.repeat([0, 1], 5)
    price = np.broadcast_to(rng.choice([0.3, 0.6, 1.0], 12), load.shape)
    down, up = load * 0.2, np.full(load.shape, 1.0)
    demand, floor, cost = rng.uniform(0, 20, 2), np.array([0.0, 9.0]), 0.02
    moved = shift_with_demand(load, price, down, up, month_of, demand_price=demand, floor_kwh=floor, cost=cost)
    for m in (0, 1):
        mine = month_of == m
        change = moved[mine] - load[mine]
        paid = (
            (price[mine] * change).sum()
            + cost * np.maximum(-change, 0).sum()
            + demand[m] * max(moved[mine].max(), floor[m])
        )
        assert paid == pytest.approx(
            solve_month(load[mine], price[mine], down[mine], up[mine], cost, demand[m], floor[m]), rel=1e-6
        )
        assert np.allclose(change.sum(axis=1), 0, atol=1e-9)


def test_a_peak_already_incurred_is_not_worth_avoiding() -> None:
    load = np.ones((30, 4))
    load[3, 2] = 2.0
    flat, caps = np.ones(load.shape), 0.5 * np.ones(load.shape)
    args = (load, flat, caps, caps, np.zeros(30, dtype=int))
    assert shift_with_demand(*args, demand_price=10.0).max() == pytest.approx(1.5)
    assert shift_with_demand(*args, demand_price=10.0, floor_kwh=1.8, cost=0.01).max() == pytest.approx(1.8, abs=1e-6)
    assert shift_with_demand(*args, demand_price=0.0, cost=0.01) == pytest.approx(load)


@pytest.mark.parametrize(("more", "says"), [
    ({"down_cap": -1.0}, "must not be below 0"),
    ({"efficiency": 1.1}, "efficiency is 1.1"),
    ({"price": np.array([[1.0, np.nan]])}, "slot 1 has no price"),
    ({"load_kwh": np.array([[1.0, np.nan]])}, "the load has gaps"),
    ({"limit_kwh": 0.2}, "day 0: the limit cannot be kept"),
])  # fmt: skip
def test_what_cannot_be_is_refused(more, says) -> None:
    good = {"load_kwh": np.array([[1.0, 1.0]]), "price": np.array([[1.0, 2.0]]), "down_cap": 0.1, "up_cap": 0.1}
    with pytest.raises(ValueError, match=says):
        shift_within_days(**good | more)
