"""Service by segment of the customers, and against the year before."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from labkit.estimates import Estimate, estimate_ratio, estimate_ratio_change
from labkit.service.errors import ServiceError
from labkit.service.repair import RepairTimes, promises_kept
from labkit.service.shares import share_in_clusters
from labkit.service.tickets import Contacts, years_on_books


def contacts_by_segment(
    contacts: Contacts, customers: pd.DataFrame, segment: pd.Series, *, fewest: int = 1
) -> pd.DataFrame:
    """How often the customers of a segment make contact, about what most, and by which channel.

    Parameters
    ----------
    contacts : Contacts
    customers : DataFrame
        ``customer_id``, ``connected_on``, ``left_on``: all customers, also those who never called.
    segment : Series
        Segment by customer_id.
    fewest : int
        Segments with fewer callers are left out.

    Returns
    -------
    DataFrame
        ``segment``, ``customers_count``, ``contacts_per_year`` with ``low``, ``high``; ``category`` (most frequent, as a
        code ``category=…``) with its ``category_share``, ``category_low``, ``category_high``; ``channel`` likewise.
    """
    table = contacts.table.assign(segment=contacts.table["customer_id"].map(segment))
    years = years_on_books(customers, table["opened_at"].min(), table["opened_at"].max())
    calls, placed = table["customer_id"].value_counts().reindex(years.index, fill_value=0), years.index.map(segment)
    rows = []
    for name, part in table.dropna(subset=["segment"]).groupby("segment", sort=True):
        if part["customer_id"].nunique() < max(fewest, 2):
            continue
        own = placed == name
        rate = estimate_ratio(calls[own].to_numpy(), years[own].to_numpy())
        row: dict[str, object] = {"segment": name, "customers_count": int(own.sum())}
        row |= {"contacts_per_year": rate.value, "low": max(rate.low, 0.0), "high": rate.high}
        for column in ("category", "channel"):
            known = part[part[column].notna()]
            most = str(known[column].value_counts().sort_index().idxmax())
            share = share_in_clusters(known[column] == most, known["customer_id"])
            row |= {column: f"{column}={most}", f"{column}_share": share.value}
            row |= {f"{column}_low": share.low, f"{column}_high": share.high}
        rows.append(row)
    return pd.DataFrame(rows)


def kept_by_segment(
    times: RepairTimes, limits_min: Mapping[str, float], segment: pd.Series, *, fewest: int = 1
) -> pd.DataFrame:
    """Crews on site within the promise, by segment of the customer who called.

    Parameters
    ----------
    segment : Series
        Segment by ticket_id.
    fewest : int
        Segments with fewer jobs are left out.

    Returns
    -------
    DataFrame
        ``segment``, ``jobs_count``, ``kept_share`` with ``low_share`` and ``high_share``.
    """
    known = times.jobs.assign(segment=times.jobs["ticket_id"].map(segment))
    told = promises_kept(RepairTimes(known, times.complete, times.problems), limits_min, "segment")
    told = told[told["jobs_count"] >= fewest].reset_index(drop=True)
    return told[["segment", "jobs_count", "kept_share", "low_share", "high_share"]]


def last_two_years(moments: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Which moments lie in the last twelve months, and which in the twelve before.

    Raises
    ------
    ServiceError
        If the data do not reach back two years (three weeks short of it are let pass).
    """
    last = moments.max()
    middle, first = last - pd.DateOffset(months=12), last - pd.DateOffset(months=24)
    if moments.min() > first + pd.Timedelta(days=21):
        raise ServiceError("the data do not reach back two years: no change on the year before can be told")
    return moments > middle, (moments > first) & (moments <= middle)


def contacts_change(contacts: Contacts, customers: pd.DataFrame) -> Estimate:
    """Contacts a customer-year on the books in the last twelve months less those in the twelve before.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id``, ``connected_on``, ``left_on``: who has left calls no more, and counts no more.
    """
    table = contacts.table
    now, then = last_two_years(table["opened_at"])
    last = table["opened_at"].max()
    edges = [last - pd.DateOffset(months=m) for m in (24, 12, 0)]
    pairs = []
    for at, first, until in ((then, edges[0], edges[1]), (now, edges[1], edges[2])):
        years = years_on_books(customers, first, until)
        calls = table.loc[at, "customer_id"].value_counts().reindex(years.index, fill_value=0)
        pairs.append((calls.to_numpy(), years.to_numpy()))
    return estimate_ratio_change(pairs[0], pairs[1])


def kept_change(times: RepairTimes, limits_min: Mapping[str, float]) -> Estimate:
    """Share of crews on site in time in the last twelve months less that of the twelve before."""
    jobs = times.jobs.assign(limit=times.jobs["settlement"].map(dict(limits_min)))
    jobs = jobs.dropna(subset=["to_site_min", "limit"])
    kept = jobs["to_site_min"] <= jobs["limit"]
    pairs = []
    clusters = sorted(jobs["cluster"].unique())
    now, then = last_two_years(jobs["received_at"])
    for at in (then, now):
        by = kept[at].astype(float).groupby(jobs.loc[at, "cluster"]).agg(["sum", "count"])
        by = by.reindex(clusters, fill_value=0.0)
        pairs.append((by["sum"].to_numpy(), by["count"].to_numpy()))
    return estimate_ratio_change(pairs[0], pairs[1])
