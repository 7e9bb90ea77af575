"""Bills and payments against the balances of the ledger, with what is odd among them and its money."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from operator import or_

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.arrears.errors import ArrearsError
from labkit.arrears.ledger import Books, ledger, to_fen

#: What is wrong with a bill or payment, as `reconcile` finds it.
FINDINGS = (
    "payment_without_bill", "payment_of_another_customer", "payment_before_issue", "payment_undated", "refund", "overpayment",
    "negative_bill", "due_before_issue", "bill_twice", "action_out_of_order", "other_currency",
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
        n=bills.count(), fen=to_fen(bills.total_yuan).sum(), one=to_fen(bills.total_yuan).min()
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
    found["payment_without_bill"] = _count(own, lost, to_fen(lost.amount_yuan))
    undated = own.payments.filter(own.payments.paid_on.isnull())
    found["payment_undated"] = _count(own, undated, to_fen(undated.amount_yuan))
    early_due = first.filter(first.due_on < first.issued_on)
    found["due_before_issue"] = _count(own, early_due, to_fen(early_due.total_yuan))
    found["action_out_of_order"] = _out_of_order(own, first, day)
    other = pay.filter(pay.has.notnull() & (pay.owner != pay.customer_id))
    found["payment_of_another_customer"] = _count(own, other, to_fen(other.amount_yuan))
    early = pay.filter(pay.issued.notnull() & (pay.paid_on < pay.issued))
    found["payment_before_issue"] = _count(own, early, to_fen(early.amount_yuan))
    back = pay.filter(pay.amount_yuan < 0)
    found["refund"] = _count(own, back, to_fen(back.amount_yuan))
    rows = ledger(own, day)
    over = rows.filter((rows.billed_fen >= 0) & (rows.credit_fen > 0))
    found["overpayment"] = _count(own, over, over.credit_fen)
    minus = rows.filter(rows.billed_fen < 0)
    found["negative_bill"] = _count(own, minus, minus.billed_fen)
    sums = own.run(rows.aggregate(open=rows.open_fen.sum(), credit=rows.credit_fen.sum())).fillna(0).iloc[0]
    billed = _count(own, first, to_fen(first.total_yuan))[1]
    paid = _count(own, payments, to_fen(payments.amount_yuan))[1]
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
            n, money = _count(books, others, to_fen(others[amount]))
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
    return _count(books, odd, to_fen(odd.total_yuan))
