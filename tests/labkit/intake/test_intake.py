"""Good input in every form gives the same store."""

from __future__ import annotations

import stat
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

import labkit
from labkit import intake, terms
from labkit.store import Manifest

from .conftest import FILES, READINGS, Folder


def stored(folder: Folder, out: Path) -> dict[str, pd.DataFrame]:
    intake.intake(folder.path, out)
    with labkit.open(out) as lab:
        return {name: lab.run(lab.table(name)) for name in lab.tables}


def same(a: dict[str, pd.DataFrame], b: dict[str, pd.DataFrame]) -> bool:
    return a.keys() == b.keys() and all(
        a[n]
        .sort_values(list(a[n].columns[:2]), ignore_index=True)
        .equals(b[n].sort_values(list(b[n].columns[:2]), ignore_index=True))
        for n in a
    )


@pytest.fixture
def plain(folder: Folder, tmp_path: Path) -> dict[str, pd.DataFrame]:
    return stored(folder, tmp_path / "plain")


def test_a_valid_folder_has_no_findings_and_counts_agree(folder: Folder) -> None:
    result = intake.check(folder.path)
    assert result.findings == () and result.errors == 0
    counts = result.files_frame().set_index("file")
    assert counts.loc["readings.csv", "read"] == counts.loc["readings.csv", "good"] == 144
    assert sorted(p.name for p in folder.path.iterdir()) == sorted(FILES)


def test_values_arrive(plain: dict[str, pd.DataFrame]) -> None:
    readings = plain["readings"]
    assert len(readings) == 6 and set(readings["interval_min"]) == {60}
    assert readings["p10"].tolist() == [1500] * 6 and readings["p24"].isna().all()
    assert plain["customers"]["customer_id"].tolist() == ["0001", "0002", "0003"]  # zeros kept
    assert plain["bills"]["kwh"].tolist() == [100.5, 80.0]


def chinese(name: str, text: str) -> str:
    header, _, rest = text.partition("\n")
    return ",".join(terms.label(column, "zh") for column in header.split(",")) + "\n" + rest


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_headers_in_every_encoding(
    folder: Folder, plain: dict[str, pd.DataFrame], encoding: str, tmp_path: Path
) -> None:
    names = {
        "customers.csv": "客户档案.csv",
        "readings.csv": "负荷曲线.csv",
        "bills.csv": "电费账单_2025.csv",
        "payments.csv": "缴费记录.csv",
    }
    for name, text in FILES.items():
        (folder.path / name).unlink()
        folder.write(names[name], chinese(name, text), encoding)
    assert same(stored(folder, tmp_path / "zh"), plain)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_delimiters(folder: Folder, plain: dict[str, pd.DataFrame], mark: str, tmp_path: Path) -> None:
    for name, text in FILES.items():
        folder.write(name, text.replace(",", mark))
    assert same(stored(folder, tmp_path / "other"), plain)


