"""Erlang C, Erlang A with callers who give up, and how many agents they ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import integrate

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


def check_figures(calls_per_hour: float, handling_s: float, agents: int, patience_s: float = 1.0) -> None:
    """Refuse figures that no hotline has."""
    figures = {"calls_per_hour": calls_per_hour, "handling_s": handling_s, "patience_s": patience_s}
    for name, value in figures.items():
        if not np.isfinite(value) or value < 0 or (value == 0 and name != "calls_per_hour"):
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
    check_figures(calls_per_hour, handling_s, agents)
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
    check_figures(calls_per_hour, handling_s, agents, patience_s)
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
