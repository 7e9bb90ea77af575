"""Days that what is counted back from: the last one known, the one a year before."""

from __future__ import annotations

import pandas as pd

from labkit.lab import Lab


def last_day(lab: Lab, *tables: str) -> pd.Timestamp:
    """Last day that anything is known of: of the readings or bills, or of the tables named, whichever is later."""
    moments = [lab.period[1], *(lab.manifest.tables[name].last for name in tables if lab.has(name))]
    return max(pd.Timestamp(moment).normalize() for moment in moments if moment)


def year_before(day: pd.Timestamp) -> pd.Timestamp:
    """The day twelve months earlier; what lies after it is of the last twelve months."""
    return day - pd.DateOffset(months=12)
