"""Load features: one row a customer, from sums by month and kind of day."""

from __future__ import annotations

import contextlib
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit import calendar
from labkit.engine import divide
from labkit.lab import Lab
from labkit.profiles.cells import HOURS, PERIOD_SHARES, monthly_sums
from labkit.profiles.months import monthly_features
from labkit.profiles.reactive import measure_power_factor
from labkit.profiles.system import SystemPeak, find_system_peak
from labkit.profiles.weather import degree_months, weather_response

#: Hours of the night, 23:00 to 7:00.
NIGHT_HOURS = ("23", "00", "01", "02", "03", "04", "05", "06")
#: Days below which a profile says little of a customer.
FEW_DAYS = 14
#: More than any month and hour makes as one number: 32 hours to a month counted from the year 0.
_WHEN = 1 << 21
_SUMMED = ("days_metered", "minutes", "idle_minutes", "wh", *(f"{name}_wh" for name in PERIOD_SHARES))


def features(sums: ir.Table, peak: SystemPeak | None = None) -> ir.Table:
    """Load features that follow from sums, one row a customer; missing where they would divide by nought.

    Parameters
    ----------
    sums : Table
        Of `monthly_sums`.
    peak : SystemPeak, optional
        Of `find_system_peak`; without it there is no ``coincidence``.

    Returns
    -------
    Table
        ``load_flag``: what to bear in mind (``no_readings``, ``all_zero``, ``few_days``, ``mixed_intervals``; else ``none``);
        ``days_metered``, ``hours_metered`` [h], ``gap_share``: part of the metered days without a reading,
        ``zero_share``: part of the readings in hours in which nothing is used on any day of that kind in the month; ``energy_kwh``, ``energy_per_day_kwh``: per 24 h with a reading; ``maximum_demand_kw``: highest mean power of
        an interval, with its ``maximum_demand_month`` and ``maximum_demand_hour``; ``load_factor``: mean load over maximum
        demand; ``peak_share`` (sharp included), ``flat_share``, ``valley_share`` and ``night_energy_share`` (23 to 7) of energy;
        ``weekend_ratio``, ``summer_ratio``, ``winter_ratio``: mean load on weekends over that on workdays, in June to
        August and in December to February over that of spring and autumn; of the typical workday ``base_load_kw`` (its
        lowest hour), ``base_load_share`` (over the mean), ``peak_hour``, ``ramp_kw_per_h`` (the steepest step from hour to hour) and
        ``hour_variation`` (coefficient of variation of its hours); ``coincidence``: mean load in the system's peak hour over
        the own maximum demand; and those of `monthly_features`.

    Notes
    -----
    Sums are whole numbers and only quotients are not, so that engines agree bit for bit.
    """
    table = _typical_workday(_describe(_totals(sums, peak), peak is not None))
    return table.left_join(monthly_features(sums), "customer_id").drop("customer_id_right")


def load_features(lab: Lab, periods: calendar.PeriodRules | None = None) -> pd.DataFrame:
    """Load features of every customer with readings, one row each.

    Parameters
    ----------
    lab : Lab
    periods : PeriodRules, optional
        Time-of-use periods; those of ``data/tariffs`` by default.

    Returns
    -------
    DataFrame
        Of `features`, with ``power_factor`` where reactive energy is metered, and, where there is weather,
        ``cooling_share_per_c``, ``heating_share_per_c`` and ``weather_fit_share`` of `weather_response`.

    Notes
    -----
    One pass over the readings; part by part, so that memory stays flat. With several parts the system's peak is found
    by a scan first.

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> load_features(lab)["load_factor"].median()  # doctest: +SKIP
    """
    with contextlib.ExitStack() as kept:
        if lab.in_one_part:
            # Kept on the engine: the peak and the features both ask for the sums, and the readings are read once.
            sums = kept.enter_context(lab.kept(monthly_sums(lab, periods)))
            peak = find_system_peak(lab, sums)
        else:
            sums, peak = monthly_sums(lab, periods), find_system_peak(lab)
        degrees = kept.enter_context(lab.kept(degree_months(lab))) if lab.has("weather") else None
        frames = list(lab.run_parts(_all_features(lab, features(sums, peak), sums, degrees)))
    return pd.concat(frames).sort_values("customer_id", ignore_index=True)


def feature_table(lab: Lab, periods: calendar.PeriodRules | None = None) -> ir.Table:
    """`load_features` as a table on the engine, for what is to be worked out there: on a cluster no row leaves it."""
    if not lab.backend.takes_whole:
        return ibis.memtable(load_features(lab, periods))
    sums = lab.hold(monthly_sums(lab, periods))
    degrees = degree_months(lab) if lab.has("weather") else None
    return _all_features(lab, features(sums, find_system_peak(lab, sums)), sums, degrees)


def _all_features(lab: Lab, table: ir.Table, sums: ir.Table, degrees: ir.Table | None) -> ir.Table:
    """Features with those for which other tables are wanted."""
    others = []
    if lab.has("reactive"):
        others.append(measure_power_factor(sums, lab.reactive))
    if degrees is not None:
        others.append(weather_response(sums, lab.customers, degrees))
    for other in others:
        table = table.left_join(other, "customer_id").drop("customer_id_right")
    return table


def _per(part: ir.NumericValue, whole: ir.NumericValue, times: int = 1) -> ir.FloatingColumn:
    """Part over whole, whole numbers both; missing for a whole of nought."""
    return divide(part * times, whole)


