"""Whether a classification comes again: made of other customers, or of a later time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.estimates import estimate_share
from labkit.segments.agreement import estimate_ari
from labkit.segments.candidates import Candidate
from labkit.segments.result import APART, UNKNOWN


def remake_candidates(
    candidates: Sequence[Candidate], *, seed: int, draws: int = 10
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Classifications made anew of customers drawn, and given to all customers.

    Parameters
    ----------
    candidates : sequence of Candidate
        Those without `Candidate.remake` are left out: by what customers are, each stays where it is.
    seed, draws : int
        Each draw is a bootstrap's different customers, 63 % of all in the mean.

    Returns
    -------
    whole : DataFrame
        ``classification``, ``ari`` (mean over draws of that with the original) with ``low``, ``high`` (between the draws, 95 %;
        the lowest and the highest for fewer than 40), ``jaccard_weakest``, ``jaccard_mean`` (over customers), ``draws_count``.
    groups : DataFrame
        ``classification``, ``group``, ``jaccard``: mean over draws of the best overlap. Below 0.5 dissolved, from 0.85
        stable: Hennig (2007), doi:10.1016/j.csda.2006.11.025.
    """
    whole, groups = [], []
    for candidate in candidates:
        if candidate.remake is None:
            continue
        labels, rng = candidate.labels, np.random.default_rng(seed)
        aris, overlaps = [], []
        for _ in range(draws):
            drawn = np.unique(rng.integers(0, len(labels), len(labels)))
            again = candidate.remake(labels.index[drawn]).reindex(labels.index)
            aris.append(estimate_ari(labels, again, draws=1).value)
            overlaps.append(_best_jaccard(labels, again))
        jaccard = pd.concat(overlaps, axis=1).mean(axis=1)
        low, high = np.quantile(aris, [0.025, 0.975]) if draws >= 40 else (min(aris), max(aris))
        sizes = labels.value_counts()[jaccard.index]
        mean = float(np.average(jaccard, weights=sizes))
        whole.append((candidate.name, float(np.mean(aris)), float(low), float(high), float(jaccard.min()), mean, draws))
        groups += [(candidate.name, code, float(value)) for code, value in jaccard.items()]
    columns = ["classification", "ari", "low", "high", "jaccard_weakest", "jaccard_mean", "draws_count"]
    return (
        pd.DataFrame(whole, columns=columns),
        pd.DataFrame(groups, columns=["classification", "group", "jaccard"]),
    )


def _best_jaccard(labels: pd.Series, again: pd.Series) -> pd.Series:
    """Of each group that is no kept apart, its best overlap with a group made anew."""
    table = pd.crosstab(labels, again)
    both = table.to_numpy().astype(float)
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    best = pd.Series((both / union).max(axis=1), table.index)
    return best[~best.index.isin(list(APART))]


def compare_periods(candidates: Sequence[Candidate], *, seed: int, draws: int = 500) -> pd.DataFrame:
    """Who is in another group in the later period.

    Parameters
    ----------
    candidates : sequence of Candidate
        Those without `Candidate.later` are left out.
    seed, draws : int
        Of the interval of the ARI.

    Returns
    -------
    DataFrame
        ``classification``, ``ari`` with ``ari_low``, ``ari_high``; ``moved_share`` with ``low``, ``high`` (Wilson, 95 %);
        ``customers_count``: known in both.
    """
    rows = []
    for candidate in candidates:
        if candidate.later is None:
            continue
        both = pd.concat(
            [candidate.labels.rename("one"), candidate.later.rename("other")], axis=1, join="inner"
        ).dropna()
        both = both[(both["one"] != UNKNOWN) & (both["other"] != UNKNOWN)]
        if len(both) < 2:
            continue
        ari = estimate_ari(both["one"], both["other"], seed=seed, draws=draws)
        moved = estimate_share(int((both["one"] != both["other"]).sum()), len(both))
        rows.append((candidate.name, ari.value, ari.low, ari.high, moved.value, moved.low, moved.high, len(both)))
    columns = ["classification", "ari", "ari_low", "ari_high", "moved_share", "low", "high", "customers_count"]
    return pd.DataFrame(rows, columns=columns)
