"""Columns of Parquet and cells of Excel as programs write them: read for what they are, or said."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labkit import intake
from labkit.intake.headers import find_header

from .conftest import Folder

HOURS = [dt.datetime(2025, 3, 1, hour) for hour in range(24)]
#: Columns of readings in their place -> rule broken, rows; None where all is good.
READINGS: dict[str, tuple[dict[str, Any], tuple[str, int] | None]] = {
    "decimals": ({"kwh": pa.array([Decimal("1.50")] * 24)}, None),
    "half floats": ({"kwh": np.full(24, 1.5, np.float16)}, None),
    "ids as bytes": ({"customer_id": pa.array([b"0001"] * 24)}, None),
    "ids as codes": ({"customer_id": pa.array(["0001"] * 24).dictionary_encode()}, None),
    "times as text": ({"ts": [str(ts) for ts in HOURS]}, None),
    "nanoseconds": ({"ts": pa.array([int(ts.timestamp()) * 10**9 + 1 for ts in HOURS], pa.timestamp("ns"))}, None),
    "not finite": ({"kwh": [float("nan"), float("inf"), *[1.0] * 22]}, ("readings.kwh.range", 2)),
    "whole number without end": ({"kwh": pa.array([2**64 - 1] * 24, pa.uint64())}, ("readings.kwh.range", 24)),
    "nothing": ({"kwh": pa.nulls(24)}, ("readings.kwh.required", 24)),
    "bytes that are no text": (
        {"customer_id": pa.array([b"\xff\xfe", *[b"0001"] * 23]).view(pa.string())},
        ("readings.customer_id.reference", 1),
    ),
    "ids that were numbers with gaps": ({"customer_id": [1.0] * 24}, ("readings.customer_id.reference", 24)),
    "times of day": ({"ts": [ts.time() for ts in HOURS]}, ("readings.ts.type", 24)),
    "durations": ({"ts": [dt.timedelta(1)] * 24}, ("readings.ts.type", 24)),
    "a day beyond the calendar": (
        {"ts": pa.array([10**15, *(int(ts.timestamp()) for ts in HOURS[1:])], pa.timestamp("s"))},
        ("readings.ts.type", 1),
    ),
}


@pytest.mark.parametrize("kind", READINGS)
def test_parquet_of_any_type(folder: Folder, kind: str) -> None:
    columns, says = READINGS[kind]
    for name in ("readings.csv", "bills.csv", "payments.csv"):
        (folder.path / name).unlink()
    plain = {"customer_id": ["0001"] * 24, "ts": HOURS, "kwh": [1.0] * 24}
    pq.write_table(pa.table(plain | columns), folder.path / "readings.parquet")
    result = intake.check(folder.path)
    assert [(f.rule, f.rows) for f in result.findings] == ([says] if says else [])
    count = next(c for c in result.counts if c.table == "readings")
    assert (count.read, count.quarantined) == (24, says[1] if says else 0)


def test_whole_numbers_and_dates_are_not_bent(folder: Folder) -> None:
    answers = {"survey_id": ["a", "b", "c"], "customer_id": ["0001"] * 3, "surveyed_on": [dt.date(2025, 3, 1)] * 3}
    pq.write_table(pa.table(answers | {"overall": [9.5, float("nan"), 9.0]}), folder.path / "surveys.parquet")
    result = intake.check(folder.path)
    assert [(f.rule, f.rows, f.first_line) for f in result.findings] == [("surveys.overall.type", 2, 1)]
    assert list(result.quarantine["surveys"]["line"]) == [1, 2]


def book_of(rows: list[list[object]], **more: list[list[object]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, others in more.items():
        sheet = book.create_sheet(title)
        for row in others:
            sheet.append(row)
    return book


QUARTERS: list[list[object]] = [
    ["customer_id", "ts", "kwh"],
    *(["0001", dt.datetime(2025, 3, 1) + dt.timedelta(minutes=15 * i), 0.5] for i in range(96)),
]


@pytest.mark.parametrize("epoch", [dt.datetime(1899, 12, 30), dt.datetime(1904, 1, 1)])
def test_times_in_excel_are_whole_quarters_in_either_epoch(folder: Folder, epoch: dt.datetime) -> None:
    (folder.path / "readings.csv").unlink()
    book = book_of(QUARTERS)
    book.epoch = epoch
    book.save(folder.path / "readings.xlsx")
    result = intake.check(folder.path)
    assert result.findings == () and [c.good for c in result.counts if c.table == "readings"] == [96]


def test_sheets_hidden_or_named_after_people(folder: Folder) -> None:
    (folder.path / "readings.csv").unlink()
    book = book_of(QUARTERS, 王建国=[["a", "b"], ["1", "2"]])
    book["王建国"].sheet_state = "hidden"
    book.save(folder.path / "readings.xlsx")
    result = intake.check(folder.path)
    assert [(f.rule, f.file) for f in result.findings] == [("file.hidden", "readings.xlsx[sheet 2]")]
    book["王建国"].sheet_state = "visible"
    book.save(folder.path / "readings.xlsx")
    with pytest.raises(intake.IntakeError, match=r"readings\.xlsx\[sheet 2\]: the column customer_id") as caught:
        intake.check(folder.path)
    assert "王建国" not in str(caught.value)


def test_numbers_that_excel_has_cut_are_no_ids(folder: Folder) -> None:
    (folder.path / "customers.csv").unlink()
    book_of([["customer_id"], ["0001"], [1234567890123456], ["0002"], ["0003"], [123456789012345]]).save(
        folder.path / "customers.xlsx"
    )
    result = intake.check(folder.path)
    assert [(f.rule, f.first_line, f.rows) for f in result.findings] == [("customers.customer_id.spoilt", 3, 1)]


def test_a_merged_header_of_three_rows_with_title_total_and_maker(folder: Folder) -> None:
    for name in ("bills.csv", "payments.csv"):
        (folder.path / name).unlink()
    book = book_of(
        [
            ["2025年3月电费明细"],
            ["账单编号", "户号", "电费年月", "用电量", "电量", None, None, None, "应收电费"],
            [None, None, None, None, "尖", "峰", "平", "谷", None],
            ["B1", "0001", "2025-03", 10, 1, 2, 3, 4, 5],
            ["B2", "0002", "2025-03", 10, 1, 2, 3, 5, 5],
            ["合计", None, None, 20, 2, 4, 6, 9, 10],
            ["制表人：王建国"],
        ]
    )
    book.active.merge_cells("A2:A3")
    book.active.merge_cells("E2:H2")
    book.save(folder.path / "bills.xlsx")
    result = intake.check(folder.path)
    said = {f.rule: f for f in result.findings}
    assert said["bills.energy_adds_up"].first_line == 5 and said["bills.header.above"].rows == 1
    count = next(c for c in result.counts if c.table == "bills")
    assert (count.read, count.good, count.quarantined) == (4, 1, 3)
    assert "王建国" not in "\n".join(result.lines())
    assert find_header([["a"], ["户号"]], {"户号"}).above == 1


def test_line_breaks_in_a_header_and_old_line_ends(folder: Folder) -> None:
    folder.write(
        "bills.csv", '账单编号,户号,电费年月,"用电量\n(kWh)",应收电费\rB1,0001,2025-03,1,2\r\nB2,0001,2025-03,x,2\r'
    )
    result = intake.check(folder.path)
    assert [(f.rule, f.first_line) for f in result.findings] == [("bills.kwh.type", 4)]
    assert next(c for c in result.counts if c.table == "bills").good == 1
