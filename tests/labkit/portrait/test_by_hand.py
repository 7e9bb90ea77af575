"""Portraits of small stores against figures worked out on paper."""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import portrait
from labkit.lab import Lab
from labkit.portrait.bills import rank_amounts
from tests.labkit.portrait.cases import bills, customers, day, make_lab, moment, months


def people_of(lab: Lab) -> pd.DataFrame:
    return portrait.portrait(lab).set_index("customer_id")


def test_value_growth_and_place(tmp_path: Path) -> None:
    # A: 18 months; 100 kWh and 60 yuan a month, in the last six 110 kWh and 72 yuan. B as A in the last year. C: only older bills.
    rows = [("A", m, 100.0, 60.0) for m in months("2024-01", 12)] + [
        ("A", m, 110.0, 72.0) for m in months("2025-01", 6)
    ]
    rows += [("B", "2025-06", 1.0, 792.0), ("C", "2024-02", 5.0, 3.0), ("D", "2025-05", 1000.0, 0.01), ("D", "2025-06", 0.0, -0.01)]  # fmt: skip
    lab = make_lab(tmp_path / "s", {"customers": customers("A", "B", "C", "D", "E"), "bills": bills(rows)})
    people = people_of(lab)
    a = people.loc["A"]
    assert a[["bills_count", "year_bills_count"]].tolist() == [18, 12]
    assert (a["billed_kwh"], a["billed_yuan"], a["year_billed_kwh"], a["year_billed_yuan"]) == (1860, 1152, 1260, 792)
    assert a["average_price_yuan_per_kwh"] == 1152 / 1860 and a["year_price_yuan_per_kwh"] == 792 / 1260
    assert (a["billed_growth_share"], a["billed_yuan_growth_share"]) == (0.1, 0.2)
    # A and B tie for the first place; D's credit cancels its bill; C and E have no bill of the year.
    assert people["value_rank"].fillna(0).astype(int).to_dict() == {"A": 1, "B": 1, "C": 0, "D": 3, "E": 0}
    assert people.loc[["A", "B", "D"], "billed_share"].tolist() == [0.5, 0.5, 0.0]
    assert people.loc["D", "value_rank_share"] == 1 and people.loc["A", "value_rank_share"] == 1 / 3
    why = {
        c: portrait.find_reasons(people, c).to_dict() for c in ("billed_share", "billed_growth_share", "billed_yuan")
    }
    assert why["billed_share"] == {"C": "no_recent_bills", "E": "no_bills"}
    assert why["billed_growth_share"] == {
        "B": "too_few_months",
        "C": "too_few_months",
        "D": "too_few_months",
        "E": "no_bills",
    }
    assert why["billed_yuan"] == {"E": "no_bills"}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.integers(-5, 120), st.integers(-(10**6), 10**12)), min_size=1, max_size=60))
def test_places_in_two_steps_are_those_of_one_sort(amounts: list[int]) -> None:
    frame = pd.DataFrame({"customer_id": [f"C{i}" for i in range(len(amounts))], "year_fen": amounts})
    found = ibis.duckdb.connect().to_pandas(rank_amounts(ibis.memtable(frame))).set_index("customer_id")
    expected = frame.set_index("customer_id")["year_fen"].rank(ascending=False, method="min").astype(int)
    assert found["value_rank"].to_dict() == expected.to_dict()
    if sum(amounts):
        assert np.allclose(found.loc[frame["customer_id"], "billed_share"], np.array(amounts) / sum(amounts))


def test_money_is_summed_in_whole_fen(tmp_path: Path) -> None:
    rows = [("A", m, 0.1, 0.1) for m in months("2024-01", 30)]
    people = people_of(make_lab(tmp_path / "s", {"customers": customers("A"), "bills": bills(rows)}))
    assert sum([0.1] * 30) != 3 and people.loc["A", "billed_yuan"] == 3 and people.loc["A", "billed_kwh"] == 3


