"""Estimates for missing readings on arrays: a straight line across short gaps, like days around for longer ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labkit.vee.thresholds import Thresholds

#: Methods by code; 0 where nothing could be estimated.
METHODS = ("none", "linear", "like_days", "rest_days")


@dataclass(frozen=True, eq=False)
class Filled:
    """Estimates of missing readings.

    Attributes
    ----------
    values : ndarray of float, shape (customers, days, slots)
        Estimates where one was asked for and could be made, whole Wh; elsewhere missing.
    methods : ndarray of int8, same shape
        Place in `METHODS`; -1 where nothing was asked for.
    """

    values: np.ndarray
    methods: np.ndarray


def fill(known: np.ndarray, wanted: np.ndarray, kinds: np.ndarray, interval_min: int, limits: Thresholds) -> Filled:
    """Estimate missing readings.

    Parameters
    ----------
    known : ndarray of float, shape (customers, days, slots)
        Readings [Wh], days in a row; NaN where there is none.
    wanted : ndarray of bool, same shape
        Where an estimate is wanted; readings there are not looked at.
    kinds : ndarray of str, shape (days,)
        ``workday``, ``weekend`` or ``holiday``.
    interval_min : int
        Metering interval [min].
    limits : Thresholds
        Those of ``estimate``.

    Notes
    -----
    Gaps up to ``estimate.interpolate_h``, with a reading on both sides: a straight line. Others: the mean of the same time on
    days of the same kind up to ``estimate.weeks`` before and after; where weekends or holidays are too few, of both together.

    Examples
    --------
    >>> from labkit.vee import read_thresholds
    >>> day = np.array([[[10.0, np.nan, 30.0] + [40.0] * 21]])
    >>> float(fill(day, np.isnan(day), np.array(["workday"]), 60, read_thresholds()).values[0, 0, 1])
    20.0
    """
    seen = np.where(wanted, np.nan, known)
    line = np.where(wanted, interpolate(seen, int(limits["estimate.interpolate_h"] * 60 // interval_min)), np.nan)
    reach, least = round(limits["estimate.weeks"] * 7), limits.whole("estimate.least_days")
    like, rest = np.full_like(seen, np.nan), np.full_like(seen, np.nan)
    for kind in np.unique(kinds):
        like[:, kinds == kind] = mean_around(seen, np.flatnonzero(kinds == kind), reach, least)
    free = np.flatnonzero(kinds != "workday")
    rest[:, free] = mean_around(seen, free, reach, least)
    choices = [np.isfinite(line), np.isfinite(like), np.isfinite(rest)]
    methods = np.select(choices, [1, 2, 3], 0)
    values = np.rint(np.select(choices, [line, like, rest], np.nan))
    return Filled(np.where(wanted, values, np.nan), np.where(wanted, methods, -1).astype(np.int8))


def interpolate(values: np.ndarray, longest: int) -> np.ndarray:
    """Straight lines across gaps of at most so many readings, with a reading on both sides; elsewhere missing."""
    flat = values.reshape(len(values), -1)
    at, there = np.arange(flat.shape[1]), np.isfinite(flat)
    before = np.maximum.accumulate(np.where(there, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(there, at, flat.shape[1])[:, ::-1], axis=1)[:, ::-1]
    short = ~there & (before >= 0) & (after < flat.shape[1]) & (after - before - 1 <= longest)
    row, column = np.nonzero(short)
    low, high = before[row, column], after[row, column]
    found = np.full_like(flat, np.nan)
    left, right = flat[row, low], flat[row, high]
    found[row, column] = left + (right - left) * (column - low) / (high - low)
    return found.reshape(values.shape)


def mean_around(values: np.ndarray, days: np.ndarray, reach: int, least: int) -> np.ndarray:
    """Mean of the same time of day over those of the days that are at most `reach` days away, for each of them.

    Parameters
    ----------
    values : ndarray, shape (customers, days, slots)
    days : ndarray of int
        Places of the days of one kind, rising.
    least : int
        Fewest readings of a mean.

    Returns
    -------
    ndarray, shape (customers, len(days), slots)
        Missing where there are fewer readings; a day's own reading is part of its mean where there is one.
    """
    mine = values[:, days]
    there = np.isfinite(mine)
    shape = (len(mine), 1, mine.shape[2])
    total = np.concatenate([np.zeros(shape), np.cumsum(np.where(there, mine, 0.0), axis=1)], axis=1)
    count = np.concatenate([np.zeros(shape, int), np.cumsum(there, axis=1)], axis=1)
    low, high = np.searchsorted(days, days - reach), np.searchsorted(days, days + reach, side="right")
    n = count[:, high] - count[:, low]
    return np.where(n >= least, (total[:, high] - total[:, low]) / np.maximum(n, 1), np.nan)
