"""Figures of a card as they are read, and what is to be said beside them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from labkit import terms
from labkit.portrait.columns import SOURCES, column_of
from labkit.portrait.missing import find_reasons
from labkit.terms import Language, Say

#: Days of readings, and bills of a year, below which a card says what its figures rest on.
LEAST_DAYS, YEAR_BILLS = 28, 12
_DIGITS = {"yuan/kWh": 3, "yuan": 0, "kWh": 1, "kW": 1, "kVA": 0, "h": 1, "min": 1, "kV": 2, "years": 1}


def show_value(name: str, value: object, language: Language) -> str:
    """A value as a card shows it, with its unit.

    Examples
    --------
    >>> show_value("late_share", 0.125, "en"), show_value("active", True, "zh"), show_value("unpaid_yuan", 1234.5, "en")
    ('12.5 %', '是', '1,234 yuan')
    """
    say = Say(language)
    if isinstance(value, bool) or str(value) in ("True", "False"):
        return say("yes", "是") if str(value) == "True" else say("no", "否")
    if isinstance(value, str):
        return terms.category(name, value, language)
    number, unit = float(value), terms.unit(name)  # type: ignore[arg-type]
    if unit == "%":
        # A part of a thousandth is still a part.
        return f"{number * 100:.1f} %" if abs(number) >= 0.001 or number == 0 else f"{number * 100:.2g} %"
    whole = number.is_integer() and unit not in ("kWh", "kW", "h", "min", "yuan/kWh")
    digits = 1 if name.endswith("_score") else 0 if whole else _DIGITS.get(unit, 1 if _is_counted(name) else 2)
    return f"{number:,.{digits}f} {terms.unit(name, language)}".strip()


def _is_counted(name: str) -> bool:
    """Whether a figure is of whole things or days, of which a median may be a half."""
    return name.endswith("_count") or "days" in name.split("_")


def list_missing(people: pd.DataFrame, row: pd.Series, names: Iterable[str], language: Language) -> list[str]:
    """What a card cannot tell of a customer, reason by reason; tables the data do not have first."""
    say = Say(language)
    absent = [source for source, columns in SOURCES.items() if not set(columns) & set(people.columns)]
    lines = []
    if absent:
        tables = say(", ", "、").join(terms.label(source, language) for source in absent)
        lines.append(say(f"Not in the data: {tables}", f"数据中没有：{tables}"))
    by_reason: dict[str, list[str]] = {}
    own = people.loc[[row.name]]
    for name in names:
        if pd.isna(row[name]):
            reason = find_reasons(own, name).iloc[0]
            # That somebody still there has no reason for leaving is nothing missing.
            if reason != "still_here":
                by_reason.setdefault(reason, []).append(column_of(name).title(language))
    for reason, titles in by_reason.items():
        told = terms.category("why", reason, language)
        listed = say("; ", "、").join(titles)
        lines.append(say(f"{told[0].upper()}{told[1:]}: {listed}", f"{told}：{listed}"))
    return lines


def list_doubts(row: pd.Series, language: Language) -> list[str]:
    """What the figures of a customer rest on, where it is little."""
    say, lines = Say(language), []
    days, bills = (0 if pd.isna(row.get(name)) else int(row[name]) for name in ("days_metered", "year_bills_count"))
    if 0 < days < LEAST_DAYS:
        lines.append(
            say(
                f"Load rests on {days} day{'s' * (days != 1)} of readings: take it as a hint.",
                f"负荷指标仅依据 {days} 天读数，仅供参考。",
            )
        )
    elif pd.notna(share := row.get("coverage_share")) and 0 < share < 0.9:
        lines.append(
            say(
                f"{share:.0%} of the hours have a reading; the rest is not filled.",
                f"仅 {share:.0%} 的小时有读数，其余未补。",
            )
        )
    if pd.notna(row.get("energy_kwh")) and row["energy_kwh"] == 0:
        lines.append(say("All readings are nought.", "读数全为零。"))
    if 0 < bills < YEAR_BILLS:
        lines.append(
            say(
                f"Figures of 12 months rest on {bills} bill{'s' * (bills != 1)}.",
                f"近 12 个月指标仅依据 {bills} 张账单。",
            )
        )
    return lines
