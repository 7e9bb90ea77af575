"""The ledger balances to the cent, whatever is in the books, and what is odd is named with its money."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit import arrears

from .conftest import bill, paid

GOOD = [bill(1, 100.10, "2025-01-18"), bill(2, 50.05, "2025-02-18"), bill(3, 80.0, "2025-01-18", "C2")]


def books(bills: list[dict[str, object]], payments: list[dict[str, object]], **more: object) -> arrears.Books:
    return arrears.open_books(pd.DataFrame(bills), pd.DataFrame(payments), **more)  # type: ignore[arg-type]


def found(result: arrears.Reconciliation) -> dict[str, tuple[int, float]]:
    return {r.finding: (r.rows_count, r.difference_yuan) for r in result.findings.itertuples()}


def test_good_books_have_no_findings() -> None:
    own = books(GOOD, [paid(1, 1, 100.10, "2025-01-10"), paid(2, 3, 30.0, "2025-01-20", "C2")])
    result = arrears.reconcile(own)
    assert result.balances and result.findings.empty
    lines = result.lines.set_index("line")["amount_yuan"]
    # Bill 2 was issued on 3 February, after the last payment: it is not in the books of that day.
    assert (lines["billed"], lines["paid"], lines["open"]) == (180.10, 130.10, 50.0)
    assert arrears.reconcile(own, dt.date(2025, 2, 5)).lines.set_index("line").loc["open", "amount_yuan"] == 100.05


@pytest.mark.parametrize(("bills", "payments", "says"), [
    ([], [paid(1, 9, 12.34, "2025-02-20")], {"payment_without_bill": (1, 12.34)}),
    ([], [paid(1, 1, 120.10, "2025-02-20")], {"overpayment": (1, 20.0)}),
    ([], [paid(1, 1, 50.0, "2025-02-20"), paid(2, 1, -50.0, "2025-02-21")], {"refund": (1, -50.0)}),
    ([bill(4, -30.0, "2025-02-18")], [paid(1, 1, 1.0, "2025-02-20")], {"negative_bill": (1, -30.0)}),
    ([], [paid(1, 1, 10.0, "2024-12-31"), paid(2, 2, 1.0, "2025-02-28")], {"payment_before_issue": (1, 10.0)}),
    ([], [paid(1, 3, 10.0, "2025-02-20", "C1")], {"payment_of_another_customer": (1, 10.0)}),
    ([bill(1, 100.10, "2025-01-18")], [paid(1, 1, 10.0, "2025-02-20")], {"bill_twice": (1, 100.10)}),
])  # fmt: skip
def test_what_is_odd_is_found_and_the_totals_still_balance(
    bills: list[dict[str, object]], payments: list[dict[str, object]], says: dict[str, tuple[int, float]]
) -> None:
    result = arrears.reconcile(books(GOOD + bills, payments))
    assert found(result) == says and result.balances


def test_another_currency_is_named_and_kept_out() -> None:
    bills = [{**b, "currency": "CNY"} for b in GOOD] + [{**bill(5, 7.0, "2025-01-18"), "currency": "USD"}]
    own = books(
        bills, [paid(1, 1, 100.10, "2025-02-20", currency="CNY"), paid(2, 5, 7.0, "2025-02-20", currency="USD")]
    )
    result = arrears.reconcile(own)
    assert found(result) == {"other_currency": (2, 14.0)} and result.balances
    assert result.lines.set_index("line").loc["billed", "amount_yuan"] == 230.15
    with pytest.raises(arrears.ArrearsError, match="'EUR', expected one of CNY, USD"):
        arrears.reconcile(own, currency="EUR")


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_books_balance(data: st.DataObject) -> None:
    cents = st.integers(-20_000, 200_000).map(lambda fen: fen / 100)
    days = st.integers(0, 200).map(lambda d: (dt.date(2025, 1, 1) + dt.timedelta(days=d)).isoformat())
    bills = [
        bill(data.draw(st.integers(0, 9)), data.draw(cents), data.draw(days))
        for _ in range(data.draw(st.integers(1, 12)))
    ]
    payments = [
        paid(i, data.draw(st.integers(0, 14)), data.draw(cents), data.draw(days))
        for i in range(data.draw(st.integers(1, 20)))
    ]
    result = arrears.reconcile(books(bills, payments), dt.date(2026, 1, 1))
    assert result.balances


def test_columns_that_are_missing_are_named() -> None:
    with pytest.raises(arrears.ArrearsError, match="bills has no column due_on"):
        arrears.open_books(pd.DataFrame(GOOD).drop(columns="due_on"), pd.DataFrame([paid(1, 1, 1.0, "2025-01-01")]))
    with pytest.raises(arrears.ArrearsError, match="payments are missing"):
        arrears.open_books(pd.DataFrame(GOOD))


def test_a_late_bill_is_followed_to_the_day_it_was_settled() -> None:
    bills = [bill(i, 100.0, "2025-01-18", f"C{i}") for i in range(1, 6)]
    payments = [
        paid(1, 1, 100.0, "2025-01-18", "C1"),  # on the day: in time
        paid(2, 2, 100.0, "2025-01-19", "C2"),
        paid(3, 3, 40.0, "2025-01-10", "C3"), paid(4, 3, 60.0, "2025-02-02", "C3"), paid(5, 3, 5.0, "2025-03-01", "C3"),
        paid(6, 4, 99.99, "2025-02-01", "C4"),
        paid(7, 5, 120.0, "2025-03-10", "C5"),
    ]  # fmt: skip
    steps = pd.DataFrame({
        "bill_id": ["B5", "B5", "B4", "B5"], "action": ["reminder", "notice", "instalment_plan", "disconnection"],
        "at": pd.to_datetime(["2025-01-23 09:00", "2025-03-01 10:00", "2025-01-25 09:00", "2025-03-20 09:00"]),
    })  # fmt: skip
    late = arrears.late_bills(books(bills, payments, collections=steps)).set_index("bill_id")
    assert late["days_late"].to_dict() == {"B2": 1, "B3": 15, "B4": 51, "B5": 51}
    assert late["part_paid"].to_dict() == {"B2": False, "B3": True, "B4": True, "B5": False}
    assert late.loc["B4", "open_yuan"] == 0.01 and pd.isna(late.loc["B4", "settled_on"])
    assert late["promise_broken"].to_dict() == {"B2": False, "B3": False, "B4": True, "B5": False}
    # A step taken after the bill was settled is none of its steps.
    assert late["disconnection_on"].isna().all() and late.loc["B5", "notice_on"] == pd.Timestamp("2025-03-01")


def test_nothing_known_later_is_used(books: arrears.Books) -> None:
    day = dt.date(2025, 6, 30)
    cut = arrears.Books(
        books.bills.filter(books.bills.issued_on <= day), books.payments.filter(books.payments.paid_on <= day),
        books.collections.filter(books.collections["at"].cast("date") <= day), day, books.run,  # type: ignore[union-attr]
    )  # fmt: skip
    pd.testing.assert_frame_equal(arrears.payment_behaviour(books, day), arrears.payment_behaviour(cut))
    pd.testing.assert_frame_equal(arrears.late_bills(books, day), arrears.late_bills(cut))


def test_ages_and_outstanding_days_against_a_count_by_hand(books: arrears.Books) -> None:
    frame = books.run(arrears.ledger(books))
    ages = arrears.age_receivables(books).set_index("age")
    owed = frame[frame["open_fen"] > 0]
    assert ages["open_yuan"].sum() == pytest.approx(owed["open_fen"].sum() / 100)
    assert ages.loc["days_over_90", "bills_count"] == (owed["days_overdue"] > 90).sum()
    assert (
        ages.loc["days_31_60", "customers_count"]
        == owed.loc[owed["days_overdue"].between(31, 60), "customer_id"].nunique()
    )
    since = pd.Timestamp(books.last_day) - pd.Timedelta(days=90)
    billed = frame.loc[pd.to_datetime(frame["issued_on"]) > since, "billed_fen"].sum()
    found = arrears.days_sales_outstanding(books)
    assert found.value == pytest.approx(owed["open_fen"].sum() / billed * 90) and found.low < found.value < found.high


def test_roll_rates_are_those_of_a_month_by_month_count() -> None:
    days = pd.to_datetime
    late = pd.DataFrame({
        "customer_id": ["a", "a", "b"], "due_on": days(["2025-01-10", "2025-02-20", "2025-01-20"]),
        "settled_on": days(["2025-03-05", None, "2025-02-10"]), "billed_yuan": 1.0,
    })  # fmt: skip
    rates = arrears.roll_rates(late, dt.date(2025, 4, 30), draws=50).set_index(["age", "next_age"])
    # a: 21 days in January, 49 in February, then its second bill: 39 in March, 69 in April. b: 11 days, then paid.
    assert rates.loc[("days_1_30", "paid"), "share"] == 0.5 and rates.loc[("days_1_30", "days_31_60"), "share"] == 0.5
    assert rates.loc[("days_31_60", "days_31_60"), "share"] == rates.loc[("days_31_60", "days_61_90"), "share"] == 0.5
    assert rates["moves_count"].sum() == 4
    assert (rates["low"] <= rates["share"]).sum() == rates["share"].notna().sum()


def test_recovery_counts_open_bills_as_long_as_they_are_seen() -> None:
    late = pd.DataFrame({
        "days_late": [5, 10, 20, 7], "settled_on": pd.to_datetime(["2025-01-05", "2025-01-10", "2025-01-20", None]),
    })  # fmt: skip
    curve = arrears.recovery_curve(late).set_index("day")["recovered_share"]
    # Three of four at risk after day 5; the open one leaves at 7; then one of two, then the last.
    assert curve[5] == pytest.approx(0.25) and curve[10] == pytest.approx(1 - 0.75 * 0.5) and curve[20] == 1
    bands = arrears.recovery_curve(late)
    assert ((bands["low"] <= bands["recovered_share"]) & (bands["recovered_share"] <= bands["high"])).all()


def test_late_shares_by_month_cover_every_bill(books: arrears.Books, late: pd.DataFrame) -> None:
    table = arrears.late_shares(books, "month")
    assert (table["bills_count"] * table["late_share"]).sum() == pytest.approx(len(late))
    total = arrears.share_late(books)
    assert total.value == pytest.approx(len(late) / table["bills_count"].sum()) and total.low < total.value < total.high
    assert np.all(table["low_share"] <= table["late_share"])


def test_a_payment_taken_back_leaves_the_bill_open() -> None:
    bills = [bill(1, 100.0, "2025-01-18"), bill(2, 100.0, "2025-01-18", "C2"), bill(3, 10.0, "2025-01-18", "C3")]
    payments = [
        paid(1, 1, 100.0, "2025-01-10"), paid(2, 1, -100.0, "2025-01-25"),
        paid(3, 2, 100.0, "2025-01-25", "C2"), paid(4, 2, -100.0, "2025-01-28", "C2"), paid(5, 2, 100.0, "2025-02-10", "C2"),
        paid(6, 3, 10.0, "2025-02-28", "C3"),
    ]  # fmt: skip
    late = arrears.late_bills(books(bills, payments)).set_index("bill_id")
    assert pd.isna(late.loc["B1", "settled_on"]) and late.loc["B1", "open_yuan"] == 100
    assert late.loc["B2", "settled_on"] == pd.Timestamp("2025-02-10"), "the first time did not last"


def test_old_debts_are_owed_still() -> None:
    bills = [bill(0, 500.0, "2023-10-18"), *(bill(i, 10.0, f"2025-{i:02d}-18") for i in range(1, 13))]
    payments = [paid(i, i, 10.0, f"2025-{i:02d}-10") for i in range(1, 13)]
    told = arrears.payment_behaviour(books(bills, payments), dt.date(2025, 12, 31)).iloc[0]
    assert (told["late_share"], told["overdue_yuan"], told["overdue_bills_count"]) == (0, 500.0, 1)


def test_the_channel_is_that_of_the_last_payment() -> None:
    bills = [bill(1, 100.0, "2025-01-18"), bill(2, 100.0, "2025-01-18", "C2")]
    payments = [paid(1, 1, 40.0, "2025-01-10", channel="online"), paid(2, 1, 60.0, "2025-01-28", channel="bank")]
    table = arrears.late_shares(books(bills, payments), "channel").set_index("channel")
    assert table["bills_count"].to_dict() == {"bank": 1, "not_paid": 1}
    with pytest.raises(arrears.ArrearsError, match="no column channel"):
        arrears.late_shares(books(bills, [paid(1, 1, 1.0, "2025-01-20")]), "channel")


def test_steps_and_dates_out_of_order_are_found() -> None:
    odd = [*GOOD, {**bill(4, 9.0, "2025-01-10"), "issued_on": dt.date(2025, 1, 12)}]
    steps = pd.DataFrame({
        "bill_id": ["B1", "B1", "B3", "B3"], "action": ["approval", "reminder", "reminder", "approval"],
        "at": pd.to_datetime(["2025-02-01", "2025-02-03", "2025-02-01", "2025-02-03"]),
    })  # fmt: skip
    payments = [paid(1, 1, 100.10, "2025-02-20"), {**paid(2, 2, 5.0, "2025-02-20"), "paid_on": None}]
    result = arrears.reconcile(books(odd, payments, collections=steps))
    assert result.balances
    assert found(result) == {
        "due_before_issue": (1, 9.0),
        "action_out_of_order": (1, 100.10),
        "payment_undated": (1, 5.0),
    }


def test_another_currency_is_in_no_sum() -> None:
    bills = [{**b, "currency": "CNY"} for b in GOOD] + [{**bill(5, 7.0, "2025-01-18"), "currency": "USD"}]
    own = books(
        bills, [paid(1, 1, 100.10, "2025-02-20", currency="CNY"), paid(2, 5, 1.0, "2025-02-20", currency="USD")]
    )
    assert set(arrears.late_bills(own)["bill_id"]) == {"B1", "B2", "B3"} and own.currency == "CNY"
    assert arrears.age_receivables(own)["open_yuan"].sum() == 130.05
    bare = books([{**b, "currency": None} for b in GOOD], [paid(1, 1, 100.10, "2025-02-20")])
    assert bare.currency is None and arrears.reconcile(bare).balances


def test_the_change_of_lateness_compares_the_years_bills_fell_due_in() -> None:
    bills, payments = [], []
    for month in range(24):
        due = (pd.Timestamp("2024-01-10") + pd.DateOffset(months=month)).date()
        for customer in ("C1", "C2"):
            number = len(bills)
            bills.append(bill(number, 100.0, str(due), customer))
            # C1 is always in time, C2 pays late in the second year only.
            days = 20 if customer == "C2" and month >= 12 else -2
            payments.append(
                paid(number, number, 100.0, str((pd.Timestamp(due) + pd.Timedelta(days=days)).date()), customer)
            )
    kept = arrears.open_books(pd.DataFrame(bills), pd.DataFrame(payments))
    found = arrears.late_change(kept, dt.date(2025, 12, 31))
    assert found.value == pytest.approx(0.5) and found.n == 2
    with pytest.raises(arrears.ArrearsError, match="two years"):
        arrears.late_change(kept, dt.date(2025, 6, 30))


def test_the_change_of_lateness_of_the_sample_lies_in_its_interval(sample: Path) -> None:
    with labkit.open(sample, verify=False) as lab:
        found = arrears.late_change(arrears.open_books(lab))
    assert found.low < found.value < found.high and abs(found.value) < 0.05
