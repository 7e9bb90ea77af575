from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import profiles
from labkit.segments.errors import SegmentError
from labkit.segments.shapes import Shapes, read_shapes, shapes_of_loads
from tests.labkit.buckets import split_store
from tests.labkit.segments.cases import made_loads


def test_mean_is_one_over_the_week_and_scale_is_kept() -> None:
    loads, kinds = made_loads(5)
    shapes = shapes_of_loads(loads)
    weight = np.repeat([248, 89], 24) / (248 + 89) / 24
    np.testing.assert_allclose(shapes.values.to_numpy() @ weight, 1)
    twice = shapes_of_loads(
        profiles.HourlyLoads(loads.customer_ids, loads.days, loads.day_types, loads.kwh * 2, loads.coverage)
    )
    np.testing.assert_allclose(twice.values, shapes.values)
    np.testing.assert_allclose(twice.scale_kw, shapes.scale_kw * 2)
    assert shapes.values.index.tolist() == kinds.index.tolist()


def test_too_little_data_is_a_named_group_never_a_gap() -> None:
    loads, _ = made_loads(2)
    kwh, coverage = loads.kwh.copy(), loads.coverage.copy()
    kwh[0] = 0
    kwh[1, 7:] = 0
    kwh[2] = 0
    kwh[2, 3, 5] = 1.0
    coverage[1:3] = 0.1, 0.01
    kwh[3, :, 4] = 0  # a quiet hour is no gap
    shapes = shapes_of_loads(profiles.HourlyLoads(loads.customer_ids, loads.days, loads.day_types, kwh, coverage))
    assert shapes.apart.tolist() == ["all_zero", "too_few_days", "too_few_days"]
    assert np.isfinite(shapes.values.to_numpy()).all() and len(shapes.values) == 5


def test_days_near_zero_are_left_out_but_a_quiet_sunday_is_part_of_the_shape() -> None:
    loads, _ = made_loads(1)
    away, closed = loads.kwh.copy(), loads.kwh.copy()
    weekend = np.array(loads.day_types) == "weekend"
    away[0, 10:20] *= 0.001
    closed[0, weekend] *= 0.001

    def make(kwh: np.ndarray) -> Shapes:
        return shapes_of_loads(
            profiles.HourlyLoads(loads.customer_ids, loads.days, loads.day_types, kwh, loads.coverage)
        )

    assert make(away).dropped_share.iloc[0] == pytest.approx(10 / 56)
    assert abs(make(away).values.iloc[0] - make(loads.kwh).values.iloc[0]).max() < 0.4
    assert make(closed).values.iloc[0, 24:].max() < 0.01


def test_store_and_arrays_give_the_same(small_sample: Path) -> None:
    lab = labkit.open(small_sample)
    one, other = read_shapes(lab), shapes_of_loads(profiles.hourly_loads(lab))
    everyone = set(lab.run(lab.customers.select("customer_id"))["customer_id"])
    assert set(one.values.index) | set(one.apart.index) == everyone
    whole = other.values.index.intersection(one.values.index)
    assert len(whole) > 100
    assert (one.values.loc[whole] - other.values.loc[whole]).abs().max(axis=1).median() < 0.01
    loads = profiles.hourly_loads(lab)
    near = pd.Index(loads.customer_ids[loads.coverage > 0.99]).intersection(whole)
    one, other = read_shapes(lab, near_zero=0.5), shapes_of_loads(loads, near_zero=0.5)
    assert (one.dropped_share[near] > 0.02).sum() >= 10
    # A day with a gap uses less: here and there one more is left out.
    apart = (one.dropped_share[near] - other.dropped_share[near]).abs()
    assert apart.max() < 0.02 and (apart < 0.01).mean() > 0.98
    assert (one.values.loc[near] - other.values.loc[near]).abs().max(axis=1).median() < 1e-6
    seasons = read_shapes(lab, ("workday",), by_season=True)
    assert seasons.values.shape[1] == 96 and seasons.blocks[0] == "winter_workday"


def test_buckets_change_no_shape_and_idle_days_of_all_are_found(small_sample: Path, tmp_path: Path) -> None:
    lab = labkit.open(small_sample)
    split_store(lab, tmp_path / "many", ["customers"])
    one = read_shapes(lab, near_zero=0.5)
    with labkit.open(tmp_path / "many") as many:
        other = read_shapes(many, near_zero=0.5)
    assert (one.dropped_share > 0).sum() >= 20
    pd.testing.assert_frame_equal(one.values, other.values, check_exact=True)
    for name in ("scale_kw", "dropped_share", "apart"):
        pd.testing.assert_series_equal(getattr(one, name), getattr(other, name), check_exact=True)


def test_a_period_counts_its_own_days_only(small_sample: Path) -> None:
    lab = labkit.open(small_sample)
    found, loads = read_shapes(lab, since="2025-03-16", until="2025-05-10"), profiles.hourly_loads(lab)
    inside = (loads.days >= "2025-03-16") & (loads.days <= "2025-05-10")
    kinds = tuple(kind for kind, here in zip(loads.day_types, inside) if here)
    part = profiles.HourlyLoads(loads.customer_ids, loads.days[inside], kinds, loads.kwh[:, inside], loads.coverage)
    other = shapes_of_loads(part)
    whole = other.values.index.intersection(found.values.index)
    assert len(whole) > 100
    assert (found.values.loc[whole] - other.values.loc[whole]).abs().max(axis=1).median() < 0.01
    np.testing.assert_allclose(found.scale_kw[whole].median(), other.scale_kw[whole].median(), rtol=0.01)


def test_what_is_not_there_is_refused() -> None:
    loads, _ = made_loads(2)
    with pytest.raises(SegmentError, match="holiday; leave it out"):
        shapes_of_loads(loads, ("workday", "holiday"))
    with pytest.raises(SegmentError, match="expected some of workday"):
        shapes_of_loads(loads, ("monday",))
    with pytest.raises(SegmentError, match="view is 'odd'"):
        shapes_of_loads(loads).points("odd")  # type: ignore[arg-type]


def test_a_shift_of_an_hour_is_nearer_than_a_different_day_when_cumulated() -> None:
    loads, _ = made_loads(1)
    base = np.ones((3, 56, 24))
    base[0, :, 18], base[1, :, 19], base[2, :, 6] = 10, 10, 10
    shapes = shapes_of_loads(
        profiles.HourlyLoads(np.array(["a", "b", "c"]), loads.days, loads.day_types, base, np.ones(3))
    )
    gap = lambda x: (np.linalg.norm(x[0] - x[1]), np.linalg.norm(x[0] - x[2]))  # noqa: E731
    near, far = gap(shapes.points())
    assert near < far / 3
    same, other = gap(shapes.points("plain"))
    assert same == pytest.approx(other)
    assert pd.Index(shapes.take(["c", "a"]).values.index).tolist() == ["c", "a"]
