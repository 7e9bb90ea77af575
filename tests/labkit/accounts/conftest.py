"""Accounts made by hand, so that what should be found is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from labkit import calendar
from labkit.accounts import AccountData


def make_account(
    load_kw: np.ndarray, *, minutes: int = 60, start: str = "2025-01-01", kvar: np.ndarray | None = None, **facts: Any
) -> AccountData:
    index = pd.date_range(start, periods=len(load_kw), freq=f"{minutes}min")
    known = {
        "customer_id": "K1", "customer_class": "industrial", "industry_code": "C31", "voltage_kv": 10.0, "capacity_kva": 1000.0,
        "contract_kw": np.nan, "pf_standard": 0.90, "tariff_id": "TWO_PART_CAPACITY", "area_id": "A1",
    }  # fmt: skip
    days = calendar.day_type_table(index[0].date(), index[-1].date())
    kinds = pd.Series(days["day_type"].to_numpy(), pd.DatetimeIndex(days["day"]))
    return AccountData(
        pd.Series(known | facts, dtype=object), pd.Series(load_kw * minutes / 60, index), minutes, 0.0,
        None if kvar is None else pd.Series(kvar * minutes / 60, index), pd.DataFrame(columns=["period", "max_demand_kw"]), kinds, None,
    )  # fmt: skip


@pytest.fixture
def shift_worker() -> np.ndarray:
    """400 kW from 8 to 20 on workdays of 2025, 100 kW otherwise, with noise."""
    index = pd.date_range("2025-01-01", periods=8760, freq="h")
    work = (index.hour >= 8) & (index.hour < 20) & (index.day_of_week < 5)
    return np.where(work, 400.0, 100.0) * np.random.default_rng(5).uniform(0.97, 1.0, 8760)
