"""How far facets are independent of each other, on the customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from labkit.tags.membership import Membership
from labkit.tags.rules import Missing, parse_rule
from labkit.tags.scheme import Scheme
from labkit.terms import Language


def facet_labels(membership: Membership, tags: Sequence[str]) -> np.ndarray:
    """The class of a facet each customer is in, by place; as many as the classes for those in none, or in several."""
    known = [tag for tag in tags if tag in membership]
    inside = (
        np.stack([membership.extent(tag) for tag in known])
        if known
        else np.zeros((0, len(membership.customer_ids)), bool)
    )
    if not len(inside):
        return np.zeros(len(membership.customer_ids), dtype=np.int64)
    return np.where(inside.sum(axis=0) == 1, inside.argmax(axis=0), len(known))


def cramers_v(table: np.ndarray) -> float:
    """Cramér's V, corrected for the bias of small tables (Bergsma 2013, doi:10.1016/j.jkss.2012.10.002); 0 to 1.

    Examples
    --------
    >>> round(cramers_v(np.array([[50, 0], [0, 50]])), 2)
    1.0
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n, (r, k) = table.sum(), table.shape
    if min(r, k) < 2 or n < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi2 = max(0.0, float(((table - expected) ** 2 / expected).sum() / n) - (r - 1) * (k - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    least = min(rows, columns) - 1
    return float(np.sqrt(phi2 / least)) if least > 0 else 0.0


def entropy_bits(counts: np.ndarray) -> float:
    """Shannon entropy of a distribution [bit]."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def compare_facets(membership: Membership, facets: Mapping[str, Sequence[str]], level: float = 0.05) -> pd.DataFrame:
    """Every pair of facets: how strongly they go together.

    Parameters
    ----------
    membership : Membership
    facets : mapping of str to sequence of str
        Facet -> its classes.
    level : float
        False discovery rate over the pairs.

    Returns
    -------
    DataFrame
        ``facet``, ``other_facet``, ``customers_count`` (with a class in both),
        ``cramers_v`` (bias-corrected), ``shared_bits`` (mutual information),
        ``normalised_information`` (of the smaller entropy), ``p_value`` of the chi-square
        test, ``discovery``: significant at the false discovery rate of Benjamini and
        Yekutieli, which holds under any dependence. Strongest first.
    """
    labels = {name: facet_labels(membership, tags) for name, tags in facets.items() if len(tags) > 1}
    sizes = {name: sum(tag in membership for tag in facets[name]) for name in labels}
    rows = []
    for a, b in combinations(labels, 2):
        here = (labels[a] < sizes[a]) & (labels[b] < sizes[b])
        if here.sum() < 5:
            continue
        table = np.zeros((sizes[a], sizes[b]))
        np.add.at(table, (labels[a][here], labels[b][here]), 1)
        kept = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
        p = stats.chi2_contingency(kept, correction=False).pvalue if min(kept.shape) > 1 else 1.0
        one, two = entropy_bits(kept.sum(axis=1)), entropy_bits(kept.sum(axis=0))
        shared = max(0.0, one + two - entropy_bits(kept.ravel()))
        rows.append(
            (
                a,
                b,
                int(here.sum()),
                cramers_v(table),
                shared,
                shared / min(one, two) if min(one, two) > 0 else 0.0,
                float(p),
            )
        )
    frame = pd.DataFrame(
        rows,
        columns=[
            "facet",
            "other_facet",
            "customers_count",
            "cramers_v",
            "shared_bits",
            "normalised_information",
            "p_value",
        ],
    )
    frame["discovery"] = multipletests(frame["p_value"], level, "fdr_by")[0] if len(frame) else False
    return frame.sort_values("cramers_v", ascending=False, ignore_index=True)


#: From which two facets are said to tell much the same: Cramér's V, and the share of the smaller one's information.
STRONG_V, STRONG_SHARE = 0.5, 0.3


def strong_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs of `compare_facets` that are sure and tell much the same, the strongest first."""
    strong = (pairs["cramers_v"] >= STRONG_V) & (pairs["normalised_information"] >= STRONG_SHARE)
    return pairs[pairs["discovery"] & strong].reset_index(drop=True)


def known_facets(scheme: Scheme) -> dict[str, tuple[str, ...]]:
    """Facets with their classes, without those for customers of whom nothing is known.

    Two facets whose values are missing for the same customers would else look alike.
    """
    found = {
        name: tuple(item.id for item in items if not isinstance(parse_rule(item.rule, item.id), Missing))
        for name, items in scheme.facets.items()
    }
    return {name: ids for name, ids in found.items() if len(ids) > 1}


def total_correlation(
    membership: Membership, facets: Mapping[str, Sequence[str]], *, seed: int, draws: int = 20
) -> tuple[float, float]:
    """Information all facets share, and what facets drawn independently would seem to share [bit].

    Parameters
    ----------
    membership : Membership
    facets : mapping of str to sequence of str
    seed, draws : int
        Of the facets drawn anew, each on its own.

    Notes
    -----
    The sum of the facets' entropies less the joint one (Watanabe 1960). With many
    combinations against customers most of it is chance, and the two come close: then
    nothing is measured.
    """
    if not facets:
        return 0.0, 0.0
    labels = np.stack([facet_labels(membership, tags) for tags in facets.values()])
    rng = np.random.default_rng(seed)
    chance = [_shared_bits(np.stack([rng.permutation(row) for row in labels])) for _ in range(draws)]
    return _shared_bits(labels), float(np.mean(chance))


def _shared_bits(labels: np.ndarray) -> float:
    alone = sum(entropy_bits(np.unique(row, return_counts=True)[1]) for row in labels)
    codes = np.zeros(labels.shape[1], dtype=np.int64)
    for row in labels:  # one code a combination, kept small on the way
        codes = np.unique(codes * (int(row.max()) + 1) + row, return_inverse=True)[1]
    return float(alone - entropy_bits(np.bincount(codes)))


def share_within_groups(
    scheme: Scheme, membership: Membership, *, seed: int, language: Language = "en"
) -> pd.DataFrame:
    """Information that the facets of each group share.

    Returns
    -------
    DataFrame
        ``group`` (name of the class above the facets), ``facets_count``,
        ``shared_bits``, ``chance_bits``; see `total_correlation`.
    """
    groups: dict[str, dict[str, list[str]]] = {}
    for facet, items in scheme.facets.items():
        if facet in scheme and scheme[facet].parents:
            groups.setdefault(scheme[facet].parents[0], {})[facet] = [item.id for item in items]
    rows = [
        (
            scheme[group].name(language) if group in scheme else group,
            len(facets),
            *total_correlation(membership, facets, seed=seed),
        )
        for group, facets in groups.items()
        if len(facets) > 1
    ]
    return pd.DataFrame(rows, columns=["group", "facets_count", "shared_bits", "chance_bits"])
