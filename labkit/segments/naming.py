"""What a shape looks like, in words of the trade, by rules that stand here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from labkit.segments.errors import SegmentError
from labkit.segments.result import HOUR_COLUMN

#: A day whose highest and lowest hour differ by less than this part of the mean is flat.
FLAT_RANGE = 0.45
#: Hours count as busy above this part of the way from the lowest to the highest.
BUSY_LEVEL = 0.5
#: From this share of a workday's energy between 23:00 and 7:00 a customer lives at night (8 of 24 hours are 0.33).
NIGHT_SHARE = 0.45
#: Weekend use over workday use below or above which a name says so.
QUIET_WEEKEND, BUSY_WEEKEND = 0.7, 1.2
#: A spell that begins by the first hour and is still busy until the other is day and evening, as in shops.
LATE_START, EVENING_HOUR = 12, 20
#: Two shifts are even: the lowest of their hours over the highest, first and last hour aside.
EVEN_PLATEAU = 0.8
NIGHT_HOURS = (23, 0, 1, 2, 3, 4, 5, 6)

_KINDS: dict[str, tuple[str, str]] = {
    "flat": ("Flat", "平稳型"),
    "night": ("Night", "夜间型"),
    "two_shifts": ("Two shifts", "两班制"),
    "long_day": ("Day and evening", "日间至晚间型"),
    "daytime": ("Daytime", "日间型"),
    "morning": ("Morning peak", "早高峰型"),
    "evening": ("Evening peak", "晚高峰型"),
    "noon_evening": ("Noon and evening peaks", "午晚双峰型"),
    "morning_evening": ("Morning and evening double peak", "早晚双峰型"),
    "several": ("Several peaks", "多峰型"),
}


def mean_day(row: pd.Series, day_type: str = "workday") -> np.ndarray:
    """Mean of all typical days of a type (over seasons); of all there are where the type is not there."""
    found = [(c, m.group(1)) for c in row.index if (m := HOUR_COLUMN.match(str(c)))]
    mine = [c for c, block in found if block.split("_")[-1] == day_type] or [c for c, _ in found]
    if not mine or len(mine) % 24:
        raise SegmentError("shape: expected 24 columns a kind of day, such as workday_00 to workday_23")
    return row[mine].to_numpy(dtype=float).reshape(-1, 24).mean(axis=0)


def busy_spells(day: np.ndarray, level: float = BUSY_LEVEL) -> list[tuple[int, int]]:
    """Spells of busy hours round the clock as (first hour, hours); breaks of one or two hours between are bridged.

    Examples
    --------
    >>> day = np.ones(24)
    >>> day[[8, 9, 10, 13, 14, 15, 22, 23, 0]] = 3
    >>> busy_spells(day)
    [(8, 8), (22, 3)]
    """
    busy = day > day.min() + level * (day.max() - day.min())
    for gap in (1, 2):
        for hour in range(24):
            inside = [(hour + i) % 24 for i in range(gap)]
            if busy[hour - 1] and busy[(hour + gap) % 24] and not busy[inside].any():
                busy[inside] = True
    if busy.all():
        return [(0, 24)]
    starts = [hour for hour in range(24) if busy[hour] and not busy[hour - 1]]
    return [(s, next(n for n in range(1, 25) if not busy[(s + n) % 24])) for s in starts]


def kind_of_day(day: np.ndarray) -> str:
    """Kind of a day: ``flat``, ``night``, ``two_shifts``, ``long_day``, ``daytime``, ``morning``, ``evening`` ….

    Parameters
    ----------
    day : ndarray, shape (24,)
        Load of each hour, any unit.

    Notes
    -----
    Flat by `FLAT_RANGE`; night by `NIGHT_SHARE`; else by the busy spells: one of 14 even hours or more is two shifts; one from
    noon or earlier to 20:00 or later is day and evening; another goes by its middle (before 10 morning, before 17 daytime, before 23 evening); two go by
    the middle of the first (before 11 morning, else noon) and of the last, which is the evening's. A name says what the load
    looks like, not who it is: a home that is seldom lived in, a hospital and a mill on three shifts are all flat.

    Examples
    --------
    >>> hours = np.arange(24)
    >>> kind_of_day(1 + 3.0 * ((hours > 17) & (hours < 23))), kind_of_day(1 + 3.0 * ((hours > 5) & (hours < 22)))
    ('evening', 'two_shifts')
    """
    mean = float(day.mean())
    if mean <= 0 or np.ptp(day) < FLAT_RANGE * mean:
        return "flat"
    if day[list(NIGHT_HOURS)].sum() / day.sum() >= NIGHT_SHARE:
        return "night"
    spells = busy_spells(day)
    middles = [start + length / 2 for start, length in spells]
    if len(spells) == 1:
        length, middle = spells[0][1], middles[0] % 24
        inner = day[[(spells[0][0] + i) % 24 for i in range(1, max(length - 1, 2))]]
        if length >= 14 and inner.min() >= EVEN_PLATEAU * inner.max():
            return "two_shifts"
        if spells[0][0] <= LATE_START and spells[0][0] + length >= EVENING_HOUR:
            return "long_day"
        if middle < 4 or middle >= 23:
            return "night"
        return "morning" if middle < 10 else "daytime" if middle < 17 else "evening"
    if len(spells) == 2 and middles[1] >= 17:
        return "morning_evening" if middles[0] < 11 else "noon_evening"
    return "several"


def name_shapes(shapes: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Names of typical days in English and Chinese, no two the same.

    Parameters
    ----------
    shapes : DataFrame
        A row a group (index: code), columns ``workday_00`` ….

    Notes
    -----
    A quiet or busy weekend is always said. Where two groups look alike still, what tells them apart is added, as far as it is
    needed: the hour of the highest load, how high it is, at last a number.
    """
    kinds = {str(code): kind_of_day(mean_day(row)) for code, row in shapes.iterrows()}
    names = {code: _KINDS[kind] for code, kind in kinds.items()}
    rows = {str(code): row for code, row in shapes.iterrows()}
    names = {code: _join(pair, words) if (words := _weekend(rows[code]))[0] else pair for code, pair in names.items()}
    tellers: tuple[Callable[[pd.Series], tuple[str, str]], ...] = (_peak, _height)
    for tell in tellers:
        for pair in {pair for pair in names.values() if list(names.values()).count(pair) > 1}:
            same = [code for code, given in names.items() if given == pair]
            told = {code: tell(rows[code]) for code in same}
            if len(set(told.values())) > 1:
                names |= {code: _join(pair, words) for code, words in told.items() if words[0]}
    return make_unique(names)


