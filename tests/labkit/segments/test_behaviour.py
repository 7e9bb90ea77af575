from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from labkit.segments import behaviour
from labkit.segments.behaviour import METHODS, Method, classify_shapes, group_points
from labkit.segments.errors import SegmentError
from labkit.segments.shapes import Shapes
from tests.labkit.segments.cases import made_shapes


@pytest.mark.parametrize("method", METHODS)
def test_known_groups_are_found_named_and_sorted(method: Method) -> None:
    shapes, kinds = made_shapes()
    found = classify_shapes(shapes, 4, method, seed=1, sort_by="peak_hour")
    inside = found.labels != "outlier"
    assert inside.mean() > 0.95
    assert adjusted_rand_score(kinds[inside], found.labels[inside]) == 1
    assert {en for en, _ in found.names.values()} == {"Flat", "Daytime", "Evening peak", "Night"}
    assert found.profiles["peak_hour"].is_monotonic_increasing
    again = classify_shapes(shapes, 4, method, seed=9, sort_by="peak_hour")
    assert (found.labels == again.labels).mean() > 0.97
    assert found.assign(shapes)["group"].equals(found.labels.rename("group"))


def test_stranger_is_an_outlier_and_who_has_no_data_is_unknown() -> None:
    shapes, _ = made_shapes()
    values = shapes.values.copy()
    values.iloc[0] = 0.0
    values.iloc[0, 3] = 24.0 * 2
    apart = pd.Series(["all_zero"], ["Z1"])
    odd = Shapes(values, shapes.scale_kw, shapes.dropped_share, apart, shapes.blocks)
    found = classify_shapes(odd, 4, seed=1)
    assert found.labels[values.index[0]] == "outlier" and found.why[values.index[0]] == "far_from_all"
    assert found.labels["Z1"] == "unknown" and found.why["Z1"] == "all_zero" and found.certainty["Z1"] == 0
    assert not found.labels.isna().any() and found.describe("zh")["group"].iloc[-1] == "无法判断"
    new = found.assign(made_shapes(5, seed=3)[0])
    assert (new["group"] != "outlier").mean() > 0.9 and new["certainty"].between(0, 1).all()
    found.plot(language="zh").get_figure(root=True).canvas.draw()


def test_what_cannot_be_grouped_is_refused() -> None:
    shapes, _ = made_shapes(5)
    two = shapes.take(shapes.values.index[:2])
    with pytest.raises(SegmentError, match="2 different shapes"):
        classify_shapes(two, 3, seed=1)
    assert len(classify_shapes(two, 2, seed=1).labels) == 2
    with pytest.raises(SegmentError, match="method is 'kshape'"):
        group_points(np.eye(4), 2, "kshape", seed=1)  # type: ignore[arg-type]
    with pytest.raises(SegmentError, match="sort_by"):
        classify_shapes(shapes, 2, seed=1, sort_by="name")  # type: ignore[arg-type]
    found = classify_shapes(shapes, 2, seed=1)
    with pytest.raises(SegmentError, match="read them the same way"):
        found.assign(Shapes(two.values, two.scale_kw, two.dropped_share, two.apart, ("workday",)))


def test_ward_on_a_stratified_sample_agrees_with_exact_ward(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes, kinds = made_shapes(60)
    monkeypatch.setattr(behaviour, "MOST_WARD", 200)
    found = classify_shapes(shapes, 4, "ward", seed=1)
    assert adjusted_rand_score(kinds, found.labels) > 0.95
    assert 200 <= int(str(found.settings["made_of_count"])) <= 250 and len(found.labels) == 240  # said: not of all
    assert classify_shapes(shapes, 4, "kmeans", seed=1).settings["made_of_count"] == 240


@pytest.mark.parametrize(("method", "least"), [("kmeans", 0.85), ("mixture", 0.65), ("ward", 0.85)])
def test_sample_truth_is_recovered(sample: Path, sample_shapes: Shapes, method: Method, least: float) -> None:
    truth = pd.read_parquet(sample / "truth" / "customers.parquet").set_index("customer_id")["behaviour"]
    found = classify_shapes(sample_shapes, 9, method, seed=1)
    metered = sample_shapes.values.index
    assert adjusted_rand_score(truth[metered], found.labels[metered]) > least
    assert set(found.labels.index) == set(truth.index)
