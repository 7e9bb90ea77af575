"""Figures of a scheme by itself and on the customers: logic, shape, information."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from labkit.portrait import SOURCES
from labkit.tags.association import entropy_bits, facet_labels
from labkit.tags.checks import check
from labkit.tags.checks.logic_checks import arrays, is_residual
from labkit.tags.checks.registry import View
from labkit.tags.growth import facets_of
from labkit.tags.membership import Membership
from labkit.tags.scheme import Scheme
from labkit.terms import Say


def measure_shape(scheme: Scheme) -> dict[str, float]:
    """Figures of the graph.

    Returns
    -------
    dict
        ``classes_count``, ``depth`` (longest chain, in edges), ``branching`` (mean size
        of a class array), ``single_child_share`` of the arrays, ``orphan_share`` of the
        classes, ``arborescence`` (1: one root, one parent each), ``flow_hierarchy``
        (share of edges on no cycle), ``reaching_centrality`` (global).

    Notes
    -----
    Flow hierarchy: Luo and Magee (2011), doi:10.1002/cplx.20368; global reaching
    centrality: Mones, Vicsek, Vicsek (2012), doi:10.1371/journal.pone.0033799.

    Examples
    --------
    >>> from labkit.tags import make_class
    >>> shape = measure_shape(Scheme.of([make_class("A"), make_class("B", parents="A"), make_class("C", parents="A")]))
    >>> shape["depth"], shape["branching"], shape["arborescence"]
    (1.0, 2.0, 1.0)
    """
    graph = scheme.graph
    sizes = [len(below) for below in scheme.children.values() if below]
    orphans = [id for id in scheme.roots if not scheme.children[id]]
    acyclic = nx.is_directed_acyclic_graph(graph)
    n = max(len(scheme), 1)
    return {
        "classes_count": float(len(scheme)),
        "depth": float(nx.dag_longest_path_length(graph)) if acyclic and len(graph) else np.nan,
        "branching": float(np.mean(sizes)) if sizes else 0.0,
        "single_child_share": float(np.mean([size == 1 for size in sizes])) if sizes else 0.0,
        "orphan_share": len(orphans) / n,
        "arborescence": float(len(graph) > 0 and nx.is_arborescence(graph)),
        "flow_hierarchy": float(nx.flow_hierarchy(graph)) if graph.number_of_edges() else np.nan,
        "reaching_centrality": _reaching_centrality(scheme),
    }


def _reaching_centrality(scheme: Scheme) -> float:
    n = len(scheme)
    if n < 2:
        return np.nan
    reach = np.array([len(scheme.descendants(id)) for id in scheme.classes]) / (n - 1)
    return float((reach.max() - reach).sum() / (n - 1))


def keeps_one_criterion(scheme: Scheme) -> float:
    """Share of class arrays that are divided by one criterion; missing where there is none."""
    total = sum(1 for _ in arrays(View(scheme, Say("en"))))
    return 1 - len(check(scheme, only=["one_criterion"])) / total if total else np.nan


def array_measures(scheme: Scheme, membership: Membership, weights: np.ndarray | None = None) -> pd.DataFrame:
    """Exclusion and union over the class arrays, and information, a row for each set of customers' weights.

    Parameters
    ----------
    scheme : Scheme
    membership : Membership
    weights : ndarray, shape (draws, customers), optional
        How often each customer counts, for a bootstrap; once each by default.

    Returns
    -------
    DataFrame
        ``exhaustiveness``: share of a parent's customers in a class below it, mean over
        arrays whose parent is known otherwise than as their union; ``residual_share``: of them
        in a residual class, which buys exhaustiveness cheaply; ``overlap_share``: share in two or more; ``largest_overlap``: mean over
        arrays of the worst pair's Szymkiewicz–Simpson overlap; ``information_bits``:
        mean of -log2 p over classes; ``left_bits``: H(customer | tag), bits still needed to
        single a customer out once a tag is known (Chi and Mytkowicz 2008,
        doi:10.1145/1379092.1379110); ``tags_per_customer``.
    """
    w = np.ones((1, len(membership.customer_ids))) if weights is None else weights.astype(float)
    shares = [_array_shares(*parts, w) for parts in _extents(scheme, membership)]
    with np.errstate(invalid="ignore", divide="ignore"):
        size = w @ membership.matrix.astype(float)
        share = size / w.sum(axis=1, keepdims=True)
        useful = (share > 0) & (share < 1)
        bits = np.where(useful, -np.log2(np.where(useful, share, 0.5)), np.nan)
        p = size / size.sum(axis=1, keepdims=True)
        left = (p * np.log2(np.maximum(size, 1))).sum(axis=1)
    columns = np.nanmean(np.stack(shares), axis=0).T if shares else np.full((len(w), 4), np.nan)
    frame = pd.DataFrame(columns, columns=["exhaustiveness", "residual_share", "overlap_share", "largest_overlap"])
    known = useful.any(axis=1)
    frame["information_bits"] = np.where(known, np.nansum(bits, axis=1) / np.maximum(useful.sum(axis=1), 1), np.nan)
    return frame.assign(left_bits=left, tags_per_customer=size.sum(axis=1) / w.sum(axis=1))


def _array_shares(whole: np.ndarray, inside: np.ndarray, left: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Covered, of that residual, doubled and the worst pair's overlap of one array, for each set of weights: shape (4, draws)."""
    total = w @ whole
    times = inside.sum(axis=0)
    sizes = w @ inside.T
    worst = np.zeros(len(w))
    for i, j in combinations(range(len(inside)), 2):
        both = inside[i] & inside[j]
        if both.any():
            worst = np.maximum(worst, (w @ both) / np.maximum(np.minimum(sizes[:, i], sizes[:, j]), 1e-12))
    safe = np.where(total > 0, total, np.nan)
    rest = whole & inside[left].any(axis=0)
    return np.stack([w @ (whole & (times > 0)) / safe, w @ rest / safe, w @ (whole & (times > 1)) / safe, worst])


