from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from labkit.concentration import estimate_gini
from labkit.segments.agreement import agreement_matrix, estimate_ari, measure_agreement
from labkit.segments.combine import simultaneous_ends
from labkit.segments.errors import SegmentError
from labkit.segments.traits import gini_between, measure_evenness


def test_ari_is_that_of_scikit_learn_and_its_interval_leaves_chance_in() -> None:
    rng = np.random.default_rng(1)
    one = pd.Series(rng.integers(0, 5, 400))
    other = one.where(pd.Series(rng.random(400) < 0.7), pd.Series(rng.integers(0, 5, 400)))
    found = estimate_ari(one, other, seed=1)
    assert found.value == pytest.approx(adjusted_rand_score(one, other))
    assert found.low < found.value < found.high < 1
    holds = 0
    for seed in range(40):
        a, b = (pd.Series(np.random.default_rng([seed, i]).integers(0, 20, 300)) for i in (0, 1))
        chance = estimate_ari(a, b, seed=seed)
        holds += chance.low <= 0 <= chance.high
    # A customer drawn twice agrees with itself; without the correction hardly any would hold 0.
    assert holds >= 34


def test_matrix_is_square_and_customers_in_both_count() -> None:
    labels = {
        "a": pd.Series(list("xxyy"), list("1234")),
        "b": pd.Series(list("uuvv"), list("2345")),
        "c": pd.Series(list("xxyy"), list("1234")),
    }
    pairs = measure_agreement(labels)
    assert pairs["customers_count"].tolist() == [3, 4, 3]
    square = agreement_matrix(pairs)
    assert square.loc["a", "c"] == square.loc["c", "a"] == 1 and (np.diag(square) == 1).all()
    with pytest.raises(SegmentError, match="two at least"):
        estimate_ari(labels["a"], pd.Series(["x"], ["9"]))


def test_gini_between_is_gini_where_each_is_a_group_and_0_where_all_are_one() -> None:
    money = pd.Series([1.0, 2, 3, 10, 84])
    whole = estimate_gini(money.to_numpy()).value * 4 / 5  # without the correction for few
    assert gini_between(money, pd.Series(range(5))).value == pytest.approx(whole)
    assert gini_between(money, pd.Series([0] * 5)).value == pytest.approx(0)
    assert np.isnan(gini_between(money * 0, pd.Series(range(5))).value)
    assert measure_evenness(pd.Series(list("aaab"))) == pytest.approx(0.8113, abs=1e-4)


def test_ends_for_many_hold_all_at_once() -> None:
    rng = np.random.default_rng(7)
    missed_all = missed_one = 0
    for _ in range(200):
        x = rng.normal(size=(60, 15))
        drawn = x[rng.integers(0, 60, (300, 60))].mean(axis=1)
        low, high = simultaneous_ends(x.mean(axis=0), drawn)
        missed_all += bool(((low > 0) | (high < 0)).any())
        ends = np.quantile(drawn, [0.025, 0.975], axis=0)
        missed_one += bool(((ends[0] > 0) | (ends[1] < 0)).any())
    assert missed_all <= 22 and missed_one > 70