def test_credit(tmp_path: Path) -> None:
    # A pays the first bill 5 days late, the second in time, half of the third; the fourth never. B pays in two parts, in time.
    due = bills([("A", m, 1.0, 10.0) for m in months("2025-01", 4)] + [("B", "2025-01", 1.0, 10.0)])
    paid = [("B0", "A", "2025-01-25", 10.0, "bank"), ("B1", "A", "2025-02-01", 10.0, "online"), ("B2", "A", "2025-03-01", 5.0, "online"),
            ("B4", "B", "2025-01-10", 4.0, None), ("B4", "B", "2025-01-20", 6.0, None), ("B9", "C", "2025-05-01", 1.0, "bank")]  # fmt: skip
    payments = {
        "payment_id": [f"P{i}" for i in range(len(paid))],
        "bill_id": [p[0] for p in paid],
        "customer_id": [p[1] for p in paid],
        "paid_on": [day(p[2]) for p in paid],
        "amount_yuan": [p[3] for p in paid],
        "channel": [p[4] for p in paid],
    }
    tables = {"customers": customers("A", "B", "C"), "bills": due, "payments": payments}
    people = people_of(make_lab(tmp_path / "s", tables))
    a, b = people.loc["A"], people.loc["B"]
    assert (a["due_bills_count"], a["late_share"], a["on_time_share"]) == (4, 0.75, 0.25)
    assert a["mean_days_late"] == 2.5, "over the two paid in full"
    # The payments end on 1 May: the bill of March is 42 days over, that of April 11.
    assert (a["max_days_late"], a["oldest_debt_days"], a["unpaid_bills_count"]) == (42, 42, 2)
    assert (a["unpaid_yuan"], a["recency_days"], a["payments_count"]) == (15, 61, 3)
    assert (a["main_payment_channel"], a["online_payment_share"]) == ("online", 2 / 3)
    assert (b["late_share"], b["max_days_late"], b["oldest_debt_days"], b["unpaid_yuan"]) == (0, 0, 0, 0)
    assert portrait.find_reasons(people, "main_payment_channel").to_dict() == {"B": "not_stated"}
    assert portrait.find_reasons(people, "late_share").to_dict() == {"C": "no_bills"}
    assert people.loc["C", "payments_count"] == 1, "a payment counts without a bill of one's own"


def test_contacts_and_outages(tmp_path: Path) -> None:
    tickets = {
        "ticket_id": list("abcde"),
        "customer_id": ["A", "A", "A", "B", None],
        "channel": ["phone", "online", None, "counter", "phone"],
        "category": ["fault", "complaint", "billing", "complaint", "fault"],
        "opened_at": [moment(t) for t in ("2024-12-31T23:59:00", "2025-01-01T00:00:30.9", "2025-12-01T08:00", "2024-03-01T08:00", "2025-12-31T12:00")],
        "first_answer_at": [moment(t) for t in ("2025-01-01T00:09:00", "2025-01-01T00:01:30.1", "2025-12-01T07:59", None, None)],
        "score": [5, None, 2, None, None],
    }  # fmt: skip
    outages = {
        "outage_id": ["1", "2", "3", "4"],
        "area_id": ["X", "X", "X", "Y"],
        "started_at": [moment(t) for t in ("2024-12-31T10:00", "2025-02-01T10:00", "2025-12-31T21:00", "2025-03-01T00:00")],
        "restored_at": [moment(t) for t in ("2024-12-31T11:00", "2025-02-01T11:30", None, "2025-03-01T02:00")],
        "planned": [False, True, None, False],
    }  # fmt: skip
    who = customers("A", "B", "C", "D", area_id=["X", "Y", "Z", None])
    people = people_of(
        make_lab(
            tmp_path / "s",
            {"customers": who, "tickets": tickets, "outages": outages, "bills": bills([("A", "2025-12", 1.0, 1.0)])},
        )
    )
    a = people.loc["A"]
    assert (a["tickets_count"], a["year_tickets_count"], a["complaints_count"], a["year_complaints_count"]) == (
        3,
        2,
        1,
        1,
    )
    # 10 minutes and, in whole seconds, one; an answer before the opening is none.
    assert a["mean_first_answer_min"] == 5.5 and a["mean_ticket_score"] == 3.5 and a["online_contact_share"] == 0.5
    assert a["days_since_contact"] == 30 and people.loc["B", "days_since_contact"] == 670
    assert portrait.find_reasons(people, "mean_ticket_score").to_dict() == {
        "B": "not_noted",
        "C": "no_contact",
        "D": "no_contact",
    }
    # One began in the year before; one has not ended and counts to midnight.
    area = ["year_outages_count", "year_outage_h", "year_unplanned_outage_h"]
    assert people.loc[["A", "B", "C"], area].to_numpy().tolist() == [[2, 4.5, 3], [1, 2, 2], [0, 0, 0]]
    assert people.loc["D", area].isna().all()
    assert portrait.find_reasons(people, "year_outage_h").to_dict() == {"D": "not_stated"}


