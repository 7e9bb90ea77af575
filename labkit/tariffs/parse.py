"""What every part of a tariff's YAML is read with: keys, numbers, periods, tiers."""

from __future__ import annotations

import datetime as dt
import math
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from labkit.calendar import PeriodRules, parse_periods
from labkit.tariffs.rule import Name, Prices, TariffError, Tier, Tiers

#: The one period of a tariff that does not tell hours apart.
ALL_DAY = "all"
_KEYS = {
    "": "id name region source currency calendar effective_from effective_to periods energy steps basic demand "
    "power_factor funds fixed minimum_per_month minimum_per_year eligible changes notes",
    "energy": "flat_yuan_per_kwh ratio not_floating_yuan_per_kwh prices tiers tier_unit tiers_of seasons",
    "season": "months flat_yuan_per_kwh ratio not_floating_yuan_per_kwh prices tiers",
    "steps": "per tiers",
    "basic": "capacity_yuan_per_kva contract_yuan_per_kw demand_yuan_per_kw tolerance excess_multiple floor_share "
    "high_use window_min ratchet",
    "demand": "name periods prices tiers seasons unit window_min ratchet high_use",
    "high_use": "kwh_per_kva multiple",
    "ratchet": "share shares months_back months",
    "power_factor": "standard base",
    "funds": "name yuan_per_kwh",
    "fixed": "name amount per",
    "eligible": "capacity_kva voltage_kv classes",
    "changes": "basic contract",
}


def check_keys(raw: Any, part: str, where: str) -> None:
    """Refuse what is no mapping, and keys nobody knows."""
    if not isinstance(raw, dict):
        raise TariffError(f"{where}: expected keys ({_KEYS[part]}), found {raw!r}")
    for key in raw:
        if key not in _KEYS[part].split():
            raise TariffError(f"{where}: unknown key {key!r}; known are {', '.join(_KEYS[part].split())}")


def require(raw: dict[str, Any], where: str, *keys: str) -> None:
    """Refuse a part without these keys."""
    for key in keys:
        if raw.get(key) is None:
            raise TariffError(f"{where}: {key} is missing; add it")


def number_of(raw: dict[str, Any], key: str, where: str, default: float | None = None, low: float = 0.0) -> float:
    """A finite number of at least `low`."""
    value = raw.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < low:
        raise TariffError(f"{where}: {key} is {value!r}, expected a number of at least {low:g}")
    return float(value)


def choice_of(raw: dict[str, Any], key: str, where: str, allowed: tuple[str, ...]) -> Any:
    """One of the words allowed; the first where nothing is said."""
    value = raw.get(key, allowed[0])
    if value not in allowed:
        raise TariffError(f"{where}: {key} is {value!r}, expected one of {', '.join(allowed)}")
    return value


def date_of(raw: dict[str, Any], key: str, where: str, default: dt.date) -> dt.date:
    """A day."""
    value = raw.get(key, default)
    if not isinstance(value, dt.date):
        raise TariffError(f"{where}: {key} is {value!r}, expected a day such as 2025-01-01")
    return value


def name_of(raw: Any) -> Name:
    """A name in both languages, from one or two."""
    if isinstance(raw, dict):
        return Name(str(raw.get("en", raw.get("zh", ""))), str(raw.get("zh", raw.get("en", ""))))
    return Name(str(raw), str(raw))


def periods_of(raw: Any, where: str, folder: Path | None) -> PeriodRules:
    """Periods written in place, or of a file beside the tariff."""
    if raw is None:
        raw = {"hours": {ALL_DAY: [[0, 24]]}}
    place = f"{where}, periods"
    if isinstance(raw, str):
        path = (folder or Path()) / raw
        if not path.is_file():
            raise TariffError(f"{place}: there is no file {raw} beside the tariff; add it or write the periods here")
        raw, place = yaml.safe_load(path.read_text(encoding="utf-8")), f"{where}, periods of {raw}"
    if not isinstance(raw, dict) or not isinstance(raw.get("hours"), dict):
        raise TariffError(f"{place}: expected hours: {{peak: [[8, 11]], …}}, found {raw!r}")
    try:
        return parse_periods(raw, place)
    except ValueError as error:
        raise TariffError(str(error)) from None


