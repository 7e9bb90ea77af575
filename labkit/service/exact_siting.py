"""The best sites, proved, by mixed-integer programming (HiGHS)."""

from __future__ import annotations

import numpy as np
from scipy import optimize, sparse

from labkit.service.errors import ServiceError
from labkit.service.interchange import bound_median, evaluate_sites, search


def solve_exactly(
    c: np.ndarray, w: np.ndarray, p: int, objective: str, limit: float | None, seconds: float, seed: int
) -> tuple[np.ndarray, float, float]:
    """Sites, value and bound of one objective, among demand points that can all be reached."""
    if objective == "center":
        return _center(c[w > 0], p, seconds)
    if objective == "cover":
        return _cover(c, w, p, float(limit or 0), seconds)
    start, best, _ = search(c, w, p, "median", limit, seed)
    finite = np.where(np.isfinite(c), c, 10 * (c[np.isfinite(c)].max() + 1))
    low, totals = bound_median(finite, w, p, best)
    if abs(best - low) <= 1e-9 * max(abs(best), 1):
        return start, best, best
    kept, sure = _fix_sites(totals, p, best - low)
    return _median(c, w, p, seconds, start, best, kept, sure)


def _fix_sites(totals: np.ndarray, p: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Sites that may be open in a plan better than the best known, and those of them that must be (reduced costs)."""
    order = np.argsort(totals, kind="stable")
    last_in, first_out = totals[order[p - 1]], totals[order[p]] if p < len(totals) else np.inf
    margin = gap * (1 + 1e-9) + 1e-9
    kept = np.sort(np.concatenate([order[:p], [j for j in order[p:] if totals[j] - last_in <= margin]])).astype(int)
    sure = np.array([j for j in order[:p] if first_out - totals[j] > margin], dtype=int)
    return kept, sure


def _median(
    c: np.ndarray,
    w: np.ndarray,
    p: int,
    seconds: float,
    start: np.ndarray,
    best: float,
    kept: np.ndarray,
    sure: np.ndarray,
) -> tuple[np.ndarray, float, float]:
    """The radius formulation (Elloumi 2010): a demand point pays each step outwards until a site is open."""
    near = c[:, kept]
    m = len(kept)
    rows, columns, costs = [], [], []
    base, at = 0.0, 0
    for i in np.flatnonzero(w > 0):
        finite = near[i][np.isfinite(near[i])]
        levels = np.unique(finite)
        if not len(levels):
            return start, best, best  # no plan of these sites serves everybody: the best known stands
        base += w[i] * levels[0]
        # With p sites open one of the nearest m - p + 1 is, so farther steps cannot be paid.
        reach = np.sort(near[i])[m - p]
        for k in range(1, len(levels)):
            if levels[k] > reach:
                break
            inside = np.flatnonzero(near[i] < levels[k])
            rows.append(np.full(len(inside) + 1, at))
            columns.append(np.append(inside, m + at))
            costs.append(float(w[i] * (levels[k] - levels[k - 1])))
            at += 1
    if not rows:
        return start, best, best
    entries = (np.concatenate(rows), np.concatenate(columns))
    matrix = sparse.csr_matrix((np.ones(len(entries[0])), entries), shape=(at, m + at))
    total = sparse.csr_matrix(np.concatenate([np.ones(m), np.zeros(at)])[None])
    least = np.zeros(m + at)
    least[np.searchsorted(kept, sure)] = 1
    found = optimize.milp(
        np.concatenate([np.zeros(m), costs]),
        constraints=[optimize.LinearConstraint(matrix, 1, np.inf), optimize.LinearConstraint(total, p, p)],
        integrality=np.concatenate([np.ones(m), np.zeros(at)]),
        bounds=optimize.Bounds(least, 1),
        options={"time_limit": seconds, "mip_rel_gap": 0},
    )
    if found.x is None:
        return start, best, best if found.status == 2 else base  # infeasible: nothing better than the best known
    sites = kept[np.argsort(-found.x[:m], kind="stable")[:p]]
    value = evaluate_sites(c, w, sites, "median")
    if value >= best:
        sites, value = start, best
    bound = value if found.status == 0 else base + float(found.mip_dual_bound)
    return sites, value, min(bound, value)


def _cover(c: np.ndarray, w: np.ndarray, p: int, limit: float, seconds: float) -> tuple[np.ndarray, float, float]:
    n, m = c.shape
    within = sparse.csr_matrix(c <= limit, dtype=float)
    matrix = sparse.hstack([within, -sparse.identity(n)]).tocsr()
    total = sparse.csr_matrix(np.concatenate([np.ones(m), np.zeros(n)])[None])
    found = optimize.milp(
        np.concatenate([np.zeros(m), -w]),
        constraints=[optimize.LinearConstraint(matrix, 0, np.inf), optimize.LinearConstraint(total, p, p)],
        integrality=np.concatenate([np.ones(m), np.zeros(n)]),
        bounds=optimize.Bounds(0, 1),
        options={"time_limit": seconds, "mip_rel_gap": 0},
    )
    sites = np.argsort(-found.x[:m], kind="stable")[:p]
    value = evaluate_sites(c, w, sites, "cover", limit)
    return sites, value, value if found.status == 0 else -float(found.mip_dual_bound)


def _center(c: np.ndarray, p: int, seconds: float) -> tuple[np.ndarray, float, float]:
    levels = np.unique(c[np.isfinite(c)])
    low, high, best = 0, len(levels) - 1, None
    sites = _cover_all(c, levels[high], seconds)
    if sites is None or len(sites) > p:
        raise ServiceError(f"no choice of {p} sites reaches every demand point: take more sites")
    best = sites
    while low < high:
        middle = (low + high) // 2
        sites = _cover_all(c, levels[middle], seconds)
        if sites is not None and len(sites) <= p:
            best, high = sites, middle
        else:
            low = middle + 1
    rest = [j for j in range(c.shape[1]) if j not in set(best.tolist())]
    full = np.concatenate([best, np.array(rest[: p - len(best)], dtype=int)])
    return full, float(levels[low]), float(levels[low])


def _cover_all(c: np.ndarray, limit: float, seconds: float) -> np.ndarray | None:
    """Fewest sites that have every demand point within the limit; None if there are none."""
    within = sparse.csr_matrix(c <= limit, dtype=float)
    if (np.asarray(within.sum(axis=1)).ravel() == 0).any():
        return None
    found = optimize.milp(
        np.ones(c.shape[1]),
        constraints=[optimize.LinearConstraint(within, 1, np.inf)],
        integrality=np.ones(c.shape[1]),
        bounds=optimize.Bounds(0, 1),
        options={"time_limit": seconds},
    )
    return None if found.x is None else np.flatnonzero(found.x > 0.5)
