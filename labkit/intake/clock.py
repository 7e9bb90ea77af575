"""Instants and local wall time: what a reading's label is on the clock of its utility."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from labkit.intake.findings import IntakeError
from labkit.schema import Rule

_OFFSET = re.compile(r"(?:[+-]\d{2}:?\d{2}|Z)$")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(.*)", re.DOTALL)
#: Clocks go back by an hour, on Lord Howe Island by half an hour [s].
_SHIFTS_S = (1800, 3600)


def require_zone(name: str) -> str:
    """A time zone of the IANA list.

    Raises
    ------
    IntakeError
        If there is none of this name.

    Examples
    --------
    >>> require_zone("Europe/Dublin")
    'Europe/Dublin'
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise IntakeError(f"the time zone {name!r} is not known; write one such as Asia/Shanghai or UTC") from error
    return name


def to_wall_time(utc_s: np.ndarray, zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Wall time of instants, and which of them the clock shows for the second time.

    Parameters
    ----------
    utc_s : ndarray of int64
        Seconds since 1970, UTC.
    zone : str
        Where the clock hangs.

    Returns
    -------
    wall_s : ndarray of int64
        Seconds from 1970 to what the clock shows.
    repeated : ndarray of bool
        True in the hour after clocks went back: the same times were there before.

    Examples
    --------
    >>> wall, repeated = to_wall_time(np.array([1256428800, 1256432400]), "Europe/Dublin")
    >>> wall[0] == wall[1], repeated.tolist()
    (np.True_, [False, True])
    """
    wall = _wall(utc_s, zone)
    repeated = np.zeros(len(utc_s), bool)
    for shift in _SHIFTS_S:
        repeated |= _wall(utc_s - shift, zone) == wall
    return wall, repeated


def _wall(utc_s: np.ndarray, zone: str) -> np.ndarray:
    stamps = pd.DatetimeIndex(utc_s.astype("datetime64[s]")).tz_localize("UTC").tz_convert(zone)
    return np.asarray(stamps.tz_localize(None).as_unit("s").asi8)


def read_instants(texts: Sequence[str], zone: str) -> np.ndarray:
    """Instants [s since 1970, UTC] of times that carry an offset, or are of a zone; the least integer where there is none.

    Examples
    --------
    >>> read_instants(["2017-01-01T00:00:00+00:00", "2017-01-01 01:00"], "UTC").tolist()
    [1483228800, 1483232400]
    """
    offset = np.array([bool(_OFFSET.search(text.strip()[10:])) for text in texts], bool)
    series = pd.Series([_as_iso(text) for text in texts], dtype="object")
    out = np.full(len(texts), np.iinfo(np.int64).min)
    for mine, naive in ((offset, False), (~offset, True)):
        if mine.any():
            stamps = pd.to_datetime(series[mine], utc=not naive, errors="coerce", format="ISO8601")
            if naive:
                stamps = stamps.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
            out[mine] = pd.DatetimeIndex(stamps).as_unit("s").asi8
    return out


def _as_iso(text: str) -> str:
    """Dates as 2024/1/5 or 2024年1月5日 in the form 2024-01-05."""
    found = _DATE.match(text.strip())
    return f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}{found[4]}" if found else text.strip()


def repeated_hour_rule() -> Rule:
    """The hour that clocks show twice when they go back: wall time holds it once."""
    return Rule(
        "readings.ts.repeated_hour",
        ("ts",),
        lambda t: t.ts.isnull(),
        "the hour that the clock shows for the second time on the day clocks go back; wall time holds it once, the first is kept",
        "夏令时结束当日重复的一小时（第二次），当地时间只保留第一次",
        "nothing to correct; its energy is in the quarantine file",
        "无需更正，该时段电量见隔离文件",
    )
