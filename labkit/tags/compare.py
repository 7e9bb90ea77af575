"""The methods of organising tags side by side, on the same customers and the same questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit.estimates import Estimate
from labkit.lab import Lab
from labkit.tags.catalogue import Query
from labkit.tags.clicks import measure_clicks
from labkit.tags.errors import TagError
from labkit.tags.measures import (
    array_measures,
    decisions_per_customer,
    keeps_one_criterion,
    marks_needed,
    measure_shape,
    told_apart_bits,
)
from labkit.tags.membership import Membership, assign, membership_of
from labkit.tags.record import make_class
from labkit.tags.retrieval import Retrieval, dimensions_of, measure_retrieval
from labkit.tags.scheme import Scheme
from labkit.tags.taggings import thing_column
from labkit.terms import Language

#: Draws of the bootstrap at once, so that memory stays flat.
_BLOCK = 50
#: Measure -> whether more of it is better (1), less (-1), or neither (0).
MEASURES = {
    "f1": 1, "clicks": -1, "stuck_share": -1, "left_over": -1, "exhaustiveness": 1, "residual_share": -1, "overlap_share": -1, "largest_overlap": -1,
    "one_criterion_share": 1, "classes_count": -1, "product_count": -1, "depth": 0, "branching": 0, "single_child_share": -1,
    "orphan_share": -1, "arborescence": 0, "flow_hierarchy": 1, "reaching_centrality": 0, "information_bits": 0,
    "left_bits": -1, "told_apart_bits": 1, "tags_per_customer": 0, "choices_count": -1, "classes_read_count": -1,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Comparison:
    """What each method measured.

    Attributes
    ----------
    measures : DataFrame
        ``measure``, ``method``, ``value``, ``low``, ``high`` (missing where nothing is estimated).
    retrieval : mapping of str to Retrieval
        By method.
    cost : int
        Marks a query could use.
    """

    measures: pd.DataFrame
    retrieval: Mapping[str, Retrieval]
    cost: int

    def value(self, measure: str, method: str) -> Estimate:
        """One figure with its interval."""
        row = self.measures[(self.measures["measure"] == measure) & (self.measures["method"] == method)]
        if row.empty:
            raise TagError(f"there is no measure {measure!r} of {method!r}")
        value, low, high = row.iloc[0][["value", "low", "high"]]
        return Estimate(float(value), float(low), float(high), 0)

    def difference(self, method: str, other: str, cost: int | None = None) -> Estimate:
        """F1 of one method less that of another, same customers drawn for both."""
        k = (cost or self.cost) - 1
        a, b = self.retrieval[method], self.retrieval[other]
        low, high = np.quantile(a.draws[k] - b.draws[k], [0.025, 0.975])
        value = a.by_cost["f1"].iloc[k] - b.by_cost["f1"].iloc[k]
        return Estimate(float(value), float(low), float(high), a.draws.shape[1])

    def ranking(self, cost: int | None = None) -> list[str]:
        """Methods by F1 at a number of marks, the best first."""
        k = (cost or self.cost) - 1
        return sorted(self.retrieval, key=lambda name: (-self.retrieval[name].by_cost["f1"].iloc[k], name))

    def winner(self, cost: int | None = None) -> str:
        """Of the methods no other is surely better than, the one with the fewest classes."""
        first, *rest = self.ranking(cost)
        level = [first, *(name for name in rest if self.difference(first, name, cost).low <= 0)]
        return min(level, key=lambda name: (self.value("classes_count", name).value, name))

    def turns(self) -> dict[int, str]:
        """The winner at each number of marks a query may use."""
        return {k: self.winner(k) for k in range(1, self.cost + 1)}

    def verdict(self, language: Language = "en", names: Mapping[str, str] | None = None) -> str:
        """Which method to take, and when that would turn; follows from the numbers."""
        said = {name: (names or {}).get(name, name) for name in self.retrieval}
        best, top = self.winner(), self.ranking()[0]
        f, zh = self.value("f1", best), language == "zh"
        if zh:
            text = f"宜采用{said[best]}：每次查询不超过 {self.cost} 个标签时，平均 F1 为 **{f.value:.2f}**（95% 区间 {f.low:.2f} 至 {f.high:.2f}）"
        else:
            text = f"Take the {said[best]} scheme: with at most {self.cost} marks a query its mean F1 is **{f.value:.2f}** (95% interval {f.low:.2f} to {f.high:.2f})"
        if best != top:
            gap = self.difference(top, best)
            told = f"{gap.value:.2f} ({gap.low:.2f} to {gap.high:.2f})"
            text += (
                f"；{said[top]}高出 {gap.value:.2f}（{gap.low:.2f}～{gap.high:.2f}），差异不显著，而类目更多"
                if zh
                else f"; the {said[top]} scheme is ahead by {told}, which is not sure, and has more classes"
            )
        turned = {k: name for k, name in self.turns().items() if name != best}
        if not turned:
            return text + ("；允许的标签个数减少，结论不变。" if zh else "; fewer marks a query do not turn that.")
        parts = [
            f"不超过 {k} 个标签时为{said[n]}" if zh else f"with at most {k} it is the {said[n]} one"
            for k, n in turned.items()
        ]
        return text + ("；" + "，".join(parts) + "。" if zh else "; " + ", ".join(parts) + ".")


def answer_queries(lab: Lab | ir.Table | pd.DataFrame, queries: tuple[Query, ...]) -> Membership:
    """Whom each query wants, by its own rule; ``lab`` as of `assign`."""
    return assign(lab, Scheme.of([make_class(q.id, q.en, q.zh, rule=q.rule_text) for q in queries]))


def people_scheme(taggings: pd.DataFrame, customer_ids: np.ndarray) -> tuple[Scheme, Membership]:
    """People's own tags as a flat scheme, and who has them among these customers."""
    thing = thing_column(taggings)
    known = taggings[[thing, "tag"]].dropna().drop_duplicates()
    place = pd.Series(np.arange(len(customer_ids)), index=pd.Index(customer_ids).astype(str))
    at = place.reindex(known[thing].astype(str)).to_numpy()
    columns = {}
    for tag, rows in pd.Series(at, index=known["tag"].astype(str)).groupby(level=0, sort=True):
        column = np.zeros(len(customer_ids), dtype=bool)
        column[rows.dropna().astype(int)] = True
        columns[str(tag)] = column
    scheme = Scheme.of([make_class(tag, tag) for tag in columns], title="folksonomy", method="folksonomy")
    return scheme, membership_of(columns, list(customer_ids))


