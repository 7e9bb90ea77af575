"""Every bad input of the project's list, each with the whole contract (`contract.take`).

A case says what is done to a valid folder, and what must be said: the rule, the
line and a word of the fix, or the sentence with which the intake refuses.
"""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labkit import intake
from labkit.intake import values
from labkit.intake.lines import split_cells
from labkit.schema import TABLES

from .conftest import BILLS, CUSTOMERS, FILES, READINGS, Folder
from .contract import Outcome, fingerprint, take


@dataclass(frozen=True)
class Case:
    """A bad input.

    Attributes
    ----------
    spoil : what is done to the folder
    says : rule of the finding, or words of the refusal
    line : of the finding
    fix : words of the fix
    counts : table -> read, good, quarantined, duplicates
    """

    spoil: Callable[[Folder], None]
    says: str
    line: int | None = None
    fix: str = ""
    counts: dict[str, tuple[int, int, int, int]] | None = None


def put(name: str, content: str | bytes, encoding: str = "utf-8", *, instead: str = "") -> Callable[[Folder], None]:
    def spoil(folder: Folder) -> None:
        if instead:
            (folder.path / instead).unlink()
        folder.write(name, content, encoding)

    return spoil


def swap(name: str, old: str, new: str) -> Callable[[Folder], None]:
    return lambda folder: folder.replace(name, old, new)


def add(name: str, line: str) -> Callable[[Folder], None]:
    return lambda folder: folder.append(name, line)


def sheet(name: str, rows: list[list[object]], *, instead: str) -> Callable[[Folder], None]:
    def spoil(folder: Folder) -> None:
        (folder.path / instead).unlink()
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(folder.path / name)

    return spoil


def parquet(
    name: str, table: pa.Table, *, instead: str, damage: Callable[[bytes], bytes] = bytes
) -> Callable[[Folder], None]:
    def spoil(folder: Folder) -> None:
        (folder.path / instead).unlink()
        out = io.BytesIO()
        pq.write_table(table, out, write_page_checksum=True)
        folder.write(name, damage(out.getvalue()))

    return spoil


def flipped(at: float) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        spoilt = bytearray(data)
        spoilt[int(len(data) * at)] ^= 0x41
        return bytes(spoilt)

    return damage


def fifo(folder: Folder) -> None:
    os.mkfifo(folder.path / "surveys.csv")


def folder_named(folder: Folder) -> None:
    (folder.path / "surveys.csv").mkdir()


def link_loop(folder: Folder) -> None:
    (folder.path / "surveys.csv").symlink_to(folder.path / "tickets.csv")
    (folder.path / "tickets.csv").symlink_to(folder.path / "surveys.csv")


