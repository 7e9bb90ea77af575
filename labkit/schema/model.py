"""What a table, a column and a rule are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import ibis.expr.types as ir

from labkit import terms


class Type(StrEnum):
    """How a column is kept: its meaning, not its storage."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    MONTH = "month"


#: Column type -> (Ibis type in the store, Frictionless type in datapackage.json).
STORAGE: dict[Type, tuple[str, str]] = {
    Type.TEXT: ("string", "string"),
    Type.INTEGER: ("int64", "integer"),
    Type.NUMBER: ("float64", "number"),
    Type.BOOLEAN: ("boolean", "boolean"),
    Type.DATE: ("date", "date"),
    Type.TIMESTAMP: ("timestamp(6)", "datetime"),
    Type.MONTH: ("string", "yearmonth"),
}

#: direct: names a person; identifier: a number kept for one; none.
Personal = Literal["none", "identifier", "direct"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Column:
    """A column, said once: type, whether it must be there, bounds, personal class.

    Unit and titles follow from the name (`labkit.terms`).
    """

    name: str
    type: Type = Type.TEXT
    required: bool = False
    personal: Personal = "none"
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    references: str = ""

    @property
    def unit(self) -> str:
        """Unit, from the end of the name."""
        return terms.unit(self.name)


@dataclass(frozen=True)
class Rule:
    """What makes a row bad, declared once and run on any engine.

    ``bad`` takes the table and gives a boolean that is true for a bad row (null
    counts as good). An ``error`` sends the row to quarantine, a ``warning``
    keeps it and counts it.
    """

    id: str
    columns: tuple[str, ...]
    bad: Callable[[ir.Table], ir.BooleanValue]
    en: str
    zh: str
    fix_en: str
    fix_zh: str
    severity: Severity = "error"

    def message(self, language: terms.Language) -> str:
        """What is wrong with a bad row."""
        return self.zh if language == "zh" else self.en

    def fix(self, language: terms.Language) -> str:
        """What to do about it."""
        return self.fix_zh if language == "zh" else self.fix_en


@dataclass(frozen=True)
class Table:
    """A table of the design: key, columns, rules between columns, who wants it."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    wanted_by: tuple[str, ...] = ()
    required: bool = False
    about_en: str = field(default="", kw_only=True)
    about_zh: str = field(default="", kw_only=True)

    def __getitem__(self, column: str) -> Column:
        for candidate in self.columns:
            if candidate.name == column:
                return candidate
        raise KeyError(f"the table {self.name} has no column {column!r}; it has {', '.join(self.column_names)}")

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def personal_columns(self) -> tuple[str, ...]:
        """Columns that name a person; no page and no error ever shows them."""
        return tuple(column.name for column in self.columns if column.personal == "direct")
