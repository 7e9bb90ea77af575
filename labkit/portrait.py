"""One row a customer: everything known of it (客户画像).

Master data, load, bills, payments, collections, tickets, surveys and programmes;
every column is in the glossary (`labkit.terms`), none names a person.
"""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit import profiles
from labkit.engine import round_to, sum_exactly
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
        "contract_left_years",
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
    "bills": (
        "bills_count",
        "billed_kwh",
        "billed_yuan",
        "average_price_yuan_per_kwh",
        "average_power_factor",
        "billed_growth_share",
    ),
    "payments": ("late_share", "mean_days_late", "unpaid_yuan", "main_payment_channel", "online_payment_share"),
    "collections": ("reminders_count", "disconnections_count"),
    "tickets": (
        "tickets_count",
        "fault_tickets_count",
        "billing_tickets_count",
        "connection_tickets_count",
        "complaints_count",
        "online_contact_share",
    ),
    "surveys": ("latest_satisfaction", "latest_loyalty", "latest_intention_to_stay"),
    "enrolments": ("in_time_of_use", "in_interruptible"),
}
#: Columns that hold words, and those that hold yes or no; all others hold numbers.
WORDS = frozenset(
    {"customer_class", "industry_code", "tariff_id", "area_id", "settlement", "left_reason", "main_payment_channel"}
)
FLAGS = frozenset({"prepaid", "important", "active", "in_time_of_use", "in_interruptible"})
_NOUGHT = (
    "bills_count",
    "days_metered",
    *SOURCES["collections"],
    *(c for c in SOURCES["tickets"] if c[-5:] == "count"),
)


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
    ``billed_growth_share`` compares the last six billed months with the same
    months a year before.
    """
    return lab.run(portrait_table(lab)).sort_values("customer_id", ignore_index=True)


def portrait_table(lab: Lab) -> ir.Table:
    """The portrait as an expression, for what is to be worked out on the engine; columns as of `portrait`.

    Notes
    -----
    With several buckets the load features are worked out bucket by bucket, so that
    memory stays flat, and join as rows.
    """
    table = _master(lab)
    parts: dict[tuple[str, ...], Callable[[Lab], ir.Table]] = {
        ("bills",): _bills,
        ("bills", "payments"): _payments,
        ("collections", "bills"): _collections,
        ("tickets",): _tickets,
        ("surveys",): _surveys,
        ("enrolments", "programmes"): _programmes,
        ("readings",): _loads,
    }
    for needed, make in parts.items():
        if lab.has(*needed):
            table = table.left_join(make(lab), "customer_id").drop("customer_id_right")
    if lab.has("readings"):
        share = table.hours_metered.fill_null(0.0) / (table.expected_days.nullif(0) * 24.0)
        table = table.mutate(coverage_share=(share > 1).ifelse(1.0, share))
    nought = {name: table[name].fill_null(0).cast("int64") for name in _NOUGHT if name in table.columns}
    nought |= {name: table[name].fill_null(False) for name in SOURCES["enrolments"] if name in table.columns}
    known = [column for names in SOURCES.values() for column in names if column in table.columns]
    return table.mutate(**nought).select("customer_id", *known)


def _master(lab: Lab) -> ir.Table:
    customers = lab.customers.drop(*TABLES["customers"].personal_columns)
    first, last = (ibis.date(day) for day in lab.period)
    until = ibis.least(customers.left_on.fill_null(last), last)
    since = ibis.greatest(customers.connected_on.fill_null(first), first)
    days = until.delta(since, unit="day") + customers.left_on.isnull().ifelse(1, 0)
    return customers.mutate(
        tenure_years=round_to(until.delta(customers.connected_on, unit="day") / 365.25, 2),
        contract_left_years=round_to(customers.contract_end_on.delta(last, unit="day") / 365.25, 2),
        active=customers.left_on.isnull() | (customers.left_on > last),
        expected_days=ibis.greatest(days, 0),
    )


def _loads(lab: Lab) -> ir.Table:
    if len(lab.parts()) == 1:
        return profiles.features(profiles.monthly_sums(lab))
    return ibis.memtable(profiles.load_features(lab))


def _bills(lab: Lab) -> ir.Table:
    bills = lab.bills
    last = pd.Period(lab.manifest.tables["bills"].last or lab.period[1][:7], "M")
    recent = bills.period.between(str(last - 5), str(last))
    earlier = bills.period.between(str(last - 17), str(last - 12))
    reactive = bills.kvarh.notnull()
    total = bills.group_by("customer_id").aggregate(
        bills_count=bills.count(),
        billed_kwh=round_to(sum_exactly(bills.kwh, 3), 2),
        billed_yuan=sum_exactly(bills.total_yuan, 2),
        with_kvarh_kwh=sum_exactly(bills.kwh, 3, reactive),
        sum_kvarh=sum_exactly(bills.kvarh, 3),
        recent_kwh=sum_exactly(bills.kwh, 3, recent),
        recent_count=bills.count(where=recent),
        earlier_kwh=sum_exactly(bills.kwh, 3, earlier),
        earlier_count=bills.count(where=earlier),
    )
    apparent = (total.with_kvarh_kwh * total.with_kvarh_kwh + total.sum_kvarh * total.sum_kvarh).sqrt()
    whole = (total.recent_count == 6) & (total.earlier_count == 6)
    growth = total.recent_kwh / total.earlier_kwh.nullif(0) - 1
    return total.select(
        "customer_id",
        "bills_count",
        "billed_kwh",
        "billed_yuan",
        average_price_yuan_per_kwh=total.billed_yuan / total.billed_kwh.nullif(0),
        average_power_factor=round_to(total.with_kvarh_kwh / apparent.nullif(0), 4),
        billed_growth_share=round_to(whole.ifelse(growth, ibis.null("float64")), 4),
    )


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
        paid_yuan=sum_exactly(payments.amount_yuan, 2), last_paid_on=payments.paid_on.max()
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
    bills, paid = settled_bills(lab), lab.payments
    late = bills.late
    habits = bills.group_by("customer_id").aggregate(
        late_share=late.cast("float64").mean(),
        mean_days_late=bills.days_late.cast("float64").mean(),
        unpaid_yuan=sum_exactly(bills.total_yuan - bills.paid_yuan, 2, late & bills.settled_on.isnull()).fill_null(0.0),
    )
    known = paid.filter(paid.channel.notnull())
    counted = known.group_by(["customer_id", "channel"]).aggregate(n=known.count())
    # The most used one; of two used as often, the first by name.
    order = ibis.window(group_by="customer_id", order_by=[ibis.desc("n"), "channel"])
    ranked = counted.mutate(rank=ibis.row_number().over(order))
    main = ranked.filter(ranked["rank"] == 0).select("customer_id", main_payment_channel="channel")
    share = known.group_by("customer_id").aggregate(
        online_payment_share=(known.channel == "online").cast("float64").mean()
    )
    channels = main.left_join(share, "customer_id").drop("customer_id_right")
    return habits.left_join(channels, "customer_id").drop("customer_id_right")


def _collections(lab: Lab) -> ir.Table:
    steps = lab.collections.inner_join(lab.bills.select("bill_id", "customer_id"), "bill_id")
    return steps.group_by("customer_id").aggregate(
        reminders_count=steps.count(where=steps.action == "reminder"),
        disconnections_count=steps.count(where=steps.action == "disconnection"),
    )


def _tickets(lab: Lab) -> ir.Table:
    tickets = lab.tickets.filter(lab.tickets.customer_id.notnull())
    kinds = {
        f"{name}_tickets_count": tickets.count(where=tickets.category == name)
        for name in ("fault", "billing", "connection")
    }
    return tickets.group_by("customer_id").aggregate(
        tickets_count=tickets.count(),
        **kinds,
        complaints_count=tickets.count(where=tickets.category == "complaint"),
        online_contact_share=(tickets.channel == "online").cast("float64").mean(),
    )


def _surveys(lab: Lab) -> ir.Table:
    surveys = lab.surveys
    answered = surveys.filter(surveys.overall.notnull())
    return answered.group_by("customer_id").aggregate(
        **{
            f"latest_{name}": answered[column].argmax(answered.surveyed_on).cast("float64")
            for name, column in (
                ("satisfaction", "overall"),
                ("loyalty", "loyalty"),
                ("intention_to_stay", "intention_to_stay"),
            )
        }
    )


def _programmes(lab: Lab) -> ir.Table:
    joined = lab.enrolments.inner_join(lab.programmes.select("programme_id", "kind"), "programme_id")
    # A trial's control group is enrolled too, but nothing changes for it.
    taking_part = joined.arm.isnull() | (joined.arm != "control")
    return joined.group_by("customer_id").aggregate(
        **{f"in_{kind}": (taking_part & (joined["kind"] == kind)).any() for kind in ("time_of_use", "interruptible")}
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
