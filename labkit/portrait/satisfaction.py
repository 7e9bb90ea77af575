"""Satisfaction: what a customer said when last asked (满意度)."""

from __future__ import annotations

from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir

from labkit.engine import divide
from labkit.lab import Lab
from labkit.portrait.moments import last_day
from labkit.schema import SURVEY_DIMENSIONS


def read_answers(lab: Lab) -> ir.Table:
    """The latest interview with an overall answer of each customer asked: the columns whose source is ``surveys``.

    Notes
    -----
    Of two interviews on a day, the one with the larger number counts, so that engines choose alike.
    A dimension's score is the mean of those of its three items that were answered.
    """
    answered = lab.surveys.filter(lab.surveys.overall.notnull())
    order = ibis.window(group_by="customer_id", order_by=[ibis.desc("surveyed_on"), ibis.desc("survey_id")])
    ordered = answered.mutate(
        at=ibis.row_number().over(order), surveys_count=ibis._.count().over(ibis.window(group_by="customer_id"))
    )
    last = ordered.filter(ordered["at"] == 0)
    return last.select(
        "customer_id",
        "surveys_count",
        latest_satisfaction=last.overall.cast("float64"),
        latest_loyalty=last.loyalty.cast("float64"),
        latest_intention_to_stay=last.intention_to_stay.cast("float64"),
        **{f"latest_{name}_score": _mean_item(last, name) for name in SURVEY_DIMENSIONS},
        days_since_survey=ibis.date(str(last_day(lab, "surveys").date()))
        .delta(last.surveyed_on, unit="day")
        .cast("int64"),
    )


def _mean_item(table: ir.Table, dimension: str) -> ir.FloatingColumn:
    items = [table[f"{dimension}_{i}"] for i in (1, 2, 3)]
    known = reduce(add, (item.notnull().cast("int64") for item in items))
    return divide(reduce(add, (item.fill_null(0) for item in items)), known)
