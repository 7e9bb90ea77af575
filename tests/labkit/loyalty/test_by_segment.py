from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit import loyalty


def test_the_weakest_dimension_of_each_segment() -> None:
    rng = np.random.default_rng(1)
    n = 200
    segment = np.where(np.arange(n) < 100, "a", "b")
    frame = pd.DataFrame({"customer_id": [f"C{i}" for i in range(n)], "segment": segment, "weight": 1.0})
    for name in ("supply", "effort"):
        low = (segment == "a") == (name == "supply")
        frame[f"{name}_1"] = np.where(low, 4, 8) + rng.integers(-1, 2, n)
    scales = {"supply": ["supply_1"], "effort": ["effort_1"]}
    told = loyalty.weakest_dimension(frame, scales=scales).set_index("segment")
    assert told["driver"].to_dict() == {"a": "driver=supply", "b": "driver=effort"}
    assert told.loc["a", "index"] == pytest.approx((frame.loc[:99, "supply_1"].mean() - 1) / 9 * 100)
    assert loyalty.weakest_dimension(frame, scales=scales, fewest=101).empty


def test_losses_of_a_segment_few_have_left_are_not_told() -> None:
    n = 60
    firms = pd.DataFrame(
        {
            "segment": ["many"] * n + ["few"] * n + ["none"] * n,
            "duration_months": 24.0,
            "entry_months": 0.0,
        }
    )
    reasons = pd.Series([None] * 3 * n, dtype=object)
    reasons.iloc[:12], reasons.iloc[n : n + 3] = "supplier", "supplier"
    firms.loc[reasons.notna(), "duration_months"] = 6.0
    reasons = reasons.fillna("")
    told = loyalty.lost_by_segment(firms, reasons.replace("", None), fewest=10).set_index("segment")
    assert sorted(told.index) == ["many", "none"]
    assert told.loc["many", "share"] == pytest.approx(12 / 60) and told.loc["none", "share"] == 0.0
    assert 0.03 < told.loc["none", "high_share"] < 0.08


def test_the_best_measure_of_a_dimension() -> None:
    measures = pd.DataFrame(
        {"measure": ["x", "y", "z"], "dimension": ["supply", "effort", "effort"], "points_for_money": [3, 2, 1]}
    )
    found = loyalty.best_measure_of(measures, "driver=effort")
    assert found is not None and found["measure"] == "y"
    assert loyalty.best_measure_of(measures, "channel") is None
