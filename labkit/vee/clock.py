"""Days on which the utility's clock was changed: 46 or 50 half-hours instead of 48."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from labkit.vee.thresholds import VeeError

_MINUTE = dt.timedelta(minutes=1)


def hours_of_days(timezone: str, period: tuple[str, str]) -> dict[str, float]:
    """Days of the period that do not have 24 hours, with their hours.

    Parameters
    ----------
    timezone : str
        Such as ``Asia/Shanghai``, which has had none since 1991.
    period : (str, str)
        First and last day.

    Raises
    ------
    VeeError
        If the time zone is not known.

    Examples
    --------
    >>> hours_of_days("Europe/London", ("2025-01-01", "2025-12-31"))
    {'2025-03-30': 23.0, '2025-10-26': 25.0}
    >>> hours_of_days("Asia/Shanghai", ("2025-01-01", "2025-12-31"))
    {}
    """
    zone = _zone(timezone)
    day, last = (dt.date.fromisoformat(one) for one in period)
    found = {}
    while day <= last:
        start, end = (dt.datetime.combine(d, dt.time(), zone) for d in (day, day + dt.timedelta(1)))
        hours = 24 - (_offset(end) - _offset(start)) / 3600
        if hours != 24:
            found[day.isoformat()] = hours
        day += dt.timedelta(1)
    return found


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (OSError, ValueError, LookupError) as error:
        raise VeeError(
            f"timezone is {timezone!r}, which is no known time zone: set it in the mapping, such as Asia/Shanghai, and take the data in anew"
        ) from error


def _offset(moment: dt.datetime) -> float:
    offset = moment.utcoffset()
    assert offset is not None  # moments here have a zone
    return offset.total_seconds()


def skipped_slots(timezone: str, period: tuple[str, str], interval_min: int) -> dict[str, list[int]]:
    """Slots of the day that the clock skips, by day.

    Examples
    --------
    >>> skipped_slots("Europe/London", ("2025-03-01", "2025-12-31"), 30)
    {'2025-03-30': [2, 3]}
    """
    zone, found = _zone(timezone), {}
    for day, hours in hours_of_days(timezone, period).items():
        if hours > 24:
            continue
        midnight = dt.datetime.combine(dt.date.fromisoformat(day), dt.time())
        walls = [midnight + slot * interval_min * _MINUTE for slot in range(1440 // interval_min)]
        there = [w.replace(tzinfo=zone).astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) == w for w in walls]
        found[day] = [slot for slot, real in enumerate(there) if not real]
    return found
