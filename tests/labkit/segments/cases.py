"""Customers made up for the tests: days whose kind is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.profiles import HourlyLoads
from labkit.segments.shapes import Shapes, shapes_of_loads

#: Kind -> busy hours.
KINDS = {"day": range(8, 18), "evening": range(18, 23), "night": (23, 0, 1, 2, 3, 4, 5), "flat": range(0)}


def made_loads(each: int = 30, days: int = 56, seed: int = 1) -> tuple[HourlyLoads, pd.Series]:
    """Loads of `each` customers a kind, small and large, and the kind of each."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(list(KINDS), each)
    ids = np.array([f"C{i:04d}" for i in range(len(kinds))])
    days_index = pd.date_range("2025-03-03", periods=days)
    types = tuple("weekend" if day.weekday() > 4 else "workday" for day in days_index)
    base = np.array([[4.0 if h in KINDS[kind] else 1.0 for h in range(24)] for kind in kinds])
    size = rng.lognormal(0, 2, len(kinds))
    noise = rng.lognormal(0, 0.15, (len(kinds), days, 24))
    kwh = base[:, None, :] * size[:, None, None] * noise
    return HourlyLoads(ids, days_index, types, kwh, np.ones(len(ids))), pd.Series(kinds, ids)


def made_shapes(each: int = 30, seed: int = 1) -> tuple[Shapes, pd.Series]:
    """Shapes of `made_loads`."""
    loads, kinds = made_loads(each, seed=seed)
    return shapes_of_loads(loads), kinds
