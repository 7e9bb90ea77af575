from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit.segments.behaviour import classify_shapes
from labkit.segments.errors import SegmentError
from labkit.segments.shapes import Shapes
from labkit.segments.surrogate import explain_segments, readable_features
from tests.labkit.segments.cases import made_shapes


def test_rules_repeat_a_classification_of_days() -> None:
    shapes, _ = made_shapes()
    groups = classify_shapes(shapes, 4, seed=1)
    found = explain_segments(groups, readable_features(shapes.values), leaves=4)
    assert found.faithfulness.value > 0.95 and found.kappa > 0.9 and set(groups.names) == set(found.table["group"])
    # The rules, applied by hand, are what the table says.
    x = readable_features(shapes.values)
    for row in found.table.itertuples():
        here = np.ones(len(x), dtype=bool)
        for name, side, limit in row.conditions:
            here &= (x[name] <= limit) if side == "<=" else (x[name] > limit)
        assert here.sum() == row.customers_count
    assert found.table["customers_count"].sum() == len(x)
    assert len(found.rules()) == len(found.rules("zh")) == 4
    assert any("晚高峰型：" in rule and "占比" in rule for rule in found.rules("zh"))


def test_what_cannot_be_told_is_not_faithful() -> None:
    shapes, _ = made_shapes()
    groups = classify_shapes(shapes, 4, seed=1)
    noise = pd.DataFrame({"noise": np.random.default_rng(1).normal(size=len(shapes.values))}, shapes.values.index)
    assert explain_segments(groups, noise).kappa < 0.2
    with pytest.raises(SegmentError, match="leaves is 20"):
        explain_segments(groups, noise, leaves=20)
    with pytest.raises(SegmentError, match="no numbers"):
        explain_segments(groups, noise.astype(str))
    with pytest.raises(SegmentError, match="10 customers in two groups"):
        explain_segments(groups, noise.iloc[:3])
    with pytest.raises(SegmentError, match="with workdays"):
        readable_features(noise)


def test_eight_rules_tell_the_groups_of_the_sample(sample_shapes: Shapes) -> None:
    shapes = sample_shapes
    groups = classify_shapes(shapes, 9, "ward", seed=1)
    found = explain_segments(groups, readable_features(shapes.values))
    assert found.faithfulness.low > 0.85 and len(found.table) <= 8