def bomb(folder: Folder) -> None:
    with zipfile.ZipFile(folder.path / "surveys.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 100_000_000)


READING = "0001,2025-03-09 00:00:00,{}"
LONG = pa.table(
    {
        "customer_id": [line.split(",")[0] for line in READINGS.splitlines()[1:]],
        "ts": pd.to_datetime([line.split(",")[1] for line in READINGS.splitlines()[1:]]),
        "kwh": [float(line.split(",")[2]) for line in READINGS.splitlines()[1:]],
    }
)
BILL_ROWS: list[list[object]] = [list(line.split(",")) for line in BILLS.splitlines()]
ONE_BAD = {"readings": (145, 144, 1, 0)}


FILE_CASES = {
    "empty": Case(put("bills.csv", b""), "bills.csv: the file is empty; export it again"),
    "only a mark": Case(put("bills.csv", b"\xef\xbb\xbf"), "bills.csv: there is no header line"),
    "only blank lines": Case(put("bills.csv", b"\n\n\n"), "bills.csv: there is no header line"),
    "missing table": Case(lambda f: (f.path / "customers.csv").unlink(), "no customers table (客户档案)"),
    "one broken byte": Case(
        put("customers.csv", CUSTOMERS.encode().replace("李秀英".encode(), "李秀英".encode()[:-1])),
        "customers.line.readable", 3, "characters", {"customers": (3, 2, 1, 0)},
    ),
    "one broken byte in plain figures": Case(
        put("readings.csv", READINGS.encode() + b"0001,2025-03-09 00:00:00,1\xff\n"), "readings.line.readable", 146, "characters", ONE_BAD
    ),
    "one broken byte in GBK": Case(
        put("customers.csv", CUSTOMERS.encode("gbk").replace("王建国".encode("gbk"), b"\xcd\xff\xb9\xfa")),
        "customers.line.readable", 2, "characters", {"customers": (3, 2, 1, 0)},
    ),
    "GBK with what no GBK has": Case(
        put("customers.csv", b"customer_id,name\n1,\xff\xfe\xfa\x80\x81\n2,\x80\xff\n"), "fit neither UTF-8 nor GB18030"
    ),
    "UTF-16 without its mark": Case(put("bills.csv", BILLS, "utf-16-le"), "save it as UTF-8"),
    "UTF-32": Case(put("bills.csv", BILLS, "utf-32"), "save it as UTF-8"),
    "UTF-16 cut in the middle of a character": Case(
        put("customers.csv", CUSTOMERS.encode("utf-16")[:-3]), "customers.line.readable", 4, "characters"
    ),
    "CSV named .xlsx": Case(put("bills.xlsx", BILLS, instead="bills.csv"), "bills.xlsx: not an .xlsx workbook but HTML or text"),
    "HTML named .xls": Case(put("bills.xls", "<html><table></table></html>", instead="bills.csv"), "bills.xls: not an .xlsx workbook but HTML or text"),
    "workbook named .csv": Case(put("bills.csv", b"PK\x03\x04rest"), "bills.csv: this is an Excel or zip file"),
    "gzip named .csv": Case(put("bills.csv", b"\x1f\x8b\x08rest"), "bills.csv: this is a compressed file"),
    "workbook with a password": Case(put("bills.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, instead="bills.csv"), "with a password"),
    "workbook without end": Case(bomb, "surveys.xlsx: would unpack to 100 MB"),
    "truncated Parquet": Case(parquet("readings.parquet", LONG, instead="readings.csv", damage=lambda d: d[: len(d) // 2]), "damaged or cut short"),
    "flipped byte in Parquet": Case(parquet("readings.parquet", LONG, instead="readings.csv", damage=flipped(0.25)), "readings.parquet: the Parquet file is damaged"),
    "pickle": Case(put("customers_2.pkl", b"cos\nsystem\n(S'touch /tmp/never'\ntR."), "file.ending", None, "CSV"),
    "packed": Case(put("payments_2.csv.gz", b"\x1f\x8b\x08"), "file.ending", None, "CSV"),
    "FIFO": Case(fifo, "file.irregular", None, "a file of its own"),
    "folder named x.csv": Case(folder_named, "file.irregular", None, "a file of its own"),
    "links in a circle": Case(link_loop, "file.irregular", None, "a file of its own"),
    "named after nothing": Case(put("holiday photos.csv", "a,b\n1,2\n"), "file.unknown", None, "name it after its table"),
    "NUL": Case(add("readings.csv", READING.format("1\0")), "readings.line.readable", 146, "characters", ONE_BAD),
    "unclosed quote": Case(swap("customers.csv", "0002,李秀英", '0002,"李秀英'), "customers.line.readable", 3, "quotes", {"customers": (3, 2, 1, 0)}),
    "quote that swallows in silence": Case(
        add("readings.csv", '0001,x","y\n0001,2025-03-09 01:00:00,1\n0001,2025-03-09 02:00:00,"1"'),
        "readings.line.readable", 146, "quotes", {"readings": (147, 146, 1, 0)},
    ),
    "quotes within quotes": Case(swap("customers.csv", "王建国", '"王"建"国"'), "customers.line.readable", 2, "quotes", {"customers": (3, 2, 1, 0)}),
    "very long line": Case(add("readings.csv", READING.format("9" * 3_000_000)), "readings.line.readable", 146, "line", ONE_BAD),
    "long cell in quotes": Case(add("readings.csv", READING.format('"' + "9" * 200_000 + '"')), "readings.line.readable", 146, "quotes", ONE_BAD),
    "the same file twice": Case(put("bills_2.csv", BILLS), "file.repeated", None, "remove one"),
    "trailing delimiter in a row": Case(add("readings.csv", READING.format("1,")), "readings.line.readable", 146, "delimiters", ONE_BAD),
}  # fmt: skip


COLUMN_CASES = {
    "missing": Case(put("bills.csv", "bill_id,customer_id,kwh,total_yuan\nB1,0001,1,1\n"), "the column period"),
    "missing, the nearest": Case(put("bills.csv", "bil_id,customer_id,period,kwh,total_yuan\n"), "is it column 1 (b"),
    "no header, but people": Case(put("customers.csv", CUSTOMERS.partition("\n")[2]), "the column customer_id"),
    "extra": Case(
        swap("customers.csv", "customer_class", "李秀英的爱好"), "customers.columns.extra", None, "rename", {"customers": (3, 3, 0, 0)}
    ),
    "duplicate": Case(swap("readings.csv", "customer_id,ts,kwh", "customer_id,kwh,kwh"), "column kwh stands there 2 times"),
    "column without a name": Case(
        put("bills.csv", "bill_id,customer_id,period,kwh,total_yuan,\nB1,0001,2025-03,1,2,3\n"), "bills.columns.extra", None, "rename"
    ),
    "unit unknown": Case(swap("readings.csv", "kwh", "kwh [BTU]"), "unit 'btu' in the header"),
    "two headers": Case(
        put("customers.csv", CUSTOMERS + CUSTOMERS.splitlines()[0] + "\n0004,张三,residential,\n"),
        "customers.customer_id.spoilt", 5, "header", {"customers": (5, 4, 1, 0)},
    ),
    "byte mark in the middle": Case(
        put("readings.csv", READINGS.encode() + "\ufeffcustomer_id,ts,kwh\n".encode()), "readings.ts.type", 146, "write a", ONE_BAD
    ),
    "maker and total below": Case(
        put("customers.csv", CUSTOMERS + "合 计：,3,,\n制表人：李秀英,,,\n"), "customers.customer_id.spoilt", 5, "total", {"customers": (5, 3, 2, 0)}
    ),
    "invisible character in a number": Case(
        put("customers.csv", CUSTOMERS + "0003\u200b,张三,residential,\n"), "customers.customer_id.spoilt", 5, "invisible", {"customers": (4, 3, 1, 0)}
    ),
}  # fmt: skip


def reading(text: str, rule: str, fix: str = "") -> tuple[str, str, str]:
    return READING.format(text), f"readings.{rule}", fix


def at(text: str, rule: str, fix: str = "") -> tuple[str, str, str]:
    return f"0001,{text},1", f"readings.{rule}", fix


#: Lines behind a valid readings.csv: what is written, the rule it breaks, a word of the fix.
READING_CASES = {
    "dashes": reading("--", "kwh.type", "leave the cell empty"),
    "error of Excel": reading("#N/A", "kwh.type", "leave the cell empty"),
    "full width": reading("１２．５", "kwh.type", "plain digits"),
    "no-break space": reading("12.5\u00a0", "kwh.type", "invisible"),
    "thousands": reading('"1,234.5"', "kwh.type", "thousands separators"),
    "decimal comma": reading('"1,5"', "kwh.type", "decimal comma"),
    "unit": reading("12.5kWh", "kwh.type", "into the header"),
    "unit in Chinese": reading("12.5度", "kwh.type", "into the header"),
    "infinite": reading("inf", "kwh.range", "unit"),
    "minus infinite": reading("-Infinity", "kwh.range", "unit"),
    "not a number": reading("NaN", "kwh.range", "unit"),
    "too large to be": reading("1e400", "kwh", "unit"),
    "hexadecimal": reading("0x1F", "kwh.type", "number"),
    "underscore": reading("1_000", "kwh.type", "number"),
    "empty": reading("", "kwh.required", "fill it in"),
    "negative": reading("-3", "kwh.range", "unit"),
    "far above capacity": reading("9e9", "kwh.range", "unit"),
    "formula": reading("=1+1", "kwh.type", "number"),
    "29 February": at("2023-02-29 00:00:00", "ts.type", "no such day"),
    "24:00": at("2025-03-09 24:00:00", "ts.type", "end of an interval"),
    "24:00 without seconds": at("2025-03-09 24:00", "ts.type", "end of an interval"),
    "with a zone among those without": at("2025-03-09 00:00:00+08:00", "ts.type", "local wall time"),
    "with Z": at("2025-03-09T00:00:00Z", "ts.type", "local wall time"),
    "Excel serial": at("45296", "ts.type", "Excel serial"),
    "Excel serial with time": at("45296.25", "ts.type", "Excel serial"),
    "off the grid": at("2025-03-09 00:07:00", "ts.grid", "minute 0, 15, 30 or 45"),
    "a second off": at("2025-03-09 00:00:01", "ts.grid", "minute 0, 15, 30 or 45"),
    "day and month exchanged": at("13/03/2025 00:00", "ts.type", "write a timestamp"),
    "no date": at("9999-12-31 00:00:00", "ts.range", "stand for no date"),
    "afternoon": at("2025-03-09 01:00:00 PM", "ts.type", "write 2024-01-05"),
    "minute 60": at("2025-03-09 00:60:00", "ts.type", "write 2024-01-05"),
    "a word": at("epoch", "ts.type", "write a timestamp"),
    "date in full-width digits": at("２０２５-03-09 00:00:00", "ts.type", "full-width"),
}

VALUE_CASES = {
    "ids without their zeros": Case(
        add("readings.csv", "1,2025-03-09 00:00:00,1"), "readings.customer_id.reference", 146, "leading zeros", ONE_BAD
    ),
    "id in scientific form": Case(
        swap("customers.csv", "0003,东湖", "1.23457E+15,东湖"), "customers.customer_id.spoilt", 4, "as text"
    ),
    "survey answer 6 of 5": Case(
        put("tickets.csv", "ticket_id,customer_id,opened_at,category,score\nT1,0001,2025-03-01 10:00,fault,6\nT2,0001,2025-03-01 10:00,fault,5\n"),
        "tickets.score.range", 2, "check", {"tickets": (2, 1, 1, 0)},
    ),
    "unknown code": Case(swap("payments.csv", "online", "王建国"), "payments.channel.code", 2, "use one of"),
    "bill against its charges": Case(
        put("bills.csv", "bill_id,customer_id,period,kwh,total_yuan,energy_yuan,funds_yuan,basic_yuan,pf_yuan\nB1,0001,2025-03,1,60,50,5,0,0\n"),
        "bills.charges_add_up", 2, "check the charges",
    ),
    "half a customer": Case(
        put("surveys.csv", "survey_id,customer_id,surveyed_on,overall\nV1,0001,2025-03-01,9.5\n"), "surveys.overall.type", 2, "write a", {"surveys": (1, 0, 1, 0)}
    ),
}  # fmt: skip

REFERENCE_CASES = {
    "reading of nobody": Case(
        add("readings.csv", "9999,2025-03-09 00:00:00,1"), "readings.customer_id.reference", 146, "add it to customers", ONE_BAD
    ),
    "payment without bill": Case(swap("payments.csv", "P1,B1", "P1,B9"), "payments.bill_id.reference", 2, "add it to bills"),
    "closed before opened": Case(
        put("tickets.csv", "ticket_id,customer_id,opened_at,closed_at,category\nT1,0001,2025-03-02 10:00,2025-03-01 10:00,fault\n"),
        "tickets.closed_after_opened", 2, "exchanged",
    ),
    "customer twice, otherwise": Case(
        swap("customers.csv", "0003,东湖", "0002,东湖"), "customers.key.unique", 3, "keep the right row", {"customers": (3, 1, 2, 0)}
    ),
    "customer twice, alike": Case(
        lambda f: (f.append("customers.csv", CUSTOMERS.splitlines()[1]), f.append("readings.csv", READING.format("--")))[0],
        "readings.kwh.type", 146, "", {"customers": (4, 3, 0, 1), "readings": (145, 144, 1, 0)},
    ),
    "reading twice, otherwise": Case(
        add("readings.csv", "0001,2025-03-01 00:00:00,77"), "readings.key.unique", 2, "keep the right row", {"readings": (145, 143, 2, 0)}
    ),
}  # fmt: skip

TEXT_CASES = {
    "script as customer": Case(
        add("readings.csv", "<script>alert(1)</script>,2025-03-09 00:00:00,1"), "readings.customer_id.reference", 146, "add it", ONE_BAD
    ),
    "image as column": Case(swap("customers.csv", "customer_class", '"""><img src=x onerror=alert(1)>"'), "customers.columns.extra", None, "rename"),
    "formula as id": Case(add("bills.csv", '"=HYPERLINK(""http://x"")",9999,2025-03,1,1,,'), "bills.customer_id.reference", 4, "add it"),
    "SQL as id": Case(add("bills.csv", '"x""; drop table readings;--",9999,2025-03,1,1,,'), "bills.customer_id.reference", 4, "add it"),
    "path as code": Case(swap("customers.csv", "industrial", "../../x"), "customers.customer_class.code", 4, "use one of"),
    "template as code": Case(swap("customers.csv", "industrial", "{{7*7}}"), "customers.customer_class.code", 4, "use one of"),
    "escape sequence in a file's name": Case(put("notes\x1b[31m.csv", "a,b\n1,2\n"), "file.unknown", None, "name it"),
}  # fmt: skip

CASES = {
    f"{group}: {name}": case
    for group, cases in (
        ("files", FILE_CASES),
        ("columns", COLUMN_CASES),
        ("values", VALUE_CASES),
        ("references", REFERENCE_CASES),
        ("text", TEXT_CASES),
    )
    for name, case in cases.items()
}


@pytest.fixture(scope="module")
def earlier_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Folder(tmp_path_factory.mktemp("earlier") / "exports")
    intake.intake(folder.path, folder.path.parent / "store")
    return folder.path.parent / "store"


def spoilt(case: Case, tmp_path: Path, earlier_store: Path) -> Outcome:
    folder = Folder(tmp_path / "exports")
    case.spoil(folder)
    (tmp_path / "out").mkdir()
    shutil.copytree(earlier_store, tmp_path / "out" / "store")
    return take(folder.path, tmp_path / "out" / "store")


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_said_kept_apart_and_loses_nothing(name: str, tmp_path: Path, earlier_store: Path) -> None:
    case = CASES[name]
    outcome = spoilt(case, tmp_path, earlier_store)
    if " " in case.says:
        assert outcome.code == 2 and case.says in outcome.error, outcome.printed
        return
    finding = next((f for f in outcome.findings if f["rule"].startswith(case.says)), None)
    assert finding is not None, outcome.printed
    assert finding["first_line"] == case.line
    assert case.fix in finding["fix_en"] or case.fix in finding["message_en"], finding["fix_en"]
    for table, counts in (case.counts or {}).items():
        assert outcome.count(table) == counts, outcome.printed


@pytest.fixture(scope="module")
def bad_readings(tmp_path_factory: pytest.TempPathFactory, earlier_store: Path) -> Outcome:
    """All bad lines in one file."""
    lines = "\n".join(line for line, _, _ in READING_CASES.values())
    return spoilt(Case(add("readings.csv", lines), ""), tmp_path_factory.mktemp("readings"), earlier_store)


@pytest.mark.parametrize("name", READING_CASES)
def test_a_bad_reading_is_kept_with_its_line_and_rule(name: str, bad_readings: Outcome) -> None:
    line, rule, fix = READING_CASES[name]
    number = 146 + list(READING_CASES).index(name)
    assert bad_readings.count("readings") == (144 + len(READING_CASES), 144, len(READING_CASES), 0)
    rows = bad_readings.quarantine["readings"].set_index("line")
    assert rows.loc[str(number), "original"] == line and rows.loc[str(number), "rules"].startswith(rule)
    column = rule.split(".")[1]
    said = values.explain(split_cells(line)[1 if column == "ts" else 2], TABLES["readings"][column])[0]
    assert fix in (said if rule.endswith(".type") else bad_readings.finding(rows.loc[str(number), "rules"])["fix_en"])


def test_the_order_of_the_source_leaves_no_trace(tmp_path: Path, earlier_store: Path) -> None:
    folder = Folder(tmp_path / "exports")
    for name, text in FILES.items():
        header, *rows = text.splitlines()
        folder.write(name, "\n".join([header, *reversed(rows)]) + "\n")
    intake.intake(folder.path, tmp_path / "store")
    before, after = fingerprint(earlier_store), fingerprint(tmp_path / "store")
    assert {name: content for name, (content, _) in after.items()} == {n: content for n, (content, _) in before.items()}


def test_loads_that_are_alike_are_those_of_two_customers(folder: Folder, tmp_path: Path) -> None:
    (folder.path / "readings.csv").unlink()
    for name in ("a.csv", "b.csv"):
        folder.write(name, "\n".join(["kwh", *["0"] * 24]) + "\n")
    entry = "  - {{file: {}.csv, table: readings, start: 2025-03-01, interval_min: 60, customer_id: '{}'}}\n"
    folder.write("mapping.yaml", "files:\n" + entry.format("a", "0001") + entry.format("b", "0002"))
    result = intake.check(folder.path)
    assert result.findings == () and [c.good for c in result.counts if c.table == "readings"] == [24, 24]
