from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit.market_segments import assign_segments, read_segments


def test_the_first_segment_that_fits_takes_the_customer() -> None:
    customers = pd.DataFrame(
        {
            "customer_class": ["industrial", "industrial", "commercial", "commercial", None, "public"],
            "industry_code": ["C13", None, "F5267", "F52", None, "F5267"],
            "voltage_kv": [10.0, np.nan, 10.0, 0.38, 10.0, 0.38],
        },
        index=[5, 4, 3, 2, 1, 0],
    )
    found = assign_segments(customers)
    assert found.index.tolist() == customers.index.tolist()
    assert found.iloc[[0, 1, 2, 3, 5]].tolist() == [
        "industrial_large",
        "industrial_small",
        "charging_stations",
        "commercial",
        "charging_stations",
    ]
    assert pd.isna(found.iloc[4])


def test_a_condition_on_a_column_that_is_not_there_is_not_met() -> None:
    assert assign_segments(pd.DataFrame({"customer_class": ["industrial"]})).tolist() == ["industrial_small"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {en: A, zh: 甲, customer_class: [homes]}", "homes is no customer class"),
        ("a: {en: A, zh: 甲, customer_class: [public], colour: [red]}", "colour is unknown"),
        ("a: {en: A, customer_class: [public]}", "en, zh and customer_class are needed"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "segments.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        read_segments(path)
