"""How good a grouping is: compactness, separation, and whether it would come again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import davies_bouldin_score, silhouette_score

from labkit.segments.behaviour import Method, group_points
from labkit.segments.errors import SegmentError

#: Jaccard below which a group dissolves, and from which it is stable (Hennig 2007).
DISSOLVED, STABLE = 0.5, 0.85
#: Least prediction strength of groups that are there (Tibshirani and Walther 2005).
STRONG = 0.8
_MOST_PAIRS = 2000


def measure_silhouette(points: np.ndarray, labels: np.ndarray, *, seed: int) -> float:
    """Mean silhouette, -1..1, on 2,000 customers at most; missing for one group. Never compare across views.

    Rousseeuw (1987), doi:10.1016/0377-0427(87)90125-7.
    """
    if len(points) > _MOST_PAIRS:
        chosen = np.random.default_rng(seed).choice(len(points), _MOST_PAIRS, replace=False)
        points, labels = points[chosen], labels[chosen]
    count = len(np.unique(labels))
    return float(silhouette_score(points, labels)) if 1 < count < len(points) else float("nan")


def measure_davies_bouldin(points: np.ndarray, labels: np.ndarray) -> float:
    """Spread within over distance between, of the worst neighbours; lower is better. doi:10.1109/TPAMI.1979.4766909."""
    count = len(np.unique(labels))
    return float(davies_bouldin_score(points, labels)) if 1 < count < len(points) else float("nan")


def measure_mia(points: np.ndarray, labels: np.ndarray) -> float:
    """Mean index adequacy: root of the mean over groups of the mean squared distance from the centre; lower is better.

    Notes
    -----
    Distances are per hour, d² = mean of (a - b)², centres are means. Chicco, Napoli and Piglione (2006),
    doi:10.1109/TPWRS.2006.873122.

    Examples
    --------
    >>> measure_mia(np.array([[0.0], [2.0], [9.0], [9.0]]), np.array([0, 0, 1, 1])).__round__(4)
    0.7071
    """
    return float(np.sqrt(np.mean([_spread(points[labels == g]) for g in np.unique(labels)])))


def measure_cdi(points: np.ndarray, labels: np.ndarray) -> float:
    """Clustering dispersion indicator: spread within groups over spread of their centres; lower is better.

    Notes
    -----
    With mean centres the spread of a group, which Chicco et al. (2006) take over pairs, is that around its centre, so that
    CDI = MIA / spread of the centres and no pair is looked at. Missing for one group.

    Examples
    --------
    >>> round(measure_cdi(np.array([[0.0], [2.0], [9.0], [9.0]]), np.array([0, 0, 1, 1])), 4)
    0.1768
    """
    centres = np.vstack([points[labels == g].mean(axis=0) for g in np.unique(labels)])
    between = np.sqrt(_spread(centres))
    return float(measure_mia(points, labels) / between) if between > 0 else float("nan")


def _spread(points: np.ndarray) -> float:
    return float(((points - points.mean(axis=0)) ** 2).mean())


def prediction_strength(
    points: np.ndarray, k: int, method: Method = "kmeans", *, seed: int, splits: int = 5, starts: int = 4
) -> float:
    """Whether half of the customers foretell the groups of the other half: the worst group's share of pairs kept together.

    Notes
    -----
    Mean over random halves; 1 for one group. Groups with fewer than 5 in a half are passed over. Tibshirani and Walther
    (2005), doi:10.1198/106186005X59243: the largest k with at least 0.8 to 0.9.
    """
    if k == 1:
        return 1.0
    rng, found = np.random.default_rng(seed), []
    for _ in range(splits):
        order = rng.permutation(len(points))
        one, other = points[order[: len(order) // 2]], points[order[len(order) // 2 :]]
        learned = group_points(one, k, method, seed=seed, starts=starts)
        own = group_points(other, k, method, seed=seed, starts=starts).labels
        told = learned.memberships(other).argmax(axis=1)
        pairs = pd.crosstab(own, told).to_numpy().astype(float)
        n = pairs.sum(axis=1)
        kept = (pairs * (pairs - 1)).sum(axis=1)[n >= 5] / (n * (n - 1))[n >= 5]
        found.append(kept.min() if len(kept) else np.nan)
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def bootstrap_jaccard(
    points: np.ndarray, labels: np.ndarray, method: Method = "kmeans", *, seed: int, draws: int = 20, starts: int = 4
) -> pd.Series:
    """How far each group comes again when customers are drawn anew: mean of the best Jaccard overlap, 0..1.

    Parameters
    ----------
    points : ndarray, shape (n, p)
    labels : ndarray of int, shape (n,)
        Groups to be judged.
    method, seed, starts
        As of `group_points`; as many groups are sought as there are.
    draws : int

    Returns
    -------
    Series
        By label. Below 0.5 dissolved, from 0.85 stable: Hennig (2007), doi:10.1016/j.csda.2006.11.025.
    """
    if len(labels) != len(points):
        raise SegmentError(f"labels: there are {len(labels)} of {len(points)} points; give one a point")
    rng, groups = np.random.default_rng(seed), np.unique(labels)
    found = np.full((draws, len(groups)), np.nan)
    for draw in range(draws):
        drawn = rng.integers(0, len(points), len(points))
        again = np.full(len(points), -1)
        # Those drawn are regrouped; each counts once in the overlap, as often as drawn in the grouping.
        again[drawn] = group_points(points[drawn], len(groups), method, seed=seed + draw, starts=starts).labels
        here = again >= 0
        table = pd.crosstab(labels[here], again[here])
        both = table.to_numpy().astype(float)
        union = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
        found[draw, np.searchsorted(groups, table.index)] = (both / union).max(axis=1)
    return pd.Series(np.nanmean(found, axis=0), groups, name="jaccard")
