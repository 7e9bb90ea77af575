"""EIA-861 annual electric power industry report, sales to ultimate customers (US Energy Information Administration), public domain.

One sheet of states a year: utilities by part (A bundled, B energy only, C delivery only, D bundled by a retail
provider), state and sector, with revenues [thousand dollars], sales [MWh] and customers. Source: EIA, Form EIA-861
detailed data files, "Sales_Ult_Cust".

Traps: three header rows; a point for nothing reported; the balancing authority's column is named differently from year to
year; a note in the last row; rows named "Adjustment" with negative numbers, which belong to totals and are imputed; what parts B and C
report of the same kWh differs a little; sales of C must not be added to those of A and B; owners of rooftop plants ("Behind the Meter") are no
suppliers of what flows through wires.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import openpyxl
import pandas as pd
from openpyxl.utils.exceptions import InvalidFileException

from labkit.intake.findings import IntakeError

SECTORS = ("residential", "commercial", "industrial", "transportation")
_FIRST = ("Data Year", "Utility Number", "Utility Name", "Part", "Service Type")
_MEASURES = ("revenue_usd", "sales_mwh", "customers_count")


def read_eia861(paths: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """Sales to ultimate customers of one year or several, as one tidy table.

    Parameters
    ----------
    paths : path or sequence of paths
        Workbooks as published, one a year.

    Returns
    -------
    DataFrame
        ``year``, ``utility_number``, ``part`` (A to D), ``state``, ``ownership``, ``imputed``, ``sector`` (of `SECTORS`),
        ``revenue_usd``, ``sales_mwh``, ``customers_count``; rows where nothing was reported are left out.

    Raises
    ------
    IntakeError
        If a file does not have this layout, a number is none, or a year is there twice.
    """
    files = [Path(p) for p in ([paths] if isinstance(paths, (str, Path)) else paths)]
    if not files:
        raise IntakeError("no file was given; name a workbook of EIA-861 sales to ultimate customers")
    parts = [_read(path) for path in files]
    years = [int(y) for part in parts for y in part["year"].unique()]
    again = sorted({y for y in years if years.count(y) > 1})
    if again:
        raise IntakeError(f"the year {again[0]} is in two files; give each once")
    return pd.concat(parts, ignore_index=True)


def _read(path: Path) -> pd.DataFrame:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, BadZipFile, InvalidFileException) as error:
        raise IntakeError(f"{path.name}: cannot be read as an Excel workbook; restore it from the source") from error
    if "States" not in book.sheetnames:
        raise IntakeError(f"{path.name}: has no sheet States; expected EIA-861 sales to ultimate customers")
    rows = list(book["States"].iter_rows(values_only=True))
    book.close()
    if len(rows) < 4 or tuple(str(c) for c in rows[2][:5]) != _FIRST:
        raise IntakeError(f"{path.name}, States, row 3: expected the columns {', '.join(_FIRST)}")
    sectors = [str(rows[0][9 + 3 * i]).strip().lower() for i in range(4)]
    if sectors != list(SECTORS):
        raise IntakeError(f"{path.name}, States, row 1: expected the sectors {', '.join(s.upper() for s in SECTORS)}")
    out = []
    for line, row in enumerate(rows[3:], 4):
        if row[1] is None:
            continue  # the note at the end
        if str(row[7]).strip() == "Behind the Meter":
            continue
        head = (
            int(str(row[0])),
            int(str(row[1])),
            str(row[3]).strip(),
            str(row[6]).strip(),
            str(row[7] or "").strip(),
            str(row[5]).strip() == "I",
        )
        for i, sector in enumerate(SECTORS):
            values = [
                _number(row[9 + 3 * i + k], path.name, line, f"{sector} {name}") for k, name in enumerate(_MEASURES)
            ]
            if any(v is not None for v in values):
                revenue, sales, customers = (0.0 if v is None else v for v in values)
                out.append((*head, sector, revenue * 1000, sales, customers))
    columns = ["year", "utility_number", "part", "state", "ownership", "imputed", "sector", *_MEASURES]
    frame = pd.DataFrame(out, columns=columns)
    strange = sorted(set(frame["part"]) - set("ABCD"))
    if strange:
        raise IntakeError(f"{path.name}, States: part {strange[0]!r} is not known; expected A, B, C or D")
    return frame


def _number(cell: object, file: str, line: int, column: str) -> float | None:
    if cell is None or str(cell).strip() in (".", ""):
        return None
    try:
        return float(str(cell).replace(",", ""))
    except ValueError as error:
        raise IntakeError(
            f"{file}, States, row {line}, {column}: expected a number or a point, correct the cell"
        ) from error
