"""The arrears ledger: every bill with what was paid on it, balanced to the cent.

Money is counted in whole cents (``_fen``), so that sums are exact in any order and
on any engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from operator import or_

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.arrears.errors import ArrearsError
from labkit.lab import Lab

#: What is wrong with a bill or payment, as `reconcile` finds it.
FINDINGS = (
    "payment_without_bill", "payment_of_another_customer", "payment_before_issue", "payment_undated", "refund", "overpayment",
    "negative_bill", "due_before_issue", "bill_twice", "action_out_of_order", "other_currency",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Books:
    """Bills, payments and steps of collection, from a lab or from frames.

    Attributes
    ----------
    bills : Table
        ``bill_id``, ``customer_id``, ``total_yuan``, ``issued_on``, ``due_on``; ``currency`` where
        there are several.
    payments : Table
        ``payment_id``, ``bill_id``, ``customer_id``, ``paid_on``, ``amount_yuan``.
    collections : Table, optional
        ``bill_id``, ``action``, ``at``.
    currency : str or None
        Of the ledger, where bills name one: the most frequent; other rows are in none of its sums.
    last_day : date
        Last day of payments, or else of bills: what happened later is not known.
    """

    bills: ir.Table
    payments: ir.Table
    collections: ir.Table | None
    last_day: dt.date
    run: Callable[[ir.Table], pd.DataFrame]
    currency: str | None = None

    def own(self) -> Books:
        """The same without what is in another currency."""
        if self.currency is None:
            return self
        tables = [
            t.filter(t.currency.fill_null(self.currency) == self.currency) if "currency" in t.columns else t
            for t in (self.bills, self.payments)
        ]
        return replace(self, bills=tables[0], payments=tables[1], currency=None)


def open_books(
    source: Lab | pd.DataFrame, payments: pd.DataFrame | None = None, collections: pd.DataFrame | None = None
) -> Books:
    """Books of a lab, or of frames.

    Parameters
    ----------
    source : Lab or DataFrame
        A lab with bills and payments, or the bills.
    payments, collections : DataFrame, optional
        Where `source` is a frame.

    Raises
    ------
    ArrearsError
        If a column is missing, or bills have no due dates.
    MissingTableError
        If the lab has no bills or payments.

    Examples
    --------
    >>> bills = pd.DataFrame({"bill_id": ["B1"], "customer_id": ["C1"], "total_yuan": [99.9],
    ...                       "issued_on": [dt.date(2025, 1, 3)], "due_on": [dt.date(2025, 1, 18)]})
    >>> paid = pd.DataFrame({"payment_id": ["Y1"], "bill_id": ["B1"], "customer_id": ["C1"],
    ...                      "paid_on": [dt.date(2025, 1, 20)], "amount_yuan": [99.9]})
    >>> open_books(bills, paid).last_day
    datetime.date(2025, 1, 20)
    """
    if isinstance(source, Lab):
        books = source.table("bills"), source.table("payments")
        steps = source.collections if source.has("collections") else None
        run: Callable[[ir.Table], pd.DataFrame] = source.run
    else:
        if payments is None:
            raise ArrearsError("payments are missing; give bills and payments, or a lab that has both")
        books = _table(source, "bills"), _table(payments, "payments")
        steps = None if collections is None else _table(collections, "collections")
        run = _run
    found = run(
        books[1]
        .aggregate(paid=books[1].paid_on.max())
        .cross_join(
            books[0].aggregate(due=books[0].due_on.max(), n=books[0].due_on.count(), issued=books[0].issued_on.max())
        )
    ).iloc[0]
    if not found["n"]:
        raise ArrearsError("bills have no due_on; arrears count from the due date: bring it with the bills")
    last = (
        found["paid"]
        if not pd.isna(found["paid"])
        else found["issued"]
        if not pd.isna(found["issued"])
        else found["due"]
    )
    return Books(*books, steps, pd.Timestamp(last).date(), run, _main_currency(books[0], run))


def _main_currency(bills: ir.Table, run: Callable[[ir.Table], pd.DataFrame]) -> str | None:
    if "currency" not in bills.columns:
        return None
    named = bills.filter(bills.currency.notnull())
    kinds = run(named.group_by("currency").aggregate(n=named.count()).order_by([ibis.desc("n"), "currency"]))
    return None if kinds.empty else str(kinds["currency"].iloc[0])


_COLUMNS = {
    "bills": ("bill_id", "customer_id", "total_yuan", "issued_on", "due_on"),
    "payments": ("payment_id", "bill_id", "customer_id", "paid_on", "amount_yuan"),
    "collections": ("bill_id", "action", "at"),
}


def _table(frame: pd.DataFrame, name: str) -> ir.Table:
    missing = [column for column in _COLUMNS[name] if column not in frame]
    if missing:
        raise ArrearsError(f"{name} has no column {missing[0]}; it needs {', '.join(_COLUMNS[name])}")
    plain = frame.copy()
    for column in ("issued_on", "due_on", "paid_on"):
        if column in plain:
            plain[column] = pd.to_datetime(plain[column]).astype("datetime64[us]")
    table = ibis.memtable(plain)
    return table.mutate(**{c: table[c].cast("date") for c in ("issued_on", "due_on", "paid_on") if c in plain})


def _run(expression: ir.Table) -> pd.DataFrame:
    frame: pd.DataFrame = expression.to_pyarrow().to_pandas()
    return frame


def _fen(yuan: ir.Value) -> ir.Value:
    return (yuan * 100).round().cast("int64")


def ledger(books: Books, on: dt.date | None = None) -> ir.Table:
    """One row a bill, with what was paid on it by the end of a day.

    Parameters
    ----------
    on : date, optional
        The last day of the books where left out.

    Returns
    -------
    Table
        ``bill_id``, ``customer_id``, ``period`` where bills have it, ``issued_on``, ``due_on``,
        ``billed_fen``, ``paid_fen``, ``open_fen`` (still owed), ``credit_fen`` (paid too much, or a
        negative bill), ``payments_count``, ``first_paid_on``, ``last_paid_on``,
        ``days_overdue`` (since the due date; negative before it, for all bills).

    Notes
    -----
    Payments that name no bill are no part of it; `reconcile` counts them. For
    every bill open - credit = billed - paid. Bills issued after the day are left out.
    """
    day, books = ibis.date(on or books.last_day), books.own()
    bills = books.bills.filter(books.bills.issued_on.fill_null(books.bills.due_on) <= day)
    payments = books.payments.filter(books.payments.paid_on <= day)
    paid = payments.group_by("bill_id").aggregate(
        paid_fen=_fen(payments.amount_yuan).sum(), payments_count=payments.count(),
        first_paid_on=payments.paid_on.min(), last_paid_on=payments.paid_on.max(),
    )  # fmt: skip
    keep = [c for c in ("bill_id", "customer_id", "period", "issued_on", "due_on") if c in bills.columns]
    table = bills.left_join(paid, "bill_id").select(
        *keep, "first_paid_on", "last_paid_on",
        billed_fen=_fen(bills.total_yuan), paid_fen=paid.paid_fen.fill_null(0),
        payments_count=paid.payments_count.fill_null(0),
    )  # fmt: skip
    left = table.billed_fen - table.paid_fen
    return table.mutate(
        open_fen=ibis.greatest(left, 0), credit_fen=ibis.greatest(-left, 0),
        days_overdue=day.delta(table.due_on, unit="day"),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Reconciliation:
    """Whether bills and payments come to the balances of the ledger.

    Attributes
    ----------
    lines : DataFrame
        ``line``, ``amount_yuan``: billed, paid, open, credit, payments without bill, difference.
    findings : DataFrame
        ``finding``, ``rows_count``, ``difference_yuan``: the money it concerns.
    """

    lines: pd.DataFrame
    findings: pd.DataFrame

    @property
    def balances(self) -> bool:
        """Whether nothing is left over, to the cent."""
        return bool(self.lines.set_index("line").loc["difference", "amount_yuan"] == 0)


def reconcile(books: Books, on: dt.date | None = None, currency: str | None = None) -> Reconciliation:
    """Bills and payments against the balances of the ledger, with what is odd among them.

    Parameters
    ----------
    on : date, optional
    currency : str, optional
        Of the ledger, where bills or payments have a column ``currency``; rows in
        another are a finding and are not added to it. The most frequent where left out.

    Returns
    -------
    Reconciliation
        billed - paid = open - credit - payments without bill, counted from the tables
        on the left and from the ledger on the right. Payments without a date are in neither.

    Raises
    ------
    ArrearsError
        If a currency is asked for that no bill has.
    """
    day = on or books.last_day
    found: dict[str, tuple[int, int]] = {}
    if currency is not None:
        books = _with_currency(books, currency)
    found["other_currency"] = _others(books)
    own = books.own()
    bills = own.bills.filter(own.bills.issued_on.fill_null(own.bills.due_on) <= ibis.date(day))
    once = bills.group_by("bill_id").aggregate(
        n=bills.count(), fen=_fen(bills.total_yuan).sum(), one=_fen(bills.total_yuan).min()
    )
    twice = once.filter(once.n > 1)
    found["bill_twice"] = _count(own, twice, twice.fen - twice.one, twice.n - 1)
    first = bills
    if found["bill_twice"][0]:  # counts once, with its smallest amount, so that payments are not joined twice
        order = ibis.row_number().over(group_by=bills.bill_id, order_by=[bills.total_yuan, bills.customer_id])
        first = bills.mutate(_copy=order).filter(lambda t: t._copy == 0).drop("_copy")
    own = replace(own, bills=first)
    payments = own.payments.filter(own.payments.paid_on <= ibis.date(day))
    pay = payments.left_join(
        first.select("bill_id", owner="customer_id", issued="issued_on", has=ibis.literal(1)), "bill_id"
    )
    lost = pay.filter(pay.has.isnull())
    found["payment_without_bill"] = _count(own, lost, _fen(lost.amount_yuan))
    undated = own.payments.filter(own.payments.paid_on.isnull())
    found["payment_undated"] = _count(own, undated, _fen(undated.amount_yuan))
    early_due = first.filter(first.due_on < first.issued_on)
    found["due_before_issue"] = _count(own, early_due, _fen(early_due.total_yuan))
    found["action_out_of_order"] = _out_of_order(own, first, day)
    other = pay.filter(pay.has.notnull() & (pay.owner != pay.customer_id))
    found["payment_of_another_customer"] = _count(own, other, _fen(other.amount_yuan))
    early = pay.filter(pay.issued.notnull() & (pay.paid_on < pay.issued))
    found["payment_before_issue"] = _count(own, early, _fen(early.amount_yuan))
    back = pay.filter(pay.amount_yuan < 0)
    found["refund"] = _count(own, back, _fen(back.amount_yuan))
    rows = ledger(own, day)
    over = rows.filter((rows.billed_fen >= 0) & (rows.credit_fen > 0))
    found["overpayment"] = _count(own, over, over.credit_fen)
    minus = rows.filter(rows.billed_fen < 0)
    found["negative_bill"] = _count(own, minus, minus.billed_fen)
    sums = own.run(rows.aggregate(open=rows.open_fen.sum(), credit=rows.credit_fen.sum())).fillna(0).iloc[0]
    billed = _count(own, first, _fen(first.total_yuan))[1]
    paid = _count(own, payments, _fen(payments.amount_yuan))[1]
    lines = {
        "billed": billed, "paid": paid, "open": int(sums["open"]), "credit": int(sums["credit"]),
        "payment_without_bill": found["payment_without_bill"][1],
    }  # fmt: skip
    lines["difference"] = (billed - paid) - (lines["open"] - lines["credit"] - lines["payment_without_bill"])
    return Reconciliation(
        pd.DataFrame({"line": list(lines), "amount_yuan": [fen / 100 for fen in lines.values()]}),
        pd.DataFrame(
            [(name, *found[name]) for name in FINDINGS if found[name][0]],
            columns=["finding", "rows_count", "difference_yuan"],
        ).assign(difference_yuan=lambda f: f["difference_yuan"] / 100),
    )


def _count(books: Books, table: ir.Table, fen: ir.Value, rows: ir.Value | None = None) -> tuple[int, int]:
    counted = table.mutate(_fen=fen, _n=ibis.literal(1) if rows is None else rows)
    row = books.run(counted.aggregate(n=counted._n.sum(), fen=counted._fen.sum())).fillna(0).iloc[0]
    return int(row["n"]), int(row["fen"])


def _with_currency(books: Books, currency: str) -> Books:
    named = books.bills.select("currency").distinct() if "currency" in books.bills.columns else None
    known = [] if named is None else sorted(books.run(named)["currency"].dropna().astype(str))
    if currency not in known:
        raise ArrearsError(f"currency is {currency!r}, expected one of {', '.join(known) or 'none: bills name none'}")
    return replace(books, currency=currency)


def _others(books: Books) -> tuple[int, int]:
    """Rows in another currency than the ledger's, and their figures added up."""
    rows = fen = 0
    if books.currency is None:
        return rows, fen
    for table, amount in ((books.bills, "total_yuan"), (books.payments, "amount_yuan")):
        if "currency" in table.columns:
            others = table.filter(table.currency.fill_null(books.currency) != books.currency)
            n, money = _count(books, others, _fen(others[amount]))
            rows, fen = rows + n, fen + money
    return rows, fen


def _out_of_order(books: Books, bills: ir.Table, day: dt.date) -> tuple[int, int]:
    """Bills on which a step was first taken before the one it needs, and what was billed on them."""
    if books.collections is None:
        return 0, 0
    order = ("reminder", "approval", "notice", "final_notice", "disconnection")
    steps = books.collections
    steps = steps.filter(steps["at"].cast("date") <= ibis.date(day))
    first = steps.group_by("bill_id").aggregate(**{s: steps["at"].min(where=steps.action == s) for s in order})
    wrong = [first[b].notnull() & ~(first[a] <= first[b]).fill_null(False) for a, b in pairwise(order)]
    odd = bills.semi_join(first.filter(reduce(or_, wrong)), "bill_id")
    return _count(books, odd, _fen(odd.total_yuan))
