"""Whether a segmentation is fit for marketing: five conditions, each a figure with a stated threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from labkit.calendar import DATA
from labkit.estimates import Estimate, estimate_share
from labkit.market.errors import MarketError

CONDITIONS = ("distinct", "homogeneous", "measurable", "reachable", "actionable")
_FEWEST = 10


@dataclass(frozen=True)
class Thresholds:
    """From which figure on a condition counts as met; see ``data/market/conditions.yaml``."""

    distinct: float
    homogeneous: float
    measurable: float
    reachable: float
    actionable: float
    fewest_customers: int
    least_revenue_yuan: float
    source: str


def read_thresholds(path: Path = DATA / "market" / "conditions.yaml") -> Thresholds:
    """Thresholds from a YAML file.

    Raises
    ------
    MarketError
        If one is missing or unknown, or a share lies outside 0 to 1.

    Examples
    --------
    >>> read_thresholds().homogeneous
    0.95
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw.pop("effective_from", None)
    odd = sorted(set(raw) ^ set(Thresholds.__dataclass_fields__))
    if odd:
        raise MarketError(f"{path.name}: {odd[0]} is {'unknown' if odd[0] in raw else 'missing'}")
    if any(not 0 < raw[name] <= 1 for name in CONDITIONS):
        raise MarketError(f"{path.name}: thresholds are shares above 0, up to 1")
    return Thresholds(**raw)


def check_conditions(
    people: pd.DataFrame,
    thresholds: Thresholds,
    *,
    segment: str,
    again: str,
    measures: Sequence[str],
    reached: str,
    revenue: str,
    draws: int = 300,
    seed: int = 0,
) -> pd.DataFrame:
    """The five conditions of a segmentation, tested on the customers.

    Parameters
    ----------
    people : DataFrame
        A row a customer.
    thresholds : Thresholds
    segment : str
        Column of the segment; missing where it is not known.
    again : str
        Column of the segment told a second time, from another source or time; missing where there is none.
    measures : sequence of str
        Numbers that marketing acts on (lateness, load, satisfaction, …), none of which defines the segments.
    reached : str
        Yes or no: the customer uses a channel.
    revenue : str
        A year [yuan].
    draws, seed : int
        Bootstrap over customers.

    Returns
    -------
    DataFrame
        ``condition``, ``value`` with ``low``, ``high``, ``threshold``, ``verdict`` (met: the whole interval passes; not_met:
        none of it does; open), ``weakest``: the segment the figure is of, where it is that of one segment.

    Raises
    ------
    MarketError
        If a column is not there, or fewer than two segments have ten customers.

    Notes
    -----
    Distinct: mean over the measures of epsilon squared of their ranks (variance between segments, less what chance
    gives). Homogeneous: variance of ranks within a segment over that of all customers, mean over the measures; the
    figure is that of the least uniform segment (random groups: 1). Measurable: of the customers told twice, or not
    at all, the share whose segment is known and the same. Reachable: the worst-reached segment. Actionable: share of revenue in
    segments large enough for a programme of their own. The last four are judged on segments of ten customers or more.
    """
    needed = [segment, again, *measures, reached, revenue]
    lacking = [c for c in needed if c not in people]
    if lacking:
        raise MarketError(f"the customers have no column {lacking[0]}; bring it, or leave it out of the test")
    known = people[people[segment].notna()]
    sizes = known[segment].value_counts()
    names = sorted(str(s) for s in sizes.index[sizes >= _FEWEST])
    if len(names) < 2:
        raise MarketError("fewer than two segments have ten customers: there is nothing to tell apart")
    kept = known[known[segment].isin(names)]
    codes = kept[segment].map({n: i for i, n in enumerate(names)}).to_numpy()
    ranks = np.column_stack([_standard_ranks(kept[m]) for m in measures])
    reach = kept[reached].fillna(False).to_numpy(dtype=float)
    money = kept[revenue].fillna(0.0).clip(lower=0).to_numpy(dtype=float)
    k = len(names)

    def spreads(at: np.ndarray) -> np.ndarray:
        return _spread_within(ranks[at], codes[at], k)

    rows = []
    between = _bootstrap(lambda at: _between(ranks[at], codes[at], k), len(kept), draws, seed)
    rows.append(("distinct", between, "", 1.0))
    worst = int(np.nanargmax(spreads(np.arange(len(kept)))))
    within = _bootstrap(lambda at: float(spreads(at)[worst]), len(kept), draws, seed)
    rows.append(("homogeneous", within, names[worst], -1.0))
    second = people[again]
    hits = int(
        (people[segment].notna() & second.notna() & (people[segment].astype(object) == second.astype(object))).sum()
    )
    asked = int((second.notna() | people[segment].isna()).sum())
    rows.append(("measurable", estimate_share(hits, asked) if asked else Estimate(np.nan, np.nan, np.nan, 0), "", 1.0))
    shares = np.array([reach[codes == i].mean() for i in range(k)])
    lowest = int(shares.argmin())
    inside = codes == lowest
    rows.append(("reachable", estimate_share(int(reach[inside].sum()), int(inside.sum())), names[lowest], 1.0))

    def carried(at: np.ndarray) -> float:
        n, y = np.bincount(codes[at], minlength=k), np.bincount(codes[at], money[at], k)
        fit = (n >= thresholds.fewest_customers) & (y >= thresholds.least_revenue_yuan)
        return float(y[fit].sum() / y.sum()) if y.sum() > 0 else np.nan

    rows.append(("actionable", _bootstrap(carried, len(kept), draws, seed, centred=False), "", 1.0))
    return pd.DataFrame([_judge(*row, getattr(thresholds, row[0])) for row in rows])


