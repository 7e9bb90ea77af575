"""What files that nobody has described look like. A guess, shown and never applied by itself."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from labkit.intake.columns import Columns, FileGuess, is_value
from labkit.intake.findings import IntakeError
from labkit.intake.match import is_data_file
from labkit.intake.scan import scan_text
from labkit.intake.sources import read_sheets

_ROWS = 3000


def guess_path(path: Path) -> list[FileGuess]:
    """Guesses for a file, or for each data file of a folder.

    Raises
    ------
    IntakeError
        If there is nothing to look at.
    """
    if not path.exists():
        raise IntakeError(f"{path} does not exist: name a folder of files, or one file")
    files = [path] if path.is_file() else [p for p in sorted(path.iterdir()) if is_data_file(p)]
    found = [guess for file in files for guess in _guess_file(file)]
    if not found:
        raise IntakeError(f"{path}: holds no CSV, Excel or Parquet file to look at")
    return found


def _guess_file(path: Path) -> Iterator[FileGuess]:
    ending = path.suffix.lower()
    if ending in (".xlsx", ".xlsm", ".xls"):
        sheets = read_sheets(path)
        for title, numbered in sheets:
            top = numbered[:_ROWS]
            yield _guess(path, title if len(sheets) > 1 else "", [n for n, _ in top], [cells for _, cells in top])
    elif ending == ".parquet":
        with pq.ParquetFile(path) as file:
            head = next(file.iter_batches(_ROWS), None)
        names = list(pq.read_schema(path).names)
        values = [] if head is None else [[_text(v) for v in row.values()] for row in head.to_pylist()]
        yield _guess(path, "", list(range(len(values) + 1)), [names, *values])
    else:
        rows = _text_rows(path)
        yield _guess(path, "", list(range(1, len(rows) + 1)), rows)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _text_rows(path: Path) -> list[list[str]]:
    scan = scan_text(path)
    with path.open(encoding=scan.encoding, errors="replace") as file:
        lines = [line.rstrip("\n") for line in itertools.islice(file, _ROWS)]
    some = [line for line in lines if line.strip()][:50]
    mark = max(
        ",;\t|", key=lambda one: (sum(one in line for line in some), max((line.count(one) for line in some), default=0))
    )
    return [next(csv.reader([line], delimiter=mark), []) for line in lines]


def _guess(path: Path, sheet: str, lines: Sequence[int], rows: list[list[str]]) -> FileGuess:
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:50]]
    if not filled or max(filled) == 0:
        return FileGuess(path.name, sheet, doubts=(("file", "holds nothing", "文件为空"),))
    width = Counter(n for n in filled if n).most_common(1)[0][0]
    at = next(i for i, n in enumerate(filled) if n >= width)
    has_header = not any(is_value(cell) for cell in rows[at])
    header = [cell.strip() for cell in rows[at]] if has_header else [str(i + 1) for i in range(len(rows[at]))]
    body = [row for row in rows[at + has_header :] if len(row) == len(header)]
    columns = [[row[i].strip() for row in body] for i in range(len(header))]
    found = Columns(path, header, has_header, columns)
    table = found.table()
    told = FileGuess(path.name, sheet, table, lines[at] if has_header else None, doubts=tuple(found.doubts))
    return found.readings(told) if table == "readings" else found.others(told)