def test_columns_in_another_order_and_lines_unsorted(
    folder: Folder, plain: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    rows = [line.split(",") for line in READINGS.splitlines()]
    turned = [[kwh, customer, ts] for customer, ts, kwh in rows]
    folder.write("readings.csv", "\n".join(",".join(row) for row in [turned[0], *turned[:0:-1]]) + "\n")
    assert same(stored(folder, tmp_path / "turned"), plain)


def test_crlf_blank_lines_and_no_final_newline(folder: Folder, plain: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    folder.write(
        "readings.csv", READINGS.replace("\n", "\r\n").replace("0002,2025-03-01 00", "\r\n0002,2025-03-01 00").rstrip()
    )
    assert same(stored(folder, tmp_path / "crlf"), plain)


def test_excel_with_title_rows_and_a_total(folder: Folder, plain: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["2025 年电费账单"])
    sheet.merge_cells("A1:G1")
    lines = [line.split(",") for line in chinese("bills.csv", FILES["bills.csv"]).splitlines()]
    for line in lines:
        sheet.append(line)
    sheet.append(["合计", None, None, 180.5, 99.2])
    sheet.append(["制表人：张三"])
    (folder.path / "bills.csv").unlink()
    book.save(folder.path / "bills.xlsx")
    result = intake.intake(folder.path, tmp_path / "excel")
    counts = result.files_frame().set_index("file").loc["bills.xlsx"]
    assert (counts["read"], counts["good"], counts["quarantined"]) == (4, 2, 2)
    with labkit.open(tmp_path / "excel") as lab:
        assert lab.run(lab.bills.order_by("bill_id")).equals(plain["bills"])


def test_parquet_and_wide_readings(folder: Folder, plain: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    long = pd.read_csv(folder.path / "readings.csv", dtype={"customer_id": str}, parse_dates=["ts"])
    (folder.path / "readings.csv").unlink()
    long.to_parquet(folder.path / "readings.parquet")
    assert same(stored(folder, tmp_path / "parquet"), plain)
    wide = long.assign(day=long["ts"].dt.date.astype(str), slot="P" + (long["ts"].dt.hour + 1).astype(str))
    wide = wide.pivot(index=["customer_id", "day"], columns="slot", values="kwh").reset_index()
    (folder.path / "readings.parquet").unlink()
    wide.to_csv(folder.path / "readings.csv", index=False)
    assert same(stored(folder, tmp_path / "wide"), plain)


def test_a_store_is_a_folder_too(small_sample: Path, tmp_path: Path) -> None:
    assert intake.check(small_sample).findings == ()
    intake.intake(small_sample, tmp_path / "again")
    old, new = Manifest.read(small_sample), Manifest.read(tmp_path / "again")
    for name, entry in old.tables.items():
        assert (entry.rows, entry.first, entry.last) == (
            new.tables[name].rows,
            new.tables[name].first,
            new.tables[name].last,
        )
    with labkit.open(small_sample) as a, labkit.open(tmp_path / "again") as b:
        for name in ("readings", "reactive", "bills", "surveys"):
            key = ["customer_id", "day"] if name in ("readings", "reactive") else list(a.table(name).columns[:1])
            assert a.run(a.table(name).order_by(key)).equals(b.run(b.table(name).order_by(key))), name


def test_mixed_intervals_and_reactive_energy(folder: Folder, tmp_path: Path) -> None:
    rows = ["customer_id,ts,kwh,kvarh"]
    rows += [f"0001,2025-03-01 {h:02d}:{m:02d}:00,0.25,0.1" for h in range(24) for m in (0, 15, 30, 45)]
    rows += [f"0001,2025-03-02 {h:02d}:{m:02d}:00,0.5,0.2" for h in range(24) for m in (0, 30)]
    rows += [f"0002,2025-03-01 {h:02d}:00:00,1," for h in range(24)]
    folder.write("readings.csv", "\n".join(rows) + "\n")
    found = stored(folder, tmp_path / "mixed")
    assert found["readings"].sort_values(["customer_id", "day"])["interval_min"].tolist() == [15, 30, 60]
    assert found["reactive"]["interval_min"].tolist() == [15, 30] and set(found["reactive"]["p00"]) == {100, 200}


def test_units_in_headers_are_minded(folder: Folder, plain: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    lines = [line.split(",") for line in READINGS.splitlines()[1:]]
    folder.write(
        "readings.csv", "户号,时间,用电量(Wh)\n" + "".join(f"{c},{t},{float(k) * 1000:.0f}\n" for c, t, k in lines)
    )
    assert same(stored(folder, tmp_path / "wh"), plain)


def test_a_series_by_mapping(folder: Folder, tmp_path: Path) -> None:
    series = tmp_path / "load.csv"
    series.write_text("".join(f"{value}\n" for value in range(48)), encoding="utf-8")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "about: {name_en: Mill, disclosure: open}\ncustomers:\n  - {customer_id: M1, customer_class: 工业, capacity_kva: 500}\n"
        "files:\n  - {file: load.csv, table: readings, header: false, columns: {kw: 1}, start: 2018-01-01, interval_min: 30, customer_id: M1}\n",
        encoding="utf-8",
    )
    intake.intake(series, tmp_path / "mill", mapping)
    with labkit.open(tmp_path / "mill") as lab:
        day = lab.run(lab.readings).iloc[0]
        assert lab.run(lab.customers)["customer_class"].tolist() == ["industrial"]
        assert lab.fewest_customers == 1 and lab.period == ("2018-01-01", "2018-01-01")
    assert [day[f"p{i:02d}"] for i in (0, 1, 47)] == [0, 500, 23_500] and day["interval_min"] == 30


def test_times_at_the_end_of_the_interval(folder: Folder, plain: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    frame = pd.read_csv(folder.path / "readings.csv", dtype=str)
    frame["ts"] = (pd.to_datetime(frame["ts"]) + pd.Timedelta("1h")).dt.strftime("%Y-%m-%d %H:%M:%S")
    frame.to_csv(folder.path / "readings.csv", index=False)
    folder.write("mapping.yaml", "files:\n  - {file: readings.csv, table: readings, time: end, interval_min: 60}\n")
    assert same(stored(folder, tmp_path / "end"), plain)


def test_quarantine_keeps_line_rule_and_original_for_the_owner(folder: Folder, tmp_path: Path) -> None:
    folder.append("readings.csv", "0001,2025-03-09 00:00:00,abc")
    intake.intake(folder.path, tmp_path / "store")
    path = tmp_path / "store" / "quarantine" / "readings.csv"
    rows = pd.read_csv(path, encoding="utf-8-sig")
    assert rows.to_dict("records") == [
        {
            "file": "readings.csv",
            "line": 146,
            "rules": "readings.kwh.type",
            "original": "0001,2025-03-09 00:00:00,abc",
        }
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with labkit.open(tmp_path / "store") as lab:
        assert lab.intake_record is not None and lab.intake_record["files"][1]["quarantined"] == 1


def test_uci_layout(tmp_path: Path) -> None:
    from labkit.intake.formats.uci import intake_uci

    header = '"";"MT_001";"MT_002"'
    rows = [f'"2011-01-01 00:{m:02d}:00";{m},4;0,0' for m in (15, 30, 45)] + [
        '"2011-01-01 01:00:00";8,0;x',
        '"2011-01-01 01:15:00";1',
        "",
    ]
    path = tmp_path / "LD2011_2014.txt"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    result = intake_uci(path, tmp_path / "uci")
    count = result.counts[0]
    assert (count.read, count.good, count.quarantined) == (5, 3, 2)
    with labkit.open(tmp_path / "uci") as lab:
        day = lab.run(lab.readings.filter(lab.readings.customer_id == "MT_001")).iloc[0]
        # The label ends the quarter-hour; a quarter of the power is its energy.
        assert [day["p00"], day["p01"], day["p02"]] == [3850, 7600, 11350] and pd.isna(day["p03"])
    path.write_text("a;b\n1;2\n", encoding="utf-8")
    with pytest.raises(intake.IntakeError, match="not the layout of LD2011_2014"):
        intake_uci(path, tmp_path / "uci")
    assert pq.read_table(tmp_path / "uci" / "customers.parquet").num_rows == 2, "the earlier store is intact"
