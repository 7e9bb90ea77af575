"""The portrait of a sample against the same worked out in pandas by other ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import portrait
from labkit.lab import Lab


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample, verify=False)


@pytest.fixture(scope="module")
def people(lab: Lab) -> pd.DataFrame:
    return portrait.portrait(lab).set_index("customer_id")


def assert_agree(people: pd.DataFrame, column: str, expected: pd.Series) -> None:
    found = people[column].astype(float)
    wanted = expected.reindex(people.index).astype(float)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9, err_msg=column)


def test_bills(lab: Lab, people: pd.DataFrame) -> None:
    bills = lab.run(lab.bills)
    month = pd.PeriodIndex(bills["period"], freq="M")
    year = bills[month > month.max() - 12].groupby("customer_id")
    money = year["total_yuan"].sum()
    assert_agree(people, "year_billed_yuan", money.round(2))
    assert_agree(people, "year_bills_count", year.size().reindex(people.index, fill_value=0))
    assert_agree(people, "year_price_yuan_per_kwh", money / year["kwh"].sum())
    assert_agree(people, "billed_share", money / money.sum())
    assert_agree(people, "value_rank", money.round(2).rank(ascending=False, method="min"))
    assert_agree(people, "year_max_demand_kw", year["max_demand_kw"].max())
    assert_agree(people, "capacity_use_share", year["max_demand_kw"].max() / people["capacity_kva"])
    wide = bills.pivot_table("total_yuan", "customer_id", "period", aggfunc="sum").sort_index(axis=1)
    now, then = wide.iloc[:, -6:], wide.iloc[:, -18:-12]
    growth = now.sum(axis=1, min_count=6) / then.sum(axis=1, min_count=6) - 1
    assert np.nanmax((people["billed_yuan_growth_share"] - growth).abs()) < 5.1e-5, "four figures"
    assert (people["billed_yuan_growth_share"].isna() == growth.reindex(people.index).isna()).all()


def test_payments(lab: Lab, people: pd.DataFrame) -> None:
    bills, payments = lab.run(lab.bills), lab.run(lab.payments)
    end = pd.to_datetime(payments["paid_on"]).max()
    days: dict[str, list[tuple[bool, float, bool]]] = {}
    paid = dict(list(payments.groupby("bill_id")))
    for bill in bills.itertuples():
        if pd.Timestamp(bill.due_on) > end or bill.total_yuan <= 0:
            continue
        part = paid.get(bill.bill_id)
        whole = part is not None and part["amount_yuan"].sum() > bill.total_yuan - 0.005
        until = pd.to_datetime(part["paid_on"]).max() if whole else end
        days.setdefault(bill.customer_id, []).append(
            (whole, max((until - pd.Timestamp(bill.due_on)).days, 0), not whole)
        )
    longest = pd.Series({c: max(d for _, d, _ in rows) for c, rows in days.items()})
    mean = pd.Series({c: np.mean([d for whole, d, _ in rows if whole] or [np.nan]) for c, rows in days.items()})
    owed = pd.Series({c: sum(open_ and d > 0 for _, d, open_ in rows) for c, rows in days.items()})
    assert_agree(people, "max_days_late", longest)
    assert_agree(people, "mean_days_late", mean)
    assert_agree(people, "unpaid_bills_count", owed.reindex(people.index, fill_value=0))
    assert_agree(
        people, "on_time_share", pd.Series({c: np.mean([d == 0 for _, d, _ in rows]) for c, rows in days.items()})
    )
    assert_agree(
        people, "recency_days", (end - pd.to_datetime(payments.groupby("customer_id")["paid_on"].max())).dt.days
    )


def test_service(lab: Lab, people: pd.DataFrame) -> None:
    tickets, outages = lab.run(lab.tickets), lab.run(lab.outages)
    since = pd.Timestamp("2025-01-01")
    recent = tickets[tickets["opened_at"] >= since].groupby("customer_id").size()
    assert_agree(people, "year_tickets_count", recent.reindex(people.index, fill_value=0))
    minutes = (tickets["first_answer_at"].dt.floor("s") - tickets["opened_at"].dt.floor("s")).dt.total_seconds() / 60
    assert_agree(people, "mean_first_answer_min", minutes[minutes >= 0].groupby(tickets["customer_id"]).mean())
    assert_agree(people, "mean_ticket_score", tickets.groupby("customer_id")["score"].mean())
    own = outages[outages["started_at"] >= since]
    hours = (own["restored_at"] - own["started_at"]).dt.total_seconds() / 3600
    assert_agree(people, "year_outage_h", people["area_id"].map(hours.groupby(own["area_id"]).sum()).fillna(0.0))
    unplanned = hours[~own["planned"].astype(bool)].groupby(own["area_id"]).sum()
    assert_agree(people, "year_unplanned_outage_h", people["area_id"].map(unplanned).fillna(0.0))


def test_satisfaction(lab: Lab, people: pd.DataFrame) -> None:
    surveys = lab.run(lab.surveys).dropna(subset=["overall"]).sort_values(["surveyed_on", "survey_id"])
    last = surveys.groupby("customer_id").tail(1).set_index("customer_id")
    assert_agree(people, "latest_satisfaction", last["overall"])
    for name in ("supply", "attitude", "channel", "effort", "arrears"):
        assert_agree(
            people, f"latest_{name}_score", last[[f"{name}_{i}" for i in (1, 2, 3)]].astype(float).mean(axis=1)
        )
    assert_agree(people, "surveys_count", surveys.groupby("customer_id").size().reindex(people.index, fill_value=0))
