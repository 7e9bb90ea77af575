"""Where to put service centres and repair posts: p-median, maximal covering, p-centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, sparse

from labkit.service.errors import ServiceError
from labkit.service.interchange import Objective, bound_median, evaluate_sites, search


@dataclass(frozen=True, eq=False)
class Siting:
    """Chosen sites.

    Attributes
    ----------
    sites : ndarray of int
        Places of the chosen sites, in order.
    assigned : ndarray of int
        Site of each demand point, the nearest one; -1 where none can be reached.
    value : float
        ``median``: demand-weighted cost; ``cover``: demand within the limit; ``center``: the largest cost.
    bound : float
        What no choice could better.
    gap : float
        Relative distance of value and bound; 0 where proved.
    proved : bool
    unreachable : tuple of int
        Demand points that no candidate site reaches; they are left out of the objective.
    """

    sites: np.ndarray
    assigned: np.ndarray
    value: float
    bound: float
    gap: float
    proved: bool
    unreachable: tuple[int, ...]


def site_centres(
    cost: np.ndarray,
    demand: np.ndarray,
    p: int,
    objective: Objective = "median",
    method: Literal["exact", "heuristic"] = "exact",
    *,
    limit: float | None = None,
    seconds: float = 300.0,
    seed: int = 0,
) -> Siting:
    """Choose ``p`` of the candidate sites.

    Parameters
    ----------
    cost : ndarray, shape (demands, sites)
        Travel [min or km]; infinite or missing where there is no way.
    demand : ndarray, shape (demands,)
        Weights, such as customers or faults a year.
    p : int
    objective : {"median", "cover", "center"}
        Least weighted travel; most demand within ``limit``; least longest travel.
    method : {"exact", "heuristic"}
        Exact by mixed-integer programming (HiGHS) for some hundreds of sites; greedy
        with interchange beyond, with a bound and the gap to it.
    limit : float, optional
        For "cover": travel within which a demand point counts as served.
    seconds : float
        Longest time of the solver; the best found so far is given with its gap.
    seed : int
        Of the heuristic's starts.

    Raises
    ------
    ServiceError
        If shapes, ``p`` or weights do not fit, no demand point can be reached, or "cover" has no limit.

    Notes
    -----
    p-median: Hakimi (1964); interchange: Teitz and Bart (1968); maximal covering: Church
    and ReVelle (1974). p-centre by bisection over the costs with a covering programme each.

    Examples
    --------
    >>> line = np.abs(np.arange(5)[:, None] - np.arange(5)[None, :]).astype(float)
    >>> site_centres(line, np.ones(5), 1).sites.tolist()
    [2]
    """
    c, w = _checked(cost, demand, p, objective, limit)
    reachable = np.isfinite(c).any(axis=1)
    lost = tuple(np.flatnonzero(~reachable).tolist())
    if not reachable.any():
        raise ServiceError("no demand point can be reached from any site: check the costs")
    inner, weight = c[reachable], w[reachable]
    if method == "heuristic":
        sites, value, bound = search(inner, weight, p, objective, limit, seed)
    elif method == "exact":
        sites, value, bound = _exact(inner, weight, p, objective, limit, seconds, seed)
    else:
        raise ServiceError(f"method is {method!r}, expected 'exact' or 'heuristic'")
    gap = abs(value - bound) / abs(value) if np.isfinite(value) and value else 0.0 if value == bound else np.inf
    chosen = np.sort(sites)
    near = c[:, chosen]
    assigned = np.where(np.isfinite(near).any(axis=1), chosen[near.argmin(axis=1)], -1)
    return Siting(chosen, assigned, value, bound, 0.0 if gap < 1e-6 else float(gap), bool(gap < 1e-6), lost)


def _checked(
    cost: np.ndarray, demand: np.ndarray, p: int, objective: str, limit: float | None
) -> tuple[np.ndarray, np.ndarray]:
    c, w = np.asarray(cost, dtype=float), np.asarray(demand, dtype=float)
    if c.ndim != 2 or w.shape != (c.shape[0],):
        raise ServiceError(f"cost has shape {c.shape} and demand {w.shape}: expected (demands, sites) and (demands,)")
    if not 1 <= p <= c.shape[1]:
        raise ServiceError(f"p is {p}, expected from 1 to the {c.shape[1]} candidate sites")
    if not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
        raise ServiceError("demand has negative or missing weights, or is nought everywhere")
    if objective not in ("median", "cover", "center"):
        raise ServiceError(f"objective is {objective!r}, expected 'median', 'cover' or 'center'")
    if objective == "cover" and limit is None:
        raise ServiceError("objective 'cover' needs a limit: the travel within which a demand point is served")
    if (c < 0).any():
        raise ServiceError("cost has negative entries")
    return np.where(np.isnan(c), np.inf, c), w


# -- exact -------------------------------------------------------------------------------


def _exact(
    c: np.ndarray, w: np.ndarray, p: int, objective: str, limit: float | None, seconds: float, seed: int
) -> tuple[np.ndarray, float, float]:
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


def value_of_sites(
    cost: np.ndarray,
    demand: np.ndarray,
    most: int,
    objective: Objective = "median",
    *,
    limit: float | None = None,
    method: Literal["exact", "heuristic"] = "exact",
    seed: int = 0,
) -> pd.DataFrame:
    """What each further site would bring.

    Parameters
    ----------
    cost, demand, objective, limit, method, seed
        As of `site_centres`.
    most : int
        Largest number of sites to try.

    Returns
    -------
    DataFrame
        ``sites_count``, ``value``, ``gain`` (over one site fewer), ``gap``.
    """
    rows = []
    for p in range(1, most + 1):
        found = site_centres(cost, demand, p, objective, method, limit=limit, seed=seed)
        rows.append((p, found.value, found.gap))
    frame = pd.DataFrame(rows, columns=["sites_count", "value", "gap"])
    sign = 1 if objective == "cover" else -1
    return frame.assign(gain=sign * frame["value"].diff())[["sites_count", "value", "gain", "gap"]]


def travel_minutes(
    longitude: np.ndarray,
    latitude: np.ndarray,
    to_longitude: np.ndarray,
    to_latitude: np.ndarray,
    speed_kmh: float = 35.0,
    detour: float = 1.3,
) -> np.ndarray:
    """Travel between places [min]: great circle times a detour factor, over a mean speed.

    Parameters
    ----------
    longitude, latitude : ndarray, shape (n,)
        [°].
    to_longitude, to_latitude : ndarray, shape (m,)
    speed_kmh : float
        [km/h].
    detour : float
        Road over straight line.

    Examples
    --------
    >>> travel_minutes(np.array([112.0]), np.array([30.0]), np.array([112.0]), np.array([31.0])).round().tolist()
    [[248.0]]
    """
    lon1, lat1, lon2, lat2 = (
        np.radians(np.asarray(x, dtype=float)) for x in (longitude, latitude, to_longitude, to_latitude)
    )
    half = np.sin((lat2[None] - lat1[:, None]) / 2) ** 2
    half = half + np.cos(lat1)[:, None] * np.cos(lat2)[None] * np.sin((lon2[None] - lon1[:, None]) / 2) ** 2
    return 2 * 6371.0 * np.arcsin(np.sqrt(half)) * detour / speed_kmh * 60
