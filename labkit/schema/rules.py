"""Rules that follow from a column: must be there, readable, a known code, in bounds.

A row is checked as text first (what was written) and as value second (what it
means); `value_rules` and `Table.rules` look at values only, so they run on any
engine and on files as well as on a store. Keys and references need other rows
and are checked by the intake.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from labkit import terms
from labkit.schema.model import Column, Rule, Table, Type

#: No utility has meter readings or bills on a computer outside these days.
OLDEST, NEWEST = "1970-01-02", "2100-01-01"


def value_rules(table: Table) -> tuple[Rule, ...]:
    """All rules of a table that look at one row of values.

    Examples
    --------
    >>> from labkit.schema import TABLES
    >>> [rule.id for rule in value_rules(TABLES["sites"])][:2]
    ['sites.site_id.required', 'sites.kind.code']
    """
    rules: list[Rule] = []
    for column in table.columns:
        rules += _column_rules(table.name, column)
    return (*rules, *table.rules)


def _column_rules(table: str, column: Column) -> list[Rule]:
    rules: list[Rule] = []
    name = column.name
    if column.required:
        rules.append(required_rule(table, column))
    if column.values:
        allowed = ", ".join(column.values)
        rules.append(
            Rule(
                f"{table}.{name}.code",
                (name,),
                lambda t: ~t[name].isin(column.values),
                "unknown code",
                "代码不在允许范围内",
                f"use one of {allowed}",
                f"改为下列之一：{allowed}",
            )
        )
    if column.low is not None or column.high is not None:
        rules.append(_range_rule(table, column))
    if column.required and column.type in (Type.DATE, Type.TIMESTAMP):
        rules.append(_era_rule(table, column))
    if column.type is Type.MONTH:
        rules.append(
            Rule(
                f"{table}.{name}.month",
                (name,),
                lambda t: ~t[name].re_search(r"^(19|20)\d\d-(0[1-9]|1[0-2])$"),
                "not a month",
                "不是有效月份",
                "write year and month as 2025-03",
                "按“2025-03”的格式填写年月",
            )
        )
    return rules


def required_rule(table: str, column: Column) -> Rule:
    """Rule that a column is filled in."""
    name = column.name
    empty = (lambda t: t[name].isnull() | (t[name] == "")) if column.type is Type.TEXT else (lambda t: t[name].isnull())
    return Rule(
        f"{table}.{name}.required",
        (name,),
        empty,
        "empty, but must be there",
        "为空，此项必填",
        "fill it in at the source",
        "在源系统补填",
    )


def _era_rule(table: str, column: Column) -> Rule:
    """Dates that only stand for "no date" would stretch the period of the data over centuries."""
    low, high = (
        ibis.date(day).cast("timestamp(6)" if column.type is Type.TIMESTAMP else "date") for day in (OLDEST, NEWEST)
    )
    return Rule(
        f"{table}.{column.name}.range",
        (column.name,),
        lambda t: (t[column.name] < low) | (t[column.name] > high),
        f"before {OLDEST} or after {NEWEST}",
        f"早于 {OLDEST} 或晚于 {NEWEST}",
        "check the date; 9999-12-31 and 1899-12-31 stand for no date",
        "核对日期；9999-12-31 与 1899-12-31 常表示无日期",
    )


def _range_rule(table: str, column: Column) -> Rule:
    name, low, high = column.name, column.low, column.high

    def bad(t: ir.Table) -> ir.BooleanValue:
        value = t[name]
        outside = value.isnull() & False
        if column.type is Type.NUMBER:
            outside = value.isnan() | value.isinf()
        if low is not None:
            outside = outside | (value < low)
        if high is not None:
            outside = outside | (value > high)
        return outside

    if high is None:
        en, zh = f"below {low:g}", f"小于 {low:g}"
    elif low is None:
        en, zh = f"above {high:g}", f"大于 {high:g}"
    else:
        en, zh = f"outside {low:g} to {high:g}", f"超出 {low:g} 至 {high:g}"
    return Rule(
        f"{table}.{name}.range",
        (name,),
        bad,
        f"{en}, or not a finite number" if column.type is Type.NUMBER else en,
        f"{zh}，或不是有限数值" if column.type is Type.NUMBER else zh,
        "check value and unit at the source",
        "在源系统核对数值与单位",
    )


_SPOILT = "|".join(
    (
        r"^\d+(\.\d+)?[Ee]\+\d+$",
        r"^(本页|本月|本年|累计)?\s*[合总小共]\s*计\s*[:：]?$",
        r"^([Ss]ub|[Gg]rand )?[Tt]otals?:?$|^TOTAL$",
        r"^(制\s*表|审\s*核|复\s*核|填\s*报|经\s*办|打\s*印|导\s*出)\s*(人|员|单位|时间|日期)?\s*[:：]",
        # Full-width letters and digits, controls, and what cannot be seen: another number that looks the same.
        "[０-９Ａ-Ｚａ-ｚ\x01-\x1f\x7f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]",
    )
)


def spoilt_id_rule(table: str, column: Column) -> Rule:
    """Keys that are no numbers of the utility's: spoilt by a spreadsheet, totals, a header that stands there again.

    Examples
    --------
    >>> from labkit.schema import TABLES
    >>> spoilt_id_rule("customers", TABLES["customers"]["customer_id"]).id
    'customers.customer_id.spoilt'
    """
    name = column.name
    headers = sorted(terms.names_of(name))
    return Rule(
        f"{table}.{name}.spoilt",
        (name,),
        lambda t: t[name].re_search(_SPOILT) | t[name].lower().isin(headers),
        "not a number of the utility's: digits lost in a spreadsheet, full-width or invisible characters, "
        "a total row or a header",
        "不是有效编号：被表格软件改写为科学计数、含全角或不可见字符，或为合计行、表头行",
        "export the column as text; leave headers and total rows out",
        "请将该列按文本导出，并去掉表头行与合计行",
    )
