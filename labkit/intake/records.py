"""Readings as columns: customer, time, energy, and the line they were read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing

NOTHING = np.iinfo(np.int32).min
#: Columns and their types as they lie in files.
TYPES = {
    "customer": "i4",
    "minute": "i4",  # since 1970
    "wh": "i4",
    "varh": "i4",
    "line": "i8",
    "file": "i2",
    "interval": "i2",  # 0 where it follows from the times
}


@dataclass(frozen=True, eq=False)
class Records:
    """Readings, a column each of `customer` (its place among the ids), `minute` since 1970, `wh`, `varh`, `line`, `file`, `interval`.

    Columns of one value (stride 0) cost no memory.

    Examples
    --------
    >>> records = Records.of(2, customer=[3, 1], minute=[0, 60], wh=[5, 7], line=[1, 2])
    >>> records["wh"].tolist(), records[records["customer"] == 1]["minute"].tolist(), len(records)
    ([5, 7], [60], 2)
    """

    columns: dict[str, np.ndarray]

    @classmethod
    def of(cls, rows: int, **columns: np.typing.ArrayLike) -> Records:
        """From columns, or one value for all rows; what is not given is nothing."""
        given = {"varh": NOTHING, "wh": NOTHING, "file": 0, "interval": 0} | columns
        made = {name: np.asarray(given[name]).astype(kind, copy=False) for name, kind in TYPES.items()}
        return cls({name: np.broadcast_to(column, rows) for name, column in made.items()})

    @classmethod
    def joined(cls, parts: Sequence[Records]) -> Records:
        """Several one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.of(0, customer=0, minute=0, line=0)
        return cls({name: _concatenate([part[name] for part in parts]) for name in TYPES})

    def __len__(self) -> int:
        return len(self.columns["line"])

    @overload
    def __getitem__(self, item: str) -> np.ndarray: ...
    @overload
    def __getitem__(self, item: np.ndarray | slice) -> Records: ...
    def __getitem__(self, item: str | np.ndarray | slice) -> np.ndarray | Records:
        if isinstance(item, str):
            return self.columns[item]
        return Records({name: _choose(column, item) for name, column in self.columns.items()})


def is_one_value(column: np.ndarray) -> bool:
    """Whether a column is one value for all rows, and so needs no memory."""
    return column.strides == (0,) and len(column) > 0


def _choose(column: np.ndarray, item: np.ndarray | slice) -> np.ndarray:
    if not is_one_value(column) or isinstance(item, slice):
        return column[item]
    rows = int(np.count_nonzero(item)) if item.dtype == bool else len(item)
    return np.broadcast_to(column[0], rows)


def _concatenate(parts: list[np.ndarray]) -> np.ndarray:
    values = {part[0] for part in parts if is_one_value(part)}
    if len(values) == 1 and all(is_one_value(part) for part in parts):
        return np.broadcast_to(parts[0][0], sum(map(len, parts)))
    return np.concatenate(parts)
