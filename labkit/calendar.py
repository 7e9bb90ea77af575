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
from typing import Any

import holidays
import numpy as np
import pandas as pd
import yaml

DAY_TYPES = ("workday", "weekend", "holiday")
#: By three months, winter from December.
SEASONS = ("winter", "spring", "summer", "autumn")
PERIODS = ("sharp", "peak", "flat", "valley", "deep_valley")
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


@dataclass(frozen=True, eq=False)
class PeriodRules:
    """Which period every quarter of an hour belongs to, by month and day type: one dated rule.

    Attributes
    ----------
    names : tuple of str
        Periods, such as ``("sharp", "peak", "flat", "valley")``.
    schedule : ndarray of int8, shape (12, 3, 96)
        Place in `names` by month, day type (`DAY_TYPES`) and quarter of an hour.
    """

    id: str
    effective_from: dt.date
    region: str
    source: str
    names: tuple[str, ...]
    schedule: np.ndarray

    def codes(self, interval_min: int) -> np.ndarray:
        """Place in `names` of each slot of the day, shape (12, 3, slots).

        Parameters
        ----------
        interval_min : int
            Metering interval [min].

        Raises
        ------
        ValueError
            If a period begins inside a slot.
        """
        if interval_min < 15:
            return np.repeat(self.schedule, 15 // interval_min, axis=2)
        parts = self.schedule.reshape(12, 3, 1440 // interval_min, interval_min // 15)
        if (parts != parts[..., :1]).any():
            month, day, slot, _ = np.argwhere(parts != parts[..., :1])[0]
            raise ValueError(
                f"period rule {self.id}, month {month + 1}, {DAY_TYPES[day]}: a period begins within the slot at "
                f"{_clock(slot * interval_min / 60)}; readings every {interval_min} min cannot tell it, use shorter ones"
            )
        return parts[..., 0]

    def step_min(self) -> int:
        """Longest of 60, 30 and 15 minutes within which no period begins.

        Examples
        --------
        >>> read_periods().step_min()
        60
        """
        shape = self.schedule.shape[:2]
        parts = {step: self.schedule.reshape(*shape, 1440 // step, step // 15) for step in (60, 30)}
        return next((step for step, part in parts.items() if (part == part[..., :1]).all()), 15)

    def slots(self, interval_min: int, month: int, day_type: str = "workday") -> list[str]:
        """Period of each slot of the day.

        Parameters
        ----------
        interval_min : int
            Metering interval [min].
        month : int
            1..12.
        day_type : {"workday", "weekend", "holiday"}
        """
        return [self.names[code] for code in self.codes(interval_min)[month - 1, DAY_TYPES.index(day_type)]]

    def spans(self, period: str, month: int, day_type: str = "workday") -> list[tuple[float, float]]:
        """Hours [start, end) of a period on a day.

        Examples
        --------
        >>> read_periods().spans("peak", month=4)
        [(10.0, 12.0), (15.0, 21.0)]
        """
        day = self.schedule[month - 1, DAY_TYPES.index(day_type)]
        here = np.concatenate([[False], day == (self.names.index(period) if period in self.names else -2), [False]])
        edges = np.flatnonzero(np.diff(here.astype(int))) / 4
        return [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _clock(hour: float) -> str:
    return f"{int(hour):02d}:{round(hour % 1 * 60):02d}"


def _lay(day: np.ndarray, hours: dict[str, list[list[float]]], names: list[str], where: str) -> np.ndarray:
    """Periods of a day laid over what is there; two of one rule at the same time are an error."""
    laid, own = day.copy(), np.full(96, -1, dtype=np.int8)
    for name, pairs in hours.items():
        for low, high in pairs:
            if not (0 <= low <= 24 and 0 <= high <= 24 and low != high) or low * 4 % 1 or high * 4 % 1:
                raise ValueError(
                    f"{where}: {name} [{low}, {high}] is no span of hours; give two different hours from 0 to 24 "
                    "in quarters, such as [8.5, 11]"
                )
            quarter = np.arange(96) / 4
            here = (quarter >= low) & (quarter < high) if low < high else (quarter >= low) | (quarter < high)
            clash = here & (own >= 0)
            if clash.any():
                raise ValueError(
                    f"{where}: {_clock(quarter[clash][0])} belongs to {names[own[clash][0]]} and to {name}; "
                    "let each time of the day belong to one period"
                )
            own[here] = names.index(name)
    laid[own >= 0] = own[own >= 0]
    return laid


def parse_periods(raw: dict[str, Any], where: str) -> PeriodRules:
    """Time-of-use periods from what a YAML file says.

    Parameters
    ----------
    raw : dict
        ``hours`` (period -> spans of hours, the whole day) and ``exceptions``:
        entries with ``months``, ``day_types`` (all where left out) and ``hours``,
        laid over what is above them.
    where : str
        File and rule, for errors.

    Raises
    ------
    ValueError
        If the periods do not cover the day, or overlap.
    """
    entries = [{"hours": raw.get("hours") or {}}, *raw.get("exceptions", [])]
    used = list(dict.fromkeys(name for entry in entries for name in entry["hours"]))
    names = [*(name for name in PERIODS if name in used), *(name for name in used if name not in PERIODS)]
    schedule = np.full((12, 3, 96), -1, dtype=np.int8)
    for at, entry in enumerate(entries):
        place = f"{where}, exception {at}" if at else f"{where}, hours"
        months, kinds = entry.get("months", range(1, 13)), entry.get("day_types", DAY_TYPES)
        if not set(months) <= set(range(1, 13)) or not set(kinds) <= set(DAY_TYPES):
            raise ValueError(f"{place}: months are 1 to 12, day types {', '.join(DAY_TYPES)}; correct {entry}")
        for month in months:
            for kind in kinds:
                day = schedule[month - 1, DAY_TYPES.index(kind)]
                schedule[month - 1, DAY_TYPES.index(kind)] = _lay(day, entry["hours"], names, place)
    if (schedule < 0).any():
        month, day, quarter = np.argwhere(schedule < 0)[0]
        raise ValueError(
            f"{where}, month {month + 1}, {DAY_TYPES[day]}: {_clock(quarter / 4)} belongs to no period; "
            "let the periods cover the day"
        )
    date = raw.get("effective_from", dt.date(1900, 1, 1))
    return PeriodRules(
        str(raw.get("id", where)), date, str(raw.get("region", "")), str(raw.get("source", "")), tuple(names), schedule
    )


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
    unknown = {name for entry in [raw, *raw.get("exceptions", [])] for name in entry["hours"]} - set(PERIODS)
    if unknown:
        raise ValueError(f"{path.name}: unknown period {sorted(unknown)[0]!r}; use {', '.join(PERIODS)}")
    return parse_periods(raw, path.name)
