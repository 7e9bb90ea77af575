"""Siting against all choices tried, bounds, odd input."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from labkit import service
from labkit.service import ServiceError, evaluate_sites, site_centres


def plane(n: int, m: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.random((n, 2)) * 100, rng.random((m, 2)) * 100
    return np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1)), rng.integers(0, 20, n).astype(float)


@pytest.mark.parametrize("objective", ["median", "cover", "center"])
@pytest.mark.parametrize("seed", range(4))
def test_the_exact_choice_is_the_best_of_all(objective: str, seed: int) -> None:
    cost, demand = plane(25, 11, seed)
    every = [evaluate_sites(cost, demand, np.array(c), objective, 25.0) for c in combinations(range(11), 3)]  # type: ignore[arg-type]
    best = max(every) if objective == "cover" else min(every)
    exact = site_centres(cost, demand, 3, objective, limit=25.0)  # type: ignore[arg-type]
    assert exact.value == pytest.approx(best) and exact.proved and exact.gap == 0 and len(exact.sites) == 3
    quick = site_centres(cost, demand, 3, objective, "heuristic", limit=25.0)  # type: ignore[arg-type]
    assert abs(quick.value - best) <= 0.1 * best
    assert quick.bound <= best + 1e-6 if objective != "cover" else quick.bound >= best - 1e-6


@pytest.mark.parametrize("p", [1, 2, 5, 40])
def test_median_of_any_number(p: int) -> None:
    cost, demand = plane(60, 40, 9)
    found = site_centres(cost, demand, p)
    assert found.proved and found.value == pytest.approx(evaluate_sites(cost, demand, found.sites, "median"))
    assert (cost[np.arange(60), found.assigned] == cost[:, found.sites].min(axis=1)).all()
    if p == 1:
        assert found.value == pytest.approx((demand @ cost).min())
    if p == 40:
        assert found.value == pytest.approx(demand @ cost.min(axis=1))


def test_a_larger_median_is_proved() -> None:
    cost, demand = plane(120, 120, 3)
    found = site_centres(cost, demand, 8)
    quick = site_centres(cost, demand, 8, method="heuristic")
    assert found.proved and found.value <= quick.value + 1e-9 and quick.gap < 0.02


def test_places_that_nothing_reaches_are_named() -> None:
    cost, demand = plane(20, 6, 1)
    cost[3], cost[7], cost[5, 2] = np.inf, np.nan, np.inf
    for objective in ("median", "cover", "center"):
        found = site_centres(cost, demand, 2, objective, limit=30.0)  # type: ignore[arg-type]
        assert found.unreachable == (3, 7) and found.assigned[3] == found.assigned[7] == -1 and np.isfinite(found.value)
    with pytest.raises(ServiceError, match="no demand point can be reached"):
        site_centres(np.full((3, 2), np.inf), np.ones(3), 1)


def test_one_site_for_two_islands() -> None:
    cost = np.array([[1.0, np.inf], [np.inf, 1.0]])
    assert site_centres(cost, np.ones(2), 2).value == 2
    assert site_centres(cost, np.ones(2), 1, "cover", limit=5).value == 1
    with pytest.raises(ServiceError, match="take more sites"):
        site_centres(cost, np.ones(2), 1, "center")


@pytest.mark.parametrize(
    ("change", "says"),
    [({"p": 0}, "p is 0"), ({"p": 9}, "p is 9"), ({"demand": np.ones(3)}, "shape"), ({"demand": -np.ones(5)}, "negative"), ({"objective": "best"}, "objective is 'best'"), ({"method": "magic"}, "method is 'magic'"), ({"objective": "cover"}, "needs a limit"), ({"cost": -np.ones((5, 4))}, "negative")],
)  # fmt: skip
def test_wrong_questions_are_refused(change: dict, says: str) -> None:
    asked = {"cost": np.ones((5, 4)), "demand": np.ones(5), "p": 2} | change
    with pytest.raises(ServiceError, match=says):
        site_centres(**asked)


def test_further_sites_bring_less_and_less() -> None:
    cost, demand = plane(40, 15, 2)
    steps = service.value_of_sites(cost, demand, 6)
    assert (steps["gain"].iloc[1:] > 0).all() and steps["value"].is_monotonic_decreasing and (steps["gap"] == 0).all()


def test_travel_is_the_great_circle() -> None:
    minutes = service.travel_minutes(
        np.array([112.0]), np.array([30.0]), np.array([112.0, 113.0]), np.array([31.0, 30.0]), speed_kmh=60, detour=1
    )
    assert minutes[0] == pytest.approx([111.19, 96.30], rel=1e-3)
