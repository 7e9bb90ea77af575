"""Parquet files as sources: columns of values, their pages checked while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labkit import privacy, terms
from labkit.intake.findings import IntakeError
from labkit.intake.lines import as_csv
from labkit.intake.sources import Source, column_name

_ROWS = 200_000


@dataclass
class ParquetSource(Source):
    """A Parquet file; the row number counts from 1."""

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        first = 1
        for batch in self._raw_batches():
            plain = [_plain(column) for column in batch.columns]
            names = [column_name(i) for i in range(len(plain))]
            yield pa.RecordBatch.from_arrays(plain, names=names), np.arange(first, first + len(batch))
            first += len(batch)

    def originals(self, lines: np.ndarray) -> dict[int, str]:
        found: dict[int, str] = {}
        first = 1
        for batch in self._raw_batches():
            mine = lines[(lines >= first) & (lines < first + len(batch))]
            cells = [_as_text(column.take(pa.array(mine - first))) for column in batch.columns]
            rows = zip(*cells, strict=True)
            found |= {line: as_csv(list(row)) for line, row in zip(mine.tolist(), rows, strict=True)}
            first += len(batch)
        return found

    def _raw_batches(self) -> Iterator[pa.RecordBatch]:
        try:
            with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
                yield from file.iter_batches(_ROWS)
        except (pa.ArrowException, OSError) as error:
            raise IntakeError(f"{self.name}: the Parquet file is damaged within; export it again") from error


def _plain(column: pa.Array) -> pa.Array:
    """A column in one of the types that the rules know."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind):
        return _readable(column)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return column
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        day = pa.types.is_date(kind)
        return column.cast(pa.date32() if day else pa.timestamp("us"), safe=False)
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    return _readable(column.cast(pa.string())) if _is_text(kind) else pa.array(_as_text(column), pa.string())


def _readable(column: pa.Array) -> pa.Array:
    """Text as it is; bytes that are no character are spelt out, since the engine would stop at them."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array(_as_text(column.cast(pa.binary())), pa.string())
    return column


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _as_text(column: pa.Array) -> list[str]:
    """Values as they are kept in quarantine."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    if any(test(column.type) for test in binary):
        return ["" if v is None else v.decode("utf-8", "backslashreplace") for v in column.to_pylist()]
    try:
        return pc.fill_null(column.cast(pa.string()), "").to_pylist()
    except (pa.ArrowException, UnicodeDecodeError):
        return _as_text(column.cast(pa.binary())) if pa.types.is_string(column.type) else _spelt(column)


def _spelt(column: pa.Array) -> list[str]:
    return ["" if v is None else str(v) for v in column.to_pylist()]


def open_parquet(path: Path) -> ParquetSource:
    """A Parquet file.

    Raises
    ------
    IntakeError
        If it is damaged.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise IntakeError(f"{path.name}: the Parquet file is damaged or cut short; export it again") from error
    for i, column in enumerate(schema):
        known = terms.normalise_header(column.name) in terms.glossary()
        place = f"column {column.name if known else f'{i + 1} ({privacy.mask(column.name)})'}"
        if pa.types.is_timestamp(column.type) and column.type.tz:
            raise IntakeError(
                f"{path.name}: {place} carries the time zone {column.type.tz}; "
                "write local wall time without a zone (in pandas: .dt.tz_localize(None))"
            )
        if pa.types.is_nested(column.type):
            raise IntakeError(f"{path.name}: {place} holds lists or structures; write one value a cell")
    return ParquetSource(path, path.name, list(schema.names))
