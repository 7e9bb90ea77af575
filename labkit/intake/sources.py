"""Files as streams of rows with their line numbers; text files among them.

A source gives Arrow batches of its columns (text for CSV and Excel, values for
Parquet) and the physical line or row of each. Lines that cannot be split into
columns are kept apart with the reason; nothing is dropped on the way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from labkit.intake.findings import IntakeError
from labkit.intake.headers import Header, find_header
from labkit.intake.lines import (
    LINE_BREAK,
    CleanLines,
    lines_of_blocks,
    read_blocks,
    shown_text,
    split_cells,
    strict_cells,
    wrong_width,
)
from labkit.intake.scan import Scan, scan_text
from labkit.schema import Rule

_BLOCK = 1 << 20
_RAW_BLOCK = 1 << 22
#: Lines among which the header stands.
HEADER_WITHIN = 12
_HEADER_LINES = 6


@dataclass
class Source(ABC):
    """A file, or a sheet of one, as rows of columns.

    Attributes
    ----------
    path : Path
    name : str
        As findings call it: file, and sheet where there are several.
    header : list of str
    invalid : list of (line, text, reason)
        Lines that could not be split into the header's columns, or that break a rule
        only the source can know; filled while reading.
    unnamed : set of int
        Columns without a name that hold something; filled while reading.
    above : int
        Rows above the header, taken for a title.
    """

    path: Path
    name: str
    header: list[str] = field(default_factory=list)
    invalid: list[tuple[int, str, str | Rule]] = field(default_factory=list)
    unnamed: set[int] = field(default_factory=set)
    above: int = 0

    @abstractmethod
    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Rows in order: columns named after the header's position, and line numbers."""

    @abstractmethod
    def originals(self, lines: np.ndarray) -> dict[int, str]:
        """Original text of some lines (sorted)."""

    def line_of(self, number: int) -> int:
        """Line of the file behind a number of `batches`: the same, unless a line holds many readings."""
        return number


def column_name(position: int) -> str:
    """Name of a column in a batch: headers may be empty or stand there twice."""
    return f"c{position}"


@dataclass
class TextSource(Source):
    """A CSV file with comma, semicolon, tab or bar."""

    scan: Scan = field(default_factory=lambda: Scan("utf-8", 0, True))
    delimiter: str = ","
    data_line: int = 2
    spans: dict[int, int] = field(default_factory=dict)

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """A line a record, by pyarrow; single-threaded so that it numbers bad lines."""
        bad: list[tuple[int, str, str | Rule]] = []
        clean = None
        if not self.scan.plain:
            clean = CleanLines(self.path, self.scan.encoding, self.delimiter, len(self.header), self.data_line)
            self.spans = clean.spans
        next_line, seen = self.data_line, 0
        try:
            with pv.open_csv(clean or self.path, **self._options(bad)) as reader:
                for batch in reader:
                    # Lines set aside so far lie between good ones: number around them.
                    taken = np.array([number for number, _, _ in bad[seen:]], dtype=np.int64)
                    lines = _number_lines(next_line, len(batch), taken)
                    next_line = int(lines[-1]) + 1 if len(lines) else next_line
                    seen += int((taken < next_line).sum())
                    yield _with_breaks(batch) if clean and clean.spans else batch, lines
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error) and "skip initial" not in str(error):
                raise IntakeError(f"{self.name}: cannot be split into columns; export it again") from error
        else:
            self._reconcile(max([next_line - 1, *(number for number, _, _ in bad[-1:])]), clean)
        self.invalid += bad if clean is None else sorted([*bad, *clean.invalid], key=itemgetter(0))

    def _options(self, bad: list[tuple[int, str, str | Rule]]) -> dict[str, object]:
        names = [column_name(i) for i in range(len(self.header))]

        def keep(row: pv.InvalidRow) -> str:
            bad.append((row.number, row.text, wrong_width(row.actual_columns, len(names))))
            return "skip"

        encoding = self.scan.encoding.removesuffix("-sig") if self.scan.plain else "utf-8"
        return {
            "read_options": pv.ReadOptions(
                use_threads=False,
                block_size=_BLOCK,
                column_names=names,
                skip_rows=self.data_line - 1,
                encoding=encoding,
            ),
            "parse_options": pv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=False, ignore_empty_lines=False, invalid_row_handler=keep
            ),
            "convert_options": pv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        }

    def _reconcile(self, last: int, clean: CleanLines | None) -> None:
        """The parser has seen every line that stands in the file, or nothing of it is taken."""
        lines = self.scan.lines if clean is None else clean.lines
        if last != lines:
            raise IntakeError(
                f"{self.name}: {lines:,} lines stand in the file, but the parser ended at {last:,}; "
                "open it, look at quotes and line ends, and export it again"
            )

    def originals(self, lines: np.ndarray) -> dict[int, str]:
        blocks = _raw_blocks(self.path, self.scan.encoding) if self.scan.plain else None
        return lines_of_blocks(blocks or read_blocks(self.path, self.scan.encoding), lines, self.spans)


