"""Input that looks fine and is not: each would give wrong figures without a word."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import labkit
from labkit import intake, portrait, profiles, quality

from .conftest import READINGS, Folder


def test_a_time_zone_inside_parquet_is_refused(folder: Folder) -> None:
    frame = pd.read_csv(folder.path / "readings.csv", dtype={"customer_id": str}, parse_dates=["ts"])
    (folder.path / "readings.csv").unlink()
    frame.assign(ts=frame["ts"].dt.tz_localize("Asia/Shanghai")).to_parquet(folder.path / "readings.parquet")
    with pytest.raises(intake.IntakeError, match=r"readings\.parquet: column ts carries the time zone Asia/Shanghai"):
        intake.check(folder.path)
    frame.assign(ts=45_000).to_parquet(folder.path / "readings.parquet")
    assert {f.rule for f in intake.check(folder.path).findings} == {"readings.ts.type"}


@pytest.mark.parametrize("year", ["9999-12-31", "6999-12-31", "1899-12-31", "0001-01-01"])
def test_dates_that_stand_for_none_do_not_stretch_the_period(folder: Folder, year: str, tmp_path: Path) -> None:
    folder.append("readings.csv", f"0001,{year} 00:00:00,1")
    result = intake.intake(folder.path, tmp_path / "store")
    assert [(f.rows, f.first_line) for f in result.findings] == [(1, 146)]
    with labkit.open(tmp_path / "store") as lab:
        assert lab.period == ("2025-03-01", "2025-03-02")


def test_wide_slots_have_the_limit_of_long_readings(folder: Folder) -> None:
    header = "customer_id,day," + ",".join(f"P{i}" for i in range(1, 25))
    rows = [
        f"000{n},2025-03-01," + ",".join([value] + ["1"] * 23) for n, value in ((1, "1"), (2, "3000000"), (3, "1e12"))
    ]
    folder.write("readings.csv", "\n".join([header, *rows]) + "\n")
    result = intake.check(folder.path)
    assert [(f.rule, f.rows) for f in result.findings] == [("readings.slots.range", 2)]


def test_totals_of_days_are_no_readings(folder: Folder) -> None:
    days = [f"0001,2025-03-{day:02d},24" for day in range(1, 31)]
    folder.write("readings.csv", READINGS.replace("0001,", "0002,").replace("0002,", "0003,") + "\n".join(days) + "\n")
    result = intake.check(folder.path)
    found = {f.rule: f for f in result.findings}
    assert found["readings.ts.daily"].rows == 30 and "15, 30 or 60 minutes" in found["readings.ts.daily"].text()


def test_slots_that_are_power(folder: Folder, tmp_path: Path) -> None:
    header = "户号,日期," + ",".join(f"P{i}" for i in range(1, 97))
    folder.write("readings.csv", header + "\n0001,2025-03-01," + ",".join(["40"] * 96) + "\n")
    folder.write("mapping.yaml", "files:\n  - {file: readings.csv, table: readings, slots: kw}\n")
    intake.intake(folder.path, tmp_path / "store")
    with labkit.open(tmp_path / "store") as lab:
        row = profiles.load_features(lab).iloc[0]
    assert (row["energy_kwh"], row["maximum_demand_kw"]) == (960, 40)


def test_a_lone_reading_is_of_the_customers_own_interval(folder: Folder, tmp_path: Path) -> None:
    rows = [
        f"0001,2025-03-{d:02d} {h:02d}:{m:02d}:00,0.25" for d in range(3, 8) for h in range(24) for m in (0, 15, 30, 45)
    ]
    folder.write("readings.csv", "customer_id,ts,kwh\n" + "\n".join([*rows, "0001,2025-03-10 00:00:00,0.25"]) + "\n")
    intake.intake(folder.path, tmp_path / "store")
    with labkit.open(tmp_path / "store") as lab:
        assert lab.intervals() == [15]
        assert set(profiles.typical_days(lab)["mean_kw"]) == {1.0}


def test_a_change_of_interval_weighs_days_by_their_time(folder: Folder, tmp_path: Path) -> None:
    fine = [
        f"0001,2025-03-{d:02d} {h:02d}:{m:02d}:00,0.25" for d in range(3, 7) for h in range(24) for m in (0, 15, 30, 45)
    ]
    coarse = [f"0001,2025-03-07 {h:02d}:00:00,6" for h in range(24)]
    folder.write("readings.csv", "customer_id,ts,kwh\n" + "\n".join(fine + coarse) + "\n")
    intake.intake(folder.path, tmp_path / "store")
    with labkit.open(tmp_path / "store") as lab:
        classes = lab.customers.select("customer_id", group="customer_class")
        by_group = profiles.typical_days(lab, classes)
        midnight = profiles.typical_days(lab).set_index("hour")["mean_kw"]
    assert by_group["relative_load"].tolist() == pytest.approx([1.0] * 24)
    # Whole hours, since quarters of only some days would mislead: four days at 1 kW, one at 6 kW.
    assert midnight[0.0] == pytest.approx((4 * 60 * 1 + 60 * 6) / (4 * 60 + 60)) and len(midnight) == 24


def test_an_empty_house_agrees_with_its_bill(folder: Folder, tmp_path: Path) -> None:
    hours = pd.date_range("2025-03-01", "2025-04-01", freq="h", inclusive="left").strftime("%Y-%m-%d %H:%M:%S")
    rows = [f"0001,{ts},0" for ts in hours] + [f"0002,{ts},0.1" for ts in hours]
    folder.write("readings.csv", "customer_id,ts,kwh\n" + "\n".join(rows) + "\n")
    folder.replace("bills.csv", "100.5,55.2", "0,55.2")
    folder.replace("bills.csv", "80,44", "74,44")  # 74.4 in whole kWh
    intake.intake(folder.path, tmp_path / "store")
    with labkit.open(tmp_path / "store") as lab:
        reconciled = quality.reconcile_bills(lab)
        trust = quality.judge_trust(portrait.portrait(lab), quality.check_rules(lab), reconciled)
    assert reconciled["agrees"].tolist() == [True, True]
    assert trust.agreement is not None and trust.agreement.value == 1


def test_nothing_good_makes_no_store(folder: Folder, tmp_path: Path) -> None:
    out = tmp_path / "store"
    intake.intake(folder.path, out)
    before = (out / "manifest.json").read_bytes()
    (folder.path / "bills.csv").unlink()
    (folder.path / "payments.csv").unlink()
    folder.write("readings.csv", READINGS.replace(".", ","))
    with pytest.raises(
        intake.IntakeError, match=r"no row of readings or bills is good.*first finding: readings\.csv:2"
    ):
        intake.intake(folder.path, out)
    assert (out / "manifest.json").read_bytes() == before


def test_companions_of_open_files_are_left_alone(folder: Folder) -> None:
    folder.write("~$customers.xlsx", b"lock")
    folder.write("._readings.csv", b"\0\0")
    assert intake.check(folder.path).findings == ()


MAPPINGS = {
    "files: {file: a.csv}\n": "expected a list of entries",
    "files: [load.csv]\n": "expected a list of entries",
    "customers: [A1]\n": "expected a list of entries",
    "about: hello\n": "expected a list of entries",
    "customers:\n  - {customer_class: public}\n": "lacks `customer_id`",
    "files:\n  - {file: a.csv, table: bills, header_row: 0}\n": "header_row is 0",
    "files:\n  - {file: a.csv, table: bills, slots: mw}\n": "slots is 'mw'",
    "files:\n  - {file: a.csv, table: bills}\n  - {file: a.csv, table: bills}\n": "has two entries",
    "files:\n  - {file: nofile.csv, table: bills}\n": "names the file nofile.csv, which is not in",
    "customers:\n  - {customer_id: A}\n  - {customer_id: A}\n": "stands there twice",
    "customers:\n  - {customer_id: A, customer_class: wizard}\n": "unknown code",
    "customers:\n  - {customer_id: A, capacity_kva: abc}\n": "cannot be read as a number",
}


@pytest.mark.parametrize("text", MAPPINGS)
def test_a_wrong_mapping_is_explained(folder: Folder, text: str) -> None:
    if text.startswith("customers"):
        (folder.path / "customers.csv").unlink()
        (folder.path / "payments.csv").unlink()
    folder.write("mapping.yaml", text)
    with pytest.raises(intake.IntakeError, match=MAPPINGS[text]):
        intake.check(folder.path)


def test_two_readings_never_share_a_slot_of_a_mapped_interval(folder: Folder, tmp_path: Path) -> None:
    quarters = "".join(f"0001,2025-03-05 {minute // 60:02d}:{minute % 60:02d}:00,1\n" for minute in range(0, 1440, 15))
    folder.write("readings.csv", "customer_id,ts,kwh\n" + quarters)
    folder.write("mapping.yaml", "files:\n  - {file: readings.csv, table: readings, interval_min: 30}\n")
    result = intake.intake(folder.path, tmp_path / "store")
    finding = next(f for f in result.findings if f.rule == "readings.ts.interval")
    assert finding.rows == 48 and finding.first_line == 3 and "30 minutes" in finding.message_en
    with labkit.open(tmp_path / "store") as lab:
        day = lab.run(lab.readings).iloc[0]
    assert day["interval_min"] == 30 and sum(day[f"p{i:02d}"] for i in range(48)) == 48_000


def test_a_part_without_a_pattern_keeps_every_reading(folder: Folder, tmp_path: Path) -> None:
    """Days with gaps, in any order, of several months: none is taken for a whole one."""
    rows = [line for line in READINGS.splitlines()[1:] if not line.startswith("0002,2025-03-02 1")]
    rows += [f"0003,2025-04-{day:02d} {hour:02d}:30:00,2" for day in (9, 3) for hour in (7, 5)]
    folder.write("readings.csv", "customer_id,ts,kwh\n" + "\n".join(rows[::-1]) + "\n")
    result = intake.intake(folder.path, tmp_path / "store")
    assert not [f for f in result.findings if f.table == "readings"]
    with labkit.open(tmp_path / "store") as lab:
        found = lab.run(lab.readings)
    slots = found[[f"p{i:02d}" for i in range(96)]]
    assert int(slots.notna().sum().sum()) == len(rows)
    assert slots.sum().sum() == pytest.approx(sum(float(row.rsplit(",", 1)[1]) for row in rows) * 1000)
