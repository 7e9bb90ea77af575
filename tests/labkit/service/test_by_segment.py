from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit import service
from labkit.service.by_segment import last_two_years


def tickets(n: int = 400, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    opened = pd.Timestamp("2023-12-28") + pd.to_timedelta(np.sort(rng.integers(0, 733 * 1440, n)), unit="min")
    who = rng.integers(0, 80, n)
    return pd.DataFrame(
        {
            "ticket_id": [f"T{i:04d}" for i in range(n)],
            "customer_id": [f"C{i:03d}" for i in who],
            "opened_at": opened,
            "channel": np.where(who < 40, "phone", "online"),
            "category": np.where(who < 40, "fault", "billing"),
        }
    )


CUSTOMERS = pd.DataFrame(
    {"customer_id": [f"C{i:03d}" for i in range(100)], "connected_on": "2020-01-01", "left_on": None}
)
SEGMENT = pd.Series(["near"] * 40 + ["far"] * 60, [f"C{i:03d}" for i in range(100)])


def test_contacts_of_a_segment_are_counted_over_all_its_customers() -> None:
    contacts = service.open_contacts(tickets())
    told = service.contacts_by_segment(contacts, CUSTOMERS, SEGMENT).set_index("segment")
    span = contacts.table["opened_at"].max() - contacts.table["opened_at"].min()
    years = span.total_seconds() / 86400 / 365.25
    near = (contacts.table["customer_id"].map(SEGMENT) == "near").sum()
    assert told.loc["near", "contacts_per_year"] == pytest.approx(near / 40 / years)
    assert told.loc["far", "customers_count"] == 60  # twenty of them never called
    assert told.loc["near", "category"] == "category=fault" and told.loc["far", "channel"] == "channel=online"
    assert told.loc["near", "channel_share"] == 1.0 and told.loc["near", "channel_low"] < 1.0
    assert service.contacts_by_segment(contacts, CUSTOMERS, SEGMENT, fewest=41).empty


def test_the_change_on_the_year_before_is_paired_by_customer() -> None:
    table = tickets()
    contacts = service.open_contacts(table)
    found = service.contacts_change(contacts, CUSTOMERS)
    last = table["opened_at"].max()
    now = (table["opened_at"] > last - pd.DateOffset(months=12)).sum()
    then = (
        (table["opened_at"] <= last - pd.DateOffset(months=12)) & (table["opened_at"] > last - pd.DateOffset(months=24))
    ).sum()
    assert found.value == pytest.approx((now - then) / 100, abs=0.02) and found.low < found.value < found.high


def test_who_has_left_counts_no_more() -> None:
    table = tickets()
    last = table["opened_at"].max()
    gone = CUSTOMERS["customer_id"].isin([f"C{i:03d}" for i in range(50)])
    half = (last - pd.DateOffset(months=12)).strftime("%Y-%m-%d")
    customers = CUSTOMERS.assign(left_on=np.where(gone, half, None))
    stays = table[~table["customer_id"].isin(CUSTOMERS.loc[gone, "customer_id"]) | (table["opened_at"] < half)]
    contacts = service.open_contacts(stays)
    found, naive = (service.contacts_change(contacts, c) for c in (customers, CUSTOMERS))
    # Half of what seems a fall is customers who are no more.
    assert naive.high < 0 and abs(found.value) < 0.6 * abs(naive.value)


def test_without_two_years_no_change_is_told() -> None:
    table = tickets()
    with pytest.raises(service.ServiceError, match="two years"):
        last_two_years(table.loc[table["opened_at"] > "2024-06-01", "opened_at"])


def repairs(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    received = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 730 * 1440, n)), unit="min")
    steps = rng.integers(1, 15, (n, 5)).cumsum(axis=1)
    names = ["dispatched_at", "accepted_at", "departed_at", "arrived_at", "restored_at"]
    table = pd.DataFrame(
        {
            "ticket_id": [f"T{i:04d}" for i in range(n)],
            "received_at": received,
            "centre_id": "R1",
            "settlement": "urban",
        }
    )
    return table.assign(**{name: received + pd.to_timedelta(steps[:, j], unit="min") for j, name in enumerate(names)})


def test_promises_by_segment_add_up_to_all() -> None:
    times = service.time_stages(repairs())
    segment = pd.Series(np.where(np.arange(300) < 100, "a", "b"), [f"T{i:04d}" for i in range(300)])
    told = service.kept_by_segment(times, {"urban": 30}, segment)
    whole = service.share_kept(times, {"urban": 30}).value
    assert np.average(told["kept_share"], weights=told["jobs_count"]) == pytest.approx(whole)
    changed = service.kept_change(times, {"urban": 30})
    assert changed.low < changed.value < changed.high and abs(changed.value) < 0.2