def _raw_blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """A plain file in blocks of whole lines, as UTF-8."""
    with path.open("rb") as file:
        while block := file.read(_RAW_BLOCK):
            block += file.readline()
            block = block.replace(b"\r\n", b"\n") if b"\r" in block else block
            block = block if block.endswith(b"\n") else block + b"\n"
            yield block if encoding.startswith("utf-8") else block.decode(encoding).encode()


def _with_breaks(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Line breaks within quotes put back."""
    columns = [pc.replace_substring(column, LINE_BREAK, "\n") for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _number_lines(first: int, count: int, taken: np.ndarray) -> np.ndarray:
    """Numbers from first on, leaving out those that are taken."""
    if not len(taken):
        return np.arange(first, first + count)
    numbers = np.arange(first, first + count + len(taken))
    return numbers[~np.isin(numbers, taken)][:count]


def text_batch(rows: list[list[str]], width: int) -> pa.RecordBatch:
    """Rows of cells as columns of text."""
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(width)]
    return pa.RecordBatch.from_arrays(columns, names=[column_name(i) for i in range(width)])


def open_text(path: Path, known: set[str], header_row: int | None = None, *, has_header: bool = True) -> TextSource:
    """A CSV file, its delimiter and the line of its header found.

    Parameters
    ----------
    known : set of str
        Headers a table may have (normalised); the first line that has most of
        them is the header.
    header_row : int, optional
        Line of the header, from 1, where it is known.
    has_header : bool
        False where data begin on the first line.
    """
    _refuse_binary(path)
    scan = scan_text(path)
    source = TextSource(path, path.name, scan=scan)
    top = _top_lines(path, scan.encoding)
    found = [(mark, _records(top, mark)) for mark in ",;\t|"]
    headers = [(mark, records, find_header([cells for cells, _ in records], known)) for mark, records in found]
    mark, records, header = max(headers, key=lambda found: (found[2].hits, max(len(c) for c, _ in found[1])))
    source.delimiter = mark
    if not has_header:
        source.header = [str(i + 1) for i in range(len(records[0][0]))]
        source.data_line = 1
        return source
    if header_row:
        cells = split_cells(top[header_row - 1], mark) if header_row <= len(top) else []
        header, records = Header([cell.strip() for cell in cells], 1), [(cells, header_row + 1)]
    if not any(header.names):
        raise IntakeError(f"{path.name}: there is no header line; the first line must name the columns")
    source.header, source.above = header.names, header.above
    source.data_line = records[header.rows - 1][1]
    return source


def _top_lines(path: Path, encoding: str) -> list[str]:
    """The lines among which the header is looked for."""
    block = next(read_blocks(path, encoding), b"")
    return [shown_text(line) for line in block.split(b"\n", HEADER_WITHIN)[:HEADER_WITHIN]]


def _records(lines: list[str], mark: str) -> list[tuple[list[str], int]]:
    """Cells of the records at the top and the line behind each; a header may have line breaks within quotes."""
    records: list[tuple[list[str], int]] = []
    at = 0
    while at < len(lines):
        several = range(1, min(_HEADER_LINES, len(lines) - at) + 1)
        tried = ((n, *strict_cells("\n".join(lines[at : at + n]), mark)) for n in several)
        count, cells = next(((n, cells) for n, cells, fault in tried if not fault), (1, split_cells(lines[at], mark)))
        at += count
        records.append((cells, at + 1))
    return records


def _refuse_binary(path: Path) -> None:
    """Files that are not what their name says."""
    with path.open("rb") as file:
        head = file.read(8)
    kinds = {
        b"PK\x03\x04": "an Excel or zip file",
        b"PAR1": "a Parquet file",
        b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
        b"\x1f\x8b": "a compressed file (gzip)",
    }
    for mark, kind in kinds.items():
        if head.startswith(mark):
            raise IntakeError(f"{path.name}: this is {kind}, not text; give it its proper ending")
