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
        ``customer_id``, ``power_factor``: active over apparent energy of the months in which both have readings of as
        many days. Energy that flows back counts against.
    """
    keys = ["customer_id", "month"]
    varh = reduce(add, (reactive[name].fill_null(0).cast("int64") for name in SLOT_COLUMNS))
    rows = reactive.select(*keys, varh=varh)
    other = rows.group_by(keys).aggregate(varh=rows.varh.sum().cast("int64"), days=rows.count())
    months = sums.group_by(keys).aggregate(
        wh=sums.wh.sum().cast("int64"), days_metered=sums.days_metered.sum().cast("int64")
    )
    both = other.inner_join(months, keys)
    both = both.filter(both.days == both.days_metered)
    total = both.group_by("customer_id").aggregate(wh=both.wh.sum().cast("int64"), varh=both.varh.sum().cast("int64"))
    wh, varh = total.wh.cast("float64"), total.varh.cast("float64")
    return total.select("customer_id", power_factor=divide(wh, (wh * wh + varh * varh).sqrt()))
