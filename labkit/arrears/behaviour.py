"""How customers pay: each late bill, and a row a customer of what it usually does."""

from __future__ import annotations

import datetime as dt

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit.arrears.errors import ArrearsError
from labkit.arrears.ledger import Books, ledger, to_fen
from labkit.estimates import Estimate, estimate_ratio, estimate_ratio_change

#: A promise to pay by instalments is broken if the bill is open and nothing has come for more days than this.
PROMISE_DAYS = 30
_STEPS = ("reminder", "notice", "disconnection", "instalment_plan")


def late_bills(books: Books, on: dt.date | None = None) -> pd.DataFrame:
    """Each bill that was not paid in full by its due date.

    Parameters
    ----------
    on : date, optional
        Only what was known by the end of that day is used.

    Returns
    -------
    DataFrame
        ``bill_id``, ``customer_id``, ``issued_on``, ``due_on``, ``billed_yuan``,
        ``open_yuan``, ``settled_on`` (missing while open), ``days_late`` (to the day
        settled, or so far), ``part_paid``, ``reminder_on``, ``notice_on``,
        ``disconnection_on``, ``instalment_plan_on`` (before it was settled),
        ``promise_broken``; by customer and due date.
    """
    day, books = on or books.last_day, books.own()
    rows = ledger(books, day).filter(lambda t: (t.billed_fen > 0) & (t.days_overdue > 0))
    paid = books.payments.filter(books.payments.paid_on <= ibis.date(day))
    fen = to_fen(paid.amount_yuan)
    each = paid.select("bill_id", "paid_on", fen=fen).inner_join(rows.select("bill_id", "due_on"), "bill_id")
    in_time = each.filter(each.paid_on <= each.due_on).group_by("bill_id").aggregate(early_fen=lambda t: t.fen.sum())
    late = rows.left_join(in_time, "bill_id").drop("bill_id_right")
    # A payment in time that was taken back later leaves the bill open.
    late = late.filter((late.early_fen.fill_null(0) < late.billed_fen) | (late.open_fen > 0))
    # The day from which what was paid stays at the bill or above.
    mine = paid.select("bill_id", "paid_on", fen=fen).inner_join(late.select("bill_id", "billed_fen"), "bill_id")
    daily = mine.group_by(["bill_id", "billed_fen", "paid_on"]).aggregate(fen=mine.fen.sum())
    so_far = daily.mutate(total=daily.fen.sum().over(group_by=daily.bill_id, order_by=daily.paid_on, rows=(None, 0)))
    full = so_far.total >= so_far.billed_fen
    short = so_far.mutate(short_on=so_far.paid_on.max(where=~full).over(group_by=so_far.bill_id), full=full)
    kept = short.filter(short.full & (short.short_on.isnull() | (short.paid_on > short.short_on)))
    settled = kept.group_by("bill_id").aggregate(settled_on=kept.paid_on.min())
    table = late.left_join(settled, "bill_id").drop("bill_id_right")
    if books.collections is not None:
        table = _with_steps(table, books.collections, day)
    frame = books.run(table.order_by(["customer_id", "due_on", "bill_id"]))
    return _tell_late(frame, day)


def _with_steps(table: ir.Table, collections: ir.Table, day: dt.date) -> ir.Table:
    steps = collections.mutate(step_on=collections["at"].cast("date")).filter(lambda t: t.step_on <= ibis.date(day))
    first = steps.group_by("bill_id").aggregate(
        **{f"{s}_on": steps.step_on.min(where=steps.action == s) for s in _STEPS}
    )
    return table.left_join(first, "bill_id").drop("bill_id_right")


