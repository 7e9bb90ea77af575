"""Estimates for gaps and for readings that were rejected, beside the raw values, never in their place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.lab import Lab
from labkit.vee.blocks import Block, read_blocks
from labkit.vee.declared import checks
from labkit.vee.filling import METHODS, Filled, fill
from labkit.vee.suspects import find_suspects
from labkit.vee.thresholds import Thresholds, VeeError, read_thresholds

#: Checks whose readings are never to be believed.
REJECTED = tuple(one.id for one in checks().values() if one.severity == "error" and one.looks_at == "readings")
ESTIMATE = ["customer_id", "ts", "interval_min", "kwh", "estimated_kwh", "why", "method", "quality_flag"]


def estimate(
    lab: Lab,
    limits: Thresholds | None = None,
    *,
    reject: Sequence[str] = REJECTED,
    suspects: pd.DataFrame | None = None,
    customer_ids: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Estimates for readings that are missing or rejected.

    Parameters
    ----------
    lab : Lab
        With readings; the store is only read.
    limits : Thresholds, optional
        Those of ``estimate``.
    reject : sequence of str
        Checks of days whose readings are not believed; those that cannot be true by default, empty for gaps alone.
    suspects : DataFrame, optional
        Of `find_suspects`, where it is at hand.
    customer_ids : sequence of str, optional
        Only of these.

    Returns
    -------
    DataFrame
        A row for each interval that is missing or rejected: ``customer_id``, ``ts``, ``interval_min``; ``kwh`` as it stands in
        the store; ``estimated_kwh``; ``why`` (``gap``, or the check that rejects the reading); ``method`` (``linear``,
        ``like_days``, ``rest_days`` or ``none``, see `labkit.vee.filling.fill`); ``quality_flag``: ``estimated``, or ``missing``
        where nothing could be estimated. Sorted by customer and time.

    Raises
    ------
    VeeError
        If a check is none of days of readings.

    Notes
    -----
    Of a spike the highest reading of the day is rejected; of the physical maximum, negative readings and a rollover those beyond
    the limit; of other checks all readings of the days.

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> estimate(lab, customer_ids=["C0000001"])["method"].value_counts()  # doctest: +SKIP
    """
    limits = limits or read_thresholds()
    known = {one.id for one in checks().values() if one.level == "day" and one.looks_at == "readings"}
    unknown = sorted(set(reject) - known)
    if unknown:
        raise VeeError(f"reject names {unknown[0]!r}, which is no check of days; use {', '.join(sorted(known))}")
    if suspects is None:
        suspects = find_suspects(lab, limits) if reject else pd.DataFrame(columns=["check", "customer_id"])
    bad = suspects[suspects["check"].isin(list(reject))]
    asked = None if customer_ids is None else np.array(list(customer_ids), dtype=str)
    found = [_estimate_block(block, bad, limits) for block in read_blocks(lab, asked)]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=ESTIMATE)
    return table.sort_values(["customer_id", "ts"], ignore_index=True)


def _estimate_block(block: Block, bad: pd.DataFrame, limits: Thresholds) -> pd.DataFrame:
    why = np.where(block.expected & np.isnan(block.wh), 0, -1).astype(np.int8)
    names = ["gap", *dict.fromkeys(bad["check"])]
    mine = bad[bad["customer_id"].isin(block.customer_ids)]
    for row in mine.itertuples():
        customer = int(np.searchsorted(block.customer_ids, row.customer_id))
        first, last = ((pd.Timestamp(day) - block.days[0]).days for day in (row.from_day, row.to_day))
        days = slice(max(first, 0), min(last, len(block.days) - 1) + 1)
        here = _rejects(row.check, block.wh[customer, days] / 1000, row.value, row.limit, limits)
        why[customer, days][here] = names.index(row.check)
    wanted = why >= 0
    if not wanted.any():
        return pd.DataFrame(columns=ESTIMATE)
    return _rows(block, why, names, fill(block.wh, wanted, block.kinds, block.interval_min, limits))


def _rejects(check: str, kwh: np.ndarray, value: float, limit: float, limits: Thresholds) -> np.ndarray:
    """Which readings of a suspect's days are not believed."""
    if check == "physical_maximum":
        return kwh > limit
    if check == "negative":
        return kwh < 0
    if check == "rollover":
        return (np.abs(kwh) <= limit) & (np.abs(kwh) >= limit * (1 - limits["rollover.share"]))
    if check == "spike":
        return kwh == value
    return np.isfinite(kwh)


def _rows(block: Block, why: np.ndarray, names: list[str], filled: Filled) -> pd.DataFrame:
    who, day, slot = np.nonzero(why >= 0)
    start = block.days.to_numpy()[day] + slot * np.timedelta64(block.interval_min, "m")
    estimated = filled.values[who, day, slot] / 1000
    return pd.DataFrame(
        {
            "customer_id": block.customer_ids[who],
            "ts": start,
            "interval_min": block.interval_min,
            "kwh": block.wh[who, day, slot] / 1000,
            "estimated_kwh": estimated,
            "why": np.array(names, dtype=object)[why[who, day, slot]],
            "method": np.array(METHODS, dtype=object)[filled.methods[who, day, slot]],
            "quality_flag": np.where(np.isfinite(estimated), "estimated", "missing").astype(object),
        }
    )
