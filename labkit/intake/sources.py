"""Files as streams of rows with their line numbers.

A source gives Arrow batches of its columns (text for CSV and Excel, values for
Parquet) and the physical line or row of each. Lines that cannot be split into
columns are kept apart with the reason; nothing is dropped on the way.
"""

from __future__ import annotations

import csv
import io
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from labkit import terms
from labkit.intake.findings import IntakeError
from labkit.intake.scan import Scan, scan_text
from labkit.schema import Rule

_ROWS = 100_000
_BLOCK = 1 << 20
#: A record of more lines than this is a quote that somebody forgot to close.
_LINES_A_RECORD = 40
_HEADER_WITHIN = 12
_UNPACKED_LIMIT = 2_000_000_000
_LIMIT_RATIO = 200


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
    """

    path: Path
    name: str
    header: list[str] = field(default_factory=list)
    invalid: list[tuple[int, str, str | Rule]] = field(default_factory=list)

    @abstractmethod
    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Rows in order: columns named after the header's position, and line numbers."""

    @abstractmethod
    def originals(self, lines: set[int]) -> dict[int, str]:
        """Original text of some lines."""

    def line_of(self, number: int) -> int:
        """Line of the file behind a number of `batches`: the same, unless a line holds many readings."""
        return number


def column_name(position: int) -> str:
    """Name of a column in a batch: headers may be empty or stand there twice."""
    return f"c{position}"


# -- text ------------------------------------------------------------------------------


