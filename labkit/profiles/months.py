"""What the months of a customer say: trend, and whether the level changed."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from labkit.engine import divide

#: Months a trend wants; days with readings a month wants to count.
LEAST_MONTHS, LEAST_DAYS = 6, 7
#: Months wanted on either side of a change of level.
_SIDE = 2


def monthly_features(sums: ir.Table) -> ir.Table:
    """Trend and change of level of the monthly mean load, one row a customer with `LEAST_MONTHS` months or more.

    Parameters
    ----------
    sums : Table
        Of `labkit.profiles.monthly_sums`.

    Returns
    -------
    Table
        ``customer_id``; ``month_range_share``: highest less lowest month over their mean; ``load_trend_share``: slope by least
        squares, a year, over the mean; ``level_change_share``: at the split of the months in two that takes most variance
        away, the mean after less the mean before, over the mean; ``level_change_month``: the first month after it.

    Notes
    -----
    There is always such a split: whether it is more than noise and season is not tested here. With fewer than 24 months
    the seasons are part of the trend and of the change. Months count alike if they have `LEAST_DAYS` days of
    readings; their mean load is taken in whole W.
    """
    loads = _month_loads(sums)
    by_customer = ibis.window(group_by="customer_id")
    rows = loads.mutate(n=loads.count().over(by_customer))
    rows = rows.filter(rows.n >= LEAST_MONTHS)
    rows = rows.mutate(at=rows.index - rows.index.min().over(by_customer))
    fit = rows.group_by("customer_id").aggregate(
        n=rows.count(),
        x=rows["at"].sum().cast("int64"),
        y=rows.w.sum().cast("int64"),
        xx=(rows["at"] * rows["at"]).sum().cast("int64"),
        xy=(rows["at"] * rows.w).sum().cast("int64"),
        low=rows.w.min(),
        high=rows.w.max(),
    )
    slope = divide(fit.n * fit.xy - fit.x * fit.y, fit.n * fit.xx - fit.x * fit.x)
    mean = divide(fit.y, fit.n)
    table = fit.select(
        "customer_id", month_range_share=divide(fit.high - fit.low, mean), load_trend_share=divide(slope * 12, mean)
    )
    return table.left_join(_level_change(rows), "customer_id").drop("customer_id_right")


def _month_loads(sums: ir.Table) -> ir.Table:
    """``customer_id``, ``month``, ``index`` of the month and ``w``, its mean load in whole W."""
    months = sums.group_by(["customer_id", "month"]).aggregate(
        wh=sums.wh.sum().cast("int64"), minutes=sums.minutes.sum().cast("int64")
    )
    months = months.filter(months.minutes >= LEAST_DAYS * 1440)
    return months.select(
        "customer_id",
        "month",
        index=months.month[0:4].cast("int64") * 12 + months.month[5:7].cast("int64"),
        w=divide(months.wh * 60, months.minutes).round().cast("int64"),
    )


def _level_change(rows: ir.Table) -> ir.Table:
    """The split of each customer's months that takes most variance away."""
    ordered = ibis.window(group_by="customer_id", order_by="month")
    so_far = ibis.cumulative_window(group_by="customer_id", order_by="month")
    whole = ibis.window(group_by="customer_id")
    table = rows.select(
        "customer_id",
        "month",
        "n",
        before=ibis.row_number().over(ordered).cast("int64"),
        y_before=(rows.w.sum().over(so_far) - rows.w).cast("int64"),
        y=rows.w.sum().over(whole).cast("int64"),
    )
    table = table.filter((table.before >= _SIDE) & (table.before <= table.n - _SIDE))
    after = table.n - table.before
    change = divide(table.y - table.y_before, after) - divide(table.y_before, table.before)
    table = table.mutate(change=change, weight=(table.before * after).cast("float64"))
    table = table.mutate(score=table.change * table.change * table.weight)
    best = ibis.window(group_by="customer_id", order_by=[ibis.desc("score"), "month"])
    table = table.mutate(place=ibis.row_number().over(best))
    table = table.filter((table.place == 0) & (table.y > 0))
    return table.select(
        "customer_id",
        level_change_share=table.change / divide(table.y, table.n),
        level_change_month=table.month,
    )
