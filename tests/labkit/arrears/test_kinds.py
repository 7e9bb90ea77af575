"""The kinds of late payer of the sample come back; rules by hand; errors priced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from labkit import arrears
from labkit.calendar import DATA
from labkit.lab import Lab


@pytest.fixture(scope="module")
def kinds(utility: Lab, books: arrears.Books) -> arrears.Kinds:
    return arrears.late_payers(utility, books)


def balanced(found: pd.Series, truth: pd.Series) -> float:
    return float(np.mean([(found[truth == kind] == kind).mean() for kind in arrears.KINDS]))


def test_the_truth_comes_back_better_than_by_any_single_rule(
    kinds: arrears.Kinds, payer: pd.Series, late: pd.DataFrame, utility: Lab
) -> None:
    table = kinds.table.set_index("customer_id")
    truth = payer.reindex(table.index)
    told = truth != "prompt"  # who pays in time but once in a while belongs to none of the four
    likeliest = arrears.likeliest_kind(kinds, pd.Series(table.index, table.index))
    score = balanced(likeliest[told], truth[told])
    assert score > 0.95
    # The best a single trait can do, even when told the truth: each of its values goes to the kind most frequent in it.
    habits = arrears.late_habits(late, arrears.mark_disputed(late, utility)).set_index("customer_id")[told]
    mean_days = late.groupby("customer_id")["days_late"].mean().reindex(habits.index)
    traits = {
        "lateness": pd.cut(mean_days, [0, 5, 14, 30, 45, 999]), "parts": habits["part_share"] > 0.25,
        "disputes": habits["disputed_share"] > 0.5, "refuses": habits["refused_share"] > 0.5,
    }  # fmt: skip
    single = {}
    for name, trait in traits.items():
        counts = pd.crosstab(trait, truth[told])
        best = (counts / counts.sum()).idxmax(axis=1)
        single[name] = balanced(trait.map(best).astype(str), truth[told])
    rules = balanced(table["rule"].fillna("none")[told], truth[told])
    assert max(single.values()) < score and rules < score, (single, rules, score)


def test_those_who_forgot_are_never_taken_for_those_who_refuse(kinds: arrears.Kinds, payer: pd.Series) -> None:
    truth = kinds.table["customer_id"].map(payer)
    assert not kinds.table.loc[truth.isin(["forgot", "prompt", "cannot"]), "treatment"].isin(["notice"]).any()


def test_chances_add_up_and_a_person_looks_where_it_pays(kinds: arrears.Kinds) -> None:
    table = kinds.table
    assert np.allclose(table[list(arrears.KINDS)].sum(axis=1), 1)
    review = table["treatment"] == "review"
    assert (table.loc[review, "review_gain_yuan"] > kinds.rules.review_yuan).all()
    assert (table["expected_cost_yuan"] >= 0).all() and (table["review_gain_yuan"] > -1e-9).all()
    assert set(table["kind"]) <= {*arrears.KINDS, "unclear"}
    assert kinds.shares["share"].sum() == pytest.approx(1)


def habits(**more: float) -> pd.DataFrame:
    plain = {
        "late_bills_count": 4,
        "short_share": 0.0,
        "part_share": 0.0,
        "refused_share": 0.0,
        "disputed_share": 0.0,
        "open_share": 0.0,
    }
    return pd.DataFrame([plain | more])


@pytest.mark.parametrize(("has", "kind"), [
    ({"disputed_share": 0.6, "part_share": 1.0}, "disputes"), ({"part_share": 0.3}, "cannot"), ({"open_share": 0.5}, "cannot"),
    ({"refused_share": 0.75}, "will_not"), ({"refused_share": 0.75, "part_share": 0.1}, None), ({"short_share": 1.0}, "forgot"),
    ({"short_share": 1.0, "late_bills_count": 1}, None), ({"short_share": 0.75}, None),
])  # fmt: skip
def test_rules_by_hand(has: dict[str, float], kind: str | None) -> None:
    found = arrears.kind_by_rules(habits(**has)).iloc[0]
    assert found == kind if kind else pd.isna(found)


def test_a_complaint_counts_between_issue_and_settlement(utility: Lab, late: pd.DataFrame, payer: pd.Series) -> None:
    marked = arrears.mark_disputed(late, utility)
    truth = late["customer_id"].map(payer)
    assert marked[truth == "disputes"].mean() > 0.6 > 0.2 > marked[truth != "disputes"].mean()
    assert not arrears.mark_disputed(late, None).any()


def test_errors_cost_nothing_where_the_treatment_fits() -> None:
    table = arrears.price_errors().set_index("kind")
    assert table.loc["forgot", "remind"] == table.loc["will_not", "notice"] == 0
    assert table.loc["cannot", "notice"] > table.loc["will_not", "remind"] > 0


def test_too_few_late_payers_are_refused(late: pd.DataFrame) -> None:
    few = late[late["customer_id"].isin(late["customer_id"].unique()[:5])]
    with pytest.raises(arrears.ArrearsError, match="5 customers have late bills"):
        arrears.tell_kinds(few, pd.Series(False, few.index))


@pytest.mark.parametrize(("change", "says"), [
    (lambda raw: raw["rules"].pop("part_share"), "rules: part_share is missing"),
    (lambda raw: raw["costs_yuan"]["remind"].pop("cannot"), "expected a cost for each"),
    (lambda raw: raw.update(review_yuan=-1), "review_yuan is -1"),
])  # fmt: skip
def test_a_broken_file_of_rules_is_named(tmp_path: Path, change: object, says: str) -> None:
    raw = yaml.safe_load((DATA / "arrears" / "kinds.yaml").read_text(encoding="utf-8"))
    change(raw)  # type: ignore[operator]
    path = tmp_path / "kinds.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    with pytest.raises(arrears.ArrearsError, match=says):
        arrears.read_kind_rules(path)


def test_the_kind_of_a_segment_is_told_where_it_names_nobody(utility: Lab, books: arrears.Books) -> None:
    kinds = arrears.late_payers(utility, books)
    ids = kinds.table["customer_id"]
    half = pd.Series(["a" if i % 2 else "b" for i in range(len(ids))], ids)
    told = arrears.kinds_by_segment(kinds, half, 10).set_index("segment")
    likeliest = arrears.likeliest_kind(kinds, ids)
    own = likeliest[(ids.map(half) == "a").to_numpy()]
    assert told.loc["a", "kind"] == f"kind={own.value_counts().idxmax()}"
    assert told.loc["a", "share"] == pytest.approx(own.value_counts(normalize=True).max())
    assert arrears.kinds_by_segment(kinds, half, 10_000).empty
