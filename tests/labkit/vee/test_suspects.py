"""Each fault is found with its customer, and nothing else is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import labkit
from labkit import vee
from labkit.lab import Lab
from labkit.store import StoreWriter
from labkit.vee.clock import hours_of_days
from tests.labkit.vee.cases import FAULTS, Meter, day, faulty_meters, make_meter, write_store


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = write_store(tmp_path_factory.mktemp("vee") / "store", faulty_meters())
    with labkit.open(folder, verify=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def suspects(lab: Lab) -> pd.DataFrame:
    return vee.find_suspects(lab)


@pytest.mark.parametrize("name", [*FAULTS, "THOUSANDTH"])
def test_a_fault_is_found_and_nothing_else(suspects: pd.DataFrame, name: str) -> None:
    must, may = FAULTS[name][1:] if name in FAULTS else ("unit_suspect", set())
    found = set(suspects.loc[suspects["customer_id"] == name, "check"])
    assert must in found and found <= {must} | may


def test_of_customers_without_a_fault_none_is_found(suspects: pd.DataFrame) -> None:
    hit = set(suspects["customer_id"])
    assert hit == {*FAULTS, "THOUSANDTH"}, (
        "precision and recall are one; who was cut off used nothing, and nothing odd before and after"
    )


@pytest.mark.parametrize(
    ("name", "check", "first", "last", "cases", "value", "limit"),
    [
        ("STUCK", "stuck", 50, 52, 3, 3.0, 1.0),
        ("ZERO", "zero_use", 210, 218, 9, 9.0, 7.0),
        ("CUT", "use_after_disconnection", 101, 109, 9, None, 0.0),
        ("LEFT", "use_after_disconnection", 360, 364, 5, None, 0.0),
        ("CAPACITY", "physical_maximum", 30, 30, 1, 3.45, 3.3),
        ("NEGATIVE", "negative", 40, 40, 1, -0.5, 0.0),
        ("ROLLOVER", "rollover", 150, 150, 1, 99_400.0, 100_000.0),
        ("TIMES1000", "unit_suspect", 120, 150, 1, None, 1000.0),
        ("MULTIPLIER", "wrong_multiplier", 0, 364, 12, 0.75, 1.0),
        ("BILL", "register_sum", 151, 180, 1, None, None),
        ("FINER", "mixed_interval", 181, 364, 2, 60.0, 15.0),
        ("FEWDAYS", "insufficient", 0, 364, 1, 60.0, 37.0),
    ],
)
def test_where_it_was_found_and_how_much(
    suspects: pd.DataFrame,
    name: str,
    check: str,
    first: int,
    last: int,
    cases: int,
    value: float | None,
    limit: float | None,
) -> None:
    row = suspects[(suspects["customer_id"] == name) & (suspects["check"] == check)].iloc[0]
    assert (row["from_day"], row["to_day"], row["cases_count"]) == (day(first), day(last), cases)
    assert value is None or row["value"] == pytest.approx(value, rel=1e-3)
    assert limit is None or row["limit"] == pytest.approx(limit)


def test_gaps_count_hours_and_whole_days(suspects: pd.DataFrame) -> None:
    mine = suspects[(suspects["customer_id"] == "GAP") & (suspects["check"] == "gap")]
    assert mine["cases_count"].tolist() == [240, 5] and mine["value"].tolist() == [240 / 744, 5 / 744]
    assert mine["from_day"].tolist() == [day(59), day(181)] and mine["to_day"].tolist() == [day(89), day(211)]


def test_off_cycle_bills_are_the_long_and_the_short_one(suspects: pd.DataFrame) -> None:
    mine = suspects[suspects["check"] == "off_cycle_bill"]
    assert mine["value"].tolist() == [43.0, 19.0] and mine["limit"].tolist() == [35.0, 25.0]


def test_a_quarter_is_found_in_every_month(suspects: pd.DataFrame) -> None:
    counts = suspects[suspects["check"] == "unit_suspect"].groupby("customer_id").size().to_dict()
    assert counts == {"TIMES1000": 1, "TIMES4": 12, "QUARTER": 12, "THOUSANDTH": 12}


def test_thresholds_decide(lab: Lab) -> None:
    limits = vee.read_thresholds().with_changes(
        {"spike.ratio": 50, "zero_use.days": 10, "stuck.days": 4, "low_use.ratio": 0.01}
    )
    found = vee.find_suspects(lab, limits)
    still = set(found.loc[found["customer_id"].isin(["SPIKE", "ZERO", "STUCK", "LOW"]), "check"])
    assert not still


def test_findings_check_by_check(lab: Lab, suspects: pd.DataFrame) -> None:
    found = vee.check(lab, suspects=suspects).set_index("check")
    assert list(found.index) == list(vee.checks())
    assert found["of_count"].eq(46).all() and found.loc["unit_suspect", "customers_count"] == 4
    assert found.loc["use_after_disconnection", ["customers_count", "cases_count"]].tolist() == [2, 14]
    share = found.loc["spike"]
    assert share["share"] == 2 / 46 and share["low_share"] < 2 / 46 < share["high_share"]
    assert found["set_aside_count"].isna().all(), "the store was not made by an intake"
    page = vee.tabulate(found.reset_index(), "zh", 10)
    assert page["cases_count"].isna().sum() >= 3, "duplicates are not nought where nobody counted them"
    assert page["customers_count"].dropna().eq(0).all(), "below ten nobody is shown"
    assert not page.loc[page["severity"] == "error", "finding"].str.contains("[a-z]{4}").any()


def test_spikes_are_those_of_the_rule() -> None:
    # The rule by sorting, beside the rule by counting.
    rng = np.random.default_rng(3)
    meter = make_meter(1)
    meter.read = np.rint(rng.lognormal(6, 1.2, meter.read.shape))
    top = np.sort(meter.read, axis=1)
    expected = ((top[:, -1] - top[:, -3]) / top[:, -3] > 1.8) & (top[:, -1] > 500)
    assert 20 < expected.sum() < 300
    assert _spike_days({"A": meter}) == [day(int(d)) for d in np.flatnonzero(expected)]


def _spike_days(meters: dict[str, Meter]) -> list[object]:
    with (
        tempfile.TemporaryDirectory() as folder,
        labkit.open(write_store(Path(folder) / "s", meters), verify=False) as lab,
    ):
        found = vee.find_suspects(lab)
    return found.loc[found["check"] == "spike", "from_day"].tolist()


def test_the_clock_of_a_zone_with_summer_time(tmp_path: Path) -> None:
    spring = (pd.Timestamp("2025-03-30") - pd.Timestamp(day(0))).days
    meters = {f"C{n}": make_meter(n) for n in range(6)}
    for name, meter in meters.items():
        meter.missing[spring, 1] = name != "C0"  # C0 has readings in an hour that never was
    with labkit.open(write_store(tmp_path / "s", meters, "Europe/London"), verify=False) as lab:
        found = vee.find_suspects(lab)
        covered = vee.measure_coverage(lab)
    assert found[["check", "customer_id", "from_day"]].values.tolist() == [["clock_change", "C0", day(spring)]]
    assert covered.table["coverage_share"].eq(1.0).all(), "46 half-hours are a whole day"


def test_an_hour_that_all_lack_is_the_clock(tmp_path: Path) -> None:
    meters = {f"C{n}": make_meter(n) for n in range(6)}
    for name, meter in meters.items():
        meter.missing[88, 2] = name < "C4"
    with labkit.open(write_store(tmp_path / "s", meters), verify=False) as lab:
        found = vee.find_suspects(lab)
    mine = found[found["check"] == "clock_change"]
    assert mine["customer_id"].tolist() == ["C0", "C1", "C2", "C3"] and mine[
        "value"
    ].unique().tolist() == pytest.approx([4 / 6])
    assert set(found["check"]) == {"clock_change", "gap"}


def test_a_zone_nobody_knows_is_refused() -> None:
    for name in ("Mars/Olympus", "", "../x"):
        with pytest.raises(vee.VeeError, match="is no known time zone"):
            hours_of_days(name, ("2025-01-01", "2025-01-31"))


def test_of_data_without_readings_bills_are_checked(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "s") as writer:
        writer.write("customers", pa.table({"customer_id": ["A"]}))
        bills = {"bill_id": ["1", "2"], "customer_id": ["A", "A"], "period": ["2025-01", "2025-03"], "kwh": [9.0, 9.0]}
        writer.write("bills", pa.table(bills | {"kwh_peak": [8.0, 9.0], "total_yuan": [1.0, 1.0]}))
    with labkit.open(tmp_path / "s") as lab:
        found = vee.find_suspects(lab)
        table = vee.check(lab, suspects=found)
        assert vee.tell_coverage(lab, "en").startswith("The data have no table readings")
    assert found[["check", "value"]].values.tolist() == [["period_sum", 8.0], ["off_cycle_bill", 59.0]]
    assert "gap" not in set(table["check"])
