"""Customers as they were known on a day, and whether they left for the market soon after: what a forecast may learn from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.lab import Lab
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.spells import MARKET_REASONS

#: Days before the day that recent events are counted in.
_RECENT_DAYS = 182


def churn_table(
    lab: Lab, days: Sequence[str], horizon_days: int = 182, *, homes: bool = False, billing_delay_days: int = 35
) -> pd.DataFrame:
    """Business customers on several days, with what was known then and whether they left to the market within the horizon.

    Parameters
    ----------
    lab : Lab
    days : sequence of str
        YYYY-MM-DD; the horizon after each must lie in the data.
    horizon_days : int
    homes : bool
        Homes too.
    billing_delay_days : int
        A month's bill is known so many days after the month's end.

    Returns
    -------
    DataFrame
        ``customer_id``, ``as_of``, ``leaves`` (1 for the market), ``customer_class``, ``settlement``, ``voltage_kv``,
        ``capacity_kva``, ``tenure_years``, ``contract_left_months`` and ``has_contract``; and where the tables are there ``energy_kwh`` (six
        billed months), ``growth_share`` on the six before, ``price_yuan_per_kwh``, ``tickets_count``, ``complaints_count``, ``late_count``, ``last_overall``.

    Raises
    ------
    LoyaltyError
        If a horizon does not lie in the data.

    Notes
    -----
    The end of a contract is today's entry: where contracts are renewed within the data the old end is lost, and what is
    left on an earlier day is known too well.
    """
    last = pd.Timestamp(lab.period[1])
    parts = []
    for day in days:
        at = pd.Timestamp(day)
        if at + pd.Timedelta(days=horizon_days) > last:
            raise LoyaltyError(
                f"{day} and {horizon_days} days end after the data, on {last.date()}; take an earlier day"
            )
        parts.append(_known_on(lab, at, horizon_days, homes, billing_delay_days))
    return pd.concat(parts, ignore_index=True)


def _known_on(lab: Lab, at: pd.Timestamp, horizon: int, homes: bool, delay: int) -> pd.DataFrame:
    c = lab.customers
    day, end = at.date(), (at + pd.Timedelta(days=horizon)).date()
    here = (c.connected_on.isnull() | (c.connected_on <= day)) & (c.left_on.isnull() | (c.left_on > day))
    own = c.filter(here if homes else here & (c.customer_class != "residential"))
    leaves = own.left_on.notnull() & (own.left_on <= end) & own.left_reason.isin(MARKET_REASONS)
    table = own.select(
        "customer_id", "customer_class", "settlement", "voltage_kv", "capacity_kva",
        tenure_years=(ibis.date(day).delta(own.connected_on, unit="day") / 365.25).round(2),
        has_contract=own.contract_end_on.notnull(),
        contract_left_months=(own.contract_end_on.delta(ibis.date(day), unit="day") / 30.4375).round(1),
        leaves=leaves.fill_null(False).cast("int64"),
    )  # fmt: skip
    for part in _parts(lab, day, delay):
        table = table.left_join(part, "customer_id").drop("customer_id_right")
    frame = lab.run(table).sort_values("customer_id", ignore_index=True)
    for column in ("tickets_count", "complaints_count", "late_count"):
        if column in frame:
            frame[column] = frame[column].fillna(0).astype(float)
    if {"recent_kwh", "earlier_kwh"} <= set(frame):
        frame["growth_share"] = frame["recent_kwh"] / frame["earlier_kwh"].where(frame["earlier_kwh"] > 0) - 1
        frame = frame.rename(columns={"recent_kwh": "energy_kwh"}).drop(columns="earlier_kwh")
    return frame.assign(as_of=str(day))


def _parts(lab: Lab, day: dt.date, delay: int) -> list[ir.Table]:
    recent = day - dt.timedelta(days=_RECENT_DAYS)
    parts = []
    if lab.has("bills"):
        b = lab.bills
        known = pd.Period(pd.Timestamp(day) - pd.Timedelta(days=delay), "M") - 1
        now = b.period.between(str(known - 5), str(known))
        before = b.period.between(str(known - 11), str(known - 6))
        parts.append(
            b.filter(b.period <= str(known)).group_by("customer_id").aggregate(
                recent_kwh=b.kwh.sum(where=now).round(3), earlier_kwh=b.kwh.sum(where=before).round(3),
                price_yuan_per_kwh=(b.total_yuan.sum(where=now).round(2) / b.kwh.sum(where=now).round(3).nullif(0)).round(4),
            )
        )  # fmt: skip
        if lab.has("payments"):
            paid = lab.payments.group_by("bill_id").aggregate(paid_on=lab.payments.paid_on.max())
            due = b.filter((b.due_on <= day) & (b.due_on > recent)).left_join(paid, "bill_id")
            late = due.paid_on.isnull() | (due.paid_on > due.due_on)
            parts.append(due.group_by("customer_id").aggregate(late_count=late.sum()))
    if lab.has("tickets"):
        t = lab.tickets
        t = t.filter(
            (t.opened_at <= ibis.timestamp(str(day)))
            & (t.opened_at > ibis.timestamp(str(recent)))
            & t.customer_id.notnull()
        )
        parts.append(
            t.group_by("customer_id").aggregate(
                tickets_count=t.count(), complaints_count=(t.category == "complaint").sum()
            )
        )
    if lab.has("surveys"):
        s = lab.surveys
        s = s.filter((s.surveyed_on <= day) & s.overall.notnull())
        parts.append(s.group_by("customer_id").aggregate(last_overall=s.overall.argmax(s.surveyed_on).cast("float64")))
    return parts


def survivors_by_quarter(spells: pd.DataFrame, quarters: int) -> list[int]:
    """Customers who were there when the data begin, and how many of them still at the end of each quarter.

    Parameters
    ----------
    spells : DataFrame
        ``entry_months``, ``duration_months``, ``left``, as of `Spells.table`; those connected later do not count.
    quarters : int
        Of the data, whole ones.

    Examples
    --------
    >>> spells = pd.DataFrame({"entry_months": [5, 5, 0], "duration_months": [7, 17, 12], "left": [True, False, True]})
    >>> survivors_by_quarter(spells, 4)
    [2, 1, 1, 1, 1]
    """
    there = spells[spells["entry_months"] > 0]
    length = there["duration_months"] - there["entry_months"]
    return [len(there)] + [len(there) - int((there["left"] & (length <= 3 * q)).sum()) for q in range(1, quarters + 1)]
