"""Service: contacts of a customer, and interruptions of its area (服务)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.engine import divide
from labkit.lab import Lab
from labkit.portrait.moments import last_day, year_before

_KINDS = {
    "fault_tickets_count": "fault",
    "billing_tickets_count": "billing",
    "connection_tickets_count": "connection",
    "complaints_count": "complaint",
}


def count_contacts(lab: Lab) -> ir.Table:
    """Contacts of each customer that made any: the columns whose source is ``tickets``.

    Notes
    -----
    The last 12 months end with the last day of the data. Times of answer are taken in whole seconds,
    and left out where the answer stands before the opening.
    """
    end = last_day(lab, "tickets")
    tickets = lab.tickets.filter(lab.tickets.customer_id.notnull())
    recent = tickets.opened_at.date() > ibis.date(str(year_before(end).date()))
    seconds = _seconds(tickets.first_answer_at) - _seconds(tickets.opened_at)
    in_order = seconds >= 0
    counts = tickets.group_by("customer_id").aggregate(
        tickets_count=tickets.count(),
        year_tickets_count=tickets.count(where=recent),
        **{name: tickets.count(where=tickets.category == kind) for name, kind in _KINDS.items()},
        year_complaints_count=tickets.count(where=recent & (tickets.category == "complaint")),
        online_contact_share=(tickets.channel == "online").cast("float64").mean(),
        answer_s=seconds.sum(where=in_order).cast("int64"),
        answers=tickets.count(where=in_order),
        mean_ticket_score=tickets.score.cast("float64").mean(),
        last_on=tickets.opened_at.date().max(),
    )
    return counts.mutate(
        mean_first_answer_min=divide(counts.answer_s, counts.answers * 60),
        days_since_contact=ibis.date(str(end.date())).delta(counts.last_on, unit="day").cast("int64"),
    ).drop("answer_s", "answers", "last_on")


def _seconds(moment: ir.TimestampColumn) -> ir.IntegerColumn:
    return moment.truncate("s").epoch_seconds().cast("int64")


def sum_outages(lab: Lab) -> ir.Table:
    """Interruptions of each supply area in the last 12 months: ``area_id`` and the columns whose source is ``outages``.

    Notes
    -----
    An area is an area: not every customer in it was without supply. One that has not ended counts to
    the end of the last day of the data.
    """
    end = last_day(lab, "outages")
    after, until = year_before(end), end + pd.Timedelta(days=1)
    outages = lab.outages
    recent = outages.filter(outages.started_at.date() > ibis.date(str(after.date())))
    ended = recent.restored_at.fill_null(ibis.timestamp(str(until)))
    seconds = ibis.greatest(_seconds(ended) - _seconds(recent.started_at), 0)
    rows = recent.select("area_id", seconds=seconds, unplanned=~recent.planned.fill_null(False))
    return rows.group_by("area_id").aggregate(
        year_outages_count=rows.count(),
        year_outage_h=divide(rows.seconds.sum().cast("int64"), 3600),
        year_unplanned_outage_h=divide(rows.seconds.sum(where=rows.unplanned).fill_null(0).cast("int64"), 3600),
    )
