"""Power-factor adjustment after the rule of 1983, in whole hundredths."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, overload

import numpy as np
import yaml

from labkit.calendar import DATA

RULE = DATA / "tariffs" / "power_factor_1983.yaml"


@cache
def _tables(path: Path) -> dict[int, np.ndarray]:
    """Standard [hundredths] -> adjustment [hundredths of a per cent] for power factors 0..100."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    tables = {}
    for standard, rewards in raw["rewards"].items():
        s = round(float(standard) * 100)
        tables[s] = np.array([_adjust(s, pf, rewards, raw["penalties"]) for pf in range(101)])
    return tables


def _adjust(standard: int, pf: int, rewards: list[list[float]], penalties: list[list[float | None]]) -> int:
    """Hundredths of a per cent; each band has its end and what every 0.01 within it counts."""
    total, low = 0, standard
    for end, each in rewards:
        total -= max(min(pf, round(end * 100)) - low, 0) * round(each * 100)
        low = round(end * 100)
    depth, low = max(standard - pf, 0), 0
    for below, step in penalties:
        assert step is not None
        end_below = 100 if below is None else round(below * 100)
        total += max(min(depth, end_below) - low, 0) * round(step * 100)
        low = end_below
    return total


@overload
def power_factor_adjustment(power_factor: float, standard: float) -> float: ...
@overload
def power_factor_adjustment(power_factor: np.ndarray, standard: float | np.ndarray) -> np.ndarray: ...


def power_factor_adjustment(power_factor: Any, standard: Any) -> Any:
    """Power-factor adjustment [% of basic and energy charge]; + is a surcharge.

    Parameters
    ----------
    power_factor : float or ndarray
        0 to 1, rounded half-up to 0.01 first; or whole hundredths such as 91.
    standard : float or ndarray
        0.80, 0.85 or 0.90 (or 80, 85, 90).

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If the standard is not one of the rule's or the power factor is not
        between 0 and 1.

    Notes
    -----
    All comparisons are of whole hundredths: 0.90 - 0.64 is not 0.26 in floating
    point. Source: (83) 水电财字 215 号, as data in
    ``data/tariffs/power_factor_1983.yaml``.

    Examples
    --------
    >>> power_factor_adjustment(0.91, 0.90), power_factor_adjustment(0.64, 0.90), power_factor_adjustment(1.0, 0.85)
    (-0.15, 17.0, -1.1)
    """
    tables = _tables(RULE)
    pf, s = np.broadcast_arrays(np.asarray(power_factor, dtype=float), np.asarray(standard, dtype=float))
    pf = to_hundredths(np.where(pf >= 2, pf / 100, pf))
    s = np.floor(np.where(s >= 2, s, s * 100) + 0.5)
    if not (np.isfinite(pf).all() and ((pf >= 0) & (pf <= 100)).all()):
        raise ValueError("power_factor is outside 0 to 1: give active over apparent energy of the month")
    unknown = ~np.isin(s, list(tables))
    if unknown.any():
        known = ", ".join(f"{k / 100:.2f}" for k in sorted(tables))
        value = np.asarray(standard, dtype=float).reshape(-1)[0] if unknown.all() else s[unknown][0] / 100
        raise ValueError(f"standard is {value:g}; the rule of 1983 knows {known}")
    found = np.zeros(pf.shape)
    for key, table in tables.items():
        found[s == key] = table[pf[s == key].astype(int)] / 100
    return float(found) if np.ndim(power_factor) == 0 and np.ndim(standard) == 0 else found


def to_hundredths(power_factor: np.ndarray) -> np.ndarray:
    """Rounded half-up to whole hundredths (0.895 is a half, however it is held)."""
    return np.floor(np.asarray(power_factor, dtype=float) * 100 + 0.5 + 1e-7)


def power_factor_of(kwh: np.ndarray, kvarh: np.ndarray) -> np.ndarray:
    """Power factor of a month; reactive energy counts without its sign, 1 where there is no energy.

    Examples
    --------
    >>> power_factor_of(np.array([80.0]), np.array([-60.0]))
    array([0.8])
    """
    apparent = np.hypot(kwh, kvarh)
    return np.divide(np.abs(kwh), apparent, out=np.ones_like(apparent), where=apparent > 0)


def capacitor_kvar(mean_kw: float, power_factor: float, target: float) -> float:
    """Capacitor size that lifts the power factor: Qc = P (tan φ1 - tan φ2) [kvar].

    Examples
    --------
    >>> round(capacitor_kvar(1000, 0.80, 0.95), 1)
    421.3
    """
    if not (0 < power_factor <= 1 and 0 < target <= 1):
        raise ValueError(f"power factors are {power_factor} and {target}; both must lie above 0 and up to 1")
    return max(mean_kw * (math.tan(math.acos(power_factor)) - math.tan(math.acos(target))), 0.0)
