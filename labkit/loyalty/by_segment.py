"""Loyalty by segment of the customers: where satisfaction is weakest, who is lost, what keeping brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from labkit.estimates import estimate_share
from labkit.loyalty.incidence import cumulative_incidence
from labkit.loyalty.policy import RetentionPolicy
from labkit.loyalty.satisfaction import SCALES, satisfaction_index


def weakest_dimension(
    surveys: pd.DataFrame, by: str = "segment", *, fewest: int = 1, scales: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """The dimension of service each segment is least satisfied with.

    Parameters
    ----------
    surveys : DataFrame
        Answers with the segment of each customer.
    fewest : int
        Segments of fewer customers are left out.

    Returns
    -------
    DataFrame
        ``by``, ``customers_count``, ``driver`` (a code ``driver=…``), ``index`` (0..100) with ``low``, ``high``.

    Notes
    -----
    The weakest of several is picked by its figure, so it looks a little weaker than it is; the
    interval does not hold that.
    """
    known = surveys[surveys[by].notna()]
    parts = []
    for name, items in (SCALES if scales is None else scales).items():
        weights = dict.fromkeys(items, 1 / len(items))
        parts.append(satisfaction_index(known, by, items=weights).assign(driver=f"driver={name}"))
    told = pd.concat(parts, ignore_index=True)
    told = told[told["customers_count"] >= fewest]
    at = told.groupby(by)["index"].idxmin()
    return told.loc[at, [by, "customers_count", "driver", "index", "low", "high"]].reset_index(drop=True)


def lost_by_segment(
    firms: pd.DataFrame, reasons: pd.Series, *, by: str = "segment", months: int = 12, fewest: int = 1
) -> pd.DataFrame:
    """Share of each segment that goes to another supplier within so many months.

    Parameters
    ----------
    firms : DataFrame
        Of the spells: ``duration_months``, ``entry_months`` and the segment.
    reasons : Series
        Of `kinds_of_departure`.
    fewest : int
        Segments of fewer customers are left out, and those that fewer have left, unless nobody has.

    Returns
    -------
    DataFrame
        ``by``, ``customers_count``, ``share`` with ``low_share``, ``high_share``; of a segment nobody has left the upper end is Wilson's.
    """
    rows = []
    for name, part in firms[firms[by].notna()].groupby(by, sort=True):
        if len(part) < fewest:
            continue
        own = reasons.loc[part.index]
        lost = int((own == "supplier").sum())
        if 0 < lost < fewest:  # so few departures would tell of single customers
            continue
        if lost == 0:
            rows.append((name, len(part), 0.0, 0.0, estimate_share(0, len(part)).high))
            continue
        told = cumulative_incidence(part["duration_months"] - part["entry_months"], own).at(months)
        row = told.set_index("reason").loc["supplier"]
        rows.append((name, len(part), row["incidence"], row["low"], row["high"]))
    return pd.DataFrame(rows, columns=[by, "customers_count", "share", "low_share", "high_share"])


def gain_by_segment(policy: RetentionPolicy, segment: pd.Series, *, fewest: int = 1) -> pd.DataFrame:
    """What the plan of retention brings in each segment.

    Parameters
    ----------
    policy : RetentionPolicy
    segment : Series
        Segment by customer_id.
    fewest : int
        Segments of fewer customers approached are left out.

    Returns
    -------
    DataFrame
        ``segment``, ``customers_count``, ``gain_yuan`` with ``low``, ``high``.

    Notes
    -----
    Ends are sums of those of the customers: an offer works as well or badly for all at once, so
    they move together; with several offers the sum is a little too wide.
    """
    plan = policy.plan.assign(segment=policy.plan["customer_id"].map(segment))
    told = plan.groupby("segment", as_index=False).agg(
        customers_count=("customer_id", "size"),
        gain_yuan=("gain_yuan", "sum"),
        low=("low", "sum"),
        high=("high", "sum"),
    )
    return told[told["customers_count"] >= fewest].reset_index(drop=True)


def best_measure_of(measures: pd.DataFrame, dimension: str) -> pd.Series | None:
    """The measure that does most for its money in a dimension; None where there is none.

    Parameters
    ----------
    measures : DataFrame
        Of `rank_measures`.
    dimension : str
        Name, or code ``driver=name``.
    """
    own = measures[measures["dimension"] == dimension.removeprefix("driver=")]
    return None if own.empty else own.iloc[0]
