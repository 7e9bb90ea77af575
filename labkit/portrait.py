"""One row a customer: everything known of it (客户画像).

First version: master data, load, bills, payments, tickets and surveys; every
column is in the glossary (`labkit.terms`), none names a person.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit import profiles
from labkit.lab import Lab
from labkit.schema import TABLES

#: Columns of the portrait by the table they come from.
SOURCES: dict[str, tuple[str, ...]] = {
    "customers": (
        "customer_class",
        "industry_code",
        "voltage_kv",
        "capacity_kva",
        "tariff_id",
        "area_id",
        "settlement",
        "prepaid",
        "important",
        "tenure_years",
        "active",
        "left_reason",
    ),
    "readings": (
        "days_metered",
        "coverage_share",
        "energy_kwh",
        "energy_per_day_kwh",
        "maximum_demand_kw",
        "load_factor",
        "peak_share",
        "flat_share",
        "valley_share",
        "weekend_ratio",
    ),
    "bills": ("bills_count", "billed_kwh", "billed_yuan", "average_price_yuan_per_kwh"),
    "payments": ("late_share", "mean_days_late", "unpaid_yuan"),
    "tickets": ("tickets_count", "fault_tickets_count"),
    "surveys": ("latest_satisfaction",),
}


def portrait(lab: Lab) -> pd.DataFrame:
    """Everything known of each customer, one row a customer.

    Parameters
    ----------
    lab : Lab

    Returns
    -------
    DataFrame
        ``customer_id`` and the columns of `SOURCES` for the tables there are.
        Counts are 0 where a customer has none; everything else is missing
        where nothing is known.

    Notes
    -----
    ``coverage_share`` is the share of hours with a reading between the first and
    last day of the readings, within the time the customer was connected.
    ``late_share`` counts bills whose due date lies in the data.
    """
    table = _master(lab)
    if lab.has("bills"):
        table = table.left_join(_bills(lab), "customer_id").drop("customer_id_right")
    if lab.has("bills", "payments"):
        table = table.left_join(_payments(lab), "customer_id").drop("customer_id_right")
    if lab.has("tickets"):
        table = table.left_join(_tickets(lab), "customer_id").drop("customer_id_right")
    if lab.has("surveys"):
        table = table.left_join(_surveys(lab), "customer_id").drop("customer_id_right")
    frame = lab.run(table)
    if lab.has("readings"):
        frame = frame.merge(profiles.load_features(lab), on="customer_id", how="left", validate="one_to_one")
        frame["coverage_share"] = _coverage(frame)
    for name in ("bills_count", "tickets_count", "fault_tickets_count", "days_metered"):
        if name in frame:
            frame[name] = frame[name].fillna(0).astype("int64")
    known = [column for names in SOURCES.values() for column in names if column in frame]
    return frame[["customer_id", *known]].sort_values("customer_id", ignore_index=True)


def _master(lab: Lab) -> ir.Table:
    customers = lab.customers.drop(*TABLES["customers"].personal_columns)
    first, last = (ibis.date(day) for day in lab.period)
    until = ibis.least(customers.left_on.fill_null(last), last)
    since = ibis.greatest(customers.connected_on.fill_null(first), first)
    return customers.mutate(
        tenure_years=(until.delta(customers.connected_on, unit="day") / 365.25).round(2),
        active=customers.left_on.isnull() | (customers.left_on > last),
        _expected_days=until.delta(since, unit="day") + customers.left_on.isnull().ifelse(1, 0),
    )


def _coverage(frame: pd.DataFrame) -> pd.Series:
    expected = frame["_expected_days"].where(frame["_expected_days"] > 0) * 24.0
    share = frame["hours_metered"].fillna(0.0) / expected
    return share.clip(upper=1.0)


def _bills(lab: Lab) -> ir.Table:
    bills = lab.bills
    total = bills.group_by("customer_id").aggregate(
        bills_count=bills.count(), billed_kwh=bills.kwh.sum().round(2), billed_yuan=bills.total_yuan.sum().round(2)
    )
    return total.mutate(average_price_yuan_per_kwh=total.billed_yuan / total.billed_kwh.nullif(0))


def settled_bills(lab: Lab) -> ir.Table:
    """Each bill that fell due within the data, with when it was settled in full.

    Returns
    -------
    Table
        ``bill_id``, ``customer_id``, ``period``, ``due_on``, ``total_yuan``,
        ``paid_yuan``, ``settled_on`` (missing while money is owed), ``late``
        and ``days_late`` (0 where paid in time, missing while unpaid).
    """
    bills, payments = lab.bills, lab.payments
    last = ibis.date(lab.manifest.tables["payments"].last or lab.period[1])
    paid = payments.group_by("bill_id").aggregate(
        paid_yuan=payments.amount_yuan.sum(), last_paid_on=payments.paid_on.max()
    )
    due = bills.filter(bills.due_on <= last, bills.total_yuan > 0)
    joined = due.left_join(paid, "bill_id")
    paid_yuan = joined.paid_yuan.fill_null(0.0)
    settled_on = (paid_yuan >= joined.total_yuan - 0.005).ifelse(joined.last_paid_on, ibis.null("date"))
    table = joined.select(
        "bill_id", "customer_id", "period", "due_on", "total_yuan", paid_yuan=paid_yuan, settled_on=settled_on
    )
    overdue = table.settled_on.isnull() & (table.due_on < last)
    return table.mutate(
        late=overdue | (table.settled_on > table.due_on).fill_null(False),
        days_late=ibis.greatest(table.settled_on.delta(table.due_on, unit="day"), 0),
    )


def _payments(lab: Lab) -> ir.Table:
    bills = settled_bills(lab)
    late = bills.late
    return bills.group_by("customer_id").aggregate(
        late_share=late.cast("float64").mean(),
        mean_days_late=bills.days_late.cast("float64").mean(),
        unpaid_yuan=(bills.total_yuan - bills.paid_yuan)
        .sum(where=late & bills.settled_on.isnull())
        .fill_null(0.0)
        .round(2),
    )


def _tickets(lab: Lab) -> ir.Table:
    tickets = lab.tickets.filter(lab.tickets.customer_id.notnull())
    return tickets.group_by("customer_id").aggregate(
        tickets_count=tickets.count(), fault_tickets_count=tickets.count(where=tickets.category == "fault")
    )


def _surveys(lab: Lab) -> ir.Table:
    surveys = lab.surveys
    answered = surveys.filter(surveys.overall.notnull())
    return answered.group_by("customer_id").aggregate(
        latest_satisfaction=answered.overall.argmax(answered.surveyed_on).cast("float64")
    )


def describe_by(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Customers, energy and load of each group of a portrait, largest use first.

    Parameters
    ----------
    frame : DataFrame
        Of `portrait`.
    by : str
        A column such as ``customer_class``.

    Returns
    -------
    DataFrame
        ``by``, ``customers_count``, ``energy_kwh``, ``share`` of energy,
        ``largest_share``: that of the largest customer within the group (for
        suppression), ``load_factor``: the group's median, ``peak_share``: of the
        group's energy.
    """
    energy = "energy_kwh" if "energy_kwh" in frame else "billed_kwh"
    rows = []
    for name, part in frame.groupby(frame[by].fillna("unknown")):
        kwh = part[energy].fillna(0.0)
        row = {
            by: name,
            "customers_count": len(part),
            "energy_kwh": kwh.sum(),
            "largest_share": kwh.max() / (kwh.sum() or 1),
        }
        if "load_factor" in part:
            row["load_factor"] = part["load_factor"].median()
            row["peak_share"] = (part["peak_share"] * kwh).sum() / (kwh.sum() or 1)
        rows.append(row)
    table = pd.DataFrame(rows).sort_values("energy_kwh", ascending=False, ignore_index=True)
    table.insert(3, "share", table["energy_kwh"] / (table["energy_kwh"].sum() or 1))
    return table
