"""Estimates by hand, beside raw values that stay as they are; their error, and who has data enough."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import portrait, profiles, vee
from labkit.lab import Lab
from labkit.vee.filling import METHODS, fill
from tests.labkit.vee.cases import day, make_meter, write_store

LIMITS = vee.read_thresholds()


def digest(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    meters = {f"C{n}": make_meter(n) for n in range(8)}
    meters["C0"].missing[100, 5:7] = True  # two hours: a line
    meters["C0"].missing[104, 5:8] = True  # three: days like it
    meters["C1"].missing[200:203] = True  # three whole days without a row, Sunday to Tuesday
    meters["C2"].read[150, 9] = 60_000  # beyond the connection
    meters["C2"].read[160, 3] = -400
    meters["C3"].missing[:] = True
    meters["C3"].missing[180:182] = False  # too little to learn from
    meters["C4"].missing[0:120] = True
    return write_store(tmp_path_factory.mktemp("estimates") / "store", meters)


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[Lab]:
    with labkit.open(folder, verify=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def suspects(lab: Lab) -> pd.DataFrame:
    return vee.find_suspects(lab)


@pytest.fixture(scope="module")
def estimates(lab: Lab, suspects: pd.DataFrame) -> pd.DataFrame:
    return vee.estimate(lab, suspects=suspects)


def at(estimates: pd.DataFrame, customer: str, number: int) -> pd.DataFrame:
    mine = estimates[estimates["customer_id"] == customer]
    return mine[mine["ts"].dt.date == day(number)]


def test_a_short_gap_is_a_straight_line(estimates: pd.DataFrame) -> None:
    found, load = at(estimates, "C0", 100), make_meter(0).truth[100]
    line = load[4] + (load[7] - load[4]) * np.array([1, 2]) / 3
    assert found["estimated_kwh"].tolist() == (np.rint(line) / 1000).tolist()
    assert found["method"].tolist() == ["linear"] * 2 and found["quality_flag"].tolist() == ["estimated"] * 2
    assert found["kwh"].isna().all() and found["why"].tolist() == ["gap"] * 2


def test_a_longer_gap_is_the_mean_of_like_days_around(estimates: pd.DataFrame) -> None:
    found, load = at(estimates, "C0", 104), make_meter(0).truth
    kinds = labkit.calendar.day_types([day(n) for n in range(365)])
    like = [n for n in range(104 - 28, 104 + 29) if kinds[n] == kinds[104] and n not in (100, 104)]
    expected = [np.rint(load[like, slot].mean()) / 1000 for slot in (5, 6)]
    assert found["estimated_kwh"].tolist()[:2] == expected and set(found["method"]) == {"like_days"}


def test_days_without_a_row_are_estimated_whole(estimates: pd.DataFrame) -> None:
    mine = estimates[estimates["customer_id"] == "C1"]
    assert len(mine) == 72 and set(mine["ts"].dt.date) == {day(n) for n in (200, 201, 202)}
    assert mine["estimated_kwh"].notna().all()


def test_rejected_readings_keep_their_raw_value_beside_the_estimate(estimates: pd.DataFrame) -> None:
    mine = estimates[estimates["customer_id"] == "C2"]
    assert mine["kwh"].tolist() == [60.0, -0.4] and mine["why"].tolist() == ["physical_maximum", "negative"]
    assert mine["estimated_kwh"].between(0.1, 3).all() and set(mine["quality_flag"]) == {"estimated"}


def test_where_nothing_can_be_learned_nothing_is_made_up(estimates: pd.DataFrame) -> None:
    mine = estimates[estimates["customer_id"] == "C3"]
    assert len(mine) == 363 * 24
    assert set(mine["quality_flag"]) == {"missing"} and set(mine["method"]) == {"none"}
    assert mine["estimated_kwh"].isna().all()
    first = estimates[(estimates["customer_id"] == "C4") & (estimates["quality_flag"] == "missing")]
    assert len(first) > 80 * 24, "beyond four weeks no day is a neighbour"


def test_nothing_else_is_estimated_and_the_store_is_as_it_was(
    folder: Path, lab: Lab, suspects: pd.DataFrame, estimates: pd.DataFrame
) -> None:
    assert set(estimates["customer_id"]) == {"C0", "C1", "C2", "C3", "C4"}
    assert not estimates.duplicated(["customer_id", "ts"]).any()
    before = digest(folder)
    again = vee.estimate(lab, reject=("spike",), customer_ids=["C2"], suspects=suspects)
    vee.check(lab)
    assert digest(folder) == before
    assert again["why"].tolist() == ["spike"] and again["kwh"].tolist() == [60.0]


def test_a_check_that_is_none_of_days_is_refused(lab: Lab) -> None:
    with pytest.raises(vee.VeeError, match=r"reject names 'register_sum'.*use .*spike"):
        vee.estimate(lab, reject=("register_sum",))


def test_rest_days_stand_in_where_holidays_are_few() -> None:
    kinds = np.array(["weekend", "weekend", "weekend", "holiday", "workday"])
    known = np.array([[[10.0], [20.0], [30.0], [np.nan], [np.nan]]])
    found = fill(known, np.isnan(known), kinds, 60, LIMITS.with_changes({"estimate.interpolate_h": 0}))
    assert found.values[0, 3, 0] == 20.0 and METHODS[found.methods[0, 3, 0]] == "rest_days"
    assert np.isnan(found.values[0, 4, 0]) and METHODS[found.methods[0, 4, 0]] == "none"
    assert found.methods[0, 0, 0] == -1


def test_the_error_is_that_of_hidden_values(lab: Lab) -> None:
    found = vee.measure_error(lab, (1, 24), customers=6, gaps=10, seed=2)
    assert found[["gap_h", "method"]].values.tolist() == [[h, m] for h in (1, 24) for m in ("typical_day", "vee")]
    # Noise of 0.7 to 1.3 times: two independent draws differ by about a fifth.
    day_error = found[(found["gap_h"] == 24) & (found["method"] == "vee")].iloc[0]
    assert 0.1 < day_error["mape"] < 0.3 and day_error["low_mape"] < day_error["mape"] < day_error["high_mape"]
    pd.testing.assert_frame_equal(found, vee.measure_error(lab, (1, 24), customers=6, gaps=10, seed=2))
    with pytest.raises(vee.VeeError, match="gap_h"):
        vee.measure_error(lab, (0,))


def test_coverage_and_who_has_data_enough(lab: Lab) -> None:
    found = vee.measure_coverage(lab)
    table = found.table.set_index("customer_id")
    assert table.loc["C0", "coverage_share"] == pytest.approx(1 - 5 / 8760) and table.loc["C5", "coverage_share"] == 1
    assert table["days_missing"].to_dict() == {**dict.fromkeys(table.index, 0), "C1": 3, "C3": 363, "C4": 120}
    assert table.index[~table["sufficient_data"]].tolist() == ["C3", "C4"] and found.sufficient.value == 6 / 8
    assert found.tell("en") == "Too few customers to tell the coverage of their readings."
    with_more = vee.Coverage(found.share, found.sufficient, found.table, 365, 37, 1)
    assert "75.0 % [40.9, 92.9] of customers" in with_more.tell("en") and "75.0%［40.9，92.9］的客户" in with_more.tell(
        "zh"
    )
    assert "75.0" not in vee.Coverage(found.share, found.sufficient, found.table, 365, 37, 4).tell("en")


def test_flags_stand_beside_features(lab: Lab, suspects: pd.DataFrame) -> None:
    flagged = vee.with_flags(profiles.load_features(lab), suspects, vee.measure_coverage(lab)).set_index("customer_id")
    assert flagged["quality_flag"].to_dict() == {
        **dict.fromkeys(("C0", "C1", "C3", "C4"), "note"), "C2": "error", **dict.fromkeys(("C5", "C6", "C7"), "none")
    }  # fmt: skip
    assert flagged.loc["C4", "quality_checks"] == "gap insufficient" and not flagged.loc["C4", "sufficient_data"]
    people = portrait.portrait(lab)
    described = portrait.describe_columns(vee.with_flags(people, suspects, vee.measure_coverage(lab)))
    assert {"quality_flag", "quality_checks", "sufficient_data"} <= set(described["column"])
    pd.testing.assert_series_equal(
        people.set_index("customer_id")["coverage_share"], flagged["coverage_share"], check_names=False
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spike.ratio: no", "spike.ratio is False, a number was expected"),
        ("spike.ratio: -1", r"spike.ratio is -1, expected 0.1 to 100"),
        ("spikes.ratio: 2", "'spikes.ratio' is no threshold; there are spike.ratio"),
        ("- 1", "lines of a name and a value"),
        ("a: [", "cannot be read"),
        ("spike.ratio: .nan", "spike.ratio is nan"),
    ],
)
def test_own_thresholds_are_checked(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(vee.VeeError, match=message):
        vee.read_thresholds(file)
    file.write_text("spike.ratio: 2.5", encoding="utf-8")
    assert vee.read_thresholds(file)["spike.ratio"] == 2.5 and LIMITS["spike.ratio"] == 1.8
    assert vee.read_thresholds().to_frame()["source"].str.len().min() > 10