def compare(
    schemes: Mapping[str, Scheme],
    membership: Mapping[str, Membership] | Membership,
    queries: Membership,
    *,
    cost: int = 4,
    seed: int = 0,
    draws: int = 300,
) -> Comparison:
    """Every measure of every method, on the same customers and queries.

    Parameters
    ----------
    schemes : mapping of str to Scheme
        Method -> scheme; a folksonomy has ``method="folksonomy"`` (`people_scheme`).
    membership : mapping of str to Membership, or Membership
        Of each scheme, or one for all.
    queries : Membership
        Customers each query wants (`answer_queries`).
    cost : int
        Most marks a query may use.
    seed, draws : int
        Of the bootstrap over customers.

    Returns
    -------
    Comparison

    Raises
    ------
    TagError
        If memberships are of different customers, or no query wants at least ten.

    Notes
    -----
    Intervals: percentiles of a bootstrap over customers, with rules and expressions kept.
    Counts of classes and the shape of the graph are facts of the scheme and have none.
    """
    tables = {name: membership if isinstance(membership, Membership) else membership[name] for name in schemes}
    for name, table in tables.items():
        if len(table.customer_ids) != len(queries.customer_ids) or (table.customer_ids != queries.customer_ids).any():
            raise TagError(
                f"the membership of {name} and the queries are of different customers: make both from one lab"
            )
    if not (queries.counts >= 10).any():
        raise TagError("no query wants ten customers or more: write wider queries")
    rows: list[tuple[str, str, float, float, float]] = []
    found: dict[str, Retrieval] = {}
    n = len(queries.customer_ids)
    rng = np.random.default_rng(seed)
    for name, scheme in schemes.items():
        table = tables[name]
        found[name] = measure_retrieval(dimensions_of(scheme, table), queries, cost=cost, seed=seed, draws=draws)
        last = found[name].by_cost.iloc[-1]
        rows.append(("f1", name, last["f1"], last["low"], last["high"]))
        clicks, left, stuck = measure_clicks(scheme, table, seed=seed)
        rows += [
            ("clicks", name, clicks.value, clicks.low, clicks.high),
            ("left_over", name, left.value, left.low, left.high),
        ]
        rows.append(("stuck_share", name, stuck.value, stuck.low, stuck.high))
        value = array_measures(scheme, table).iloc[0]
        blocks = [rng.multinomial(n, np.full(n, 1 / n), size=_BLOCK) for _ in range(max(draws // _BLOCK, 2))]
        drawn = pd.concat([array_measures(scheme, table, w) for w in blocks])
        for measure, v in value.items():
            low, high = drawn[measure].quantile([0.025, 0.975])
            rows.append((str(measure), name, float(v), low, high))
        rows.append(("one_criterion_share", name, keeps_one_criterion(scheme), np.nan, np.nan))
        rows.append(("told_apart_bits", name, told_apart_bits(scheme, table), np.nan, np.nan))
        choices, read = decisions_per_customer(scheme, table)
        facts = {
            "choices_count": choices,
            "classes_read_count": read,
            "product_count": marks_needed(scheme)[0],
            **measure_shape(scheme),
        }
        rows += [(measure, name, v, np.nan, np.nan) for measure, v in facts.items()]
    frame = pd.DataFrame(rows, columns=["measure", "method", "value", "low", "high"])
    order = {measure: i for i, measure in enumerate(MEASURES)}
    frame = frame.sort_values("measure", key=lambda c: c.map(order), kind="stable", ignore_index=True)
    return Comparison(frame, found, cost)
