"""Who wrote which tag on what: growth, agreement, co-occurrence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from labkit.estimates import Estimate, estimate_by_bootstrap, estimate_share
from labkit.tags.errors import TagError

_THINGS = ("document", "customer_id", "doc", "item")


@dataclass(frozen=True, eq=False)
class TagMatrix:
    """Things by tags, each pair once.

    Attributes
    ----------
    things, tags : ndarray
        Names of rows and columns, in order of name.
    matrix : csr_matrix of int32
    """

    things: np.ndarray
    tags: np.ndarray
    matrix: sparse.csr_matrix

    @cached_property
    def counts(self) -> np.ndarray:
        """Things that have each tag."""
        return np.asarray(self.matrix.sum(axis=0)).ravel().astype(np.int64)

    @cached_property
    def together(self) -> sparse.csr_matrix:
        """Things that have both of two tags; each tag's own count on the diagonal."""
        return (self.matrix.T @ self.matrix).tocsr()

    def used(self, least: int) -> TagMatrix:
        """Only tags on so many things."""
        kept = self.counts >= least
        return self if kept.all() else TagMatrix(self.things, self.tags[kept], self.matrix[:, kept])


def thing_column(taggings: pd.DataFrame) -> str:
    """The column that says what was tagged: ``document`` or ``customer_id``.

    Raises
    ------
    TagError
        If there is none, or no column ``tag``, or no row.
    """
    found = [name for name in _THINGS if name in taggings.columns]
    if not found or "tag" not in taggings.columns:
        have = ", ".join(map(str, taggings.columns[:8]))
        raise TagError(f"taggings need the columns document (or customer_id) and tag; there are {have}")
    if not len(taggings):
        raise TagError("taggings has no row: bring at least one tagging")
    return found[0]


def tag_matrix(taggings: pd.DataFrame) -> TagMatrix:
    """Taggings as a sparse matrix; who tagged does not count, and rows without thing or tag are left out.

    Examples
    --------
    >>> m = tag_matrix(pd.DataFrame({"document": [1, 1, 2], "tag": ["a", "b", "a"]}))
    >>> m.counts.tolist(), m.together.toarray().tolist()
    ([2, 1], [[2, 1], [1, 1]])
    """
    thing = thing_column(taggings)
    known = taggings[[thing, "tag"]].dropna()
    if known.empty:
        raise TagError(f"no row has both {thing} and tag: bring at least one tagging")
    rows, things = pd.factorize(known[thing].astype(str), sort=True)
    tags_as_text = known["tag"] if isinstance(known["tag"].dtype, pd.CategoricalDtype) else known["tag"].astype(str)
    columns, tags = pd.factorize(tags_as_text, sort=True)
    matrix = sparse.coo_matrix(
        (np.ones(len(rows), dtype=np.int32), (rows.astype(np.int32), columns.astype(np.int32))),
        shape=(len(things), len(tags)),
    ).tocsr()
    matrix.data[:] = 1  # a tag that two people gave counts once
    return TagMatrix(np.asarray(things), np.asarray(tags, dtype=object), matrix)


@dataclass(frozen=True)
class HeapsLaw:
    """Distinct tags as taggings grow, N(t) = K t^β.

    Attributes
    ----------
    beta, k : float
        Of the line through the logarithms, the first tenth left out.
    tags_count, taggings_count : int
    singleton_share : float
        Tags written once.
    curve : DataFrame
        ``taggings_count``, ``tags_count``, ``fitted_count``.
    """

    beta: float
    k: float
    tags_count: int
    taggings_count: int
    singleton_share: float
    curve: pd.DataFrame


