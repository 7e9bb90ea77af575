"""Load shifting as a linear programme: what array code cannot do in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from labkit.dsm.errors import DsmError


@dataclass(frozen=True, eq=False)
class ShiftPlan:
    """The cheapest way to move one customer's use.

    Attributes
    ----------
    load_kwh : ndarray, shape (slots,)
        The new load.
    down_kwh, up_kwh : ndarray, shape (slots,)
        What is taken out and put in.
    objective_yuan : float
        Cost of the change: energy, moving, and demand above what is incurred already.
    peak_kwh : float
        Highest slot that is paid for, what is incurred already included.
    """

    load_kwh: np.ndarray
    down_kwh: np.ndarray
    up_kwh: np.ndarray
    objective_yuan: float
    peak_kwh: float


def solve_shift(
    load_kwh: np.ndarray,
    price: np.ndarray,
    down_cap: np.ndarray | float,
    up_cap: np.ndarray | float,
    *,
    budget: float | None = None,
    efficiency: float = 1.0,
    cost: float = 0.0,
    slots_per_day: int | None = None,
    delay_slots: int | None = None,
    demand_price: float = 0.0,
    peak_so_far_kwh: float = 0.0,
) -> ShiftPlan:
    """The cheapest load of one customer over any horizon, by linear programming (HiGHS).

    Parameters
    ----------
    load_kwh : ndarray, shape (slots,)
        The whole horizon, days one after another [kWh].
    price : ndarray, shape (slots,)
        [yuan/kWh]
    down_cap, up_cap : float or ndarray, shape (slots,)
        [kWh]
    budget : float, optional
        Most that may be taken out in a day of `slots_per_day`, or in the horizon [kWh].
    efficiency, cost
        As in `shift`.
    slots_per_day : int, optional
        Length of a day; the horizon where left out. Energy is balanced over the
        horizon, not within days.
    delay_slots : int, optional
        What is taken out is put in at most so many slots earlier or later.
    demand_price : float
        Price of the highest slot [yuan/kWh of a slot].
    peak_so_far_kwh : float
        Highest slot the month has seen already: up to it, demand costs nothing more.

    Raises
    ------
    DsmError
        For input that does not fit, or no solution.

    Examples
    --------
    >>> plan = solve_shift(np.array([1.0, 1.0, 1.0]), np.array([3.0, 2.0, 1.0]), 0.5, 0.4)
    >>> plan.load_kwh.round(2).tolist(), round(plan.objective_yuan, 2)
    ([0.5, 1.1, 1.4], -0.9)
    """
    load = np.asarray(load_kwh, dtype=float)
    count = len(load)
    price, down, up = _same_length(count, price=price, down_cap=down_cap, up_cap=up_cap)
    if (down < 0).any() or (up < 0).any():
        raise DsmError("down_cap and up_cap must not be below 0")
    if not 0 < efficiency <= 1:
        raise DsmError(f"efficiency is {efficiency}, expected above 0 and up to 1")
    down = np.minimum(down, load.clip(min=0))
    # Unknowns: out (slots), in (slots), flows from slot to slot (with a delay), peak.
    pairs = _pairs(count, delay_slots)
    flows = 0 if pairs is None else len(pairs)
    width = 2 * count + flows + 1
    objective = np.concatenate([cost - price, price, np.zeros(flows), [demand_price]])
    eye = sparse.identity(count, format="csr")
    equal, equal_to = _balance(count, pairs, efficiency, width)
    most, most_of = [], []
    if demand_price:
        most.append(sparse.hstack([-eye, eye, sparse.csr_matrix((count, flows)), -np.ones((count, 1))]))
        most_of.append(-load)
    if budget is not None:
        day = np.arange(count) // (slots_per_day or count)
        rows = sparse.csr_matrix((np.ones(count), (day, np.arange(count))), (day[-1] + 1, width))
        most.append(rows)
        most_of.append(np.full(day[-1] + 1, float(budget)))
    bounds = [
        *zip(np.zeros(count), down),
        *zip(np.zeros(count), up),
        *[(0.0, None)] * flows,
        (max(peak_so_far_kwh, 0.0), None),
    ]
    found = linprog(
        objective,
        A_ub=sparse.vstack(most, format="csr") if most else None,
        b_ub=np.concatenate(most_of) if most else None,
        A_eq=equal,
        b_eq=equal_to,
        bounds=bounds,
        method="highs",
    )
    if found.status != 0:
        raise DsmError(f"no plan was found: {found.message}")
    out, into = found.x[:count], found.x[count : 2 * count]
    after = load - out + into
    peak = max(float(after.max()), peak_so_far_kwh)
    paid = float(found.fun) - demand_price * max(peak_so_far_kwh, 0.0)
    return ShiftPlan(after, out, into, paid, peak)


def _same_length(count: int, **given: np.ndarray | float) -> tuple[np.ndarray, ...]:
    arrays = []
    for name, values in given.items():
        array = np.asarray(values, dtype=float)
        if array.ndim and array.shape != (count,):
            raise DsmError(f"{name} has the shape {array.shape}, expected one value for each of {count} slots")
        if not np.isfinite(array).all() and name == "price":
            raise DsmError(f"slot {int(np.argmin(np.isfinite(array)))} has no price; give a price for every slot")
        arrays.append(np.broadcast_to(array, (count,)))
    return tuple(arrays)


def _pairs(count: int, delay: int | None) -> np.ndarray | None:
    """From which slot to which use may go; None where any will do."""
    if delay is None:
        return None
    if delay < 0:
        raise DsmError(f"delay_slots is {delay}, expected 0 or more")
    source = np.repeat(np.arange(count), 2 * delay + 1)
    target = source + np.tile(np.arange(-delay, delay + 1), count)
    return np.column_stack([source, target])[(target >= 0) & (target < count)]


def _balance(
    count: int, pairs: np.ndarray | None, efficiency: float, width: int
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """What is taken out is put in: in sum, or each flow within its delay."""
    if pairs is None:
        row = np.concatenate([np.full(count, -1 / efficiency), np.ones(count), np.zeros(width - 2 * count)])
        return sparse.csr_matrix(row[None]), np.zeros(1)
    at = np.arange(len(pairs)) + 2 * count
    slots = np.arange(count)
    rows = np.concatenate([pairs[:, 0], slots, count + pairs[:, 1], count + slots])
    columns = np.concatenate([at, slots, at, count + slots])
    values = np.concatenate(
        [np.ones(len(pairs)), -np.ones(count), np.full(len(pairs), -1 / efficiency), np.ones(count)]
    )
    return sparse.csr_matrix((values, (rows, columns)), (2 * count, width)), np.zeros(2 * count)
