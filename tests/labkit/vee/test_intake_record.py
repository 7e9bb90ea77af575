"""What the intake refuses never comes into a store; the checks count it from the intake's record."""

from __future__ import annotations

from pathlib import Path

import pytest

import labkit
from labkit import vee
from labkit.intake.check import intake
from labkit.vee.intake_record import count_set_aside

HEAD = "customer_id,ts,kwh\n"
ROWS = [f"A,2025-01-{day:02d} {hour:02d}:00,{1 + hour / 10 + day / 100:.3f}" for day in (1, 2) for hour in range(24)]
BAD = [
    "A,2025-01-01 03:00,1.310",  # again
    "A,2025-01-01 04:00,9.000",  # again, otherwise
    "A,2025-01-02 05:07,1.000",  # off the grid
    "A,2025-01-03 00:00,-2.000",  # negative
    "A,2025-01-03 01:00,-2.000",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("intake")
    (folder / "customers.csv").write_text("customer_id\nA\n", encoding="utf-8")
    (folder / "readings.csv").write_text(HEAD + "\n".join([*ROWS, *BAD]) + "\n", encoding="utf-8")
    bills = "bill_id,customer_id,period,kwh,kwh_sharp,kwh_peak,kwh_flat,kwh_valley,total_yuan\n"
    bills += "B1,A,2025-01,10,0,5,4,0,6\nB2,A,2025-02,10,0,5,5,0,6\n"
    (folder / "bills.csv").write_text(bills, encoding="utf-8")
    intake(folder, folder / "store")
    return folder / "store"


def test_the_count_of_the_intake_stands_in_the_same_table(store: Path) -> None:
    with labkit.open(store) as lab:
        found = vee.check(lab).set_index("check")
    aside = found["set_aside_count"].dropna().to_dict()
    # Of two that contradict each other none is taken.
    assert aside == {"duplicate_exact": 1, "duplicate_conflicting": 2, "off_grid": 1, "negative": 2, "period_sum": 1}
    assert found.loc[list(aside), "cases_count"].sum() == 0, "none of it is in the store"
    page = vee.tabulate(found.reset_index(), "en", 1)
    shown = page.set_index("finding")["cases_count"]
    assert shown["A reading below nought on a meter that counts one way."] == 2
    assert shown["Intervals without a reading while the customer was connected."] == 1, "the hour that was contradicted"


def test_without_a_record_nothing_is_said() -> None:
    assert count_set_aside(None) == {}
    assert set(count_set_aside({"files": [], "findings": []}).values()) == {0}
