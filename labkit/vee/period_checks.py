"""Checks of longer spans: gaps by month, a changed interval, the clock, sufficiency."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.lab import Lab
from labkit.vee.clock import hours_of_days
from labkit.vee.day_checks import SUSPECT
from labkit.vee.thresholds import Thresholds


def check_gaps(lab: Lab, facts: ir.Table) -> pd.DataFrame:
    """Months in which time without a reading lies, whole days without any row included.

    Parameters
    ----------
    facts : Table
        Of `labkit.vee.day_facts`.

    Notes
    -----
    Customers without a single reading have no gap but no data: `insufficient` names them. ``cases_count`` is hours, ``value``
    the share of the month's expected time.
    """
    months = _months(lab)
    customers = lab.customers.select("customer_id", "connected_on", "left_on")
    table = facts.select("customer_id").distinct().inner_join(customers, "customer_id").cross_join(months)
    since = ibis.greatest(table.connected_on.fill_null(table.first_day), table.first_day)
    until = ibis.least(table.left_on.fill_null(table.next_day), table.next_day)
    table = table.mutate(since=since, days=ibis.greatest(until.delta(since, unit="day"), 0))
    # Of a customer connected or gone within a month of a changed clock, the hour counts as if it was there.
    table = table.mutate(expected_min=(table.days > 0).ifelse(table.days * 1440 - table.lost_min, 0))
    known = facts.group_by(["customer_id", "month"]).aggregate(
        known_min=(ibis.least(facts.known, facts.expected) * facts.interval_min).sum().cast("int64")
    )
    table = table.left_join(known, ["customer_id", "month"]).drop("customer_id_right", "month_right")
    missing = (table.expected_min - table.known_min.fill_null(0)).cast("int64")
    found = lab.run(
        table.mutate(missing=missing)
        .filter(lambda t: t.missing > 0)
        .select("customer_id", "since", "next_day", "left_on", "missing", "expected_min")
    )
    last = found[["next_day", "left_on"]].min(axis=1) - pd.Timedelta(days=1).to_pytimedelta()
    return pd.DataFrame(
        {
            "check": "gap",
            "customer_id": found["customer_id"],
            "from_day": found["since"],
            "to_day": last,
            "cases_count": -(-found["missing"] // 60),
            "value": found["missing"] / found["expected_min"],
            "limit": 0.0,
        }
    )[SUSPECT]


def _months(lab: Lab) -> ir.Table:
    """``month``, ``first_day`` and ``next_day`` within the period, ``lost_min`` by the clock."""
    first, last = (pd.Timestamp(day) for day in lab.period)
    lost = hours_of_days(lab.manifest.about.timezone, lab.period)
    rows = []
    for month in pd.period_range(first, last, freq="M"):
        begin, end = (
            max(month.start_time, first),
            min(month.start_time + pd.offsets.MonthBegin(), last + pd.Timedelta(days=1)),
        )
        minutes = sum(60 * (24 - hours) for day, hours in lost.items() if day[:7] == str(month) and hours < 24)
        rows.append((str(month), begin.date(), end.date(), int(minutes)))
    frame = pd.DataFrame(rows, columns=["month", "first_day", "next_day", "lost_min"])
    return ibis.memtable(
        frame, schema={"month": "string", "first_day": "date", "next_day": "date", "lost_min": "int64"}
    )


def check_intervals(lab: Lab, facts: ir.Table) -> pd.DataFrame:
    """Customers whose metering interval is not one and the same, from the day the last one began."""
    each = facts.group_by(["customer_id", "interval_min"]).aggregate(
        first_day=facts.day.min(), last_day=facts.day.max()
    )
    both = each.group_by("customer_id").aggregate(
        cases_count=each.count(), from_day=each.first_day.max(), to_day=each.last_day.max(), value=each.interval_min.max(), limit=each.interval_min.min()
    )  # fmt: skip
    found = lab.run(both.filter(both.cases_count > 1))
    return found.assign(check="mixed_interval").astype({"value": float, "limit": float})[SUSPECT]


def check_clock(lab: Lab, parts: list[ir.Table], limits: Thresholds) -> list[pd.DataFrame]:
    """Hours that the clock skipped and yet have readings, and days on which an hour is missing for very many at once.

    Parameters
    ----------
    parts : list of Table
        Facts of all customers, of `labkit.vee.day_facts`.
    """
    found, counts = [], []
    for facts in parts:
        filled = lab.run(facts.filter(facts.skipped_known > 0).select("customer_id", "day", "skipped_known"))
        found.append(_clock_rows(filled, filled["skipped_known"].astype(float), 0.0))
        an_hour = _lacks_an_hour(facts)
        counts.append(
            lab.run(
                facts.group_by("day").aggregate(
                    rows_count=facts.count(), lacking=an_hour.cast("int64").sum().cast("int64")
                )
            )
        )
    by_day = pd.concat(counts).groupby("day").sum()
    share = by_day["lacking"] / by_day["rows_count"]
    enough = by_day["rows_count"] >= limits.whole("clock_change.least_customers")
    suspect = share[enough & (share >= limits["clock_change.share"])]
    if len(suspect):
        for facts in parts:
            mine = facts.filter(facts.day.isin(list(suspect.index)) & _lacks_an_hour(facts))
            rows = lab.run(mine.select("customer_id", "day"))
            found.append(_clock_rows(rows, rows["day"].map(suspect).astype(float), limits["clock_change.share"]))
    return found


def _lacks_an_hour(facts: ir.Table) -> ir.BooleanValue:
    return (facts.expected - facts.known) * facts.interval_min == 60


def _clock_rows(rows: pd.DataFrame, value: pd.Series, limit: float) -> pd.DataFrame:
    return rows.assign(
        check="clock_change", from_day=rows["day"], to_day=rows["day"], cases_count=1, value=value, limit=limit
    )[SUSPECT]


def check_sufficiency(lab: Lab, covered: pd.DataFrame, limits: Thresholds) -> pd.DataFrame:
    """Customers with too few days for a year's study; ``value`` is the days missing.

    Parameters
    ----------
    covered : DataFrame
        Of `labkit.vee.coverage.cover_customers`.
    """
    few = covered[~covered["sufficient_data"]]
    first, last = (pd.Timestamp(day).date() for day in lab.period)
    return few.assign(
        check="insufficient",
        from_day=first,
        to_day=last,
        cases_count=1,
        value=few["days_missing"].astype(float),
        limit=limits["insufficient.missing_days"],
    )[SUSPECT]
