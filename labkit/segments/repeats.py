"""Whether groups of shapes come again: with another seed, and in the next period."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pandas as pd
from sklearn.metrics import adjusted_rand_score

from labkit import terms
from labkit.estimates import Estimate, estimate_share
from labkit.segments.agreement import estimate_ari
from labkit.segments.behaviour import Method, classify_shapes, group_points, without_strangers
from labkit.segments.errors import SegmentError
from labkit.segments.result import APART, Segmentation
from labkit.segments.shapes import Shapes, View, need_shapes

#: Fewest seeds a spread is told from.
FEWEST_SEEDS = 20


@dataclass(frozen=True, eq=False)
class SeedSpread:
    """How far the groups hang on the seed.

    Attributes
    ----------
    table : DataFrame
        A row a pair of seeds: ``seed``, ``other_seed``, ``ari``.
    ari : Estimate
        Median over the pairs, with the 2.5 and 97.5 % quantiles of the pairs; `n` is the number of seeds.
    method : str
    k : int
    """

    table: pd.DataFrame
    ari: Estimate
    method: str
    k: int

    def verdict(self, language: terms.Language = "en") -> str:
        """The spread in a sentence."""
        worst = self.table["ari"].min()
        a = self.ari
        return terms.Say(language)(
            f"{a.n} seeds, {self.k} groups: two runs agree with an adjusted Rand index of {a.value:.2f} "
            f"(95 % of pairs {a.low:.2f} to {a.high:.2f}, worst {worst:.2f}).",
            f"{a.n}个随机种子、{self.k}组：两次结果的调整兰德指数为{a.value:.2f}"
            f"（95%的配对在{a.low:.2f}～{a.high:.2f}之间，最差{worst:.2f}）。",
        )


def spread_over_seeds(
    shapes: Shapes, k: int, method: Method = "kmeans", *, seeds: int = FEWEST_SEEDS, view: View = "cumulated"
) -> SeedSpread:
    """Adjusted Rand index between the groups of every two seeds.

    Parameters
    ----------
    shapes : Shapes
    k, method, view
        As of `classify_shapes`.
    seeds : int
        `FEWEST_SEEDS` or more.

    Notes
    -----
    The seed is chance of the method's own, not of the customers drawn: exact Ward has none and agrees with itself, which says
    nothing of whether its groups would come again. For that see `bootstrap_jaccard` and `agree_over_time`.
    """
    if seeds < FEWEST_SEEDS:
        raise SegmentError(f"seeds is {seeds}, expected {FEWEST_SEEDS} or more: fewer do not show a spread")
    need_shapes(shapes)
    points, found = shapes.points(view), []
    for seed in range(seeds):
        kept = without_strangers(points, k, method, seed)
        found.append(group_points(points[kept], k, method, seed=seed).memberships(points).argmax(axis=1))
    rows = [(i, j, float(adjusted_rand_score(found[i], found[j]))) for i, j in combinations(range(seeds), 2)]
    table = pd.DataFrame(rows, columns=["seed", "other_seed", "ari"])
    low, middle, high = table["ari"].quantile([0.025, 0.5, 0.975])
    return SeedSpread(table, Estimate(float(middle), float(low), float(high), seeds), method, k)


@dataclass(frozen=True, eq=False)
class TimeAgreement:
    """Whether the groups of one period hold in the next.

    Attributes
    ----------
    regrouped : Estimate
        Adjusted Rand index of the groups made of each period by itself.
    placed : Estimate
        The same of the groups of the first period and where its rule puts the customers of the next.
    stayed : Estimate
        Share that the rule leaves in the group (Wilson).
    moves : DataFrame
        ``group_before``, ``group_after`` (codes of the first period's groups), ``customers_count``, ``share`` of the group before
        with ``low`` and ``high`` (Wilson).
    before, after : Segmentation
        Of each period by itself.
    """

    regrouped: Estimate
    placed: Estimate
    stayed: Estimate
    moves: pd.DataFrame
    before: Segmentation
    after: Segmentation


def agree_over_time(
    before: Shapes, after: Shapes, k: int, method: Method = "kmeans", *, seed: int, view: View = "cumulated"
) -> TimeAgreement:
    """Next-period agreement: groups of one period against those of the next.

    Parameters
    ----------
    before, after : Shapes
        Of two periods, such as half-years: ``read_shapes(lab, since=first, until=last)``.
    k, method, seed, view
        As of `classify_shapes`.

    Notes
    -----
    Over customers with a shape in both, those unlike any group among them; who has a shape in one period only is left out,
    so that agreement is of customers who stayed. Half-years differ in their seasons as well as in time; whole years do not.
    """
    if before.blocks != after.blocks:
        raise SegmentError(f"after: its days are {after.blocks}, expected {before.blocks}; read both the same way")
    first = classify_shapes(before, k, method, seed=seed, view=view)
    second = classify_shapes(after, k, method, seed=seed, view=view)
    ids = before.values.index[before.values.index.isin(after.values.index)]
    if len(ids) < 2:
        raise SegmentError(f"after: {len(ids)} customers have a shape in both periods; expected two or more")
    own, now = first.labels[ids], first.assign(after)["group"].loc[ids]
    stayed = estimate_share(int((own == now).sum()), len(ids))
    moves = _count_moves(own, now, [c for c in (*first.codes, *APART) if c in set(own) | set(now)])
    return TimeAgreement(
        estimate_ari(own, second.labels[ids], seed=seed), estimate_ari(own, now, seed=seed), stayed, moves, first, second
    )  # fmt: skip


def _count_moves(before: pd.Series, after: pd.Series, codes: list[str]) -> pd.DataFrame:
    codes = list(dict.fromkeys(codes))
    counts = pd.crosstab(before, after).reindex(index=codes, columns=codes, fill_value=0)
    rows = []
    for start in codes:
        total = int(counts.loc[start].sum())
        for end in codes if total else []:
            share = estimate_share(int(counts.loc[start, end]), total)
            rows.append((start, end, int(counts.loc[start, end]), share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["group_before", "group_after", "customers_count", "share", "low", "high"])
