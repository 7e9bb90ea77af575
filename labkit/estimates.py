"""Estimates with their intervals: shares, means, medians, whole statistics.

Where all customers of a period are counted there is nothing to estimate about
them; the intervals here say what the figure would be for customers like these
in another period like this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval and the number of cases behind it."""

    value: float
    low: float
    high: float
    n: int
    level: float = 0.95


def estimate_share(hits: int, n: int, level: float = 0.95) -> Estimate:
    """A share with its Wilson interval.

    Parameters
    ----------
    hits, n : int
        Cases that have the property, and all cases.
    level : float

    Notes
    -----
    Cases are taken as independent; where one customer gives several, use
    `estimate_by_bootstrap` over customers. Wilson (1927), doi:10.2307/2276774.

    Raises
    ------
    ValueError
        If there is no case, or more hits than cases.

    Examples
    --------
    >>> e = estimate_share(8, 10)
    >>> round(e.low, 3), round(e.high, 3)
    (0.49, 0.943)
    """
    if n <= 0 or not 0 <= hits <= n:
        raise ValueError(f"a share needs 0 <= hits <= n and at least one case, but hits is {hits} and n is {n}")
    low, high = proportion_confint(hits, n, alpha=1 - level, method="wilson")
    return Estimate(hits / n, float(low), float(high), n, level)


def estimate_mean(values: np.ndarray, weights: np.ndarray | None = None, level: float = 0.95) -> Estimate:
    """A mean, weighted where cases were drawn with unequal chances, with its t interval.

    Parameters
    ----------
    values : ndarray
        Missing values are left out.
    weights : ndarray, optional
        Inverse of the chance of being drawn.

    Notes
    -----
    The standard error is that of a ratio (linearised), as for a sample drawn
    with replacement with unequal chances: Särndal et al. (1992), section 5.6.

    Examples
    --------
    >>> e = estimate_mean(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> round(e.value, 2), round(e.low, 2), round(e.high, 2)
    (2.5, 0.45, 4.55)
    """
    x = np.asarray(values, dtype=float)
    w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=float)
    here = np.isfinite(x) & np.isfinite(w)
    x, w = x[here], w[here]
    n = len(x)
    if n < 2:
        raise ValueError(f"a mean with an interval needs at least 2 cases, there are {n}")
    mean = float(np.average(x, weights=w))
    error = np.sqrt(n / (n - 1) * np.sum((w * (x - mean)) ** 2)) / w.sum()
    reach = float(stats.t.ppf(0.5 + level / 2, n - 1) * error)
    return Estimate(mean, mean - reach, mean + reach, n, level)


def estimate_ratio(parts: np.ndarray, wholes: np.ndarray, level: float = 0.95) -> Estimate:
    """A share whose cases come in clusters, such as the bills of a customer, with its interval.

    Parameters
    ----------
    parts, wholes : ndarray, shape (clusters,)
        What each cluster has of both; the share is the sum of one over that of the other.

    Notes
    -----
    Variance by linearisation, clusters independent (Cochran, Sampling Techniques,
    1977, section 6.3); t with as many degrees as clusters, less one; a share of
    0 or 1 has the Wilson interval of so many cases as clusters. With fewer than 2
    clusters the ends are missing. Poor for few clusters or a share near 0 or 1.

    Examples
    --------
    >>> found = estimate_ratio(np.array([1, 0, 2, 1]), np.array([10, 10, 10, 10]))
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3), found.n
    (0.1, -0.03, 0.23, 4)
    """
    x, n = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    total, k = n.sum(), len(n)
    if total <= 0:
        return Estimate(np.nan, np.nan, np.nan, k, level)
    share = x.sum() / total
    if k < 2:
        return Estimate(float(share), np.nan, np.nan, k, level)
    if share in (0.0, 1.0):  # clusters all alike have no variance; as if each were one case
        edge = estimate_share(k if share else 0, k, level)
        return Estimate(float(share), edge.low, edge.high, k, level)
    error = np.sqrt(k / (k - 1) * ((x - share * n) ** 2).sum()) / total
    reach = stats.t.ppf(0.5 + level / 2, k - 1) * error
    return Estimate(float(share), float(share - reach), float(share + reach), k, level)


