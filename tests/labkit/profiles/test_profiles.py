"""Profiles against pandas written out by hand, and against figures worked out on paper."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import labkit
from labkit import calendar, profiles
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS, StoreWriter, day_rows
from tests.labkit.buckets import split_store


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample)


def long_readings(lab: Lab) -> pd.DataFrame:
    """Day rows as one row a reading, in pandas."""
    wide = lab.run(lab.readings)
    long = wide.melt(["customer_id", "day", "interval_min", "month"], list(SLOT_COLUMNS), "slot", "wh").dropna(
        subset=["wh"]
    )
    long["minute"] = long["slot"].str[1:].astype(int) * long["interval_min"]
    days = calendar.day_type_table(dt.date(2025, 1, 1), dt.date(2025, 12, 31)).set_index("day")["day_type"]
    long["day_type"] = long["day"].map(days)
    return long


def test_features_equal_pandas(lab: Lab) -> None:
    long = long_readings(lab)
    rules = calendar.read_periods()
    names = {(i, m): rules.slots(i, m) for i in (15, 60) for m in range(1, 13)}
    months = long["month"].str[5:].astype(int)
    slot = long["minute"] // long["interval_min"]
    long["period"] = [names[i, m][s] for i, m, s in zip(long["interval_min"], months, slot, strict=True)]
    long["kw"] = long["wh"] * 60 / long["interval_min"] / 1000
    by = long.groupby("customer_id")
    hours = by["interval_min"].sum() / 60
    expected = pd.DataFrame(
        {"hours_metered": hours, "energy_kwh": by["wh"].sum() / 1000, "maximum_demand_kw": by["kw"].max()}
    )
    expected["load_factor"] = expected["energy_kwh"] / hours / expected["maximum_demand_kw"]
    for share, parts in (("peak", ["peak", "sharp"]), ("flat", ["flat"]), ("valley", ["valley"])):
        expected[f"{share}_share"] = (
            long[long["period"].isin(parts)].groupby("customer_id")["wh"].sum() / by["wh"].sum()
        )
    mean = (
        long.groupby(["customer_id", "day_type"])
        .apply(lambda g: g["wh"].sum() / g["interval_min"].sum(), include_groups=False)
        .unstack()
    )
    expected["weekend_ratio"] = mean["weekend"] / mean["workday"]
    found = profiles.load_features(lab).set_index("customer_id")
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_names=False, rtol=1e-12)
    assert (found["days_metered"] == by["day"].nunique()).all()


def test_shares_add_up_and_months_add_up(lab: Lab) -> None:
    found = profiles.load_features(lab)
    total = found[["peak_share", "flat_share", "valley_share"]].sum(axis=1)
    assert np.allclose(total[found["energy_kwh"] > 0], 1)
    sums = profiles.monthly_sums(lab)
    months = lab.run(profiles.monthly_energy(sums))
    daily = lab.run(profiles.daily_energy(lab))
    assert months.groupby("customer_id")["kwh"].sum().to_dict() == pytest.approx(
        daily.groupby("customer_id")["kwh"].sum().to_dict()
    )
    assert months["kwh"].sum() == pytest.approx(found["energy_kwh"].sum())


def test_typical_days_equal_pandas(lab: Lab) -> None:
    long = long_readings(lab)
    long["kw"] = long["wh"] * 60 / long["interval_min"] / 1000
    expected = long.groupby(["customer_id", "day_type", long["minute"] / 60])["kw"].mean()
    found = profiles.typical_days(lab).set_index(["customer_id", "day_type", "hour"])["mean_kw"]
    assert len(found) == len(expected)
    assert np.allclose(found.sort_index().to_numpy(), expected.sort_index().to_numpy(), rtol=1e-12)


def tiny(folder: Path, rows: list[tuple[str, str, int, list[float | None]]]) -> Lab:
    """A lab of a few day rows: customer, day, interval, Wh of each slot."""
    with StoreWriter(folder) as writer:
        writer.write("customers", pa.table({"customer_id": sorted({row[0] for row in rows})}))
        for customer, day, interval, values in rows:
            array = np.array([[np.nan if v is None else v for v in values]])
            missing = np.isnan(array)
            at = pa.array([customer]), pa.array(np.array([day], dtype="datetime64[D]"))
            writer.write_day_rows(
                "readings", day[:7], 0, day_rows(*at, interval, np.nan_to_num(array).astype(np.int32), missing)
            )
    return labkit.open(folder)


def test_figures_worked_out_on_paper(tmp_path: Path) -> None:
    # A Monday: 1 kWh every hour, but 5 kWh from 10 to 11 (peak), nothing known after 22.
    day: list[float | None] = [1000.0] * 10 + [5000.0] + [1000.0] * 11 + [None, None]
    with tiny(tmp_path / "s", [("A", "2025-03-03", 60, day), ("A", "2025-03-08", 60, [2000.0] * 24)]) as lab:
        row = profiles.load_features(lab).iloc[0]
    assert row["energy_kwh"] == 26 + 48 and row["hours_metered"] == 46
    assert row["maximum_demand_kw"] == 5
    assert row["load_factor"] == pytest.approx(74 / 46 / 5)
    # Peak 10-12 and 15-21: 8 hours. Monday 12 kWh, Saturday 16.
    assert row["peak_share"] == pytest.approx((12 + 16) / 74)
    assert row["weekend_ratio"] == pytest.approx(2 / (26 / 22))


@pytest.mark.parametrize("step_min", [15, 60])
def test_cells_equal_numpy_with_gaps_export_and_the_largest_meters(tmp_path: Path, step_min: int) -> None:
    rng = np.random.default_rng(4)
    days = pd.date_range("2025-03-01", "2025-03-31").strftime("%Y-%m-%d")
    # Up to 2 GWh in 15 min; around noon fed in, as some meters count it; half of it unknown, of the last hour all.
    values = rng.integers(0, 2_000_000_000, (31, 96)).astype(float)
    values[:, 44:52] *= -1
    values[rng.random((31, 96)) < 0.5] = np.nan
    values[:, 92:] = np.nan
    rows = [("A", day, 15, [None if np.isnan(v) else v for v in row]) for day, row in zip(days, values, strict=True)]
    with tiny(tmp_path / "s", rows) as lab:
        found = lab.run(profiles.cells(lab, 15, step_min=step_min)).set_index("day_type")
        kinds = lab.run(lab.days()).sort_values("day")["day_type"].to_numpy()
    width = step_min // 15
    for kind in np.unique(kinds):
        mine = values[kinds == kind].reshape(-1, 96 // width, width)
        names = [f"{i:02d}" for i in range(96 // width)]
        row = found.loc[kind]
        assert row["days_metered"] == len(mine)
        assert row[[f"s{n}" for n in names]].tolist() == np.nansum(mine, axis=(0, 2)).tolist()
        assert row[[f"n{n}" for n in names]].tolist() == np.isfinite(mine).sum(axis=(0, 2)).tolist()
        highest = np.nanmax(np.where(np.isnan(mine), -np.inf, mine), axis=(0, 2))
        assert row[[f"m{n}" for n in names]].astype(float).fillna(-np.inf).tolist() == highest.tolist()


def test_intervals_change_without_a_step_in_energy(tmp_path: Path) -> None:
    rows = [
        ("A", "2025-03-03", 60, [1000.0] * 24),
        ("A", "2025-03-04", 15, [250.0] * 96),
        ("A", "2025-03-05", 30, [500.0] * 48),
    ]
    with tiny(tmp_path / "s", rows) as lab:
        row = profiles.load_features(lab).iloc[0]
        assert (row["energy_kwh"], row["maximum_demand_kw"], row["load_factor"]) == (72, 1, 1)
        assert lab.intervals() == [15, 30, 60]


def test_nothing_used_gives_missing_not_infinite(tmp_path: Path) -> None:
    with tiny(
        tmp_path / "s", [("A", "2025-03-03", 60, [0.0] * 24), ("B", "2025-03-03", 60, [1.0] + [None] * 23)]
    ) as lab:
        found = profiles.load_features(lab).set_index("customer_id")
    assert found.loc["A", "energy_kwh"] == 0
    assert found.loc["A", ["load_factor", "peak_share", "weekend_ratio"]].isna().all()
    assert found.loc["B", "hours_metered"] == 1
    assert np.isfinite(found.select_dtypes("number").fillna(0).to_numpy(dtype=float)).all()


def test_buckets_change_nothing(tmp_path: Path, lab: Lab) -> None:
    split_store(lab, tmp_path / "many", ("customers", "weather"))
    with labkit.open(tmp_path / "many") as many:
        assert many.manifest.buckets == 4
        found = profiles.load_features(many)
        pd.testing.assert_frame_equal(found, profiles.load_features(lab))
        assert found["coincidence"].notna().sum() > 90
        assert found["power_factor"].notna().any() and found["weather_fit_share"].notna().any()
        pd.testing.assert_frame_equal(profiles.typical_days(many), profiles.typical_days(lab))
        groups = lab.customers.select("customer_id", group="customer_class")
        twice = ibis.union(groups, groups)
        by_class = profiles.typical_days(lab, groups)
        assert by_class["customers_count"].max() > 20
        assert by_class["relative_load"].groupby([by_class["group"], by_class["day_type"]]).mean().round(9).eq(1).all()
        for members in (twice, many.customers.select("customer_id", group="customer_class")):
            source = lab if members is twice else many
            pd.testing.assert_frame_equal(profiles.typical_days(source, members), by_class, check_exact=True)
        one, all_ = profiles.hourly_loads(lab), profiles.hourly_loads(many)
        assert (one.customer_ids == all_.customer_ids).all() and np.array_equal(one.kwh, all_.kwh)


def test_groups_of_one_interval_come_out_the_same_in_any_parts(tmp_path: Path) -> None:
    from labkit.store import bucket_of

    rng, ids = np.random.default_rng(5), [f"C{i:04d}" for i in range(600)]
    loads = {name: rng.integers(1, 9_000, (14, 24), dtype=np.int32) for name in ids}
    days = np.arange("2025-03-03", "2025-03-17", dtype="datetime64[D]")
    found = []
    for buckets in (1, 4):
        with StoreWriter(tmp_path / str(buckets), buckets=buckets) as writer:
            writer.write("customers", pa.table({"customer_id": ids, "customer_class": ["public", "industrial"] * 300}))
            for bucket in range(buckets):
                mine = [name for name in ids if bucket_of(name, buckets) == bucket]
                wh = np.concatenate([loads[name] for name in mine])
                who, when = pa.array(np.repeat(mine, 14)), pa.array(np.tile(days, len(mine)))
                writer.write_day_rows("readings", "2025-03", bucket, day_rows(who, when, 60, wh, wh < 0))
        with labkit.open(tmp_path / str(buckets)) as lab:
            groups = lab.customers.select("customer_id", group="customer_class")
            found += [profiles.typical_days(lab, groups) for _ in range(3)]
    for other in found[1:]:
        pd.testing.assert_frame_equal(other, found[0], check_exact=True)
    assert len(found[0]) == 2 * 2 * 24
    everyone = [loads[name][[5, 6, 12, 13]] for name in ids[::2]]
    expected = np.mean([mine.mean(axis=0) / mine.mean() for mine in everyone], axis=0)
    weekend = found[0][(found[0]["group"] == "public") & (found[0]["day_type"] == "weekend")]
    assert np.allclose(weekend["relative_load"], expected, atol=1e-9)


def test_period_rules_cover_the_day() -> None:
    rules = calendar.read_periods()
    july, march = rules.slots(30, 7), rules.slots(30, 3)
    assert july[30:34] == ["sharp"] * 4 and march[30:34] == ["peak"] * 4
    assert march.count("valley") == 16 and july[46:] == ["valley"] * 2
    assert rules.spans("sharp", month=7) == [(15.0, 17.0)] and rules.spans("sharp", month=3) == []
    assert rules.spans("valley", month=3) == [(0.0, 7.0), (23.0, 24.0)]
    with pytest.raises(ValueError, match="month 1, workday: 00:00 belongs to no period"):
        calendar.parse_periods({"hours": {"peak": [[8, 20]]}}, "x")
