"""What each row of a file is judged to be, in which words, and that every row stays accounted for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from labkit import engine
from labkit.intake import ledger
from labkit.intake.findings import FileCount, Finding, IntakeError
from labkit.intake.ledger import Taken
from labkit.intake.mapping import FileMapping
from labkit.intake.match import known_headers, match_columns
from labkit.intake.parquet_files import open_parquet
from labkit.intake.rows import Judge, Judged
from labkit.intake.sources import open_text
from labkit.store import StoreWriter, day_rows

HOURS = "户号,日期," + ",".join(f"P{i}" for i in range(1, 25))


@pytest.fixture(scope="module")
def backend() -> Iterator[engine.StoppableBackend]:
    backend = engine.connect()
    yield backend
    backend.close()


class Judgement:
    """A file, judged."""

    def __init__(self, path: Path, backend: engine.StoppableBackend, mapping: FileMapping | None = None) -> None:
        table = path.stem
        if path.suffix == ".parquet":
            self.source: Any = open_parquet(path)
            table = "readings"
        else:
            header = mapping is None or mapping.header
            self.source = open_text(path, known_headers(table), None, has_header=header)
        match, _ = match_columns(self.source.name, table, self.source.header, mapping)
        self.taken = Taken(self.source, table, Judge(match, mapping), 0, FileCount(self.source.name, table))
        self.batches: list[Judged] = []
        self.good: list[dict[str, Any]] = []
        self.good_lines: list[int] = []
        for judged in self.taken.judge.judge(self.source, backend):
            self.batches.append(judged)
            for row, line, fine in zip(judged.rows.to_pylist(), judged.lines, self.taken.note(judged), strict=True):
                if fine:
                    self.good.append(row)
                    self.good_lines.append(int(line))
        self.taken.note_invalid()
        count = self.taken.count
        count.good, count.quarantined = len(self.good), len(self.taken.bad)
        self.findings, self.aside = self.taken.close()

    def found(self) -> list[tuple[str, int, int, str]]:
        return sorted((f.rule.split(".", 1)[1], f.rows, f.first_line or 0, f.example) for f in self.findings)


def judge(
    tmp_path: Path, backend: engine.StoppableBackend, name: str, *lines: str, mapping: FileMapping | None = None
) -> Judgement:
    path = tmp_path / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Judgement(path, backend, mapping)


def test_each_customer_is_judged_by_all_rules_at_once(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    lines = (
        "customer_id,name,customer_class,phone,connected_on,left_on,left_reason,longitude",
        "0001,王建国,residential,13812345678,2020-01-01,,,114.3",
        ",李秀英,residential,13812345679,2020-01-01,,,114.3",
        "",
        "1.23457E+15,张三,residential,13812345678,2020-01-01,,,114.3",
        "合计,张三,residential,13812345678,2020-01-01,,,114.3",
        "0002,张三,residential,13812345678,2020-01-01,2019-01-01,moved,114.3",
        "0003,张三,palace,13812345678,2020-13-01,,moved,400",
        "0004,张三,residential,13812345678,2020-01-01,,moved,114.3",
        "0005,张三,residential,13812345678,2020-01-01,,moved,114.3",
        "0006,张三,residential,13812345678,2020-01-01,,moved,abc",
        "0007,张三,residential,13812345678",
    )
    whole = judge(tmp_path, backend, "customers.csv", *lines)
    assert whole.found() == sorted(
        [
            ("left_reason_without_date", 2, 9, "m****"),
            ("customer_id.required", 1, 3, ""),
            ("customer_id.spoilt", 2, 5, "1********"),
            ("left_after_connected", 1, 7, "2********, 2********"),
            ("connected_on.type", 1, 8, "2********"),
            ("customer_class.code", 1, 8, "p*****"),
            ("longitude.range", 1, 8, "4**"),
            ("longitude.type", 1, 11, "a**"),
            ("line.readable", 1, 12, ""),
        ]
    )
    assert [f.rule for f in whole.findings if f.severity == "warning"] == ["customers.left_reason_without_date"]
    assert {(f.file, f.table) for f in whole.findings} == {("customers.csv", "customers")}
    # A warning keeps its row; what cannot be read is not called empty as well.
    assert whole.good_lines == [2, 9, 10]
    count = whole.taken.count
    assert (count.read, count.good, count.quarantined, count.duplicates) == (10, 3, 7, 0)
    assert whole.aside.columns.tolist() == ["file", "line", "rules", "original"]
    assert whole.aside["line"].tolist() == [3, 5, 6, 7, 8, 11, 12]
    assert set(whole.aside["file"]) == {"customers.csv"}
    assert whole.aside["rules"].tolist()[4] == (
        "customers.connected_on.type customers.customer_class.code customers.longitude.range"
    )
    assert whole.aside["original"].tolist() == [lines[line - 1] for line in whole.aside["line"]]


def test_words_of_findings_in_both_languages(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    whole = judge(
        tmp_path, backend, "bills.csv",
        "bill_id,customer_id,period,kwh,total_yuan,issued_on,is_estimated",
        "总计,A,2025-03,1kWh,1,x,maybe",
        "1.5e+3,A,2025-03,1,1,,",
        "B2,A,2025-03,1,1,2025-03-09,",
    )  # fmt: skip
    said = {f.rule: (f.columns, f.message_en, f.message_zh, f.fix_en, f.fix_zh) for f in whole.findings}
    assert said["bills.kwh.type"] == (
        ("kwh",), "cannot be read as a number", "无法识别为数值",
        "move the unit into the header, as in 用电量(kWh)", "把单位写到表头，例如 用电量(kWh)",
    )  # fmt: skip
    assert said["bills.issued_on.type"] == (
        ("issued_on",), "cannot be read as a date", "无法识别为日期", "write a date", "请填写日期"
    )  # fmt: skip
    assert said["bills.bill_id.spoilt"] == (
        ("bill_id",),
        "not a number of the utility's: digits lost in a spreadsheet, full-width or invisible characters, "
        "a total row or a header",
        "不是有效编号：被表格软件改写为科学计数、含全角或不可见字符，或为合计行、表头行",
        "export the column as text; leave headers and total rows out",
        "请将该列按文本导出，并去掉表头行与合计行",
    )
    assert whole.good_lines == [4]


@pytest.mark.parametrize("name", ["合计", "总计", "小计", "Total", "TOTAL", "1E+5", "12.5e+10"])
def test_total_rows_and_lost_digits_are_no_customers(
    tmp_path: Path, backend: engine.StoppableBackend, name: str
) -> None:
    whole = judge(tmp_path, backend, "customers.csv", "customer_id,name", f"{name},x", "E+5,x", "A1E+5,x")
    assert whole.found() == [("customer_id.spoilt", 1, 2, whole.findings[0].example)]


def test_every_type_has_its_word(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    tickets = judge(
        tmp_path, backend, "tickets.csv", "ticket_id,customer_id,opened_at,channel,category", "T1,A,x,phone,fault"
    )
    surveys = judge(
        tmp_path, backend, "surveys.csv", "survey_id,customer_id,surveyed_on,overall", "V1,A,2025-03-01,9.5"
    )
    bills = judge(tmp_path, backend, "bills.csv", "bill_id,customer_id,period,kwh,total_yuan", "B1,A,x,1,1")
    people = judge(tmp_path, backend, "customers.csv", "customer_id,prepaid", "A,maybe")
    words = {f.rule: (f.message_en, f.message_zh) for item in (tickets, surveys, bills, people) for f in item.findings}
    assert words == {
        "tickets.opened_at.type": ("cannot be read as a timestamp", "无法识别为时间"),
        "surveys.overall.type": ("cannot be read as an integer", "无法识别为整数"),
        "bills.period.month": ("not a month", "不是有效月份"),
        "customers.prepaid.type": ("cannot be read as a boolean", "无法识别为“是”或“否”"),
    }


def test_readings_are_judged_in_any_delimiter(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    whole = judge(
        tmp_path, backend, "readings.csv",
        "customer_id;ts;kwh",
        "0001;2025-03-01 00:00;1.5",
        "0001;2025-03-01 00:07;-1",
        "0001;1899-12-31 00:00;1",
        ";2025-03-01 00:15;x",
        "0002;2025-03-01 00:30;nan",
        "0002;;1",
        "0002;2025-03-01 01:00;",
        "合计;2025-03-01 01:15;1",
    )  # fmt: skip
    assert whole.found() == sorted(
        [
            ("kwh.range", 2, 3, "-*"),
            ("ts.grid", 1, 3, "2********"),
            ("ts.range", 1, 4, "1********"),
            ("kwh.type", 1, 5, "*"),
            ("customer_id.required", 1, 5, ""),
            ("ts.required", 1, 7, ""),
            ("kwh.required", 1, 8, ""),
        ]
    )
    # An unknown number of a reading is found by its reference; a total row among them is one of these.
    assert whole.good_lines == [2, 9]
    assert whole.aside["rules"].tolist()[0] == "readings.kwh.range readings.ts.grid"


def test_days_of_slots_are_judged_as_whole_rows(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    def day(customer: str, day: str, *slots: str) -> str:
        return ",".join([customer, day, *slots, *["1"] * (24 - len(slots))])

    whole = judge(
        tmp_path, backend, "readings.csv", HOURS,
        day("A", "2025-03-01"),
        day("B", "2025-03-01", "x"),
        day("C", "2025-03-01", "1", "-1"),
        day("D", "2025-03-01", "nan"),
        day("E", "1899-12-31"),
        day("F", ""),
        day("", "2025-03-01"),
        day("G", "2025-03-01", "", "0", "2000000"),
        day("H", "2100-01-01"),
        day("I", "2100-01-02"),
        day("J", "1970-01-02"),
        day("K", "1970-01-01"),
        day("L", "2025-03-01", "2000001"),
        day("M", "2025-02-30"),
    )  # fmt: skip
    assert whole.found() == sorted(
        [
            ("slots.type", 1, 3, ""),
            ("slots.range", 3, 4, ""),
            ("day.range", 3, 6, "1********"),
            ("day.required", 1, 7, ""),
            ("customer_id.required", 1, 8, ""),
            ("day.type", 1, 15, "2********"),
        ]
    )
    assert whole.good_lines == [2, 9, 10, 12]
    first, third = whole.good[0], whole.good[1]
    assert list(first) == ["customer_id", "day", *(f"s{i:02d}" for i in range(24))]
    assert first["day"] == dt.date(2025, 3, 1) and first["s23"] == 1.0
    assert (third["s00"], third["s01"], third["s02"]) == (None, 0.0, 2e6)
    said = {
        f.rule.split(".", 1)[1]: (f.columns, f.message_en, f.message_zh, f.fix_en, f.fix_zh) for f in whole.findings
    }
    check = ("check value and unit at the source", "在源系统核对数值与单位")
    assert said["slots.type"] == (
        ("slots",), "a slot cannot be read as a number", "有时段无法识别为数值", *check
    )  # fmt: skip
    assert said["slots.range"] == (
        ("slots",), "a slot is negative or not finite", "有时段为负值或非有限数值", *check
    )  # fmt: skip
    assert said["day.range"] == (
        ("day",), "before 1970-01-02 or after 2100-01-01", "早于 1970-01-02 或晚于 2100-01-01",
        "check the date; 9999-12-31 and 1899-12-31 stand for no date", "核对日期；9999-12-31 与 1899-12-31 常表示无日期",
    )  # fmt: skip
    assert said["day.required"] == (
        ("day",), "empty, but must be there", "为空，此项必填", "fill it in at the source", "在源系统补填"
    )  # fmt: skip
    assert said["day.type"][1:3] == ("cannot be read as a date", "无法识别为日期")


def test_power_of_slots_becomes_energy_by_their_length(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    halves = "户号,日期," + ",".join(f"P{i}" for i in range(1, 49))
    kw = FileMapping("readings.csv", "readings", slots="kw")
    line = "A,2025-03-01," + ",".join(["3"] * 48)
    assert judge(tmp_path, backend, "readings.csv", halves, line, mapping=kw).good[0]["s47"] == 1.5
    kwh = FileMapping("readings.csv", "readings")
    assert judge(tmp_path, backend, "readings.csv", halves, line, mapping=kwh).good[0]["s00"] == 3.0


def test_a_series_without_times_or_numbers_gets_both_from_the_mapping(
    tmp_path: Path, backend: engine.StoppableBackend
) -> None:
    mapping = FileMapping(
        "readings.csv", "readings", columns={"kw": 1}, start=dt.datetime(2018, 1, 1), interval_min=30, customer_id="C1"
    )
    whole = judge(tmp_path, backend, "readings.csv", "kw", "1", "2", "", "4", "x", mapping=mapping)
    # A blank line is no row, yet the time goes on.
    assert [(row["customer_id"], row["ts"], row["kwh"]) for row in whole.good] == [
        ("C1", dt.datetime(2018, 1, 1, 0, 0), 0.5),
        ("C1", dt.datetime(2018, 1, 1, 0, 30), 1.0),
        ("C1", dt.datetime(2018, 1, 1, 1, 30), 2.0),
    ]
    assert whole.good_lines == [2, 3, 5] and whole.found() == [("kwh.type", 1, 6, "*")]


def test_ends_of_intervals_become_their_starts(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    ends = FileMapping("readings.csv", "readings", time="end", interval_min=15)
    lines = ("customer_id,ts,kwh", "A,2025-03-01 00:15,2", "A,2025-03-01 00:20,2")
    whole = judge(tmp_path, backend, "readings.csv", *lines, mapping=ends)
    assert [row["ts"] for row in whole.good] == [dt.datetime(2025, 3, 1, 0, 0)]
    starts = FileMapping("readings.csv", "readings", interval_min=15)
    assert judge(tmp_path, backend, "readings.csv", *lines, mapping=starts).good[0]["ts"].minute == 15


def test_units_of_headers_are_minded(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    whole = judge(tmp_path, backend, "readings.csv", "customer_id,ts,用电量(MWh)", "A,2025-03-01 00:15,0.002")
    assert whole.good[0]["kwh"] == 2.0


def test_day_rows_of_a_store_are_judged_again(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    import numpy as np
    import pyarrow as pa

    days = pa.array(np.array(["2025-03-01"] * 3, dtype="datetime64[D]"))
    values = np.full((3, 24), 1500, np.int32)
    values[1, 5], values[0, 7] = -1, 0  # nothing used is a reading
    missing = np.zeros(values.shape, bool)
    missing[2, 23] = True
    with StoreWriter(tmp_path / "store") as writer:
        writer.write_day_rows("readings", "2025-03", 0, day_rows(pa.array(["A", "B", "C"]), days, 60, values, missing))
    (path,) = (tmp_path / "store").rglob("part.parquet")
    whole = Judgement(path, backend)
    assert [f.rule for f in whole.findings] == ["readings.slots.range"]
    assert [row["customer_id"] for row in whole.good] == ["A", "C"]
    assert (whole.good[0]["s00"], whole.good[1]["s23"]) == (1500, None)


def test_long_files_keep_their_line_numbers(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    """More than one block of the reader, blank lines first, in the middle and at the end."""
    rows = [f"C{i:07d},moved,{'x' * 40}" for i in range(30_000)]
    rows[20_000] = "1E+5,,x"
    lines = ["", *rows[:10_000], "", ",,", *rows[10_000:], "", ""]
    whole = judge(tmp_path, backend, "customers.csv", "customer_id,left_reason,name", "", "Z,,x", *lines)
    assert len(whole.batches) > 1
    assert whole.found() == [("customer_id.spoilt", 1, 20_007, "1***")]
    assert whole.taken.count.read == 30_001 and len(whole.good_lines) == 30_000
    kept = sorted(whole.good_lines)
    assert kept[:2] == [3, 5] and kept[-1] == 30_006 and len(set(kept)) == 30_000


def test_the_first_line_of_a_warning_is_the_first_whatever_the_order(
    tmp_path: Path, backend: engine.StoppableBackend
) -> None:
    lines = [f"C{i:07d},,moved,{'x' * 60}" for i in range(40_000)]
    whole = judge(tmp_path, backend, "customers.csv", "customer_id,left_on,left_reason,name", *lines)
    assert len(whole.batches) > 1
    assert whole.found() == [("left_reason_without_date", 40_000, 2, "m****")]
    # Batches come as the engine's threads finish them.
    item = Taken(whole.source, "customers", whole.taken.judge, 0, FileCount("customers.csv", "customers"))
    for judged in sorted(whole.batches, key=lambda judged: -int(judged.lines[0])):
        item.note(judged)
    assert item.warned["customers.left_reason_without_date"][1:] == (2, 40_000)


def test_a_file_of_a_header_alone_has_no_rows(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    whole = judge(tmp_path, backend, "customers.csv", "customer_id,name")
    assert (whole.batches, whole.findings, whole.taken.count.read) == ([], [], 0)
    assert whole.aside.empty and whole.aside.columns.tolist() == ["file", "line", "rules", "original"]


def test_rules_on_columns_that_are_not_there_are_not_asked(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    whole = judge(tmp_path, backend, "bills.csv", "bill_id,customer_id,period,kwh,total_yuan", "B1,A,2025-03,5,1")
    ids = {rule.id for rule in whole.taken.judge.rules}
    assert "bills.due_after_issue" not in ids and "bills.energy_adds_up" not in ids
    assert {"bills.kwh.type", "bills.kwh.required", "bills.bill_id.spoilt", "bills.period.month"} <= ids
    mapping = FileMapping(
        "readings.csv", "readings", columns={"kwh": 1}, start=dt.datetime(2018, 1, 1), interval_min=15, customer_id="C"
    )
    given = judge(tmp_path, backend, "readings.csv", "kwh", "1", mapping=mapping)
    ids = {rule.id for rule in given.taken.judge.rules}
    assert {"readings.ts.grid", "readings.customer_id.required", "readings.kwh.type"} <= ids
    assert not {"readings.ts.type", "readings.customer_id.type", "readings.customer_id.spoilt"} & ids


def test_rows_that_break_a_rule_with_others_are_set_aside_too(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    whole = judge(tmp_path, backend, "customers.csv", "customer_id,name", "A,x", "B,y", ",z")
    item = whole.taken
    item.set_aside([2, 4], ledger.reference_rule("customers", "customer_id", "sites"))
    item.count.quarantined, item.count.good = 2, 1
    findings, aside = item.close()
    assert sorted((f.rule, f.rows, f.first_line or 0, f.example) for f in findings) == [
        ("customers.customer_id.reference", 2, 2, "*"),
        ("customers.customer_id.required", 1, 4, ""),
    ]
    assert aside["rules"].tolist() == [
        "customers.customer_id.reference",
        "customers.customer_id.required customers.customer_id.reference",
    ]
    item.set_aside([2], ledger.reference_rule("customers", "customer_id", "sites"))
    assert item.close()[1]["rules"].tolist()[0] == "customers.customer_id.reference", "each rule is named once"


def test_rows_that_do_not_add_up_stop_everything(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    item = judge(tmp_path, backend, "customers.csv", "customer_id,name", "A,x", "B,y", "C,z", "D,z").taken
    item.count.good, item.count.duplicates = 1, 3
    assert item.close()[0] == []
    item.count.good, item.count.quarantined, item.count.duplicates = 1, 1, 1
    with pytest.raises(AssertionError) as said:
        item.close()
    assert str(said.value) == "customers.csv: 4 rows read, but 1 + 1 + 1; nothing is published"


def test_words_of_rules_that_need_other_rows() -> None:
    reference = ledger.reference_rule("payments", "bill_id", "bills")
    assert (reference.id, reference.columns, reference.severity) == (
        "payments.bill_id.reference",
        ("bill_id",),
        "error",
    )
    assert (reference.en, reference.zh) == ("not found among the good rows of bills", "在 bills 的有效行中找不到")
    assert reference.fix_en == (
        "add it to bills, or correct the number; where a spreadsheet has eaten leading zeros, export it as text"
    )
    assert reference.fix_zh == "在 bills 中补充，或更正编号；若前导零被表格软件去掉，请按文本重新导出"
    daily = ledger.daily_rule()
    assert (daily.id, daily.columns) == ("readings.ts.daily", ("ts",))
    assert daily.en == "one value a day at midnight: totals of days, not readings of intervals"
    assert daily.zh == "每日仅零点一个数值，应为日电量而非时段读数"
    assert daily.fix_en == "bring readings of 15, 30 or 60 minutes; totals belong into bills"
    assert daily.fix_zh == "请提供 15、30 或 60 分钟读数；日、月合计请归入账单"
    conflict = ledger.conflict_rule("taggings", ("customer_id", "tag_id"))
    assert (conflict.id, conflict.columns) == ("taggings.key.unique", ("customer_id", "tag_id"))
    assert conflict.en == "the same key stands there again with other values; none of them is taken"
    assert conflict.zh == "同一主键出现多次且内容不同，均未采用"
    assert (conflict.fix_en, conflict.fix_zh) == ("keep the right row at the source", "在源系统保留正确的一行")


def test_words_of_files_that_are_not_read() -> None:
    assert ledger.repeated_file("b.csv", "a.csv", "bills") == Finding(
        "file.repeated", "warning", "b.csv", "bills", ("file",), 0, None, "",
        "the same content as a.csv; read once", "与 a.csv 内容相同，只读入一次", "remove one of the two", "删除其中一个",
    )  # fmt: skip
    assert ledger.repeated_file("b.csv", "a.csv", None).table == ""
    unknown = ledger.unknown_file("notes.csv")
    assert (unknown.rule, unknown.severity, unknown.file, unknown.table) == ("file.unknown", "warning", "notes.csv", "")
    assert (unknown.columns, unknown.rows, unknown.first_line, unknown.example) == (("file",), 0, None, "")
    assert (unknown.message_en, unknown.message_zh) == (
        "named after no table; not read",
        "文件名与任何数据表不符，未读入",
    )
    assert unknown.fix_en.startswith("name it after its table (customers, readings, bills, ")
    assert unknown.fix_en.endswith("), or say so in mapping.yaml")
    assert unknown.fix_zh == "按数据表命名，或在 mapping.yaml 中说明"


def test_quarantine_keeps_what_was_written(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    line = ' ,"Müller, ""Haus""",residential'
    whole = judge(tmp_path, backend, "customers.csv", "customer_id,name,customer_class", line, "A,x,palace")
    pd.testing.assert_frame_equal(
        whole.aside,
        pd.DataFrame(
            {
                "file": ["customers.csv"] * 2,
                "line": [2, 3],
                "rules": ["customers.customer_id.required", "customers.customer_class.code"],
                "original": [line, "A,x,palace"],
            }
        ),
    )


