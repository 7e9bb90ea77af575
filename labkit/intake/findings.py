"""What a check found: per rule and file, with line, masked example and fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from labkit import terms
from labkit.schema.model import Severity


class IntakeError(Exception):
    """Input that cannot be taken in at all; names file, place and fix."""


class LayoutError(IntakeError):
    """Files whose layout is not known: no table they could be, or a column that every table of theirs needs is not there."""


@dataclass(frozen=True)
class Finding:
    """One rule broken in one file, with the first place it was."""

    rule: str
    severity: Severity
    file: str
    table: str
    columns: tuple[str, ...]
    rows: int
    first_line: int | None
    example: str
    message_en: str
    message_zh: str
    fix_en: str
    fix_zh: str

    def text(self, language: terms.Language = "en") -> str:
        """File, line, column, rule, masked value and fix in one line."""
        place = self.file if self.first_line is None else f"{self.file}:{self.first_line}"
        column = "/".join(self.columns)
        value = f" ({self.example})" if self.example else ""
        if language == "zh":
            return f"{place} [{column}] {self.message_zh}{value}，共 {self.rows} 行；{self.fix_zh}。规则 {self.rule}"
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        return f"{place} [{column}] {self.message_en}{value}, {rows}; {self.fix_en}. Rule {self.rule}"


@dataclass
class FileCount:
    """What became of the rows of a file; read = good + quarantined + duplicates."""

    file: str
    table: str
    read: int = 0
    good: int = 0
    quarantined: int = 0
    duplicates: int = 0


@dataclass(frozen=True)
class CheckResult:
    """Outcome of a check or an intake."""

    counts: tuple[FileCount, ...]
    findings: tuple[Finding, ...]
    quarantine: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def errors(self) -> int:
        """Findings that cost rows."""
        return sum(finding.severity == "error" for finding in self.findings)

    def files_frame(self) -> pd.DataFrame:
        """Counts by file."""
        return pd.DataFrame([vars(count) for count in self.counts])

    def to_frame(self, language: terms.Language = "en") -> pd.DataFrame:
        """Findings as a table: table, columns, finding, rows, severity."""
        rows = [
            (
                f.table,
                ", ".join(f.columns),
                f.message_zh if language == "zh" else f.message_en,
                f.rows,
                f.severity,
                f.rule,
            )
            for f in self.findings
        ]
        return pd.DataFrame(rows, columns=["table", "column", "finding", "rows_count", "severity", "rule"])

    def lines(self, language: terms.Language = "en") -> Iterable[str]:
        """The outcome as text for a terminal."""
        for c in self.counts:
            yield (
                f"{c.file} -> {c.table}: {c.read:,} read = {c.good:,} good + {c.quarantined:,} quarantined "
                f"+ {c.duplicates:,} exact duplicates"
            )
        for finding in self.findings:
            yield f"{finding.severity}: {finding.text(language)}"
        if not self.findings:
            yield "no findings"

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return {"files": [vars(c) for c in self.counts], "findings": [vars(f) for f in self.findings]}
