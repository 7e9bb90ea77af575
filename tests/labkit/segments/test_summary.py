"""What the notebook shows: where the data are cut, which groups are hidden, what leads."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit.segments import (
    SegmentError,
    choose_cut,
    classify_shapes,
    classify_tiers,
    explain_segments,
    join_names,
    name_largest,
    readable_features,
    summarise_groups,
    summarise_leaders,
    summarise_outcomes,
    summarise_rules,
)
from tests.labkit.segments.cases import made_shapes


def lab_of(first: str, last: str) -> SimpleNamespace:
    return SimpleNamespace(period=(first, last))


@pytest.mark.parametrize(
    ("first", "last", "cut", "until"),
    [
        ("2025-01-01", "2025-12-31", "2025-03-31", "2025-12-31"),
        ("2025-01-02", "2025-12-30", "2025-04-30", "2025-11-30"),  # whole months only
        ("2024-01-01", "2025-12-31", "2024-06-30", "2025-12-31"),  # a quarter of the months
        ("2025-01-01", "2025-06-30", "2025-03-31", "2025-06-30"),
    ],
)
def test_the_cut_leaves_a_quarter_before_it_and_whole_months(first: str, last: str, cut: str, until: str) -> None:
    assert choose_cut(lab_of(first, last)) == (pd.Timestamp(cut), pd.Timestamp(until))  # type: ignore[arg-type]


def test_a_cut_of_ones_own_must_leave_three_months(sample: Path) -> None:
    lab = labkit.open(sample, verify=False)
    assert choose_cut(lab, "2025-06-30") == (pd.Timestamp("2025-06-30"), pd.Timestamp("2025-12-31"))
    for wrong in ("2025-06-29", "2025-02-28", "2025-10-31"):
        with pytest.raises(SegmentError, match=f"cut is {wrong}, expected the last day of a month"):
            choose_cut(lab, wrong)
    with pytest.raises(SegmentError, match="has 5 whole months, expected 6"):
        choose_cut(lab_of("2025-01-01", "2025-05-31"))  # type: ignore[arg-type]


def test_small_groups_are_hidden_and_who_is_in_none_does_not_follow_from_the_number_of_all() -> None:
    # 4 A, 12 B, many C, 2 without an amount.
    amounts = pd.Series([1000.0] * 4 + [60.0] * 12 + [1.0] * 300 + [np.nan] * 2, [f"c{i:03d}" for i in range(318)])
    table = summarise_groups(classify_tiers(amounts), "en", 10)
    shown = table["customers_count"].notna()
    assert table.loc[shown, "group"].tolist() == ["C: the rest"] and table.loc[~shown, "share"].isna().all()
    assert len(table) == 4 and {"low_share", "high_share"} <= set(table.columns)
    whole = summarise_groups(classify_tiers(amounts), "en", 1)
    assert whole["customers_count"].sum() == 318
    # 3 in no group, all groups large: without a second one hidden, 3 = all - the rest.
    amounts = pd.Series([1000.0] * 40 + [60.0] * 120 + [1.0] * 300 + [np.nan] * 3, [f"c{i:03d}" for i in range(463)])
    table = summarise_groups(classify_tiers(amounts), "en", 10).set_index("group")
    assert table["customers_count"].isna().sum() == 2 and table["share"].isna().sum() == 2
    seconds = table[table["customers_count"].isna() & table["certainty"].notna()]
    assert len(seconds) == 1, "of the second one only its number is hidden"


def test_few_without_an_outcome_do_not_follow_from_the_number_of_all() -> None:
    outcomes = pd.DataFrame({"outcome": ["left", "bill"], "kind": ["yes_no", "amount"], "customers_count": [500, 496],
                             "left_out_count": [0, 4], "why": ["", ""]})  # fmt: skip
    found = SimpleNamespace(outcomes=outcomes, customers=500, named=lambda table, language: table.copy())
    shown = summarise_outcomes(found, "en", 10)  # type: ignore[arg-type]
    assert shown["customers_count"].isna().tolist() == shown["left_out_count"].isna().tolist() == [False, True]
    assert "why" not in shown


def test_a_group_of_few_is_not_drawn() -> None:
    amounts = pd.Series([1000.0] * 4 + [60.0] * 12 + [1.0] * 300, [f"c{i:03d}" for i in range(316)])
    tiers = classify_tiers(amounts)
    assert len(tiers.plot(fewest=10).patches) < len(tiers.plot().patches)
    shapes, _ = made_shapes(each=30)
    found = classify_shapes(shapes, 4, "ward", seed=1)
    with pytest.MonkeyPatch.context() as patch:
        few = found.sizes.assign(customers_count=[30, 30, 30, 4])
        patch.setattr(type(found), "sizes", property(lambda self: few))
        drawn = found.plot(fewest=10)
    texts = " ".join(text.get_text() for text in drawn.get_figure().findobj(match=lambda a: hasattr(a, "get_text")))
    assert "(few)" in texts and texts.count("%") == 3


def test_rules_of_few_are_left_out_and_the_largest_group_is_named() -> None:
    shapes, _ = made_shapes(each=30)
    found = classify_shapes(shapes, 4, "ward", seed=1)
    rules = summarise_rules(explain_segments(found, readable_features(shapes.values), seed=1), "en", 10)
    assert (rules["customers_count"] >= 10).all() and rules["rule"].str.len().gt(5).all()
    assert rules["agreement_share"].between(0, 1).all() and len(rules) >= 4
    name, share = name_largest(found, "zh")
    assert share == pytest.approx(found.sizes["share"].max()) and name in found.describe("zh")["group"].tolist()


def test_what_leads_is_sure_even_if_another_looks_higher() -> None:
    explained = pd.DataFrame(
        {
            "outcome": ["left", "left", "late", "late"],
            "classification": ["class", "value", "class", "value"],
            "explained_share": [0.03, 0.02, 0.01, 0.0],
            "low": [-0.01, 0.01, -0.01, -0.01],
            "high": [0.07, 0.03, 0.02, 0.01],
            "customers_count": [100, 100, 90, 90],
            "overlap": ["", "", "", ""],
        }
    )
    found = SimpleNamespace(
        explained=explained, label=lambda name, language: name, outcome_label=lambda name, language: name
    )
    table = summarise_leaders(found, "en").set_index("outcome")  # type: ignore[arg-type]
    assert table.loc["left", "classification"] == "value" and table.loc["left", "explained_share"] == 0.02
    assert table.loc["late", "classification"] == "–" and table.loc["late", "explained_share"] == 0.01


def test_names_in_a_row() -> None:
    assert join_names(["a"], "en") == "a" and join_names([], "zh") == ""
