"""How many clicks lead to a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from labkit.estimates import Estimate, estimate_by_bootstrap
from labkit.tags.membership import Membership
from labkit.tags.retrieval import Dimensions, dimensions_of
from labkit.tags.scheme import Scheme


def measure_clicks(
    scheme: Scheme, membership: Membership, *, few: int = 10, most: int = 8, targets: int = 400, seed: int
) -> tuple[Estimate, Estimate, Estimate]:
    """Clicks that lead from all customers to a handful with the one looked for.

    Parameters
    ----------
    scheme : Scheme
    membership : Membership
    few : int
        Customers left at which the search ends.
    most : int
        Clicks after which whoever searches gives up.
    targets : int
        Customers looked for, drawn at random.
    seed : int

    Returns
    -------
    clicks, left, stuck : Estimate
        Means over the targets with bootstrap intervals: clicks, a search that cannot go on counting
        ``most``; customers left at its end; share of searches that do not get down to ``few``.

    Notes
    -----
    Greedy, as in decentralised search (Helic et al. 2011, doi:10.1145/1995966.1996003):
    at each step the mark of the target that leaves fewest; in a tree only a class
    directly under the last one, otherwise any mark.
    """
    marks = dimensions_of(scheme, membership)
    tree = scheme.method == "enumerative"
    n = len(membership.customer_ids)
    who = np.random.default_rng(seed).choice(n, min(targets, n), replace=False)
    place = {tag: i for i, tag in enumerate(marks.tags)}
    tops = _tops(scheme, place) if tree else []
    found = np.array([_search(scheme, marks, place, tops, int(target), few, most) for target in who], dtype=float)
    clicks, left, stuck = (_mean_of(found[:, k], seed) for k in range(3))
    return clicks, left, stuck


def _search(
    scheme: Scheme, marks: Dimensions, place: Mapping[str, int], tops: Sequence[str], target: int, few: int, most: int
) -> tuple[int, int, bool]:
    """Clicks, customers left, whether the search was stuck."""
    tree = scheme.method == "enumerative"
    own = np.flatnonzero(marks.inside[:, target])
    here, at = np.arange(marks.inside.shape[1]), ""
    for done in range(most):
        if len(here) <= few:
            return done, len(here), False
        options = own
        if tree:
            below = scheme.children[at] if at else tops
            options = np.array([place[t] for t in below if t in place and marks.inside[place[t], target]], dtype=int)
        if not len(options):
            return most, len(here), True
        inside = marks.inside[np.ix_(options, here)]
        sizes = inside.sum(axis=1)
        best = int(sizes.argmin())
        if sizes[best] == len(here) and not tree:
            return most, len(here), True
        here, at = here[inside[best]], marks.tags[options[best]]
    return most, len(here), len(here) > few


def _tops(scheme: Scheme, place: Mapping[str, int]) -> Sequence[str]:
    """Marks nearest to the root: those no ancestor of which is a mark itself."""
    return [tag for tag in place if not any(above in place for above in scheme.ancestors(tag))]


def _mean_of(values: np.ndarray, seed: int) -> Estimate:
    if len(values) < 5 or (values == values[0]).all():
        return Estimate(float(values.mean()), np.nan, np.nan, len(values))
    return estimate_by_bootstrap(values, lambda x: x.mean(axis=1), seed=seed, draws=500)
