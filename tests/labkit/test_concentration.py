"""Concentration: worked out on paper, and its edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit.concentration import (
    assign_deciles,
    assign_tiers,
    count_moves,
    estimate_gini,
    estimate_top_share,
    lorenz_curve,
    period_of,
)


def test_gini_of_one_who_has_all_and_of_equals() -> None:
    assert estimate_gini(np.array([0, 0, 0, 0, 10.0])).value == pytest.approx(1)
    assert estimate_gini(np.full(8, 3.0)).value == 0
    x = np.random.default_rng(1).lognormal(0, 1, 400)
    brute = np.abs(x[:, None] - x).sum() / (2 * len(x) * (len(x) - 1) * x.mean())
    found = estimate_gini(x)
    assert found.value == pytest.approx(brute) and found.low < brute < found.high
    # A lognormal of sigma 1 has 2 Phi(1 / sqrt 2) - 1 = 0.5205.
    assert found.low < 0.5205 < found.high


def test_the_lorenz_curve_ends_at_one_and_holds_the_top_share() -> None:
    x = np.random.default_rng(2).pareto(1.16, 1000)
    curve = lorenz_curve(x)
    assert curve.iloc[0].tolist() == [0, 0] and curve.iloc[-1].tolist() == pytest.approx([1, 1])
    assert estimate_top_share(x, 0.2).value == pytest.approx(
        curve.loc[curve["customers_share"] == 0.2, "value_share"].iloc[0]
    )
    assert (np.diff(curve["value_share"], 2) <= 1e-12).all()


def test_tiers_at_their_cuts_and_missing_values() -> None:
    assert assign_tiers(pd.Series([80.0, 15.0, 5.0])).tolist() == ["A", "B", "C"]
    assert assign_tiers(pd.Series([0.0, np.nan, 5.0])).tolist() == ["C", "C", "A"]
    assert assign_tiers(pd.Series([1.0] * 100)).value_counts().to_dict() == {"A": 80, "B": 15, "C": 5}


def test_moves_are_shares_of_those_who_were_there() -> None:
    before = pd.Series(["A", "A", "B", "C", "C"], index=list("abcde"))
    after = pd.Series(["A", "B", "B", "C", "A"], index=list("abcdx"))
    moves = count_moves(before, after).set_index(["tier_before", "tier_after"])
    assert moves["customers_count"].sum() == 4  # e has left, x is new
    assert moves.loc[("A", "B"), "share"] == 0.5 and moves.loc[("A", "B"), "low"] < 0.5 < moves.loc[("A", "B"), "high"]
    none = count_moves(before[:2], after[:2]).set_index(["tier_before", "tier_after"])
    assert np.isnan(none.loc[("C", "C"), "share"])


def test_deciles_are_even_and_periods_follow_months() -> None:
    assert assign_deciles(pd.Series(np.arange(100.0))).value_counts().tolist() == [10] * 10
    assert period_of(pd.Series(["2025-01", "2025-12"]), "year").tolist() == ["2025", "2025"]
    assert period_of(pd.Series(["2025-01"]), "month").tolist() == ["2025-01"]


@pytest.mark.parametrize(
    ("values", "says"), [([1.0, -1.0, 2, 2, 2], "1 values are below 0"), ([0.0] * 5, "all values are 0")]
)
def test_what_cannot_be_shared_out_is_refused(values: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        estimate_gini(np.array(values))
    with pytest.raises(ValueError, match=r"top is 1\.5"):
        estimate_top_share(np.ones(5), 1.5)
