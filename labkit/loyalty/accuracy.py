"""How well a forecast of leaving comes true: order, chances, money left aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from labkit.estimates import Estimate
from labkit.loyalty.curves import SurvivalCurve, survival_curve
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.risk_sets import read_numbers, read_times


def concordance(
    duration: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    entry: ArrayLike | None = None,
    *,
    weighting: str = "harrell",
    tau: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Of two customers of whom one leaves first, how often the one with the higher risk does.

    Parameters
    ----------
    duration, event, entry : array_like, shape (n,)
        As of `survival_curve`. With late entry a pair counts only if both were there when the first left.
    risk : array_like
        Higher for those thought to leave sooner.
    weighting : {"harrell", "uno"}
        ``uno`` weighs departures by the inverse squared chance of still being watched, so that the figure does not
        hang on how long customers were watched; it needs all customers from time zero.
    tau : float, optional
        With ``uno``: departures after it do not count; by default the last time at which a tenth is still watched.
    level : float

    Raises
    ------
    LoyaltyError
        If no pair can be compared, a risk is missing, or ``uno`` is asked for with late entry.

    Notes
    -----
    Pairs with equal risk count half; a customer last seen at the time another leaves was there. Interval by the
    infinitesimal jackknife over customers. Harrell et al. (1996); Uno et al. (2011), doi:10.1002/sim.4154.

    Examples
    --------
    >>> concordance([1, 2, 3, 4], [1, 1, 1, 0], [4, 3, 1, 2]).value
    0.8333333333333334
    """
    if weighting not in ("harrell", "uno"):
        raise LoyaltyError(f"weighting is {weighting!r}, expected harrell or uno")
    if weighting == "uno" and entry is not None:
        raise LoyaltyError("uno is not defined with late entry; take weighting='harrell'")
    return concordance_of([count_pairs(duration, event, risk, entry, uno=weighting == "uno", tau=tau)], level)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of customers of whom one leaves first: how many, how many in the right order, and each customer's part in both."""

    good: float
    count: float
    own_good: np.ndarray
    own_count: np.ndarray


def concordance_of(parts: Sequence[Pairs], level: float = 0.95) -> Estimate:
    """Share of pairs in the right order, over groups within which pairs are made.

    Raises
    ------
    LoyaltyError
        If no pair can be compared.
    """
    count, n = sum(p.count for p in parts), sum(len(p.own_count) for p in parts)
    if count <= 0:
        raise LoyaltyError("no two customers can be compared: nobody left while another was there")
    value = sum(p.good for p in parts) / count
    each = np.concatenate([p.own_good - value * p.own_count for p in parts])
    reach = norm.ppf(0.5 + level / 2) * np.sqrt((each**2).sum()) / count
    return Estimate(value, max(0.0, float(value - reach)), min(1.0, float(value + reach)), n, level)


def count_pairs(
    duration: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    entry: ArrayLike | None = None,
    *,
    uno: bool = False,
    tau: float | None = None,
) -> Pairs:
    """Pairs of one group; see `concordance`."""
    sets = read_times(duration, event, entry)
    score = _one_each(risk, "risk", len(sets.duration))
    weight = _uno_weights(sets.duration, sets.event, tau) if uno else np.ones(len(score))
    # Whole numbers in which a customer last seen at t comes just after those who leave at t.
    clock = np.unique(np.r_[sets.duration, sets.entry], return_inverse=True)[1]
    end, start = 2 * clock[: len(score)] + ~sets.event, 2 * clock[len(score) :]
    place = np.unique(score, return_inverse=True)[1]
    index = sets.event & (weight > 0)
    w = np.where(index, weight, 0.0)
    # As the one who leaves: pairs with those who are there then, and those with lower and equal risk among them.
    own = [
        w * (_above(end, place, end, place, side) - _above(start, place, end - 1, place, side))
        for side in ("all", "below", "upto")
    ]
    # As the one who is there: pairs with those who leave while it is.
    theirs = [
        _above(-end[index], -place[index], -end, -place, side, w[index])
        - _above(-end[index], -place[index], -start - 1, -place, side, w[index])
        for side in ("all", "below", "upto")
    ]
    good = (own[1] + own[2]) / 2
    return Pairs(float(good.sum()), float(own[0].sum()), good + (theirs[1] + theirs[2]) / 2, own[0] + theirs[0])


