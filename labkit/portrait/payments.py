"""Credit: how bills are paid, what is owed, what was done about it (信用属性)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from labkit.engine import divide, to_whole
from labkit.lab import Lab


def settled_bills(lab: Lab) -> ir.Table:
    """Each bill that fell due within the data, with when it was settled in full.

    Returns
    -------
    Table
        ``bill_id``, ``customer_id``, ``period``, ``due_on``, ``total_yuan``,
        ``paid_yuan``, ``settled_on`` (missing while money is owed), ``late``
        and ``days_late`` (0 where paid in time, missing while unpaid).

    Notes
    -----
    Amounts are compared in whole fen.
    """
    bills, payments = lab.bills, lab.payments
    due = bills.filter(bills.due_on <= _last_payment(lab), to_whole(bills.total_yuan, 2) > 0)
    paid = payments.group_by("bill_id").aggregate(
        paid_fen=to_whole(payments.amount_yuan, 2).sum().cast("int64"), last_paid_on=payments.paid_on.max()
    )
    joined = due.left_join(paid, "bill_id")
    paid_fen = joined.paid_fen.fill_null(0)
    settled_on = (paid_fen >= to_whole(joined.total_yuan, 2)).ifelse(joined.last_paid_on, ibis.null("date"))
    table = joined.select(
        "bill_id",
        "customer_id",
        "period",
        "due_on",
        "total_yuan",
        paid_yuan=divide(paid_fen, 100),
        settled_on=settled_on,
    )
    overdue = table.settled_on.isnull() & (table.due_on < _last_payment(lab))
    return table.mutate(
        late=overdue | (table.settled_on > table.due_on).fill_null(False),
        # The greatest of nothing and nought is nought to both engines: what is not settled stays missing.
        days_late=table.settled_on.notnull().ifelse(
            ibis.greatest(table.settled_on.delta(table.due_on, unit="day"), 0), None
        ),
    )


def _last_payment(lab: Lab) -> ir.DateScalar:
    """The day up to which payments are known."""
    return ibis.date((lab.manifest.tables["payments"].last or lab.period[1])[:10])


def measure_habits(lab: Lab) -> ir.Table:
    """How each customer settles its bills, and what it owes at the end of the payments."""
    bills = settled_bills(lab)
    owed = bills.late & bills.settled_on.isnull()
    so_far = _last_payment(lab).delta(bills.due_on, unit="day")
    bills = bills.mutate(
        owed=owed,
        delay=owed.ifelse(so_far, bills.days_late).fill_null(0),
        open_fen=to_whole(bills.total_yuan, 2) - to_whole(bills.paid_yuan, 2),
    )
    return bills.group_by("customer_id").aggregate(
        due_bills_count=bills.count(),
        late_share=bills.late.cast("float64").mean(),
        on_time_share=(~bills.late).cast("float64").mean(),
        mean_days_late=bills.days_late.cast("float64").mean(),
        max_days_late=bills.delay.max().cast("int64"),
        unpaid_yuan=divide(bills.open_fen.sum(where=bills.owed).fill_null(0).cast("int64"), 100),
        unpaid_bills_count=bills.count(where=bills.owed),
        oldest_debt_days=bills.delay.max(where=bills.owed).fill_null(0).cast("int64"),
    )


def count_payments(lab: Lab) -> ir.Table:
    """How often, how lately and by which channel each customer paid."""
    paid = lab.payments
    known = paid.filter(paid.channel.notnull())
    counted = known.group_by(["customer_id", "channel"]).aggregate(n=known.count())
    # The most used one; of two used as often, the first by name.
    order = ibis.window(group_by="customer_id", order_by=[ibis.desc("n"), "channel"])
    ranked = counted.mutate(rank=ibis.row_number().over(order))
    main = ranked.filter(ranked["rank"] == 0).select("customer_id", main_payment_channel="channel")
    habits = paid.group_by("customer_id").aggregate(
        payments_count=paid.count(),
        recency_days=_last_payment(lab).delta(paid.paid_on.max(), unit="day").cast("int64"),
        online_payment_share=(paid.channel == "online").cast("float64").mean(),
    )
    return habits.left_join(main, "customer_id").drop("customer_id_right")


def count_collections(lab: Lab) -> ir.Table:
    """Steps taken to recover a customer's bills: the columns whose source is ``collections``."""
    steps = lab.collections.inner_join(lab.bills.select("bill_id", "customer_id"), "bill_id")
    return steps.group_by("customer_id").aggregate(
        reminders_count=steps.count(where=steps.action == "reminder"),
        disconnections_count=steps.count(where=steps.action == "disconnection"),
    )
