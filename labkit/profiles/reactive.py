"""Power factor, where reactive energy is metered."""

from __future__ import annotations

from functools import reduce
from operator import add

import ibis.expr.types as ir

from labkit.engine import divide
from labkit.store import SLOT_COLUMNS


def measure_power_factor(sums: ir.Table, reactive: ir.Table) -> ir.Table:
    """Mean power factor of the customers whose reactive energy is metered.

    Parameters
    ----------
    sums : Table
        Of `labkit.profiles.monthly_sums`.
    reactive : Table
        `Lab.reactive`, day rows [varh].

    Returns
    -------
    Table
        ``customer_id``, ``power_factor``: active over apparent energy of the months in which the times with a reading of both
        differ by 1 % at most. Reactive energy of either direction counts, as on bills.
    """
    keys = ["customer_id", "month"]
    varh = reduce(add, (reactive[name].fill_null(0).cast("int64").abs() for name in SLOT_COLUMNS))
    known = reduce(add, (reactive[name].notnull().cast("int64") for name in SLOT_COLUMNS))
    rows = reactive.select(*keys, varh=varh, known=known * reactive.interval_min)
    other = rows.group_by(keys).aggregate(varh=rows.varh.sum().cast("int64"), known=rows.known.sum().cast("int64"))
    months = sums.group_by(keys).aggregate(wh=sums.wh.sum().cast("int64"), minutes=sums.minutes.sum().cast("int64"))
    both = other.inner_join(months, keys)
    both = both.filter((both.known * 100 >= both.minutes * 99) & (both.minutes * 100 >= both.known * 99))
    total = both.group_by("customer_id").aggregate(wh=both.wh.sum().cast("int64"), varh=both.varh.sum().cast("int64"))
    wh, varh = total.wh.cast("float64"), total.varh.cast("float64")
    return total.select("customer_id", power_factor=divide(wh, (wh * wh + varh * varh).sqrt()))
