"""Each rule of the tables, asked of values at and beside its bounds; and the words it refuses with."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

import ibis
import pyarrow as pa
import pytest

from labkit.schema import TABLES, Column, Rule, Table, Type, row_rules, value_rules
from labkit.schema.rules import required_rule, spoilt_id_rule
from labkit.store import arrow_schema

NAN, INF = float("nan"), float("inf")
CHECK = ("check value and unit at the source", "在源系统核对数值与单位")
NO_DATE = (
    "before 1970-01-02 or after 2100-01-01", "早于 1970-01-02 或晚于 2100-01-01",
    "check the date; 9999-12-31 and 1899-12-31 stand for no date", "核对日期；9999-12-31 与 1899-12-31 常表示无日期",
)  # fmt: skip
EMPTY = ("empty, but must be there", "为空，此项必填", "fill it in at the source", "在源系统补填")
THINGS = Table(
    "things",
    ("id",),
    (
        Column("id", required=True),
        Column("grade", values=("a", "b")),
        Column("power_kw", Type.NUMBER, low=0, high=1.5),
        Column("floor", Type.INTEGER, low=-3),
        Column("seats", Type.INTEGER, high=9),
        Column("open", Type.BOOLEAN, required=True),
        Column("day", Type.DATE, required=True),
        Column("at", Type.TIMESTAMP, required=True),
        Column("left_on", Type.DATE),
        Column("since", Type.MONTH),
        Column("kwh", Type.NUMBER),
        Column("temp_c", Type.NUMBER, low=-60),
    ),
)


def bad(rules: Sequence[Rule], rule: str, column: str, values: list[Any], kind: pa.DataType) -> list[bool]:
    """Which values a rule calls bad."""
    (asked,) = [r for r in rules if r.id == rule]
    table = ibis.memtable(pa.table({column: pa.array(values, kind)}))
    found = ibis.duckdb.connect().to_pyarrow(table.select(bad=asked.bad(table).fill_null(False)))
    return [bool(value) for value in found["bad"].to_pylist()]


def test_a_column_says_all_its_rules_in_both_languages() -> None:
    rules = [(r.id.removeprefix("things."), r.en, r.zh, r.fix_en, r.fix_zh) for r in value_rules(THINGS)]
    assert rules == [
        ("id.required", *EMPTY),
        ("grade.code", "unknown code", "代码不在允许范围内", "use one of a, b", "改为下列之一：a, b"),
        ("power_kw.range", "outside 0 to 1.5, or not a finite number", "超出 0 至 1.5，或不是有限数值", *CHECK),
        ("floor.range", "below -3", "小于 -3", *CHECK),
        ("seats.range", "above 9", "大于 9", *CHECK),
        ("open.required", *EMPTY),
        ("day.required", *EMPTY),
        ("day.range", *NO_DATE),
        ("at.required", *EMPTY),
        ("at.range", *NO_DATE),
        ("since.month", "not a month", "不是有效月份", "write year and month as 2025-03", "按“2025-03”的格式填写年月"),
        ("temp_c.range", "below -60, or not a finite number", "小于 -60，或不是有限数值", *CHECK),
    ]
    for rule in value_rules(THINGS):
        assert rule.columns == (rule.id.split(".")[1],) and rule.severity == "error"
        assert (rule.message("en"), rule.message("zh")) == (rule.en, rule.zh)
        assert (rule.fix("en"), rule.fix("zh")) == (rule.fix_en, rule.fix_zh)


_TS = pa.timestamp("us")
VALUES: dict[str, tuple[list[Any], pa.DataType, list[bool]]] = {
    "id.required": (["x", "", None, " "], pa.string(), [False, True, True, False]),
    "grade.code": (["a", "b", "A", "", None], pa.string(), [False, False, True, True, False]),
    "power_kw.range": ([0, 1.5, -0.1, 1.6, NAN, INF, None], pa.float64(), [False, False, True, True, True, True, False]),
    "floor.range": ([-3, -4, 99, None], pa.int64(), [False, True, False, False]),
    "seats.range": ([9, 10, -99, None], pa.int64(), [False, True, False, False]),
    "temp_c.range": ([-60, -61, 5e9, NAN, INF, None], pa.float64(), [False, True, False, True, True, False]),
    "open.required": ([True, False, None], pa.bool_(), [False, False, True]),
    "day.required": ([dt.date(2025, 1, 1), None], pa.date32(), [False, True]),
    "day.range": (
        [dt.date(1970, 1, 1), dt.date(1970, 1, 2), dt.date(2100, 1, 1), dt.date(2100, 1, 2), None],
        pa.date32(), [True, False, False, True, False],
    ),
    "at.range": (
        [dt.datetime(1970, 1, 1, 23, 59), dt.datetime(1970, 1, 2), dt.datetime(2100, 1, 1), dt.datetime(2100, 1, 1, 0, 1)],
        _TS, [True, False, False, True],
    ),
    "since.month": (
        ["2025-03", "1999-12", "2025-13", "2025-00", "2025-3", "2125-03", "x2025-03", "2025-03-01", None],
        pa.string(), [False, False, True, True, True, True, True, True, False],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", VALUES)
def test_where_a_rule_begins(rule: str) -> None:
    values, kind, expected = VALUES[rule]
    assert bad(value_rules(THINGS), f"things.{rule}", rule.split(".")[0], values, kind) == expected


def test_a_column_without_bounds_has_no_rules_and_an_unknown_one_is_named() -> None:
    assert not [rule for rule in value_rules(THINGS) if set(rule.columns) & {"kwh", "left_on"}]
    assert required_rule("things", THINGS["kwh"]).id == "things.kwh.required"
    assert THINGS["power_kw"].unit == "kW" and THINGS["grade"].values == ("a", "b")
    with pytest.raises(KeyError) as said:
        THINGS["colour"]
    assert said.value.args[0].startswith("the table things has no column 'colour'; it has id, grade, power_kw, ")


def rows_bad(asked: Rule, table: str, rows: list[dict[str, Any]]) -> list[bool]:
    schema = pa.schema([arrow_schema(table).field(name) for name in asked.columns])
    source = ibis.memtable(pa.Table.from_pylist(rows, schema=schema))
    found = ibis.duckdb.connect().to_pyarrow(source.select(bad=asked.bad(source).fill_null(False)))
    return [bool(value) for value in found["bad"].to_pylist()]


def rule_of(table: str, id: str) -> Rule:
    (rule,) = [rule for rule in TABLES[table].rules if rule.id == f"{table}.{id}"]
    return rule


def test_times_in_the_wrong_order() -> None:
    early, late = dt.datetime(2025, 3, 1, 8), dt.datetime(2025, 3, 1, 9)
    rows = [
        {"opened_at": early, "closed_at": late},
        {"opened_at": early, "closed_at": early},
        {"opened_at": late, "closed_at": early},
        {"opened_at": None, "closed_at": early},
        {"opened_at": late, "closed_at": None},
    ]
    # As the table has it, and made anew: what is made while a module is read, no later change reaches.
    anew = row_rules._after("tickets.closed_after_opened", "opened_at", "closed_at")
    for rule in (rule_of("tickets", "closed_after_opened"), anew):
        assert rows_bad(rule, "tickets", rows) == [False, False, True, False, False]
        assert rule.id == "tickets.closed_after_opened"
        assert (rule.columns, rule.severity) == (("opened_at", "closed_at"), "error")
        assert (rule.en, rule.zh) == ("closed_at lies before opened_at", "closed_at 早于 opened_at")
        assert rule.fix_en == "correct the two times at the source; they may have been exchanged"
        assert rule.fix_zh == "在源系统更正这两个时间，可能填反"


def test_each_stage_of_a_repair_follows_the_one_before() -> None:
    assert [(rule.id, rule.columns) for rule in TABLES["repairs"].rules] == [
        ("repairs.dispatched_at_after_received_at", ("received_at", "dispatched_at")),
        ("repairs.accepted_at_after_dispatched_at", ("dispatched_at", "accepted_at")),
        ("repairs.departed_at_after_accepted_at", ("accepted_at", "departed_at")),
        ("repairs.arrived_at_after_departed_at", ("departed_at", "arrived_at")),
        ("repairs.restored_at_after_arrived_at", ("arrived_at", "restored_at")),
    ]


def test_parts_of_a_bill_make_its_whole() -> None:
    def bill(total: float | None, *parts: float | None) -> dict[str, float | None]:
        return dict(zip(("kwh", "kwh_sharp", "kwh_peak", "kwh_flat", "kwh_valley"), (total, *parts), strict=True))

    rows = [
        bill(10, 1, 2, 3, 4),
        bill(10.04, 1, 2, 3, 4),  # rounding
        bill(10.06, 1, 2, 3, 4),
        bill(9.9, 1, 2, 3, 4),
        bill(10, None, None, None, None),  # no parts, nothing to add up
        bill(10, 10, None, None, None),  # one missing part is nought
        bill(10, None, None, None, 10),
        bill(10, None, None, None, 9),
        bill(10, None, 9, None, None),
        bill(10, 9, None, None, None),
        bill(None, 1, 2, 3, 4),
    ]
    wrong = [False, False, True, True, False, False, False, True, True, True, False]
    rule = rule_of("bills", "energy_adds_up")
    assert rows_bad(rule, "bills", rows) == wrong
    anew = row_rules._parts_differ("kwh", ("kwh_sharp", "kwh_peak", "kwh_flat", "kwh_valley"), 0.05)
    assert rows_bad(dataclasses.replace(rule, bad=anew), "bills", rows) == wrong


def test_readings_begin_on_the_quarter_hour() -> None:
    times = [
        dt.datetime(2025, 3, 1, 8, minute, second) for minute, second in ((0, 0), (15, 0), (45, 0), (7, 0), (15, 1))
    ]
    assert bad(TABLES["readings"].rules, "readings.ts.grid", "ts", times, _TS) == [False, False, False, True, True]


def test_keys_that_a_spreadsheet_has_spoilt() -> None:
    rule = spoilt_id_rule("things", Column("customer_id"))
    assert (rule.columns, rule.severity) == (("customer_id",), "error")
    values = ["1.2E+15", "合计", "customer_id", "CUSTOMER_ID", "户号", "０００１", "0001", "A1E+5", None]
    expected = [True, True, True, True, True, True, False, False, False]
    assert bad([rule], "things.customer_id.spoilt", "customer_id", values, pa.string()) == expected
    assert rule.en == (
        "not a number of the utility's: digits lost in a spreadsheet, full-width or invisible characters, "
        "a total row or a header"
    )
    assert rule.zh == "不是有效编号：被表格软件改写为科学计数、含全角或不可见字符，或为合计行、表头行"
    assert rule.fix_en == "export the column as text; leave headers and total rows out"
    assert rule.fix_zh == "请将该列按文本导出，并去掉表头行与合计行"
