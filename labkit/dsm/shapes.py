"""The six load shapes of Gellings (1985, doi:10.1109/PROC.1985.13318) on arrays (customers, days, slots).

Each takes a load and gives the new one, of the same shape and kind of number;
every day is on its own, every shape exact for what it seeks. ``joined`` is the
share of each customer that takes part: a bool, or the chance of joining, so that
the load is the expected one.
"""

from __future__ import annotations

import numpy as np

from labkit.dsm.arrays import as_load, blocks, check_fit, check_share, each_block, mix_joined
from labkit.dsm.errors import DsmError
from labkit.shifting import shift_within_days


def shift(
    load_kwh: np.ndarray,
    price: np.ndarray,
    down_cap: np.ndarray | float,
    up_cap: np.ndarray | float,
    budget: float | None = None,
    efficiency: float = 1.0,
    cost: float = 0.0,
    *,
    joined: np.ndarray | float | None = None,
) -> np.ndarray:
    """Load shifting: use moved to the cheapest slots of its day.

    Parameters
    ----------
    load_kwh : ndarray, shape (..., slots)
        (customers, days, slots) as a rule; any number of leading axes [kWh].
    price : ndarray, shape (slots,) or one that fits the load
        Price of a kWh in each slot [yuan/kWh]. One for all customers is much
        faster than one each.
    down_cap, up_cap : float or ndarray that fits the load
        Most that may be taken from and put into a slot [kWh]. No slot goes below 0.
    budget : float, optional
        Most that may be taken out in a day [kWh].
    efficiency : float
        What comes back of a kWh put in; a kWh taken out is made up by 1 / efficiency.
    cost : float
        Cost of moving a kWh [yuan].
    joined : float or ndarray, shape (customers,), optional

    Returns
    -------
    ndarray
        The new load, of the same shape.

    Raises
    ------
    DsmError
        For caps below 0, an efficiency outside 0 to 1, a slot without a price, or
        gaps in the load.

    Notes
    -----
    Minimises, each day, sum of price x (up - down) + cost x down, subject to
    sum(up) = sum(down) / efficiency, 0 <= down <= down_cap, 0 <= up <= up_cap,
    sum(down) <= budget: the linear programme of `solve_shift`, without a solver.

    Examples
    --------
    >>> day = np.array([1.0, 1.0, 1.0])
    >>> shift(day, np.array([3.0, 2.0, 1.0]), 0.5, 0.4).round(2).tolist()
    [0.5, 1.1, 1.4]
    """
    load = as_load(load_kwh)
    prices = np.asarray(price, dtype=float)
    check_fit("price", prices, load)
    limit = np.inf if budget is None else float(budget)
    out = np.empty(load.shape, load.dtype)
    lead = (1,) * (load.ndim - prices.ndim) + prices.shape[:-1]
    # One price row for all customers of a day: its slots have one order.
    per_day = load.ndim == 3 and lead[0] == 1 and load.shape[1] > 1 and lead[1] > 1
    by_day = prices.reshape(*lead[-1:], -1) if per_day else None
    try:
        for part, caps in blocks(load, down_cap, up_cap):
            slots = load.shape[-1]
            if by_day is not None:
                for day in range(load.shape[1]):
                    out[part, day] = shift_within_days(
                        load[part, day], by_day[day], caps[0][:, day], caps[1][:, day],
                        budget_kwh=limit, efficiency=efficiency, cost=cost,
                    )  # fmt: skip
                continue
            shape = load[part].shape
            own = prices if prices.size == slots else np.broadcast_to(prices, load.shape)[part]
            out[part] = shift_within_days(
                load[part].reshape(-1, slots), own.reshape(-1, slots), caps[0].reshape(-1, slots), caps[1].reshape(-1, slots),
                budget_kwh=limit, efficiency=efficiency, cost=cost,
            ).reshape(shape)  # fmt: skip
    except ValueError as error:
        raise DsmError(str(error)) from None
    return mix_joined(load, out, joined).reshape(np.shape(load_kwh))


