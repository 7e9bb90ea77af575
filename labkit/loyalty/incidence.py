"""What customers leave for, where reasons compete."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from scipy.stats import norm

from labkit import figures
from labkit.loyalty.curves import read_step
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.risk_sets import read_times


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """Share that has left for each reason, over time; shares and survival add up to 1.

    Attributes
    ----------
    table : DataFrame
        ``reason``, ``time``, ``at_risk``, ``events``, ``incidence`` with ``low``, ``high``, and ``one_minus_survival``:
        what a survival curve of this reason alone would say, too much where reasons compete.
    level : float
    last_time : float
    """

    table: pd.DataFrame
    level: float
    last_time: float

    @property
    def reasons(self) -> list[str]:
        """Reasons, by their last incidence, the largest first."""
        last = self.table.groupby("reason", sort=False)["incidence"].last()
        return [str(r) for r in last.sort_values(ascending=False, kind="stable").index]

    def at(self, times: ArrayLike) -> pd.DataFrame:
        """``reason``, ``time``, ``incidence``, ``low``, ``high``, ``one_minus_survival``."""
        t = np.atleast_1d(np.asarray(times, dtype=float))
        parts = []
        for reason in self.reasons:
            own = self.table[self.table["reason"] == reason]
            step = read_step(own, t, "incidence", 0.0, self.last_time)
            wrong = read_step(own, t, "one_minus_survival", 0.0, self.last_time, ends=False)
            parts.append(step.assign(one_minus_survival=wrong["one_minus_survival"]).assign(reason=reason))
        return pd.concat(parts, ignore_index=True)[["reason", "time", "incidence", "low", "high", "one_minus_survival"]]

    def plot(
        self, ax: Axes | None = None, *, names: dict[str, str] | None = None, x_label: str = "", y_label: str = ""
    ) -> Axes:
        """Curves by reason with their intervals; y in per cent."""
        with figures.style():
            ax = ax or figures.new_axes(height_in=3.6)
            for i, reason in enumerate(self.reasons):
                own = self.table[self.table["reason"] == reason]
                colour = figures.SERIES[i % len(figures.SERIES)]
                x = np.r_[0.0, own["time"], self.last_time]
                low, high = (np.r_[0.0, own[c], own[c].iloc[-1]] * 100 for c in ("low", "high"))
                y = np.r_[0.0, own["incidence"], own["incidence"].iloc[-1]] * 100
                ax.fill_between(x, low, high, step="post", color=colour, alpha=0.12, linewidth=0)
                ax.step(x, y, where="post", color=colour, linewidth=2, label=(names or {}).get(reason, reason))
            ax.set_ylim(bottom=0)
            ax.set_xlim(0, self.last_time)
            ax.grid(axis="y")
            ax.legend(loc="upper left")
            ax.set_xlabel(x_label, loc="right")
            ax.set_title(y_label, fontsize=10, color=figures.SOFT)
        return ax


def cumulative_incidence(
    duration: ArrayLike, reason: ArrayLike, entry: ArrayLike | None = None, *, level: float = 0.95
) -> CumulativeIncidence:
    """How many have left for each of several reasons after so long (Aalen and Johansen, with late entry).

    Parameters
    ----------
    duration : array_like, shape (n,)
        When each left or was last seen.
    reason : array_like
        Why it left; missing, empty or 0 for those who have not.
    entry : array_like, optional
        When it was first seen.
    level : float

    Raises
    ------
    LoyaltyError
        If times cannot be, or nobody left: there is no reason to tell of then.

    Notes
    -----
    Variance by the delta method (Marubini and Valsecchi 1995, chapter 10), interval on the log-log scale.
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150.

    Examples
    --------
    >>> found = cumulative_incidence([1, 2, 3, 4], ["moved", "retailer", None, "moved"])
    >>> found.at(4)[["reason", "incidence"]].to_numpy().tolist()
    [['moved', 0.75], ['retailer', 0.25]]
    """
    why = pd.Series(np.asarray(reason, dtype=object))
    why = why.where(why.isna(), why.astype(str).str.strip())
    stays = why.isna() | why.isin(["", "0", "0.0", "False", "nan", "None", "none"])
    sets = read_times(duration, ~stays.to_numpy(), entry)
    if not sets.event.any():
        raise LoyaltyError("nobody left, so no reason can be told of; survival_curve gives what is known")
    ones = np.ones(len(why))
    n, d = sets.sum(ones), sets.sum_events(ones)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1 - d / n)
        before = np.r_[1.0, survival[:-1]]
        lost = np.where(n > d, d / (n * (n - d)), 0.0)
    parts = []
    for name in sorted({str(r) for r in why[~stays]}):
        own = sets.sum_events(ones, (why.astype(str) == name).to_numpy() & sets.event)
        incidence = np.cumsum(before * own / n)
        noise = before**2 * (n - own) * own / n**3
        joint = before * own / n**2
        # The sums of F(t) - F(s) over the steps s up to t, opened so that one pass does.
        variance = (
            incidence**2 * np.cumsum(lost)
            - 2 * incidence * np.cumsum(incidence * lost)
            + np.cumsum(incidence**2 * lost)
            + np.cumsum(noise)
            - 2 * (incidence * np.cumsum(joint) - np.cumsum(incidence * joint))
        )
        low, high = _log_log(incidence, np.maximum(variance, 0), n, level)
        alone = 1 - np.cumprod(1 - own / n)
        parts.append(
            pd.DataFrame(
                {
                    "reason": name,
                    "time": sets.times,
                    "at_risk": n,
                    "events": own,
                    "incidence": incidence,
                    "low": low,
                    "high": high,
                    "one_minus_survival": alone,
                }
            )
        )
    return CumulativeIncidence(pd.concat(parts, ignore_index=True), level, float(sets.duration.max()))


def _log_log(
    share: np.ndarray, variance: np.ndarray, at_risk: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(share)
        reach = norm.ppf(0.5 + level / 2) * np.sqrt(variance) / np.abs(share * log)
        low, high = np.exp(log * np.exp(reach)), np.exp(log * np.exp(-reach))
    # Before the first of so many has left, and once all have: exact for as many as are at risk.
    edge = (0.5 - level / 2) ** (1 / np.maximum(at_risk, 1))
    low = np.where(share <= 0, 0.0, np.where(share >= 1, edge, low))
    return low, np.where(share <= 0, 1 - edge, np.where(share >= 1, 1.0, high))
