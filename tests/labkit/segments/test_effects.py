from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from labkit.segments.effects import (
    deal_folds,
    deviance_by_customer,
    fit_effects,
    ideal_deviance,
    measure_deviance,
    spread_around_mean,
)


def test_pull_is_that_of_the_mixed_model_where_groups_are_equal() -> None:
    rng = np.random.default_rng(3)
    code = np.repeat(np.arange(15), 12)
    y = rng.normal(0, 0.6, 15)[code] + rng.normal(0, 1, len(code))
    mean, (effects,) = fit_effects(code[None], (15,), y, None)
    mixed = sm.MixedLM(y, np.ones(len(y)), groups=code).fit(reml=True)
    other = np.array([float(mixed.random_effects[g].iloc[0]) for g in range(15)])
    assert mean == pytest.approx(float(mixed.fe_params[0]), abs=1e-6)
    np.testing.assert_allclose(effects, other, atol=2e-4)


def test_effects_on_odds_are_where_the_penalised_likelihood_is_highest() -> None:
    rng = np.random.default_rng(5)
    code = rng.integers(0, 8, 4000)
    trials = rng.integers(1, 12, 4000).astype(float)
    truth = rng.normal(0, 0.7, 8)
    y = rng.binomial(trials.astype(int), expit(-1.5 + truth[code])).astype(float)
    mean, (effects,) = fit_effects(code[None], (8,), y, trials)
    p = expit(mean + effects)
    score = np.bincount(code, y - trials * p[code])
    # At the maximum each group's score is its effect times one and the same pull.
    pulls = score[np.abs(effects) > 0.1] / effects[np.abs(effects) > 0.1]
    assert np.ptp(pulls) < 0.05 * pulls.mean()
    np.testing.assert_allclose(mean + effects, -1.5 + truth, atol=0.2)


def test_groups_without_a_difference_get_none_and_unseen_groups_the_mean() -> None:
    y = np.tile([1.0, 2.0, 3.0], 20)
    _, (effects,) = fit_effects(np.repeat([0, 1, 2], 20)[None], (4,), np.sort(y)[np.r_[0:60:3, 1:60:3, 2:60:3]], None)
    assert effects.tolist() == [0, 0, 0, 0]
    mean, (effects,) = fit_effects(np.repeat([0, 2], 30)[None], (4,), np.repeat([0.0, 1.0], 30) + y / 10, None)
    assert effects[1] == effects[3] == 0 and effects[0] < -0.4 < 0.4 < effects[2] and mean == pytest.approx(0.7)


def test_two_classifications_add_up() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.integers(0, 4, 5000), rng.integers(0, 3, 5000)
    # They hang together, so that each alone would take credit for the other.
    two = np.where(rng.random(5000) < 0.5, one % 3, two)
    a, b = np.array([-1.0, 0, 0.5, 1]), np.array([-0.8, 0, 0.8])
    y = a[one] + b[two] + rng.normal(0, 0.5, 5000)
    mean, effects = fit_effects(np.stack([one, two]), (4, 3), y, None)
    found = mean + effects[0][one] + effects[1][two]
    assert np.abs(found - a[one] - b[two]).max() < 0.08


def test_deviance_is_that_of_the_generalised_linear_model() -> None:
    rng = np.random.default_rng(2)
    trials = rng.integers(1, 9, 200).astype(float)
    y = rng.binomial(trials.astype(int), 0.3).astype(float)
    fit = sm.GLM(np.column_stack([y, trials - y]), np.ones(200), family=sm.families.Binomial()).fit()
    at = np.full(200, logit(y.sum() / trials.sum()))
    assert measure_deviance(y, trials, at).sum() == pytest.approx(fit.deviance)
    assert spread_around_mean(y, trials) == pytest.approx(fit.pearson_chi2 / 199)


def test_ideal_share_of_numbers_is_the_adjusted_r_squared() -> None:
    rng = np.random.default_rng(4)
    code = rng.integers(0, 6, 150)
    y = code * 0.2 + rng.normal(0, 1, 150)
    fit = sm.OLS(y, pd.get_dummies(code).to_numpy(dtype=float)).fit()
    share = 1 - ideal_deviance(code, y, None).sum() / ideal_deviance(np.zeros(150, dtype=int), y, None).sum()
    # 1 - (s2 n) / (S2 n): the corrected sums are n times the unbiased variances.
    assert share == pytest.approx(fit.rsquared_adj)


def test_nobody_is_foretold_by_itself() -> None:
    y = np.arange(20.0)
    folds = deal_folds(y, False, 20, 1, np.random.default_rng(1))
    alone = deviance_by_customer(np.empty((0, 20), dtype=int), (), y, None, folds)
    others = (y.sum() - y) / 19
    np.testing.assert_allclose(alone, (y - others) ** 2)
    # A group of one's own helps nobody.
    own = deviance_by_customer(np.arange(20)[None], (20,), y, None, folds)
    np.testing.assert_allclose(own, alone)


def test_folds_hold_as_many_who_left() -> None:
    y = (np.arange(100) < 12).astype(float)
    for division in deal_folds(y, True, 4, 3, np.random.default_rng(8)):
        assert np.bincount(division).tolist() == [25] * 4 and np.bincount(division[y == 1]).tolist() == [3] * 4