def _one_each(values: ArrayLike, name: str, n: int) -> np.ndarray:
    x = read_numbers(values, name)
    if len(x) != n or not np.isfinite(x).all():
        raise LoyaltyError(f"{name} must be one number a customer, none missing; score every customer first")
    return x


def _above(
    x: np.ndarray, y: np.ndarray, from_x: np.ndarray, from_y: np.ndarray, side: str, weights: np.ndarray | None = None
) -> np.ndarray:
    """For each (from_x, from_y): weight of the points with x above it and y anything, below, or up to it.

    A wavelet matrix: points in order of x descending, split bit by bit of y; every step is one pass over all.
    """
    order = np.argsort(-x, kind="stable")
    w = np.ones(len(x)) if weights is None else weights[order]
    count = len(x) - np.searchsorted(np.sort(x), from_x, side="right")
    if side == "all":
        return np.asarray(np.r_[0.0, np.cumsum(w)][count])
    low = min(int(y.min()), int(from_y.min())) if len(y) else 0
    values = (y[order] - low).astype(np.int64)
    bound = (from_y - low + (side == "upto")).astype(np.int64)
    bits = max(int(max(values.max(initial=0), bound.max(initial=0))).bit_length(), 1)
    left, right, total = np.zeros(len(bound), dtype=np.int64), count.astype(np.int64), np.zeros(len(bound))
    for bit in range(bits - 1, -1, -1):
        one = (values >> bit) & 1
        zeros_before = np.r_[0, np.cumsum(1 - one)]
        zeros = int(zeros_before[-1])
        split = np.r_[np.flatnonzero(one == 0), np.flatnonzero(one)]
        values, w = values[split], w[split]
        sums = np.r_[0.0, np.cumsum(w)]
        l0, r0 = zeros_before[left], zeros_before[right]
        up = (bound >> bit) & 1 == 1
        total += np.where(up, sums[r0] - sums[l0], 0.0)
        left = np.where(up, zeros + left - l0, l0)
        right = np.where(up, zeros + right - r0, r0)
    return total