def test_the_latest_answers_and_programmes(tmp_path: Path) -> None:
    surveys = {
        "survey_id": ["1", "2", "3", "4"],
        "customer_id": ["A", "A", "A", "B"],
        "surveyed_on": [day(d) for d in ("2025-06-01", "2025-06-01", "2025-07-01", "2025-01-01")],
        "overall": [3, 9, None, None],
        "loyalty": [3, None, 5, None],
        "supply_1": [1, 10, 1, None],
        "supply_2": [1, 5, 1, None],
        "effort_3": [1, 7, 1, None],
    }
    programmes = {"programme_id": ["T", "I"], "kind": ["time_of_use", "interruptible"]}
    enrolments = {
        "enrolment_id": ["1", "2", "3"],
        "programme_id": ["T", "I", "T"],
        "customer_id": ["A", "A", "B"],
        "arm": ["treated", None, "control"],
        "paid_yuan": [0.1, 0.2, 0.0],
    }
    taggings = {"tagging_id": list("abc"), "customer_id": ["A", "A", "B"], "tag": ["good", "good", "new"]}
    tables = {"customers": customers("A", "B", "C"), "surveys": surveys, "programmes": programmes, "enrolments": enrolments, "taggings": taggings}  # fmt: skip
    people = people_of(make_lab(tmp_path / "s", {**tables, "bills": bills([("A", "2025-07", 1.0, 1.0)])}))
    a = people.loc["A"]
    assert (a["surveys_count"], a["latest_satisfaction"]) == (2, 9), "of two on a day the larger number"
    assert a["latest_supply_score"] == 7.5 and a["latest_effort_score"] == 7 and np.isnan(a["latest_attitude_score"])
    assert a["days_since_survey"] == 60
    assert portrait.find_reasons(people, "latest_loyalty").to_dict() == {
        "A": "not_answered",
        "B": "not_interviewed",
        "C": "not_interviewed",
    }
    assert people["programmes_count"].tolist() == [2, 0, 0] and people["in_time_of_use"].tolist() == [
        True,
        False,
        False,
    ]
    assert people["programmes_paid_yuan"].iloc[0] == 0.3
    assert people["taggings_count"].tolist() == [2, 1, 0] and people["tag_words_count"].tolist() == [1, 1, 0]


@pytest.mark.parametrize("hours", [1, 24])
def test_hardly_any_readings_and_noughts_give_reasons(tmp_path: Path, hours: int) -> None:
    one: list[float | None] = [1000.0] * hours + [None] * (24 - hours)
    lab = make_lab(
        tmp_path / "s", {"customers": customers("A", "B", "C")}, [("A", "2025-03-03", one), ("B", "2025-03-03", [0.0] * 24)]
    )  # fmt: skip
    people = people_of(lab)
    assert people["days_metered"].tolist() == [1, 1, 0] and people.loc["B", "energy_kwh"] == 0
    loads = [c for c in people if portrait.column_of(c).source == "readings"]
    for column in loads:
        reasons = portrait.find_reasons(people, column)
        assert set(reasons) <= {"no_readings", "all_zero", "hours_missing", "too_few_metered_months"}, (
            column,
            reasons.to_dict(),
        )
        assert reasons.get("C", "no_readings") == "no_readings"
    assert portrait.find_reasons(people, "weekend_ratio").to_dict() == {"A": "hours_missing", "B": "all_zero", "C": "no_readings"}  # fmt: skip
    numbers = people.select_dtypes("number").to_numpy(dtype=float)
    assert not np.isinf(numbers).any()
