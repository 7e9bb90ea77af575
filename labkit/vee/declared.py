"""The checks of meter data, each said once: what it looks at, how grave it is, what it means, what to do."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: From the gravest on.
SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes
    ----------
    id : str
    level : {"row", "day", "month", "bill", "customer"}
        What it counts.
    severity : {"error", "warning", "note"}
        An error cannot be true; a warning is to be looked at; a note is to be borne in mind.
    looks_at : {"readings", "bills", "intake"}
        Where it is seen; what the intake refuses is in its record alone.
    en, zh : str
        What was found.
    fix_en, fix_zh : str
        What to do.
    """

    id: str
    level: str
    severity: str
    looks_at: str
    en: str
    zh: str
    fix_en: str
    fix_zh: str


@cache
def checks() -> dict[str, Check]:
    """All checks by id, in their order.

    Examples
    --------
    >>> checks()["spike"].level
    'day'
    """
    with (Path(__file__).parent / "checks.csv").open(encoding="utf-8", newline="") as file:
        return {row["check"]: Check(id=row.pop("check"), **row) for row in csv.DictReader(file)}
