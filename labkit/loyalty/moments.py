"""Covariances of survey items, by customer, so that any draw of customers has its own at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.importance import product_sums
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.risk_sets import group_codes


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums of weights and products of items by customer, from which covariances of any draw follow at once.

    Attributes
    ----------
    sums : ndarray, shape (customers, items + 1, items + 1)
        With a leading one: weights, weighted items, weighted products.
    rows : int
        Whole interviews.
    """

    sums: np.ndarray
    rows: int

    def covariances(self, counts: np.ndarray) -> np.ndarray:
        """Covariance of the items where each customer counts so often, shape (draws, items, items)."""
        q = self.sums.shape[1]
        total = (counts @ self.sums.reshape(len(self.sums), -1)).reshape(len(counts), q, q)
        mean = total[:, 0, 1:] / total[:, 0, :1]
        return np.asarray(total[:, 1:, 1:] / total[:, :1, :1] - mean[:, :, None] * mean[:, None, :])


def item_moments(surveys: pd.DataFrame, items: Sequence[str], weights: str | None, clusters: str | None) -> Moments:
    """Moments of the interviews in which every item was answered.

    Raises
    ------
    LoyaltyError
        If an item is not there or the same in all whole interviews, or these are fewer than items and ten.
    """
    for item in items:
        if item not in surveys:
            raise LoyaltyError(f"the surveys have no item {item}; bring it, or leave its scale out")
    x = surveys[list(items)].astype(float).to_numpy()
    w = survey_weights(surveys, weights).to_numpy()
    whole = np.isfinite(x).all(axis=1)
    if whole.sum() < len(items) + 10:
        raise LoyaltyError(
            f"{int(whole.sum())} whole interviews are too few for {len(items)} items; ask more customers"
        )
    still = np.flatnonzero(np.ptp(x[whole], axis=0) == 0)
    if len(still):
        raise LoyaltyError(
            f"{items[int(still[0])]} has the same answer in all interviews: it measures nothing; leave it out"
        )
    who = group_codes(surveys, clusters) if clusters and clusters in surveys else np.arange(len(x))
    who = pd.factorize(who[whole])[0]
    sums = product_sums(x[whole] - x[whole].mean(axis=0), w[whole], who)
    return Moments(sums, int(whole.sum()))


def survey_weights(surveys: pd.DataFrame, column: str | None) -> pd.Series:
    """Weight of each interview; 1 where there is no such column.

    Raises
    ------
    LoyaltyError
        If some are missing or below 0: beside others, no weight is no weight of 1.
    """
    if not column or column not in surveys:
        return pd.Series(1.0, surveys.index)
    w = surveys[column].astype(float)
    if w.isna().any() or (w < 0).any() or w.sum() <= 0:
        raise LoyaltyError(
            f"{column} is missing or below 0 in {int((w.isna() | (w < 0)).sum())} interviews, or 0 in all; correct the weights or leave them out"
        )
    return w