def test_columns_without_a_name_and_titles_are_told(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    whole = judge(tmp_path, backend, "customers.csv", "customer_id,,name,", "A,,x,", "B,,y,lost", "C,,z,")
    assert [f.columns for f in whole.findings] != [] and all(f.severity == "warning" for f in whole.findings)
    assert whole.good_lines == [2, 3, 4]
    empty = judge(tmp_path, backend, "customers.csv", "customer_id,,name", "A,,x", "B,,y")
    assert empty.findings == []
    titled = judge(tmp_path, backend, "customers.csv", "客户一览表", "customer_id,name", "A,x")
    assert titled.found() == [("header.above", 1, 0, "")]
    assert ledger.title_rows("a.csv", "bills", 2) == Finding(
        "bills.header.above", "warning", "a.csv", "bills", ("line",), 2, None, "",
        "rows above the header are taken for a title; not read", "表头以上的行视为标题，未读入",
        "move the header to the first line if they are data", "若为数据行，请将表头移到首行",
    )  # fmt: skip


def test_words_of_files_that_are_not_opened() -> None:
    assert ledger.irregular_file("a.csv") == Finding(
        "file.irregular", "warning", "a.csv", "", ("file",), 0, None, "",
        "a folder, pipe or broken link, not a file; not opened", "不是普通文件（文件夹、管道或失效链接），未打开",
        "put a file of its own in its place", "请换成普通文件",
    )  # fmt: skip
    assert ledger.unread_ending("a.zip") == Finding(
        "file.ending", "warning", "a.zip", "", ("file",), 0, None, "",
        "not of a kind that is read; not opened", "不支持的文件类型，未打开",
        "unpack it, or export it as CSV, Excel or Parquet", "请解压，或导出为 CSV、Excel 或 Parquet",
    )  # fmt: skip
    assert ledger.hidden_sheet("a.xlsx[x]") == Finding(
        "file.hidden", "warning", "a.xlsx[x]", "", ("file",), 0, None, "",
        "a hidden sheet; not read", "隐藏的工作表，未读入",
        "show it in Excel if it is meant to be read", "如需读入，请在 Excel 中取消隐藏",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "zh"),
    [
        ("4 columns where the header has 8", "有 4 列，表头为 8 列"),
        ("a quote that is not closed", "引号未闭合"),
        ("quotes within quotes", "引号内又有引号"),
        ("characters that are not UTF-8", "含无法识别的字符"),
        ("longer than a line can be", "行过长"),
        ("something else", "列数不符"),
    ],
)
def test_why_a_line_is_no_row(reason: str, zh: str) -> None:
    rule = ledger.line_rule("bills", reason)
    assert (rule.id, rule.columns, rule.severity) == ("bills.line.readable", ("line",), "error")
    assert rule.en == f"the line cannot be split into columns: {reason}"
    assert rule.zh == f"该行无法按列拆分：{zh}"
    assert rule.fix_en == "correct quotes, delimiters or characters in this line"
    assert rule.fix_zh == "检查该行的引号、分隔符与字符"


