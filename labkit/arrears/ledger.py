"""The arrears ledger: every bill with what was paid on it, balanced to the cent.

Money is counted in whole cents (``_fen``), so that sums are exact in any order and
on any engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.arrears.errors import ArrearsError
from labkit.engine import to_whole
from labkit.lab import Lab


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


def to_fen(yuan: ir.Value) -> ir.Value:
    """Money in whole cents."""
    return to_whole(yuan, 2)


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
        paid_fen=to_fen(payments.amount_yuan).sum(), payments_count=payments.count(),
        first_paid_on=payments.paid_on.min(), last_paid_on=payments.paid_on.max(),
    )  # fmt: skip
    keep = [c for c in ("bill_id", "customer_id", "period", "issued_on", "due_on") if c in bills.columns]
    table = bills.left_join(paid, "bill_id").select(
        *keep, "first_paid_on", "last_paid_on",
        billed_fen=to_fen(bills.total_yuan), paid_fen=paid.paid_fen.fill_null(0),
        payments_count=paid.payments_count.fill_null(0),
    )  # fmt: skip
    left = table.billed_fen - table.paid_fen
    return table.mutate(
        open_fen=ibis.greatest(left, 0), credit_fen=ibis.greatest(-left, 0),
        days_overdue=day.delta(table.due_on, unit="day"),
    )  # fmt: skip