def make_unique(names: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Number names that stand there twice in either language.

    Examples
    --------
    >>> make_unique({"a": ("Night", "夜间型"), "b": ("Night", "夜间型")})
    {'a': ('Night (1)', '夜间型（1）'), 'b': ('Night (2)', '夜间型（2）')}
    """
    given, seen, out = list(names.values()), {}, {}  # type: ignore[var-annotated]
    for code, (en, zh) in names.items():
        if [e for e, _ in given].count(en) > 1 or [z for _, z in given].count(zh) > 1:
            seen[en] = seen.get(en, 0) + 1
            en, zh = f"{en} ({seen[en]})", f"{zh}（{seen[en]}）"
        out[code] = (en, zh)
    return out


def weekend_ratio(row: pd.Series) -> float:
    """Mean load on weekends over that on workdays; 1 where there are no weekends."""
    workday = mean_day(row).mean()
    blocks = {m.group(1).split("_")[-1] for c in row.index if (m := HOUR_COLUMN.match(str(c)))}
    return float(mean_day(row, "weekend").mean() / workday) if "weekend" in blocks and workday > 0 else 1.0


def _join(pair: tuple[str, str], words: tuple[str, str]) -> tuple[str, str]:
    return f"{pair[0]}, {words[0]}", f"{pair[1]}·{words[1]}"


def _weekend(row: pd.Series) -> tuple[str, str]:
    ratio = weekend_ratio(row)
    if ratio < QUIET_WEEKEND:
        return "quiet weekends", "周末低"
    return ("busier weekends", "周末高") if ratio > BUSY_WEEKEND else ("", "")


def _peak(row: pd.Series) -> tuple[str, str]:
    hour = int(np.argmax(mean_day(row)))
    return f"highest at {hour}:00", f"{hour}时最高"


def _height(row: pd.Series) -> tuple[str, str]:
    day = mean_day(row)
    times = day.max() / max(day.mean(), 1e-12)
    return f"peak {times:.1f} times the mean", f"峰值为均值的{times:.1f}倍"
