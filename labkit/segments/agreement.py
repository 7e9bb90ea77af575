"""How far classifications agree: adjusted Rand index and adjusted mutual information."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score

from labkit.estimates import Estimate
from labkit.segments.errors import SegmentError


def estimate_ari(one: pd.Series, other: pd.Series, *, seed: int = 0, draws: int = 500) -> Estimate:
    """Adjusted Rand index of two classifications of the same customers: 1 the same, 0 as by chance.

    Parameters
    ----------
    one, other : Series
        Group by customer_id; customers in both count.
    seed, draws : int
        Bootstrap over customers, its bias taken off (a customer drawn twice agrees with itself).

    Notes
    -----
    Hubert and Arabie (1985), doi:10.1007/BF01908075.

    Examples
    --------
    >>> groups = pd.Series(list("aabbbcc"))
    >>> estimate_ari(groups, groups.str.upper()).value
    1.0
    """
    both = pd.concat([one.rename("one"), other.rename("other")], axis=1, join="inner").dropna()
    if len(both) < 2:
        raise SegmentError(f"labels: {len(both)} customers have both groups; agreement wants two at least")
    table = pd.crosstab(both["one"], both["other"]).to_numpy().astype(float)
    n, cells = len(both), table.ravel() / table.sum()
    value = float(count_ari(table))
    drawn = count_ari(
        np.random.default_rng(seed).multinomial(n, cells, size=draws).reshape(draws, *table.shape).astype(float)
    )
    low, high = np.quantile(drawn, [0.025, 0.975]) - (drawn.mean() - value)
    return Estimate(value, float(min(low, value)), float(min(max(high, value), 1.0)), n)


def count_ari(counts: np.ndarray) -> np.ndarray:
    """Adjusted Rand index of tables of counts, groups of one kind by groups of the other.

    Parameters
    ----------
    counts : ndarray, shape (..., rows, columns)

    Notes
    -----
    1 where both say the same, 0 where they agree as by chance; 1 too where both put all customers into one group, or each into
    its own. Hubert and Arabie (1985), doi:10.1007/BF01908075.

    Examples
    --------
    >>> count_ari(np.array([[5, 0], [0, 5]])).tolist(), count_ari(np.array([[2, 2], [2, 2]])).round(2).tolist()
    (1.0, -0.17)
    """
    c = np.asarray(counts, dtype=float)
    both = _pairs(c).sum(axis=(-1, -2))
    rows, columns = _pairs(c.sum(axis=-1)).sum(axis=-1), _pairs(c.sum(axis=-2)).sum(axis=-1)
    chance = rows * columns / np.maximum(_pairs(c.sum(axis=(-1, -2))), 1)
    most = (rows + columns) / 2
    return np.asarray(np.where(most > chance, (both - chance) / np.where(most > chance, most - chance, 1.0), 1.0))


def _pairs(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts * (counts - 1) / 2)


def measure_agreement(labels: Mapping[str, pd.Series], *, seed: int = 0, draws: int = 500) -> pd.DataFrame:
    """Agreement of each pair of classifications.

    Returns
    -------
    DataFrame
        ``first``, ``second``, ``ari`` with ``low``, ``high`` (95 %, bootstrap over customers), ``ami`` (Vinh et al. 2010,
        JMLR 11:2837), ``customers_count``.
    """
    rows = []
    for one, other in combinations(labels, 2):
        found = estimate_ari(labels[one], labels[other], seed=seed, draws=draws)
        both = labels[one].index.intersection(labels[other].index)
        ami = float(adjusted_mutual_info_score(labels[one][both], labels[other][both]))
        rows.append((one, other, found.value, found.low, found.high, ami, found.n))
    return pd.DataFrame(rows, columns=["first", "second", "ari", "low", "high", "ami", "customers_count"])


def agreement_matrix(pairs: pd.DataFrame, measure: str = "ari") -> pd.DataFrame:
    """Pairs of `measure_agreement` as a square, 1 on the diagonal.

    Parameters
    ----------
    pairs : DataFrame
    measure : {"ari", "ami"}
    """
    names = list(dict.fromkeys([*pairs["first"], *pairs["second"]]))
    square = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
    for row in pairs.to_dict("records"):
        square.loc[row["first"], row["second"]] = square.loc[row["second"], row["first"]] = row[measure]
    return square