def _totals(sums: ir.Table, peak: SystemPeak | None) -> ir.Table:
    """Whole numbers of each customer: all, by kind of day, by season, of the hours of workdays, at the system's peak."""
    month = sums.month[5:7].cast("int64")
    spans = {
        "workday": sums.day_type == "workday",
        "weekend": sums.day_type == "weekend",
        "summer": month.isin([6, 7, 8]),
        "winter": month.isin([12, 1, 2]),
        "mild": month.isin([3, 4, 5, 9, 10, 11]),
    }
    parts = {name: sums[name].sum().cast("int64") for name in _SUMMED}
    parts["night_wh"] = reduce(add, (sums[f"e{h}"] for h in NIGHT_HOURS)).sum().cast("int64")
    for name, here in spans.items():
        parts[f"{name}_wh"] = sums.wh.sum(where=here).fill_null(0).cast("int64")
        parts[f"{name}_min"] = sums.minutes.sum(where=here).fill_null(0).cast("int64")
    for name in (f"{kind}{h}" for kind in "et" for h in HOURS):
        parts[name] = sums[name].sum(where=spans["workday"]).cast("int64")
    if peak is not None:
        here = (sums.month == peak.month) & (sums.day_type == peak.day_type)
        parts["at_peak_wh"] = sums[f"e{peak.hour:02d}"].sum(where=here).fill_null(0).cast("int64")
        parts["at_peak_min"] = sums[f"t{peak.hour:02d}"].sum(where=here).fill_null(0).cast("int64")
    return sums.group_by("customer_id").aggregate(
        top=_top(sums).max(),
        shortest_min=sums.interval_min.min(),
        longest_min=sums.interval_min.max(),
        **parts,
    )


def _top(sums: ir.Table) -> ir.IntegerValue:
    """Highest demand and when it was in one whole number, so that the greatest is the highest and of equal ones the first."""
    month = sums.month[0:4].cast("int64") * 12 + sums.month[5:7].cast("int64") - 1
    return sums.highest_w * _WHEN + (_WHEN - 1 - (month * 32 + sums.highest_hour))


def _describe(total: ir.Table, with_peak: bool) -> ir.Table:
    """Features that are quotients of the totals, beside the hours of workdays [W]."""
    highest_w, when = total.top // _WHEN, _WHEN - 1 - total.top % _WHEN
    month, used = when // 32, highest_w > 0
    month_text = (month // 12).cast("string") + "-" + (month % 12 + 101).cast("string")[1:3]
    mean_w, highest = _per(total.wh, total.minutes, 60), highest_w.nullif(0).cast("float64")
    mild = _per(total.mild_wh, total.mild_min).nullif(0)
    workday = _per(total.workday_wh, total.workday_min).nullif(0)
    at_peak = {"coincidence": _per(total.at_peak_wh, total.at_peak_min, 60) / highest} if with_peak else {}
    return total.select(
        "customer_id",
        "days_metered",
        load_flag=_flag(total),
        hours_metered=divide(total.minutes, 60),
        gap_share=1 - _per(total.minutes, total.days_metered * 1440),
        zero_share=_per(total.idle_minutes, total.minutes),
        energy_kwh=(total.minutes > 0).ifelse(divide(total.wh, 1000), ibis.null("float64")),
        energy_per_day_kwh=divide(mean_w * 24, 1000),
        maximum_demand_kw=(total.minutes > 0).ifelse(divide(highest_w, 1000), ibis.null("float64")),
        maximum_demand_month=used.ifelse(month_text, ibis.null("string")),
        maximum_demand_hour=used.ifelse((when % 32).cast("float64"), ibis.null("float64")),
        load_factor=mean_w / highest,
        **{f"{name}_share": _per(total[f"{name}_wh"], total.wh) for name in PERIOD_SHARES},
        night_energy_share=_per(total.night_wh, total.wh),
        weekend_ratio=_per(total.weekend_wh, total.weekend_min) / workday,
        summer_ratio=_per(total.summer_wh, total.summer_min) / mild,
        winter_ratio=_per(total.winter_wh, total.winter_min) / mild,
        **at_peak,
        **{f"w{h}": _per(total[f"e{h}"], total[f"t{h}"], 60) for h in HOURS},
    )


def _typical_workday(table: ir.Table) -> ir.Table:
    """Base load, ramp, highest hour and variation of the typical workday; missing where an hour has no reading."""
    hours = [f"w{h}" for h in HOURS]
    kept = [name for name in table.columns if name not in hours]
    watts = [table[name] for name in hours]
    # Step by step: each step's columns are worked out once, whatever asks for them afterwards.
    table = table.select(
        *kept,
        *hours,
        low=ibis.least(*watts),
        high=ibis.greatest(*watts),
        mean_w=reduce(add, watts) / 24,
        steepest=ibis.greatest(*((watts[h] - watts[h - 1]).abs() for h in range(24))),
    )
    watts = [table[name] for name in hours]
    squares = reduce(add, ((w - table.mean_w) * (w - table.mean_w) for w in watts))
    first = ibis.cases(*((w == table.high, h) for h, w in enumerate(watts))).cast("float64")
    # The sum of all hours is missing where one is.
    whole, nothing = table.mean_w.notnull(), ibis.null("float64")
    return table.select(
        *kept,
        base_load_kw=whole.ifelse(divide(table.low, 1000), nothing),
        base_load_share=whole.ifelse(table.low / table.mean_w.nullif(0), nothing),
        peak_hour=(table.mean_w > 0).ifelse(first, nothing),
        ramp_kw_per_h=whole.ifelse(divide(table.steepest, 1000), nothing),
        hour_variation=(squares / 24).sqrt() / table.mean_w.nullif(0),
    )


def _flag(total: ir.Table) -> ir.StringValue:
    """What a reader must bear in mind; the gravest first."""
    return ibis.cases(
        (total.minutes == 0, "no_readings"),
        (total.wh == 0, "all_zero"),
        (total.days_metered < FEW_DAYS, "few_days"),
        (total.shortest_min < total.longest_min, "mixed_intervals"),
        else_="none",
    )