def _judge(condition: str, found: Estimate, weakest: str, sign: float, threshold: float) -> dict[str, object]:
    low, high = sorted((found.low * sign, found.high * sign))
    verdict = "open"
    if np.isnan(found.value):
        verdict = "unknown"
    elif low >= threshold * sign:
        verdict = "met"
    elif high < threshold * sign:
        verdict = "not_met"
    return {
        "condition": condition,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "threshold": threshold,
        "verdict": verdict,
        "weakest": weakest,
    }


def _standard_ranks(values: pd.Series) -> np.ndarray:
    """Ranks with mean 0 and variance 1 over the customers with a value; missing ones stay missing."""
    ranks = values.astype(float).rank()
    spread = ranks.std(ddof=0)
    return ((ranks - ranks.mean()) / (spread if spread > 0 else 1.0)).to_numpy(dtype=float)


def _between(ranks: np.ndarray, codes: np.ndarray, k: int) -> float:
    """Mean over the measures of epsilon squared: 1 - (n - 1) / (n - k) * within / total."""
    out = []
    for j in range(ranks.shape[1]):
        there = ~np.isnan(ranks[:, j])
        x, c = ranks[there, j], codes[there]
        n = np.bincount(c, minlength=k)
        used = int((n > 0).sum())
        total = ((x - x.mean()) ** 2).sum() if len(x) else 0.0
        if len(x) <= used or total == 0:
            continue
        means = np.bincount(c, x, k) / np.maximum(n, 1)
        within = ((x - means[c]) ** 2).sum()
        out.append(1 - (len(x) - 1) / (len(x) - used) * within / total)
    return float(np.mean(out)) if out else np.nan


def _spread_within(ranks: np.ndarray, codes: np.ndarray, k: int) -> np.ndarray:
    """Variance within each segment over that of all, mean over the measures."""
    ratios = []
    for j in range(ranks.shape[1]):
        there = ~np.isnan(ranks[:, j])
        x, c = ranks[there, j], codes[there]
        n = np.bincount(c, minlength=k).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.bincount(c, x, k) / n
            within = np.bincount(c, (x - means[c]) ** 2, k) / (n - 1)
            ratios.append(np.where(n > 1, within / x.var(ddof=1), np.nan) if len(x) > 1 else np.full(k, np.nan))
    stacked = np.stack(ratios)
    count = (~np.isnan(stacked)).sum(axis=0)
    mean: np.ndarray = np.where(count > 0, np.nansum(stacked, axis=0) / np.maximum(count, 1), np.nan)
    return mean


def _bootstrap(
    statistic: Callable[[np.ndarray], float], n: int, draws: int, seed: int, *, centred: bool = True
) -> Estimate:
    """Percentile interval over customers; centred: moved by the bias that drawing customers twice brings to variances."""
    rng = np.random.default_rng(seed)
    value = float(statistic(np.arange(n)))
    drawn = np.array([statistic(rng.integers(0, n, n)) for _ in range(draws)])
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return Estimate(value, np.nan, np.nan, n)
    low, high = np.percentile(drawn, [2.5, 97.5]) - (np.median(drawn) - value if centred else 0.0)
    return Estimate(value, float(low), float(high), n)
