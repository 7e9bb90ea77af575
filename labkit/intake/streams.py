"""Sources that stand between a file and its table: rows from memory, cells put right, times moved to the local clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labkit.intake.clock import read_instants, repeated_hour_rule, to_wall_time
from labkit.intake.sources import Source, column_name

_NONE = np.iinfo(np.int64).min


@dataclass
class RowsSource(Source):
    """Rows that a program holds, such as the customers found among readings; numbered from 1."""

    rows: pa.Table = field(default_factory=lambda: pa.table({}))

    def __post_init__(self) -> None:
        self.header = list(self.rows.column_names)

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Rows in one piece."""
        named = self.rows.rename_columns([column_name(i) for i in range(self.rows.num_columns)]).combine_chunks()
        first = 1
        for batch in named.to_batches(100_000):
            yield batch, np.arange(first, first + len(batch))
            first += len(batch)

    def originals(self, lines: set[int]) -> dict[int, str]:
        """Values of some rows, as they would stand in a CSV."""
        rows = {line: self.rows.slice(line - 1, 1).to_pylist()[0] for line in sorted(lines)}
        return {line: ",".join("" if v is None else str(v) for v in row.values()) for line, row in rows.items()}


@dataclass
class WrappedSource(Source):
    """A source whose batches are put right on their way; lines and original text are those of the file.

    Attributes
    ----------
    inner : Source
    change : callable
        Batch and line numbers to a batch and line numbers; it may set lines aside in ``invalid``.
    """

    inner: Source = field(default=None)  # type: ignore[assignment]
    change: Callable[[pa.RecordBatch, np.ndarray, list], tuple[pa.RecordBatch, np.ndarray]] = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.invalid = self.inner.invalid
        self.header = self.header or self.inner.header

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Batches, changed."""
        for batch, lines in self.inner.batches():
            yield self.change(batch, lines, self.invalid)

    def originals(self, lines: set[int]) -> dict[int, str]:
        """Original text of some lines."""
        return self.inner.originals(lines)

    def line_of(self, number: int) -> int:
        """Line of the file behind a number."""
        return self.inner.line_of(number)


def in_local_time(source: Source, at: int, zone: str, local_zone: str, shift_min: int = 0) -> WrappedSource:
    """A source whose times, of one zone, are given as wall time of another.

    Parameters
    ----------
    at : int
        Position of the times.
    zone, local_zone : str
        Zone of the times where they do not carry their own; zone of the utility.
    shift_min : int
        Taken from each time first: the interval, where labels are its end [min].
    """

    def change(batch: pa.RecordBatch, lines: np.ndarray, invalid: list) -> tuple[pa.RecordBatch, np.ndarray]:
        column = batch.column(at)
        text = column if pa.types.is_string(column.type) else column.cast(pa.string())
        coded = pc.fill_null(text, "").dictionary_encode()
        local, repeated = _local_texts(coded.dictionary.to_pylist(), zone, local_zone, shift_min)
        codes = coded.indices.to_numpy()
        again = repeated[codes]
        for line, code in zip(lines[again].tolist(), codes[again].tolist()):
            invalid.append((line, coded.dictionary[code].as_py(), repeated_hour_rule()))
        columns = [*batch.columns]
        columns[at] = pa.array(local, pa.string()).take(coded.indices)
        kept = pa.RecordBatch.from_arrays(columns, names=batch.schema.names).filter(pa.array(~again))
        return kept, lines[~again]

    return WrappedSource(source.path, source.name, list(source.header), inner=source, change=change)


def _local_texts(texts: list[str], zone: str, local_zone: str, shift_min: int) -> tuple[list[str], np.ndarray]:
    """Local times as text; what is no time stays as it is, to be judged."""
    instants = read_instants(texts, zone)
    there = instants != _NONE
    wall, repeated = to_wall_time(np.where(there, instants, 0) - shift_min * 60, local_zone)
    shown = np.char.replace(wall.astype("datetime64[s]").astype(str), "T", " ")
    return [new if ok else old for old, new, ok in zip(texts, shown.tolist(), there.tolist())], repeated & there


def ids_of(source: Source, at: int) -> set[str]:
    """Every customer of a source, which can be read again."""
    found: set[str] = set()
    before = list(source.invalid)
    for batch, _ in source.batches():
        column = batch.column(at)
        text = column if pa.types.is_string(column.type) else column.cast(pa.string())
        found.update(pc.unique(pc.utf8_trim_whitespace(text)).to_pylist())
    source.invalid[:] = before
    return {one for one in found if one}


def numbers_of(column: pa.Array) -> np.ndarray:
    """Numbers of a column of text; not a number where a cell is empty or none.

    Examples
    --------
    >>> numbers_of(pa.array(["1.5", "", "x"])).tolist()
    [1.5, nan, nan]
    """
    text = pc.utf8_trim_whitespace(pc.fill_null(column, ""))
    try:
        return pc.if_else(pc.equal(text, ""), None, text).cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return np.array([_number(cell) for cell in text.to_pylist()])


def _number(cell: str) -> float:
    try:
        return float(cell.replace("_", "x"))
    except ValueError:
        return float("nan")


def number_matrix(columns: Sequence[pa.Array]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of columns of text side by side, and which cells hold something that is no number.

    Examples
    --------
    >>> numbers, bad = number_matrix([pa.array(["1", "x"]), pa.array(["", "4"])])
    >>> numbers.tolist(), bad.tolist()
    ([[1.0, nan], [nan, 4.0]], [[False, False], [True, False]])
    """
    # One array for all: a file may have thousands of columns.
    flat = pa.concat_arrays(columns)
    numbers = numbers_of(flat)
    blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(flat, "")), "").to_numpy(zero_copy_only=False)
    shape = (len(columns), len(columns[0]))
    return numbers.reshape(shape).T.copy(), (~np.isfinite(numbers) & ~blank).reshape(shape).T
