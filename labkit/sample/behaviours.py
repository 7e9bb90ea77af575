"""How customers of each kind use power over a day: the shapes behind the sample.

A day is a base plus plateaus (start hour, end hour, height) with soft edges.
Which behaviour a customer has is part of the truth no analysis may read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Plateaus = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Behaviour:
    """One kind of daily use.

    Attributes
    ----------
    share : float
        Share within the customer class.
    base : float
        Level at all hours; plateaus are added to it.
    weekend, holiday : float
        Factor on the plateaus on such days.
    cooling, heating : float
        Rise per °C above 26 or below 10.
    day_spread, hour_spread : float
        Spread of the day's level and of the hour around it (lognormal sigma).
    """

    name: str
    customer_class: str
    share: float
    base: float
    plateaus: Plateaus
    weekend: float = 1.0
    holiday: float = 1.0
    cooling: float = 0.0
    heating: float = 0.0
    day_spread: float = 0.10
    hour_spread: float = 0.15


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        "evening_family",
        "residential",
        0.46,
        0.25,
        ((6.5, 8.5, 0.5), (18, 22.5, 1.4)),
        1.15,
        1.2,
        0.045,
        0.02,
        0.12,
        0.26,
    ),
    Behaviour(
        "home_all_day", "residential", 0.24, 0.35, ((7, 13, 0.6), (17, 22, 0.9)), 1.0, 1.05, 0.045, 0.03, 0.11, 0.24
    ),
    Behaviour(
        "commuter", "residential", 0.18, 0.20, ((6, 7.5, 0.6), (20, 23.5, 1.3)), 1.5, 0.8, 0.04, 0.02, 0.15, 0.28
    ),
    Behaviour(
        "night_charging", "residential", 0.07, 0.30, ((23, 29.5, 2.2), (18, 22, 0.9)), 1.0, 0.9, 0.03, 0.01, 0.15, 0.24
    ),
    Behaviour("seldom_there", "residential", 0.05, 0.90, ((19, 21, 0.2),), 1.0, 2.5, 0.0, 0.0, 0.20, 0.35),
    Behaviour("shop", "commercial", 0.34, 0.25, ((9, 21.5, 1.5),), 1.1, 1.1, 0.03, 0.01, 0.10, 0.12),
    Behaviour("office", "commercial", 0.30, 0.25, ((8, 18, 1.6),), 0.25, 0.15, 0.03, 0.02, 0.10, 0.12),
    Behaviour(
        "restaurant", "commercial", 0.22, 0.30, ((10.5, 13.5, 1.4), (16.5, 21, 1.7)), 1.2, 1.2, 0.02, 0.01, 0.14, 0.18
    ),
    Behaviour("open_all_hours", "commercial", 0.14, 1.00, ((18, 23.5, 0.4),), 1.05, 1.1, 0.02, 0.01, 0.08, 0.10),
    Behaviour(
        "one_shift", "industrial", 0.34, 0.12, ((7.5, 11.8, 1.5), (13, 17.5, 1.5)), 0.20, 0.08, 0.01, 0.0, 0.10, 0.10
    ),
    Behaviour("two_shifts", "industrial", 0.32, 0.15, ((6, 22, 1.4),), 0.70, 0.20, 0.01, 0.0, 0.09, 0.09),
    Behaviour("continuous", "industrial", 0.24, 1.50, ((8, 20, 0.1),), 1.0, 0.9, 0.005, 0.0, 0.05, 0.05),
    Behaviour("night_valley", "industrial", 0.10, 0.15, ((22.5, 31, 1.8),), 0.90, 0.40, 0.0, 0.0, 0.10, 0.10),
    Behaviour("irrigation", "agricultural", 0.55, 0.05, ((5, 10, 1.2), (16, 19, 0.8)), 1.0, 1.0, 0.06, 0.0, 0.25, 0.30),
    Behaviour("greenhouse", "agricultural", 0.45, 0.40, ((17, 31, 0.9),), 1.0, 1.0, 0.0, 0.06, 0.15, 0.20),
    Behaviour("school", "public", 0.40, 0.10, ((7.5, 17.5, 1.5), (18, 21.5, 0.6)), 0.15, 0.08, 0.02, 0.02, 0.10, 0.12),
    Behaviour("hospital", "public", 0.30, 0.90, ((8, 17.5, 0.8),), 0.8, 0.75, 0.02, 0.01, 0.06, 0.08),
    Behaviour("street_lighting", "public", 0.30, 0.01, ((18.3, 30.2, 1.6),), 1.0, 1.0, 0.0, 0.0, 0.02, 0.03),
)

BY_NAME = {behaviour.name: behaviour for behaviour in BEHAVIOURS}


def of_class(customer_class: str) -> tuple[Behaviour, ...]:
    """Behaviours a customer class has."""
    return tuple(b for b in BEHAVIOURS if b.customer_class == customer_class)


def day_shapes(names: np.ndarray, rng: np.random.Generator, slots: int = 96) -> np.ndarray:
    """Each customer's own day shapes around its behaviour's.

    Parameters
    ----------
    names : ndarray of str, shape (n,)
        Behaviour of each customer.
    rng : Generator
        Draws the customer's shift in time and in height.
    slots : int
        Slots a day.

    Returns
    -------
    ndarray of float32, shape (n, 3, slots)
        Workday, weekend, holiday; the workday has mean 1.
    """
    hours = np.arange(slots) * 24 / slots + 12 / slots
    late_h = rng.normal(0, 0.5, len(names))
    heights = rng.lognormal(0, 0.15, (len(names), 2))
    shapes = np.empty((len(names), 3, slots), dtype=np.float32)
    for name in np.unique(names):
        who = np.flatnonzero(names == name)
        kind = BY_NAME[str(name)]
        extra = np.zeros((len(who), slots))
        for i, (start, end, height) in enumerate(kind.plateaus):
            for wrap in (-24, 0, 24):
                at = hours[None, :] + wrap - late_h[who, None]
                extra += height * heights[who, min(i, 1), None] * (_rise(at - start) - _rise(at - end))
        for day_type, factor in enumerate((1.0, kind.weekend, kind.holiday)):
            shapes[who, day_type] = kind.base + factor * extra
    return shapes / shapes[:, :1].mean(axis=2, keepdims=True)


def _rise(hours_after: np.ndarray) -> np.ndarray:
    """From 0 to 1 within about an hour."""
    return 1 / (1 + np.exp(-np.clip(hours_after * 5, -30, 30)))
