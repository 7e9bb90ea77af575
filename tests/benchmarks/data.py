"""Data for measurements: a store of any size, quickly made, from a seed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa

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
