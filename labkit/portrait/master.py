"""Social attributes: what the customer is registered as (社会属性)."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from labkit.engine import divide, round_to
from labkit.lab import Lab
from labkit.schema import TABLES
from labkit.vee import expected_days


def read_master(lab: Lab) -> ir.Table:
    """Customers without what names a person, and what follows from their dates.

    Returns
    -------
    Table
        A row a customer: its columns that are not personal; ``tenure_years``,
        ``contract_left_years``, ``active``; ``expected_days`` of the readings while connected [d].
    """
    customers = lab.customers.drop(*TABLES["customers"].personal_columns)
    last = ibis.date(lab.period[1])
    until = ibis.least(customers.left_on.fill_null(last), last)
    return customers.mutate(
        tenure_years=round_to(divide(until.delta(customers.connected_on, unit="day"), 365.25), 2),
        contract_left_years=round_to(divide(customers.contract_end_on.delta(last, unit="day"), 365.25), 2),
        active=customers.left_on.isnull() | (customers.left_on > last),
        expected_days=expected_days(customers, lab.period),
    )
