"""Writing a store: beside its target first, then put in its place whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labkit.store.layout import DAY_ROW_SCHEMA, DAY_TABLES, SLOT_COLUMNS, arrow_schema, time_column
from labkit.store.manifest import FORMAT, MANIFEST, RECORD, About, StoreError, file_sha256, seal_of
from labkit.store.swap import swap_in, sweep_unfinished

#: Engines read a file by its row groups, one a core: few make cores wait, large ones outgrow their caches.
_ROWS_A_GROUP = 16_384
#: Readings hardly repeat, so that a dictionary only adds to them; what differs from the day before packs well.
_DAY_ROW_ENCODING: dict[str, Any] = {
    "use_dictionary": [name for name in DAY_ROW_SCHEMA.names if name not in SLOT_COLUMNS],
    "column_encoding": dict.fromkeys(SLOT_COLUMNS, "DELTA_BINARY_PACKED"),
}


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
        self._append(table, f"{table}/month={month}/bucket={bucket:04d}/part.parquet", data, _ROWS_A_GROUP)
        self._see(table, data)

    def close_files(self, table: str) -> None:
        """Close the open files of a table, so that few are open at a time."""
        for path in [
            path for path, opened in self._open.items() if path.split("/")[0].removesuffix(".parquet") == table
        ]:
            self._close(table, self._open.pop(path))

    def _append(self, table: str, path: str, data: pa.Table, rows_a_group: int | None = None) -> None:
        if path not in self._open:
            full = self.folder / path
            full.parent.mkdir(parents=True, exist_ok=True)
            encoding = _DAY_ROW_ENCODING if table in DAY_TABLES else {}
            writer = pq.ParquetWriter(full, data.schema, compression="zstd", write_page_checksum=True, **encoding)
            self._open[path] = _Open(writer, path)
            self._files.setdefault(table, [])
        self._open[path].writer.write_table(data, rows_a_group)
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
        self._files[table].append({"path": opened.path, "rows": opened.rows} | _facts_of(path))

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
        manifest: dict[str, Any] = {
            "labkit_store": FORMAT,
            "about": about,
            "buckets": self.buckets,
            "digest": hashlib.sha256(content.encode()).hexdigest(),
            "tables": tables,
        }
        record = self.folder / RECORD
        if record.is_file():
            manifest["beside"] = [{"path": RECORD} | _facts_of(record)]
        manifest["seal"] = seal_of(manifest)
        write_whole(self.folder / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n")
        swap_in(self.folder, self.target)


def _facts_of(path: Path) -> dict[str, Any]:
    """What tells whether a file is as it was written."""
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    part = path.with_name(f".{path.name}.writing-{os.getpid()}")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
