"""Load features against pandas written out, against loads made by hand, and on data that are hardly any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import labkit
from labkit import profiles
from labkit.lab import Lab
from labkit.profiles import SystemPeak
from labkit.store import StoreWriter, day_rows

from .test_profiles import long_readings, tiny


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample)


@pytest.fixture(scope="module")
def long(lab: Lab) -> pd.DataFrame:
    table = long_readings(lab)
    table["hour"] = table["minute"] // 60
    table["kw"] = table["wh"] * 60 / table["interval_min"] / 1000
    return table


@pytest.fixture(scope="module")
def found(lab: Lab) -> pd.DataFrame:
    return profiles.load_features(lab).set_index("customer_id")


def mean_load(table: pd.DataFrame, by: list[str]) -> pd.Series:
    """Energy over time with a reading [kW]."""
    sums = table.groupby(by)[["wh", "interval_min"]].sum()
    return sums["wh"] * 60 / sums["interval_min"] / 1000


def test_the_typical_workday_equals_pandas(long: pd.DataFrame, found: pd.DataFrame) -> None:
    day = mean_load(long[long["day_type"] == "workday"], ["customer_id", "hour"]).unstack()
    whole = day.notna().all(axis=1)
    mean = day.mean(axis=1)
    expected = pd.DataFrame(
        {
            "base_load_kw": day.min(axis=1),
            "base_load_share": day.min(axis=1) / mean,
            "peak_hour": day.idxmax(axis=1).astype(float),
            "ramp_kw_per_h": np.abs(day.to_numpy() - np.roll(day.to_numpy(), 1, axis=1)).max(axis=1),
            "hour_variation": day.std(axis=1, ddof=0) / mean,
        }
    )[whole & (mean > 0)]
    assert found.loc[mean.index[mean == 0], ["base_load_share", "peak_hour", "hour_variation"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(found.loc[expected.index, expected.columns], expected, check_names=False, rtol=1e-9)
    assert whole.sum() > 30


def test_seasons_nights_gaps_and_maxima_equal_pandas(long: pd.DataFrame, found: pd.DataFrame) -> None:
    month = long["month"].str[5:].astype(int)
    season = mean_load(long.assign(season=month % 12 // 3), ["customer_id", "season"]).unstack()
    mild = mean_load(long[month.isin([3, 4, 5, 9, 10, 11])], ["customer_id"])
    by = long.groupby("customer_id")
    night = long[long["hour"].isin([23, *range(7)])].groupby("customer_id")["wh"].sum()
    expected = pd.DataFrame(
        {
            "summer_ratio": season[2] / mild,
            "winter_ratio": season[0] / mild,
            "night_energy_share": night / by["wh"].sum(),
            "gap_share": 1 - by["interval_min"].sum() / (by["day"].nunique() * 1440),
        }
    )
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_names=False, rtol=1e-9, atol=1e-12)
    top = long.loc[by["kw"].idxmax()].set_index("customer_id")
    alone = long.merge(by["kw"].max().rename("top"), on="customer_id")
    alone = alone[alone["kw"] == alone["top"]].groupby("customer_id").size() == 1
    same = alone.index[alone]
    assert len(same) > 20
    assert (found.loc[same, "maximum_demand_month"] == top.loc[same, "month"]).all()
    assert (found.loc[same, "maximum_demand_hour"] == top.loc[same, "hour"]).all()


def test_coincidence_is_with_the_hour_in_which_all_use_most(lab: Lab, long: pd.DataFrame, found: pd.DataFrame) -> None:
    total = long.groupby(["month", "day_type", "hour"])["wh"].sum() / 1000
    days = long[["month", "day_type", "day"]].drop_duplicates().groupby(["month", "day_type"]).size()
    mean = total / days.reindex(total.index.droplevel("hour")).to_numpy()
    month, day_type, hour = mean.idxmax()
    peak = profiles.find_system_peak(lab)
    assert peak == SystemPeak(month, day_type, hour, pytest.approx(mean.max()))
    there = long[(long["month"] == month) & (long["day_type"] == day_type) & (long["hour"] == hour)]
    expected = mean_load(there, ["customer_id"]) / long.groupby("customer_id")["kw"].max()
    known = found["coincidence"].dropna()
    # Who had left before the peak has none, nor who was cut off all the time.
    pd.testing.assert_series_equal(known, expected[known.index], check_names=False, rtol=1e-9)
    assert set(known.index) == set(expected.dropna().index) and len(known) > 0.9 * there["customer_id"].nunique()
    assert profiles.find_system_peak(lab, profiles.monthly_sums(lab)) == peak


def test_months_equal_least_squares_and_the_best_split(long: pd.DataFrame, found: pd.DataFrame) -> None:
    sums = long.groupby(["customer_id", "month"])[["wh", "interval_min"]].sum()
    sums = sums[sums["interval_min"] >= 7 * 1440]
    watts = (sums["wh"] * 60 / sums["interval_min"]).round()
    checked = 0
    for customer, loads in watts.groupby("customer_id"):
        y = loads.to_numpy()
        row = found.loc[customer]
        if len(y) < 6:
            assert np.isnan(row["load_trend_share"])
            continue
        if not y.any():
            assert np.isnan(row["load_trend_share"]) and np.isnan(row["month_range_share"])
            continue
        at = np.array([int(m[:4]) * 12 + int(m[5:]) for m in loads.index.get_level_values("month")])
        assert row["load_trend_share"] == pytest.approx(np.polyfit(at, y, 1)[0] * 12 / y.mean(), rel=1e-6, abs=1e-9)
        assert row["month_range_share"] == pytest.approx(np.ptp(y) / y.mean())
        within = {
            t: ((y[:t] - y[:t].mean()) ** 2).sum() + ((y[t:] - y[t:].mean()) ** 2).sum() for t in range(2, len(y) - 1)
        }
        t = min(within, key=lambda split: within[split])
        assert row["level_change_share"] == pytest.approx((y[t:].mean() - y[:t].mean()) / y.mean())
        assert row["level_change_month"] == loads.index.get_level_values("month")[t]
        checked += 1
    assert checked > 20


def test_power_factor_equals_energy_over_apparent_energy(lab: Lab, found: pd.DataFrame) -> None:
    slots = [f"p{i:02d}" for i in range(96)]
    wh, varh = (
        lab.run(lab.table(t)).set_index(["customer_id", "day"])[slots].abs().sum(axis=1)
        for t in ("readings", "reactive")
    )
    both = pd.concat([wh.rename("wh"), varh.rename("varh")], axis=1, join="inner").groupby("customer_id").sum()
    expected = both["wh"] / np.hypot(both["wh"], both["varh"])
    assert len(expected) > 0
    pd.testing.assert_series_equal(found["power_factor"].dropna(), expected, check_names=False, rtol=1e-12)


def weather_lab(folder: Path, load: dict[str, np.ndarray], kelvin: np.ndarray, gone: int = 0) -> Lab:
    """Customers of one area, each day of a year at the load [Wh an hour] of its month; weather of each month; of the month
    `gone` but one reading is there."""
    days = pd.date_range("2025-01-01", "2025-12-31")
    hours = pd.date_range("2025-01-01", "2025-12-31 23:00", freq="h")
    with StoreWriter(folder) as writer:
        writer.write("customers", pa.table({"customer_id": list(load), "area_id": ["A"] * len(load)}))
        writer.write(
            "weather",
            pa.table({"area_id": ["A"] * len(hours), "ts": pa.array(hours), "temperature_c": kelvin[hours.month - 1]}),
        )
        for month in range(1, 13):
            mine = days[days.month == month]
            for name, level in load.items():
                wh = np.full((len(mine), 24), level[month - 1], dtype=np.int32)
                missing = np.full(wh.shape, month == gone)
                missing[0, 0] = False
                rows = day_rows(
                    pa.array([name] * len(mine)),
                    pa.array(mine.to_numpy().astype("datetime64[D]")),
                    60,
                    wh,
                    missing,
                )
                writer.write_day_rows("readings", f"2025-{month:02d}", 0, rows)
    return labkit.open(folder)


def test_the_answer_to_weather_is_found_where_it_is_known(tmp_path: Path) -> None:
    c = np.array([2.0, 4, 9, 16, 21, 27, 31, 30, 24, 18, 11, 5])
    hot, cold = np.maximum(c - 26, 0), np.maximum(18 - c, 0)
    level = 1000 * (1 + 0.05 * hot + 0.02 * cold)
    with weather_lab(tmp_path / "w", {"A": level, "B": np.full(12, 800.0)}, c) as lab:
        found = profiles.load_features(lab).set_index("customer_id")
    mean = np.average(level, weights=[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) / 1000
    assert found.loc["A", "cooling_share_per_c"] == pytest.approx(0.05 / mean, rel=2e-3)
    assert found.loc["A", "heating_share_per_c"] == pytest.approx(0.02 / mean, rel=2e-3)
    assert found.loc["A", "weather_fit_share"] == pytest.approx(1, abs=1e-4)
    assert found.loc["B", "cooling_share_per_c"] == pytest.approx(0, abs=1e-9) and np.isnan(
        found.loc["B", "weather_fit_share"]
    )


def test_a_month_of_one_reading_does_not_tell_of_the_weather(tmp_path: Path) -> None:
    c = np.array([2.0, 4, 9, 16, 21, 27, 31, 30, 24, 18, 11, 5])
    level = 1000 * (1 + 0.05 * np.maximum(c - 26, 0) + 0.02 * np.maximum(18 - c, 0))
    level[6] = 200  # July's one reading is of the night
    with weather_lab(tmp_path / "w", {"A": level}, c, gone=7) as lab:
        row = profiles.load_features(lab).iloc[0]
    assert row["cooling_share_per_c"] > 0.03 and row["weather_fit_share"] > 0.999


def test_the_hours_of_a_changed_meter_are_hours(tmp_path: Path) -> None:
    rows = [("A", "2025-03-03", 60, [400.0] * 24), ("A", "2025-03-04", 15, [200.0] + [0.0] * 3 + [100.0] * 92)]
    with tiny(tmp_path / "s", rows) as lab:
        found = profiles.typical_days(lab).set_index("hour")["mean_kw"]
    assert found.index.tolist() == list(range(24)) and found[0] == 0.3 and found[5] == 0.4


def test_heat_and_cold_that_never_part_are_not_told_apart(tmp_path: Path) -> None:
    with weather_lab(tmp_path / "w", {"A": np.linspace(900, 1100, 12)}, np.full(12, 22.0)) as lab:
        row = profiles.load_features(lab).iloc[0]
    assert np.isnan(row["cooling_share_per_c"]) and np.isnan(row["heating_share_per_c"])


def test_hardly_any_data_is_said_and_nothing_is_endless(tmp_path: Path) -> None:
    days = [str(day)[:10] for day in pd.date_range("2025-03-03", periods=28)]
    rows: list[tuple[str, str, int, list[float | None]]] = [("one reading", days[0], 60, [5.0] + [None] * 23)]
    rows += [("gaps", day, 60, [None] * 24) for day in days]
    rows += [("nought", day, 60, [0.0] * 24) for day in days]
    rows += [("a week", day, 60, [100.0] * 24) for day in days[:7]]
    rows += [
        ("changed", day, 60 if i < 14 else 15, [400.0] * 24 if i < 14 else [100.0] * 96) for i, day in enumerate(days)
    ]
    rows += [("good", day, 30, [100.0] * 48) for day in days]
    with tiny(tmp_path / "s", sorted(rows, key=lambda row: row[1])) as lab:
        found = profiles.load_features(lab).set_index("customer_id")
    assert found["load_flag"].to_dict() == {
        "one reading": "few_days", "gaps": "no_readings", "nought": "all_zero", "a week": "few_days", "changed": "mixed_intervals", "good": "none"
    }  # fmt: skip
    numbers = found.select_dtypes("number")
    assert not np.isinf(numbers.to_numpy(dtype=float)).any()
    assert np.isnan(found.loc["gaps", "energy_kwh"]) and np.isnan(found.loc["gaps", "maximum_demand_kw"])
    assert found.loc["nought", "zero_share"] == 1 and found.loc["good", "zero_share"] == 0
    assert found.loc["one reading", "gap_share"] == pytest.approx(23 / 24)
    assert found.loc["changed", ["load_factor", "base_load_share"]].tolist() == [1, 1]
    assert np.isnan(found.loc["one reading", "base_load_kw"]) and np.isnan(found.loc["nought", "hour_variation"])


def test_a_new_month_touches_only_itself(lab: Lab) -> None:
    whole = lab.run(profiles.monthly_sums(lab))
    months = sorted(whole["month"].unique())
    kept = lab.run(profiles.monthly_sums(lab, months=months[:-1]))
    new = lab.run(profiles.monthly_sums(lab, months=months[-1:]))
    keys = ["customer_id", "month", "day_type", "interval_min"]
    both = pd.concat([kept, new]).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(both, whole.sort_values(keys, ignore_index=True))
    assert set(new["month"]) == {months[-1]}


def test_typical_days_of_seasons_add_up_to_those_of_the_year(lab: Lab, long: pd.DataFrame) -> None:
    found = profiles.typical_days(lab, by_season=True)
    season = long["month"].str[5:].astype(int) % 12 // 3
    names = np.array(["winter", "spring", "summer", "autumn"])[season]
    expected = long.groupby(["customer_id", names, "day_type", long["minute"] / 60])["kw"].mean()
    got = found.set_index(["customer_id", "season", "day_type", "hour"])["mean_kw"].sort_index()
    assert len(got) == len(expected)
    assert np.allclose(got.to_numpy(), expected.sort_index().to_numpy(), rtol=1e-12)
