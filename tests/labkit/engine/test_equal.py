"""What labkit works out is the same on Spark as on DuckDB, to the last bit."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import labkit
from labkit import portrait, profiles, quality, tags
from labkit.lab import Lab
from labkit.segments import shapes
from labkit.store import StoreWriter, bucket_of, day_rows

KEY = ["customer_id", "month", "day_type"]


def assert_same(
    duck: Lab, spark: Lab, make: Callable[[Lab], pd.DataFrame], by: list[str] | None = None
) -> pd.DataFrame:
    expected, found = make(duck), make(spark)
    if by:
        expected, found = (frame.sort_values(by, ignore_index=True) for frame in (expected, found))
    assert len(expected)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    return found


def test_every_table_has_the_same_columns_types_and_rows(duck: Lab, spark: Lab) -> None:
    for name in duck.tables:
        expected, found = (lab.backend.to_pyarrow(lab.table(name)) for lab in (duck, spark))
        assert found.schema.equals(expected.schema), name
        by = [(column, "ascending") for column in expected.column_names[:6]]
        assert found.sort_by(by).equals(expected.sort_by(by)), name
    times = spark.backend.to_pyarrow(spark.tickets.opened_at)
    assert times.type == pa.timestamp("us"), "local wall time has no zone"


def test_summary_period_and_intervals(duck: Lab, spark: Lab) -> None:
    assert repr(spark) == repr(duck)
    assert spark.period == duck.period and spark.intervals() == duck.intervals()
    assert_same(duck, spark, lambda lab: lab.run(lab.days()), ["day"])


def test_cells_and_what_follows_from_them(duck: Lab, spark: Lab) -> None:
    minutes = duck.intervals()[-1]
    assert_same(duck, spark, lambda lab: lab.run(profiles.cells(lab, minutes)), KEY)
    # By way of `monthly_sums`.
    assert_same(duck, spark, profiles.load_features)


def test_daily_energy_typical_days_and_loads(duck: Lab, spark: Lab) -> None:
    assert_same(duck, spark, lambda lab: lab.run(profiles.daily_energy(lab)), ["customer_id", "day"])
    assert_same(duck, spark, profiles.typical_days, ["customer_id", "day_type", "hour"])
    by_class = lambda lab: lab.customers.mutate(group=lab.customers.customer_class)  # noqa: E731
    assert_same(duck, spark, lambda lab: profiles.typical_days(lab, by_class(lab)))
    expected, found = profiles.hourly_loads(duck), profiles.hourly_loads(spark)
    assert np.array_equal(found.customer_ids, expected.customer_ids) and np.array_equal(found.kwh, expected.kwh)
    assert np.array_equal(found.coverage, expected.coverage)


def test_shapes(duck: Lab, spark: Lab) -> None:
    expected, found = shapes.read_shapes(duck), shapes.read_shapes(spark)
    pd.testing.assert_frame_equal(found.values, expected.values, check_exact=True)
    pd.testing.assert_series_equal(found.scale_kw, expected.scale_kw, check_exact=True)
    pd.testing.assert_series_equal(found.dropped_share, expected.dropped_share, check_exact=True)
    pd.testing.assert_series_equal(found.apart, expected.apart)


def test_portrait_money_included(duck: Lab, spark: Lab) -> None:
    people = assert_same(duck, spark, portrait.portrait)
    assert people["unpaid_yuan"].sum() > 0 and people["billed_growth_share"].notna().any()


def test_tags_by_rules(duck: Lab, spark: Lab) -> None:
    library = tags.read_catalogue("combined")
    expected, found = tags.assign(duck, library), tags.assign(spark, library)
    assert len(found.tags) > 100 and found.not_computed == expected.not_computed
    assert found.by_rule_counts == expected.by_rule_counts
    pd.testing.assert_frame_equal(found.to_frame(), expected.to_frame())


def test_rules_are_checked(duck: Lab, spark: Lab) -> None:
    assert_same(duck, spark, quality.check_rules)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three customers in two buckets, readings of two months at two intervals; every table breaks a rule."""
    folder = tmp_path_factory.mktemp("broken d[1] 数据") / "s"
    customers = ["A", "B", "D"]
    assert {bucket_of(c, 2) for c in customers} == {0, 1}
    with StoreWriter(folder, buckets=2) as writer:
        writer.write("customers", pa.table({"customer_id": customers, "customer_class": ["castle", "public", None]}))
        bills = {
            "bill_id": ["1", "2", "2"],
            "customer_id": ["A", "B", "Z"],
            "period": ["2025-01", "2025-13", "2025-02"],
        }
        writer.write("bills", pa.table(bills | {"kwh": [1.0, -2.0, None], "total_yuan": [1.0, 1.0, None]}))
        for month, minutes in (("2025-01", 60), ("2025-02", 15)):
            for bucket in (0, 1):
                mine = [c for c in customers if bucket_of(c, 2) == bucket]
                at = pa.array(mine), pa.array(np.array([f"{month}-03"] * len(mine), dtype="datetime64[D]"))
                wh = np.tile(np.arange(1440 // minutes, dtype=np.int32) - 1, (len(mine), 1))
                writer.write_day_rows("readings", month, bucket, day_rows(*at, minutes, wh, wh == 5))
    return folder


@pytest.fixture
def both(broken: Path, spark: Lab) -> Iterator[tuple[Lab, Lab]]:
    with labkit.open(broken) as one, labkit.open(broken, engine=spark.backend._session) as other:  # type: ignore[attr-defined]
        yield one, other


def test_broken_rules_are_counted_alike(both: tuple[Lab, Lab]) -> None:
    rules = assert_same(*both, quality.check_rules).set_index("rule")["broken_count"].to_dict()
    assert rules["customers.customer_class.code"] == 1 and rules["bills.period.month"] == 1
    assert rules["bills.kwh.range"] == 1 and rules["readings.slots.range"] == 6


def test_keys_and_references_are_checked_alike(both: tuple[Lab, Lab], duck: Lab) -> None:
    found = assert_same(*both, quality.check_keys).set_index("rule")["broken_count"].to_dict()
    assert found == {"bills.key.unique": 2, "bills.customer_id.reference": 1}
    assert quality.check_keys(duck).empty


def test_parts_cover_the_table_and_mixed_intervals_agree(both: tuple[Lab, Lab]) -> None:
    duck, spark = both
    assert (len(duck.parts()), len(spark.parts())) == (2, 1)
    assert sum(len(duck.run(part)) for part in duck.parts()) == len(spark.run(spark.parts()[0])) == 6
    assert (duck.in_one_part, spark.in_one_part) == (False, True)
    assert_same(duck, spark, lambda lab: pd.concat(lab.run_parts(lab.readings)), ["customer_id", "day"])
    assert_same(duck, spark, lambda lab: lab.run(profiles.daily_energy(lab)), ["customer_id", "day"])
    assert_same(duck, spark, lambda lab: lab.run(lab.readings), ["customer_id", "day"])


def test_a_part_is_a_bucket_and_what_is_asked_in_between_is_all(both: tuple[Lab, Lab]) -> None:
    duck, _ = both
    buckets = []
    for found in duck.run_parts(duck.readings.select("customer_id", "bucket").distinct()):
        assert {bucket_of(c, 2) for c in found["customer_id"]} == set(found["bucket"])
        buckets += found["bucket"].unique().tolist()
        assert len(duck.run(duck.readings)) == 6
    assert buckets == [0, 1]


def test_the_kind_of_day_is_the_calendars(duck: Lab, spark: Lab) -> None:
    for lab in (duck, spark):
        days = lab.days()
        found = lab.run(days.mutate(looked_up=lab.day_type(days.day)))
        assert len(found) == 365 and found["day_type"].nunique() == 3
        assert found["looked_up"].tolist() == found["day_type"].tolist()
        strange = ibis.memtable({"day": [datetime.date(2024, 12, 31), datetime.date(2026, 1, 1)]})
        assert lab.run(strange.select(kind=lab.day_type(strange.day)))["kind"].isna().all()


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_filter_on_month_or_bucket_reads_only_their_files(
    broken: Path, spark: Lab, tmp_path: Path, engine: str
) -> None:
    folder = shutil.copytree(broken, tmp_path / "s")
    for file in folder.glob("readings/month=2025-02/bucket=0001/*"):
        file.write_bytes(b"PAR1 and then nothing")
    session = spark.backend._session  # type: ignore[attr-defined]
    with labkit.open(folder, engine=session if engine == "spark" else None, verify=False) as lab:
        rows = lab.readings
        assert len(lab.run(rows.filter(rows.month == "2025-01"))) == 3
        assert set(lab.run(rows.filter(rows.bucket == 0))["month"]) == {"2025-01", "2025-02"}
        parts = lab.run_parts(rows)
        if engine == "duckdb":
            assert set(next(parts)["bucket"]) == {0}
        with pytest.raises(Exception, match=r"(?i)spark could not|magic bytes|parquet"):
            next(parts)
        # A part that failed holds no later question to its bucket.
        with pytest.raises(Exception, match=r"(?i)spark could not|magic bytes|parquet"):
            lab.run(rows)