def fit_heaps(taggings: pd.DataFrame) -> HeapsLaw:
    """How the vocabulary grows with the taggings, in the order in which they were made.

    Notes
    -----
    In the order of ``tagged_at`` where there is one, else of the rows. Heaps (1978);
    the exponent has no useful interval from one sequence: its points are not independent.

    Examples
    --------
    >>> law = fit_heaps(pd.DataFrame({"document": range(100), "tag": [f"t{i}" for i in range(100)]}))
    >>> round(law.beta, 2), law.singleton_share
    (1.0, 1.0)
    """
    thing_column(taggings)
    ordered = taggings.sort_values("tagged_at", kind="stable") if "tagged_at" in taggings else taggings
    tags = ordered["tag"].dropna()
    if tags.empty:
        raise TagError("no tagging has a tag: there is nothing to grow")
    distinct = (~tags.duplicated()).cumsum().to_numpy()
    n = len(tags)
    at = np.unique(np.geomspace(1, n, min(60, n)).round().astype(int))
    later = at[at >= max(n // 10, 1)]
    beta, log_k = np.polyfit(np.log(later), np.log(distinct[later - 1]), 1) if len(later) > 1 else (np.nan, np.nan)
    curve = pd.DataFrame(
        {"taggings_count": at, "tags_count": distinct[at - 1], "fitted_count": np.exp(log_k) * at**beta}
    )
    counts = tags.value_counts()
    return HeapsLaw(float(beta), float(np.exp(log_k)), len(counts), n, float((counts == 1).mean()), curve)


def tagger_agreement(taggings: pd.DataFrame, *, seed: int, draws: int = 1000) -> dict[str, Estimate] | None:
    """How far two people who tagged the same thing wrote the same.

    Parameters
    ----------
    taggings : DataFrame
        With ``tagger``.
    seed : int

    Returns
    -------
    dict or None
        ``hooper``: A / (A + M + N), ``rolling``: 2A / (2A + M + N), means over the pairs
        of taggers of a thing, with bootstrap intervals over things; None where nothing
        was tagged by two people.

    Notes
    -----
    Hooper (1965); Rolling (1981), doi:10.1016/0306-4573(81)90028-5.

    Examples
    --------
    >>> two = pd.DataFrame({"document": [1, 1, 1, 1], "tagger": ["x", "x", "y", "y"], "tag": ["a", "b", "a", "c"]})
    >>> tagger_agreement(two, seed=1)["hooper"].value
    0.3333333333333333
    """
    thing = thing_column(taggings)
    if "tagger" not in taggings:
        return None
    known = taggings[[thing, "tagger", "tag"]].dropna().drop_duplicates()
    size = known.groupby([thing, "tagger"]).size().rename("n").reset_index()
    pairs = size.merge(size, on=thing, suffixes=("", "_2"))
    pairs = pairs[pairs["tagger"] < pairs["tagger_2"]]
    if pairs.empty:
        return None
    same = known.merge(known, on=[thing, "tag"], suffixes=("", "_2"))
    same = (
        same[same["tagger"] < same["tagger_2"]]
        .groupby([thing, "tagger", "tagger_2"])
        .size()
        .rename("both")
        .reset_index()
    )
    pairs = pairs.merge(same, on=[thing, "tagger", "tagger_2"], how="left").fillna({"both": 0})
    either = pairs["n"] + pairs["n_2"] - pairs["both"]
    pairs = pairs.assign(hooper=pairs["both"] / either, rolling=2 * pairs["both"] / (pairs["n"] + pairs["n_2"]))
    # Pairs of one thing are not independent: things are drawn anew, with all their pairs.
    found = {}
    for name in ("hooper", "rolling"):
        by = pairs.groupby(thing)[name].agg(["sum", "count"]).to_numpy(dtype=float)
        value = float(by[:, 0].sum() / by[:, 1].sum())
        if value in (0.0, 1.0):  # a bootstrap of what is all alike has no width
            edge = estimate_share(len(by) if value else 0, len(by))
            found[name] = Estimate(value, edge.low, edge.high, len(by))
        elif len(by) < 5:
            found[name] = Estimate(value, np.nan, np.nan, len(by))
        else:
            found[name] = estimate_by_bootstrap(by, ratio_of_sums, seed=seed, draws=draws)
    return found


def ratio_of_sums(drawn: np.ndarray) -> np.ndarray:
    """Sum of the first column over that of the second, for each draw of a bootstrap."""
    return drawn[..., 0].sum(axis=1) / drawn[..., 1].sum(axis=1)
