from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit.segments.errors import SegmentError
from labkit.segments.naming import busy_spells, kind_of_day, make_unique, mean_day, name_shapes

HOURS = np.arange(24)


def day(*spells: tuple[int, int], base: float = 0.3, height: float = 1.5) -> np.ndarray:
    return base + height * sum(((a <= HOURS) & (b > HOURS)).astype(float) for a, b in spells)


def frame(**days: tuple[np.ndarray, float]) -> pd.DataFrame:
    columns = [f"{b}_{h:02d}" for b in ("workday", "weekend") for h in HOURS]
    return pd.DataFrame({k: [*d, *(d * weekend)] for k, (d, weekend) in days.items()}, columns).T


@pytest.mark.parametrize(
    ("load", "kind"),
    [
        (np.ones(24), "flat"),
        (day((18, 23)), "evening"),
        (day((8, 18)), "daytime"),
        (day((8, 12), (13, 17)), "daytime"),
        (day((6, 22)), "two_shifts"),
        (day((9, 22)), "long_day"),
        (day((10, 21)), "long_day"),  # a shop
        (day((7, 19)), "daytime"),  # an office that opens long
        (day((6, 22)) + day((11, 13), (18, 20), height=0.8), "long_day"),  # meals from morning to night are no shifts
        (day((0, 7), (22, 24)), "night"),
        (day((7, 10), (18, 22)), "morning_evening"),
        (day((11, 14), (17, 21)), "noon_evening"),
        (day((5, 9)), "morning"),
        (day((1, 3), (9, 11), (18, 20)), "several"),
        (np.zeros(24), "flat"),
    ],
)
def test_kinds(load: np.ndarray, kind: str) -> None:
    assert kind_of_day(load) == kind
    assert kind_of_day(load * 7) == kind


def test_busy_spells_go_round_the_clock() -> None:
    assert busy_spells(day((0, 7), (22, 24))) == [(22, 9)]


def test_names_are_unique_and_say_what_tells_apart() -> None:
    names = name_shapes(
        frame(
            a=(day((8, 18)), 1.0),
            b=(day((8, 18)), 0.3),
            c=(day((18, 23)), 1.0),
            d=(day((18, 23)), 1.0),
            e=(day((6, 22)), 1),
        )
    )
    assert names["a"] == ("Daytime", "日间型") and names["b"] == ("Daytime, quiet weekends", "日间型·周末低")
    assert names["c"] == ("Evening peak (1)", "晚高峰型（1）") and names["d"][1] == "晚高峰型（2）"
    assert names["e"] == ("Two shifts", "两班制")
    assert make_unique({"a": ("A", "甲"), "b": ("B", "甲")})["b"] == ("B (1)", "甲（1）")


def test_mean_day_takes_the_seasons_together() -> None:
    row = pd.Series({f"{s}_workday_{h:02d}": v for s, v in (("winter", 1.0), ("summer", 3.0)) for h in HOURS})
    assert mean_day(row).tolist() == [2.0] * 24
    with pytest.raises(SegmentError, match="24 columns"):
        mean_day(row.iloc[:30])
