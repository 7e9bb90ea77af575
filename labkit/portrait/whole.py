"""The portrait: all rooms in one row a customer."""

from __future__ import annotations

from collections.abc import Callable

import ibis.expr.types as ir
import pandas as pd

from labkit import profiles
from labkit.engine import divide
from labkit.lab import Lab
from labkit.portrait.bills import sum_bills
from labkit.portrait.columns import COUNTS, FLAGS, SOURCES
from labkit.portrait.master import read_master
from labkit.portrait.memberships import count_taggings
from labkit.portrait.payments import count_collections, count_payments, measure_habits
from labkit.portrait.programmes import join_programmes
from labkit.portrait.satisfaction import read_answers
from labkit.portrait.service import count_contacts, sum_outages

#: Tables needed -> the room that makes its columns of them.
_ROOMS: dict[tuple[str, ...], Callable[[Lab], ir.Table]] = {
    ("bills",): sum_bills,
    ("bills", "payments"): measure_habits,
    ("payments",): count_payments,
    ("collections", "bills"): count_collections,
    ("tickets",): count_contacts,
    ("surveys",): read_answers,
    ("enrolments", "programmes"): join_programmes,
    ("taggings",): count_taggings,
}
#: Of the load features, what others are made of and no reader asks for.
_NOT_SHOWN = frozenset({"customer_id", "hours_metered"})


def portrait(lab: Lab) -> pd.DataFrame:
    """Everything known of each customer, one row a customer.

    Parameters
    ----------
    lab : Lab

    Returns
    -------
    DataFrame
        ``customer_id`` and the columns of `SOURCES` for the tables there are, with whatever load
        features `labkit.profiles.features` gives. Counts are 0 where a customer has none; everything
        else is missing where nothing is known, and `find_reasons` says why.

    Notes
    -----
    What each column means stands in ``columns.csv``; `describe_columns` shows it with its coverage.
    Sums are of whole fen and whole Wh, so that every engine gives the same portrait.
    """
    return lab.run(portrait_table(lab)).sort_values("customer_id", ignore_index=True)


def portrait_table(lab: Lab) -> ir.Table:
    """The portrait as an expression, for what is to be worked out on the engine; columns as of `portrait`.

    Notes
    -----
    On one machine the load features are worked out bucket by bucket, so that
    memory stays flat, and join as rows.
    """
    table = read_master(lab)
    for needed, make in _ROOMS.items():
        if lab.has(*needed):
            table = table.left_join(make(lab), "customer_id").drop("customer_id_right")
    if lab.has("bills"):
        table = table.mutate(capacity_use_share=divide(table.year_max_demand_kw, table.capacity_kva))
    if lab.has("outages"):
        table = _add_outages(table, sum_outages(lab))
    names = {source: list(columns) for source, columns in SOURCES.items()}
    if lab.has("readings"):
        loads = profiles.feature_table(lab)
        extra = [name for name in loads.columns if name not in _NOT_SHOWN and name not in SOURCES["readings"]]
        names["readings"] += extra
        table = _add_coverage(table.left_join(loads, "customer_id").drop("customer_id_right"))
    none = {name: table[name].fill_null(0).cast("int64") for name in COUNTS if name in table.columns}
    none |= {name: table[name].fill_null(False) for name in SOURCES["enrolments"] if name in FLAGS & set(table.columns)}
    known = [column for columns in names.values() for column in columns if column in table.columns]
    return table.mutate(**none).select("customer_id", *known)


def _add_coverage(table: ir.Table) -> ir.Table:
    share = divide(table.hours_metered.fill_null(0.0), table.expected_days * 24)
    return table.mutate(coverage_share=(share > 1).ifelse(1.0, share))


def _add_outages(table: ir.Table, outages: ir.Table) -> ir.Table:
    """Interruptions of each customer's area: none where the area had none, missing where the area is not known."""
    joined = table.left_join(outages, "area_id").drop("area_id_right")
    placed = joined.area_id.notnull()
    names = [name for name in outages.columns if name != "area_id"]
    return joined.mutate(**{name: placed.ifelse(joined[name].fill_null(0), None) for name in names})
