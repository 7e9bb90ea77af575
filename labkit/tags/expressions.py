"""Rules as Ibis expressions, for any engine."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_

import ibis
import ibis.expr.types as ir

from labkit.tags.errors import TagError
from labkit.tags.rules import All, Among, Any, Between, Missing, Not, Rule, Value


def to_expression(rule: Rule, table: ir.Table, tag: str = "") -> ir.BooleanValue:
    """A rule as an Ibis expression, for any engine; missing where it is neither true nor false.

    Raises
    ------
    TagError
        If a column is not there or a value is of another type.
    """
    if isinstance(rule, Not):
        return ~to_expression(rule.part, table, tag)
    if isinstance(rule, All | Any):
        parts = [to_expression(part, table, tag) for part in rule.parts]
        if not parts:
            return ibis.literal(isinstance(rule, All))
        return reduce(and_ if isinstance(rule, All) else or_, parts)
    if rule.column not in table.columns:
        raise TagError(f"tag {tag!r}: the data have no column {rule.column!r}: bring its table, or change the rule")
    column = table[rule.column]
    if isinstance(rule, Missing):
        return column.isnull()
    values = rule.values if isinstance(rule, Among) else (rule.low,) if isinstance(rule, Between) else (rule.value,)
    for value in values:
        _require_type(column, value, rule.column, tag)
    if isinstance(rule, Between):
        return column.between(rule.low, rule.high)
    if isinstance(rule, Among):
        return column.isin(list(rule.values))
    return {
        "=": column.__eq__,
        "!=": column.__ne__,
        "<": column.__lt__,
        "<=": column.__le__,
        ">": column.__gt__,
        ">=": column.__ge__,
    }[rule.op](rule.value)


def _require_type(column: ir.Column, value: Value, name: str, tag: str) -> None:
    kind = column.type()
    fits = (
        kind.is_string()
        if isinstance(value, str)
        else kind.is_boolean()
        if isinstance(value, bool)
        else kind.is_numeric()
    )
    if not fits:
        raise TagError(f"tag {tag!r}: the column {name} holds {kind}, and {value!r} cannot be compared with it")
