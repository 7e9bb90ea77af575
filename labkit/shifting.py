"""Moving use within a day: the exact optimum in array code, with a limit on the peak.

Every day on its own: what is taken out of some slots is put into others of the
same day. The peak of a month, paid by the kW, ties the days together; it is found
by a search over one number, since the cost is convex in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class _Ordered:
    """What can be put back or taken up, cheapest first; the order does not hang on the limit."""

    order: np.ndarray
    price: np.ndarray


def shift_within_days(
    load_kwh: np.ndarray,
    price: np.ndarray,
    down_cap: np.ndarray,
    up_cap: np.ndarray,
    *,
    limit_kwh: np.ndarray | float = np.inf,
    budget_kwh: float = np.inf,
    cost: float = 0.0,
    efficiency: float = 1.0,
) -> np.ndarray:
    """The cheapest load of each day when use may be moved within caps.

    Parameters
    ----------
    load_kwh : ndarray, shape (days, slots)
    price : ndarray, same shape or one that fits it
        Price of a kWh in each slot [yuan/kWh].
    down_cap, up_cap : ndarray
        Most that may be taken from and put into a slot [kWh].
    limit_kwh : float or ndarray, shape (days, 1)
        No slot may end above it [kWh].
    budget_kwh : float
        Most that may be taken out in a day [kWh]; not together with a limit.
    cost : float
        Cost of moving a kWh [yuan].
    efficiency : float
        What is put in, a kWh taken out; below 1 more is put in (1 / efficiency).

    Returns
    -------
    ndarray
        The new load, of the same shape.

    Raises
    ------
    ValueError
        For caps below 0, an efficiency outside 0 to 1, missing prices, or a limit
        that cannot be kept within the caps.

    Notes
    -----
    Minimises the sum of price x change + cost x down, subject to
    up = down / efficiency each day, the caps and the limit. Start with all that
    may go taken out; then fill the day up again, cheapest first, either by not
    taking out or by putting in: the dual of the linear programme, exact.

    Examples
    --------
    >>> day = np.array([[1.0, 1.0, 1.0]])
    >>> shift_within_days(day, np.array([[3.0, 2.0, 1.0]]), 0.5 * day, 0.4 * day).round(2).tolist()
    [[0.5, 1.1, 1.4]]
    """
    load = np.asarray(load_kwh, dtype=float)
    one_price = np.atleast_2d(np.asarray(price, dtype=float))
    price, down, up = (np.broadcast_to(np.asarray(x, dtype=float), load.shape) for x in (price, down_cap, up_cap))
    _check(load, one_price, down, up, efficiency)
    if budget_kwh < 0 or (np.isfinite(budget_kwh) and np.isfinite(limit_kwh).any()):
        raise ValueError("budget_kwh must not be below 0, nor be given together with limit_kwh")
    down = np.minimum(down, load.clip(min=0))
    if len(one_price) == 1 and not np.isfinite(limit_kwh).any():
        return _fill_columns(
            load, down, up, np.broadcast_to(one_price[0], load.shape[1:]), budget_kwh, cost, efficiency
        )
    if np.isfinite(budget_kwh):
        down = _keep_dearest(down, price, budget_kwh)
    ordered = _order(price, cost, efficiency)
    moved, feasible = _fill(load, down, up, limit_kwh, ordered, efficiency)
    if not feasible.all():
        day = int(np.flatnonzero(~feasible)[0])
        raise ValueError(f"day {day}: the limit cannot be kept within the caps; raise the limit or the caps")
    return moved


def _check(load: np.ndarray, price: np.ndarray, down: np.ndarray, up: np.ndarray, efficiency: float) -> None:
    if not np.isfinite(load).all():
        raise ValueError("the load has gaps; fill them before moving use")
    if not np.isfinite(price).all():
        slot = int(np.argwhere(~np.isfinite(price))[0][1])
        raise ValueError(f"slot {slot} has no price; give a price for every slot")
    if (down < 0).any() or (up < 0).any():
        raise ValueError("down_cap and up_cap must not be below 0")
    if not 0 < efficiency <= 1:
        raise ValueError(f"efficiency is {efficiency}, expected above 0 and up to 1")


def _order(price: np.ndarray, cost: float, efficiency: float) -> _Ordered:
    # Not taking out comes first where both cost the same, so that nothing moves for nothing.
    both = np.concatenate([efficiency * (price - cost), price], axis=1)
    return _Ordered(np.argsort(both, axis=1, kind="stable"), price)


def _keep_dearest(down: np.ndarray, price: np.ndarray, budget: float) -> np.ndarray:
    """Caps cut to the budget, the dearest slots first."""
    order = np.argsort(-price, axis=1, kind="stable")
    amounts = np.take_along_axis(down, order, axis=1)
    before = np.cumsum(amounts, axis=1) - amounts
    kept = np.empty_like(amounts)
    np.put_along_axis(kept, order, np.clip(budget - before, 0.0, amounts), axis=1)
    return kept


def _fill_columns(
    load: np.ndarray, down: np.ndarray, up: np.ndarray, price: np.ndarray, budget: float, cost: float, efficiency: float
) -> np.ndarray:
    """`_fill` where all days have the same prices: slot by slot, all days at once."""
    slots = len(price)
    out = np.ascontiguousarray(down.T)
    room = np.ascontiguousarray(up.T) * efficiency
    if np.isfinite(budget):
        left = np.full(len(load), budget)
        for t in np.argsort(-price, kind="stable"):
            np.minimum(out[t], left, out=out[t])
            left -= out[t]
    change = -out
    needed = out.sum(axis=0)
    both = np.concatenate([efficiency * (price - cost), price])
    for item in np.argsort(both, kind="stable"):
        t = item % slots
        taken = np.minimum(out[t] if item < slots else room[t], needed)
        needed -= taken
        change[t] += taken if item < slots else taken / efficiency
    return load + change.T


def _fill(
    load: np.ndarray, down: np.ndarray, up: np.ndarray, limit: np.ndarray | float, ordered: _Ordered, efficiency: float
) -> tuple[np.ndarray, np.ndarray]:
    forced = np.maximum(load - limit, 0.0)
    feasible = (forced <= down + 1e-12).all(axis=1)
    forced = np.minimum(forced, down)
    room = np.minimum(up, np.maximum(limit - load, 0.0))
    items = np.concatenate([(down - forced) / efficiency, room], axis=1)
    needed = down.sum(axis=1, keepdims=True) / efficiency
    amounts = np.take_along_axis(items, ordered.order, axis=1)
    before = np.cumsum(amounts, axis=1) - amounts
    taken_sorted = np.clip(needed - before, 0.0, amounts)
    feasible &= taken_sorted.sum(axis=1) >= needed[:, 0] - 1e-12 * (1 + needed[:, 0])
    taken = np.empty_like(items)
    np.put_along_axis(taken, ordered.order, taken_sorted, axis=1)
    slots = load.shape[1]
    return load - down + taken[:, :slots] * efficiency + taken[:, slots:], feasible


def shift_with_demand(
    load_kwh: np.ndarray,
    price: np.ndarray,
    down_cap: np.ndarray,
    up_cap: np.ndarray,
    month_of: np.ndarray,
    *,
    demand_price: np.ndarray | float,
    floor_kwh: np.ndarray | float = 0.0,
    limit_kwh: float = np.inf,
    cost: float = 0.0,
    rounds: int = 45,
) -> np.ndarray:
    """The cheapest load when the month's highest slot is paid for as well.

    Parameters
    ----------
    load_kwh, price, down_cap, up_cap : ndarray, shape (days, slots)
        As in `shift_within_days`.
    month_of : ndarray of int, shape (days,)
        Number of the month of each day, from 0.
    demand_price : float or ndarray, shape (months,)
        Price of the month's peak, by the kWh of its highest slot [yuan/kWh].
    floor_kwh : float or ndarray, shape (months,)
        Peak already incurred, or paid for in any case: less is not paid less.
    limit_kwh : float
        No slot may end above it, or above its own load where that is higher.
    rounds : int
        Steps of the search for the best peak.

    Returns
    -------
    ndarray
        The new load.

    Notes
    -----
    The cost of a month is convex in its peak, so a golden-section search over the
    peak, each step the exact optimum of all days, finds it to a share of 1e-9.
    """
    load = np.asarray(load_kwh, dtype=float)
    price, down, up = (np.broadcast_to(np.asarray(x, dtype=float), load.shape) for x in (price, down_cap, up_cap))
    _check(load, price, down, up, 1.0)
    down, ordered = np.minimum(down, load.clip(min=0)), _order(price, cost, 1.0)
    months = int(month_of.max()) + 1
    demand = np.broadcast_to(np.asarray(demand_price, dtype=float), (months,))
    floor = np.broadcast_to(np.asarray(floor_kwh, dtype=float), (months,))
    peak = np.array([load[month_of == m].max() for m in range(months)])

    def total(limit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moved, feasible = _fill(load, down, up, limit[month_of][:, None], ordered, 1.0)
        daily = (price * (moved - load)).sum(axis=1) + cost * np.maximum(load - moved, 0).sum(axis=1)
        energy = np.bincount(month_of, daily, months)
        possible = np.bincount(month_of, ~feasible, months) == 0
        return np.where(possible, energy + demand * np.maximum(limit, floor), np.inf), moved

    high = np.maximum(peak, np.minimum(limit_kwh, peak + up.max()))
    if not demand.any():
        return total(high)[1]
    low = _lowest_limit(lambda limit: total(limit)[0], np.zeros(months), high)
    ratio = (np.sqrt(5) - 1) / 2
    a, b = low.copy(), high.copy()
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    cost_c, cost_d = total(c)[0], total(d)[0]
    for _ in range(rounds):
        left = cost_c <= cost_d
        a, b = np.where(left, a, c), np.where(left, d, b)
        # One of the two points inside stays; the other is new.
        new = np.where(left, b - ratio * (b - a), a + ratio * (b - a))
        cost_new = total(new)[0]
        c, d = np.where(left, new, d), np.where(left, c, new)
        cost_c, cost_d = np.where(left, cost_new, cost_d), np.where(left, cost_c, cost_new)
    tried = np.stack([a, b, c, d, low, high, np.clip(floor, low, high), np.clip(peak, low, high)])
    best = tried[np.argmin([total(limit)[0] for limit in tried], axis=0), np.arange(months)]
    return total(best)[1]


def _lowest_limit(total: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The lowest peak that can be kept, by bisection; from above, so that it is kept."""
    for _ in range(45):
        middle = (low + high) / 2
        possible = np.isfinite(total(middle))
        low, high = np.where(possible, low, middle), np.where(possible, middle, high)
    return high
