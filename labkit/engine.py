"""An embedded DuckDB under Ibis: locked down, bounded in memory, stoppable.

Three things DuckDB does not do by itself (measured with 2.0): Ctrl-C does not
stop a query on the main thread, spilled data are plain files that survive a
kill, and extensions are fetched from the network when a query asks for one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

T = TypeVar("T")
_SPILL = "labkit-spill-"


class StoppableBackend(Backend):
    """Ibis's DuckDB backend whose queries end at Ctrl-C, connection intact."""

    #: Private folder for what does not fit in memory.
    spill: Path

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        # By way of Arrow: Ibis's own path asks pandas 3 for an option it has deprecated.
        result = self.to_pyarrow(*args, **kwargs)
        return result.as_py() if isinstance(result, pa.Scalar) else result.to_pandas()

    def to_pyarrow(self, *args: Any, **kwargs: Any) -> Any:
        return run_stoppable(self.con, lambda: super(StoppableBackend, self).to_pyarrow(*args, **kwargs))

    def to_parquet(self, *args: Any, **kwargs: Any) -> Any:
        return run_stoppable(self.con, lambda: super(StoppableBackend, self).to_parquet(*args, **kwargs))

    def raw_sql(self, *args: Any, **kwargs: Any) -> Any:
        return run_stoppable(self.con, lambda: super(StoppableBackend, self).raw_sql(*args, **kwargs))

    def batches(self, expression: ir.Table, rows: int = 1_000_000) -> Iterator[pa.RecordBatch]:
        """Result of an expression piece by piece, so that it need not fit in memory."""
        self._run_pre_execute_hooks(expression)
        yield from self.stream(self.compile(expression), expression.schema().to_pyarrow(), rows)

    def stream(self, sql: str, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
        """Result of a query that is already SQL, piece by piece."""
        relation = run_stoppable(self.con, lambda: self.con.sql(sql))
        reader = run_stoppable(self.con, lambda: relation.to_arrow_reader(rows))
        while (batch := run_stoppable(self.con, lambda: next(reader, None))) is not None:
            yield batch.cast(schema)

    def close(self) -> None:
        """End the engine and remove its spill folder."""
        self.con.close()
        shutil.rmtree(self.spill, ignore_errors=True)


def run_stoppable(con: duckdb.DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Run a blocking query so that Ctrl-C stops it within a second."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    future = _worker().submit(work)
    try:
        # Waiting in short turns: a signal may reach another thread of the process.
        while not wait([future], 0.05).done:
            pass
    except KeyboardInterrupt:
        # An interruption sent before the query has begun is lost: send it until it is heeded.
        while not (future.cancel() or future.done()):
            con.interrupt()
            with contextlib.suppress(KeyboardInterrupt):
                wait([future], 0.02)
        raise
    return future.result()


@cache
def _worker() -> ThreadPoolExecutor:
    """One lasting thread; a new one for every query would cost 2 ms each."""
    return ThreadPoolExecutor(1, "labkit-query")


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
    folders: Iterable[Path] = (), *, memory_limit_mb: int | None = None, threads: int | None = None
) -> StoppableBackend:
    """A fresh in-memory engine that reads from the given folders and nowhere else.

    Parameters
    ----------
    folders : iterable of Path
        Folders whose files queries may read and write.
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
            **({"threads": str(threads)} if threads else {}),
        }
    )
    backend = StoppableBackend.from_connection(con)
    backend.spill = spill
    real = [str(spill), *(str(Path(folder).resolve()) for folder in folders)]
    allowed = sorted({*real, *map(pattern_of, real)})  # the engine compares the pattern's text
    quoted = ", ".join("'" + folder.replace("'", "''") + "'" for folder in allowed)
    con.execute(f"SET allowed_directories=[{quoted}]")
    con.execute("SET enable_external_access=false")
    con.execute("SET python_enable_replacements=false")
    con.execute("SET lock_configuration=true")
    return backend


def default_memory_mb() -> int:
    """60 % of the machine's memory [MB], so that the notebook's own data have room."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 2000
    return max(250, int(total * 0.6 / 1e6))


def private_spill_folder() -> Path:
    """A folder only this user can read, for what does not fit in memory.

    What earlier runs left behind after a kill is swept first.
    """
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{_SPILL}*"):
        owner = re.match(rf"{_SPILL}(\d+)-", old.name)
        if owner and not is_running(int(owner.group(1))):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_SPILL}{os.getpid()}-", dir=base))


def is_running(pid: int) -> bool:
    """Whether a process of this number is there."""
    with contextlib.suppress(ProcessLookupError):
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        return True
    return False
