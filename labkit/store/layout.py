"""How the store lays rows out: types, day rows, buckets."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa

from labkit.schema import TABLES, Type

SLOTS = 96
SLOT_COLUMNS = tuple(f"p{slot:02d}" for slot in range(SLOTS))
#: Tables kept as day rows: energy [Wh] and reactive energy [varh].
DAY_TABLES = ("readings", "reactive")
#: Columns of day rows that stand in the names of folders, with their Ibis types.
DAY_PARTITIONS = {"bucket": "int32", "month": "string"}
DAY_ROW_SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("day", pa.date32()),
        ("interval_min", pa.int16()),
        *((name, pa.int32()) for name in SLOT_COLUMNS),
    ]
)
_CUSTOMERS_A_BUCKET = 8192
_ARROW_TYPES: dict[Type, pa.DataType] = {
    Type.TEXT: pa.string(),
    Type.MONTH: pa.string(),
    Type.INTEGER: pa.int64(),
    Type.NUMBER: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.DATE: pa.date32(),
    Type.TIMESTAMP: pa.timestamp("us"),
}


def bucket_of(customer_id: str, buckets: int) -> int:
    """Bucket a customer's readings are kept in.

    Examples
    --------
    >>> bucket_of("C0000001", 4)
    2
    """
    return zlib.crc32(customer_id.encode("utf-8")) % buckets


def buckets_for(customers: int) -> int:
    """Number of buckets for so many customers: a power of two, about 8,000 in each.

    Examples
    --------
    >>> buckets_for(2_000), buckets_for(100_000)
    (1, 16)
    """
    return 1 << max(0, (max(customers, 1) - 1) // _CUSTOMERS_A_BUCKET).bit_length()


def arrow_schema(table: str) -> pa.Schema:
    """Arrow schema of a table as the store keeps it."""
    if table in DAY_TABLES:
        return DAY_ROW_SCHEMA
    return pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in TABLES[table].columns])


def day_rows(
    customer_ids: pa.Array, days: pa.Array, interval_min: int, values: np.ndarray, missing: np.ndarray
) -> pa.Table:
    """Day rows from an array of slots.

    Parameters
    ----------
    customer_ids, days : Array
        One a row.
    interval_min : int
        15, 30 or 60 [min].
    values : ndarray of int32, shape (rows, 1440 / interval_min)
        Energy of each slot [Wh or varh].
    missing : ndarray of bool, same shape
    """
    rows, slots = values.shape
    columns: list[pa.Array] = [customer_ids, days, pa.array(np.full(rows, interval_min, dtype=np.int16))]
    columns += [
        pa.array(np.ascontiguousarray(values[:, s]), mask=np.ascontiguousarray(missing[:, s])) for s in range(slots)
    ]
    nothing = pa.nulls(rows, pa.int32())
    columns += [nothing] * (SLOTS - slots)
    return pa.Table.from_arrays(columns, schema=DAY_ROW_SCHEMA)


def time_column(table: str) -> str | None:
    """Column that dates the rows of a table; None where rows have no date."""
    if table in DAY_TABLES:
        return "day"
    dated = (Type.TIMESTAMP, Type.DATE, Type.MONTH)
    required = [c.name for c in TABLES[table].columns if c.type in dated and c.required]
    return required[0] if required else None