def _watched(duration: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times at which customers were last seen without having left, and the share still watched after each."""
    times = np.unique(duration[~event])
    if not len(times):
        return times, times
    ordered = np.sort(duration)
    n = len(ordered) - np.searchsorted(ordered, times, side="left")
    here = np.sort(duration[event])
    # Those who leave at a time go before those last seen at it.
    n = n - (np.searchsorted(here, times, side="right") - np.searchsorted(here, times, side="left"))
    ended = np.bincount(np.searchsorted(times, duration[~event]), minlength=len(times))
    return times, np.cumprod(1 - ended / np.maximum(n, 1))


def _share_watched(duration: np.ndarray, event: np.ndarray, at: np.ndarray, *, just_before: bool) -> np.ndarray:
    times, share = _watched(duration, event)
    return np.asarray(np.r_[1.0, share][np.searchsorted(times, at, side="left" if just_before else "right")])


def _uno_weights(duration: np.ndarray, event: np.ndarray, tau: float | None) -> np.ndarray:
    g = _share_watched(duration, event, duration, just_before=True)
    last = tau if tau is not None else float(duration[g >= 0.1].max())
    return np.where(event & (duration < last) & (g > 0), 1 / np.maximum(g, 1e-12) ** 2, 0.0)


def auc_at(
    duration: ArrayLike, event: ArrayLike, risk: ArrayLike, time: float, *, draws: int = 200, seed: int = 0
) -> Estimate:
    """Of a customer who has left by a time and one who has not, how often the first had the higher risk.

    Parameters
    ----------
    duration, event, risk : array_like, shape (n,)
        All customers from time zero.
    time : float
    draws, seed : int
        Bootstrap over customers.

    Raises
    ------
    LoyaltyError
        If nobody has left by then, or nobody is known to be there after it.

    Notes
    -----
    Cumulative and dynamic, departures weighted by the inverse chance of being watched. Uno et al. (2007),
    doi:10.1198/016214507000000149.
    """
    sets = read_times(duration, event)
    score = _one_each(risk, "risk", len(sets.duration))

    def measure(at: np.ndarray) -> float:
        t, e, s = sets.duration[at], sets.event[at], score[at]
        gone, here = e & (t <= time), t > time
        if not gone.any() or not here.any():
            return np.nan
        g = _share_watched(t, e, t[gone], just_before=True)
        order = np.sort(s[here])
        lower = (np.searchsorted(order, s[gone], "left") + np.searchsorted(order, s[gone], "right")) / 2
        return float(np.average(lower / here.sum(), weights=1 / np.maximum(g, 1e-12)))

    n = len(score)
    value = measure(np.arange(n))
    if np.isnan(value):
        raise LoyaltyError(f"by {time:g} nobody has left, or nobody is known to be there after it; take another time")
    rng = np.random.default_rng(seed)
    low, high = np.nanquantile([measure(rng.integers(0, n, n)) for _ in range(draws)], [0.025, 0.975])
    return Estimate(value, float(low), float(high), n)


def brier_score(
    duration: ArrayLike, event: ArrayLike, survival: ArrayLike, time: float, level: float = 0.95
) -> Estimate:
    """Mean squared error of the chance of being there at a time; 0 is perfect, 0.25 that of always saying one half.

    Parameters
    ----------
    duration, event : array_like, shape (n,)
        All customers from time zero.
    survival : array_like
        Foretold for each.
    time : float

    Notes
    -----
    Weighted for those not watched so long. Graf et al. (1999), doi:10.1002/(SICI)1097-0258(19990915)18:17/18<2529::AID-SIM274>3.0.CO;2-5.
    """
    sets = read_times(duration, event)
    s = _chances(survival, len(sets.duration))
    gone, here = sets.event & (sets.duration <= time), sets.duration > time
    if not here.any():
        raise LoyaltyError(f"nobody was watched beyond {time:g}; take an earlier time")
    g = np.where(
        gone,
        _share_watched(sets.duration, sets.event, sets.duration, just_before=True),
        _share_watched(sets.duration, sets.event, np.full(len(s), time), just_before=False),
    )
    error = np.where(gone, s**2, np.where(here, (1 - s) ** 2, 0.0)) / np.maximum(g, 1e-12)
    reach = norm.ppf(0.5 + level / 2) * error.std(ddof=1) / np.sqrt(len(s))
    return Estimate(float(error.mean()), float(error.mean() - reach), float(error.mean() + reach), len(s), level)


def _chances(survival: ArrayLike, n: int) -> np.ndarray:
    s = _one_each(survival, "survival", n)
    if ((s < 0) | (s > 1)).any():
        raise LoyaltyError("survival must be chances between 0 and 1, not per cent")
    return s


def calibration(
    duration: ArrayLike, event: ArrayLike, survival: ArrayLike, time: float, *, groups: int = 10
) -> pd.DataFrame:
    """Whether as many are there at a time as was foretold, group by group.

    Parameters
    ----------
    duration, event : array_like, shape (n,)
        All customers from time zero. With late entry what is foretold differs with each entry and has no one curve
        beside it: try a forecast on those who are there on a day, with the clock set to 0 then.
    survival : array_like
        Foretold for each at the time.
    time : float
    groups : int
        Of equal size, by what was foretold.

    Returns
    -------
    DataFrame
        ``group``, ``customers_count``, ``expected_share`` (mean foretold), ``seen_share`` with ``low_share``,
        ``high_share`` (Kaplan and Meier), ``within``; groups of fewer than 5 customers are left out.

    Raises
    ------
    LoyaltyError
        If nobody was watched until then, or chances are none.
    """
    sets = read_times(duration, event)
    s = _chances(survival, len(sets.duration))
    place = (pd.Series(s).rank(method="first").to_numpy() - 1) * groups // len(s)
    rows = []
    for k in range(groups):
        own = place == k
        if own.sum() < 5:
            continue
        curve: SurvivalCurve = survival_curve(sets.duration[own], sets.event[own])
        seen = curve.at(time).iloc[0]
        if np.isnan(seen["survival"]):
            raise LoyaltyError(
                f"nobody of group {k + 1} was watched until {time:g}; take an earlier time or fewer groups"
            )
        foretold = float(s[own].mean())
        ends = (float(seen[c]) for c in ("survival", "low", "high"))
        rows.append((k + 1, int(own.sum()), foretold, *ends, bool(seen["low"] <= foretold <= seen["high"])))
    names = ["group", "customers_count", "expected_share", "seen_share", "low_share", "high_share", "within"]
    return pd.DataFrame(rows, columns=names)
