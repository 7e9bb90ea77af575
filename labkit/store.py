"""The store: Parquet files with a sha256 manifest, written whole or not at all.

Every table is one file, but for readings: a row a customer-day, one whole-Wh
int32 column a slot (``p00`` … ``p95``; null is missing), by month and customer
bucket, sorted by customer and day. A customer's bucket is ``crc32(id) % buckets``,
kept for good, so that new months and customers land beside the old ones and a
cluster can prune. ``reactive`` has the same form in varh.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labkit.engine import is_running
from labkit.schema import TABLES, Type

MANIFEST = "manifest.json"
FORMAT = 1
SLOTS = 96
SLOT_COLUMNS = tuple(f"p{slot:02d}" for slot in range(SLOTS))
#: Tables kept as day rows: energy [Wh] and reactive energy [varh].
DAY_TABLES = ("readings", "reactive")
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


class StoreError(Exception):
    """A store that is not there, not whole or not ours; the text says what to do."""


@dataclass(frozen=True)
class About:
    """What the store says of itself besides its tables."""

    name_en: str = "Utility"
    name_zh: str = "供电企业"
    timezone: str = "Asia/Shanghai"
    calendar: str = "CN"
    currency: str = "yuan"
    #: "protected": small cells are hidden in every report; "open": public data or one's own premises.
    disclosure: str = "protected"
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableEntry:
    """A table in the manifest: rows, files, first and last moment."""

    rows: int
    files: tuple[dict[str, Any], ...]
    first: str | None
    last: str | None


@dataclass(frozen=True)
class Manifest:
    """What a store holds, with the digest that names its content."""

    about: About
    buckets: int
    tables: dict[str, TableEntry]
    digest: str

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Manifest of a store.

        Raises
        ------
        StoreError
            If there is none, it cannot be read, or it is of another format.
        """
        path = Path(folder) / MANIFEST
        if not path.is_file():
            raise StoreError(
                f"{folder} is not a labkit store (no {MANIFEST}): make one with `labkit intake {folder} --out STORE`"
            )
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["labkit_store"] != FORMAT:
                raise StoreError(
                    f"{path} is of store format {raw['labkit_store']}, this labkit reads {FORMAT}: "
                    "make the store anew from its source"
                )
            about = About(**(raw["about"] | {"sources": tuple(raw["about"]["sources"])}))
            tables = {
                n: TableEntry(t["rows"], tuple(t["files"]), t["first"], t["last"]) for n, t in raw["tables"].items()
            }
            return cls(about, raw["buckets"], tables, raw["digest"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{path} cannot be read ({type(error).__name__}): make the store anew from its source"
            ) from error

    @property
    def period(self) -> tuple[str, str] | None:
        """First and last day of readings, or else of billed months; None without either."""
        for name in ("readings", "bills"):
            entry = self.tables.get(name)
            if entry and entry.first and entry.last:
                return _day(entry.first, last=False), _day(entry.last, last=True)
        return None

    def verify(self, folder: Path) -> None:
        """Compare every file with its sha256 (about 1 GB a second).

        Raises
        ------
        StoreError
            Naming the first file that is missing or differs.
        """
        for entry in self.tables.values():
            for file in entry.files:
                path = Path(folder) / file["path"]
                if not path.is_file():
                    raise StoreError(f"{path} is missing: make the store anew from its source")
                if path.stat().st_size != file["bytes"] or _sha256(path) != file["sha256"]:
                    raise StoreError(
                        f"{path} is not what was written (sha256 differs): make the store anew from its source"
                    )


def _day(moment: str, *, last: bool) -> str:
    """A day as it is; a month as its first or last day."""
    if len(moment) > 7:
        return moment[:10]
    month = np.datetime64(moment, "M")
    return str((month + 1).astype("datetime64[D]") - 1 if last else month.astype("datetime64[D]"))


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


@dataclass
class _Open:
    writer: pq.ParquetWriter
    path: str
    rows: int = 0


@dataclass
class StoreWriter:
    """Writes a store beside its target and puts it there whole.

    Use as a context manager; leaving it without an error publishes the store,
    leaving it with one removes every trace and leaves an earlier store intact.
    """

    target: Path
    about: About = field(default_factory=About)
    buckets: int = 1

    def __enter__(self) -> Self:
        self.target = Path(self.target).absolute()
        check_replaceable(self.target)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.folder = self.target.parent / f".{self.target.name}.writing-{os.getpid()}"
        sweep_unfinished(self.target.parent, f".{self.target.name}.writing-")
        self.folder.mkdir()
        self._open: dict[str, _Open] = {}
        self._files: dict[str, list[dict[str, Any]]] = {}
        self._span: dict[str, tuple[str, str]] = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._publish()
                return
            except BaseException:
                shutil.rmtree(self.folder, ignore_errors=True)
                raise
        for opened in self._open.values():
            opened.writer.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, table: str, data: pa.Table) -> None:
        """Append rows to a table; columns that are missing are empty."""
        schema = arrow_schema(table)
        columns = [
            data[name].cast(schema.field(name).type)
            if name in data.column_names
            else pa.nulls(len(data), schema.field(name).type)
            for name in schema.names
        ]
        self._append(table, f"{table}.parquet", pa.Table.from_arrays(columns, schema=schema))
        self._see(table, data)

    def write_day_rows(self, table: str, month: str, bucket: int, data: pa.Table) -> None:
        """Append day rows of one month and bucket, sorted by customer and day."""
        self._append(table, f"{table}/month={month}/bucket={bucket:04d}/part.parquet", data)
        self._see(table, data)

    def close_files(self, table: str) -> None:
        """Close the open files of a table, so that few are open at a time."""
        for path in [
            path for path, opened in self._open.items() if path.split("/")[0].removesuffix(".parquet") == table
        ]:
            self._close(table, self._open.pop(path))

    def _append(self, table: str, path: str, data: pa.Table) -> None:
        if path not in self._open:
            full = self.folder / path
            full.parent.mkdir(parents=True, exist_ok=True)
            writer = pq.ParquetWriter(full, data.schema, compression="zstd", write_page_checksum=True)
            self._open[path] = _Open(writer, path)
            self._files.setdefault(table, [])
        self._open[path].writer.write_table(data)
        self._open[path].rows += len(data)

    def _see(self, table: str, data: pa.Table) -> None:
        name = time_column(table)
        if name is None or name not in data.column_names or not len(data):
            return
        span = pc.min_max(data[name])
        low, high = str(span["min"].as_py()), str(span["max"].as_py())
        if low == "None":
            return
        old = self._span.get(table, (low, high))
        self._span[table] = (min(low, old[0]), max(high, old[1]))

    def _close(self, table: str, opened: _Open) -> None:
        opened.writer.close()
        path = self.folder / opened.path
        with path.open("rb") as file:
            os.fsync(file.fileno())
        size = path.stat().st_size
        self._files[table].append({"path": opened.path, "rows": opened.rows, "bytes": size, "sha256": _sha256(path)})

    def _publish(self) -> None:
        for table in list(self._files):
            self.close_files(table)
        tables = {}
        for name in sorted(self._files):
            files = sorted(self._files[name], key=lambda file: file["path"])
            first, last = self._span.get(name, (None, None))
            tables[name] = {"rows": sum(file["rows"] for file in files), "first": first, "last": last, "files": files}
        about = self.about.__dict__ | {"sources": list(self.about.sources)}
        content = json.dumps([about, tables, self.buckets], sort_keys=True, ensure_ascii=False)
        manifest = {
            "labkit_store": FORMAT,
            "about": about,
            "buckets": self.buckets,
            "digest": hashlib.sha256(content.encode()).hexdigest(),
            "tables": tables,
        }
        write_whole(self.folder / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n")
        swap_in(self.folder, self.target)


def time_column(table: str) -> str | None:
    """Column that dates the rows of a table; None where rows have no date."""
    if table in DAY_TABLES:
        return "day"
    dated = (Type.TIMESTAMP, Type.DATE, Type.MONTH)
    required = [c.name for c in TABLES[table].columns if c.type in dated and c.required]
    return required[0] if required else None


def check_replaceable(target: Path) -> None:
    """Refuse to write over anything that is not a store of ours.

    Raises
    ------
    StoreError
    """
    if target.exists() and not (target / MANIFEST).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{target} is there already and is not a labkit store: name another folder, or move it away")
    parent = next(folder for folder in (target, *target.parents) if folder.exists())
    if not os.access(parent, os.W_OK):
        raise StoreError(f"{parent} cannot be written to: name another folder")


def sweep_unfinished(parent: Path, prefix: str) -> None:
    """Remove what killed runs left: folders named after a process that is no more."""
    for left in parent.glob(f"{prefix}*"):
        owner = left.name.removeprefix(prefix)
        if owner.isdigit() and (int(owner) == os.getpid() or not is_running(int(owner))):
            shutil.rmtree(left, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    part = path.with_name(f".{path.name}.writing-{os.getpid()}")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def swap_in(folder: Path, target: Path) -> None:
    """Put a finished folder in its place; what stood there goes only then."""
    old = target.parent / f".{target.name}.replaced-{os.getpid()}"
    if target.exists():
        os.rename(target, old)
    try:
        os.rename(folder, target)
    except OSError:
        if old.exists():
            os.rename(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_store(folder: Path) -> bool:
    """Whether a folder is a labkit store."""
    return (Path(folder) / MANIFEST).is_file()


def months_between(first: str, last: str) -> Iterable[str]:
    """Months from first to last, both as YYYY-MM.

    Examples
    --------
    >>> list(months_between("2024-11", "2025-01"))
    ['2024-11', '2024-12', '2025-01']
    """
    year, month = int(first[:4]), int(first[5:7])
    while f"{year}-{month:02d}" <= last[:7]:
        yield f"{year}-{month:02d}"
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
