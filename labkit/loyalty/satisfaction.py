"""How satisfied customers are: an index of 0 to 100, by segment and over time, and whether its scales hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from labkit.estimates import Estimate, estimate_ratio
from labkit.loyalty.errors import LoyaltyError
from labkit.schema import SURVEY_DIMENSIONS

#: With fewer customers than this an index has no interval.
FEW = 5
#: Items of each dimension.
SCALES = {name: [f"{name}_{i}" for i in (1, 2, 3)] for name in SURVEY_DIMENSIONS}


def dimension_scores(surveys: pd.DataFrame, scales: Mapping[str, Sequence[str]] | None = None) -> pd.DataFrame:
    """Mean answer of each dimension [1..10], a column a dimension; "don't know" is missing and left out of the mean.

    Examples
    --------
    >>> dimension_scores(pd.DataFrame({"a_1": [8, None], "a_2": [6, 4]}), {"a": ["a_1", "a_2"]})["a"].tolist()
    [7.0, 4.0]
    """
    scales = SCALES if scales is None else scales
    return pd.DataFrame({name: surveys[list(items)].astype(float).mean(axis=1) for name, items in scales.items()})


def half_year(days: pd.Series) -> pd.Series:
    """Half-year of each day.

    Examples
    --------
    >>> half_year(pd.Series(["2025-03-01", "2025-11-30"])).tolist()
    ['2025 H1', '2025 H2']
    """
    day = pd.to_datetime(days)
    return day.dt.year.astype(str) + np.where(day.dt.month <= 6, " H1", " H2")


def satisfaction_index(
    surveys: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    *,
    items: Mapping[str, float] | str = "overall",
    weights: str | None = "weight",
    clusters: str = "customer_id",
    level: float = 0.95,
) -> pd.DataFrame:
    """Satisfaction on 0..100, weighted back to all customers, by segment or period.

    Parameters
    ----------
    surveys : DataFrame
        Answers on 1..10; missing for "don't know".
    by : str or sequence of str, optional
        Columns.
    items : str or mapping
        One answer, or answers with their weights.
    weights, clusters : str
        Columns: weight of an interview, if there is one; customer, of whom there may be several interviews.
    level : float

    Returns
    -------
    DataFrame
        Columns of ``by``, ``interviews_count``, ``customers_count``, ``index`` with ``low``, ``high``; the ends are
        missing with fewer than 5 customers, or where all gave the same answer, which tells nothing of the spread.

    Raises
    ------
    LoyaltyError
        If an item is not there, answers are out of 1..10, or there is none.

    Notes
    -----
    Index = sum of w_i (mean_i - 1) / 9 * 100 (Fornell et al. 1996, doi:10.1177/002224299606000403); the
    interval is that of a ratio with customers as clusters.

    Examples
    --------
    >>> frame = pd.DataFrame({"customer_id": list("abcdef"), "overall": [10, 10, 10, 1, 1, 10]})
    >>> float(satisfaction_index(frame)["index"].iloc[0].round(1))
    66.7
    """
    score = _score(surveys, items)
    w = surveys[weights].astype(float).fillna(1.0) if weights and weights in surveys else pd.Series(1.0, surveys.index)
    keys = [] if by is None else [by] if isinstance(by, str) else list(by)
    known = score.notna()
    frame = pd.DataFrame({"top": score * w, "bottom": w, "score": score, "who": surveys[clusters]})[known]
    groups = [((), frame)] if not keys else frame.groupby([surveys.loc[known, k] for k in keys], sort=True)
    rows = []
    for name, part in groups:
        sums = part.groupby("who")[["top", "bottom"]].sum()
        found = estimate_ratio(sums["top"].to_numpy(), sums["bottom"].to_numpy(), level)
        told = len(sums) >= FEW and len(part["score"].unique()) > 1
        ends = (max(found.low, 0.0) * 100, min(found.high, 1.0) * 100) if told else (np.nan, np.nan)
        rows.append((*(name if isinstance(name, tuple) else (name,)), len(part), len(sums), found.value * 100, *ends))
    return pd.DataFrame(rows, columns=[*keys, "interviews_count", "customers_count", "index", "low", "high"])


def _score(surveys: pd.DataFrame, items: Mapping[str, float] | str) -> pd.Series:
    """Answers as one score of 0..1."""
    parts = {items: 1.0} if isinstance(items, str) else dict(items)
    for item in parts:
        if item not in surveys:
            raise LoyaltyError(f"the surveys have no item {item}; bring it, or name another in `items`")
        answers = surveys[item].astype(float)
        if ((answers < 1) | (answers > 10)).any():
            raise LoyaltyError(f"{item} has answers outside 1 to 10; correct the scale first")
    total = sum(parts.values())
    if total <= 0 or min(parts.values()) < 0:
        raise LoyaltyError("weights of items must not be below 0 and add up to more than 0")
    score = sum((surveys[item].astype(float) - 1) / 9 * weight / total for item, weight in parts.items())
    if not pd.Series(score).notna().any():
        raise LoyaltyError(f"nobody answered {', '.join(parts)}; an index needs an answer")
    return pd.Series(score, surveys.index)


def index_change(
    surveys: pd.DataFrame, period: pd.Series, before: str, after: str, *, item: str = "overall",
    weights: str | None = "weight", clusters: str = "customer_id", level: float = 0.95,
) -> Estimate:  # fmt: skip
    """Points of the index (0..100) between two periods, with customers asked in both taken together.

    Parameters
    ----------
    period : Series
        Of each interview, such as `half_year`.
    before, after : str
        Of its values.

    Raises
    ------
    LoyaltyError
        If a period has no answers, or all together come from fewer than 5 customers.
    """
    score = _score(surveys, item) * 100
    w = surveys[weights].astype(float).fillna(1.0) if weights and weights in surveys else pd.Series(1.0, surveys.index)
    pulls = pd.Series(0.0, surveys.index)
    means = []
    for name, sign in ((before, -1.0), (after, 1.0)):
        own = (period == name) & score.notna()
        if not own.any():
            raise LoyaltyError(f"there is no answer in {name}; the periods are {', '.join(sorted(set(period)))}")
        mean = float(np.average(score[own], weights=w[own]))
        pulls[own] += sign * w[own] * (score[own] - mean) / w[own].sum()
        means.append(mean)
    sums = pulls[period.isin([before, after]) & score.notna()].groupby(surveys[clusters]).sum()
    n = len(sums)
    if n < FEW:
        raise LoyaltyError(f"the answers of {before} and {after} come from {n} customers; a change wants {FEW} or more")
    reach = stats.t.ppf(0.5 + level / 2, n - 1) * np.sqrt(n / (n - 1) * (sums**2).sum())
    change = means[1] - means[0]
    return Estimate(change, float(change - reach), float(change + reach), n, level)


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
    >>> bool(0.7 < scale_reliability(frame, {"a": ["a_1", "a_2", "a_3"]}).table["alpha"].iloc[0] < 0.8)
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
    for name, own in places.items():
        block = covariance[:, own[:, None], own]
        k = len(own)
        alpha = k / (k - 1) * (1 - np.einsum("bii->b", block) / block.sum(axis=(1, 2)))
        loading = _one_factor(correlation[:, own[:, None], own])
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
    w = surveys[weights].astype(float).fillna(1.0).to_numpy() if weights and weights in surveys else np.ones(len(x))
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
    who = pd.factorize(surveys[clusters])[0] if clusters and clusters in surveys else np.arange(len(x))
    who = pd.factorize(who[whole])[0]
    z = np.column_stack([np.ones(int(whole.sum())), x[whole] - x[whole].mean(axis=0)])
    n, q = int(who.max()) + 1, z.shape[1]
    sums = np.empty((n, q, q))
    for i in range(q):
        for j in range(i, q):
            sums[:, i, j] = sums[:, j, i] = np.bincount(who, w[whole] * z[:, i] * z[:, j], n)
    return Moments(sums, int(whole.sum()))
