from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import SquareTable

import labkit
from labkit.segments.errors import SegmentError
from labkit.segments.value import (
    check_moves,
    classify_deciles,
    classify_growth,
    classify_tiers,
    classify_tiers_over_time,
    measure_mobility,
)


def test_tiers_partition_all_and_new_customers_go_by_amount() -> None:
    amounts = pd.Series([80.0, 12, 5, 2, 1, np.nan, 0], list("abcdefg"))
    found = classify_tiers(amounts)
    assert found.labels.tolist() == ["A", "B", "B", "C", "C", "unknown", "C"]
    assert found.why["f"] == "no_amount" and found.certainty["f"] == 0
    assert found.settings["A_from_yuan"] == 80 and found.profiles.loc["A", "amount_share"] == 0.8
    assert found.assign(pd.Series([100.0, 13, 1, np.nan], list("wxyz")))["group"].tolist() == ["A", "B", "C", "unknown"]
    assert found.assign(amounts)["group"].equals(found.labels)
    assert found.extras["lorenz"]["value_share"].iloc[-1] == 1
    tenths = classify_deciles(pd.Series(np.arange(1.0, 41.0), [f"c{i}" for i in range(40)]))
    assert (tenths.sizes["customers_count"] == 4).all()
    assert tenths.assign(pd.Series([99.0, 0.0], ["x", "y"]))["group"].tolist() == ["d01", "d10"]


def test_moves_and_mobility_by_hand() -> None:
    rows = []
    for customer, one, two in (("a", 90, 5), ("b", 15, 90), ("c", 5, 5), ("d", 1, 1)):
        rows += [(customer, f"2025-{m:02d}", one if m < 4 else two) for m in range(1, 7)]
    rows.append(("late", "2025-07", 5))
    bills = pd.DataFrame(rows, columns=["customer_id", "period", "total_yuan"])
    found = classify_tiers_over_time(bills)
    assert found.settings["period"] == "2025Q2" and found.labels["b"] == "A" and found.labels["late"] == "unknown"
    assert found.certainty["b"] == 0.5
    moves = found.extras["moves"].set_index(["tier_before", "tier_after"])
    assert moves.loc[("A", "B"), "customers_count"] == 1 and len(moves) == 9
    with pytest.raises(SegmentError, match="no year has all its 12 months"):
        classify_tiers_over_time(bills, "year")


def test_mobility_is_one_where_the_tier_before_says_nothing() -> None:
    before = pd.Series(list("AAABBBCCC"))
    found = measure_mobility(before, pd.Series(list("ABCABCABC")))
    assert found.value == pytest.approx(1) and found.low < 1 < found.high
    with pytest.raises(SegmentError, match="two tiers"):
        measure_mobility(pd.Series(list("AA")), pd.Series(list("AB")))


def test_growth() -> None:
    before = pd.Series([100.0, 10, 10, 10, 0], list("abcde"))
    found = classify_growth(before, pd.Series([150.0, 10, 5, np.nan, 7], list("abcde")))
    assert found.labels.tolist() == ["large_growing", "small_steady", "small_shrinking", "small_shrinking", "unknown"]
    assert found.profiles.loc["large_growing", "group_change_share"] == 0.5
    # 130 before, 172 after: what each group adds, and the newcomer's 7, makes up the whole growth.
    parts = found.profiles["contribution_share"].sum() + found.settings["not_there_before_yuan"] / 130
    assert parts == pytest.approx(172 / 130 - 1)


def test_balance_of_moves_is_that_of_statsmodels_and_counts_only_pairs_that_moved() -> None:
    rng = np.random.default_rng(3)
    before = pd.Series(rng.choice(list("ABC"), 400))
    after = before.where(rng.random(400) < 0.6, pd.Series(rng.choice(list("ABC"), 400, p=[0.5, 0.3, 0.2])))
    found = check_moves(before, after).set_index("balance")
    table = SquareTable(pd.crosstab(before, after), shift_zeros=False)
    for name, peer in (("bowker", table.symmetry()), ("stuart_maxwell", table.homogeneity())):
        assert found.loc[name, ["statistic", "freedom_count", "p_value"]].tolist() == pytest.approx([peer.statistic, peer.df, peer.pvalue])  # fmt: skip
    # 10 go from A to B, none anywhere else: (10 - 0)^2 / 10 with one degree of freedom, both ways of asking.
    one_way = check_moves(pd.Series(["A"] * 20 + ["C"] * 9), pd.Series(["A"] * 10 + ["B"] * 10 + ["C"] * 9))
    assert one_way["statistic"].tolist() == pytest.approx([10, 10]) and one_way["freedom_count"].tolist() == [1, 1]
    still = check_moves(before, before)
    assert still["p_value"].tolist() == [1, 1] and still["moved_count"].tolist() == [0, 0]


@pytest.mark.parametrize("amounts", [[0.0, 0.0], [-1.0, 5.0], [np.nan, np.nan]])
def test_amounts_that_cannot_be_shared_out_are_refused(amounts: list[float]) -> None:
    with pytest.raises(SegmentError, match="amounts: "):
        classify_tiers(pd.Series(amounts, ["a", "b"]))


def test_sample(sample: Path) -> None:
    lab = labkit.open(sample, verify=False)
    bills = lab.run(lab.bills)
    found = classify_tiers_over_time(bills, "quarter")
    assert found.extras["balance"]["p_value"].between(0, 1).all()
    assert len(classify_tiers_over_time(bills, "month").extras["moves"]) == 9
    assert "moves" not in classify_tiers_over_time(bills, "year").extras  # the sample has one whole calendar year
    assert found.extras["mobility"].value < 0.3 and found.extras["top_fifth"].value > 0.8
