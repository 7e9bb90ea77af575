"""Customers by how they pay: recency of payment, frequency of on-time payment, money."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from labkit.segments.errors import SegmentError
from labkit.segments.result import UNKNOWN, Segmentation, by_rule, need_columns

#: Recent, on time, large (1 or 0 each) -> name; the trade's eight groups.
RFM_NAMES = {
    "111": ("Key, pays reliably", "重要价值客户"),
    "101": ("Key, often late", "重要发展客户"),
    "011": ("Key, on time but silent of late", "重要保持客户"),
    "001": ("Key, late and silent", "重要挽留客户"),
    "110": ("Small, pays reliably", "一般价值客户"),
    "100": ("Small, often late", "一般发展客户"),
    "010": ("Small, on time but silent of late", "一般保持客户"),
    "000": ("Small, late and silent", "一般挽留客户"),
}
Average = Literal["mean", "median"]


def rfm_table(bills: pd.DataFrame, payments: pd.DataFrame, on: str | pd.Timestamp, *, months: int = 12) -> pd.DataFrame:
    """Recency, frequency and money in the trade's terms.

    Parameters
    ----------
    bills : DataFrame
        ``bill_id``, ``customer_id``, ``due_on``, ``total_yuan``.
    payments : DataFrame
        ``bill_id``, ``paid_on``, ``amount_yuan``.
    on : date
        What is paid or due later is not known.
    months : int
        How far back bills and payments count.

    Returns
    -------
    DataFrame
        By customer_id, all customers of `bills`: ``recency_days`` since the last payment, ``on_time_share`` of the bills due,
        paid in full by their day, ``bills_paid_yuan``; missing where there was no payment or no bill due.
    """
    need_columns(bills, ["bill_id", "customer_id", "due_on", "total_yuan"], "bills")
    need_columns(payments, ["bill_id", "paid_on", "amount_yuan"], "payments")
    now = pd.Timestamp(on)
    since = now - pd.DateOffset(months=months)
    payments = payments[["bill_id", "paid_on", "amount_yuan"]].assign(paid_on=pd.to_datetime(payments["paid_on"]))
    paid = payments.merge(bills[["bill_id", "customer_id", "due_on"]], on="bill_id")
    paid = paid[(paid["paid_on"] > since) & (paid["paid_on"] <= now)]
    due = bills.assign(due_on=pd.to_datetime(bills["due_on"]))
    due = due[(due["due_on"] > since) & (due["due_on"] <= now) & (due["total_yuan"] > 0)]
    # A bill due early in the window may have been paid before it opened.
    every = payments.merge(due[["bill_id", "due_on"]], on="bill_id")
    by_day = every[every["paid_on"] <= every["due_on"]].groupby("bill_id")["amount_yuan"].sum()
    on_time = due["bill_id"].map(by_day).fillna(0.0) >= due["total_yuan"] - 0.005
    ids = pd.Index(bills["customer_id"].unique()).sort_values().rename("customer_id")
    return pd.DataFrame(
        {
            "recency_days": (now - paid.groupby("customer_id")["paid_on"].max()).dt.days.reindex(ids).astype(float),
            "on_time_share": on_time.groupby(due["customer_id"]).mean().reindex(ids),
            "bills_paid_yuan": paid.groupby("customer_id")["amount_yuan"].sum().reindex(ids),
        }
    )


def classify_rfm(
    table: pd.DataFrame, *, recent_days: float = 45, on_time: float = 0.9, large: Average | float = "mean"
) -> Segmentation:
    """The trade's eight groups by recency, on-time payment and money.

    Parameters
    ----------
    table : DataFrame
        Of `rfm_table`.
    recent_days : float
        Paid within so many days is recent: a billing month and a half.
    on_time : float
        Least share of bills paid in time.
    large : {"mean", "median"} or float
        Money from which a customer is large: the mean or median over customers, or an amount [yuan]. Which of them is meant
        changes the split, so the amount stands in the settings.
    """
    need_columns(table, ["recency_days", "on_time_share", "bills_paid_yuan"], "table")
    if isinstance(large, str) and large not in ("mean", "median"):
        raise SegmentError(f"large is {large!r}, expected 'mean', 'median' or an amount in yuan")
    money = float(table["bills_paid_yuan"].agg(large)) if isinstance(large, str) else float(large)

    def place(new: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
        # Without a payment in the window there is no recent one.
        flags = (new["recency_days"] <= recent_days, new["on_time_share"] >= on_time, new["bills_paid_yuan"] >= money)
        code = pd.Series(["".join("1" if f else "0" for f in row) for row in zip(*flags)], new.index, dtype=object)
        return by_rule(code, new["on_time_share"].notna(), "no_bill_due")

    labels, certainty, why = place(table)
    settings = {"recent_days": recent_days, "on_time": on_time, "large": large, "large_from_yuan": round(money, 2)}
    profiles = table.groupby(labels).mean().drop(index=UNKNOWN, errors="ignore")
    return Segmentation("rfm", labels, certainty, RFM_NAMES, profiles, place, why, settings)
