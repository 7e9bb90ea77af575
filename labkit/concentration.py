"""How much few customers bring: Lorenz curve, Gini, tiers and the moves between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from labkit.estimates import Estimate, estimate_by_bootstrap, estimate_share

TIERS = ("A", "B", "C")


def lorenz_curve(values: np.ndarray) -> pd.DataFrame:
    """Share of the total that the largest customers bring.

    Parameters
    ----------
    values : ndarray
        One a customer, none below 0; missing values count as 0.

    Returns
    -------
    DataFrame
        ``customers_share`` and ``value_share``, from (0, 0) to (1, 1), largest first.

    Examples
    --------
    >>> lorenz_curve(np.array([80.0, 10.0, 10.0, 0.0])).round(2)["value_share"].tolist()
    [0.0, 0.8, 0.9, 1.0, 1.0]
    """
    ordered = np.sort(_whole(values))[::-1]
    return pd.DataFrame(
        {
            "customers_share": np.arange(len(ordered) + 1) / len(ordered),
            "value_share": np.append(0.0, np.cumsum(ordered) / ordered.sum()),
        }
    )


def estimate_gini(values: np.ndarray, *, seed: int = 0, draws: int = 500) -> Estimate:
    """Gini coefficient: 0 where all bring the same, towards 1 where one brings all.

    Notes
    -----
    With the correction n / (n - 1) for few customers; interval by bootstrap over
    customers. Gini (1912); Deltas (2003), doi:10.1162/rest.2003.85.1.226.

    Examples
    --------
    >>> estimate_gini(np.array([1.0, 1, 1, 1, 1, 1])).value
    0.0
    """
    return estimate_by_bootstrap(_whole(values), _gini, seed=seed, draws=draws)


def _gini(x: np.ndarray) -> np.ndarray:
    ordered = np.sort(x, axis=1)
    n = ordered.shape[1]
    rank = 2 * np.arange(1, n + 1) - n - 1
    total = ordered.sum(axis=1)
    return np.asarray((ordered * rank).sum(axis=1) / np.where(total > 0, (n - 1) * total, 1.0))


def estimate_top_share(values: np.ndarray, top: float = 0.2, *, seed: int = 0, draws: int = 500) -> Estimate:
    """Share of the total that the largest `top` of the customers bring (20/80).

    Examples
    --------
    >>> estimate_top_share(np.array([80.0, 5, 5, 5, 5]), 0.2).value
    0.8
    """
    if not 0 < top < 1:
        raise ValueError(f"top is {top}, expected a share between 0 and 1")

    def share(x: np.ndarray) -> np.ndarray:
        count = max(round(top * x.shape[1]), 1)
        largest = np.sort(x, axis=1)[:, ::-1][:, :count].sum(axis=1)
        total = x.sum(axis=1)
        return np.asarray(largest / np.where(total > 0, total, 1.0))

    return estimate_by_bootstrap(_whole(values), share, seed=seed, draws=draws)


def assign_tiers(values: pd.Series, cuts: Sequence[float] = (0.80, 0.95)) -> pd.Series:
    """Tier of each customer: A brings the first `cuts[0]` of the total, B up to `cuts[1]`, C the rest.

    Parameters
    ----------
    values : Series
        Missing or nothing is C.
    cuts : (float, float)

    Notes
    -----
    The customer that crosses a cut still belongs to the tier above it.

    Examples
    --------
    >>> assign_tiers(pd.Series([70.0, 15.0, 10.0, 4.0, 1.0])).tolist()
    ['A', 'A', 'B', 'C', 'C']
    """
    x = pd.Series(_amounts(values.to_numpy(dtype=float)), index=values.index)
    ordered = x.sort_values(ascending=False, kind="stable")
    before = (ordered.cumsum() - ordered) / (x.sum() or 1.0)
    place = np.searchsorted(np.asarray(cuts) - 1e-12, before.to_numpy(), side="right")
    tiers = pd.Series(np.array(TIERS)[np.where(ordered > 0, place, 2)], index=ordered.index)
    return tiers.reindex(values.index)


def count_moves(before: pd.Series, after: pd.Series, level: float = 0.95) -> pd.DataFrame:
    """Moves between tiers: of those in a tier before, the share in each tier after.

    Parameters
    ----------
    before, after : Series
        Tier by customer; only customers in both count.

    Returns
    -------
    DataFrame
        ``tier_before``, ``tier_after``, ``customers_count``, ``share`` with
        ``low`` and ``high`` (Wilson); all nine pairs.
    """
    both = pd.concat([before.rename("before"), after.rename("after")], axis=1).dropna()
    rows = []
    for start in TIERS:
        mine = both[both["before"] == start]
        for end in TIERS:
            hits = int((mine["after"] == end).sum())
            share = estimate_share(hits, len(mine), level) if len(mine) else Estimate(np.nan, np.nan, np.nan, 0)
            rows.append((start, end, hits, share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["tier_before", "tier_after", "customers_count", "share", "low", "high"])


def assign_deciles(values: pd.Series) -> pd.Series:
    """Decile of each customer by value, 1 the largest; as even as the count allows.

    Examples
    --------
    >>> assign_deciles(pd.Series(range(20))).iloc[[0, -1]].tolist()
    [10, 1]
    """
    order = values.fillna(0.0).rank(method="first", ascending=False) - 1
    return (order * 10 // max(len(values), 1) + 1).astype(int)


Every = Literal["month", "quarter", "year"]


def period_of(months: pd.Series, every: Every) -> pd.Series:
    """The month, quarter or year that months (YYYY-MM) belong to.

    Examples
    --------
    >>> period_of(pd.Series(["2025-02", "2025-11"]), "quarter").tolist()
    ['2025Q1', '2025Q4']
    """
    return pd.Series(
        pd.PeriodIndex(months, freq={"month": "M", "quarter": "Q", "year": "Y"}[every]).astype(str), index=months.index
    )


def _whole(values: np.ndarray) -> np.ndarray:
    x = _amounts(values)
    if x.sum() <= 0:
        raise ValueError("all values are 0: there is nothing to share out")
    return x


def _amounts(values: np.ndarray) -> np.ndarray:
    x = np.nan_to_num(np.asarray(values, dtype=float), nan=0.0)
    if (x < 0).any():
        raise ValueError(
            f"{int((x < 0).sum())} values are below 0; concentration needs amounts, set them to 0 or leave them out"
        )
    return x
