"""An embedded DuckDB under Ibis: locked down, bounded in memory, stoppable.

Three things DuckDB does not do by itself (measured with 2.0): Ctrl-C does not
stop a query on the main thread, spilled data are plain files that survive a
kill, and extensions are fetched from the network when a query asks for one.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

from labkit.engine.private import default_memory_mb, private_spill_folder
from labkit.engine.stopping import run_stoppable

#: The bucket that a query is held to; missing where it reads all.
_BUCKET = "getvariable('bucket')"
_SQL_TYPES = {"string": "VARCHAR", "int32": "INTEGER"}


class DuckCompiler(DuckDBCompiler):
    """Ibis's own, but for sums of whole numbers: DuckDB makes them 128 bits wide, where Ibis and Spark have 64.

    What is worked out from them and handed to Arrow then takes twice the memory and more time.
    """

    __slots__ = ()

    def visit_Sum(self, op: ops.Sum, **kwargs: Any) -> Any:  # noqa: N802
        made = super().visit_Sum(op, **kwargs)
        return self.cast(made, op.dtype) if op.dtype.is_integer() else made

    def visit_WindowFunction(self, op: ops.WindowFunction, *, func: Any, **kwargs: Any) -> Any:  # noqa: N802
        if not isinstance(op.func, ops.Sum) or not op.dtype.is_integer():
            return super().visit_WindowFunction(op, func=func, **kwargs)
        return self.cast(super().visit_WindowFunction(op, func=func.this, **kwargs), op.dtype)


class StoppableBackend(Backend):
    """Ibis's DuckDB backend whose queries end at Ctrl-C, connection intact."""

    compiler = DuckCompiler()
    #: Private folder for what does not fit in memory.
    spill: Path
    takes_whole = False

    def add_table(
        self, name: str, folder: Path, files: Sequence[str], schema: pa.Schema, partitions: Mapping[str, str]
    ) -> None:
        root = pattern_of(folder)
        listed = ", ".join("'" + f"{root}/{file}".replace("'", "''") + "'" for file in files)
        types = ", ".join(f"'{column}': {_SQL_TYPES[kind]}" for column, kind in partitions.items())
        hive = f", hive_partitioning=true, hive_types={{{types}}}" if partitions else ""
        # Worked out before the query begins: other buckets' files are not opened (see `in_parts`).
        part = f" WHERE {_BUCKET} IS NULL OR bucket = {_BUCKET}" if "bucket" in partitions else ""
        self.raw_sql(f'CREATE VIEW "{name}" AS SELECT * FROM read_parquet([{listed}]{hive}){part}')  # nosec B608 # names of our own schema, quoted paths

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        self._run_pre_execute_hooks(expression)
        self.raw_sql(f'CREATE TEMP TABLE "{name}" AS {self.compile(expression)}')
        return self.table(name)

    def forget(self, name: str) -> None:
        self.raw_sql(f'DROP TABLE "{name}"')

    def compile(self, *args: Any, **kwargs: Any) -> Any:
        # Ibis would merge steps into one SELECT, which takes it longer than many a query; DuckDB does that by itself.
        merge, ibis.options.sql.fuse_selects = ibis.options.sql.fuse_selects, False
        try:
            return super().compile(*args, **kwargs)
        finally:
            ibis.options.sql.fuse_selects = merge

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        # By way of Arrow: Ibis's own path asks pandas 3 for an option it has deprecated.
        result = self.to_pyarrow(*args, **kwargs)
        return result.as_py() if isinstance(result, pa.Scalar) else result.to_pandas()

    def to_pyarrow(self, *args: Any, **kwargs: Any) -> Any:
        return run_stoppable(self.con.interrupt, lambda: super(StoppableBackend, self).to_pyarrow(*args, **kwargs))

    def to_parquet(self, *args: Any, **kwargs: Any) -> Any:
        return run_stoppable(self.con.interrupt, lambda: super(StoppableBackend, self).to_parquet(*args, **kwargs))

    def raw_sql(self, *args: Any, **kwargs: Any) -> Any:
        return run_stoppable(self.con.interrupt, lambda: super(StoppableBackend, self).raw_sql(*args, **kwargs))

    def batches(self, expression: ir.Table, rows: int = 1_000_000) -> Iterator[pa.RecordBatch]:
        """Result of an expression piece by piece, so that it need not fit in memory."""
        self._run_pre_execute_hooks(expression)
        yield from self.stream(self.compile(expression), expression.schema().to_pyarrow(), rows)

    def stream(self, sql: str, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
        """Result of a query that is already SQL, piece by piece."""
        relation = run_stoppable(self.con.interrupt, lambda: self.con.sql(sql))
        reader = run_stoppable(self.con.interrupt, lambda: relation.to_arrow_reader(rows))
        while (batch := run_stoppable(self.con.interrupt, lambda: next(reader, None))) is not None:
            yield batch.cast(schema)

    def in_parts(self, expression: ir.Table, buckets: int) -> Iterator[pa.Table]:
        self._run_pre_execute_hooks(expression)
        # Compiled once: for wide expressions that takes as long as a bucket's query.
        sql, schema = self.compile(expression), expression.schema().to_pyarrow()
        for bucket in range(buckets):
            yield self._ask_bucket(sql, bucket).cast(schema)

    def _ask_bucket(self, sql: str, bucket: int) -> pa.Table:
        def work() -> pa.Table:
            # One piece of work, whose end no Ctrl-C can cut off: what stayed set would narrow every later question.
            try:
                self.con.execute(f"SET VARIABLE bucket = {bucket}")
                return self.con.sql(sql).to_arrow_table()
            finally:
                self._forget_bucket()

        return run_stoppable(self.con.interrupt, work)

    def _forget_bucket(self) -> None:
        while True:
            with contextlib.suppress(duckdb.InterruptException):  # sent for the query, come too late for it
                self.con.execute("RESET VARIABLE bucket")
                return

    def close(self) -> None:
        """End the engine and remove its spill folder."""
        self.con.close()
        shutil.rmtree(self.spill, ignore_errors=True)


def pattern_of(path: Path | str) -> str:
    """A path as DuckDB must be given it, which takes every path for a pattern.

    Asked for ``d[1].csv`` it would read ``d1.csv``.

    Examples
    --------
    >>> pattern_of("d[1]/x*.csv")
    'd[[]1]/x[*].csv'
    """
    return re.sub(r"[\[*?]", lambda found: f"[{found.group(0)}]", str(path))


def connect(
    paths: Iterable[Path] = (), *, memory_limit_mb: int | None = None, threads: int | None = None
) -> StoppableBackend:
    """A fresh in-memory engine that reads the given files and folders and nothing else.

    Parameters
    ----------
    paths : iterable of Path
        Files that queries may read; of a folder, all in it, and they may write there. A store
        is opened by its files, so that no query can put anything beside them.
    memory_limit_mb : int, optional
        Limit of the engine's memory [MB]; 60 % of the machine's by default.
    threads : int, optional
        Threads of a query; all cores by default.
    """
    spill = private_spill_folder()
    con = duckdb.connect(
        config={
            "memory_limit": f"{memory_limit_mb or default_memory_mb()}MB",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
            # It makes a join of a window over whole groups, for which readings are read twice, and of all buckets.
            "disabled_optimizers": "window_self_join",
            **({"threads": str(threads)} if threads else {}),
        }
    )
    backend = StoppableBackend.from_connection(con)
    backend.spill = spill
    real = [spill, *(Path(path).resolve() for path in paths)]
    con.execute(f"SET allowed_directories=[{_quoted(path for path in real if path.is_dir())}]")
    con.execute(f"SET allowed_paths=[{_quoted(path for path in real if not path.is_dir())}]")
    con.execute("SET allow_community_extensions=false")
    con.execute("SET enable_external_access=false")
    con.execute("SET python_enable_replacements=false")
    con.execute("SET lock_configuration=true")
    return backend


def _quoted(paths: Iterable[Path]) -> str:
    """Paths as a list of SQL, each also as a pattern: that is the text the engine compares."""
    texts = {text for path in paths for text in (str(path), pattern_of(path))}
    return ", ".join("'" + text.replace("'", "''") + "'" for text in sorted(texts))
