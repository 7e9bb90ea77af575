"""How many stay how long: survival curves with late entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from scipy.stats import norm

from labkit import figures
from labkit.estimates import Estimate
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.risk_sets import RiskSets, read_numbers, read_times

#: With fewer at risk than this, a single departure moves a curve by more than a tenth.
FEW_AT_RISK = 10


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """Share that is still there, over time.

    Attributes
    ----------
    table : DataFrame
        A row a time at which somebody left: ``time``, ``at_risk``, ``events``, ``survival`` with ``low``, ``high``,
        ``cumulative_hazard`` (Nelson and Aalen).
    level : float
    start : float
        Time at which the curve is 1.
    last_time : float
        Last time anybody was seen; nothing is known after it.
    smallest_risk_set : float
        Fewest at risk at a departure; below 10 the curve from there on rests on few customers, and with late entry that can be
        at its beginning: take `given` a later start then.
    """

    table: pd.DataFrame
    level: float
    start: float
    last_time: float
    smallest_risk_set: float
    _customers: tuple[RiskSets, np.ndarray | None]

    def at(self, times: ArrayLike) -> pd.DataFrame:
        """``time``, ``survival``, ``low``, ``high``; missing before the start and after the last time seen."""
        t = np.atleast_1d(np.asarray(times, dtype=float))
        out = read_step(self.table, t, "survival", 1.0, self.last_time)
        return out.where(
            out["time"] >= self.start, other=out[["time"]].assign(survival=np.nan, low=np.nan, high=np.nan)
        )

    @property
    def median(self) -> Estimate:
        """Time by which half have left; missing where the curve does not come down so far."""
        value, low, high = (self._first_below(column) for column in ("survival", "low", "high"))
        return Estimate(value, low, high, int(self.table["at_risk"].max() if len(self.table) else 0), self.level)

    def _first_below(self, column: str) -> float:
        reached = self.table.loc[self.table[column] <= 0.5, "time"]
        return float(reached.iloc[0]) if len(reached) else np.nan

    def given(self, alive_until: float) -> SurvivalCurve:
        """The curve of those who are there at a time, from then on.

        Raises
        ------
        LoyaltyError
            If nobody is left to be looked at after that time.
        """
        if alive_until >= self.last_time:
            raise LoyaltyError(f"nobody was seen after {alive_until:g}; take a time before {self.last_time:g}")
        sets, w = self._customers
        there = sets.duration > alive_until
        entry = np.maximum(sets.entry[there], alive_until)
        return _estimate(
            RiskSets(sets.duration[there], sets.event[there], entry), None if w is None else w[there], self.level
        )

    def plot(self, ax: Axes | None = None, *, label: str = "", color: str = figures.ACCENT) -> Axes:
        """The curve as steps, with its interval; y in per cent."""
        with figures.style():
            ax = ax or figures.new_axes()
            x = np.r_[self.start, self.table["time"], self.last_time]
            y, low, high = (
                np.r_[1.0, self.table[c], self.table[c].iloc[-1] if len(self.table) else 1.0] * 100
                for c in ("survival", "low", "high")
            )
            ax.fill_between(x, low, high, step="post", color=color, alpha=0.15, linewidth=0)
            ax.step(x, y, where="post", color=color, linewidth=2, label=label or None)
            ax.set_ylim(top=101)
            ax.set_xlim(self.start, self.last_time)
            ax.grid(axis="y")
        return ax


def survival_curve(
    duration: ArrayLike,
    event: ArrayLike,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> SurvivalCurve:
    """How many are still customers after so long (Kaplan and Meier, with late entry).

    Parameters
    ----------
    duration : array_like, shape (n,)
        When each left or was last seen, on a clock such as months since the connection.
    event : array_like of bool
        Whether it left then.
    entry : array_like, optional
        When it was first seen. Accounts opened before the data begin must have it: without it those who had left
        before nobody looked are taken for never having been, and customers seem to stay much longer.
    weights : array_like, optional
        Of a survey or sample.
    level : float

    Raises
    ------
    LoyaltyError
        If times cannot be, see `read_times`; or weights are not above 0.

    Notes
    -----
    Interval on the log-log scale; variance after Greenwood, or that of the infinitesimal jackknife where there are
    weights. Where nobody has left yet the lower end is the one at which so many staying would be as unlikely as
    2.5 %; where all have left it is 0 and the upper end that of the last step. A reason to leave
    that competes with others wants `cumulative_incidence`.
    Kaplan and Meier (1958), doi:10.1080/01621459.1958.10501452.

    Examples
    --------
    >>> curve = survival_curve([1, 2, 2, 3, 4], [1, 1, 0, 1, 0])
    >>> curve.table[["time", "at_risk", "survival"]].round(2).to_numpy().tolist()
    [[1.0, 5.0, 0.8], [2.0, 4.0, 0.6], [3.0, 2.0, 0.3]]
    """
    sets = read_times(duration, event, entry)
    w = None if weights is None else read_numbers(weights, "weights")
    if w is not None and (len(w) != len(sets.duration) or not (np.isfinite(w) & (w > 0)).all()):
        raise LoyaltyError("weights must be one number above 0 a customer; leave out those who weigh nothing")
    return _estimate(sets, w, level)


def _estimate(sets: RiskSets, weights: np.ndarray | None, level: float) -> SurvivalCurve:
    w = np.ones(len(sets.duration)) if weights is None else weights
    at_risk, events = sets.sum(w), sets.sum_events(w)
    if weights is None:
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.where(at_risk > events, events / (at_risk * (at_risk - events)), np.inf)
        table = _tell(sets.times, at_risk, events, steps, level)
    else:
        variance = _jackknife(sets, w, at_risk, events)
        table = _tell(sets.times, at_risk, events, np.diff(variance, prepend=0.0), level)
    smallest = float(sets.sum(np.ones(len(w))).min()) if len(sets.times) else np.nan
    start = float(np.clip(sets.entry, 0, None).min())
    table = table if len(table) else _nobody_left(sets, table, start, level)
    return SurvivalCurve(table, level, start, float(sets.duration.max()), smallest, (sets, weights))


def _nobody_left(sets: RiskSets, table: pd.DataFrame, start: float, level: float) -> pd.DataFrame:
    """One row at the last time, with the lower end that so many staying leave possible."""
    seen = float((sets.duration - np.clip(sets.entry, 0, None)).sum())
    customers = seen / max(float(sets.duration.max()) - start, 1e-12)
    low = float(np.exp(-np.log(2 / (1 - level)) / max(customers, 1e-12)))
    return pd.DataFrame([(start, float(len(sets.duration)), 0.0, 1.0, low, 1.0, 0.0, 0.0)], columns=table.columns)


def _tell(time: np.ndarray, at_risk: np.ndarray, events: np.ndarray, steps: np.ndarray, level: float) -> pd.DataFrame:
    """Survival with its interval on the log-log scale; steps add up to the variance of ln S."""
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1 - events / at_risk)
        hazard = np.cumsum(events / at_risk)
        variance = np.cumsum(steps)
        log_s = np.log(survival)
        reach = norm.ppf(0.5 + level / 2) * np.sqrt(variance) / np.abs(log_s)
        low, high = np.exp(log_s * np.exp(reach)), np.exp(log_s * np.exp(-reach))
    gone = survival <= 0
    # All of n left at once: as few as none of n may stay (exact), of those who were there before.
    before = pd.Series(np.where(gone, np.nan, high)).ffill().fillna(1.0).to_numpy()
    with np.errstate(divide="ignore"):
        high = np.where(gone, before * (1 - (0.5 - level / 2) ** (1 / at_risk)), high)
    low = np.where(gone, 0.0, low)
    return pd.DataFrame(
        {
            "time": time,
            "at_risk": at_risk,
            "events": events,
            "survival": survival,
            "low": low,
            "high": high,
            "cumulative_hazard": hazard,
            "step_variance": steps,
        }
    )


def _jackknife(sets: RiskSets, w: np.ndarray, at_risk: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Variance of ln S at each time with each customer's weight moved a little (infinitesimal jackknife)."""
    # What customer i adds to -ln S(t): own departure over those at risk, less its share in the risk sets it was in.
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(at_risk > events, 1 / (at_risk - events), np.inf)
        spent = np.r_[0.0, np.cumsum(np.where(at_risk > events, events / (at_risk * (at_risk - events)), np.inf))]
    own = np.zeros(len(w))
    own[sets.event] = rate[sets.after[sets.event] - 1]
    with np.errstate(invalid="ignore"):
        ended = (own - spent[sets.after] + spent[sets.first]) * w
    size = len(sets.times)
    gone = np.bincount(np.minimum(sets.after, size), np.where(sets.after <= size, ended**2, 0), size + 1)
    # Those whose end lies before t keep what they had; those still in carry what has been spent since they came.
    done = np.cumsum(gone[: size + 1])[np.arange(1, size + 1)]
    here = [_inside(sets, w**2 * spent[sets.first] ** k, size) for k in range(3)]
    now = spent[1:]
    return done + here[0] * now**2 - 2 * here[1] * now + here[2]


def _inside(sets: RiskSets, values: np.ndarray, size: int) -> np.ndarray:
    """Sum over customers in at a time who stay beyond it."""
    moves = np.bincount(sets.first, values, size + 1) - np.bincount(
        np.maximum(sets.after - 1, sets.first), values, size + 1
    )
    return np.asarray(moves.cumsum()[:size])


def read_step(
    table: pd.DataFrame, times: np.ndarray, column: str, before: float, last: float, *, ends: bool = True
) -> pd.DataFrame:
    """Values of a step function at times: ``before`` before the first step, missing after the last time seen."""
    at = np.searchsorted(table["time"].to_numpy(), times, side="right")
    out = {"time": times}
    for name in (column, "low", "high") if ends else (column,):
        out[name] = np.where(times > last, np.nan, np.r_[before, table[name].to_numpy()][at])
    return pd.DataFrame(out)
