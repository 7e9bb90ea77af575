"""What the intake refused, set aside or dropped, by check: it never came into the store."""

from __future__ import annotations

from typing import Any

#: Rule of the intake -> check of meter data. A negative value and one beyond all bounds are one rule there.
RULES = {
    "readings.key.unique": "duplicate_conflicting",
    "readings.ts.grid": "off_grid",
    "readings.ts.interval": "off_grid",
    "readings.kwh.range": "negative",
    "readings.slots.range": "negative",
    "bills.energy_adds_up": "period_sum",
}


def count_set_aside(record: dict[str, Any] | None) -> dict[str, int]:
    """Rows of readings and bills that the intake took out, by check.

    Parameters
    ----------
    record : dict or None
        `Lab.intake_record`.

    Returns
    -------
    dict of str to int
        Empty without a record; with one, every check the intake has, also those of no rows.

    Examples
    --------
    >>> count_set_aside({"files": [{"table": "readings", "duplicates": 3}], "findings": []})["duplicate_exact"]
    3
    """
    if record is None:
        return {}
    counts = dict.fromkeys(("duplicate_exact", *RULES.values()), 0)
    counts["duplicate_exact"] = sum(file["duplicates"] for file in record["files"] if file["table"] == "readings")
    for finding in record["findings"]:
        if finding["rule"] in RULES:
            counts[RULES[finding["rule"]]] += finding["rows"]
    return counts
