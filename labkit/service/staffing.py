"""Agents of a hotline through the day: patience from what was seen, calls to come, and a simulation call by call."""

from __future__ import annotations

import heapq

import numpy as np
import pandas as pd
from scipy import stats

from labkit.estimates import Estimate
from labkit.service.erlang import agents_needed, check_figures, erlang_a, erlang_c
from labkit.service.errors import ServiceError


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
    check_figures(calls_per_hour, handling_s, agents, patience_s or 1.0)
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
