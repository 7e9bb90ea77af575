"""Hierarchies out of people's own tags, by how tags occur together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import networkx as nx
import numpy as np
import pandas as pd
from scipy.sparse import csgraph

from labkit.tags.errors import TagError
from labkit.tags.evidence import SIGNS, weigh_pairs
from labkit.tags.record import make_class
from labkit.tags.scheme import Scheme
from labkit.tags.taggings import TagMatrix, tag_matrix

_MOST_TAGS = 8000


def induce(
    taggings: pd.DataFrame,
    method: str = "subsumption",
    *,
    least: int = 5,
    names: Mapping[str, str] | None = None,
    **parameters: float,
) -> Scheme:
    """A hierarchy of the tags that people wrote.

    Parameters
    ----------
    taggings : DataFrame
        ``document`` or ``customer_id``, ``tag``, and ``label`` where tags are codes.
    method : {"subsumption", "heymann", "generality", "tibely_a", "tibely_b", "evidence"}
    least : int
        Tags on fewer things are left out: nothing can be told of them.
    names : mapping of str to str, optional
        Tag -> its name, besides what ``label`` says.
    **parameters
        ``subsumption``: ``threshold`` (0.8) t, ``lift`` (0): least ratio of P(x|y) to P(x).
        ``heymann``: ``threshold`` (0.1) of the cosine. ``generality``: ``threshold``
        (0.3) of P(x|y). ``tibely_a``: ``omega`` (0.4). ``tibely_b``: ``z`` (10).
        ``evidence``: ``threshold`` (0.5) of the chance, ``constant`` and a weight for
        each of `labkit.tags.evidence.SIGNS`, as `choose_induction` learns them.

    Returns
    -------
    Scheme
        With ``method="folksonomy"``; a tag that goes nowhere is a root.

    Raises
    ------
    TagError
        If the method or a parameter is not known, no tag is on ``least`` things, or there are too many tags.

    Notes
    -----
    Subsumption (Sanderson and Croft 1999, doi:10.1145/312624.312679; Schmitz 2006): x
    is above y if P(x|y) >= t and P(y|x) < t, reduced to direct edges. With ``lift``, a
    tag that is everywhere is not above all that is rare. Heymann and Garcia-Molina
    (2006): tags in order of closeness in the graph of cosines, each under the most
    similar one placed already. Generality (Benz et al. 2010): each under the more
    frequent tag it goes with most. Tibély et al. (2013), doi:10.1371/journal.pone.0084133:
    A keeps links of at least ``omega`` of a tag's strongest and takes the one of
    highest z-score that is not mutual; B orders tags by eigenvector centrality of
    the significant links and sums z-scores over a tag and what stands under it. Local
    roots stay roots. These two follow descriptions of the paper, whose details could
    not all be checked. Evidence: a logit of several signs, learned where the truth is
    known; with its defaults it is close to subsumption at 0.5.

    Examples
    --------
    >>> tags = pd.DataFrame({"document": [1, 1, 2, 2, 3], "tag": ["tax", "vat", "tax", "vat", "tax"]})
    >>> induce(tags, "subsumption", least=1)["vat"].parents
    ('tax',)
    """
    if method not in METHODS:
        raise TagError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
    work, known = METHODS[method]
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise TagError(f"{method} has no parameter {unknown[0]!r}; it has {', '.join(known)}")
    table = tag_matrix(taggings).used(least)
    if not len(table.tags):
        raise TagError(f"no tag is on {least} things or more: bring more taggings, or lower `least`")
    if len(table.tags) > _MOST_TAGS:
        raise TagError(
            f"{len(table.tags):,} tags are on {least} things or more, at most {_MOST_TAGS:,} can be ordered: raise `least`"
        )
    settings: dict = {**known, **parameters}
    if method == "evidence":
        settings["names"] = {**(names or {}), **names_in(taggings)}
    edges = work(table, **settings)
    return as_scheme(table, edges)


def names_in(taggings: pd.DataFrame) -> dict[str, str]:
    """Names of tags that the column ``label`` gives, the first of each."""
    if "label" not in taggings:
        return {}
    known = taggings[["tag", "label"]].dropna().drop_duplicates("tag")
    return dict(zip(known["tag"].astype(str), known["label"].astype(str), strict=True))


def as_scheme(table: TagMatrix, edges: list[tuple[int, int]]) -> Scheme:
    """Edges parent -> child between places of tags, as a scheme."""
    above: dict[int, list[str]] = {}
    for parent, child in edges:
        above.setdefault(child, []).append(str(table.tags[parent]))
    classes = [make_class(str(tag), str(tag), parents=above.get(i, ())) for i, tag in enumerate(table.tags)]
    return Scheme.of(classes, title="folksonomy", method="folksonomy")


def _together(table: TagMatrix) -> tuple[np.ndarray, np.ndarray]:
    both = table.together.toarray().astype(float)
    counts = both.diagonal().copy()
    np.fill_diagonal(both, 0)
    return both, counts


def _subsume(table: TagMatrix, threshold: float, lift: float) -> list[tuple[int, int]]:
    both, counts = _together(table)
    given = both / counts[None, :]  # P(row | column)
    above = (given >= threshold) & (threshold > given.T) & (given >= lift * (counts / len(table.things))[:, None])
    # Of counts: x above y is only on more things than y, so nothing can go in a circle.
    graph = nx.DiGraph(list(zip(*(part.tolist() for part in np.nonzero(above)), strict=True)))
    return sorted(nx.transitive_reduction(graph).edges)


def _heymann(table: TagMatrix, threshold: float) -> list[tuple[int, int]]:
    both, counts = _together(table)
    cosine = both / np.sqrt(np.outer(counts, counts))
    near = cosine >= threshold
    steps = csgraph.shortest_path(near.astype(np.int8), unweighted=True)
    reached = np.isfinite(steps)
    far = np.where(reached, steps, 0).sum(axis=1)
    n = len(counts)
    with_others = reached.sum(axis=1) - 1
    # Closeness as of Wasserman and Faust, so that small components do not look central.
    closeness = np.divide(with_others**2, far * max(n - 1, 1), out=np.zeros(n), where=far > 0)
    order = np.lexsort((np.arange(n), -counts, -closeness))
    edges, placed = [], np.zeros(n, dtype=bool)
    for tag in order:
        likeness = np.where(placed, cosine[tag], -1.0)
        best = int(likeness.argmax())
        if likeness[best] >= threshold:
            edges.append((best, int(tag)))
        placed[tag] = True
    return edges


def _general(table: TagMatrix, threshold: float) -> list[tuple[int, int]]:
    both, counts = _together(table)
    given = both / counts[None, :]
    edges = []
    for tag in range(len(counts)):
        candidates = np.where(counts > counts[tag], given[:, tag], -1.0)
        best = int(candidates.argmax())
        if candidates[best] >= threshold:
            edges.append((best, tag))
    return edges


def z_scores(both: np.ndarray, counts: np.ndarray, n: int) -> np.ndarray:
    """How far two tags go together beyond chance, in standard deviations of the hypergeometric.

    Examples
    --------
    >>> z = z_scores(np.array([[0, 5], [5, 0]]), np.array([5.0, 5.0]), 10)
    >>> float(round(z[0, 1], 2))
    3.0
    """
    expected = np.outer(counts, counts) / n
    spread = expected * np.outer(n - counts, n - counts) / (n * max(n - 1, 1))
    return np.divide(both - expected, np.sqrt(spread), out=np.zeros_like(expected), where=spread > 0)


def _tibely_a(table: TagMatrix, omega: float) -> list[tuple[int, int]]:
    both, counts = _together(table)
    z = z_scores(both, counts, len(table.things))
    strongest = both.max(axis=0)
    coming = (both >= omega * strongest[None, :]) & (both > 0)  # from row to column
    edges = []
    for tag in range(len(counts)):
        candidates = np.flatnonzero(coming[:, tag] & ~coming[tag, :])
        if len(candidates):
            edges.append((int(candidates[z[candidates, tag].argmax()]), tag))
    return _without_cycles(edges, z)


def _tibely_b(table: TagMatrix, z: float) -> list[tuple[int, int]]:
    both, counts = _together(table)
    score = z_scores(both, counts, len(table.things))
    kept = np.where(score >= z, both, 0.0)
    central = np.ones(len(counts))
    for _ in range(200):  # power iteration, shifted so that it settles
        new = kept @ central + central
        new /= np.linalg.norm(new)
        if np.abs(new - central).max() < 1e-12:
            break
        central = new
    order = np.lexsort((np.arange(len(counts)), counts, central))
    rank = np.empty(len(counts), dtype=int)
    rank[order] = np.arange(len(counts))
    total = np.where(score >= z, score, 0.0)  # of a tag and what stands under it, to each candidate
    edges = []
    for tag in order:  # from the least central upwards
        candidates = np.flatnonzero((kept[tag] > 0) & (rank > rank[tag]))
        if len(candidates):
            best = int(candidates[total[tag, candidates].argmax()])
            edges.append((best, int(tag)))
            total[best] += total[tag]
    return edges


def _weigh(
    table: TagMatrix, threshold: float, constant: float, names: Mapping[str, str], **weights: float
) -> list[tuple[int, int]]:
    pairs = weigh_pairs(table, names)
    chance = 1 / (1 + np.exp(-(constant + pairs.signs @ np.array([weights[sign] for sign in SIGNS]))))
    kept = np.flatnonzero(chance >= threshold)
    # The surest first; an edge that would close a cycle is left out.
    order = kept[np.lexsort((pairs.lower[kept], pairs.upper[kept], -chance[kept]))]
    graph = nx.DiGraph()
    graph.add_edges_from(zip(pairs.upper[order].tolist(), pairs.lower[order].tolist(), strict=True))
    while not nx.is_directed_acyclic_graph(graph):
        strength = dict(zip(zip(pairs.upper.tolist(), pairs.lower.tolist(), strict=True), chance, strict=True))
        ring = nx.find_cycle(graph)
        graph.remove_edge(*min(ring, key=lambda edge: (strength[edge], edge)))
    return sorted(nx.transitive_reduction(graph).edges)


def _without_cycles(edges: list[tuple[int, int]], strength: np.ndarray) -> list[tuple[int, int]]:
    """One parent each may still go in a circle: its weakest edge goes."""
    above = {child: parent for parent, child in edges}
    for start in sorted(above):
        seen: list[int] = []
        at = start
        while at in above and at not in seen:
            seen.append(at)
            at = above[at]
        if at in seen:
            ring = seen[seen.index(at) :]
            weakest = min(ring, key=lambda child: (strength[above[child], child], child))
            del above[weakest]
    return sorted((parent, child) for child, parent in above.items())


#: Method -> how it works, and its parameters with their defaults.
METHODS: dict[str, tuple[Callable[..., list[tuple[int, int]]], dict[str, float]]] = {
    "subsumption": (_subsume, {"threshold": 0.8, "lift": 0.0}),
    "heymann": (_heymann, {"threshold": 0.1}),
    "generality": (_general, {"threshold": 0.3}),
    "tibely_a": (_tibely_a, {"omega": 0.4}),
    "tibely_b": (_tibely_b, {"z": 10.0}),
    "evidence": (
        _weigh,
        {"threshold": 0.5, "constant": 0.0, "given": 4.0, **dict.fromkeys(SIGNS[1:], 0.0)},
    ),
}
