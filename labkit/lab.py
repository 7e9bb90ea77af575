"""An opened data folder: its tables as Ibis expressions on an engine."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from labkit import calendar, privacy, terms
from labkit.engine import Engine, open_engine
from labkit.schema import TABLES
from labkit.store import DAY_PARTITIONS, DAY_TABLES, RECORD, Manifest, StoreError, arrow_schema

_NOTEBOOK_ORDER = (*TABLES, "reactive")
_KEPT = itertools.count()


class MissingTableError(LookupError):
    """A table that the data folder does not have; the text says what to bring."""


class Lab:
    """The tables of a store, ready to be asked.

    Tables are attributes (``lab.customers``) and Ibis expressions: nothing is
    read before a result is asked for. `run` gives the result as a DataFrame.

    Attributes
    ----------
    folder : Path
    manifest : Manifest
    backend : Engine
        Ctrl-C stops a running query; the lab can be used on.
    """

    def __init__(self, folder: Path, manifest: Manifest, backend: Engine) -> None:
        self.folder, self.manifest, self.backend = folder, manifest, backend
        self._asked: dict[str, ir.Table] = {}
        self._intervals: tuple[int, ...] | None = None
        self._days: ir.Table | None = None
        for name, entry in manifest.tables.items():
            partitions = DAY_PARTITIONS if name in DAY_TABLES else {}
            files = [file["path"] for file in entry.files]
            backend.add_table(name, Path(folder).resolve(), files, arrow_schema(name), partitions)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables there are."""
        return tuple(name for name in _NOTEBOOK_ORDER if name in self.manifest.tables)

    def has(self, *names: str) -> bool:
        """Whether all these tables are there."""
        return all(name in self.manifest.tables for name in names)

    def table(self, name: str) -> ir.Table:
        """A table as an Ibis expression.

        Raises
        ------
        MissingTableError
            If the data folder does not have it.
        """
        if name not in self.manifest.tables:
            raise MissingTableError(self.explain_missing(name))
        if name not in self._asked:  # the engine is asked for the columns each time
            self._asked[name] = self.backend.table(name)
        return self._asked[name]

    def __getattr__(self, name: str) -> ir.Table:
        if name in TABLES or name in DAY_TABLES:
            return self.table(name)
        raise AttributeError(f"a Lab has no {name!r}; its tables are {', '.join(self.tables)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.tables]

    def explain_missing(self, name: str, language: terms.Language = "en") -> str:
        """One sentence: what is missing, which notebooks want it, what to bring."""
        if name not in TABLES and name not in DAY_TABLES:
            return f"there is no table called {name!r}; the tables are {', '.join(TABLES)}"
        table = TABLES["readings" if name in DAY_TABLES else name]
        needed = ", ".join(column.name for column in table.columns if column.required)
        notebooks = ", ".join(table.wanted_by)
        if language == "zh":
            return f"数据中没有“{terms.label(table.name, 'zh')}”表（{name}），笔记本 {notebooks} 需要它；请提供 {table.name}.csv，至少包含 {needed}。"
        return (
            f"The data have no table {name} ({terms.label(table.name).lower()}), which notebooks {notebooks} want: "
            f"bring {table.name}.csv with at least {needed}."
        )

    def run(self, expression: ir.Table) -> pd.DataFrame:
        """Result of an expression; Ctrl-C stops it."""
        frame: pd.DataFrame = self.backend.to_pyarrow(expression).to_pandas()
        return frame

    @property
    def period(self) -> tuple[str, str]:
        """First and last day of readings, or else of billed months.

        Raises
        ------
        MissingTableError
            If there are neither.
        """
        if self.manifest.period:
            return self.manifest.period
        raise MissingTableError("the data have neither readings nor bills: bring one of them")

    @property
    def fewest_customers(self) -> int:
        """Fewest customers in a cell of a report; 1 for data declared open."""
        return 1 if self.manifest.about.disclosure == "open" else privacy.MIN_CUSTOMERS

    @property
    def intake_record(self) -> dict[str, Any] | None:
        """What the intake read and set aside when the store was made; None if it was not made by it."""
        path = self.folder / RECORD
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    @property
    def in_one_part(self) -> bool:
        """Whether `run_parts` has a single part: a small store, or an engine that takes tables of any size."""
        return self.backend.takes_whole or self.manifest.buckets == 1

    def run_parts(self, expression: ir.Table) -> Iterator[pd.DataFrame]:
        """Result of an expression in parts that fit memory: bucket by bucket, on Spark all at once.

        Parameters
        ----------
        expression : Table
            On `readings` or `reactive`. What it says of a customer has to follow from this customer's day rows alone (and
            from other tables): in each part there are only those of its own customers.

        Notes
        -----
        For what is asked of every part alike; `parts` gives the tables themselves. Made ready for the engine once, which for
        the features of `labkit.profiles` takes as long as the answer of a part.
        """
        for found in self.backend.in_parts(expression, self.manifest.buckets):
            yield found.to_pandas()

    def parts(self, name: str = "readings") -> list[ir.Table]:
        """Day rows in parts that fit memory, each customer whole in one of them: bucket by bucket, on Spark all at once."""
        rows = self.table(name)
        if self.backend.takes_whole:
            return [rows]
        return [rows.filter(rows.bucket == bucket) for bucket in range(self.manifest.buckets)]

    @contextlib.contextmanager
    def kept(self, expression: ir.Table) -> Iterator[ir.Table]:
        """An expression worked out once and kept on the engine, for what asks for it several times."""
        table = self.hold(expression)
        try:
            yield table
        finally:
            self.backend.forget(table.get_name())

    def hold(self, expression: ir.Table) -> ir.Table:
        """The same until the lab is closed; each time under a name of its own."""
        return self.backend.keep(f"kept_{os.getpid()}_{next(_KEPT)}", expression)

    def days(self) -> ir.Table:
        """Every day of the readings with month and day type, to be joined."""
        if self._days is None:
            frame = self._day_types()
            self._days = ibis.memtable(
                pa.table({"day": pa.array(frame["day"], pa.date32()), "day_type": pa.array(list(frame["day_type"]))})
            )
        return self._days

    def _day_types(self) -> pd.DataFrame:
        first, last = (pd.Timestamp(day).date() for day in self.period)
        return calendar.day_type_table(first, last, self.manifest.about.calendar)

    def day_type(self, day: ir.DateValue) -> ir.StringValue:
        """Kind of day of each row's ``day``, missing outside the period of the readings: looked up, which is faster than a join."""
        frame = self._day_types()
        kinds = list(frame["day_type"])
        at = day.delta(ibis.date(frame["day"].iloc[0]), unit="day").cast("int32")
        here = (at >= 0) & (at < len(kinds))
        return here.ifelse(ibis.literal(kinds, type="array<string>")[at], ibis.null("string"))

    def intervals(self) -> list[int]:
        """Metering intervals that occur [min]."""
        if self._intervals is None:
            found = self.run(self.readings.select("interval_min").distinct().order_by("interval_min"))
            self._intervals = tuple(int(minutes) for minutes in found["interval_min"])
        return list(self._intervals)

    def summary(self) -> pd.DataFrame:
        """Tables with rows and period.

        Returns
        -------
        DataFrame
            Columns ``table``, ``rows_count``, ``first_day``, ``last_day``.
        """
        rows = [
            (
                name,
                self.manifest.tables[name].rows,
                *(
                    (moment or "")[:10]
                    for moment in (self.manifest.tables[name].first, self.manifest.tables[name].last)
                ),
            )
            for name in self.tables
        ]
        return pd.DataFrame(rows, columns=["table", "rows_count", "first_day", "last_day"])

    def __repr__(self) -> str:
        about = self.manifest.about
        lines = [f"Lab: {about.name_en} ({about.name_zh}), data {self.manifest.digest[:8]}"]
        for row in self.summary().itertuples():
            unit = " customer-days" if row.table in DAY_TABLES else ""
            span = f"  {row.first_day} to {row.last_day}" if row.first_day else ""
            lines.append(f"  {row.table:<14}{row.rows_count:>12,}{unit}{span}")
        absent = [name for name in TABLES if name not in self.manifest.tables]
        if absent:
            lines.append(f"  not there: {', '.join(absent)}")
        return "\n".join(lines)

    def close(self) -> None:
        """End the engine and remove its private folder; a Spark session that was given goes on."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_lab(
    path: str | Path,
    engine: Any = None,
    *,
    verify: bool = True,
    memory_limit_mb: int | None = None,
    **options: Any,
) -> Lab:
    """Open a data folder that `labkit intake` or `labkit sample` has made.

    Parameters
    ----------
    path : str or Path
        The store.
    engine : str or SparkSession, optional
        ``"duckdb"``, embedded, by default. ``"spark"``: on all cores of this machine; ``"local[2]"``,
        ``"spark://host:7077"``: a master; ``"sc://host:15002"``: a Spark Connect server; or a session.
        Results are the same. A cluster has to see the store under the same path.
    verify : bool
        Compare every file with its sha256 first (about 1 GB a second).
    memory_limit_mb : int, optional
        Limit of the engine's memory [MB]; 60 % of the machine's by default.
    **options
        ``threads`` of DuckDB; ``config`` of Spark, a mapping of its own settings.

    Raises
    ------
    StoreError
        If the folder is no store, or a file of it is not what was written.
    ValueError
        If the engine is not known.
    EngineError
        If Spark or Java is missing, or the cluster does not answer.

    See Also
    --------
    labkit.intake.intake : make a store from a folder of files.
    """
    folder = Path(path)
    if not folder.exists():
        raise StoreError(
            f"{folder} does not exist: make the sample with `labkit sample {folder}`, or name your own store"
        )
    manifest = Manifest.read(folder)
    if verify:
        manifest.verify(folder)
    files = [folder / file["path"] for entry in manifest.tables.values() for file in entry.files]
    backend = open_engine(engine, files, memory_limit_mb=memory_limit_mb, **options)
    try:
        return Lab(folder, manifest, backend)
    except BaseException:
        backend.close()
        raise


def intake_counts(record: dict[str, Any]) -> pd.DataFrame:
    """Rows read, good, set aside and repeated, by table.

    Parameters
    ----------
    record : dict
        `Lab.intake_record`.
    """
    frame = pd.DataFrame(record["files"])
    return frame.groupby("table", as_index=False, sort=False)[["read", "good", "quarantined", "duplicates"]].sum()
