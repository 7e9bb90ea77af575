"""Trials of retention: how many customers they want, and what they show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import norm

from labkit.estimates import Estimate, estimate_share
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.risk_sets import read_numbers

#: Of everybody whom a policy would approach, the part that is left alone so that effects stay measurable.
CONTROL_SHARE = 0.10


def trial_power(
    leaving_share: float, effect: float, customers_count: int, *, control_share: float = 0.5, alpha: float = 0.05
) -> float:
    """Chance that a trial shows an effect that is there.

    Parameters
    ----------
    leaving_share : float
        Of the customers left alone, within the trial.
    effect : float
        Part of these departures that the offer prevents.
    customers_count : int
        In both arms.
    control_share, alpha : float

    Notes
    -----
    Two-sided test of two shares, normal approximation; by customer, not by site. Fleiss (1981), chapter 3.

    Examples
    --------
    >>> round(trial_power(0.10, 0.5, 948), 2)
    0.83
    """
    if not (0 < leaving_share < 1 and 0 < effect <= 1 and 0 < control_share < 1 and customers_count > 1):
        raise LoyaltyError(
            "expected a leaving_share, an effect and a control_share between 0 and 1, and two customers or more"
        )
    p0, p1 = leaving_share, leaving_share * (1 - effect)
    n0, n1 = customers_count * control_share, customers_count * (1 - control_share)
    pooled = p0 * control_share + p1 * (1 - control_share)
    under = np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    over = np.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
    return float(norm.cdf((abs(p0 - p1) - norm.isf(alpha / 2) * under) / over))


def design_trial(
    leaving_share: float, effects: Sequence[float], *, power: float = 0.8, control_share: float = 0.5, alpha: float = 0.05,
    customers_available: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """How many customers a trial wants to show an effect.

    Parameters
    ----------
    leaving_share, control_share, alpha
        As of `trial_power`.
    effects : sequence of float
        Parts of departures prevented that should be seen if they are there.
    power : float
    customers_available : int, optional
        For ``power_share`` with as many.

    Returns
    -------
    DataFrame
        ``effect_share``, ``customers_count`` (both arms), and ``power_share`` with those available.
    """
    if not 0 < power < 1:
        raise LoyaltyError(f"power is {power}, expected between 0 and 1")
    rows = []
    for effect in effects:

        def short(n: float, effect: float = effect) -> float:
            return trial_power(leaving_share, effect, int(n), control_share=control_share, alpha=alpha) - power

        low, high = 4, 8
        while short(high) < 0:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if short(middle) < 0 else (low, middle)
        have = np.nan
        if customers_available:
            have = trial_power(leaving_share, effect, customers_available, control_share=control_share, alpha=alpha)
        rows.append((effect, high, have))
    return pd.DataFrame(rows, columns=["effect_share", "customers_count", "power_share"])


def detectable_effect(
    leaving_share: float, customers_count: int, *, power: float = 0.8, control_share: float = 0.5, alpha: float = 0.05
) -> float:
    """Smallest part of departures prevented that so many customers would show; missing where none is.

    Examples
    --------
    >>> round(detectable_effect(0.10, 2000), 2)
    0.34
    """

    def short(effect: float) -> float:
        return trial_power(leaving_share, effect, customers_count, control_share=control_share, alpha=alpha) - power

    return float(brentq(short, 1e-6, 1.0)) if short(1.0) > 0 else np.nan


def _arms(stays: ArrayLike, treated: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y, t = read_numbers(stays, "the outcome"), read_numbers(treated, "treated")
    if len(y) != len(t) or not np.isin(t, (0, 1)).all() or not np.isfinite(y).all():
        raise LoyaltyError("expected one outcome and one arm (0 or 1) a customer, none missing")
    if (t == 1).sum() < 2 or (t == 0).sum() < 2:
        raise LoyaltyError(
            "a trial wants two customers or more in each arm; without a control group nothing can be compared"
        )
    return y, t.astype(bool)


def estimate_uplift(stays: ArrayLike, treated: ArrayLike, level: float = 0.95) -> Estimate:
    """By how much an approach raised the share that stays, as a randomised trial shows.

    Examples
    --------
    >>> found = estimate_uplift([1] * 90 + [0] * 10 + [1] * 80 + [0] * 20, [1] * 100 + [0] * 100)
    >>> round(found.value, 2), round(found.low, 3), round(found.high, 3)
    (0.1, 0.0, 0.199)

    Notes
    -----
    Difference of two shares, Newcombe's interval (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    y, t = _arms(stays, treated)
    if not np.isin(y, (0, 1)).all():
        raise LoyaltyError("stays must be 0 or 1; for money take policy_value")
    one, two = (estimate_share(int(y[g].sum()), int(g.sum()), level) for g in (t, ~t))
    value = one.value - two.value
    low = value - np.hypot(one.value - one.low, two.high - two.value)
    high = value + np.hypot(one.high - one.value, two.value - two.low)
    return Estimate(value, float(low), float(high), len(y), level)


