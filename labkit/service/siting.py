"""Where to put service centres and repair posts: p-median, maximal covering, p-centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from labkit.service.errors import ServiceError
from labkit.service.exact_siting import solve_exactly
from labkit.service.interchange import Objective, search


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
        sites, value, bound = solve_exactly(inner, weight, p, objective, limit, seconds, seed)
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
