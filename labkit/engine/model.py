"""What a lab needs of an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ibis.expr.types as ir
import pyarrow as pa


class EngineError(RuntimeError):
    """An engine that cannot be started or asked; the text says what to do."""


class Engine(Protocol):
    """Tables in files, asked by Ibis expressions; results are Arrow.

    Attributes
    ----------
    takes_whole : bool
        Whether a table of any size is asked in one go; if not, in parts that fit memory.
    """

    takes_whole: bool

    def add_table(
        self, name: str, folder: Path, files: Sequence[str], schema: pa.Schema, partitions: Mapping[str, str]
    ) -> None:
        """Make a table of Parquet files, nothing read yet.

        Parameters
        ----------
        name : str
        folder : Path
            Of the store.
        files : sequence of str
            Within the folder.
        schema : Schema
            Of the files.
        partitions : mapping of str to str
            Columns that stand in the names of folders (``month=2025-01``), with their Ibis types; an
            engine leaves out the files that a filter on them rules out.
        """

    def table(self, name: str, /) -> ir.Table:
        """A table as an Ibis expression."""

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """A result worked out once and held on the engine under a new name, until it is forgotten or the engine closed."""

    def forget(self, name: str) -> None:
        """Let go of what was kept."""

    def to_pyarrow(self, expr: ir.Expr, /) -> Any:
        """Result of an expression; Ctrl-C stops it."""

    def batches(self, expression: ir.Table, rows: int = 1_000_000) -> Iterator[pa.RecordBatch]:
        """Result of an expression piece by piece."""

    def in_parts(self, expression: ir.Table, buckets: int) -> Iterator[pa.Table]:
        """Result of an expression bucket by bucket, day rows being those of the bucket; whole where tables of any size are."""

    def close(self) -> None:
        """End the engine, as far as it is ours, and remove its private folder."""
