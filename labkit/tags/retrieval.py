"""What a scheme is good for: the customers a query wants, found with so many marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from labkit.tags.membership import Membership
from labkit.tags.scheme import Scheme

_DRAWS_AT_ONCE = 50


@dataclass(frozen=True, eq=False)
class Dimensions:
    """How the marks of a scheme may be put together in a query.

    Attributes
    ----------
    tags : tuple of str
        Marks, each on some customers but not on all.
    inside : ndarray of bool, shape (tags, customers)
    of : ndarray of int
        Dimension of each mark: marks of one are joined by "or", dimensions by "and";
        -1 for free tags, which may be joined either way.
    """

    tags: tuple[str, ...]
    inside: np.ndarray
    of: np.ndarray

    @cached_property
    def weights(self) -> np.ndarray:
        """The same as numbers, for products."""
        return self.inside.astype(np.float32)


def dimensions_of(scheme: Scheme, membership: Membership) -> Dimensions:
    """Facets are dimensions of their own, a tree is one, people's tags are free."""
    n = len(membership.customer_ids)
    counts = membership.counts
    tags = [t for t in membership.tags if t in scheme and 0 < counts[t] < n]
    names = {name: i for i, name in enumerate(dict.fromkeys(scheme[t].facet for t in tags))}
    free = scheme.method == "folksonomy"
    of = np.array([-1 if free else names[scheme[t].facet] for t in tags], dtype=int)
    inside = np.stack([membership.extent(t) for t in tags]) if tags else np.zeros((0, n), dtype=bool)
    return Dimensions(tuple(tags), inside, of)


@dataclass(frozen=True, eq=False)
class Expression:
    """Marks put together to answer a query, as far as each number of them.

    Attributes
    ----------
    marks : tuple of (str, str)
        How each was joined ("", "and", "or") and the mark.
    """

    marks: tuple[tuple[str, str], ...]


def express(wanted: np.ndarray, marks: Dimensions, cost: int) -> tuple[Expression, list[np.ndarray]]:
    """The best expression found for a query, a mark at a time, and whom it finds after each.

    Parameters
    ----------
    wanted : ndarray of bool
        Customers the query wants.
    marks : Dimensions
    cost : int
        Most marks.

    Returns
    -------
    expression : Expression
    found : list of ndarray of bool
        Customers found with 1, 2, … marks; the last stands for larger costs where no
        further mark helps.

    Notes
    -----
    Greedy by F1, so not always the best expression there is; alike for all methods.
    """
    chosen: dict[int, np.ndarray] = {}
    told: list[tuple[str, str]] = []
    found: list[np.ndarray] = []
    used = np.zeros(len(marks.tags), dtype=bool)
    for _ in range(cost):
        best = _next(wanted, marks, chosen, used)
        if best is None or (found and best[0] <= f1(found[-1], wanted) + 1e-12):
            break
        _, at, join = best
        dimension = int(marks.of[at])
        if dimension < 0:
            chosen = {0: _joined(chosen.get(0), marks.inside[at], join)}
        else:
            chosen[dimension] = chosen[dimension] | marks.inside[at] if join == "or" else marks.inside[at]
        used[at] = True
        told.append((join if told else "", marks.tags[at]))
        found.append(np.logical_and.reduce(list(chosen.values())))
    if not found:
        found = [np.zeros_like(wanted)]
    return Expression(tuple(told)), found + [found[-1]] * (cost - len(found))


def _joined(old: np.ndarray | None, new: np.ndarray, join: str) -> np.ndarray:
    return new if old is None else old | new if join == "or" else old & new


def _next(
    wanted: np.ndarray, marks: Dimensions, chosen: dict[int, np.ndarray], used: np.ndarray
) -> tuple[float, int, str] | None:
    """Score, place and joining of the mark that raises F1 most."""
    if not len(marks.tags):
        return None
    everyone = np.ones(len(wanted), dtype=bool)
    whole = np.logical_and.reduce(list(chosen.values())) if chosen else everyone
    options = []
    free = bool((marks.of < 0).any())
    new = ~used & ~np.isin(marks.of, [] if free else list(chosen))
    options.append((new, "and", _scores(marks.weights, whole, np.zeros_like(whole), wanted)))
    if free and chosen:
        options.append((~used, "or", _scores(marks.weights, everyone, whole, wanted)))
    for dimension, inside in ({} if free else chosen).items():
        rest = np.logical_and.reduce([everyone, *(v for d, v in chosen.items() if d != dimension)])
        options.append((~used & (marks.of == dimension), "or", _scores(marks.weights, rest, inside & rest, wanted)))
    best: tuple[float, int, str] | None = None
    for allowed, join, score in options:
        if allowed.any():
            at = int(np.where(allowed, score, -1.0).argmax())
            if best is None or score[at] > best[0]:
                best = (float(score[at]), at, join)
    return best


