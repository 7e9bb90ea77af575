"""A store made anew in several buckets, as those of large utilities are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from labkit.lab import Lab
from labkit.store import DAY_TABLES, StoreWriter, bucket_of


def split_store(lab: Lab, folder: Path, others: Iterable[str], buckets: int = 4) -> None:
    """Write the day rows of a lab in buckets, beside some of its other tables."""
    with StoreWriter(folder, buckets=buckets) as writer:
        for name in others:
            writer.write(name, lab.backend.to_pyarrow(lab.table(name)))
        for name in (name for name in DAY_TABLES if lab.has(name)):
            rows = lab.run(lab.table(name))
            schema = lab.backend.to_pyarrow(lab.table(name).limit(0)).drop_columns(["month", "bucket"]).schema
            of = np.array([bucket_of(customer, buckets) for customer in rows["customer_id"]])
            for bucket in range(buckets):
                mine = rows[of == bucket].sort_values(["customer_id", "day"])
                for month, part in mine.groupby("month"):
                    table = pa.Table.from_pandas(part[schema.names], schema=schema, preserve_index=False)
                    writer.write_day_rows(name, str(month), bucket, table)