def test_words_of_an_interval_that_does_not_fit() -> None:
    rule = ledger.interval_rule(15)
    assert (rule.id, rule.columns, rule.severity) == ("readings.ts.interval", ("ts",), "error")
    assert rule.en == "the time is no multiple of the 15 minutes that the mapping names"
    assert rule.zh == "时刻不在映射文件所列 15 分钟间隔上"
    assert rule.fix_en == "correct `interval_min` in the mapping, or leave it out"
    assert rule.fix_zh == "更正映射文件中的 interval_min，或删去该项"


def test_lines_of_several_widths_are_one_fault(tmp_path: Path, backend: engine.StoppableBackend) -> None:
    whole = judge(tmp_path, backend, "customers.csv", "customer_id,name", "A,x", "B", "C,y,1,2", "", "D")
    assert [(f.rule, f.rows, f.first_line) for f in whole.findings] == [("customers.line.readable", 3, 3)]
    assert whole.taken.count.read == 4 and whole.good_lines == [2]
    assert whole.aside["original"].tolist() == ["B", "C,y,1,2", "D"]


def test_what_the_engine_cannot_work_with_is_told_without_its_words(
    tmp_path: Path, backend: engine.StoppableBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    path = tmp_path / "customers.csv"
    path.write_text("customer_id,name\nA,王建国\n", encoding="utf-8")

    def fail(*_: object) -> None:
        raise duckdb.ConversionException("could not convert 王建国")

    monkeypatch.setattr(backend, "stream", fail)
    with pytest.raises(IntakeError) as said:
        Judgement(path, backend)
    assert str(said.value) == (
        "customers.csv: holds a value no rule can work with (ConversionException); export the file as CSV"
    )
    monkeypatch.undo()
    source = open_text(path, known_headers("customers"), None)

    def broken() -> Iterator[Any]:
        yield from type(source).batches(source)
        raise IntakeError("customers.csv: torn on line 9")

    match, _ = match_columns("customers.csv", "customers", source.header, None)
    monkeypatch.setattr(source, "batches", broken)
    with pytest.raises(IntakeError, match=r"^customers\.csv: torn on line 9$"):
        list(Judge(match, None).judge(source, backend))
    monkeypatch.undo()
    assert Judgement(path, backend).good_lines == [2], "the engine goes on"
