"""Who joins a voluntary programme: a choice by gain, effort and segment; free riders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.special import expit

from labkit.dsm.errors import DsmError


@dataclass(frozen=True)
class Joining:
    """A logit of joining.

    Attributes
    ----------
    intercept : float
        Log odds at no gain and no effort: readiness, such as green awareness.
    per_yuan : float
        Log odds a yuan of gain, a year or in present value as the gain is given.
    effort_yuan : float
        What taking part costs in time and trouble; taken off the gain.
    per_percent : float
        Log odds a percent of the yearly bill gained: for customers of mixed sizes,
        whom the same yuan do not move alike.
    """

    intercept: float
    per_yuan: float = 0.0
    effort_yuan: float = 0.0
    per_percent: float = 0.0

    def probability(self, gain_yuan: np.ndarray | float, bill_yuan: np.ndarray | float | None = None) -> np.ndarray:
        """Chance of joining at a gain [yuan] and, with `per_percent`, a yearly bill [yuan].

        Raises
        ------
        DsmError
            If the choice hangs on the bill and no bill is given.

        Examples
        --------
        >>> Joining(-2.0, 0.01, 50.0).probability(np.array([50.0, 250.0])).round(4).tolist()
        [0.1192, 0.5]
        >>> Joining(-2.0, per_percent=0.5).probability(400.0, 10_000.0).round(4).tolist()
        0.5
        """
        gain = np.asarray(gain_yuan, dtype=float) - self.effort_yuan
        odds = self.intercept + self.per_yuan * gain
        if self.per_percent:
            if bill_yuan is None:
                raise DsmError("joining by a percent of the bill (per_percent) needs the yearly bill; give bill_yuan")
            # A bill of nothing would make any gain endless.
            odds = odds + self.per_percent * 100 * gain / np.maximum(np.asarray(bill_yuan, dtype=float), 1.0)
        return np.asarray(expit(odds))


def draw_joiners(chance: np.ndarray, seed: int) -> np.ndarray:
    """Who joins: each by its own chance, the same draw for every chance.

    Parameters
    ----------
    chance : ndarray, shape (customers,)

    Returns
    -------
    ndarray of bool
        Who joins at a chance joins at any higher one too, so that scenarios differ
        by what they change and not by lot.

    Examples
    --------
    >>> few, more = draw_joiners(np.full(100, 0.2), 1), draw_joiners(np.full(100, 0.4), 1)
    >>> bool((more | ~few).all()), int(few.sum()) < int(more.sum())
    (True, True)
    """
    p = np.asarray(chance, dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise DsmError("a chance of joining lies outside 0 to 1")
    return np.asarray(np.random.default_rng(seed).random(len(p)) < p)


@dataclass(frozen=True)
class NetToGross:
    """What a programme moved of what its participants did.

    Attributes
    ----------
    free_riders : float
        Share who would have done it without the incentive.
    ratio : float
        Net over gross effect: 1 - free riders + spillover.
    """

    free_riders: float
    spillover: float

    @property
    def ratio(self) -> float:
        """Net over gross."""
        return 1 - self.free_riders + self.spillover


def net_to_gross(
    joining: Joining,
    gain_yuan: np.ndarray,
    incentive_yuan: np.ndarray | float,
    weight: np.ndarray | None = None,
    spillover: float = 0.0,
    bill_yuan: np.ndarray | None = None,
) -> NetToGross:
    """Free riders from the choice itself: who would join at the gain without the incentive.

    Parameters
    ----------
    joining : Joining
    gain_yuan : ndarray, shape (customers,)
        Gain without the incentive.
    incentive_yuan : float or ndarray
    weight : ndarray, optional
        What each brings, such as energy saved; 1 each where left out.
    spillover : float
        Effect on those who took no incentive, as a share of the gross effect.
    bill_yuan : ndarray, shape (customers,), optional
        Yearly bills, where the choice hangs on them.

    Examples
    --------
    >>> round(net_to_gross(Joining(-1.0, 0.01), np.zeros(3), 100.0).free_riders, 3)
    0.538
    """
    w = np.ones(np.shape(gain_yuan)) if weight is None else np.asarray(weight, dtype=float)
    without = joining.probability(gain_yuan, bill_yuan)
    with_it = joining.probability(np.asarray(gain_yuan) + incentive_yuan, bill_yuan)
    joined = (w * with_it).sum()
    if joined <= 0:
        raise DsmError("nobody joins, or the weights add up to nothing: there is no effect to be net or gross of")
    return NetToGross(float(np.clip((w * np.minimum(without, with_it)).sum() / joined, 0, 1)), spillover)


def fit_joining(table: pd.DataFrame, segment: str | None = None) -> pd.DataFrame:
    """The logit from offers that were taken or not.

    Parameters
    ----------
    table : DataFrame
        ``joined`` (bool), ``gain_yuan``, and the column of `segment`.
    segment : str, optional
        An intercept of its own for each.

    Returns
    -------
    DataFrame
        ``term``, ``value``, ``low``, ``high`` (95 %, likelihood curvature): ``per_yuan``
        and an intercept each segment.

    Raises
    ------
    DsmError
        If all joined or none did, in all or in a segment, or gain tells them apart wholly.
    """
    joined = table["joined"].to_numpy(dtype=float)
    groups = table[segment].astype(str) if segment else pd.Series("all", table.index)
    by = pd.Series(joined, table.index).groupby(groups).mean()
    if ((by == 0) | (by == 1)).any():
        raise DsmError(f"in {by.index[(by == 0) | (by == 1)][0]} all or none joined; a choice needs both")
    dummies = pd.get_dummies(groups, dtype=float)
    x = np.column_stack([table["gain_yuan"].to_numpy(dtype=float), dummies.to_numpy()])
    try:
        fit = sm.Logit(joined, x).fit(disp=0, maxiter=200)
    except (np.linalg.LinAlgError, sm.tools.sm_exceptions.PerfectSeparationError) as error:
        raise DsmError(
            "the gain tells who joined from who did not without fail, or does not vary; no logit can be fitted"
        ) from error
    ends = np.asarray(fit.conf_int())
    terms = ["per_yuan", *(f"intercept {name}" for name in dummies)]
    return pd.DataFrame({"term": terms, "value": np.asarray(fit.params), "low": ends[:, 0], "high": ends[:, 1]})
