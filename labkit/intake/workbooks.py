"""Excel workbooks as sources: every visible sheet that has rows."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa

from labkit.intake.findings import IntakeError
from labkit.intake.headers import Header, find_header
from labkit.intake.lines import as_csv, wrong_width
from labkit.intake.sources import HEADER_WITHIN, Source, text_batch

_ROWS = 100_000
_UNPACKED_LIMIT = 2_000_000_000
_LIMIT_RATIO = 200
#: Excel itself has no more.
_MOST_ROWS = 1_048_576
_PLAIN_TITLE = re.compile(r"(sheet|工作表|表)\s*\d*", re.IGNORECASE)


@dataclass
class SheetSource(Source):
    """A sheet of an Excel workbook; row numbers as Excel shows them.

    Attributes
    ----------
    title : str
        Of the sheet.
    hidden : bool
        Whether Excel hides it; it is named, but not read.
    """

    title: str = ""
    hidden: bool = False
    rows: list[tuple[int, list[str]]] = field(default_factory=list)

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        for start in range(0, len(self.rows), _ROWS):
            part = self.rows[start : start + _ROWS]
            yield text_batch([cells for _, cells in part], len(self.header)), np.array([number for number, _ in part])

    def originals(self, lines: np.ndarray) -> dict[int, str]:
        wanted = set(lines.tolist())
        return {number: as_csv(cells) for number, cells in self.rows if number in wanted}


def open_workbook(
    path: Path, known_of: dict[str, set[str]], header_rows: dict[str, int] | None = None
) -> list[SheetSource]:
    """The sheets of a workbook that have rows.

    Parameters
    ----------
    known_of : dict
        Table -> headers it may have.
    header_rows : dict, optional
        Title of a sheet -> row of its header, as Excel shows it, where it is known; "" is for every sheet.

    Raises
    ------
    IntakeError
        If the file is no workbook, or would unpack to far more than it is.
    """
    sheets, given = _read(path), header_rows or {}
    known = set().union(*known_of.values())
    return [
        _sheet(path, i if len(sheets) > 1 else 0, sheet, rows, known, given.get(sheet.title, given.get("")))
        for i, sheet, rows in sheets
    ]


def read_sheets(path: Path) -> list[tuple[str, list[tuple[int, list[str]]]]]:
    """Titles of the sheets of a workbook that are shown and have rows, and the rows with their numbers.

    Raises
    ------
    IntakeError
        As of `open_workbook`.
    """
    return [(sheet.title, rows) for _, sheet, rows in _read(path) if sheet.sheet_state == "visible"]


def _read(path: Path) -> list[tuple[int, Any, list[tuple[int, list[str]]]]]:
    """Place, sheet and rows of each sheet that has rows."""
    _refuse_false_workbook(path)
    try:
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            # A sheet may be a chart, which has no rows.
            tables = [(i, sheet) for i, sheet in enumerate(book.worksheets, 1) if hasattr(sheet, "iter_rows")]
            found = [(i, sheet, _sheet_rows(sheet)) for i, sheet in tables]
            book.close()
    except Exception as error:  # openpyxl lets every kind of damage through as it comes
        raise IntakeError(f"{path.name}: the workbook is damaged ({type(error).__name__}); save it again") from error
    sheets = [(i, sheet, rows) for i, sheet, rows in found if rows]
    if all(sheet.sheet_state != "visible" for _, sheet, _ in sheets):
        raise IntakeError(f"{path.name}: no sheet that is shown has a row; export it again")
    return sheets


def _refuse_false_workbook(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        with path.open("rb") as file:
            head = file.read(4)
        kind = (
            "an Excel file with a password, or of the old form (.xls)"
            if head.startswith(b"\xd0\xcf\x11\xe0")
            else ("empty or damaged" if not head or head.startswith(b"PK") else "HTML or text")
        )
        raise IntakeError(
            f"{path.name}: not an .xlsx workbook but {kind}; open it and save it as .xlsx or .csv"
        ) from error
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > _UNPACKED_LIMIT or unpacked > max(_LIMIT_RATIO * path.stat().st_size, 50_000_000):
        raise IntakeError(f"{path.name}: would unpack to {unpacked / 1e6:,.0f} MB; save it as .csv")


def _sheet_rows(sheet: Any) -> list[tuple[int, list[str]]]:
    sheet.reset_dimensions()
    rows = []
    for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
        if number > _MOST_ROWS:
            raise ValueError("more rows than a sheet can have")
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
    if isinstance(cell, int | float) and abs(cell) >= 1e15:
        # Excel keeps 15 digits: of a longer number the last ones are gone, and this form says so.
        return f"{cell:.15g}" if "e" in f"{cell:.15g}" else f"{cell:.14e}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _sheet(
    path: Path, place: int, sheet: Any, rows: list[tuple[int, list[str]]], known: set[str], header_row: int | None
) -> SheetSource:
    given = [i for i, (number, _) in enumerate(rows) if number == header_row]
    if given:
        top = Header([cell.strip() for cell in rows[given[0]][1]], given[0] + 1)
    else:
        top = find_header([cells for _, cells in rows[:HEADER_WITHIN]], known)
    width = max((i + 1 for i, name in enumerate(top.names) if name), default=0)
    header = top.names[:width]
    # A title may be the name of a customer: it is shown only where it cannot be one.
    shown = sheet.title if _PLAIN_TITLE.fullmatch(sheet.title) else f"sheet {place}"
    source = SheetSource(path, f"{path.name}[{shown}]" if place else path.name, header, title=sheet.title)
    source.above = top.above
    source.hidden = sheet.sheet_state != "visible"
    for number, cells in rows[top.rows :]:
        if any(cells[width:]):
            source.invalid.append((number, as_csv(cells), wrong_width(len(cells), width)))
        else:
            source.rows.append((number, cells[:width] + [""] * (width - len(cells))))
    return source
