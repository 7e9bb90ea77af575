from __future__ import annotations

import pandas as pd
import pytest

from labkit import accounts


def test_savings_of_a_segment_none_dominates() -> None:
    largest = pd.DataFrame(
        {
            "customer_id": [f"C{i:02d}" for i in range(60)],
            "advice": ["tariff"] * 15 + ["hours"] * 5 + ["capacitor"] * 20 + [None] * 20,
            "saving_yuan": [100.0] * 40 + [1000.0] + [1.0] * 19,
            "bill_yuan": [1000.0] * 60,
        }
    )
    segment = pd.Series(["a"] * 20 + ["b"] * 20 + ["c"] * 20, largest["customer_id"])
    told = accounts.savings_by_segment(largest, segment).set_index("segment")
    assert sorted(told.index) == ["a", "b"]  # of c one account brings nearly all
    assert told.loc["a", "share"] == pytest.approx(0.1) and told.loc["a", "advice"] == "advice=tariff"
    assert told.loc["b", "advice"] == "advice=capacitor" and told.loc["b", "customers_count"] == 20
    assert accounts.savings_by_segment(largest, segment, minimum=21).empty