def estimate_by_bootstrap(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    seed: int,
    draws: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """Any statistic of one value a customer, with a percentile bootstrap interval.

    Parameters
    ----------
    values : ndarray, shape (n,) or (n, k)
        One row a customer; customers are drawn anew.
    statistic : callable
        Takes an array (draws, n) or (draws, n, k), gives one number a draw.
    seed : int
    draws : int

    Notes
    -----
    Percentile interval, Efron (1979), doi:10.1214/aos/1176344552; too narrow
    below about 20 customers.

    Examples
    --------
    >>> e = estimate_by_bootstrap(np.arange(100.0), lambda x: np.median(x, axis=1), seed=1)
    >>> e.value, e.low < 49.5 < e.high
    (49.5, True)
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n < 5:
        raise ValueError(f"a bootstrap interval needs at least 5 customers, there are {n}")
    rng = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // n)
    drawn = [statistic(x[rng.integers(0, n, (min(at_once, draws - start), n))]) for start in range(0, draws, at_once)]
    low, high = np.quantile(np.concatenate(drawn), [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(float(statistic(x[None])[0]), float(low), float(high), n, level)


def estimate_ratio_change(
    before: tuple[np.ndarray, np.ndarray], after: tuple[np.ndarray, np.ndarray], level: float = 0.95
) -> Estimate:
    """By how much a share or a rate has changed, the same clusters before and after.

    Parameters
    ----------
    before, after : (ndarray, ndarray), each of shape (clusters,)
        What each cluster has of parts and of wholes; 0 where it has none at that time.

    Notes
    -----
    Difference of two ratios by linearisation; that a cluster resembles itself is in the
    variance, so the interval is narrower than that of two separate samples. Where nothing
    or everything counts at both times, the reach is Wilson's for so many cases as clusters.

    Examples
    --------
    >>> one, two = np.array([2, 3, 1, 2]), np.array([1, 2, 0, 1])
    >>> found = estimate_ratio_change((one, np.full(4, 10)), (two, np.full(4, 10)))
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (-0.1, -0.1, -0.1)
    """
    (x1, n1), (x2, n2) = ([np.asarray(a, dtype=float) for a in pair] for pair in (before, after))
    k = len(x1)
    if n1.sum() <= 0 or n2.sum() <= 0:
        return Estimate(np.nan, np.nan, np.nan, k, level)
    r1, r2 = x1.sum() / n1.sum(), x2.sum() / n2.sum()
    if k < 2:
        return Estimate(float(r2 - r1), np.nan, np.nan, k, level)
    each = (x2 - r2 * n2) / n2.sum() - (x1 - r1 * n1) / n1.sum()
    if r1 == r2 and r1 in (0.0, 1.0):  # clusters all alike have no variance; Newcombe, as if each were one case
        edge = estimate_share(k if r1 else 0, k, level)
        reach = max(edge.high - r1, r1 - edge.low)
        return Estimate(0.0, float(-reach), float(reach), k, level)
    reach = stats.t.ppf(0.5 + level / 2, k - 1) * np.sqrt(k / (k - 1) * (each**2).sum())
    return Estimate(float(r2 - r1), float(r2 - r1 - reach), float(r2 - r1 + reach), k, level)


def mean_over_customers(values: pd.Series, *, seed: int) -> Estimate:
    """Mean of one value a customer; without an interval below five customers."""
    known = values.dropna().to_numpy(dtype=float)
    if len(known) < 5:
        return Estimate(float(known.mean()) if len(known) else np.nan, np.nan, np.nan, len(known))
    return estimate_by_bootstrap(known, lambda x: x.mean(axis=1), seed=seed)


def draw_normal(mean: np.ndarray, covariance: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of jointly normal figures, such as coefficients as likely as those estimated.

    Parameters
    ----------
    mean : ndarray, shape (k,)
    covariance : ndarray, shape (k, k)
        Symmetric; directions of no or, by rounding, of less than no variance stay at the mean.
    draws : int
    rng : Generator

    Returns
    -------
    ndarray, shape (draws, k)

    Notes
    -----
    By the symmetric root of the covariance, of which there is only one. Draws along eigenvectors hang on their
    signs, which are chance: another processor gives other figures for the same seed.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> drawn = draw_normal(np.array([1.0, 2.0]), np.array([[4.0, 1.0], [1.0, 9.0]]), 100_000, np.random.default_rng(1))
    >>> np.cov(drawn.T).round(1)
    array([[4., 1.],
           [1., 9.]])
    """
    if np.shape(covariance) != (len(mean), len(mean)):
        raise ValueError(f"covariance has shape {np.shape(covariance)}, expected {(len(mean), len(mean))} as mean has")
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.asarray(mean + rng.standard_normal((draws, len(mean))) @ root)