def prices_of(raw: dict[str, Any], periods: PeriodRules, where: str) -> Prices:
    """Tiers by month and period; seasons replace what stands above them in their months."""
    by_month: list[tuple[Tiers, ...] | None] = [None] * 12
    shared = {key: value for key, value in raw.items() if key != "seasons"}
    entries = [(f"{where}, season {i}", season) for i, season in enumerate(raw.get("seasons") or [], 1)]
    for place, season in entries:
        check_keys(season, "season", place)
        require(season, place, "months")
    if not entries or {"prices", "tiers", "ratio"} & set(shared):
        entries.insert(0, (where, {"months": range(1, 13)}))
    for place, season in entries:
        entry = shared | {key: value for key, value in season.items() if key != "months"}
        row = tuple(_tiers_of(entry, name, place) for name in periods.names)
        for month in season["months"]:
            if month not in range(1, 13):
                raise TariffError(f"{place}: month {month!r} is not 1 to 12")
            by_month[month - 1] = row
    if None in by_month:
        raise TariffError(f"{where}: month {by_month.index(None) + 1} has no price; add it to a season")
    return tuple(row for row in by_month if row is not None)


def _tiers_of(entry: dict[str, Any], period: str, where: str) -> Tiers:
    tiers, prices = entry.get("tiers") or {}, entry.get("prices") or {}
    if period in tiers:
        return parse_tiers(tiers[period], f"{where}, tiers of {period}")
    if period in prices:
        return (Tier(math.inf, number_of(prices, period, f"{where}, prices")),)
    if "flat_yuan_per_kwh" in entry:
        ratio = entry.get("ratio", {ALL_DAY: 1.0})
        if period not in ratio:
            raise TariffError(f"{where}: ratio has no {period}; the periods name it, so give its ratio")
        floating = number_of(entry, "flat_yuan_per_kwh", where) * number_of(ratio, period, f"{where}, ratio")
        price = floating + number_of(entry, "not_floating_yuan_per_kwh", where, 0.0)
        return (Tier(math.inf, round(price, 10)),)
    if not (tiers or prices) and period == ALL_DAY:
        return (Tier(math.inf, 0.0),)
    raise TariffError(f"{where}: {period} has no price; give it in prices, tiers, or as a ratio")


def parse_tiers(raw: Any, where: str) -> Tiers:
    """Tiers from ``[[up to, price], …]`` or ``[{from, to, price}, …]``; the last has no end.

    Raises
    ------
    TariffError
        If tiers overlap, leave a gap, or end.
    """
    if not isinstance(raw, list) or not raw:
        raise TariffError(f"{where}: expected [[up to, price], …, [null, price]], found {raw!r}")
    tiers, low = [], 0.0
    for i, entry in enumerate(raw, 1):
        if isinstance(entry, dict):
            start, end, price = entry.get("from", low), entry.get("to"), entry.get("price")
        elif isinstance(entry, list) and len(entry) == 2:
            start, (end, price) = low, entry
        else:
            raise TariffError(f"{where}, tier {i}: expected [up to, price], found {entry!r}")
        high = math.inf if end is None else float(end)
        if start < low or high <= low:
            raise TariffError(
                f"{where}, tier {i}: begins at {min(start, high):g}, but the tier before ends at {low:g}: they overlap"
            )
        if start > low:
            raise TariffError(f"{where}, tier {i}: begins at {start:g}, the tier before ends at {low:g}: close the gap")
        if isinstance(price, bool) or not isinstance(price, int | float) or not math.isfinite(price):
            raise TariffError(f"{where}, tier {i}: price is {price!r}, expected a number")
        tiers.append(Tier(high, float(price)))
        low = high
    if math.isfinite(low):
        raise TariffError(f"{where}: nothing is said above {low:g}; let the last tier have no end (null)")
    return tuple(tiers)


@cache
def all_day_periods() -> PeriodRules:
    """One period for all hours."""
    return parse_periods({"hours": {ALL_DAY: [[0, 24]]}}, "all hours")