def _scores(inside: np.ndarray, within: np.ndarray, already: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """F1 of "already, or within and the mark", for every mark."""
    fresh = within & ~already
    both = inside @ np.column_stack([fresh, fresh & wanted]).astype(np.float32)
    found, right = both[:, 0] + already.sum(), both[:, 1] + (already & wanted).sum()
    return 2 * right / (found + wanted.sum())


def f1(found: np.ndarray, wanted: np.ndarray) -> float:
    """Harmonic mean of precision and recall; 0 where nothing right is found.

    Examples
    --------
    >>> f1(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    total = int(found.sum() + wanted.sum())
    return float(2 * (found & wanted).sum() / total) if total else 0.0


@dataclass(frozen=True, eq=False)
class Retrieval:
    """How well marks answer queries, on customers the expression was not chosen on.

    Attributes
    ----------
    by_cost : DataFrame
        ``marks_count``, ``f1``, ``low``, ``high``, ``precision``, ``recall``: means over the queries.
    by_query : DataFrame
        ``query``, ``customers_count``, ``expression`` and ``f1`` at the largest cost.
    draws : ndarray, shape (costs, draws)
        Bootstrap means of F1, the same customers drawn for every method.
    """

    by_cost: pd.DataFrame
    by_query: pd.DataFrame
    draws: np.ndarray


def measure_retrieval(
    marks: Dimensions, queries: Membership, *, cost: int = 4, least: int = 10, seed: int, draws: int = 500
) -> Retrieval:
    """Answer every query with up to so many marks.

    Parameters
    ----------
    marks : Dimensions
    queries : Membership
        Customers each query wants, the same customers as of ``marks``.
    cost : int
        Most marks a query may use.
    least : int
        Queries that want fewer customers are left out.
    seed : int
        Of the two halves and of the bootstrap; the same for all methods compared.

    Notes
    -----
    Each half of the customers is answered by the expression chosen on the other half;
    the interval draws customers and queries anew and keeps the expressions: it is for
    other questions like these.
    """
    n = len(queries.customer_ids)
    half = np.random.default_rng(seed).permutation(n) % 2 == 0
    asked = [q for q in queries.tags if queries.counts[q] >= least]
    found = np.zeros((len(asked), cost, n), dtype=bool)
    wanted = np.stack([queries.extent(q) for q in asked]) if asked else np.zeros((0, n), dtype=bool)
    rows = []
    parts = [Dimensions(marks.tags, marks.inside[:, chosen_on], marks.of) for chosen_on in (half, ~half)]
    for i, query in enumerate(asked):
        for chosen_on, part in zip((half, ~half), parts, strict=True):
            expression, _ = express(wanted[i, chosen_on], part, cost)
            for k, found_by in enumerate(_replay(expression, marks, cost)):
                found[i, k, ~chosen_on] = found_by[~chosen_on]
        told, _ = express(wanted[i], marks, cost)
        rows.append((query, int(wanted[i].sum()), tell_expression(told), f1(found[i, -1], wanted[i])))
    rng = np.random.default_rng(seed + 1)
    m = max(len(asked), 1)
    of_queries = rng.multinomial(m, np.full(m, 1 / m), size=draws) / m
    drawn = np.full((cost, draws), np.nan)
    if asked:
        for start in range(0, draws, _DRAWS_AT_ONCE):  # in blocks, so that memory does not grow with the draws
            block = slice(start, min(start + _DRAWS_AT_ONCE, draws))
            weights = rng.multinomial(n, np.full(n, 1 / n), size=block.stop - start).astype(np.float32)
            for k in range(cost):
                drawn[k, block] = _mean_f1(found[:, k], wanted, weights, of_queries[block])
    one, alike = np.ones((1, n), dtype=np.float32), np.full((1, m), 1 / m)
    by_cost = []
    for k in range(cost):
        value = float(_mean_f1(found[:, k], wanted, one, alike)[0]) if asked else np.nan
        low, high = np.quantile(drawn[k], [0.025, 0.975]) if asked else (np.nan, np.nan)
        right = (found[:, k] & wanted).sum(axis=1)
        precision = float(np.mean(right / np.maximum(found[:, k].sum(axis=1), 1))) if asked else np.nan
        recall = float(np.mean(right / wanted.sum(axis=1))) if asked else np.nan
        by_cost.append((k + 1, value, float(low), float(high), precision, recall))
    return Retrieval(
        pd.DataFrame(by_cost, columns=["marks_count", "f1", "low", "high", "precision", "recall"]),
        pd.DataFrame(rows, columns=["query", "customers_count", "expression", "f1"]),
        drawn,
    )


def _replay(expression: Expression, marks: Dimensions, cost: int) -> list[np.ndarray]:
    """Whom an expression finds after each of its marks, among all customers."""
    place = {tag: i for i, tag in enumerate(marks.tags)}
    chosen: dict[int, np.ndarray] = {}
    found = []
    for join, tag in expression.marks:
        at = place[tag]
        dimension = max(int(marks.of[at]), 0) if marks.of[at] >= 0 else 0
        chosen[dimension] = _joined(chosen.get(dimension), marks.inside[at], join if dimension in chosen else "")
        found.append(np.logical_and.reduce(list(chosen.values())))
    if not found:
        found = [np.zeros(marks.inside.shape[1], dtype=bool)]
    return found + [found[-1]] * (cost - len(found))


def _mean_f1(found: np.ndarray, wanted: np.ndarray, weights: np.ndarray, of_queries: np.ndarray) -> np.ndarray:
    """Mean over queries of F1, for each row of customers' weights and of queries' weights."""
    right = (found & wanted).astype(np.float32) @ weights.T
    total = found.astype(np.float32) @ weights.T + wanted.astype(np.float32) @ weights.T
    scores = np.divide(2 * right, total, out=np.zeros_like(right), where=total > 0)
    return (scores * of_queries.T).sum(axis=0)


def tell_expression(expression: Expression, names: Mapping[str, str] | None = None) -> str:
    """An expression in words."""
    parts = []
    for join, tag in expression.marks:
        shown = (names or {}).get(tag, tag)
        parts.append(f"{join} {shown}".strip())
    return " ".join(parts) or "–"
