"""Social attributes: what the customer is registered as (社会属性)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from labkit.engine import divide, round_to
from labkit.lab import Lab
from labkit.schema import TABLES


def read_master(lab: Lab) -> ir.Table:
    """Customers without what names a person, and what follows from their dates.

    Returns
    -------
    Table
        A row a customer: its columns that are not personal; ``tenure_years``,
        ``contract_left_years``, ``active``; ``expected_days`` of the readings while connected [d].
    """
    customers = lab.customers.drop(*TABLES["customers"].personal_columns)
    first, last = (ibis.date(day) for day in lab.period)
    until = ibis.least(customers.left_on.fill_null(last), last)
    since = ibis.greatest(customers.connected_on.fill_null(first), first)
    days = until.delta(since, unit="day") + customers.left_on.isnull().ifelse(1, 0)
    return customers.mutate(
        tenure_years=round_to(divide(until.delta(customers.connected_on, unit="day"), 365.25), 2),
        contract_left_years=round_to(divide(customers.contract_end_on.delta(last, unit="day"), 365.25), 2),
        active=customers.left_on.isnull() | (customers.left_on > last),
        expected_days=ibis.greatest(days, 0),
    )
