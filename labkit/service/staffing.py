"""How many agents a hotline needs: Erlang C, Erlang A with callers who give up, patience from what was seen."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import integrate, stats

from labkit.estimates import Estimate
from labkit.service.errors import ServiceError

_MOST_AGENTS = 5000


@dataclass(frozen=True)
class Queue:
    """A hotline in steady state.

    Attributes
    ----------
    wait_probability : float
        Share of the callers who have to wait.
    service_level : float
        Share of all callers answered within the target.
    mean_wait_s : float
        Mean wait of all callers [s]; infinite where the queue grows without end.
    abandon_probability : float
        Share who give up; 0 in Erlang C.
    occupancy : float
        Share of their time agents talk.
    stable : bool
        Whether the queue settles at all.
    """

    wait_probability: float
    service_level: float
    mean_wait_s: float
    abandon_probability: float
    occupancy: float
    stable: bool


def _check(calls_per_hour: float, handling_s: float, agents: int, patience_s: float = 1.0) -> None:
    for name, value, least in (
        ("calls_per_hour", calls_per_hour, 0),
        ("handling_s", handling_s, 0),
        ("patience_s", patience_s, 0),
    ):
        if not np.isfinite(value) or value < least or (value == 0 and name != "calls_per_hour"):
            raise ServiceError(f"{name} is {value}, expected a number above 0")
    if agents != int(agents) or not 1 <= agents <= _MOST_AGENTS:
        raise ServiceError(f"agents is {agents}, expected a whole number from 1 to {_MOST_AGENTS}")


def _blocking(load: float, agents: int) -> float:
    """Erlang B by its recursion, which neither overflows nor loses digits."""
    b = 1.0
    for k in range(1, agents + 1):
        b = load * b / (k + load * b)
    return b


def erlang_c(calls_per_hour: float, handling_s: float, agents: int, target_s: float = 20.0) -> Queue:
    """A hotline whose callers wait as long as it takes.

    Parameters
    ----------
    calls_per_hour : float
    handling_s : float
        Mean time a call takes an agent [s].
    agents : int
    target_s : float
        A call counts as answered in time within this [s].

    Returns
    -------
    Queue
        With more work than agents ``stable`` is false: everybody waits, for ever longer.

    Raises
    ------
    ServiceError
        If a figure is not above 0.

    Notes
    -----
    M/M/c: Poisson calls, exponential handling, steady over the interval looked at.
    Erlang (1917); with callers who give up it asks for too many agents: see `erlang_a`.

    Examples
    --------
    >>> q = erlang_c(200, 180, 14)
    >>> round(q.wait_probability, 4), round(q.service_level, 4), round(q.mean_wait_s, 2)
    (0.1741, 0.8884, 7.84)
    """
    _check(calls_per_hour, handling_s, agents)
    load = calls_per_hour * handling_s / 3600
    if load >= agents:
        return Queue(1.0, 0.0, float("inf"), 0.0, 1.0, stable=False)
    b = _blocking(load, agents)
    wait = b / (1 - load / agents * (1 - b))
    level = 1 - wait * np.exp(-(agents - load) * target_s / handling_s)
    return Queue(wait, float(level), wait * handling_s / (agents - load), 0.0, load / agents, stable=True)


def erlang_a(calls_per_hour: float, handling_s: float, agents: int, patience_s: float, target_s: float = 20.0) -> Queue:
    """A hotline whose callers give up when their patience ends.

    Parameters
    ----------
    calls_per_hour, handling_s, agents, target_s
        As of `erlang_c`.
    patience_s : float
        Mean patience [s], exponential: `estimate_patience`.

    Returns
    -------
    Queue
        Always stable; the mean wait is that of all callers, those who give up included.

    Notes
    -----
    M/M/n+M by the density of the wait offered, Zeltyn and Mandelbaum (2005),
    doi:10.1007/s11134-005-3699-8.

    Examples
    --------
    >>> q = erlang_a(48 * 60, 60, 50, 120)
    >>> round(q.abandon_probability, 3), round(q.mean_wait_s, 1)
    (0.031, 3.7)
    """
    _check(calls_per_hour, handling_s, agents, patience_s)
    if calls_per_hour == 0:
        return Queue(0.0, 1.0, 0.0, 0.0, 0.0, stable=True)
    lam, mu, theta = calls_per_hour / 3600, 1 / handling_s, 1 / patience_s
    load = lam / mu
    # Where the exponent peaks, and how wide, so that nothing overflows or is missed.
    peak = max(0.0, np.log(max(lam / (agents * mu), 1e-300)) / theta) if lam > agents * mu else 0.0
    at_peak = lam * -np.expm1(-theta * peak) / theta - agents * mu * peak

    def density(t: float, give_up: float = 0.0) -> float:
        return float(np.exp(lam * -np.expm1(-theta * t) / theta - agents * mu * t - give_up * t - at_peak))

    def area(end: float, give_up: float = 0.0) -> float:
        cuts = sorted({0.0, min(peak, end), min(peak + 5 * handling_s, end), end})
        return sum(integrate.quad(density, a, b, args=(give_up,), limit=200)[0] for a, b in pairwise(cuts))

    far = peak + 40 * max(handling_s / agents, 1.0) + 60 * min(patience_s, handling_s)
    scale = np.exp(at_peak)
    busy = 1 / _blocking(load, agents - 1) if agents > 1 else 1.0  # of Erlang B with an agent less
    j = area(far) * scale
    whole = busy + lam * j
    wait = lam * j / whole
    answered = (lam * area(far, theta) * scale + busy) / whole
    abandon = max(0.0, 1 - answered)
    level = (busy + lam * area(min(target_s, far), theta) * scale) / whole
    return Queue(
        float(wait),
        float(level),
        float(abandon * patience_s),
        float(abandon),
        float(load * (1 - abandon) / agents),
        stable=True,
    )


def agents_needed(
    calls_per_hour: float,
    handling_s: float,
    *,
    level: float = 0.8,
    target_s: float = 20.0,
    patience_s: float | None = None,
) -> int:
    """Fewest agents that answer a share of the calls within the target.

    Parameters
    ----------
    calls_per_hour, handling_s, target_s
        As of `erlang_c`.
    level : float
        Share to be answered in time, below 1.
    patience_s : float, optional
        Then by Erlang A, else by Erlang C.

    Raises
    ------
    ServiceError
        If no number of agents up to 5,000 does it.

    Examples
    --------
    >>> agents_needed(200, 180), agents_needed(200, 180, patience_s=120)
    (14, 12)
    """
    if not 0 < level < 1:
        raise ServiceError(f"level is {level}, expected a share between 0 and 1")
    if calls_per_hour == 0:
        return 0
    model: Callable[[int], Queue] = (
        (lambda n: erlang_c(calls_per_hour, handling_s, n, target_s))
        if patience_s is None
        else (lambda n: erlang_a(calls_per_hour, handling_s, n, patience_s, target_s))
    )
    low, high = 0, 1
    while model(high).service_level < level:
        low, high = high, high * 2
        if high > _MOST_AGENTS:
            raise ServiceError(
                f"{calls_per_hour:g} calls an hour need more than {_MOST_AGENTS} agents: check the figures"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if model(middle).service_level >= level else (middle, high)
    return high


def estimate_patience(waits_s: np.ndarray, abandoned: np.ndarray, level: float = 0.95) -> Estimate:
    """Mean patience of callers, from waits that being answered cut short.

    Parameters
    ----------
    waits_s : ndarray
        How long each caller waited [s], answered or not.
    abandoned : ndarray of bool
        Whether the caller gave up.

    Notes
    -----
    All waits together over the number who gave up (exponential, right-censored), with the
    exact interval of a gamma. The mean wait of those who gave up alone would be far too short.

    Raises
    ------
    ServiceError
        If nobody gave up: patience cannot be told then, only that it is long.

    Examples
    --------
    >>> round(estimate_patience(np.array([30.0, 60.0, 10.0, 20.0]), np.array([True, False, False, True])).value)
    60
    """
    waits, gone = np.asarray(waits_s, dtype=float), np.asarray(abandoned, dtype=bool)
    known = np.isfinite(waits) & (waits >= 0)
    n, total = int(gone[known].sum()), float(waits[known].sum())
    if n == 0 or total == 0:
        raise ServiceError("nobody gave up while waiting, so patience cannot be told: bring a longer period")
    low, high = (2 * total / stats.chi2.ppf(q, 2 * n) for q in (0.5 + level / 2, 0.5 - level / 2))
    return Estimate(total / n, float(low), float(high), int(known.sum()), level)


def simulate_queue(
    calls_per_hour: float,
    handling_s: float,
    agents: int,
    *,
    seed: int,
    patience_s: float | None = None,
    target_s: float = 20.0,
    calls: int = 40_000,
    runs: int = 10,
) -> dict[str, Estimate]:
    """The same hotline call by call, to hold the formulas against.

    Returns
    -------
    dict
        ``wait_probability``, ``service_level``, ``mean_wait_s``, ``abandon_probability``: means of
        the runs with t intervals; the first tenth of each run is left out.

    Raises
    ------
    ServiceError
        If without patience there is more work than agents.
    """
    _check(calls_per_hour, handling_s, agents, patience_s or 1.0)
    if patience_s is None and calls_per_hour * handling_s / 3600 >= agents:
        raise ServiceError("more work than agents: the queue grows without end and has no figures to simulate")
    rng = np.random.default_rng(seed)
    figures = []
    for _ in range(runs):
        arrival = np.cumsum(rng.exponential(3600 / calls_per_hour, calls))
        handling = rng.exponential(handling_s, calls)
        patience = rng.exponential(patience_s, calls) if patience_s else np.full(calls, np.inf)
        waits, gone = _serve(arrival, handling, patience, agents)
        kept = slice(calls // 10, None)
        w, g = waits[kept], gone[kept]
        figures.append(((w > 1e-9).mean(), ((w <= target_s) & ~g).mean(), w.mean(), g.mean()))
    table = np.array(figures)
    mean, error = table.mean(axis=0), table.std(axis=0, ddof=1) / np.sqrt(runs)
    reach = stats.t.ppf(0.975, runs - 1) * error
    names = ("wait_probability", "service_level", "mean_wait_s", "abandon_probability")
    return {
        name: Estimate(float(m), float(m - r), float(m + r), runs)
        for name, m, r in zip(names, mean, reach, strict=True)
    }


def _serve(
    arrival: np.ndarray, handling: np.ndarray, patience: np.ndarray, agents: int
) -> tuple[np.ndarray, np.ndarray]:
    """Waits and who gave up, first come first served."""
    free = [0.0] * agents  # when each agent is next free
    heapq.heapify(free)
    waits, gone = np.empty(len(arrival)), np.zeros(len(arrival), dtype=bool)
    for i, (at, work, limit) in enumerate(zip(arrival.tolist(), handling.tolist(), patience.tolist(), strict=True)):
        start = max(at, free[0])
        if start - at > limit:
            waits[i], gone[i] = limit, True
        else:
            waits[i] = start - at
            heapq.heapreplace(free, start + work)
    return waits, gone


def forecast_calls(opened_at: pd.Series, days: pd.DataFrame, interval_min: int = 30, smooth: int = 5) -> pd.DataFrame:
    """Calls to be expected in each half-hour of a workday, weekend and holiday.

    Parameters
    ----------
    opened_at : Series of timestamps
        Of the calls.
    days : DataFrame
        Every day of the period with its ``day_type`` (`Lab.days`): days without calls count.
    interval_min : int
    smooth : int
        Neighbouring intervals that a mean is taken over, the own one in the middle: with few
        days a single half-hour is mostly chance.

    Returns
    -------
    DataFrame
        ``day_type``, ``hour`` (start of the interval [h]), ``calls`` (mean a day), ``low``, ``high``: the
        range of a single day to come (95 %, negative binomial where calls vary more than by chance).
    """
    per_day = 1440 // interval_min
    stamps = pd.to_datetime(opened_at.dropna())
    day = stamps.dt.normalize()
    slot = (stamps.dt.hour * 60 + stamps.dt.minute) // interval_min
    dates = pd.to_datetime(days["day"])
    counts = pd.crosstab(day, slot).reindex(index=dates, columns=range(per_day), fill_value=0).to_numpy()
    rows = []
    for kind, part in days.reset_index(drop=True).groupby("day_type"):
        mine = counts[part.index]
        level = mine.mean(axis=0)
        for s in range(per_day):
            x = mine[:, s]
            near = np.take(level, range(s - smooth // 2, s + smooth // 2 + 1), mode="wrap")
            mean, spread = float(near.mean()), float(x.var(ddof=1)) if len(x) > 1 else 0.0
            rows.append((kind, s * interval_min / 60, mean, *_range(mean, spread)))
    return pd.DataFrame(rows, columns=["day_type", "hour", "calls", "low", "high"])


def _range(mean: float, variance: float) -> tuple[float, float]:
    if mean == 0:
        return 0.0, 0.0
    if variance > mean:
        size = mean**2 / (variance - mean)
        found = stats.nbinom.ppf([0.025, 0.975], size, size / (size + mean))
    else:
        found = stats.poisson.ppf([0.025, 0.975], mean)
    return float(found[0]), float(found[1])


def plan_staff(
    forecast: pd.DataFrame,
    handling_s: float,
    *,
    patience_s: float | None = None,
    level: float = 0.8,
    target_s: float = 20.0,
    scale: float = 1.0,
) -> pd.DataFrame:
    """Agents for each interval of the forecast, and what they reach.

    Parameters
    ----------
    forecast : DataFrame
        Of `forecast_calls`.
    handling_s : float
    patience_s, level, target_s
        As of `agents_needed`.
    scale : float
        Calls of the whole utility over those in the data.

    Returns
    -------
    DataFrame
        ``day_type``, ``hour``, ``calls_per_hour``, ``agents_count``, ``service_level_share``, ``abandon_share``.
    """
    rows = []
    step_h = float(np.diff(np.sort(forecast["hour"].unique())).min())
    for row in forecast.itertuples():
        rate = float(row.calls) * scale / step_h
        n = agents_needed(rate, handling_s, level=level, target_s=target_s, patience_s=patience_s)
        q = (
            None
            if n == 0
            else (
                erlang_c(rate, handling_s, n, target_s)
                if patience_s is None
                else erlang_a(rate, handling_s, n, patience_s, target_s)
            )
        )
        rows.append(
            (row.day_type, row.hour, rate, n, q.service_level if q else 1.0, q.abandon_probability if q else 0.0)
        )
    return pd.DataFrame(
        rows, columns=["day_type", "hour", "calls_per_hour", "agents_count", "service_level_share", "abandon_share"]
    )