def _extents(scheme: Scheme, membership: Membership) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each class array: customers to be divided, who is in each class, and which classes are residual."""
    for parent, below in arrays(View(scheme, Say("en"))):
        known = [item for item in below if item.id in membership]
        whole = membership.whole(scheme, parent.id)
        if whole is not None and len(known) > 1 and whole.any():
            left = np.array([is_residual(item) for item in known])
            yield whole, np.stack([membership.extent(item.id) for item in known]), left


def told_apart_bits(scheme: Scheme, membership: Membership) -> float:
    """Entropy of the finest groups that a scheme makes of the customers [bit].

    Notes
    -----
    Of the combinations of leaf classes a customer is in; with many combinations against
    customers it is close to the logarithm of their number.
    """
    leaves = [tag for tag in membership.tags if tag in scheme and not scheme.children[tag]]
    if not leaves:
        return 0.0
    inside = np.stack([membership.extent(tag) for tag in leaves]).T
    packed = np.packbits(inside, axis=1)
    return entropy_bits(np.unique(packed, axis=0, return_counts=True)[1])


def marks_needed(scheme: Scheme) -> tuple[float, float]:
    """Marks to express the attributes of a scheme: by listing all combinations, and by facets.

    Examples
    --------
    >>> from labkit.tags import read_catalogue
    >>> product, total = marks_needed(read_catalogue("faceted"))
    >>> product > 1e15, total
    (True, 161)
    """
    sizes = [len(tags) for tags in facets_of(scheme).values()]
    return (
        (float(np.prod(sizes, dtype=float)), int(sum(sizes)))
        if sizes
        else (float(len(scheme.leaves)), len(scheme.leaves))
    )


def decisions_per_customer(scheme: Scheme, membership: Membership) -> tuple[float, float]:
    """What assigning one customer asks: choices to be made, and classes to be read for them.

    A choice is made in each class array with a class the customer is in; all its classes are read.
    """
    choices, read = np.zeros(len(membership.customer_ids)), np.zeros(len(membership.customer_ids))
    facets = facets_of(scheme)
    for whole, inside, _ in _extents(scheme, membership):
        choices += whole
        read += whole * len(inside)
    for tags in facets.values():  # facets whose parent has no members of its own
        parent = scheme[tags[0]].parents[0] if scheme[tags[0]].parents else ""
        if parent not in membership:
            here = facet_labels(membership, tags) < len(tags)
            choices += here
            read += here * len(tags)
    return float(choices.mean()), float(read.mean())


def stump_accuracy(membership: Membership, portrait: pd.DataFrame, *, least: int = 10) -> pd.DataFrame:
    """How well each class is told by one attribute alone.

    Parameters
    ----------
    membership : Membership
    portrait : DataFrame
        ``customer_id`` and attributes; the customers of the membership. How often people tagged a customer
        is left out: it tells that there is a word, not which.
    least : int
        Customers in and out of a class below which it is left out.

    Returns
    -------
    DataFrame
        ``tag``, ``attribute``, ``balanced_accuracy`` of the best tree of two splits on one attribute.
    """
    frame = portrait.set_index("customer_id").reindex(membership.customer_ids)
    columns = {}
    for name in frame.columns.difference(SOURCES["taggings"], sort=False):
        values = frame[name]
        if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
            x = values.to_numpy(dtype=float, na_value=np.nan)[:, None]
        else:
            x = pd.get_dummies(values, dummy_na=True).to_numpy(dtype=float)
        columns[name] = np.where(np.isnan(x), -1e9, x)
    rows = []
    for tag in membership.tags:
        y = membership.extent(tag)
        if min(y.sum(), (~y).sum()) < least:
            continue
        best = ("", 0.0)
        for name, x in columns.items():
            guess = (
                DecisionTreeClassifier(max_leaf_nodes=3, class_weight="balanced", random_state=0).fit(x, y).predict(x)
            )
            score = (guess[y].mean() + (~guess[~y]).mean()) / 2
            if score > best[1]:
                best = (name, float(score))
        rows.append((tag, *best))
    return pd.DataFrame(rows, columns=["tag", "attribute", "balanced_accuracy"])
