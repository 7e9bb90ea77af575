"""The store: Parquet files with a sha256 manifest, written whole or not at all.

Every table is one file, but for readings: a row a customer-day, one whole-Wh
int32 column a slot (``p00`` … ``p95``; null is missing), by month and customer
bucket, sorted by customer and day. A customer's bucket is ``crc32(id) % buckets``,
kept for good, so that new months and customers land beside the old ones and a
cluster can prune. ``reactive`` has the same form in varh.
"""

from labkit.store.layout import (
    DAY_PARTITIONS,
    DAY_TABLES,
    SLOT_COLUMNS,
    SLOTS,
    arrow_schema,
    bucket_of,
    buckets_for,
    day_rows,
    time_column,
)
from labkit.store.manifest import RECORD, About, Manifest, StoreError, TableEntry, is_store
from labkit.store.swap import swap_in, sweep_unfinished, unfinished
from labkit.store.writer import StoreWriter, check_replaceable, write_whole

__all__ = [
    "DAY_PARTITIONS",
    "DAY_TABLES",
    "RECORD",
    "SLOTS",
    "SLOT_COLUMNS",
    "About",
    "Manifest",
    "StoreError",
    "StoreWriter",
    "TableEntry",
    "arrow_schema",
    "bucket_of",
    "buckets_for",
    "check_replaceable",
    "day_rows",
    "is_store",
    "swap_in",
    "sweep_unfinished",
    "time_column",
    "unfinished",
    "write_whole",
]
