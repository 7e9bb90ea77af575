"""How much of what should have been read is there, and for how many customers it suffices for a year's study."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit import terms
from labkit.engine import divide
from labkit.estimates import Estimate, estimate_share, mean_over_customers
from labkit.lab import Lab
from labkit.vee.clock import hours_of_days
from labkit.vee.day_facts import known_intervals
from labkit.vee.thresholds import Thresholds, read_thresholds


@dataclass(frozen=True, eq=False)
class Coverage:
    """Coverage of the readings.

    Attributes
    ----------
    share : Estimate
        Mean over customers of the share of the expected time with a reading.
    sufficient : Estimate or None
        Share of the customers whose readings suffice for a year's study, with its Wilson interval; None where it was not asked.
    table : DataFrame
        ``customer_id``, ``coverage_share``, ``days_known``, ``days_missing``, ``sufficient_data``.
    days, missing_days : int
        A year's study asks for so many days, of which so many at most may be missing.
    fewest : int
        Fewest customers that may be told of.
    """

    share: Estimate
    sufficient: Estimate | None
    table: pd.DataFrame
    days: int
    missing_days: int
    fewest: int

    def tell(self, language: terms.Language) -> str:
        """One sentence for a page; customers too few to be told of are not counted."""
        say, few = terms.Say(language), len(self.table) < self.fewest
        if few:
            return say("Too few customers to tell the coverage of their readings.", "户数过少，不展示读数完整率。")
        there = say(
            f"Readings: {_percent(self.share, say)} of the time that should be metered has one (mean over {len(self.table):,} customers)",
            f"读数完整率：应采时间中 {_percent(self.share, say)}有读数（{len(self.table):,} 户平均）",
        )
        if self.sufficient is None:
            return there + say(".", "。")
        hits = int(self.table["sufficient_data"].sum())
        rule = say(
            f"at least {self.days - self.missing_days} of {self.days} days with half their intervals, CalTRACK",
            f"{self.days} 天中至少 {self.days - self.missing_days} 天完整率过半，CalTRACK 判据",
        )
        if min(hits, len(self.table) - hits) in range(1, self.fewest):
            most = (
                say("nearly all" if hits else "none", "几乎全部") if hits > self.fewest else say("hardly any", "极少数")
            )
            return there + say(
                f"; {most} of them suffice for a year's study ({rule}).", f"；{most}客户满足全年分析要求（{rule}）。"
            )
        return there + say(
            f"; for {_percent(self.sufficient, say, 1)} of customers they suffice for a year's study ({rule}).",
            f"；{_percent(self.sufficient, say, 1)}的客户满足全年分析要求（{rule}）。",
        )


def _percent(share: Estimate, say: terms.Say, digits: int = 2) -> str:
    value, low, high = (f"{100 * x:.{digits}f}" for x in (share.value, share.low, share.high))
    if low == "nan":
        return f"{value}%" if say("", "zh") else f"{value} %"
    return say(f"{value} % [{low}, {high}]", f"{value}%［{low}，{high}］")


def expected_days(customers: ir.Table, period: tuple[str, str]) -> ir.IntegerValue:
    """Days of the period on which each customer was connected; the day of leaving does not count."""
    first, last = (ibis.date(day) for day in period)
    until = ibis.least(customers.left_on.fill_null(last), last)
    since = ibis.greatest(customers.connected_on.fill_null(first), first)
    days = until.delta(since, unit="day") + customers.left_on.isnull().ifelse(1, 0)
    return ibis.greatest(days, 0)


def count_days(lab: Lab, facts: ir.Table, limits: Thresholds) -> pd.DataFrame:
    """Of each customer with readings: time with a reading, days that count, intervals.

    Parameters
    ----------
    facts : Table
        Of `labkit.vee.day_facts.known_intervals`.

    Returns
    -------
    DataFrame
        ``customer_id``, ``known_min``, ``days_known`` in the customer's last year.
    """
    ends = _spans(lab, limits)
    table = facts.inner_join(ends, "customer_id")
    counted = (divide(table.known, table.expected) >= limits["day.known_share"]) & (table.day > table.since)
    return lab.run(
        table.group_by("customer_id").aggregate(
            known_min=(table.known * table.interval_min).sum().cast("int64"),
            days_known=counted.cast("int64").sum().cast("int64"),
        )
    )


def _spans(lab: Lab, limits: Thresholds) -> ir.Table:
    """``customer_id`` and the day before its last year: of the period, or until it left."""
    last = ibis.date(lab.period[1])
    customers = lab.customers
    until = ibis.least((customers.left_on - ibis.interval(days=1)).cast("date").fill_null(last), last)
    return customers.select(
        "customer_id", since=(until - ibis.interval(days=limits.whole("insufficient.days"))).cast("date")
    )


def cover_customers(lab: Lab, counted: pd.DataFrame, limits: Thresholds) -> pd.DataFrame:
    """Coverage of every customer that was connected on any day of the period; without readings it is nought.

    Parameters
    ----------
    counted : DataFrame
        Of `count_days`, of all customers.
    """
    days = expected_days(lab.customers, lab.period).cast("int64")
    table = lab.run(lab.customers.select("customer_id", "connected_on", "left_on", expected_days=days))
    table = (
        table[table["expected_days"] > 0]
        .merge(counted, on="customer_id", how="left")
        .fillna({"known_min": 0, "days_known": 0})
    )
    expected_min = table["expected_days"] * 1440.0
    for day, hours in hours_of_days(lab.manifest.about.timezone, lab.period).items():
        moment = pd.Timestamp(day)
        here = ~(pd.to_datetime(table["connected_on"]) > moment) & ~(pd.to_datetime(table["left_on"]) <= moment)
        # The hour that comes twice has one place in the store, so a day of 25 hours asks for 24.
        expected_min -= here * max(24 - hours, 0) * 60
    known = table["days_known"].astype(int)
    missing = (limits.whole("insufficient.days") - known).clip(lower=0)
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "coverage_share": (table["known_min"] / expected_min).clip(upper=1.0),
            "days_known": known,
            "days_missing": missing,
            "sufficient_data": missing <= limits.whole("insufficient.missing_days"),
        }
    ).sort_values("customer_id", ignore_index=True)


def measure_coverage(lab: Lab, limits: Thresholds | None = None) -> Coverage:
    """Coverage of the readings: the share of the expected time, and who has enough of it.

    Parameters
    ----------
    lab : Lab
        With readings.
    limits : Thresholds, optional
        ``day.known_share``, ``insufficient.days`` and ``insufficient.missing_days``.

    Notes
    -----
    Expected is the time between the first and last day of readings in which the customer was connected. Sufficient: CalTRACK
    2.0, section 2.2: a baseline of 365 days with at most 37 missing; a day needs half of its intervals. The interval of the
    share is a bootstrap over customers (seed 1).

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> measure_coverage(lab).share.value  # doctest: +SKIP
    """
    limits = limits or read_thresholds()
    counted = pd.concat([count_days(lab, known_intervals(lab, rows), limits) for rows in lab.parts()])
    return judge_coverage(cover_customers(lab, counted, limits), limits, lab.fewest_customers)


def judge_coverage(table: pd.DataFrame, limits: Thresholds, fewest: int) -> Coverage:
    """Coverage of a table of `cover_customers`."""
    n, hits = len(table), int(table["sufficient_data"].sum())
    enough = estimate_share(hits, n) if n else Estimate(float("nan"), float("nan"), float("nan"), 0)
    days, missing = limits.whole("insufficient.days"), limits.whole("insufficient.missing_days")
    return Coverage(mean_over_customers(table["coverage_share"], seed=1), enough, table, days, missing, fewest)


def read_coverage(people: pd.DataFrame, fewest: int) -> Coverage:
    """Coverage out of a table that has it, without asking the readings again.

    Parameters
    ----------
    people : DataFrame
        ``coverage_share`` by customer, such as a portrait; customers of whom nothing was expected are left out.
    fewest : int
        Fewest customers that may be told of.

    Examples
    --------
    >>> read_coverage(pd.DataFrame({"customer_id": list("ABCDE"), "coverage_share": [1, 1, 1, 1, 0.5]}), 1).tell("en")
    'Readings: 90.00 % [70.00, 100.00] of the time that should be metered has one (mean over 5 customers).'
    """
    table = people.loc[people["coverage_share"].notna(), ["customer_id", "coverage_share"]]
    return Coverage(mean_over_customers(table["coverage_share"], seed=1), None, table, 0, 0, fewest)


def tell_coverage(lab: Lab, language: terms.Language, limits: Thresholds | None = None) -> str:
    """The coverage in one sentence, for beside every result that rests on readings.

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> tell_coverage(lab, "en")  # doctest: +SKIP
    """
    if not lab.has("readings"):
        return lab.explain_missing("readings", language)
    return measure_coverage(lab, limits).tell(language)