def qini_curve(stays: ArrayLike, treated: ArrayLike, score: ArrayLike) -> pd.DataFrame:
    """Customers kept by approaching those with the highest scores first, as a randomised trial shows.

    Parameters
    ----------
    stays, treated : array_like, shape (n,)
        Outcome and arm.
    score : array_like
        By which customers would be approached.

    Returns
    -------
    DataFrame
        ``approached_share``, ``kept_share`` (kept, of all customers), ``random_share``: if approached in any order.

    Notes
    -----
    Radcliffe (2007). Kept up to a place: stayers among the treated less those among the others, scaled to as many.
    """
    y, t = _arms(stays, treated)
    s = read_numbers(score, "score")
    if len(s) != len(y) or not np.isfinite(s).all():
        raise LoyaltyError("score must be one number a customer, none missing")
    order = np.argsort(-s, kind="stable")
    y, t, s = y[order], t[order], s[order]
    # Customers with the same score are approached together: the curve has a point where each score ends.
    last = np.append(s[1:] != s[:-1], True)
    n1, n0 = np.cumsum(t)[last], np.cumsum(~t)[last]
    kept = np.cumsum(y * t)[last] / np.maximum(n1, 1) - np.cumsum(y * ~t)[last] / np.maximum(n0, 1)
    share = np.flatnonzero(last) / len(y) + 1 / len(y)
    kept = np.where((n1 > 0) & (n0 > 0), kept * share, 0.0)
    return pd.DataFrame(
        {"approached_share": np.r_[0, share], "kept_share": np.r_[0, kept], "random_share": np.r_[0, share] * kept[-1]}
    )


def measure_qini(
    stays: ArrayLike, treated: ArrayLike, score: ArrayLike, *, draws: int = 500, seed: int = 0
) -> Estimate:
    """Area between the Qini curve and approaching in any order; 0 if the score tells nothing of the uplift.

    The interval is a bootstrap over customers, within arms.
    """
    y, t = _arms(stays, treated)
    s = np.asarray(score, dtype=float)

    def area(at: np.ndarray) -> float:
        curve = qini_curve(y[at], t[at], s[at])
        gap = (curve["kept_share"] - curve["random_share"]).to_numpy()
        return float(np.trapezoid(gap, curve["approached_share"]))

    drawn = [area(at) for at in _draws(t, draws, seed)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(area(np.arange(len(y))), float(low), float(high), len(y))


def policy_value(
    outcome: ArrayLike, treated: ArrayLike, approach: ArrayLike, *, propensity: float | ArrayLike | None = None,
    cost: ArrayLike = 0.0, draws: int = 500, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """What a policy is worth a customer, by a randomised trial in which it was not followed.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Such as the margin of the year, or 1 for those who stayed.
    treated : array_like
        Arm in the trial.
    approach : array_like of bool
        Whom the policy would approach.
    propensity : float or array_like, optional
        Chance of having been treated; the share of the treated by default.
    cost : array_like
        Of an approach, in the unit of the outcome.
    draws, seed : int

    Returns
    -------
    DataFrame
        ``policy`` (this, everybody, nobody, this_less_nobody, this_less_everybody), ``value`` with ``low``, ``high``.

    Notes
    -----
    Inverse-probability weights, normalised within arms; bootstrap over customers.
    """
    y, t = _arms(outcome, treated)
    a = np.asarray(approach, dtype=bool)
    e = np.broadcast_to(np.asarray(t.mean() if propensity is None else propensity, dtype=float), len(y))
    c = np.broadcast_to(np.asarray(cost, dtype=float), len(y))
    if not ((e > 0) & (e < 1)).all():
        raise LoyaltyError("propensity must lie between 0 and 1: everybody needs a chance of either arm")

    def values(at: np.ndarray) -> list[float]:
        yy, tt, aa, ee, cc = y[at], t[at], a[at], e[at], c[at]

        def mean(chosen: np.ndarray) -> float:
            total = -float((cc * chosen).mean())
            for group, arm, weight in ((chosen, tt, 1 / ee), (~chosen, ~tt, 1 / (1 - ee))):
                seen = group & arm
                if group.any():
                    total += float(group.mean() * np.average(yy[seen], weights=weight[seen])) if seen.any() else np.nan
            return total

        everybody = np.ones(len(yy), dtype=bool)
        found = [mean(aa), mean(everybody), mean(~everybody)]
        return [*found, found[0] - found[2], found[0] - found[1]]

    base = values(np.arange(len(y)))
    drawn = np.array([values(at) for at in _draws(t, draws, seed)])
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    names = ["this", "everybody", "nobody", "this_less_nobody", "this_less_everybody"]
    return pd.DataFrame({"policy": names, "value": base, "low": low, "high": high})


def _draws(treated: np.ndarray, draws: int, seed: int) -> list[np.ndarray]:
    """Customers drawn anew within each arm."""
    rng = np.random.default_rng(seed)
    arms = [np.flatnonzero(treated), np.flatnonzero(~treated)]
    return [np.concatenate([arm[rng.integers(0, len(arm), len(arm))] for arm in arms]) for _ in range(draws)]
