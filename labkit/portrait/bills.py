"""Value: what a customer is billed, its place among all, its growth (价值属性)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.engine import divide, round_to, to_whole
from labkit.lab import Lab


def sum_bills(lab: Lab) -> ir.Table:
    """Energy, money, price and growth of each customer with bills.

    Returns
    -------
    Table
        A row a customer, the columns whose source is ``bills``; ``capacity_use_share`` but for the capacity.

    Notes
    -----
    The last 12 months are the last 12 billing months of the data. Money is summed in whole fen and
    energy in whole Wh, so that every engine gives the same.
    """
    bills, last = lab.bills, last_month(lab)
    rows = bills.select(
        "customer_id",
        "period",
        "max_demand_kw",
        wh=to_whole(bills.kwh, 3),
        fen=to_whole(bills.total_yuan, 2),
        varh=to_whole(bills.kvarh, 3),
    )
    year = rows.period.between(str(last - 11), str(last))
    total = rows.group_by("customer_id").aggregate(
        bills_count=rows.count(),
        wh=rows.wh.sum().cast("int64"),
        fen=rows.fen.sum().cast("int64"),
        wh_with_varh=rows.wh.sum(where=rows.varh.notnull()).cast("int64"),
        varh=rows.varh.sum().cast("int64"),
        year_bills_count=rows.count(where=year),
        year_wh=rows.wh.sum(where=year).cast("int64"),
        year_fen=rows.fen.sum(where=year).cast("int64"),
        year_max_demand_kw=rows.max_demand_kw.max(where=year),
        **_halves(rows, last),
    )
    ranked = rank_amounts(total.filter(total.year_bills_count > 0).select("customer_id", "year_fen"))
    joined = total.left_join(ranked.drop("year_fen"), "customer_id").drop("customer_id_right")
    return _measure(joined)


def last_month(lab: Lab) -> pd.Period:
    """The last billing month of the data."""
    return pd.Period(lab.manifest.tables["bills"].last or lab.period[1][:7], "M")


def _halves(rows: ir.Table, last: pd.Period) -> dict[str, ir.Scalar]:
    """The last six billing months, and the same months a year before."""
    parts: dict[str, ir.Scalar] = {}
    for name, end in (("recent", last), ("earlier", last - 12)):
        here = rows.period.between(str(end - 5), str(end))
        parts[f"{name}_count"] = rows.period.nunique(where=here)
        parts[f"{name}_wh"] = rows.wh.sum(where=here).cast("int64")
        parts[f"{name}_fen"] = rows.fen.sum(where=here).cast("int64")
    return parts


def _measure(total: ir.Table) -> ir.Table:
    kwh, kvarh = divide(total.wh_with_varh, 1000), divide(total.varh, 1000)
    apparent = (kwh * kwh + kvarh * kvarh).sqrt()
    whole = (total.recent_count == 6) & (total.earlier_count == 6)
    growth = {
        name: round_to(whole.ifelse(divide(total[f"recent_{unit}"], total[f"earlier_{unit}"]) - 1, None), 4)
        for name, unit in (("billed_growth_share", "wh"), ("billed_yuan_growth_share", "fen"))
    }
    return total.select(
        "customer_id",
        "bills_count",
        "year_bills_count",
        "year_max_demand_kw",
        "billed_share",
        "value_rank",
        "value_rank_share",
        billed_kwh=divide(total.wh, 1000),
        billed_yuan=divide(total.fen, 100),
        average_price_yuan_per_kwh=divide(total.fen * 10, total.wh),
        year_billed_kwh=divide(total.year_wh, 1000),
        year_billed_yuan=divide(total.year_fen, 100),
        year_price_yuan_per_kwh=divide(total.year_fen * 10, total.year_wh),
        average_power_factor=round_to(divide(kwh, apparent), 4),
        **growth,
    )


def rank_amounts(amounts: ir.Table) -> ir.Table:
    """Each customer's part of the whole and its place by an amount, 1 the largest.

    Parameters
    ----------
    amounts : Table
        ``customer_id`` and ``year_fen``, whole numbers.

    Returns
    -------
    Table
        The same with ``billed_share``, ``value_rank`` and ``value_rank_share``; equal amounts share a place.

    Notes
    -----
    In two steps, since a window over all customers does not scale on a cluster: places within amounts
    of as many figures that begin alike, and how many customers have larger ones.
    """
    fen = amounts.year_fen
    figures = ibis.greatest(fen, 1).cast("string")
    # Order of amounts is order of length, then first figure; credits and noughts share a bucket of their own.
    bucket = (fen > 0).ifelse(figures.length() * 10 + figures[0:1].cast("int64"), 0)
    placed = amounts.mutate(bucket=bucket.cast("int64"))
    sizes = placed.group_by("bucket").aggregate(n=placed.count(), fen=placed.year_fen.sum().cast("int64"))
    whole = sizes.aggregate(customers=sizes.n.sum().cast("int64"), all_fen=sizes.fen.sum().cast("int64"))
    upwards = ibis.window(order_by=ibis.desc("bucket"), rows=(None, 0))
    above = sizes.select("bucket", larger=(sizes.n.sum().over(upwards) - sizes.n).cast("int64"))
    within = placed.mutate(at=ibis.rank().over(ibis.window(group_by="bucket", order_by=ibis.desc("year_fen"))))
    table = within.inner_join(above, "bucket").cross_join(whole)
    rank = (table.at + table.larger + 1).cast("int64")
    return table.select(
        "customer_id",
        "year_fen",
        billed_share=divide(table.year_fen, table.all_fen),
        value_rank=rank,
        value_rank_share=divide(rank, table.customers),
    )
