"""Data for measurements: a store of any size, quickly made, from a seed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from labkit import engine
from labkit.arrears import Books
from labkit.store import StoreWriter, bucket_of, buckets_for, day_rows


def make_store(
    folder: Path, customers: int, days: int = 365, interval_min: int = 30, tariff_id: str = "TWO_PART_DEMAND"
) -> None:
    """Customers with a load of one shape, each day at its own level; every reading there."""
    rng = np.random.default_rng(11)
    slots, buckets = 1440 // interval_min, buckets_for(customers)
    ids = np.array([f"C{i:07d}" for i in range(customers)])
    shape = (1 + np.sin(np.linspace(-2, 4, slots)) ** 2) * 1000
    size = rng.lognormal(3, 1, customers)
    first = dt.date(2025, 1, 1)
    with StoreWriter(folder, buckets=buckets) as writer:
        columns = {
            "customer_id": ids,
            "customer_class": ["industrial"] * customers,
            "tariff_id": [tariff_id] * customers,
        }
        writer.write(
            "customers", pa.table(columns | {"capacity_kva": size * 5, "pf_standard": np.full(customers, 0.9)})
        )
        for bucket in range(buckets):
            mine = np.flatnonzero([bucket_of(name, buckets) == bucket for name in ids])
            start = 0
            while start < days:
                month = first + dt.timedelta(start)
                count = min(
                    (month.replace(day=28) + dt.timedelta(4)).replace(day=1).toordinal() - month.toordinal(),
                    days - start,
                )
                who, day = np.repeat(mine, count), np.tile(np.arange(start, start + count), len(mine))
                wh = (size[who, None] * shape * rng.uniform(0.5, 1.5, (len(who), slots))).astype(np.int32)
                dates = np.datetime64(first) + day.astype("timedelta64[D]")
                rows = day_rows(pa.array(ids[who]), pa.array(dates), interval_min, wh, np.zeros(wh.shape, dtype=bool))
                writer.write_day_rows("readings", month.strftime("%Y-%m"), bucket, rows)
                start += count
            writer.close_files("readings")


def make_bad_readings(folder: Path, count: int) -> None:
    """Hourly readings in a CSV; one in a hundred is a mark, has a unit behind it, is negative or absurd."""
    folder.mkdir()
    con = duckdb.connect()
    bad = "CASE (i // 100) % 4 WHEN 0 THEN '--' WHEN 1 THEN '12.5kWh' WHEN 2 THEN '-3' ELSE '9e9' END"
    who = "'C' || lpad((i // 8760)::VARCHAR, 7, '0') customer_id"
    con.execute(
        f"COPY (SELECT {who}, strftime(TIMESTAMP '2025-01-01' + (i % 8760) * INTERVAL 1 HOUR, '%Y-%m-%d %H:%M:%S') ts, "
        f"CASE WHEN i % 100 = 7 THEN {bad} ELSE round(0.2 + (i * 7919 % 3000) / 1000, 3)::VARCHAR END kwh "
        f"FROM range({count}) t(i)) TO '{folder / 'readings.csv'}' (HEADER)"
    )
    con.execute(
        f"COPY (SELECT DISTINCT {who} FROM range(0, {count}, 8760) t(i) ORDER BY 1) TO '{folder / 'customers.csv'}' (HEADER)"
    )


def make_bills(folder: Path, count: int) -> None:
    """Bills and payments of count / 24 customers over two years: some late, some in half, some never."""
    con = duckdb.connect()
    amount, bill = "50 + (i * 7919 % 30000) / 100", "'B' || lpad(i::VARCHAR, 9, '0') bill_id"
    who = "'C' || lpad((i // 24)::VARCHAR, 7, '0') customer_id"
    con.execute(
        f"COPY (SELECT {bill}, {who}, round({amount}, 2)::DOUBLE total_yuan, (DATE '2024-01-03' + (i % 24)::INT * 30) issued_on, "
        f"(DATE '2024-01-18' + (i % 24)::INT * 30) due_on FROM range({count}) t(i)) TO '{folder / 'bills.parquet'}'"
    )
    con.execute(
        f"COPY (SELECT 'Y' || lpad(i::VARCHAR, 9, '0') payment_id, {bill}, {who}, "
        "DATE '2024-01-12' + (i % 24)::INT * 30 + (i * 31 % 40)::INT paid_on, "
        f"round(({amount}) * (CASE WHEN i % 50 = 0 THEN 0.5 ELSE 1 END), 2)::DOUBLE amount_yuan "
        f"FROM range({count}) t(i) WHERE i % 97 <> 0) TO '{folder / 'payments.parquet'}'"
    )


def open_bills(folder: Path) -> Books:
    """Books on the files of `make_bills`."""
    backend = engine.connect([folder])
    for name in ("bills", "payments"):
        backend.raw_sql(f"CREATE VIEW {name} AS SELECT * FROM '{folder / name}.parquet'")
    tables = backend.table("bills"), backend.table("payments")
    return Books(*tables, None, dt.date(2025, 12, 31), lambda table: backend.to_pyarrow(table).to_pandas())


def make_days(customers: int, seed: int = 5) -> np.ndarray:
    """Typical days of customers, 48 half-hours each, around eight kinds; each customer a little early or late."""
    rng = np.random.default_rng(seed)
    kinds = [(18, 23), (8, 18), (6, 22), (9, 21), (23, 31), (0, 24), (5, 10), (11, 14)]
    start, end = (
        np.array(kinds)[rng.integers(0, len(kinds), customers)].T[:, :, None] + rng.normal(0, 0.5, customers)[:, None]
    )
    hours = (np.arange(48) + 0.5) / 2
    days = 0.3 + sum(
        1 / (1 + np.exp(-5 * (hours + w - start))) - 1 / (1 + np.exp(-5 * (hours + w - end))) for w in (-24, 0, 24)
    )
    days = days * rng.lognormal(0, 0.15, days.shape)
    return np.asarray(days / days.mean(axis=1, keepdims=True))