def clip(
    load_kwh: np.ndarray,
    down_cap: np.ndarray | float,
    up_cap: np.ndarray | float = np.inf,
    budget: float | None = None,
    rebound: float = 0.0,
    *,
    joined: np.ndarray | float | None = None,
) -> np.ndarray:
    """Peak clipping: the lowest peak of each day that the caps allow.

    Parameters
    ----------
    load_kwh : ndarray, shape (..., slots)
        [kWh]
    down_cap : float or ndarray that fits the load
        Most that may be taken from a slot [kWh].
    up_cap : float or ndarray that fits the load
        Most by which a slot may rise when what was clipped comes back [kWh].
    budget : float, optional
        Most that may be taken out in a day [kWh].
    rebound : float
        Share of what is clipped that is used at other hours of the day, below the
        new peak and in proportion to the room there.
    joined : float or ndarray, shape (customers,), optional

    Raises
    ------
    DsmError

    Notes
    -----
    The lowest peak P obeys load - P <= down_cap, sum of what is above P <= budget,
    and room below P >= rebound x what is above. The first two give P in closed
    form (the budget's is the highest of (S_k - B) / k over the k highest slots,
    S_k their sum); where the third binds, bisection finds it.

    Examples
    --------
    >>> clip(np.array([1.0, 4.0, 3.0]), 2.0, budget=1.5).round(2).tolist()
    [1.0, 2.75, 2.75]
    """
    load = as_load(load_kwh)
    if rebound < 0:
        raise DsmError(f"rebound is {rebound}, expected 0 or more")
    out = np.empty(load.shape, load.dtype)
    for part, caps in blocks(load, down_cap, up_cap):
        rows = load[part].reshape(-1, load.shape[-1]).astype(float)
        down, up = (np.maximum(c, 0).reshape(rows.shape) for c in caps)
        peak = _lowest_peak(rows, np.minimum(down, rows.clip(min=0)), up, budget, rebound)
        over = np.maximum(rows - peak, 0.0)
        rows -= over
        if rebound:
            room = np.minimum(up, np.maximum(peak - rows, 0.0))
            total = room.sum(axis=1, keepdims=True)
            rows += room * np.divide(rebound * over.sum(axis=1, keepdims=True), total, out=total * 0, where=total > 0)
        out[part] = rows.reshape(load[part].shape)
    return mix_joined(load, out, joined).reshape(np.shape(load_kwh))


def _lowest_peak(
    load: np.ndarray, down: np.ndarray, up: np.ndarray, budget: float | None, rebound: float
) -> np.ndarray:
    """Lowest peak of each row, shape (rows, 1)."""
    peak = (load - down).max(axis=1)
    if budget is not None:
        if budget < 0:
            raise DsmError(f"budget is {budget}, expected 0 or more")
        sums = np.cumsum(np.sort(load, axis=1)[:, ::-1], axis=1)
        peak = np.maximum(peak, ((sums - budget) / np.arange(1, load.shape[1] + 1)).max(axis=1))
    peak = peak[:, None]
    if not rebound:
        return peak

    def fits(limit: np.ndarray, rows: np.ndarray, most: np.ndarray) -> np.ndarray:
        room = np.minimum(most, np.maximum(limit - rows, 0.0)).sum(axis=1)
        return np.asarray(room >= rebound * np.maximum(rows - limit, 0.0).sum(axis=1) - 1e-15)

    wrong = np.flatnonzero(~fits(peak, load, up))
    if len(wrong):
        rows, most = load[wrong], up[wrong]
        low, high = peak[wrong], rows.max(axis=1, keepdims=True)
        for _ in range(60):
            middle = (low + high) / 2
            good = fits(middle, rows, most)[:, None]
            low, high = np.where(good, low, middle), np.where(good, middle, high)
        peak[wrong] = high
    return peak


def fill(
    load_kwh: np.ndarray,
    up_cap: np.ndarray | float,
    budget: float | None = None,
    *,
    joined: np.ndarray | float | None = None,
) -> np.ndarray:
    """Valley filling: the highest floor of each day, by new use in its lowest slots.

    Parameters
    ----------
    load_kwh : ndarray, shape (..., slots)
        [kWh]
    up_cap : float or ndarray that fits the load
        Most that may be put into a slot [kWh].
    budget : float, optional
        Most that may be added in a day [kWh]. The floor never rises above the peak.
    joined : float or ndarray, shape (customers,), optional

    Notes
    -----
    The mirror of `clip`: floor - load <= up_cap, sum of what is below <= budget.

    Examples
    --------
    >>> fill(np.array([1.0, 2.0, 5.0]), 4.0, budget=3.0).tolist()
    [3.0, 3.0, 5.0]
    """
    load = as_load(load_kwh)
    out = np.empty(load.shape, load.dtype)
    for part, (up,) in blocks(load, up_cap):
        rows = load[part].reshape(-1, load.shape[-1]).astype(float)
        floor = -_lowest_peak(-rows, up.reshape(rows.shape), up, budget, 0.0)
        floor = np.minimum(floor, rows.max(axis=1, keepdims=True))
        out[part] = np.maximum(rows, floor).reshape(load[part].shape)
    return mix_joined(load, out, joined).reshape(np.shape(load_kwh))


def conserve(
    load_kwh: np.ndarray,
    share: np.ndarray | float,
    down_cap: np.ndarray | float = np.inf,
    rebound: float = 0.0,
    *,
    joined: np.ndarray | float | None = None,
) -> np.ndarray:
    """Strategic conservation: a share of use saved, less what comes back in comfort.

    Parameters
    ----------
    load_kwh : ndarray, shape (..., slots)
        [kWh]
    share : float or ndarray that fits the load
        Share of the use of a slot that is saved, 0 to 1.
    down_cap : float or ndarray that fits the load
        Most that may be saved in a slot [kWh].
    rebound : float
        Share of the saving that is used again, 0 to 1.
    joined : float or ndarray, shape (customers,), optional

    Examples
    --------
    >>> conserve(np.array([10.0, 20.0]), 0.1, rebound=0.2).tolist()
    [9.2, 18.4]
    """
    if not 0 <= rebound <= 1:
        raise DsmError(f"rebound is {rebound}, expected 0 to 1")
    check_share("share", share)

    def saved(load: np.ndarray, cap: np.ndarray, part_share: np.ndarray) -> np.ndarray:
        return load - np.minimum(load * part_share, cap) * (1 - rebound)

    return each_block(load_kwh, saved, joined, down_cap, share)


