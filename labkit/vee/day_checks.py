"""Checks of one day at a time, and of days in a row, on the facts of days."""

from __future__ import annotations

from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir
import pandas as pd

from labkit.engine import divide
from labkit.lab import Lab
from labkit.vee.thresholds import Thresholds

#: Columns of a suspect: what was found, of whom, when, how often, how much and against which limit.
SUSPECT = ["check", "customer_id", "from_day", "to_day", "cases_count", "value", "limit"]
#: Days there must be on either side together before a day is held against them.
_LEAST_HISTORY = 5


def check_days(lab: Lab, facts: ir.Table, limits: Thresholds, dark: pd.DataFrame) -> list[pd.DataFrame]:
    """Spike, high and low use, physical maximum, negative, rollover: days that fail, in one query.

    Parameters
    ----------
    facts : Table
        Of `labkit.vee.day_facts`.
    dark : DataFrame
        Of `labkit.vee.cut_off.days_of_cuts`: they are no measure of what a customer uses.
    """
    table = _with_history(lab, facts, limits, dark)
    alarms = _alarms(table, limits)
    table = table.mutate(**{name: alarm.fill_null(False) for name, (alarm, _, _) in alarms.items()})
    shown = {f"{name}_value": value for name, (_, value, _) in alarms.items()}
    shown |= {f"{name}_limit": limit for name, (_, _, limit) in alarms.items()}
    bad = lab.run(table.filter(reduce(or_, (table[name] for name in alarms))).mutate(**shown))
    found = []
    for name in alarms:
        mine = bad[bad[name]]
        found.append(
            pd.DataFrame(
                {
                    "check": name,
                    "customer_id": mine["customer_id"],
                    "from_day": mine["day"],
                    "to_day": mine["day"],
                    "cases_count": 1,
                    "value": mine[f"{name}_value"].astype(float),
                    "limit": mine[f"{name}_limit"].astype(float),
                }
            )
        )
    return found


def _with_history(lab: Lab, facts: ir.Table, limits: Thresholds, dark: pd.DataFrame) -> ir.Table:
    """Facts with the capacity of the customer and the energy of its days of the same kind around."""
    days = lab.days()
    kinds = days.select("day", rest=days.day_type != "workday")
    capacity = lab.customers.select("customer_id", "capacity_kva")
    table = facts.inner_join(kinds, "day").left_join(capacity, "customer_id").drop("customer_id_right")
    # A day with gaps is nobody's measure: what is judged and what it is held against are whole days.
    whole = table.known == table.expected
    if len(dark):
        table = table.left_join(ibis.memtable(dark), ["customer_id", "day"]).drop("customer_id_right", "day_right")
        # A cut that nobody ended says something only of days without use.
        whole &= ~(table.ended | (table.ended.notnull() & (table.wh == 0))).fill_null(False)
    table = table.mutate(whole=whole.cast("int64"))
    n = limits.whole("high_use.days")
    around = ibis.window(group_by=["customer_id", "rest"], order_by="day", preceding=n, following=n)
    energy = table.wh * table.whole
    return table.mutate(
        other_wh=energy.sum().over(around).cast("int64") - energy,
        other_days=table.whole.sum().over(around).cast("int64") - table.whole,
    )


def _alarms(t: ir.Table, limits: Thresholds) -> dict[str, tuple[ir.BooleanValue, ir.Value, ir.Value]]:
    """Each check: whether a day fails it, its value and the limit it is held against."""
    top_kwh, low_kwh, day_kwh = (divide(t[name], 1000) for name in ("top_wh", "low_wh", "wh"))
    usual_kwh = divide(divide(t.other_wh, 1000), t.other_days)
    judged = (t.whole == 1) & (t.other_days >= _LEAST_HISTORY) & (t.other_wh > 0)
    high, low = usual_kwh * limits["high_use.ratio"], usual_kwh * limits["low_use.ratio"]
    most_kwh = divide(t.capacity_kva * limits["physical_maximum.factor"] * t.interval_min, 60)
    least = limits["spike.least_kwh"]
    usual_interval_wh = divide(t.other_wh, t.other_days * t.expected)
    far = top_kwh.cast("float64") * 1000 > usual_interval_wh * limits["rollover.ratio"]
    tenth = _power_of_ten_kwh(ibis.greatest(t.top_wh, -t.low_wh), limits)
    return {
        # Where fewer than three readings are above nought there is no third highest to divide by.
        "spike": ((t.near <= 2) & (t.used >= 3) & (top_kwh > least), top_kwh, ibis.literal(least)),
        "high_use": (judged & (day_kwh > high), day_kwh, high),
        "low_use": (judged & (t.wh > 0) & (day_kwh < low), day_kwh, low),
        "physical_maximum": ((t.capacity_kva > 0) & (top_kwh > most_kwh), top_kwh, most_kwh),
        "negative": (t.low_wh < 0, low_kwh, ibis.literal(0.0)),
        "rollover": (tenth.notnull() & (far | (t.low_wh < 0)), divide(ibis.greatest(t.top_wh, -t.low_wh), 1000), tenth),
    }


