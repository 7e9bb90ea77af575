from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit.segments import SegmentError, classify_by, classify_tiers, cross_segments
from labkit.segments.candidates import Candidate
from labkit.segments.stability import compare_periods, remake_candidates


def made(n: int = 300) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(1)
    ids = [f"C{i:03d}" for i in range(n)]
    table = pd.DataFrame({"customer_id": ids, "settlement": rng.choice(["urban", "rural"], n, p=[0.8, 0.2])})
    return table, pd.Series(rng.lognormal(0, 1, n), ids)


def test_crossed_groups_hold_everybody_and_small_ones_are_put_together() -> None:
    table, money = made()
    table.loc[5, "settlement"] = None
    money.iloc[9] = np.nan
    value, place = classify_tiers(money), classify_by(table, "settlement")
    both = cross_segments(value, place, fewest=15)
    counts = both.labels.value_counts()
    assert len(both.labels) == 300 and both.labels.iloc[9] == "unknown"
    assert (counts[~counts.index.str.endswith(".rest") & (counts.index != "unknown")] >= 15).all()
    assert both.labels.iloc[5].endswith(".rest") and both.certainty.iloc[5] == 1
    plain = value.labels.astype(str) + "." + place.labels.astype(str)
    kept = both.labels.isin(set(plain))
    assert (both.labels[kept] == plain[kept]).all() and kept.mean() > 0.8
    again = both.assign((money, table))
    assert (again["group"] == both.labels).all()
    with pytest.raises(SegmentError, match="other customers"):
        cross_segments(value, classify_by(table.head(9), "settlement"))


def test_a_sure_classification_comes_again_and_a_drawn_one_does_not() -> None:
    _, money = made()
    until = pd.Timestamp("2025-03-31")
    tiers = classify_tiers(money)

    def by_lot(ids: pd.Index) -> pd.Series:
        rng = np.random.default_rng(len(ids))
        return pd.Series(rng.choice(["A", "B"], len(money)), money.index)

    sure = Candidate(
        "sure", tiers, frozenset({"bills"}), until, lambda ids: classify_tiers(money[ids]).assign(money)["group"]
    )
    lot = Candidate("lot", tiers, frozenset({"bills"}), until, by_lot)
    fixed = Candidate("fixed", tiers, frozenset({"customers.settlement"}), None)
    whole, groups = remake_candidates([sure, lot, fixed], seed=1, draws=8)
    found = whole.set_index("classification")
    assert (
        list(found.index) == ["sure", "lot"] and found.loc["sure", "ari"] > 0.7 and abs(found.loc["lot", "ari"]) < 0.1
    )
    assert (found["low"] <= found["ari"]).all() and (found["ari"] <= found["high"]).all()
    assert found.loc["lot", "jaccard_weakest"] < 0.5 < found.loc["sure", "jaccard_weakest"]
    assert set(groups.loc[groups["classification"] == "sure", "group"]) == {"A", "B", "C"}


def test_who_moved_is_counted_among_those_known_both_times() -> None:
    _, money = made(100)
    tiers = classify_tiers(money)
    later = tiers.labels.copy()
    later.iloc[:10] = np.where(later.iloc[:10] == "A", "B", "A")
    later.iloc[10:20] = "unknown"
    moved = Candidate("moved", tiers, frozenset({"bills"}), pd.Timestamp("2025-03-31"), later=later.iloc[:90])
    row = compare_periods([moved], seed=1).iloc[0]
    assert row["customers_count"] == 80 and row["moved_share"] == pytest.approx(10 / 80)
    assert row["low"] < 10 / 80 < row["high"] and row["ari_low"] <= row["ari"] <= row["ari_high"] < 1
