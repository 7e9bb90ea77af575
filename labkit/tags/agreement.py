"""How well one hierarchy agrees with another: taxonomic overlap, links, and a random tree beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import networkx as nx
import numpy as np
import pandas as pd
from scipy import sparse

from labkit.tags.errors import TagError
from labkit.tags.scheme import Scheme

_LINKS = ("exact", "acceptable", "inverted", "unrelated", "missing")
Hierarchy: TypeAlias = Scheme | nx.DiGraph


@dataclass(frozen=True)
class Agreement:
    """Agreement of a computed hierarchy with one held to be right.

    Attributes
    ----------
    precision, recall, f, overlap : float
        Taxonomic, on the common semantic cotopy.
    exact, acceptable, inverted, unrelated, missing : float
        Shares of the gold tags that have a parent: the computed parent is the gold one;
        is a gold ancestor (exact ones included); is a gold descendant; is neither; or
        there is none.
    tags_count : int
        Common tags with a gold relative, over which everything is averaged.
    random_f : float
        Of trees of the same shape with their tags shuffled: the mean.
    random_f_high : float
        The largest of these.
    """

    precision: float
    recall: float
    f: float
    overlap: float
    exact: float
    acceptable: float
    inverted: float
    unrelated: float
    missing: float
    tags_count: int
    random_f: float
    random_f_high: float

    def to_frame(self) -> pd.DataFrame:
        """``measure``, ``value``."""
        return pd.DataFrame(vars(self).items(), columns=["measure", "value"])


def graph_of(hierarchy: Hierarchy) -> nx.DiGraph:
    """The graph parent -> child of a scheme, or the graph itself; nodes as text, as tags are."""
    if isinstance(hierarchy, Scheme):
        return hierarchy.graph
    if all(isinstance(node, str) for node in hierarchy):
        return hierarchy
    return nx.relabel_nodes(hierarchy, {node: str(node) for node in hierarchy})


def ancestor_matrix(graph: nx.DiGraph, nodes: list[str]) -> sparse.csr_matrix:
    """Which of some nodes are strict ancestors of which, by way of any nodes: rows descendants, columns ancestors.

    Notes
    -----
    Breadth first from every node; in a cycle each is an ancestor of the others, none of itself.
    """
    at = {node: i for i, node in enumerate(nodes)}
    above = {node: tuple(graph.predecessors(node)) for node in graph.nodes}
    rows, columns = [], []
    cache: dict[str, frozenset[str]] = {}
    for node in nodes:
        for other in _climb(node, above, cache):
            if other in at and other != node:
                rows.append(at[node])
                columns.append(at[other])
    data = np.ones(len(rows), dtype=np.int32)
    return sparse.csr_matrix((data, (rows, columns)), shape=(len(nodes), len(nodes)))


def _climb(node: str, above: dict[str, tuple[str, ...]], cache: dict[str, frozenset[str]]) -> frozenset[str]:
    if node not in above:
        return frozenset()
    if node not in cache:
        seen: set[str] = set()
        stack = list(above[node])
        while stack:
            at = stack.pop()
            if at not in seen:
                seen.add(at)
                if at in cache:
                    seen |= cache[at]
                else:
                    stack.extend(above[at])
        cache[node] = frozenset(seen)
    return cache[node]


def agreement(computed: Hierarchy, gold: Hierarchy, *, seed: int = 0, draws: int = 20) -> Agreement:
    """Taxonomic precision, recall, F and overlap, and link ratios, of one hierarchy against another.

    Parameters
    ----------
    computed, gold : Scheme or DiGraph
        Edges parent -> child.
    seed : int
        Of the random trees.
    draws : int
        Random trees.

    Returns
    -------
    Agreement

    Raises
    ------
    TagError
        If the two have no tag in common.

    Notes
    -----
    Dellschaft and Staab (2006), doi:10.1007/11926078_17. Common semantic cotopy: the
    strict ancestors and descendants of a tag that both hierarchies have. Precision is
    the mean of what the two cotopies share over the computed one, recall over the gold
    one, overlap over both; F the harmonic mean. Averaged over common tags with a gold
    relative; an empty computed cotopy counts 0. Links: Tibély et al. (2013),
    doi:10.1371/journal.pone.0084133.

    Examples
    --------
    >>> tree = nx.DiGraph([("a", "b"), ("a", "c")])
    >>> agreement(tree, tree).f
    1.0
    """
    got, want = graph_of(computed), graph_of(gold)
    nodes = sorted(set(got) & set(want))
    if not nodes:
        raise TagError("the two hierarchies have no tag in common: are the tags written as in the gold standard?")
    up_got, up_want = ancestor_matrix(got, nodes), ancestor_matrix(want, nodes)
    near_got, near_want = (up_got + up_got.T).astype(bool), (up_want + up_want.T).astype(bool)
    counted = np.asarray(near_want.sum(axis=1)).ravel() > 0
    p, r, o = _cotopy(near_got, near_want, counted)
    rng = np.random.default_rng(seed)
    chance = []
    for _ in range(draws if counted.any() else 0):
        order = rng.permutation(len(nodes))
        rp, rr, _ = _cotopy(near_got[order][:, order], near_want, counted)
        chance.append(_harmonic(rp, rr))
    links = _links(got, want, nodes, up_want)
    return Agreement(
        precision=p,
        recall=r,
        f=_harmonic(p, r),
        overlap=o,
        **dict(zip(_LINKS, links, strict=True)),
        tags_count=int(counted.sum()),
        random_f=float(np.mean(chance)) if chance else np.nan,
        random_f_high=float(np.max(chance)) if chance else np.nan,
    )


def _cotopy(got: sparse.csr_matrix, want: sparse.csr_matrix, counted: np.ndarray) -> tuple[float, float, float]:
    if not counted.any():
        return (np.nan,) * 3
    both = np.asarray(got.multiply(want).sum(axis=1)).ravel()[counted].astype(float)
    mine = np.asarray(got.sum(axis=1)).ravel()[counted].astype(float)
    theirs = np.asarray(want.sum(axis=1)).ravel()[counted].astype(float)
    precision = np.divide(both, mine, out=np.zeros_like(both), where=mine > 0).mean()
    return float(precision), float((both / theirs).mean()), float((both / (mine + theirs - both)).mean())


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b > 0 else 0.0


def _links(got: nx.DiGraph, want: nx.DiGraph, nodes: list[str], up: sparse.csr_matrix) -> tuple[float, ...]:
    """Shares exact, acceptable, inverted, unrelated, missing; of several computed parents the best counts."""
    at = {node: i for i, node in enumerate(nodes)}
    known, above = set(at), up.tolil() if len(nodes) > 4000 else up.toarray().astype(bool)
    tally = np.zeros(5)
    total = 0
    for node in nodes:
        gold = set(want.predecessors(node)) & known
        if not gold and not up[at[node]].nnz:
            continue
        total += 1
        parents = [p for p in got.predecessors(node) if p in at]
        rank = min((_rank(p, node, gold, above, at) for p in parents), default=4)
        tally[rank] += 1
    if not total:
        return (np.nan,) * 5
    exact, acceptable, inverted, unrelated, missing = (tally / total).tolist()
    return exact, exact + acceptable, inverted, unrelated, missing


def _rank(parent: str, node: str, gold: set[str], above: np.ndarray, at: dict[str, int]) -> int:
    if parent in gold:
        return 0
    if above[at[node], at[parent]]:
        return 1
    return 2 if above[at[parent], at[node]] else 3
