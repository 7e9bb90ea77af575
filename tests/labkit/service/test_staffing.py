"""Erlang C and A against tables, a birth-death chain and a simulation; patience; agents."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit import service
from labkit.service import ServiceError


def birth_death(
    calls_per_hour: float, handling_s: float, agents: int, patience_s: float, most: int = 4000
) -> tuple[float, float, float]:
    """Waiting, giving up and mean wait of M/M/n+M from its steady state, state by state: a second implementation."""
    lam, mu, theta = calls_per_hour / 3600, 1 / handling_s, 1 / patience_s
    k = np.arange(1, most)
    death = np.minimum(k, agents) * mu + np.maximum(k - agents, 0) * theta
    log_p = np.concatenate([[0], np.cumsum(np.log(lam) - np.log(death))])
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    queue = np.maximum(np.arange(most) - agents, 0)
    mean_queue = float(p @ queue)
    return float(p[agents:].sum()), theta * mean_queue / lam, mean_queue / lam


@pytest.mark.parametrize(
    ("load", "agents", "wait"),
    # Erlang C, P(wait) by the sum of its definition in exact fractions.
    [(10, 14, 0.1741), (1, 2, 1 / 3), (5, 7, None), (20, 24, None), (0.5, 1, 0.5)],
)
def test_erlang_c_is_that_of_the_definition(load: float, agents: int, wait: float | None) -> None:
    from fractions import Fraction
    from math import factorial

    a = Fraction(load)
    top = a**agents / factorial(agents) * Fraction(agents) / (agents - a)
    exact = float(top / (sum(a**k / factorial(k) for k in range(agents)) + top))
    found = service.erlang_c(load * 20, 180, agents)
    assert found.wait_probability == pytest.approx(exact, rel=1e-12) and (
        wait is None or round(exact, 4) == round(wait, 4)
    )
    assert found.mean_wait_s == pytest.approx(exact * 180 / (agents - load))


def test_published_figures() -> None:
    q = service.erlang_c(200, 180, 14)
    assert (round(q.wait_probability, 4), round(q.service_level, 4), round(q.mean_wait_s, 2)) == (0.1741, 0.8884, 7.84)
    a = service.erlang_a(48 * 60, 60, 50, 120)
    assert (round(a.abandon_probability, 3), round(a.mean_wait_s, 1)) == (0.031, 3.7)


@pytest.mark.parametrize(
    "case",
    [
        (200, 180, 12, 120),
        (2880, 60, 50, 120),
        (1200, 180, 40, 60),
        (30, 300, 1, 45),
        (6000, 180, 250, 600),
        (400, 180, 14, 90),
    ],
)
def test_erlang_a_equals_the_birth_death_chain(case: tuple[float, float, int, float]) -> None:
    found, (wait, gone, mean) = service.erlang_a(*case), birth_death(*case)
    assert (found.wait_probability, found.abandon_probability, found.mean_wait_s) == pytest.approx(
        (wait, gone, mean), rel=1e-5, abs=1e-9
    )


def test_patient_callers_are_erlang_c() -> None:
    one, two = service.erlang_a(200, 180, 14, 1e6), service.erlang_c(200, 180, 14)
    assert one.wait_probability == pytest.approx(two.wait_probability, rel=1e-3)
    assert one.service_level == pytest.approx(two.service_level, rel=1e-3)


@pytest.mark.parametrize("patience", [None, 120.0])
def test_formulas_lie_within_the_simulation(patience: float | None) -> None:
    run = service.simulate_queue(200, 180, 14, seed=4, patience_s=patience, calls=30_000, runs=12)
    formula = service.erlang_c(200, 180, 14) if patience is None else service.erlang_a(200, 180, 14, patience)
    for name, found in run.items():
        width = max(found.high - found.low, 1e-9)  # a tenth wider than 95 %, since four are looked at
        assert found.low - 0.3 * width <= getattr(formula, name) <= found.high + 0.3 * width, name


def test_overload_is_unstable_and_never_negative() -> None:
    q = service.erlang_c(400, 180, 14)
    assert not q.stable and q.mean_wait_s == np.inf and q.wait_probability == 1 and q.service_level == 0
    assert service.erlang_c(280, 180, 14).stable is False, "exactly as much work as agents"
    heavy = service.erlang_a(6000, 180, 14, 60)
    assert heavy.stable and heavy.abandon_probability == pytest.approx(1 - 14 / 300, abs=1e-3)
    assert service.erlang_a(0, 180, 3, 60).service_level == 1 and service.agents_needed(0, 180) == 0
    with pytest.raises(ServiceError, match="queue grows without end"):
        service.simulate_queue(400, 180, 14, seed=1)


def test_agents_are_the_fewest_that_do() -> None:
    for patience in (None, 90.0):
        n = service.agents_needed(333, 200, patience_s=patience)
        level = [
            service.erlang_c(333, 200, k).service_level
            if patience is None
            else service.erlang_a(333, 200, k, patience).service_level
            for k in (n - 1, n)
        ]
        assert level[0] < 0.8 <= level[1]
    with pytest.raises(ServiceError, match="more than 5000 agents"):
        service.agents_needed(1e6, 3600)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("calls_per_hour", (-1, 180, 3)),
        ("handling_s", (10, 0, 3)),
        ("agents", (10, 180, 0)),
        ("agents", (10, 180, 2.5)),
    ],
)
def test_impossible_figures_are_refused(name: str, values: tuple[float, float, int]) -> None:
    with pytest.raises(ServiceError, match=name):
        service.erlang_c(*values)
    with pytest.raises(ServiceError, match="level"):
        service.agents_needed(10, 180, level=1.0)


def test_patience_is_found_though_most_are_answered() -> None:
    rng = np.random.default_rng(6)
    patience, offered = rng.exponential(100, 20_000), rng.exponential(20, 20_000)
    waits, gone = np.minimum(patience, offered), patience < offered
    found = service.estimate_patience(waits, gone)
    assert found.low < 100 < found.high and waits[gone].mean() < 25, "the wait of those who gave up is far too short"
    with pytest.raises(ServiceError, match="nobody gave up"):
        service.estimate_patience(waits, np.zeros(len(waits), bool))


def test_calls_are_forecast_by_kind_of_day() -> None:
    days = pd.DataFrame(
        {"day": pd.date_range("2025-01-06", periods=28), "day_type": (["workday"] * 5 + ["weekend"] * 2) * 4}
    )
    stamps = [
        d + pd.Timedelta(hours=10, minutes=m)
        for d, kind in zip(days["day"], days["day_type"])
        for m in range(0, 30 if kind == "workday" else 10, 5)
    ]
    found = service.forecast_calls(pd.Series(stamps), days, smooth=1).set_index(["day_type", "hour"])
    assert found.loc[("workday", 10.0), "calls"] == 6 and found.loc[("weekend", 10.0), "calls"] == 2
    assert found["calls"].sum() == 8 and found.loc[("workday", 10.0), "low"] < 6 < found.loc[("workday", 10.0), "high"]
    smooth = service.forecast_calls(pd.Series(stamps), days)
    assert smooth["calls"].sum() == pytest.approx(8) and smooth["calls"].max() < 2
    plan = service.plan_staff(smooth, 240, patience_s=120, scale=50)
    assert (plan["service_level_share"] >= 0.8).all() and (
        plan.loc[plan["calls_per_hour"] == 0, "agents_count"] == 0
    ).all()
