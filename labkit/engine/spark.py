"""Spark under Ibis: results through Arrow as DuckDB gives them, short errors, stoppable."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.pyspark import Backend
from ibis.backends.pyspark.datatypes import PySparkSchema
from ibis.backends.sql.compilers.base import NULL
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql.types import StructField, StructType, TimestampNTZType, TimestampType

from labkit.engine.model import EngineError
from labkit.engine.spark_needs import without_pandas_warning
from labkit.engine.spark_session import Joined
from labkit.engine.stopping import run_stoppable

T = TypeVar("T")
_LOGGER = "SQLQueryContextLogger"


class SparkCompiler(PySparkCompiler):
    """Ibis's own, but for two things.

    A number with a point is a float: Spark would read 1000.0 as a decimal and divide to few
    digits. And what is not a number is not missing, as on DuckDB.
    """

    __slots__ = ()

    def visit_NonNullLiteral(self, op: ops.Literal, *, value: Any, dtype: Any) -> Any:  # noqa: N802
        made = super().visit_NonNullLiteral(op, value=value, dtype=dtype)
        return self.cast(value if made is None else made, dtype) if dtype.is_floating() else made

    def visit_IsNull(self, op: ops.IsNull, *, arg: Any) -> Any:  # noqa: N802
        return arg.is_(NULL)

    def visit_NotNull(self, op: ops.NotNull, *, arg: Any) -> Any:  # noqa: N802
        return arg.is_(NULL).not_()


class SparkBackend(Backend):
    """Ibis's Spark backend on a session of our own."""

    compiler = SparkCompiler()
    takes_whole = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._joined: Joined | None = None
        self._views: dict[str, Callable[[], ir.Table]] = {}
        self._kept: list[str] = []

    def add_table(
        self, name: str, folder: Path, files: Sequence[str], schema: pa.Schema, partitions: Mapping[str, str]
    ) -> None:
        columns = ibis.schema(dict(ibis.Schema.from_pyarrow(schema).items()) | dict(partitions))

        def make_view() -> ir.Table:
            reader = self._session.read.schema(_spark_schema(columns))
            # The columns in the names of folders begin below the table's own.
            reader = reader.option("basePath", str(folder / name if partitions else folder))
            rows = reader.parquet(*(_as_name((folder / file).as_posix()) for file in files))
            rows.select(*columns.names).createOrReplaceTempView(name)
            return super(SparkBackend, self).table(name)

        # Most labs ask for a few tables, and each costs the listing of its files.
        self._views[name] = cache(lambda: self.ask(make_view))

    def table(self, name: str, /, *args: Any, **kwargs: Any) -> ir.Table:
        return self._views[name]() if name in self._views else super().table(name, *args, **kwargs)

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        def work() -> ir.Table:
            self._run_pre_execute_hooks(expression)
            frame = self._session.sql(self.compile(expression))
            frame.cache().createOrReplaceTempView(name)
            return super(SparkBackend, self).table(name)

        table = self.ask(work)
        self._kept.append(name)
        return table

    def forget(self, name: str) -> None:
        def work() -> None:
            self._session.catalog.uncacheTable(name)
            self._session.catalog.dropTempView(name)

        self._kept.remove(name)
        self.ask(work)

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        result = self.to_pyarrow(*args, **kwargs)
        return result.as_py() if isinstance(result, pa.Scalar) else result.to_pandas()

    def to_pyarrow(self, expr: ir.Expr, /, *, params: Any = None, limit: Any = None, **kwargs: Any) -> Any:
        table = expr.as_table()
        schema = table.schema().to_pyarrow()

        def work() -> pa.Table:
            self._run_pre_execute_hooks(table)
            return self.raw_sql(self.compile(table, params=params, limit=limit, **kwargs)).toArrow()

        found = self.ask(work)
        arrays = [column.cast(field.type) for column, field in zip(found.columns, schema, strict=True)]
        return expr.__pyarrow_result__(pa.Table.from_arrays(arrays, schema=schema))

    def batches(self, expression: ir.Table, rows: int = 1_000_000) -> Iterator[pa.RecordBatch]:
        """Result of an expression piece by piece; Spark gathers it whole first."""
        yield from self.to_pyarrow(expression).to_batches(rows)

    def in_parts(self, expression: ir.Table, buckets: int) -> Iterator[pa.Table]:
        yield self.to_pyarrow(expression)

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        data = op.data.to_pyarrow(op.schema)
        frame = self._session.createDataFrame(data, schema=_spark_schema(op.schema))
        frame.createOrReplaceTempView(op.name)

    def _make_memtable_finalizer(self, name: str) -> None:
        """Nothing: they go with the session, which is ours."""

    def ask(self, work: Callable[[], T]) -> T:
        """Work of Spark's: Ctrl-C stops it, an error is a sentence.

        Raises
        ------
        EngineError
            Naming Spark's own condition. Its text may be a page and show values, so it is left out; it is the context
            of this error.
        """
        try:
            with _silence(_LOGGER), without_pandas_warning():
                return run_stoppable(self._session.interruptAll, work)
        except (PySparkException, Py4JError, ConnectionError, EOFError) as error:
            raise EngineError(self._explain(error)) from None

    def _explain(self, error: Exception) -> str:
        condition = error.getCondition() if isinstance(error, PySparkException) else None
        if condition == "PATH_NOT_FOUND":
            return "Spark does not find the files of the store: put it where every machine of the cluster sees it under the same path"
        if isinstance(error, ConnectionError | EOFError) or "Network" in type(error).__name__:
            return f"Spark no longer answers: {self._joined.tell_end() if self._joined else 'its lab was closed'}"
        return f"Spark could not work this out: {condition or type(error).__name__}"

    def close(self) -> None:
        """Drop what is ours; Spark itself ends with the last lab, if labkit started it."""
        for name in list(self._kept):
            with contextlib.suppress(EngineError):  # a server that is gone keeps nothing
                self.forget(name)
        joined, self._joined = self._joined, None
        if joined is not None:
            joined.leave()


def _as_name(path: str) -> str:
    """A path as Spark must be given it, which takes every path for a pattern."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)


def _spark_schema(columns: ibis.Schema) -> StructType:
    """Columns as Spark names their types; times are local wall time, which Ibis forgets on the way there."""
    fields = PySparkSchema.from_ibis(columns).fields
    local = [TimestampNTZType() if isinstance(f.dataType, TimestampType) else f.dataType for f in fields]
    return StructType([StructField(f.name, kind, f.nullable) for f, kind in zip(fields, local, strict=True)])


def open_spark(joined: Joined) -> SparkBackend:
    """Ibis on a session."""
    if ibis.options.pyspark is None:  # Ibis sets them only for a backend that it finds by its name
        Backend.register_options()
    backend = SparkBackend()
    backend.do_connect(joined.session)
    backend._joined = joined
    return backend


@contextlib.contextmanager
def _silence(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
