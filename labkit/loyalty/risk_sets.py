"""Who could have left at each moment: late entry, ties and whole months taken as they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from labkit.loyalty.errors import LoyaltyError


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Times of a set of customers; a customer is at risk at t where entry < t <= duration.

    Attributes
    ----------
    duration, entry : ndarray of float
        On one clock, such as months since the connection.
    event : ndarray of bool
    """

    duration: np.ndarray
    event: np.ndarray
    entry: np.ndarray

    @property
    def given_entry(self) -> np.ndarray | None:
        """Entry as it was given: None where nobody came late."""
        return None if self.entry.max() < 0 else self.entry

    @cached_property
    def times(self) -> np.ndarray:
        """Distinct times at which somebody left."""
        return np.unique(self.duration[self.event])

    @cached_property
    def first(self) -> np.ndarray:
        """Place in `times` of the first one at which each customer is at risk."""
        return np.searchsorted(self.times, self.entry, side="right")

    @cached_property
    def after(self) -> np.ndarray:
        """Place in `times` of the first one after each customer's end."""
        return np.searchsorted(self.times, self.duration, side="right")

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sum of values over those at risk at each time, shape (times,) or (times, k)."""
        if values.ndim > 1:
            return np.column_stack([self.sum(values[:, k]) for k in range(values.shape[1])])
        size = len(self.times) + 1
        moves = np.bincount(self.first, values, size) - np.bincount(self.after, values, size)
        return np.asarray(moves.cumsum()[:-1])

    def sum_events(self, values: np.ndarray, which: np.ndarray | None = None) -> np.ndarray:
        """Sum of values over those who left at each time."""
        here = self.event if which is None else which
        if values.ndim > 1:
            return np.column_stack([self.sum_events(values[:, k], here) for k in range(values.shape[1])])
        return np.bincount(self.after[here] - 1, values[here], len(self.times))


def read_times(duration: ArrayLike, event: ArrayLike, entry: ArrayLike | None = None) -> RiskSets:
    """Times as given, refused where they cannot be.

    Parameters
    ----------
    duration : array_like, shape (n,)
        When the customer left, or was last seen.
    event : array_like of bool or 0 and 1
        Whether it left then.
    entry : array_like, optional
        When the customer was first seen; it must end after that. 0 by default.

    Raises
    ------
    LoyaltyError
        If lengths differ, a time is missing or below 0, an end is not after its entry, or an event is neither 0 nor 1.
    """
    t = read_numbers(duration, "duration")
    e = np.zeros(len(t)) if entry is None else read_numbers(entry, "entry")
    raw = read_numbers(
        event, "event", missing="event has values other than 0 and 1, or missing ones; 1 is for those who left"
    )
    if not len(t) == len(e) == len(raw):
        raise LoyaltyError(
            f"duration has {len(t)} values, event {len(raw)}, entry {len(e)}; give one of each a customer"
        )
    if not len(t):
        raise LoyaltyError("there is no customer; bring one row a customer")
    if pd.isna(raw).any() or not np.isin(raw, (0.0, 1.0)).all():
        raise LoyaltyError("event has values other than 0 and 1, or missing ones; 1 is for those who left")
    odd = ~np.isfinite(t) | ~np.isfinite(e)
    if odd.any():
        raise LoyaltyError(f"{int(odd.sum())} rows have no duration or entry; leave out customers never seen")
    below = (t < 0) | (e < 0)
    if below.any():
        raise LoyaltyError(
            f"{int(below.sum())} rows have a duration or entry below 0; count from time zero of the clock"
        )
    late = (t <= e) & (entry is not None)
    if late.any():
        raise LoyaltyError(
            f"{int(late.sum())} rows end at or before their entry (the first is row {int(np.flatnonzero(late)[0])}); "
            "a customer who left before it was first seen is not in the data: leave such rows out or correct the dates"
        )
    # Where nobody came late, a customer who leaves at time 0 was at risk then: entry lies just before.
    return RiskSets(t, raw.astype(bool), e - 1.0 if entry is None else e)


def read_numbers(values: ArrayLike, name: str, missing: str = "") -> np.ndarray:
    """Values as floats.

    Raises
    ------
    LoyaltyError
        If they are dates, lengths of time or words.
    """
    raw = np.asarray(values)
    if raw.dtype.kind in "mM":
        raise LoyaltyError(f"{name} holds dates or lengths of time; give numbers, such as whole months since time zero")
    try:
        return raw.astype(float)
    except (TypeError, ValueError) as error:
        raise LoyaltyError(missing or f"{name} holds words or missing values; give numbers") from error


def read_since(alive_until: ArrayLike | None, n: int) -> np.ndarray:
    """Time until which each of n customers is known to be there; 0 by default.

    Raises
    ------
    LoyaltyError
        If one is missing or below 0, or there are neither one nor n.
    """
    since = read_numbers(0.0 if alive_until is None else alive_until, "alive_until")
    if since.ndim > 1 or (since.ndim == 1 and len(since) not in (1, n)):
        raise LoyaltyError(f"alive_until has {since.size} values for {n} customers; give one for all or one each")
    if not np.isfinite(since).all() or (since < 0).any():
        raise LoyaltyError(
            "alive_until is missing or below 0 for a customer; give the time until which it is known to be there"
        )
    return np.broadcast_to(since, n)


def group_codes(table: pd.DataFrame, column: str) -> np.ndarray:
    """Groups of rows as whole numbers.

    Raises
    ------
    LoyaltyError
        If the column is not there or has missing values.
    """
    if column not in table:
        raise LoyaltyError(f"the table has no column {column}; its columns are {', '.join(map(str, table))}")
    if table[column].isna().any():
        raise LoyaltyError(
            f"{column} is missing in {int(table[column].isna().sum())} rows; give each a group, its own if it has none"
        )
    return np.asarray(pd.factorize(table[column])[0])
