"""Customers with bad readings, through a store: each is somewhere, with a reason, and nothing falls over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import intake
from labkit.segments import (
    SegmentError,
    agree_over_time,
    choose_number,
    classify_shapes,
    explain_segments,
    learn_classes,
    read_shapes,
    readable_features,
    shape_features,
    spread_over_seeds,
)
from labkit.segments.shapes import Shapes
from tests.labkit.segments.cases import KINDS


def readings(name: str, kind: str, days: int, minutes: int = 60, start: str = "2025-03-03") -> pd.DataFrame:
    """A customer whose power is the same whatever its meter's interval."""
    ts = pd.date_range(start, periods=days * 1440 // minutes, freq=f"{minutes}min")
    kw = np.where(ts.hour.isin(list(KINDS[kind])), 4.0, 1.0) * (1 + ts.day_of_week / 20)
    return pd.DataFrame({"customer_id": name, "ts": ts.strftime("%Y-%m-%d %H:%M:%S"), "kwh": kw * minutes / 60})


def make_store(folder: Path, frames: list[pd.DataFrame], more: tuple[str, ...] = ()) -> Path:
    (folder / "in").mkdir(parents=True)
    table = pd.concat(frames)
    names = sorted({*table["customer_id"], *more})
    table.to_csv(folder / "in" / "readings.csv", index=False)
    pd.DataFrame({"customer_id": names, "customer_class": "industrial"}).to_csv(
        folder / "in" / "customers.csv", index=False
    )
    intake.intake(folder / "in", folder / "store")
    return folder / "store"


@pytest.fixture(scope="module")
def odd_shapes(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    good = [readings(f"G{kind}{i}", kind, 42 + i, (15, 30, 60)[i % 3]) for kind in KINDS for i in range(4)]
    changed = [readings("CHANGED", "day", 14), readings("CHANGED", "day", 14, 30, "2025-03-17"), readings("CHANGED", "day", 14, 15, "2025-03-31")]  # fmt: skip
    zero = readings("ZERO", "day", 42).assign(kwh=0.0)
    late = readings("NO_NOON", "day", 42)
    workdays = readings("NO_WEEKEND", "day", 42)
    bad = [readings("WEEK", "day", 7), zero, readings("ONE", "day", 1).iloc[5:6], late[~late["ts"].str.contains(" 12:")],
           workdays[pd.to_datetime(workdays["ts"]).dt.day_of_week < 5]]  # fmt: skip
    return read_shapes(labkit.open(make_store(tmp_path_factory.mktemp("odd"), [*good, *changed, *bad], ("NEVER",))))


def test_who_cannot_be_judged_is_unknown_with_the_reason(odd_shapes: Shapes) -> None:
    found = classify_shapes(odd_shapes, 4, seed=1)
    assert found.why[found.labels == "unknown"].to_dict() == {
        "NEVER": "no_readings", "NO_NOON": "hours_missing", "NO_WEEKEND": "hours_missing", "ONE": "too_few_days",
        "WEEK": "too_few_days", "ZERO": "all_zero",
    }  # fmt: skip
    assert len(found.labels) == 23 and not found.labels.isna().any() and found.certainty.between(0, 1).all()
    assert found.describe_apart()["customers_count"].sum() == (~found.labels.isin(list(found.names))).sum()
    for language in ("en", "zh"):
        assert not found.describe(language)["group"].isna().any()  # type: ignore[arg-type]
        found.plot(language=language).get_figure(root=True).canvas.draw()  # type: ignore[arg-type]


def test_a_meter_that_changed_its_interval_gives_the_same_shape(odd_shapes: Shapes) -> None:
    same = odd_shapes.values.loc[["CHANGED", "Gday0", "Gday1", "Gday2"]]
    np.testing.assert_allclose(same - same.iloc[0], 0, atol=0.01)  # Wh are whole in the store
    assert odd_shapes.scale_kw["CHANGED"] == pytest.approx(odd_shapes.scale_kw["Gday0"], rel=0.01)
    assert classify_shapes(odd_shapes, 4, seed=1).labels[same.index].nunique() == 1


def test_two_customers_only(tmp_path: Path) -> None:
    lab = labkit.open(make_store(tmp_path, [readings("A", "day", 28), readings("B", "night", 28, 15)]))
    two = read_shapes(lab)
    found = classify_shapes(two, 2, seed=1)
    assert sorted(found.labels) == ["g1", "g2"] and {en for en, _ in found.names.values()} == {"Daytime", "Night"}
    assert (found.assign(two)["group"] == found.labels).all()
    for refused in (
        lambda: classify_shapes(two, 3, seed=1),
        lambda: choose_number(two),
        lambda: explain_segments(found, readable_features(two.values)),
        lambda: learn_classes(shape_features(two), pd.Series({"A": "x", "B": "y"})),
    ):
        with pytest.raises(SegmentError):
            refused()


def test_where_nobody_can_be_judged_the_refusal_says_why(tmp_path: Path) -> None:
    lab = labkit.open(make_store(tmp_path, [readings("A", "day", 7), readings("B", "day", 28).assign(kwh=0.0)], ("C",)))
    none = read_shapes(lab)
    assert none.apart.to_dict() == {"A": "too_few_days", "B": "all_zero", "C": "no_readings"}
    for refused in (
        lambda: classify_shapes(none, 2, seed=1),
        lambda: choose_number(none),
        lambda: spread_over_seeds(none, 2),
        lambda: agree_over_time(none, none, 2, seed=1),
    ):
        with pytest.raises(SegmentError, match=r"no customer has one .*1 all_zero.* 14 days"):
            refused()
    assert none.points().shape == (0, 48) and readable_features(none.values).empty


def test_halves_of_a_year_are_read_apart(tmp_path: Path) -> None:
    moved = [readings("M", "day", 28), readings("M", "night", 28, start="2025-03-31")]
    lab = labkit.open(make_store(tmp_path, [readings("A", "day", 56), *moved]))
    first, second = (
        read_shapes(lab, since=p[0], until=p[1]) for p in (("2025-03-03", "2025-03-30"), ("2025-03-31", "2025-04-27"))
    )
    # The mean over both kinds of day, each as often as it occurs, is what the whole time gives.
    assert first.values.loc["M"].equals(first.values.loc["A"]) and second.values.loc["M", "workday_02"] > 1
    with pytest.raises(SegmentError, match=r"since, until: .* expected the first day before the last"):
        read_shapes(lab, since="2025-04-01", until="2025-03-01")
    with pytest.raises(SegmentError, match="expected days as YYYY-MM-DD"):
        read_shapes(lab, since="spring", until="2025-03-01")
    outside = read_shapes(lab, since="2020-01-01", until="2020-12-31")
    assert set(outside.apart) == {"no_readings"}
