"""Small stores whose portraits can be worked out on paper."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import labkit
from labkit.lab import Lab
from labkit.store import StoreWriter, day_rows


def day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def make_lab(
    folder: Path,
    tables: Mapping[str, Mapping[str, Sequence[Any]]],
    readings: Sequence[tuple[str, str, Sequence[float | None]]] = (),
) -> Lab:
    """A lab of a few rows a table; hourly readings as customer, day, Wh of each hour."""
    with StoreWriter(folder) as writer:
        for name, columns in tables.items():
            writer.write(name, pa.table({column: pa.array(list(values)) for column, values in columns.items()}))
        for customer, date, values in readings:
            array = np.array([[np.nan if v is None else v for v in values]])
            missing = np.isnan(array)
            at = pa.array([customer]), pa.array(np.array([date], dtype="datetime64[D]"))
            rows = day_rows(*at, 60, np.nan_to_num(array).astype(np.int32), missing)
            writer.write_day_rows("readings", date[:7], 0, rows)
    return labkit.open(folder)


def customers(*ids: str, **more: Sequence[Any]) -> dict[str, Sequence[Any]]:
    return {"customer_id": ids, "customer_class": ["residential"] * len(ids), **more}


def bills(rows: Sequence[tuple[str, str, float, float]], due_day: int = 20) -> dict[str, list[Any]]:
    """Bills as customer, month, kWh, yuan; due on the 20th of the month."""
    return {
        "bill_id": [f"B{i}" for i in range(len(rows))],
        "customer_id": [row[0] for row in rows],
        "period": [row[1] for row in rows],
        "kwh": [row[2] for row in rows],
        "total_yuan": [row[3] for row in rows],
        "due_on": [day(f"{row[1]}-{due_day}") for row in rows],
    }


def months(first: str, count: int) -> list[str]:
    year, month = map(int, first.split("-"))
    return [f"{year + (month - 1 + i) // 12}-{(month - 1 + i) % 12 + 1:02d}" for i in range(count)]
