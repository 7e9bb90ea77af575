"""Service by segment of the customers, and against the year before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from labkit.estimates import Estimate, estimate_mean, estimate_ratio_change
from labkit.service.errors import ServiceError
from labkit.service.repair import RepairTimes, promises_kept
from labkit.service.shares import share_in_clusters
from labkit.service.tickets import Contacts


def contacts_by_segment(contacts: Contacts, segment: pd.Series, *, fewest: int = 1) -> pd.DataFrame:
    """How often the customers of a segment make contact, about what most, and by which channel.

    Parameters
    ----------
    contacts : Contacts
    segment : Series
        Segment by customer_id, of all customers, also those who never called.
    fewest : int
        Segments with fewer callers are left out.

    Returns
    -------
    DataFrame
        ``segment``, ``customers_count``, ``contacts_per_year`` with ``low``, ``high``; ``category`` (most frequent, as a
        code ``category=…``) with its ``category_share``, ``category_low``, ``category_high``; ``channel`` likewise.
    """
    table = contacts.table.assign(segment=contacts.table["customer_id"].map(segment))
    years = max((table["opened_at"].max() - table["opened_at"].min()).days / 365.25, 1 / 12)
    calls = table["customer_id"].value_counts().reindex(segment.index, fill_value=0)
    rows = []
    for name, part in table.dropna(subset=["segment"]).groupby("segment", sort=True):
        if part["customer_id"].nunique() < max(fewest, 2):
            continue
        own = calls[segment == name].to_numpy(dtype=float) / years
        rate = estimate_mean(own)
        row: dict[str, object] = {"segment": name, "customers_count": len(own)}
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


def contacts_change(contacts: Contacts, customer_ids: pd.Series) -> Estimate:
    """Contacts a customer in the last twelve months less those in the twelve before; same customers."""
    table = contacts.table
    now, then = last_two_years(table["opened_at"])
    counts = [
        table.loc[at, "customer_id"].value_counts().reindex(customer_ids, fill_value=0).to_numpy() for at in (then, now)
    ]
    one = np.ones(len(customer_ids))
    return estimate_ratio_change((counts[0], one), (counts[1], one))


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
