"""Good sites quickly: greedy starts, interchange, and bounds that say how good they are."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import optimize, sparse

Objective = Literal["median", "cover", "center"]


def evaluate_sites(
    cost: np.ndarray, demand: np.ndarray, sites: np.ndarray, objective: Objective, limit: float | None = None
) -> float:
    """Value of an objective for some sites."""
    near = np.asarray(cost, dtype=float)[:, sites].min(axis=1)
    if objective == "median":
        return float((near * demand)[demand > 0].sum())
    return float(demand[near <= limit].sum()) if objective == "cover" else float(near[demand > 0].max())


def _center_bound(c: np.ndarray, p: int, value: float) -> float:
    """Least travel for which the covering programme has a solution of ``p`` sites, taken in parts (relaxed)."""
    levels = np.unique(c[np.isfinite(c) & (c <= value)])
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        within = sparse.csr_matrix(c <= levels[middle], dtype=float)
        if (np.asarray(within.sum(axis=1)).ravel() == 0).any():
            low = middle + 1
            continue
        found = optimize.linprog(
            np.ones(c.shape[1]), A_ub=-within, b_ub=-np.ones(len(c)), bounds=(0, 1), method="highs"
        )
        low, high = (low, middle) if found.status == 0 and found.fun <= p + 1e-7 else (middle + 1, high)
    return float(levels[low])


def search(
    c: np.ndarray, w: np.ndarray, p: int, objective: Objective, limit: float | None, seed: int, starts: int = 5
) -> tuple[np.ndarray, float, float]:
    """Greedy and random starts, each improved by interchange; the best of them, with a bound."""
    far = 10 * (c[np.isfinite(c)].max() + 1)
    cost = np.where(np.isfinite(c), c, far)
    if objective == "cover":
        cost = (c > float(limit or 0)).astype(float)
    rng = np.random.default_rng(seed)
    sign = -1 if objective == "cover" else 1
    best: tuple[float, np.ndarray] | None = None
    for k in range(starts):
        sites = _greedy(cost, w, p, objective) if k == 0 else rng.choice(cost.shape[1], p, replace=False)
        sites = _interchange(cost, w, np.array(sites), objective)
        value = evaluate_sites(c, w, sites, objective, limit)
        if best is None or sign * value < sign * best[0]:
            best = (value, sites)
    assert best is not None
    value, sites = best
    if objective == "center":
        return sites, value, _center_bound(c[w > 0], p, value)
    bound, _ = bound_median(cost, w, p, value if objective == "median" else w.sum() - value)
    return sites, value, min(bound, value) if objective == "median" else max(w.sum() - bound, value)


def _score(near: np.ndarray, w: np.ndarray, objective: str) -> np.ndarray:
    return near[..., w > 0].max(axis=-1) if objective == "center" else near @ w


def _greedy(cost: np.ndarray, w: np.ndarray, p: int, objective: str) -> list[int]:
    near = np.full(len(cost), np.inf)
    chosen: list[int] = []
    for _ in range(p):
        options = np.minimum(near[None, :], cost.T)
        score = _score(options, w, objective)
        score[chosen] = np.inf
        chosen.append(int(score.argmin()))
        near = np.minimum(near, cost[:, chosen[-1]])
    return chosen


def _interchange(cost: np.ndarray, w: np.ndarray, sites: np.ndarray, objective: str) -> np.ndarray:
    """Exchange the pair that gains most until none does (Teitz and Bart, best improvement)."""
    sites = sites.copy()
    while True:
        sub = cost[:, sites]
        order = np.sort(sub, axis=1)[:, : min(2, len(sites))]
        nearest = sub.argmin(axis=1)
        first, second = order[:, 0], order[:, 1] if len(sites) > 1 else np.full(len(cost), np.inf)
        now = float(_score(first, w, objective))
        after = _after_exchange(cost, w, nearest, first, second, len(sites), objective)
        after[:, sites] = np.inf
        out, into = np.unravel_index(int(after.argmin()), after.shape)
        if after[out, into] >= now - 1e-9 * max(abs(now), 1):
            return sites
        sites[out] = into


def _after_exchange(
    cost: np.ndarray, w: np.ndarray, nearest: np.ndarray, first: np.ndarray, second: np.ndarray, p: int, objective: str
) -> np.ndarray:
    """Score after each exchange: rows the site that goes, columns the one that comes."""
    if objective == "center":
        left = [np.where(nearest == out, second, first) for out in range(p)]
        return np.stack([_score(np.minimum(x[None, :], cost.T), w, objective) for x in left])
    if p == 1:
        return (w @ cost)[None, :].copy()
    # Only those whose nearest site goes fare otherwise than if the new one just came.
    come = np.minimum(first[:, None], cost)
    gone = (np.minimum(second[:, None], cost) - come) * w[:, None]
    mine = sparse.csr_matrix((np.ones(len(nearest)), (nearest, np.arange(len(nearest)))), shape=(p, len(nearest)))
    return w @ come + mine @ gone


def bound_median(cost: np.ndarray, w: np.ndarray, p: int, upper: float, rounds: int = 1500) -> tuple[float, np.ndarray]:
    """Lower bound of the p-median by relaxing that everybody is served, and each site's reduced cost.

    Subgradient steps towards the best plan known; Cornuéjols, Fisher, Nemhauser (1977), doi:10.1287/mnsc.23.8.789.
    """
    weighted = cost * w[:, None]
    price = np.sort(weighted, axis=1)[:, min(1, cost.shape[1] - 1)]
    best, kept, step, stuck = -np.inf, np.zeros(cost.shape[1]), 1.5, 0
    for _ in range(rounds):
        gain = np.minimum(weighted - price[:, None], 0)
        total = gain.sum(axis=0)
        chosen = np.argpartition(total, p - 1)[:p]
        value = float(price.sum() + total[chosen].sum())
        if not np.isfinite(best) or value > best + 1e-7 * max(abs(best), 1):
            best, kept, stuck = value, total, 0
        else:
            stuck += 1
            if stuck >= 20:
                step, stuck = step * 0.7, 0
        slope = 1 - (gain[:, chosen] < 0).sum(axis=1)
        norm = float((slope**2).sum())
        if norm == 0 or step < 1e-5 or upper - best <= 1e-9 * max(abs(upper), 1):
            break
        price = price + step * max(upper - value, 1e-9) / norm * slope
    return best, kept
