"""Groups against known kinds: behaviours of the sample, with and without the hard ones, and simulated buildings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit.segments import (
    Method,
    SegmentError,
    Shapes,
    agree_over_time,
    classify_shapes,
    count_ari,
    estimate_ari,
    group_points,
    read_shapes,
    spread_over_seeds,
)
from tests.labkit.segments.cases import made_shapes
from tests.labkit.segments.test_learned import BUILDINGS, made_buildings, shapes_of_buildings

#: Hard: nearer to another behaviour than two spreads, as `test_hard_behaviours_overlap` measures.
HARD = {"continuous", "seldom_there", "restaurant", "shop"}


@pytest.fixture(scope="module")
def truth(sample: Path, sample_shapes: Shapes) -> pd.Series:
    known = pd.read_parquet(sample / "truth" / "customers.parquet").set_index("customer_id")["behaviour"]
    return known[sample_shapes.values.index]


def test_hard_behaviours_overlap(sample_shapes: Shapes, truth: pd.Series) -> None:
    # Of whom was cut off for months, weekends are mostly dark and workdays are not: that is no behaviour.
    here = sample_shapes.values.index[sample_shapes.dropped_share < 0.45]
    x, truth = sample_shapes.take(here).points(), truth[here]
    names = sorted(truth.unique())
    mine = {name: x[(truth == name).to_numpy()] for name in names}
    centre = {name: points.mean(axis=0) for name, points in mine.items()}
    spread = {name: ((mine[name] - centre[name]) ** 2).sum(axis=1).mean() for name in names}
    near = {a for a in names for b in names if a != b and np.linalg.norm(centre[a] - centre[b]) < 2 * np.sqrt((spread[a] + spread[b]) / 2)}  # fmt: skip
    assert near == HARD


@pytest.mark.parametrize(("method", "k", "whole", "without_hard"), [("ward", 7, 0.85, 0.87), ("ward", 9, 0.88, 0.90), ("kmeans", 7, 0.82, 0.84), ("kmeans", 9, 0.85, 0.87)])  # fmt: skip
def test_behaviours_of_the_sample(
    sample_shapes: Shapes, truth: pd.Series, method: Method, k: int, whole: float, without_hard: float
) -> None:
    labels = classify_shapes(sample_shapes, k, method, seed=1).labels[truth.index]
    everyone, easy = estimate_ari(truth, labels), estimate_ari(truth[~truth.isin(HARD)], labels)
    print(f"{method}, {k} groups: {everyone} with, {easy} without the hard ones")
    assert everyone.low > whole - 0.02 and everyone.value > whole
    assert easy.value > without_hard and easy.n == (~truth.isin(HARD)).sum()


def test_groups_hold_over_seeds_and_the_mixture_less(sample_shapes: Shapes) -> None:
    kmeans, mixture = (spread_over_seeds(sample_shapes, 7, m) for m in ("kmeans", "mixture"))  # type: ignore[arg-type]
    assert kmeans.ari.n == 20 and len(kmeans.table) == 190 and kmeans.ari.low > 0.95
    assert mixture.ari.low < 0.85 < mixture.ari.value
    assert "20 seeds, 7 groups" in kmeans.verdict() and "20个随机种子" in kmeans.verdict("zh")
    with pytest.raises(SegmentError, match="seeds is 5, expected 20 or more"):
        spread_over_seeds(sample_shapes, 7, seeds=5)


def test_groups_hold_in_the_next_half_year(sample: Path) -> None:
    lab = labkit.open(sample, verify=False)
    first, second = (
        read_shapes(lab, since=p[0], until=p[1]) for p in (("2025-01-01", "2025-06-30"), ("2025-07-01", "2025-12-31"))
    )
    found = agree_over_time(first, second, 7, "ward", seed=1)
    assert found.regrouped.low > 0.9 and found.placed.low > 0.95 and found.stayed.low > 0.97
    sums = found.moves.groupby("group_before")[["customers_count", "share"]].sum()
    assert sums["customers_count"].sum() == found.stayed.n and np.allclose(sums["share"], 1)


def test_what_moves_over_time_is_counted() -> None:
    before, kinds = made_shapes()
    values = before.values.copy()
    # Ten of "day" live like "night" later.
    values.iloc[:10] = before.values[(kinds == "night").to_numpy()].iloc[:10].to_numpy()
    after = Shapes(values, before.scale_kw, before.dropped_share, before.apart, before.blocks)
    found = agree_over_time(before, after, 4, seed=1)
    inside = found.before.labels.iloc[:10] != "outlier"
    assert found.stayed.n == 120 and found.stayed.value == pytest.approx(1 - inside.sum() / 120, abs=0.02)
    assert found.placed.value < 1 and found.moves["low"].le(found.moves["share"]).all()
    with pytest.raises(SegmentError, match="read both the same way"):
        agree_over_time(before, Shapes(values, before.scale_kw, before.dropped_share, before.apart, ("x",)), 4, seed=1)


def test_rand_index_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(5)
    for rows, columns in ((2, 2), (4, 7), (1, 3), (9, 2)):
        one, other = (pd.Series(rng.integers(0, n, 90)) for n in (rows, columns))
        assert count_ari(pd.crosstab(one, other).to_numpy()) == pytest.approx(adjusted_rand_score(one, other))
        assert estimate_ari(one, other).n == 90
    assert estimate_ari(pd.Series(["a", "b"]), pd.Series(["x", "x"])).value == adjusted_rand_score(
        ["a", "b"], ["x", "x"]
    )
    with pytest.raises(SegmentError, match="two at least"):
        estimate_ari(pd.Series(["a"], ["p"]), pd.Series(["a"], ["q"]))


@pytest.mark.skipif(not BUILDINGS.is_file(), reason="simulated buildings, no part of the project: LABKIT_BUILDINGS")
def test_types_of_simulated_buildings() -> None:
    shapes, types, _ = shapes_of_buildings(pd.read_parquet(BUILDINGS))
    found = {v: estimate_ari(types, pd.Series(group_points(shapes.points(v), 16, "ward", seed=1).labels, shapes.values.index)).value
             for v in ("cumulated", "plain", "root")}  # fmt: skip
    assert found["cumulated"] > 0.62 and found["plain"] > 0.68 and found["root"] > 0.7
    assert len(made_buildings(2)) == 8 * 35 * 24