@dataclass
class TextSource(Source):
    """A CSV file with comma, semicolon or tab."""

    scan: Scan = field(default_factory=lambda: Scan("utf-8", 0, False, False))
    delimiter: str = ","
    header_line: int = 1
    data_line: int = 2

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        regular = not self.scan.multiline and not self.scan.suspect
        yield from self._regular() if regular else self._record_by_record()

    def _regular(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """One line, one record: pyarrow, single-threaded so that it numbers bad lines."""
        names = [column_name(i) for i in range(len(self.header))]
        bad: list[tuple[int, str, str | Rule]] = []

        def keep(row: pc.InvalidRow) -> str:
            bad.append((row.number, row.text, _wrong_width(row.actual_columns, len(names))))
            return "skip"

        options = {
            "read_options": pc.ReadOptions(
                use_threads=False,
                block_size=_BLOCK,
                column_names=names,
                skip_rows=self.data_line - 1,
                encoding=self.scan.encoding.removesuffix("-sig"),
            ),
            "parse_options": pc.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=False, ignore_empty_lines=False, invalid_row_handler=keep
            ),
            "convert_options": pc.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        }
        try:
            with pc.open_csv(self.path, **options) as reader:
                next_line = self.data_line
                for batch in reader:
                    # Lines set aside so far lie between good ones: number around them.
                    taken = np.array([number for number, _, _ in bad if number >= next_line], dtype=np.int64)
                    lines = _number_lines(next_line, len(batch), taken)
                    next_line = int(lines[-1]) + 1 if len(lines) else next_line
                    yield batch, lines
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error) and "skip initial" not in str(error):
                raise IntakeError(
                    f"{self.name}: cannot be split into columns ({str(error)[:120]}); export it again"
                ) from error
        self.invalid += bad

    def _record_by_record(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Slow and sure: for files with line breaks inside quotes, or broken bytes."""
        rows: list[list[str]] = []
        lines: list[int] = []
        for line, text in self._records():
            if line < self.data_line:
                continue
            fields = next(csv.reader([text], delimiter=self.delimiter), [])
            if "\0" in text or "\ufffd" in text:
                self.invalid.append((line, text, "characters that cannot be read"))
            elif len(fields) != len(self.header):
                self.invalid.append((line, text, _wrong_width(len(fields), len(self.header))))
            else:
                rows.append(fields)
                lines.append(line)
            if len(rows) >= _ROWS:
                yield _text_batch(rows, len(self.header)), np.array(lines)
                rows, lines = [], []
        if rows:
            yield _text_batch(rows, len(self.header)), np.array(lines)

    def _physical(self) -> Iterator[tuple[int, str]]:
        with self.path.open(encoding=self.scan.encoding, errors="replace", newline=None) as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\n")

    def _records(self) -> Iterator[tuple[int, str]]:
        """Records with the line they begin on; a quote left open costs its own line only."""
        held: list[tuple[int, str]] = []
        for number, line in self._physical():
            held.append((number, line))
            while held and len(held) > _LINES_A_RECORD:
                yield from self._give_up(held)
            if held and sum(text.count('"') for _, text in held) % 2 == 0:
                yield held[0][0], "\n".join(text for _, text in held)
                held = []
        while held:
            yield from self._give_up(held)

    def _give_up(self, held: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Set the first held line aside and read those after it anew."""
        number, text = held.pop(0)
        self.invalid.append((number, text, "a quote is opened and not closed"))
        while held and held[0][1].count('"') % 2 == 0:
            yield held.pop(0)

    def originals(self, lines: set[int]) -> dict[int, str]:
        if self.scan.multiline:
            return {number: text for number, text in self._records() if number in lines}
        return {number: text for number, text in self._physical() if number in lines}


def _wrong_width(found: int, expected: int) -> str:
    return f"{found} columns where the header has {expected}"


def _number_lines(first: int, count: int, taken: np.ndarray) -> np.ndarray:
    """Numbers from first on, leaving out those that are taken."""
    if not len(taken):
        return np.arange(first, first + count)
    numbers = np.arange(first, first + count + len(taken))
    return numbers[~np.isin(numbers, taken)][:count]


def _text_batch(rows: list[list[str]], width: int) -> pa.RecordBatch:
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
    top = [line for _, line in zip(range(_HEADER_WITHIN), source._physical(), strict=False)]
    text = [line for _, line in top]
    source.delimiter = max(",;\t|", key=lambda mark: max((line.count(mark) for line in text), default=0))
    rows = [next(csv.reader([line], delimiter=source.delimiter), []) for line in text]
    if not has_header:
        source.header = [str(i + 1) for i in range(len(rows[0]))]
        source.header_line, source.data_line = 0, 1
        return source
    at = header_row - 1 if header_row else _header_at(rows, known)
    if at >= len(rows) or not any(cell.strip() for cell in rows[at]):
        raise IntakeError(f"{path.name}: there is no header line; the first line must name the columns")
    source.header = [cell.strip() for cell in rows[at]]
    source.header_line, source.data_line = at + 1, at + 2
    return source


def _header_at(rows: list[list[str]], known: set[str]) -> int:
    hits = [sum(terms.normalise_header(cell) in known for cell in row) for row in rows]
    if max(hits, default=0) == 0:
        return next((i for i, row in enumerate(rows) if any(cell.strip() for cell in row)), 0)
    return hits.index(max(hits))


def _refuse_binary(path: Path) -> None:
    """Files that are not what their name says."""
    with path.open("rb") as file:
        head = file.read(8)
    kinds = {
        b"PK\x03\x04": "an Excel or zip file",
        b"PAR1": "a Parquet file",
        b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
    }
    for mark, kind in kinds.items():
        if head.startswith(mark):
            raise IntakeError(f"{path.name}: this is {kind}, not text; give it its proper ending")


# -- Excel ------------------------------------------------------------------------------


@dataclass
class SheetSource(Source):
    """A sheet of an Excel workbook; row numbers as Excel shows them."""

    rows: list[tuple[int, list[str]]] = field(default_factory=list)

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        for start in range(0, len(self.rows), _ROWS):
            part = self.rows[start : start + _ROWS]
            yield _text_batch([cells for _, cells in part], len(self.header)), np.array([number for number, _ in part])

    def originals(self, lines: set[int]) -> dict[int, str]:
        return {number: _as_csv(cells) for number, cells in self.rows if number in lines}


def _as_csv(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def open_workbook(
    path: Path, known_of: dict[str, set[str]], header_rows: dict[str, int] | None = None
) -> list[tuple[str, SheetSource]]:
    """The sheets of a workbook that have rows, with their titles.

    Parameters
    ----------
    known_of : dict
        Table -> headers it may have.
    header_rows : dict, optional
        Sheet -> row of its header, as Excel shows it, where it is known; "" is for every sheet.

    Raises
    ------
    IntakeError
        If the file is no workbook, or would unpack to far more than it is.
    """
    sheets = read_sheets(path)
    known, given = set().union(*known_of.values()), header_rows or {}
    return [
        (title, _sheet(path, title if len(sheets) > 1 else "", rows, known, given.get(title, given.get(""))))
        for title, rows in sheets
    ]


def read_sheets(path: Path) -> list[tuple[str, list[tuple[int, list[str]]]]]:
    """Titles of the visible sheets of a workbook that have rows, and the rows with their numbers.

    Raises
    ------
    IntakeError
        If the file is no workbook, or would unpack to far more than it is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        kind = "HTML or text" if path.read_bytes()[:1] not in (b"", b"\xd0") else "an old Excel file, empty or damaged"
        raise IntakeError(
            f"{path.name}: not an .xlsx workbook but {kind}; open it and save it as .xlsx or .csv"
        ) from error
    if unpacked > _UNPACKED_LIMIT or unpacked > max(_LIMIT_RATIO * path.stat().st_size, 50_000_000):
        raise IntakeError(f"{path.name}: would unpack to {unpacked / 1e6:,.0f} MB; save it as .csv")
    try:
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            found = [(sheet.title, _sheet_rows(sheet)) for sheet in book.worksheets if sheet.sheet_state == "visible"]
            book.close()
    except Exception as error:  # openpyxl lets every kind of damage through as it comes
        raise IntakeError(f"{path.name}: the workbook is damaged ({type(error).__name__}); save it again") from error
    return [(title, rows) for title, rows in found if rows]


def _sheet_rows(sheet: Any) -> list[tuple[int, list[str]]]:
    sheet.reset_dimensions()
    rows = []
    for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
        text = [_cell_text(cell) for cell in cells]
        if any(text):
            rows.append((number, text))
    return rows


def _cell_text(cell: object) -> str:
    """A cell as it would stand in a CSV; whole numbers without a decimal point."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def _sheet(
    path: Path, title: str, rows: list[tuple[int, list[str]]], known: set[str], header_row: int | None
) -> SheetSource:
    given = [i for i, (number, _) in enumerate(rows) if number == header_row]
    at = given[0] if given else _header_at([cells for _, cells in rows[:_HEADER_WITHIN]], known)
    header = rows[at][1]
    width = len(header)
    source = SheetSource(path, f"{path.name}[{title}]" if title else path.name, header)
    for number, cells in rows[at + 1 :]:
        if any(cells[width:]):
            source.invalid.append((number, _as_csv(cells), _wrong_width(len(cells), width)))
        else:
            source.rows.append((number, cells[:width] + [""] * (width - len(cells))))
    return source


# -- Parquet ----------------------------------------------------------------------------


@dataclass
class ParquetSource(Source):
    """A Parquet file; the row number counts from 1."""

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        first = 1
        with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(_ROWS * 2):
                plain = [_plain(column) for column in batch.columns]
                names = [column_name(i) for i in range(len(plain))]
                yield pa.RecordBatch.from_arrays(plain, names=names), np.arange(first, first + len(batch))
                first += len(batch)

    def originals(self, lines: set[int]) -> dict[int, str]:
        with pq.ParquetFile(self.path) as file:
            first, found = 1, {}
            for batch in file.iter_batches(_ROWS * 2):
                for line in sorted(lines & set(range(first, first + len(batch)))):
                    found[line] = _as_csv(
                        [str(v) if v is not None else "" for v in batch.slice(line - first, 1).to_pylist()[0].values()]
                    )
                first += len(batch)
        return found


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        return column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us"))
    return column


def open_parquet(path: Path) -> ParquetSource:
    """A Parquet file.

    Raises
    ------
    IntakeError
        If it is damaged.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise IntakeError(f"{path.name}: the Parquet file is damaged or cut short; export it again") from error
    for column in schema:
        if pa.types.is_timestamp(column.type) and column.type.tz:
            raise IntakeError(
                f"{path.name}: column {column.name} carries the time zone {column.type.tz}; "
                "write local wall time without a zone (in pandas: .dt.tz_localize(None))"
            )
        if pa.types.is_nested(column.type):
            raise IntakeError(f"{path.name}: column {column.name} holds lists or structures; write one value a cell")
    return ParquetSource(path, path.name, list(schema.names))
