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


def test_a_change_of_a_ratio_has_the_interval_of_a_bootstrap_over_clusters() -> None:
    rng = np.random.default_rng(4)
    n = 400
    level = rng.beta(2, 8, n)
    wholes = [rng.integers(5, 15, n) for _ in range(2)]
    parts = [rng.binomial(w, level * f) for w, f in zip(wholes, (1.0, 1.2), strict=True)]
    found = estimates.estimate_ratio_change((parts[0], wholes[0]), (parts[1], wholes[1]))
    drawn = rng.integers(0, n, (4000, n))
    ratios = [p[drawn].sum(axis=1) / w[drawn].sum(axis=1) for p, w in zip(parts, wholes, strict=True)]
    low, high = np.percentile(ratios[1] - ratios[0], [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.003) and found.high == pytest.approx(high, abs=0.003)
    assert found.value == pytest.approx(parts[1].sum() / wholes[1].sum() - parts[0].sum() / wholes[0].sum())


def test_a_change_without_cases_or_clusters_is_not_told() -> None:
    zero, one = np.zeros(3), np.ones(3)
    assert np.isnan(estimates.estimate_ratio_change((zero, zero), (one, one)).value)
    never = estimates.estimate_ratio_change((np.zeros(50), np.ones(50)), (np.zeros(50), np.ones(50)))
    assert never.value == 0 and never.low == -never.high < -0.05
    single = estimates.estimate_ratio_change((np.array([1]), np.array([2])), (np.array([2]), np.array([2])))
    assert single.value == 0.5 and np.isnan(single.low)


def test_normal_draws_have_their_moments_and_stay_where_nothing_varies() -> None:
    mean = np.array([1.0, -2.0, 5.0])
    covariance = np.array([[4.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])  # the second is half the first
    drawn = estimates.draw_normal(mean, covariance, 40_000, np.random.default_rng(3))
    assert drawn.shape == (40_000, 3)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=4 * 2 / np.sqrt(40_000))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.1)
    np.testing.assert_allclose(drawn[:, 0] - 1, 2 * (drawn[:, 1] + 2), atol=1e-7)
    np.testing.assert_allclose(drawn[:, 2], 5, atol=1e-12)
    again = estimates.draw_normal(mean, covariance, 40_000, np.random.default_rng(3))
    np.testing.assert_array_equal(drawn, again)


def test_normal_draws_do_not_hang_on_the_signs_of_eigenvectors(monkeypatch: pytest.MonkeyPatch) -> None:
    mean, covariance = np.zeros(3), np.array([[4.0, 1.0, 0.5], [1.0, 9.0, -2.0], [0.5, -2.0, 3.0]])
    here = estimates.draw_normal(mean, covariance, 50, np.random.default_rng(3))
    values, vectors = np.linalg.eigh(covariance)
    monkeypatch.setattr(np.linalg, "eigh", lambda _: (values, vectors * [1, -1, -1]))
    elsewhere = estimates.draw_normal(mean, covariance, 50, np.random.default_rng(3))
    np.testing.assert_allclose(elsewhere, here, rtol=1e-12)


def test_normal_draws_need_a_covariance_of_their_figures() -> None:
    with pytest.raises(ValueError, match=r"covariance has shape \(2, 2\), expected \(3, 3\)"):
        estimates.draw_normal(np.zeros(3), np.eye(2), 10, np.random.default_rng(3))
