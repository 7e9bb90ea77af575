"""Whether hazard ratios stay the same over time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import chi2

from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.risk_sets import RiskSets


def check_proportional(
    sets: dict[str, tuple[RiskSets, np.ndarray]],
    coefficients: np.ndarray,
    means: np.ndarray,
    names: list[str],
    transform: str,
) -> pd.DataFrame:
    """Score test of a straight drift of each coefficient; see `CoxModel.check_proportional`."""
    residuals, time, brings, counts = _schoenfeld(sets, coefficients, means)
    g = _transform(time, sets, transform)
    g = g - np.average(g, weights=counts)
    each = np.repeat(g, counts.astype(int))
    spread = float((each**2).sum())
    if spread == 0:
        raise LoyaltyError("all departures fall at one time, so a change over time cannot be seen")
    information = [np.einsum("t,tij->ij", g**k, brings) for k in range(3)]
    drift = each @ residuals
    # What the drifts tell beyond the coefficients themselves.
    cross, p = np.linalg.solve(information[0], information[1]), len(drift)
    statistic = np.array([drift[j] ** 2 / (information[2][j, j] - information[1][j] @ cross[:, j]) for j in range(p)])
    whole = float(drift @ np.linalg.solve(information[2] - information[1] @ cross, drift))
    scaled = coefficients + len(residuals) * residuals @ np.linalg.inv(information[0])
    slope, middle = each @ scaled / spread, scaled.mean(axis=0)
    early, late = np.quantile(each, [0.1, 0.9])
    with np.errstate(invalid="ignore", over="ignore"):
        correlation = (each @ (scaled - middle)) / np.sqrt(spread * ((scaled - middle) ** 2).sum(axis=0))
        ratios = np.exp(middle + slope * early), np.exp(middle + slope * late)
    table = pd.DataFrame(
        {
            "covariate": names,
            "correlation": correlation,
            "statistic": statistic,
            "p_value": chi2.sf(statistic, 1),
            "early_ratio": ratios[0],
            "late_ratio": ratios[1],
        }
    )
    last = pd.DataFrame({"covariate": ["all"], "statistic": [whole], "p_value": [chi2.sf(whole, p)]})
    return pd.concat([table, last], ignore_index=True)


def _schoenfeld(
    strata: dict[str, tuple[RiskSets, np.ndarray]], coefficients: np.ndarray, means: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Residuals of every departure in order of time; distinct times, information at each and departures, by stratum."""
    parts, times, brings, counts = [], [], [], []
    for sets, x in strata.values():
        centred = x - means
        mean, information = _tie_moments(sets, centred, coefficients)
        place = np.sort(sets.after[sets.event]) - 1
        order = np.flatnonzero(sets.event)[np.argsort(sets.after[sets.event], kind="stable")]
        parts.append(centred[order] - mean[place])
        times.append(sets.times)
        brings.append(information)
        counts.append(np.bincount(place, minlength=len(sets.times)))
    return np.vstack(parts), np.concatenate(times), np.concatenate(brings), np.concatenate(counts)


def _tie_steps(
    sets: RiskSets, x: np.ndarray, b: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Efron's steps through ties: places of times that have so many departures, share gone, sum of hazards, mean covariates."""
    r = np.exp(x @ b)
    s0, s1 = sets.sum(r), sets.sum(x * r[:, None])
    d0, d1 = sets.sum_events(r), sets.sum_events(x * r[:, None])
    count = sets.sum_events(np.ones(len(r)))
    for k in range(int(count.max())):
        on = np.flatnonzero(count > k)
        gone = k / count[on]
        total = s0[on] - gone * d0[on]
        yield on, gone, total, (s1[on] - gone[:, None] * d1[on]) / total[:, None]


def _tie_moments(sets: RiskSets, x: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of covariates over the steps of each time, and information it brings: shapes (times, p), (times, p, p)."""
    p = x.shape[1]
    r = np.exp(x @ b)
    pairs = [(i, j) for i in range(p) for j in range(i, p)]
    products = np.column_stack([x[:, i] * x[:, j] * r for i, j in pairs])
    s2, d2 = sets.sum(products), sets.sum_events(products)
    count = sets.sum_events(np.ones(len(r)))
    centre, brings = np.zeros((len(count), p)), np.zeros((len(count), p, p))
    for on, gone, total, mean in _tie_steps(sets, x, b):
        centre[on] += mean / count[on][:, None]
        second = (s2[on] - gone[:, None] * d2[on]) / total[:, None]
        for k, (i, j) in enumerate(pairs):
            covariance = second[:, k] - mean[:, i] * mean[:, j]
            brings[on, i, j] += covariance
            if i != j:
                brings[on, j, i] += covariance
    return centre, brings


def score_residuals(sets: RiskSets, x: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What each customer adds to the score of the partial likelihood (Efron), shape (n, p); they add up to 0."""
    size, p = len(sets.times), x.shape[1]
    r, count = np.exp(x @ b), sets.sum_events(np.ones(len(x)))
    rate, pull = np.zeros(size), np.zeros((size, p))
    part, part_pull, centre = np.zeros(size), np.zeros((size, p)), np.zeros((size, p))
    for on, gone, total, mean in _tie_steps(sets, x, b):
        rate[on] += 1 / total
        pull[on] += mean / total[:, None]
        part[on] += gone / total
        part_pull[on] += (gone / total)[:, None] * mean
        centre[on] += mean / count[on][:, None]
    rates, pulls = np.r_[0.0, rate.cumsum()], np.vstack([np.zeros(p), pull.cumsum(axis=0)])
    first = np.minimum(sets.first, sets.after)
    out = -r[:, None] * (x * (rates[sets.after] - rates[first])[:, None] - (pulls[sets.after] - pulls[first]))
    at = sets.after[sets.event] - 1
    own = x[sets.event]
    # Those who leave together count only in part against each other.
    out[sets.event] += own - centre[at] + r[sets.event][:, None] * (own * part[at][:, None] - part_pull[at])
    return np.asarray(out)


def _transform(time: np.ndarray, sets: dict[str, tuple[RiskSets, np.ndarray]], how: str) -> np.ndarray:
    if how == "identity":
        return time
    if how == "log":
        return np.asarray(np.log(np.maximum(time, 1e-12)))
    if how == "rank":
        return np.asarray(np.unique(time, return_inverse=True)[1].astype(float))
    if how != "km":
        raise LoyaltyError(f"transform is {how!r}, expected km, rank, identity or log")
    everybody = RiskSets(
        *(np.concatenate([getattr(s, n) for s, _ in sets.values()]) for n in ("duration", "event", "entry"))
    )
    ones = np.ones(len(everybody.duration))
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1 - everybody.sum_events(ones) / everybody.sum(ones))
    before = np.r_[1.0, survival[:-1]]
    return np.asarray(1 - before[np.searchsorted(everybody.times, time)])
