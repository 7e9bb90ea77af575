"""Contacts: how many, through which channel, how soon answered, settled at once or not."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from labkit.estimates import Estimate, estimate_ratio, estimate_share
from labkit.service.errors import ServiceError
from labkit.service.shares import share_in_clusters

_TIMES = ("opened_at", "first_answer_at", "closed_at")


@dataclass(frozen=True, eq=False)
class Contacts:
    """Tickets ready to be counted.

    Attributes
    ----------
    table : DataFrame
        Tickets in order of opening, with ``answer_min``, ``open_h`` (missing where impossible or
        not there), ``month``, ``hour``, ``part_of_day``.
    problems : DataFrame
        ``problem``, ``tickets_count``: what was missing or impossible.
    last : Timestamp
        End of the data.
    """

    table: pd.DataFrame
    problems: pd.DataFrame
    last: pd.Timestamp


def open_contacts(tickets: pd.DataFrame, customers: pd.DataFrame | None = None) -> Contacts:
    """Tickets with their times worked out; nothing is dropped, what is odd is counted.

    Parameters
    ----------
    tickets : DataFrame
        The table `tickets`.
    customers : DataFrame, optional
        ``customer_id`` with ``customer_class``, ``settlement``, ``area_id``.

    Raises
    ------
    ServiceError
        If ``ticket_id`` or ``opened_at`` is not a column, or there is no ticket.
    """
    lacking = [c for c in ("ticket_id", "opened_at") if c not in tickets]
    if lacking:
        raise ServiceError(f"tickets has no column {lacking[0]}: expected at least ticket_id and opened_at")
    table = tickets.copy()
    for name in (*_TIMES, "channel", "category", "subcategory", "text", "customer_id", "score"):
        if name not in table:
            table[name] = pd.NaT if name in _TIMES else None
    for name in _TIMES:
        table[name] = pd.to_datetime(table[name])
    table = table.sort_values(["opened_at", "ticket_id"], ignore_index=True)
    if table["opened_at"].notna().sum() == 0:
        raise ServiceError("no ticket has a time of opening: bring opened_at")
    answer = (table["first_answer_at"] - table["opened_at"]).dt.total_seconds() / 60
    length = (table["closed_at"] - table["opened_at"]).dt.total_seconds() / 3600
    text = table["text"].fillna("").astype(str).str.strip()
    problems = [
        ("no_opening", int(table["opened_at"].isna().sum())),
        ("answered_before_opened", int((answer < 0).sum())),
        ("closed_before_opened", int((length < 0).sum())),
        ("no_answer_time", int(table["first_answer_at"].isna().sum())),
        ("still_open", int(table["closed_at"].isna().sum())),
        ("no_customer", int(table["customer_id"].isna().sum())),
        ("empty_text", int((text == "").sum())),
    ]
    table["answer_min"], table["open_h"] = answer.where(answer >= 0), length.where(length >= 0)
    table["month"] = table["opened_at"].dt.strftime("%Y-%m")
    table["hour"] = table["opened_at"].dt.hour
    begin = (table["hour"] // 3 * 3).astype("Int64")
    table["part_of_day"] = begin.map(lambda h: f"{h:02d}–{h + 3:02d}", na_action="ignore")
    if customers is not None:
        known = [c for c in ("customer_class", "settlement", "area_id", "prepaid") if c in customers and c not in table]
        table = table.merge(customers[["customer_id", *known]], on="customer_id", how="left")
    found = pd.DataFrame(problems, columns=["problem", "tickets_count"])
    last = (
        max(table["opened_at"].max(), table["closed_at"].max())
        if table["closed_at"].notna().any()
        else table["opened_at"].max()
    )
    return Contacts(table, found[found["tickets_count"] > 0].reset_index(drop=True), last)


def count_contacts(contacts: Contacts, by: str) -> pd.DataFrame:
    """Tickets by a column, most first: ``by``, ``tickets_count``, ``share`` with ends, ``customers_count``.

    The ends (95 %) take tickets of a customer as hanging together.
    """
    table = contacts.table[contacts.table[by].notna()]
    who = table["customer_id"].fillna("?")
    rows = []
    for value, part in table.groupby(by):
        share = share_in_clusters(table[by] == value, who)
        rows.append((value, len(part), share.value, share.low, share.high, part["customer_id"].nunique()))
    frame = pd.DataFrame(rows, columns=[by, "tickets_count", "share", "low_share", "high_share", "customers_count"])
    return frame.sort_values("tickets_count", ascending=False, kind="stable", ignore_index=True)


def mark_repeats(contacts: Contacts, within_days: float = 7.0) -> pd.Series:
    """Whether the same customer came back about the same category within so many days.

    Returns
    -------
    Series
        Of booleans, by the index of ``contacts.table``; missing where the data end too soon to tell,
        or the customer or category is not known. Days count from closing, or from opening while open.
    """
    table = contacts.table
    done = table["closed_at"].where(table["closed_at"] >= table["opened_at"], table["opened_at"])
    later = table.groupby(["customer_id", "category"], dropna=True)["opened_at"].shift(-1)
    # A later contact while the first was open is a repeat too.
    again = (later - done).dt.total_seconds() / 86400 <= within_days
    unknown = table["customer_id"].isna() | table["category"].isna() | table["opened_at"].isna()
    unknown |= ((contacts.last - done).dt.total_seconds() / 86400 < within_days) & ~again.fillna(False)
    return again.fillna(False).astype("boolean").mask(unknown)


def first_contact_resolution(contacts: Contacts, by: str | None = None, within_days: float = 7.0) -> pd.DataFrame:
    """Share of contacts after which the customer did not come back: ``by``, ``tickets_count``, ``resolved_share``, ``low_share``, ``high_share``.

    Tickets of a customer hang together; contacts of the last days are left out, since their repeats are not seen yet.
    """
    again = mark_repeats(contacts, within_days)
    table = contacts.table.assign(resolved=~again)[again.notna()]
    groups = [("all", table)] if by is None else list(table.groupby(by))
    rows = []
    for name, part in groups:
        share = share_in_clusters(part["resolved"].astype(bool), part["customer_id"])
        rows.append((name, len(part), share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=[by or "group", "tickets_count", "resolved_share", "low_share", "high_share"])


def answer_times(contacts: Contacts, by: str = "channel", target_min: float = 1 / 3) -> pd.DataFrame:
    """How soon contacts are answered: ``by``, ``tickets_count``, ``median_min``, ``p90_min``, ``in_time_share`` with ends (Wilson)."""
    table = contacts.table.dropna(subset=["answer_min", by])
    rows = []
    for name, part in table.groupby(by):
        share = estimate_share(int((part["answer_min"] <= target_min).sum()), len(part))
        rows.append(
            (
                name,
                len(part),
                part["answer_min"].median(),
                part["answer_min"].quantile(0.9),
                share.value,
                share.low,
                share.high,
            )
        )
    return pd.DataFrame(
        rows, columns=[by, "tickets_count", "median_min", "p90_min", "in_time_share", "low_share", "high_share"]
    )


def years_on_books(customers: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.Series:
    """Years between two moments in which each customer was one: from its connection until it left.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id``; ``connected_on`` and ``left_on`` where known, otherwise there all the time.

    Examples
    --------
    >>> one = pd.DataFrame({"customer_id": ["A"], "connected_on": ["2024-07-01"], "left_on": [None]})
    >>> round(float(years_on_books(one, pd.Timestamp("2024-01-01"), pd.Timestamp("2025-01-01"))["A"]), 2)
    0.5
    """
    ends = []
    for name, without in (("connected_on", first), ("left_on", last)):
        known = customers[name] if name in customers else pd.Series(pd.NaT, customers.index)
        ends.append(pd.to_datetime(known).fillna(without).clip(first, last))
    days = (ends[1] - ends[0]).dt.total_seconds().clip(lower=0) / 86400
    return pd.Series((days / 365.25).to_numpy(), customers["customer_id"])


def rate_contacts(contacts: Contacts, customers: pd.DataFrame) -> Estimate:
    """Contacts a customer and year on the books, with an interval over customers.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id``, ``connected_on``, ``left_on``: all customers, also those who never called.
    """
    table = contacts.table
    years = years_on_books(customers, table["opened_at"].min(), table["opened_at"].max())
    calls = table["customer_id"].value_counts().reindex(years.index, fill_value=0)
    return estimate_ratio(calls.to_numpy(), years.to_numpy())