def _tell_late(frame: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    told = frame[["bill_id", "customer_id"]].copy()
    for name in ("issued_on", "due_on", "settled_on"):
        told[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    told["billed_yuan"], told["open_yuan"] = frame["billed_fen"] / 100, frame["open_fen"] / 100
    until = told["settled_on"].fillna(pd.Timestamp(day))
    told["days_late"] = (until - told["due_on"]).dt.days
    first = pd.to_datetime(frame["first_paid_on"]).astype("datetime64[us]")
    told["part_paid"] = first.notna() & (told["settled_on"].isna() | (first < told["settled_on"]))
    for step in _STEPS:
        name = f"{step}_on"
        at = pd.to_datetime(frame[name]) if name in frame else pd.Series(pd.NaT, frame.index)
        at = at.astype("datetime64[us]")
        told[name] = at.where(at <= until)
    last = pd.to_datetime(frame["last_paid_on"]).astype("datetime64[us]")
    idle = (pd.Timestamp(day) - told["instalment_plan_on"].where(~(last > told["instalment_plan_on"]), last)).dt.days
    told["promise_broken"] = ((idle > PROMISE_DAYS) & told["settled_on"].isna()).fillna(False)
    return told


def payment_behaviour(books: Books, on: dt.date | None = None, months: int = 12) -> pd.DataFrame:
    """How each customer has paid in the months before a day.

    Parameters
    ----------
    on : date, optional
        Only what was known by the end of that day is used, so that it may serve to
        foretell what came after.
    months : int
        Bills that fell due in so many months up to the day.

    Returns
    -------
    DataFrame
        A row a customer with a bill due: ``customer_id``, ``bills_count``, ``late_share``,
        ``mean_days_late`` (0 where paid in time), ``max_days_late``, ``part_share``,
        ``notice_share`` (of bills), ``promises_broken_count``, ``mean_bill_yuan``, ``bill_change``
        and ``late_change`` (last three months against those before), ``overdue_yuan`` and
        ``overdue_bills_count`` (of any age).

    Raises
    ------
    ArrearsError
        If no bill fell due in those months.
    """
    day = on or books.last_day
    start = (pd.Timestamp(day) - pd.DateOffset(months=months)).date()
    recent = (pd.Timestamp(day) - pd.DateOffset(months=3)).date()
    rows = ledger(books, day).filter(
        lambda t: (t.due_on > ibis.date(start)) & (t.due_on <= ibis.date(day)) & (t.billed_fen > 0)
    )
    new = rows.due_on > ibis.date(recent)
    table = rows.group_by("customer_id").aggregate(
        bills_count=rows.count(), billed_fen=rows.billed_fen.sum(), recent_count=new.sum(),
        recent_fen=rows.billed_fen.sum(where=new),
    )  # fmt: skip
    frame = books.run(table.order_by("customer_id"))
    if frame.empty:
        raise ArrearsError(f"no bill fell due between {start} and {day}; choose a day within the bills")
    late = late_bills(books, day)
    told = _behave(frame.set_index("customer_id"), late[late["due_on"] > pd.Timestamp(start)], pd.Timestamp(recent))
    # What is owed is owed however old it is.
    owed = late[late["open_yuan"] > 0].groupby("customer_id")["open_yuan"].agg(["sum", "size"])
    own = owed.reindex(told["customer_id"]).fillna(0.0)
    return told.assign(overdue_yuan=own["sum"].round(2).to_numpy(), overdue_bills_count=own["size"].to_numpy())


def _behave(frame: pd.DataFrame, late: pd.DataFrame, recent: pd.Timestamp) -> pd.DataFrame:
    by = late.groupby("customer_id")
    n, old = frame["bills_count"].astype(float), (frame["bills_count"] - frame["recent_count"]).astype(float)

    def of(series: pd.Series) -> pd.Series:
        return series.reindex(frame.index).fillna(0.0).astype(float)

    lates, new = of(by.size()), late["due_on"] > recent
    recent_late = of(late[new].groupby("customer_id").size())
    told = pd.DataFrame(index=frame.index)
    told["bills_count"] = frame["bills_count"].astype("int64")
    told["late_share"] = lates / n
    told["mean_days_late"] = of(by["days_late"].sum()) / n
    told["max_days_late"] = of(by["days_late"].max())
    told["part_share"] = of(by["part_paid"].sum()) / n
    told["notice_share"] = of(by["notice_on"].count()) / n
    told["promises_broken_count"] = of(by["promise_broken"].sum())
    told["mean_bill_yuan"] = frame["billed_fen"] / n / 100
    fresh, before = frame["recent_fen"] / frame["recent_count"], (frame["billed_fen"] - frame["recent_fen"]) / old
    change = np.log(fresh.where(fresh > 0) / before.where(before > 0)).where((old > 0) & (frame["recent_count"] > 0))
    told["bill_change"] = np.expm1(change.astype(float))
    told["late_change"] = (recent_late / frame["recent_count"] - (lates - recent_late) / old).where(
        (old > 0) & (frame["recent_count"] > 0)
    )
    return told.reset_index()


def share_late(books: Books, on: dt.date | None = None) -> Estimate:
    """Share of all bills that fell due and were not paid in time, customers as clusters."""
    day = on or books.last_day
    rows = ledger(books, day).filter(lambda t: (t.billed_fen > 0) & (t.days_overdue > 0))
    due = books.run(rows.group_by("customer_id").aggregate(n=rows.count()).order_by("customer_id")).set_index(
        "customer_id"
    )
    late = late_bills(books, day).groupby("customer_id").size().reindex(due.index).fillna(0)
    return estimate_ratio(late.to_numpy(), due["n"].to_numpy())


def late_change(books: Books, on: dt.date | None = None) -> Estimate:
    """Share of bills due in the last twelve months that were paid late, less that of the twelve before; same customers.

    Raises
    ------
    ArrearsError
        If the bills do not reach back two years (a month short of it is let pass).
    """
    day = on or books.last_day
    rows = ledger(books, day).filter(lambda t: (t.billed_fen > 0) & (t.days_overdue > 0))
    bills = books.run(rows.select("bill_id", "customer_id", "due_on").order_by(["customer_id", "due_on", "bill_id"]))
    late = bills["bill_id"].isin(set(late_bills(books, day)["bill_id"])).to_numpy()
    due = pd.to_datetime(bills["due_on"])
    middle, first = (pd.Timestamp(day) - pd.DateOffset(months=m) for m in (12, 24))
    if due.min() > first + pd.Timedelta(days=62):
        raise ArrearsError("the bills do not reach back two years: no change on the year before can be told")
    pairs = []
    for at in (((due > first) & (due <= middle)).to_numpy(), (due > middle).to_numpy()):
        counts = pd.DataFrame({"late": late * at, "due": at}).groupby(bills["customer_id"].to_numpy()).sum()
        pairs.append((counts["late"].to_numpy(), counts["due"].to_numpy()))
    return estimate_ratio_change(pairs[0], pairs[1])


def billed_last_year(books: Books, on: dt.date | None = None) -> float:
    """What was billed in the twelve months up to a day [yuan]."""
    day = on or books.last_day
    start = (pd.Timestamp(day) - pd.DateOffset(months=12)).date()
    rows = ledger(books, day).filter(lambda t: t.issued_on.fill_null(t.due_on) > ibis.date(start))
    return float(books.run(rows.aggregate(fen=rows.billed_fen.sum()))["fen"].fillna(0).iloc[0]) / 100


def late_shares(books: Books, by: str, groups: pd.Series | None = None, on: dt.date | None = None) -> pd.DataFrame:
    """Share of bills paid late, by month due, by channel or by a grouping of customers.

    Parameters
    ----------
    by : {"month", "channel", ...}
        ``month`` of the year in which a bill fell due, ``channel`` of its last payment (or ``not_paid``),
        or the name of `groups`.
    groups : Series, optional
        Customer -> group.

    Returns
    -------
    DataFrame
        `by`, ``customers_count``, ``bills_count``, ``late_share`` with ``low_share`` and ``high_share``
        (95 %, bills of a customer taken together).
    """
    day = on or books.last_day
    rows = ledger(books, day).filter(lambda t: (t.billed_fen > 0) & (t.days_overdue > 0))
    picked = rows.select("bill_id", "customer_id", "due_on")
    if by == "channel":
        if "channel" not in books.payments.columns:
            raise ArrearsError("payments have no column channel")
        last = books.payments.filter(books.payments.paid_on <= ibis.date(day))
        order = last.paid_on.cast("string").concat(last.payment_id)
        used = last.group_by("bill_id").aggregate(channel=last.channel.argmax(order))
        picked = picked.left_join(used, "bill_id").drop("bill_id_right")
    bills = books.run(picked.order_by(["customer_id", "due_on", "bill_id"]))
    bills["late"] = bills["bill_id"].isin(set(late_bills(books, day)["bill_id"]))
    if by == "channel":
        bills[by] = bills[by].astype(object).where(bills[by].notna(), "not_paid")
    elif by == "month":
        bills[by] = pd.to_datetime(bills["due_on"]).dt.month
    elif groups is not None:
        bills[by] = bills["customer_id"].map(groups)
    found = []
    for name, part in bills.dropna(subset=[by]).groupby(by):
        each = part.groupby("customer_id")["late"].agg(["sum", "count"])
        share = estimate_ratio(each["sum"].to_numpy(), each["count"].to_numpy())
        found.append((name, len(each), len(part), share.value, share.low, share.high))
    return pd.DataFrame(found, columns=[by, "customers_count", "bills_count", "late_share", "low_share", "high_share"])
