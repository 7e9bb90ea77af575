from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

import labkit
from labkit import arrears
from labkit.lab import Lab


@pytest.fixture(scope="session")
def utility(sample: Path) -> Lab:
    return labkit.open(sample)


@pytest.fixture(scope="session")
def books(utility: Lab) -> arrears.Books:
    return arrears.open_books(utility)


@pytest.fixture(scope="session")
def late(books: arrears.Books) -> pd.DataFrame:
    return arrears.late_bills(books)


@pytest.fixture(scope="session")
def payer(sample: Path) -> pd.Series:
    """The truth: who pays how."""
    names = {"forgetful": "forgot", "difficulty": "cannot", "unwilling": "will_not", "disputing": "disputes"}
    truth = pd.read_parquet(sample / "truth" / "customers.parquet").set_index("customer_id")["payer"]
    return truth.map(names).fillna("prompt")


def bill(number: int, yuan: float, due: str, customer: str = "C1", **more: object) -> dict[str, object]:
    issued = pd.Timestamp(due) - pd.Timedelta(days=15)
    return {
        "bill_id": f"B{number}", "customer_id": customer, "total_yuan": yuan, "issued_on": issued.date(),
        "due_on": dt.date.fromisoformat(due), **more,
    }  # fmt: skip


def paid(
    number: int, bill_number: int, yuan: float, on: str, customer: str = "C1", **more: object
) -> dict[str, object]:
    return {
        "payment_id": f"Y{number}", "bill_id": f"B{bill_number}", "customer_id": customer, "amount_yuan": yuan,
        "paid_on": dt.date.fromisoformat(on), **more,
    }  # fmt: skip
