"""How satisfied customers are: an index of 0 to 100, by segment and over time, and whether its scales hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from labkit.estimates import Estimate, estimate_ratio
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.moments import survey_weights
from labkit.loyalty.risk_sets import group_codes
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
    absent = [item for own in scales.values() for item in own if item not in surveys]
    if absent:
        raise LoyaltyError(f"the surveys have no item {absent[0]}; bring it, or leave its scale out")
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


def name_halves(first: str, last: str) -> tuple[str, str]:
    """Two half-years compared, in English and Chinese.

    Examples
    --------
    >>> name_halves("2024 H1", "2025 H2")
    ('second half of 2025 on the first of 2024', '2025 年下半年比 2024 年上半年')
    """
    halves = {"H1": ("first", "上半年"), "H2": ("second", "下半年")}
    (a, b), (c, d) = first.split(), last.split()
    return f"{halves[d][0]} half of {c} on the {halves[b][0]} of {a}", f"{c} 年{halves[d][1]}比 {a} 年{halves[b][1]}"


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
    w = survey_weights(surveys, weights)
    keys = [] if by is None else [by] if isinstance(by, str) else list(by)
    for column in [*keys, clusters]:
        if column not in surveys:
            raise LoyaltyError(f"the surveys have no column {column}; bring it, or name another")
    group_codes(surveys, clusters)
    known = score.notna()
    frame = pd.DataFrame({"top": score * w, "bottom": w, "score": score, "who": surveys[clusters]})[known]
    groups = (
        [((), frame)] if not keys else frame.groupby([surveys.loc[known, k] for k in keys], sort=True, dropna=False)
    )
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
    w = survey_weights(surveys, weights)
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
