"""Every bad input: named with file, line, column, rule and fix; nothing lost, nothing personal shown."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from labkit import intake

from .conftest import BILLS, CUSTOMERS, PAYMENTS, Folder


def test_exact_duplicates_are_counted_once(folder: Folder) -> None:
    folder.append("readings.csv", "0001,2025-03-01 00:00:00,0.500")
    folder.append("bills.csv", BILLS.splitlines()[1])
    counts = {c.table: c for c in intake.check(folder.path).counts}
    assert (counts["readings"].duplicates, counts["readings"].good) == (1, 144)
    assert (counts["bills"].duplicates, counts["bills"].good) == (1, 2)


def test_wide_days_repeat_and_contradict_as_whole_rows(folder: Folder) -> None:
    header = "户号,日期," + ",".join(f"P{i}" for i in range(1, 25))
    day = lambda customer, value: f"{customer},2025-03-01," + ",".join([str(value)] * 24)  # noqa: E731
    rows = [day("0001", 1), day("0001", 1), day("0002", 1), day("0002", 2), day("0003", 1)]
    folder.write("readings.csv", "\n".join([header, *rows]) + "\n")
    result = intake.check(folder.path)
    count = next(c for c in result.counts if c.table == "readings")
    assert (count.read, count.good, count.quarantined, count.duplicates) == (5, 2, 2, 1)
    assert [f.rule for f in result.findings] == ["readings.key.unique"]


#: File, old text, new text -> rule, severity.
BAD_ROWS = {
    "bill that does not add up": (
        "bills.csv",
        BILLS,
        "bill_id,customer_id,period,kwh,total_yuan,energy_yuan,basic_yuan,pf_yuan,funds_yuan\nB1,0001,2025-03,1,60,50,0,0,5\nB2,0002,2025-03,1,55,50,0,0,5\n",
        "bills.charges_add_up",
    ),
    "energy that does not add up": (
        "bills.csv",
        BILLS,
        "bill_id,customer_id,period,kwh,kwh_sharp,kwh_peak,kwh_flat,kwh_valley,total_yuan\nB1,0001,2025-03,10,1,2,3,3,5\nB2,0002,2025-03,10,1,3,3,3,5\n",
        "bills.energy_adds_up",
    ),
    "month 13": ("bills.csv", "0001,2025-03", "0001,2025-13", "bills.period.month"),
    "due before issue": ("bills.csv", "2025-04-18\nB2", "2025-04-01\nB2", "bills.due_after_issue"),
    "payment without bill": ("payments.csv", "P1,B1", "P1,B9", "payments.bill_id.reference"),
    "unknown code": ("payments.csv", "online", "carrier pigeon", "payments.channel.code"),
    "duplicate customer": ("customers.csv", "0003,东湖机械有限公司", "0002,东湖机械有限公司", "customers.key.unique"),
    "id in scientific form": ("customers.csv", "0003,东湖", "1.23457E+15,东湖", "customers.customer_id.spoilt"),
    "total row": ("customers.csv", "0003,东湖", "合计,东湖", "customers.customer_id.spoilt"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_named(folder: Folder, kind: str) -> None:
    name, old, new, rule = BAD_ROWS[kind]
    folder.replace(name, old, new)
    result = intake.check(folder.path)
    assert rule in {f.rule for f in result.findings}
    for count in result.counts:
        assert count.read == count.good + count.quarantined + count.duplicates


def test_survey_answers_and_tickets(folder: Folder) -> None:
    folder.write(
        "surveys.csv",
        "survey_id,customer_id,surveyed_on,overall\nV1,0001,2025-03-01,11\nV2,0002,20250301,9\nV3,0003,2025年3月1日,x\n",
    )
    folder.write(
        "tickets.csv",
        "ticket_id,customer_id,channel,opened_at,closed_at,category,text\n"
        "T1,0001,95598,2025-03-02 10:00,2025-03-01 10:00,报修,停电\nT2,0002,phone,2025/3/2 9:05,,fault,\n",
    )
    result = intake.check(folder.path)
    rules = {f.rule: f for f in result.findings}
    assert rules["surveys.overall.range"].first_line == 2
    assert rules["surveys.overall.type"].first_line == 4
    assert rules["tickets.closed_after_opened"].first_line == 2
    counts = {c.table: c.good for c in result.counts}
    assert (counts["surveys"], counts["tickets"]) == (1, 1)


#: Name of a file and its content -> what the error says. Nothing can be taken in.
BLOCKING: dict[str, tuple[str, bytes, str]] = {
    "missing column": ("readings.csv", b"customer,zeit,kwh\n0001,2025-03-01 00:00:00,1\n", "column ts .* is missing"),
    "nearly the column": ("bills.csv", b"bil_id,customer_id,period,kwh,total_yuan\n", r"is it column 1 \(b\*+\)"),
    "column twice": ("readings.csv", "customer_id,ts,kwh,用电量\n".encode(), "stands there 2 times"),
    "unit unknown": (
        "readings.csv",
        b"customer_id,ts,kwh [BTU]\n0001,2025-03-01 00:00:00,1\n",
        "unit 'btu' in the header is not understood",
    ),
    "47 slots": (
        "readings.csv",
        ("customer_id,day," + ",".join(f"P{i}" for i in range(1, 48)) + "\n").encode(),
        "expected all of 24, 48 or 96",
    ),
    "mapping": ("mapping.yaml", b"files:\n  - {file: a.csv}\n", "lacks `table`"),
    "mapping, unknown word": ("mapping.yaml", b"filez: []\n", "unknown entry 'filez'"),
    "mapping, no YAML": ("mapping.yaml", b"files: [\n", "not valid YAML"),
}


@pytest.mark.parametrize("kind", BLOCKING)
def test_what_blocks_is_said_in_one_sentence_and_the_earlier_store_stays(
    folder: Folder, kind: str, tmp_path: Path
) -> None:
    out = tmp_path / "store"
    intake.intake(folder.path, out)
    before = (out / "manifest.json").read_bytes()
    name, content, says = BLOCKING[kind]
    stem = name.split(".")[0]
    if stem in ("bills", "customers"):
        (folder.path / f"{stem}.csv").unlink()
    folder.write(name, content)
    with pytest.raises(intake.IntakeError, match=says) as caught:
        intake.intake(folder.path, out)
    assert name in str(caught.value) or kind == "47 slots"
    assert (out / "manifest.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_missing_tables_are_named(folder: Folder) -> None:
    (folder.path / "readings.csv").unlink()
    (folder.path / "bills.csv").unlink()
    (folder.path / "payments.csv").unlink()
    with pytest.raises(intake.IntakeError, match=r"neither readings .* nor bills"):
        intake.check(folder.path)
    (folder.path / "customers.csv").unlink()
    with pytest.raises(intake.IntakeError, match="no customers table"):
        intake.check(folder.path)


def test_header_only_is_an_empty_table(folder: Folder) -> None:
    folder.write("payments.csv", PAYMENTS.splitlines()[0] + "\n")
    result = intake.check(folder.path)
    assert result.findings == () and result.counts[-1].read == 0


def test_nul_and_unclosed_quote_cost_their_line_only(folder: Folder) -> None:
    folder.write("customers.csv", CUSTOMERS.replace("王建国", "王\0国"))
    result = intake.check(folder.path)
    assert [f.first_line for f in result.findings if f.rule == "customers.line.readable"] == [2]
    folder.write("customers.csv", CUSTOMERS + "".join(f"1{i:03d},某某,residential,\n" for i in range(200)))
    folder.replace("customers.csv", "0002,李秀英", '0002,"李秀英')
    result = intake.check(folder.path)
    assert result.counts[0].good == 202
    assert [f.first_line for f in result.findings if f.rule == "customers.line.readable"] == [3]


def test_line_breaks_inside_quotes_keep_line_numbers(folder: Folder) -> None:
    folder.write(
        "tickets.csv",
        'ticket_id,customer_id,opened_at,category,text\nT1,0001,2025-03-01 10:00:00,fault,"停电\n很久了"\nT2,0001,bad,fault,x\n',
    )
    result = intake.check(folder.path)
    assert next(c for c in result.counts if c.table == "tickets").good == 1
    assert [f.first_line for f in result.findings if f.rule == "tickets.opened_at.type"] == [4]


def test_a_formula_without_a_value_is_empty(folder: Folder) -> None:
    book = openpyxl.Workbook()
    book.active.append(["bill_id", "customer_id", "period", "kwh", "total_yuan"])
    book.active.append(["B1", "0001", "2025-03", "=1+2", 5])
    (folder.path / "bills.csv").unlink()
    (folder.path / "payments.csv").unlink()
    book.save(folder.path / "bills.xlsx")
    assert "bills.kwh.required" in {f.rule for f in intake.check(folder.path).findings}


def test_names_that_are_not_missing_values(folder: Folder) -> None:
    folder.replace("customers.csv", "王建国", "NA")
    folder.replace("customers.csv", "李秀英", "null")
    assert intake.check(folder.path).findings == ()


def test_a_folder_with_quotes_and_brackets_in_its_name(tmp_path: Path) -> None:
    folder = Folder(tmp_path / '导出 [1] it\'s "new"')
    result = intake.intake(folder.path, tmp_path / "店铺 [2]'s")
    assert result.errors == 0
    import labkit

    with labkit.open(tmp_path / "店铺 [2]'s") as lab:
        assert lab.run(lab.customers.count().as_table()).iloc[0, 0] == 3
