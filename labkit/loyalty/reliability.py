"""Whether the items of a scale measure one thing, and scales different ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.moments import item_moments
from labkit.loyalty.satisfaction import SCALES


@dataclass(frozen=True, eq=False)
class Reliability:
    """Whether the items of a scale measure one thing, and scales different ones.

    Attributes
    ----------
    table : DataFrame
        ``scale``, ``items_count``, ``alpha``, ``composite``, ``average_variance`` each with ``_low``, ``_high``,
        ``holds``: composite 0.7 or more and average variance extracted 0.5 or more.
    pairs : DataFrame
        ``scale``, ``other``, ``htmt`` with ``low``, ``high``, ``distinct``: below 0.90 with its whole interval.
    interviews_count : int
        Whole ones.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    interviews_count: int


def scale_reliability(
    surveys: pd.DataFrame, scales: Mapping[str, Sequence[str]] | None = None, *, weights: str | None = "weight",
    clusters: str = "customer_id", draws: int = 300, seed: int = 0, level: float = 0.95,
) -> Reliability:  # fmt: skip
    """Cronbach's alpha, composite reliability, average variance extracted, and HTMT of every pair of scales.

    Parameters
    ----------
    surveys : DataFrame
    scales : mapping of str to sequence of str
        Items of each scale, two or more; the five dimensions by default.
    draws, seed : int
        Bootstrap over customers.

    Raises
    ------
    LoyaltyError
        If an item is not there or the same in all interviews, or whole interviews are too few.

    Notes
    -----
    Loadings of one factor by iterated principal axes. Cronbach (1951), doi:10.1007/BF02310555; Fornell and Larcker
    (1981), doi:10.1177/002224378101800104; Henseler et al. (2015), doi:10.1007/s11747-014-0403-8.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> level = rng.normal(size=300)
    >>> frame = pd.DataFrame({f"a_{i}": level + rng.normal(size=300) for i in (1, 2, 3)}).assign(customer_id=range(300))
    >>> bool(0.65 < scale_reliability(frame, {"a": ["a_1", "a_2", "a_3"]}).table["alpha"].iloc[0] < 0.82)
    True
    """
    scales = SCALES if scales is None else scales
    items = [item for own in scales.values() for item in own]
    for name, own in scales.items():
        if len(own) < 2:
            raise LoyaltyError(f"scale {name} has {len(own)} item; reliability wants two or more")
    moments = item_moments(surveys, items, weights, clusters)
    places = {}
    at = 0
    for name, own in scales.items():
        places[name] = np.arange(at, at + len(own))
        at += len(own)
    rng = np.random.default_rng(seed)
    n = len(moments.sums)
    counts = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=draws)])
    covariance = moments.covariances(counts)
    sd = np.sqrt(np.einsum("bii->bi", covariance))
    correlation = covariance / sd[:, :, None] / sd[:, None, :]
    ends = [0.5 - level / 2, 0.5 + level / 2]
    rows = []
    for name, place in places.items():
        block = covariance[:, place[:, None], place]
        k = len(place)
        alpha = k / (k - 1) * (1 - np.einsum("bii->b", block) / block.sum(axis=(1, 2)))
        loading = _one_factor(correlation[:, place[:, None], place])
        composite = loading.sum(axis=1) ** 2 / (loading.sum(axis=1) ** 2 + (1 - loading**2).sum(axis=1))
        variance = (loading**2).mean(axis=1)
        told = [x for part in (alpha, composite, variance) for x in (part[0], *np.quantile(part[1:], ends))]
        rows.append((name, k, *told, bool(composite[0] >= 0.7 and variance[0] >= 0.5)))
    columns = [f"{m}{end}" for m in ("alpha", "composite", "average_variance") for end in ("", "_low", "_high")]
    table = pd.DataFrame(rows, columns=["scale", "items_count", *columns, "holds"])
    return Reliability(table, _htmt(places, correlation, ends), moments.rows)


def _htmt(places: dict[str, np.ndarray], correlation: np.ndarray, ends: list[float]) -> pd.DataFrame:
    names, rows = list(places), []
    within = {
        name: np.mean([correlation[:, i, j] for k, i in enumerate(own) for j in own[k + 1 :]], axis=0)
        for name, own in places.items()
    }
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            between = correlation[:, places[one][:, None], places[other]].mean(axis=(1, 2))
            ratio = between / np.sqrt(np.maximum(within[one] * within[other], 1e-12))
            low, high = np.quantile(ratio[1:], ends)
            rows.append((one, other, ratio[0], low, high, bool(high < 0.90)))
    return pd.DataFrame(rows, columns=["scale", "other", "htmt", "low", "high", "distinct"])


def _one_factor(correlation: np.ndarray) -> np.ndarray:
    """Loadings of one common factor, shape (draws, items); two items share one loading."""
    b, k = correlation.shape[:2]
    if k == 2:
        return np.repeat(np.sqrt(np.clip(correlation[:, 0, 1], 0, 1))[:, None], 2, axis=1)
    reduced = correlation.copy()
    common = np.full((b, k), 0.5)
    for _ in range(60):
        reduced[:, np.arange(k), np.arange(k)] = common
        value, vector = np.linalg.eigh(reduced)
        loading = vector[:, :, -1] * np.sqrt(np.maximum(value[:, -1], 0))[:, None]
        common = np.minimum(loading**2, 0.999)
    return np.asarray(loading * np.sign(loading.sum(axis=1))[:, None])
