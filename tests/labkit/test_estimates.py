from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from labkit import estimates


def test_wilson_against_its_formula() -> None:
    # Wilson (1927): centre and half-width written out.
    n, hits, z = 250, 31, stats.norm.ppf(0.975)
    p = hits / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    found = estimates.estimate_share(hits, n)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_mean_without_weights_is_the_t_interval() -> None:
    x = np.random.default_rng(3).normal(5, 2, 40)
    low, high = stats.t.interval(0.95, 39, x.mean(), stats.sem(x))
    found = estimates.estimate_mean(x)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_weights_undo_unequal_chances() -> None:
    rng = np.random.default_rng(4)
    population = np.concatenate([rng.normal(5, 1, 20_000), rng.normal(9, 1, 2_000)])
    chance = np.repeat([0.01, 0.10], [20_000, 2_000])
    covered = 0
    for _ in range(200):
        drawn = rng.random(len(population)) < chance
        found = estimates.estimate_mean(population[drawn], 1 / chance[drawn])
        covered += found.low <= population.mean() <= found.high
    assert 0.90 <= covered / 200 <= 0.99


def test_bootstrap_covers_the_median() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        x = rng.exponential(1.0, 60)
        found = estimates.estimate_by_bootstrap(x, lambda d: np.median(d, axis=1), seed=trial, draws=400)
        covered += found.low <= np.log(2) <= found.high
    assert 0.89 <= covered / 200 <= 0.99


def test_bootstrap_is_the_same_whatever_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(50.0)
    once = estimates.estimate_by_bootstrap(x, lambda d: d.mean(axis=1), seed=1)
    monkeypatch.setattr(estimates, "_DRAWS_AT_ONCE", 50 * 10)
    blocks = estimates.estimate_by_bootstrap(x, lambda d: d.mean(axis=1), seed=1)
    assert once == blocks


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: estimates.estimate_share(3, 0), "at least one case"),
        (lambda: estimates.estimate_share(5, 4), "hits is 5"),
        (lambda: estimates.estimate_mean(np.array([1.0])), "at least 2 cases"),
        (lambda: estimates.estimate_by_bootstrap(np.ones(3), lambda d: d.mean(axis=1), seed=1), "at least 5 customers"),
    ],
)
def test_too_little_is_said(call, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=says):
        call()
