from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import labkit
from labkit.segments.errors import SegmentError
from labkit.segments.learned import shape_features
from labkit.segments.shapes import Shapes
from labkit.segments.social import classify_by, classify_industry, classify_size, compare_declared
from tests.labkit.segments.cases import made_shapes

CUSTOMERS = pd.DataFrame(
    {
        "customer_id": list("abcd"),
        "customer_class": ["industrial", "residential", "residential", None],
        "industry_code": ["C26", None, "H61", "9X"],
        "capacity_kva": [630.0, 8.0, 50.0, None],
    }
)


def test_who_has_nothing_stated_is_unknown() -> None:
    found = classify_by(CUSTOMERS, "customer_class")
    assert found.labels.tolist() == ["industrial", "residential", "residential", "unknown"]
    assert found.codes == ("residential", "industrial", "unknown") and found.why["d"] == "not_stated"
    assert found.describe("zh")["group"].tolist()[:2] == ["居民", "工业"]
    industry = classify_industry(CUSTOMERS)
    assert industry.labels.tolist() == ["C", "unknown", "H", "unknown"] and industry.label("H", "zh") == "住宿和餐饮业"
    size = classify_size(CUSTOMERS)
    assert size.labels.tolist() == ["large", "small", "medium", "unknown"] and size.settings["large_from_kva"] == 315
    new = pd.DataFrame({"customer_id": ["x"], "capacity_kva": [100.0], "customer_class": ["nobility"]})
    assert size.assign(new)["group"].tolist() == ["medium"]
    assert found.assign(new)["group"].tolist() == ["unknown"]


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(SegmentError, match="column settlement is missing"):
        classify_by(CUSTOMERS, "settlement")
    with pytest.raises(SegmentError, match="capacities that rise"):
        classify_size(CUSTOMERS, {"a": 5.0, "b": 1.0})
    with pytest.raises(SegmentError, match="below is 2"):
        compare_declared(pd.DataFrame(), pd.Series(), below=2)


def test_wrongly_declared_are_found() -> None:
    shapes, kinds = made_shapes(40)
    declared = kinds.copy()
    wrong = declared.index[[0, 50, 90]]
    declared[wrong] = ["evening", "night", "day"]
    found = compare_declared(shape_features(shapes), declared)
    assert set(found.table["customer_id"]) == set(wrong) and found.checked_count == 160
    assert found.table.set_index("customer_id").loc[wrong[0], "seen"] == "day"
    assert found.by_class["listed_count"].sum() == 3


def test_a_residential_account_that_behaves_like_a_shop_is_listed(sample: Path, sample_shapes: Shapes) -> None:
    lab = labkit.open(sample, verify=False)
    declared = lab.run(lab.customers.select("customer_id", "customer_class")).set_index("customer_id")["customer_class"]
    behaviour = pd.read_parquet(sample / "truth" / "customers.parquet").set_index("customer_id")["behaviour"]
    x = shape_features(sample_shapes)
    wrong = behaviour.loc[x.index].eq("shop").to_numpy().nonzero()[0][:5]
    ids = x.index[wrong]
    declared[ids] = "residential"
    found = compare_declared(x, declared)
    assert set(ids) <= set(found.table["customer_id"])
    assert len(found.table) < 0.01 * found.checked_count
