from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit.segments.errors import SegmentError
from labkit.segments.outcomes import OUTCOMES, Outcome, customers_at, find_overlap, marketing_outcomes

SINCE, UNTIL = pd.Timestamp("2025-04-01"), pd.Timestamp("2025-12-31")


def made(values: list[float], kind: str = "number", **more: object) -> Outcome:
    return Outcome("x", pd.Series(values), kind, frozenset({"bills"}), SINCE, UNTIL, **more)  # type: ignore[arg-type]


def test_outcomes_of_the_sample_are_those_worked_out_by_hand(sample: Path) -> None:
    lab = labkit.open(sample, verify=False)
    found, missing = marketing_outcomes(lab, "2025-03-31", UNTIL, OUTCOMES)
    left, late, pleased, use, growth = found
    assert missing == () and [o.name for o in found] == list(OUTCOMES)
    people = pd.read_parquet(sample / "customers.parquet")
    gone = pd.to_datetime(people["left_on"])
    there = people[(gone.isna() | (gone > "2025-03-31")) & (pd.to_datetime(people["connected_on"]) < "2025-04-01")]
    assert set(left.values.index) == set(there["customer_id"])
    assert left.values.sum() == there["left_on"].notna().sum() > 50
    bills = pd.read_parquet(sample / "bills.parquet")
    paid = pd.read_parquet(sample / "payments.parquet")
    who = late.values.idxmax()
    mine = bills[(bills["customer_id"] == who) & (bills["due_on"] >= SINCE.date()) & (bills["total_yuan"] > 0)]
    count = 0
    for bill in mine.itertuples():
        in_time = paid[(paid["bill_id"] == bill.bill_id) & (paid["paid_on"] <= bill.due_on)]["amount_yuan"].sum()
        count += in_time < bill.total_yuan - 0.005
    assert late.trials is not None and (late.values[who], late.trials[who]) == (count, len(mine))
    surveys = pd.read_parquet(sample / "surveys.parquet")
    answered = surveys[(surveys["surveyed_on"] >= SINCE.date()) & surveys["customer_id"].isin(there["customer_id"])]
    assert pleased.values.notna().sum() == answered.loc[answered["overall"].notna(), "customer_id"].nunique()
    own = bills[(bills["customer_id"] == who) & (bills["period"] >= "2025-04")]
    assert use.values[who] == pytest.approx(own["kwh"].mean())
    before = bills[(bills["customer_id"] == who) & bills["period"].between("2024-04", "2024-12")]
    assert growth.values[who] == pytest.approx(np.log(own["kwh"].mean() / before["kwh"].mean()))


def test_a_lab_without_a_table_goes_on_and_says_which(small_sample: Path) -> None:
    lab = labkit.open(small_sample)
    del lab.manifest.tables["surveys"]
    found, missing = marketing_outcomes(lab, "2025-06-30", UNTIL)
    assert [o.name for o in found] == ["left", "late"] and missing == ("surveys",)
    assert len(customers_at(lab, pd.Timestamp("1990-01-01"))) < len(found[0].values)


def test_what_is_made_of_the_outcome_is_not_credited() -> None:
    outcome, march = made([1.0]), pd.Timestamp("2025-03-31")
    assert find_overlap(frozenset({"bills"}), march, outcome) == ""
    assert find_overlap(frozenset({"bills"}), SINCE, outcome) == "same_data"
    assert find_overlap(frozenset({"readings"}), SINCE, outcome) == "looks_ahead"
    change = made([1.0], base_since=pd.Timestamp("2024-04-01"))
    assert find_overlap(frozenset({"bills"}), march, change) == "same_data"
    assert find_overlap(frozenset({"readings"}), march, change) == ""
    standing = frozenset({"customers.customer_class"})
    margin = Outcome("margin", pd.Series([1.0]), "amount", standing | {"bills"}, SINCE, UNTIL)
    assert find_overlap(standing, None, margin) == "same_data" and find_overlap(standing, None, outcome) == ""


def test_amounts_become_ranks_so_that_one_giant_does_not_decide() -> None:
    small = made([3.0, -1.0, 2.0, 1e9], "amount").cases(pd.RangeIndex(4))[1]
    same = made([3.0, -1.0, 2.0, 4.0], "amount").cases(pd.RangeIndex(4))[1]
    np.testing.assert_array_equal(small, same)
    assert small.sum() == pytest.approx(0) and np.argsort(small).tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize(
    ("values", "kind", "more", "words"),
    [
        ([1.0], "rate", {}, "kind is 'rate'"),
        ([0.5], "yes_no", {}, "expected 0 or 1"),
        ([1.0], "share", {}, "trials are wanted"),
        ([3.0], "share", {"trials": pd.Series([2.0])}, "from 0 to the trials"),
    ],
)
def test_outcomes_that_do_not_fit_are_refused(
    values: list[float], kind: str, more: dict[str, object], words: str
) -> None:
    with pytest.raises(SegmentError, match=words):
        made(values, kind, **more)


def test_too_little_is_told_not_judged(small_sample: Path) -> None:
    ids = pd.RangeIndex(40)
    assert made([1.0] * 20 + [np.nan] * 20).why_not(ids) == "too_few"
    assert made([1.0] * 40).why_not(ids) == "all_alike"
    assert made([1.0] * 5 + [0.0] * 35, "yes_no").why_not(ids) == "too_few"
    with pytest.raises(SegmentError, match="last day of a month"):
        marketing_outcomes(labkit.open(small_sample), "2025-06-15", UNTIL)
    with pytest.raises(SegmentError, match="no outcome 'profit'"):
        marketing_outcomes(labkit.open(small_sample), "2025-06-30", UNTIL, ["profit"])
