"""Day types and time-of-use periods: what kind of hour it is.

Day types come from the official holiday arrangements of a country, make-up
workdays (调休上班) included; periods are dated data in ``data/tariffs/``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import holidays
import numpy as np
import pandas as pd
import yaml

DAY_TYPES = ("workday", "weekend", "holiday")
PERIODS = ("sharp", "peak", "flat", "valley")
DATA = Path(__file__).parents[1] / "data"


@cache
def _official(country: str, year: int) -> tuple[frozenset[dt.date], frozenset[dt.date]]:
    try:
        official = holidays.country_holidays(country, years=year)
    except NotImplementedError as error:
        raise ValueError(
            f"calendar is {country!r}, which the holidays library does not know: "
            "use a two-letter country code such as CN or GB"
        ) from error
    return frozenset(official.keys()), frozenset(official.weekend_workdays)


def day_types(days: Iterable[dt.date], country: str = "CN") -> list[str]:
    """Workday, weekend or holiday for each day.

    Parameters
    ----------
    days : iterable of date
    country : str
        Two-letter code; the holiday arrangements of the `holidays` library.

    Returns
    -------
    list of {"workday", "weekend", "holiday"}

    Raises
    ------
    ValueError
        If the country has no calendar.

    Notes
    -----
    A weekend day inside a holiday that no rule names stays a weekend. Years the
    library does not yet know have fixed holidays only, no make-up workdays.

    Examples
    --------
    >>> import datetime as dt
    >>> day_types([dt.date(2025, 1, 26), dt.date(2025, 1, 29), dt.date(2025, 2, 9)])
    ['workday', 'holiday', 'weekend']
    """
    found = []
    for day in days:
        off, makeup = _official(country, day.year)
        if day in makeup:
            found.append("workday")
        elif day in off:
            found.append("holiday")
        else:
            found.append("weekend" if day.weekday() >= 5 else "workday")
    return found


def day_type_table(first: dt.date, last: dt.date, country: str = "CN") -> pd.DataFrame:
    """Day, month and day type of every day from first to last.

    Examples
    --------
    >>> import datetime as dt
    >>> day_type_table(dt.date(2025, 5, 1), dt.date(2025, 5, 3))["day_type"].tolist()
    ['holiday', 'holiday', 'weekend']
    """
    days = [first + dt.timedelta(n) for n in range((last - first).days + 1)]
    return pd.DataFrame(
        {"day": days, "month": [day.strftime("%Y-%m") for day in days], "day_type": day_types(days, country)}
    )


@dataclass(frozen=True)
class PeriodRules:
    """Which hours are sharp, peak, flat and valley, by month: one dated rule.

    Attributes
    ----------
    hours : dict
        Period -> hours [start, end) of the day in every month.
    sharp_hours : dict
        Month (1..12) -> hours that are sharp in that month, taken from peak.
    """

    id: str
    effective_from: dt.date
    region: str
    source: str
    hours: dict[str, tuple[tuple[float, float], ...]]
    sharp_hours: dict[int, tuple[tuple[float, float], ...]]

    def slots(self, interval_min: int, month: int) -> list[str]:
        """Period of each slot of the day.

        Parameters
        ----------
        interval_min : int
            Metering interval [min].
        month : int
            1..12.
        """
        starts = np.arange(0, 24, interval_min / 60)
        found = np.full(len(starts), "", dtype="<U6")
        for period, spans in self.hours.items():
            for low, high in spans:
                found[(starts >= low) & (starts < high)] = period
        for low, high in self.sharp_hours.get(month, ()):
            found[(starts >= low) & (starts < high)] = "sharp"
        if (found == "").any():
            at = starts[found == ""][0]
            raise ValueError(
                f"period rule {self.id}: the hour {at:g} belongs to no period; let the periods cover the day"
            )
        return [str(period) for period in found]


def _spans(pairs: list[list[float]]) -> tuple[tuple[float, float], ...]:
    """Hours as spans that do not cross midnight."""
    spans: list[tuple[float, float]] = []
    for low, high in pairs:
        spans += [(low, high)] if low < high else [(low, 24), (0, high)]
    return tuple(spans)


def read_periods(path: Path | None = None) -> PeriodRules:
    """Time-of-use periods from a YAML file (the sample utility's by default).

    Examples
    --------
    >>> rules = read_periods()
    >>> rules.slots(60, month=3)[9:13]
    ['flat', 'peak', 'peak', 'flat']
    """
    path = path or DATA / "tariffs" / "sample_periods.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(raw["hours"]) - set(PERIODS)
    if unknown:
        raise ValueError(f"{path.name}: unknown period {sorted(unknown)[0]!r}; use {', '.join(PERIODS)}")
    return PeriodRules(
        raw["id"],
        raw["effective_from"],
        raw["region"],
        raw["source"],
        {period: _spans(pairs) for period, pairs in raw["hours"].items()},
        {
            month: _spans(pairs)
            for entry in raw.get("sharp", [])
            for month in entry["months"]
            for pairs in [entry["hours"]]
        },
    )