def grow(
    load_kwh: np.ndarray,
    share: np.ndarray | float,
    up_cap: np.ndarray | float = np.inf,
    *,
    joined: np.ndarray | float | None = None,
) -> np.ndarray:
    """Strategic load growth: use that replaces other energy, slot by slot.

    Parameters
    ----------
    load_kwh : ndarray, shape (..., slots)
        [kWh]
    share : float or ndarray that fits the load
        Growth of each slot as a share of its use; by slots or days where the new
        use has hours of its own.
    up_cap : float or ndarray that fits the load
        Most that may be added to a slot [kWh].
    joined : float or ndarray, shape (customers,), optional

    Examples
    --------
    >>> grow(np.array([10.0, 20.0]), np.array([0.5, 0.0])).tolist()
    [15.0, 20.0]
    """
    if (np.asarray(share) < 0).any():
        raise DsmError("share is below 0; use conserve for savings")

    def grown(load: np.ndarray, cap: np.ndarray, part_share: np.ndarray) -> np.ndarray:
        return load + np.minimum(load * part_share, cap)

    return each_block(load_kwh, grown, joined, up_cap, share)


def flexible(
    load_kwh: np.ndarray,
    called: np.ndarray,
    down_cap: np.ndarray | float,
    rebound: float = 0.0,
    *,
    joined: np.ndarray | float | None = None,
) -> np.ndarray:
    """Flexible load shape: the utility may call for load to be shed, on some days.

    Parameters
    ----------
    load_kwh : ndarray, shape (..., days, slots)
        [kWh]
    called : ndarray of bool, shape (days, slots)
        Slots in which load is called, such as those of `call_windows`.
    down_cap : float or ndarray that fits the load
        Most that is shed in a slot [kWh].
    rebound : float
        Share of what is shed that comes back in the other slots of the day, in
        proportion to their load.
    joined : float or ndarray, shape (customers,), optional

    Examples
    --------
    >>> flexible(np.array([[2.0, 4.0, 2.0]]), np.array([[False, True, False]]), 1.0, rebound=0.5).tolist()
    [[2.25, 3.0, 2.25]]
    """
    if rebound < 0:
        raise DsmError(f"rebound is {rebound}, expected 0 or more")
    windows = np.asarray(called, dtype=bool)
    check_fit("called", windows, np.asarray(load_kwh))

    def shed(load: np.ndarray, cap: np.ndarray, window: np.ndarray) -> np.ndarray:
        down = np.where(window, np.minimum(cap, load.clip(min=0)), 0.0)
        rest = np.where(window, 0.0, load)
        total = rest.sum(axis=-1, keepdims=True)
        back = np.divide(rebound * down.sum(axis=-1, keepdims=True), total, out=np.zeros_like(total), where=total > 0)
        return load - down + rest * back

    return each_block(load_kwh, shed, joined, down_cap, windows)


def call_windows(value: np.ndarray, calls: int, slots_per_call: int) -> np.ndarray:
    """The days and hours on which a call is worth most.

    Parameters
    ----------
    value : ndarray, shape (days, slots)
        Worth of a call in each slot, such as avoided cost times load that can be shed.
    calls : int
        Days on which a call is allowed.
    slots_per_call : int
        Length of a call, slots in a row.

    Returns
    -------
    ndarray of bool, shape (days, slots)
        Days are independent, so the best window of each of the best days is the best plan.

    Examples
    --------
    >>> call_windows(np.array([[0, 3, 2], [1, 1, 1], [5, 0, 1]]), calls=2, slots_per_call=2).astype(int).tolist()
    [[0, 1, 1], [0, 0, 0], [1, 1, 0]]
    """
    worth = np.asarray(value, dtype=float)
    if not 1 <= slots_per_call <= worth.shape[1] or calls < 0:
        raise DsmError(
            f"calls is {calls} and slots_per_call {slots_per_call}: a call takes 1 to {worth.shape[1]} slots"
        )
    sums = np.cumsum(np.pad(worth, ((0, 0), (1, 0))), axis=1)
    windows = sums[:, slots_per_call:] - sums[:, :-slots_per_call]
    start, best = windows.argmax(axis=1), windows.max(axis=1)
    called = np.zeros(worth.shape, dtype=bool)
    for day in np.argsort(-best, kind="stable")[:calls]:
        called[day, start[day] : start[day] + slots_per_call] = True
    return called
