from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import labkit
from labkit.segments.errors import SegmentError
from labkit.segments.rfm import classify_rfm, rfm_table


def test_rfm_counts_what_was_known_on_the_day() -> None:
    bills = pd.DataFrame(
        [("1", "a", "2025-05-10", 100.0), ("2", "a", "2025-06-10", 100.0), ("3", "b", "2025-06-10", 900.0), ("4", "c", "2025-09-01", 5.0)],
        columns=["bill_id", "customer_id", "due_on", "total_yuan"],
    )  # fmt: skip
    payments = pd.DataFrame(
        [("1", "2025-05-09", 100.0), ("2", "2025-06-12", 100.0), ("3", "2025-06-01", 500.0), ("3", "2025-06-09", 400.0)],
        columns=["bill_id", "paid_on", "amount_yuan"],
    )  # fmt: skip
    table = rfm_table(bills, payments, "2025-06-30")
    assert table.loc["a"].tolist() == [18, 0.5, 200] and table.loc["b"].tolist() == [21, 1, 900]
    found = classify_rfm(table)
    assert found.labels.to_dict() == {"a": "100", "b": "111", "c": "unknown"}
    assert found.settings["large_from_yuan"] == 550
    assert classify_rfm(table, large=100.0).labels["a"] == "101"
    with pytest.raises(SegmentError, match="large is 'average'"):
        classify_rfm(table, large="average")  # type: ignore[arg-type]


def test_sample(sample: Path) -> None:
    lab = labkit.open(sample, verify=False)
    bills = lab.run(lab.bills)
    found = classify_rfm(rfm_table(bills, lab.run(lab.payments), "2025-06-30"))
    assert len(found.labels) == bills["customer_id"].nunique()
    found.plot(language="zh").get_figure(root=True).canvas.draw()