def _power_of_ten_kwh(wh: ir.IntegerValue, limits: Thresholds) -> ir.FloatingValue:
    """The full count of the register that a reading comes near to from below; missing where it does not."""
    tens = [10**digits for digits in range(limits.whole("rollover.least_digits"), 7)]
    share, float_wh = limits["rollover.share"], wh.cast("float64")
    near = ((float_wh >= 1000.0 * ten * (1 - share)) & (float_wh <= 1000.0 * ten) for ten in tens)
    return ibis.cases(*((here, float(ten)) for here, ten in zip(near, tens, strict=True)), else_=None).cast("float64")


def check_runs(lab: Lab, facts: ir.Table, limits: Thresholds, cut_off: pd.DataFrame) -> list[pd.DataFrame]:
    """Stuck readings and zero use: days in a row.

    Parameters
    ----------
    facts : Table
        Of `labkit.vee.day_facts`.
    cut_off : DataFrame
        Of `labkit.vee.cut_off.spans_without_supply`: nothing is to be used then.
    """
    thick = divide(facts.known, facts.expected) >= limits["day.known_share"]
    counts = facts.group_by("customer_id").aggregate(all_wh=facts.wh.sum().cast("int64"))
    whole = facts.filter(thick)
    stuck = _runs(lab, whole, whole.held.notnull() & (whole.wh > 0), limits.whole("stuck.days"))
    # A meter that never counted anything may not be there; whether it should be, bills say.
    ever = whole.inner_join(counts.filter(counts.all_wh > 0), "customer_id")
    zero = _runs(lab, ever, ever.wh == 0, limits.whole("zero_use.days"))
    zero = _outside(zero, _until_first_use(lab, facts, cut_off))
    return [
        stuck.assign(check="stuck", value=stuck["cases_count"].astype(float), limit=limits["stuck.days"])[SUSPECT],
        zero.assign(check="zero_use", value=zero["cases_count"].astype(float), limit=limits["zero_use.days"])[SUSPECT],
    ]


def _runs(lab: Lab, facts: ir.Table, here: ir.BooleanValue, least: int) -> pd.DataFrame:
    """Runs of days on which something holds, of a customer each: calendar days in a row."""
    mine = facts.filter(here).select("customer_id", "day")
    mine = mine.mutate(
        number=mine.day.delta(ibis.date("1970-01-01"), unit="day").cast("int64"),
        place=ibis.row_number().over(ibis.window(group_by="customer_id", order_by="day")),
    )
    mine = mine.mutate(run=mine.number - mine.place.cast("int64"))
    runs = mine.group_by(["customer_id", "run"]).aggregate(
        from_day=mine.day.min(), to_day=mine.day.max(), cases_count=mine.count()
    )
    return lab.run(runs.filter(runs.cases_count >= least).drop("run"))


def _until_first_use(lab: Lab, facts: ir.Table, spans: pd.DataFrame) -> pd.DataFrame:
    """Spans, of which those that nobody ended last until power is used again."""
    unended = spans.loc[~spans["ended"], ["customer_id", "since"]].drop_duplicates()
    if unended.empty:
        return spans
    used = facts.filter(facts.wh > 0).inner_join(ibis.memtable(unended), "customer_id")
    used = used.filter(used.day >= used.since)
    again = lab.run(used.group_by(["customer_id", "since"]).aggregate(used_on=used.day.min()))
    told = spans.merge(again, on=["customer_id", "since"], how="left")
    used_on = told["used_on"].astype(object).where(told["used_on"].notna() & ~told["ended"], told["until"])
    return spans.assign(until=[min(days) for days in zip(told["until"], used_on, strict=True)])


def _outside(runs: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """Runs that do not meet a span of the same customer."""
    pairs = runs.reset_index().merge(spans, on="customer_id")
    met = pairs.loc[(pairs["from_day"] <= pairs["until"]) & (pairs["to_day"] >= pairs["since"]), "index"]
    return runs.drop(index=met.unique())


def check_cut_off(lab: Lab, facts: ir.Table, cut_off: pd.DataFrame) -> list[pd.DataFrame]:
    """Days with use while there was surely no supply, or no customer any more."""
    if cut_off.empty:
        return []
    spans = ibis.memtable(cut_off)
    pairs = facts.filter(facts.wh > 0).inner_join(spans.filter(spans.ended), "customer_id")
    pairs = pairs.filter((pairs.day >= pairs.since) & (pairs.day <= pairs.until))
    found = lab.run(
        pairs.group_by(["customer_id", "since"]).aggregate(
            from_day=pairs.day.min(), to_day=pairs.day.max(), cases_count=pairs.count(), wh=pairs.wh.sum().cast("int64")
        )
    )
    return [found.assign(check="use_after_disconnection", value=found["wh"] / 1000, limit=0.0)[SUSPECT]]
