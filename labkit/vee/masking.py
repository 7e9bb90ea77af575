"""How far estimates miss: known readings are hidden, estimated, and compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.estimates import mean_over_customers
from labkit.lab import Lab
from labkit.vee.blocks import Block, read_blocks
from labkit.vee.filling import fill
from labkit.vee.thresholds import Thresholds, VeeError, read_thresholds


def measure_error(
    lab: Lab,
    gap_h: Sequence[float] = (1, 2, 6, 24, 72),
    *,
    customers: int = 100,
    gaps: int = 5,
    seed: int = 1,
    limits: Thresholds | None = None,
) -> pd.DataFrame:
    """Error of the estimates by the length of the gap, beside that of a second method.

    Parameters
    ----------
    gap_h : sequence of float
        Lengths of the gaps that are made [h].
    customers : int
        So many are drawn, of those with readings.
    gaps : int
        Gaps of each length a customer.
    seed : int

    Returns
    -------
    DataFrame
        ``gap_h``, ``method`` (``vee``: as `estimate` does it; ``typical_day``: the customer's mean of the same time and kind of
        day over the whole period), ``mape`` with ``low_mape`` and ``high_mape``: mean over customers of the mean absolute error
        over the true value, where that is above nought; ``customers_count``, ``values_count``.

    Raises
    ------
    VeeError
        If there are no readings, or a gap is no longer than nought.

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> measure_error(lab)  # doctest: +SKIP
    """
    limits, rng = limits or read_thresholds(), np.random.default_rng(seed)
    if not lab.has("readings"):
        raise VeeError(lab.explain_missing("readings"))
    if not gap_h or min(gap_h) <= 0:
        raise VeeError(f"gap_h is {list(gap_h)}, lengths above 0 hours were expected")
    ids = np.sort(lab.run(lab.readings.select("customer_id").distinct())["customer_id"].to_numpy().astype(str))
    drawn = np.sort(rng.choice(ids, min(customers, len(ids)), replace=False))
    errors = [_errors(block, hours, gaps, rng, limits) for block in read_blocks(lab, drawn) for hours in gap_h]
    every = pd.concat(errors)
    return pd.DataFrame(
        [_summarise(hours, method, rows) for (hours, method), rows in every.groupby(["gap_h", "method"])]
    )


def _errors(block: Block, hours: float, gaps: int, rng: np.random.Generator, limits: Thresholds) -> pd.DataFrame:
    """Relative error of each value hidden, by both methods."""
    slots = max(round(hours * 60 / block.interval_min), 1)
    hidden = np.zeros((len(block.wh), block.wh[0].size), bool)
    starts = rng.integers(0, max(hidden.shape[1] - slots, 1), (len(hidden), gaps))
    for place in range(slots):
        np.put_along_axis(hidden, np.minimum(starts + place, hidden.shape[1] - 1), True, axis=1)
    hidden = hidden.reshape(block.wh.shape) & (np.nan_to_num(block.wh) > 0)
    guesses = {
        "vee": fill(block.wh, hidden, block.kinds, block.interval_min, limits).values,
        "typical_day": typical_day(np.where(hidden, np.nan, block.wh), block.kinds),
    }
    parts = []
    for method, guess in guesses.items():
        who, day, slot = np.nonzero(hidden & np.isfinite(guess))
        truth = block.wh[who, day, slot]
        error = np.abs(guess[who, day, slot] - truth) / truth
        parts.append(
            pd.DataFrame({"gap_h": hours, "method": method, "customer_id": block.customer_ids[who], "error": error})
        )
    return pd.concat(parts)


def typical_day(known: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Mean of the same time and kind of day over all days, laid over every day."""
    found = np.full_like(known, np.nan)
    for kind in np.unique(kinds):
        mine = known[:, kinds == kind]
        there = np.isfinite(mine)
        count = there.sum(axis=1, keepdims=True)
        mean = np.where(there, mine, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
        found[:, kinds == kind] = np.where(count > 0, mean, np.nan)
    return found


def _summarise(hours: float, method: str, rows: pd.DataFrame) -> dict[str, object]:
    mean = mean_over_customers(rows.groupby("customer_id")["error"].mean(), seed=1)
    return {
        "gap_h": hours,
        "method": method,
        "mape": mean.value,
        "low_mape": mean.low,
        "high_mape": mean.high,
        "customers_count": mean.n,
        "values_count": len(rows),
    }
