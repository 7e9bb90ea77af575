"""The steps of the law, dates at their edges, late fees to the cent."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
import yaml

from labkit import arrears
from labkit.arrears.rules import FOLDER

BOOK = arrears.read_rule_book()
DUE = "2025-03-01"


def where(steps: list[tuple[str, str]], on: str, *, region: str = "CN", **bill: object) -> pd.Series:
    bills = pd.DataFrame([{"bill_id": "B1", "due_on": pd.Timestamp(DUE), "customer_class": "residential", **bill}])
    actions = pd.DataFrame(
        [{"bill_id": "B1", "action": a, "at": pd.Timestamp(t)} for a, t in steps], columns=["bill_id", "action", "at"]
    ).astype({"at": "datetime64[us]"})
    return arrears.procedure(actions, arrears.read_rule_book(region), bills=bills, on=on).iloc[0]


ALL = [("reminder", "2025-03-06 09:00"), ("approval", "2025-04-01 15:00"), ("notice", "2025-04-02 10:00"),
       ("final_notice", "2025-04-07 09:00")]  # fmt: skip


@pytest.mark.parametrize(("steps", "on", "reason", "then"), [
    ([], "2025-03-05", "not_overdue_enough", "reminder"),
    (ALL[:1], "2025-03-31", "not_overdue_enough", "approval"),   # overdue for 30 days: not for more
    ([], "2025-04-01", "no_reminder", "reminder"),
    (ALL[:1], "2025-04-01", "no_approval", "approval"),
    (ALL[:2], "2025-04-02 09:00", "no_notice", "notice"),
    (ALL[:3], "2025-04-04 10:00", "notice_too_recent", "final_notice"),
    (ALL[:3], "2025-04-05 10:00", "no_final_notice", "final_notice"),
    (ALL, "2025-04-07 09:29", "no_final_notice", "final_notice"),
    (ALL, "2025-04-07 09:30", None, "disconnection"),
    (ALL, "2025-04-10 09:30", "notice_too_old", "notice"),
    ([*ALL, ("instalment_plan", "2025-04-07 09:10")], "2025-04-07 10:00", "instalment_plan", None),
    ([*ALL, ("disconnection", "2025-04-07 09:40")], "2025-04-08", "disconnected", None),
])  # fmt: skip
def test_each_step_and_its_edges(steps: list[tuple[str, str]], on: str, reason: str | None, then: str | None) -> None:
    found = where(steps, on)
    assert (None if pd.isna(found["reason"]) else found["reason"]) == reason
    assert found["lawful"] == (reason is None)
    assert (None if pd.isna(found["next_step"]) else found["next_step"]) == then
    assert pd.isna(found["out_of_order"])


def test_important_users_and_settled_bills_are_not_cut_off() -> None:
    assert where(ALL, "2025-04-07 10:00", important=True)["reason"] == "important"
    assert where(ALL, "2025-04-07 10:00", settled_on=pd.Timestamp("2025-04-06"))["reason"] == "settled"


def test_another_region_has_other_rules() -> None:
    assert where(ALL, "2025-04-07 10:00", region="example")["reason"] == "notice_too_recent"
    assert where(ALL, "2025-04-09 10:00", region="example")["lawful"], "homes: seven days, no second notice"
    assert where(ALL, "2025-04-07 09:45", region="example", customer_class="industrial")["reason"] == "no_final_notice"
    assert where(ALL, "2025-04-07 10:00", region="example", customer_class="industrial")["lawful"]


def test_steps_out_of_order_are_named() -> None:
    assert (
        where([("notice", "2025-04-02 10:00"), ("approval", "2025-04-03 10:00")], "2025-04-08")["out_of_order"]
        == "approval"
    )
    wrong = [ALL[0], ("notice", "2025-03-31 10:00"), ("approval", "2025-04-01 15:00")]
    assert where(wrong, "2025-04-08")["out_of_order"] == "notice"


def test_what_is_due_comes_with_its_time() -> None:
    early = where(ALL[:1], "2025-03-10")
    assert early["next_from"] == pd.Timestamp("2025-04-01")
    assert where(ALL[:3], "2025-04-03 10:00")["next_from"] == pd.Timestamp("2025-04-05")


def test_reconnection_has_a_deadline() -> None:
    found = where([*ALL, ("disconnection", "2025-04-07 09:40")], "2025-04-09", settled_on=pd.Timestamp("2025-04-08"))
    assert found["next_step"] == "reconnection" and found["reconnect_by"] == pd.Timestamp("2025-04-09")


def test_unknown_steps_and_bills_are_refused() -> None:
    with pytest.raises(arrears.ArrearsError, match="'shouting' is no step"):
        where([("shouting", "2025-03-05")], "2025-04-01")
    bills = pd.DataFrame({"bill_id": ["B2"], "due_on": [pd.Timestamp(DUE)]})
    actions = pd.DataFrame({"bill_id": ["B1"], "action": ["reminder"], "at": [pd.Timestamp(DUE)]})
    with pytest.raises(arrears.ArrearsError, match="none of their bills"):
        arrears.procedure(actions, BOOK, bills=bills)
    with pytest.raises(arrears.ArrearsError, match="hold on 1990-01-01"):
        where([], "1990-01-01")


def test_the_disconnections_of_the_sample_are_lawful_here_and_not_there(utility: object, late: pd.DataFrame) -> None:
    lab = utility
    table = arrears.audit_by_region(lab, late, ["CN", "example"], 10).set_index("region")  # type: ignore[arg-type]
    assert table.loc["CN", "lawful_share"] == 1 and table.loc["CN", "low_share"] < 1
    assert table.loc["example", "high_share"] < 0.1 and table.loc["example", "reason"] == "notice_too_recent"


@pytest.mark.parametrize(("owed", "due", "on", "kind", "fee"), [
    (1000.00, "2025-03-18", "2025-03-18", "commercial", 0.0),
    (1000.00, "2025-03-18", "2025-03-19", "commercial", 2.0),
    (1000.00, "2025-03-18", "2025-04-17", "commercial", 60.0),
    (1000.00, "2025-03-18", "2025-04-17", "residential", 30.0),
    (10.00, "2025-03-18", "2025-03-28", "residential", 1.0),      # 0.10, at least 1
    (0.00, "2025-03-18", "2025-04-17", "commercial", 0.0),
    # 11 days of December at 2 per mille, 10 of January at 3.
    (1000.00, "2024-12-20", "2025-01-10", "industrial", 52.0),
    (1000.00, "2024-12-20", "2025-01-10", "residential", 21.0),
    # 12 days of 2023, then 366 + 1 days after the year's end, over a change of rules.
    (1000.00, "2023-12-19", "2025-01-01", "commercial", 24.0 + 367 * 3.0),
    (333.33, "2025-03-18", "2025-03-21", "commercial", 2.0),      # 1.99998
    (417.50, "2025-03-18", "2025-03-21", "residential", 1.25),    # 1.2525
    (418.34, "2025-03-18", "2025-03-21", "residential", 1.26),    # 1.25502: half a cent and more goes up
])  # fmt: skip
def test_late_fees_to_the_cent(owed: float, due: str, on: str, kind: str, fee: float) -> None:
    day = dt.date.fromisoformat
    assert arrears.late_fee(owed, day(due), day(on), kind, BOOK) == fee


def test_part_payments_lower_what_the_fee_is_charged_on() -> None:
    due, on = dt.date(2025, 3, 18), dt.date(2025, 3, 28)
    # 5 days on 1,000 (the day of the payment counts in full), 5 days on 400.
    assert arrears.late_fee(1000, due, on, "commercial", BOOK, [(dt.date(2025, 3, 23), 600.0)]) == 10 + 4
    with pytest.raises(arrears.ArrearsError, match="more than is owed"):
        arrears.late_fee(100, due, on, "commercial", BOOK, [(dt.date(2025, 3, 23), 600.0)])
    with pytest.raises(arrears.ArrearsError, match="expected 0 or more"):
        arrears.late_fee(-1, due, on, "commercial", BOOK)


def test_fees_of_many_bills_are_those_of_each(utility: object, late: pd.DataFrame, books: arrears.Books) -> None:
    some = late.sample(60, random_state=1)
    payments = books.run(books.payments)
    classes = books.run(utility.customers.select("customer_id", "customer_class"))  # type: ignore[attr-defined]
    classes = classes.set_index("customer_id")["customer_class"]
    fees = arrears.late_fees(some, payments, classes, books.last_day)
    for row, fee in zip(some.itertuples(), fees):
        if row.part_paid or row.settled_on is pd.NaT:
            continue
        until = row.settled_on.date()
        assert fee == arrears.late_fee(row.billed_yuan, row.due_on.date(), until, classes[row.customer_id], BOOK)


@pytest.mark.parametrize(("change", "says"), [
    (lambda raw: raw.pop("overdue_days"), "overdue_days is missing"),
    (lambda raw: raw.update(late_fee=1), "late_fee is unknown"),
    (lambda raw: raw.update(notice_days={"residential": [7, 3], "other": [3, 7]}), "least and most days"),
    (lambda raw: raw.update(overdue_days=-1), "below 0"),
    (lambda raw: raw.update(reconnect_hours={"residential": 24}), "expected residential and other"),
])  # fmt: skip
def test_broken_rules_are_named(tmp_path: Path, change: object, says: str) -> None:
    raw = yaml.safe_load((FOLDER / "cn_2024.yaml").read_text(encoding="utf-8"))
    change(raw)  # type: ignore[operator]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    with pytest.raises(arrears.ArrearsError, match=says):
        arrears.read_rules(path)


def test_rules_do_not_overlap(tmp_path: Path) -> None:
    for name in ("cn_1996", "cn_2024"):
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"{name}.yaml").write_text(text.replace("effective_to: 2024-05-31\n", ""), encoding="utf-8")
    with pytest.raises(arrears.ArrearsError, match="both hold on 2024-06-01"):
        arrears.read_rule_book("CN", tmp_path)
    with pytest.raises(arrears.ArrearsError, match="no rules for region 'FR'"):
        arrears.read_rule_book("FR")


def test_the_order_of_steps_counts_not_only_that_they_were_taken() -> None:
    late_approval = [ALL[0], ("notice", "2025-04-02 10:00"), ("approval", "2025-04-07 08:00"), ALL[3]]
    found = where(late_approval, "2025-04-07 09:30")
    assert found["reason"] == "no_notice" and found["out_of_order"] == "notice"
    early = [("reminder", "2025-02-20 09:00"), *ALL[1:]]
    assert where(early, "2025-04-07 09:30")["reason"] == "no_reminder", "a reminder before the due date is none"
    again = [*ALL, ("disconnection", "2025-04-07 09:40"), ("reconnection", "2025-04-08 09:00")]
    assert where(again, "2025-04-09 09:00")["reason"] == "no_reminder", "what led to one cut does not lead to the next"
    twice = [*ALL[:2], ("reminder", "2025-04-01 18:00"), *ALL[2:]]
    assert where(twice, "2025-04-07 09:30")["lawful"], "one more reminder harms nothing"


def test_a_broken_plan_reopens_the_procedure() -> None:
    steps = [*ALL, ("instalment_plan", "2025-04-07 09:10")]
    assert where(steps, "2025-04-07 10:00", promise_broken=True)["lawful"]
    assert where(steps, "2025-04-07 10:00", promise_broken=False)["reason"] == "instalment_plan"


def test_actions_alone_are_enough_and_fees_come_with_payments() -> None:
    actions = pd.DataFrame(
        [{"bill_id": "B1", "action": a, "at": pd.Timestamp(t), "due_on": pd.Timestamp(DUE)} for a, t in ALL]
    )
    assert arrears.procedure(actions, BOOK).iloc[0]["reason"] == "no_final_notice", (
        "the moment is that of the last action"
    )
    bills = pd.DataFrame({
        "bill_id": ["B1"], "customer_id": ["C1"], "due_on": [pd.Timestamp(DUE)], "billed_yuan": [1000.0], "customer_class": ["commercial"],
    })  # fmt: skip
    payments = pd.DataFrame({"bill_id": ["B1"], "paid_on": [dt.date(2025, 3, 11)], "amount_yuan": [400.0]})
    found = arrears.procedure(actions, BOOK, bills=bills, payments=payments, on="2025-03-31").iloc[0]
    assert found["late_fee_yuan"] == 10 * 2.0 + 20 * 1.2
    with pytest.raises(arrears.ArrearsError, match="have no billed_yuan"):
        arrears.procedure(actions, BOOK, bills=bills.drop(columns="billed_yuan"), payments=payments)
    with pytest.raises(arrears.ArrearsError, match="give bills with their due_on"):
        arrears.procedure(actions.drop(columns="due_on"), BOOK)
    with pytest.raises(arrears.ArrearsError, match="is there twice"):
        arrears.procedure(actions, BOOK, bills=pd.concat([bills, bills]))


def audit(steps: list[tuple[str, str]], rules: object = BOOK, **bill: object) -> pd.DataFrame:
    bills = pd.DataFrame([{"bill_id": "B1", "due_on": pd.Timestamp(DUE), "customer_class": "residential", **bill}])
    actions = pd.DataFrame([{"bill_id": "B1", "action": a, "at": pd.Timestamp(t)} for a, t in steps])
    return arrears.audit_disconnections(actions, rules, bills=bills)  # type: ignore[arg-type]


def test_an_audit_looks_at_every_cut_and_at_those_still_dark() -> None:
    cut = [*ALL, ("disconnection", "2025-04-07 09:40")]
    assert audit(ALL).empty and audit(cut)["lawful"].tolist() == [True]
    assert audit(cut)["reconnected_in_time"].isna().all(), "not paid: nothing is due"
    paid = pd.Timestamp("2025-04-08")
    dark = audit([*cut, ("reminder", "2025-06-01 09:00")], settled_on=paid)
    assert dark["reconnected_in_time"].tolist() == [False], "paid in April, still off in June"
    back = audit([*cut, ("reconnection", "2025-04-08 20:00")], settled_on=paid)
    assert back["reconnected_in_time"].tolist() == [True] and back["reconnected_hours"].tolist() == [20.0]
    slow = audit([*cut, ("reconnection", "2025-04-10 20:00")], settled_on=paid)
    assert slow["reconnected_in_time"].tolist() == [False]
    second = audit([*cut, ("reconnection", "2025-04-08 20:00"), ("disconnection", "2025-04-20 09:00")])
    assert second["lawful"].tolist() == [True, False] and second["reason"].iloc[1] == "no_reminder"


def test_a_cut_under_no_rules_is_not_lawful() -> None:
    early = [("disconnection", "2024-03-20 09:00")]
    found = audit(early, arrears.rules_on(dt.date(2025, 1, 1)), due_on=pd.Timestamp("2024-03-19"))
    assert found["lawful"].tolist() == [False] and found["reason"].tolist() == ["no_rules"]


def test_the_year_of_the_first_day_overdue_counts() -> None:
    day = dt.date
    assert arrears.late_fee(1000, day(2024, 12, 31), day(2025, 1, 10), "commercial", BOOK) == 20.0
    assert arrears.late_fee(1000, day(2024, 12, 30), day(2025, 1, 10), "commercial", BOOK) == 2 + 30.0


def test_a_payment_taken_back_raises_the_fee() -> None:
    due, on = dt.date(2025, 3, 18), dt.date(2025, 3, 28)
    moves = [(dt.date(2025, 3, 20), 600.0), (dt.date(2025, 3, 23), -600.0)]
    assert arrears.late_fee(1000, due, on, "commercial", BOOK, moves) == 2 * 2.0 + 3 * 0.8 + 5 * 2.0
