"""What a line of a bill is, and what all kinds of lines share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labkit.tariffs.rule import Name, Prices

KINDS = ("energy", "basic", "demand", "power_factor", "funds", "fixed", "minimum")
tell_number = "{:,.10g}".format


@dataclass(frozen=True, eq=False)
class Account:
    """What a bill needs to know of n customers besides their load; missing values where unknown."""

    capacity_kva: np.ndarray | None = None
    contract_kw: np.ndarray | None = None
    pf_standard: np.ndarray | None = None
    peak_so_far_kw: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Line:
    """One line of n x m bills: quantity, price and amount, and why."""

    kind: str
    item: Name
    unit: str
    quantity: np.ndarray
    price: np.ndarray
    amount: np.ndarray
    why: Callable[[int, int], Name]


def round_cents(amount: np.ndarray) -> np.ndarray:
    """Rounded half away from nought to two decimals, as bills are.

    Examples
    --------
    >>> round_cents(np.array([1.005, 2.675, -1.005]))
    array([ 1.01,  2.68, -1.01])
    """
    return np.sign(amount) * np.floor(np.abs(amount) * 100 + 0.5 + 1e-6) / 100


def make_line(
    kind: str, item: Name, unit: str, quantity: np.ndarray, price: np.ndarray, why: Callable[[int, int], Name]
) -> Line:
    """A line with its amounts, rounded."""
    price = np.broadcast_to(price, quantity.shape)
    return Line(kind, item, unit, quantity, price, round_cents(quantity * price), why)


def tiers_by_month(prices: Prices, period: int, months: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Low ends, high ends and prices by month, a tier each; months with fewer tiers have empty ones."""
    rows = [prices[month - 1][period] for month in months]
    tiers = []
    for at in range(max(len(row) for row in rows)):
        low = np.array([row[at - 1].up_to if 0 < at <= len(row) else 0.0 if at == 0 else math.inf for row in rows])
        high = np.array([row[at].up_to if at < len(row) else math.inf for row in rows])
        tiers.append((low, high, np.array([row[at].price if at < len(row) else 0.0 for row in rows])))
    return tiers


def within_tier(amount: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How much of an amount lies in a tier."""
    return np.where(low < amount, np.minimum(amount, high) - np.where(np.isfinite(low), low, 0.0), 0.0)


def tell_tier(what: Name, low: np.ndarray, high: np.ndarray, unit: str) -> Callable[[int, int], Name]:
    """Why a quantity falls into a tier."""

    def why(i: int, j: int) -> Name:
        a, b = (end[j] if end.ndim == 1 else end[i, j] for end in (low, high))
        if a == 0 and math.isinf(b):
            return what
        ends = f"{tell_number(a)}–{tell_number(b)}" if math.isfinite(b) else f"> {tell_number(a)}"
        return Name(f"{what.en}, {ends} {unit}".lstrip(", "), f"{what.zh}，{ends} {unit}".lstrip("，"))

    return why


_PERIOD_NAMES = {
    "sharp": Name("sharp", "尖峰"),
    "peak": Name("peak", "高峰"),
    "flat": Name("flat", "平段"),
    "valley": Name("valley", "低谷"),
    "deep_valley": Name("deep valley", "深谷"),
    "all": Name("", ""),
}


def period_name(name: str) -> Name:
    """What a period is called on a bill."""
    return _PERIOD_NAMES.get(name, Name(name, name))


def name_item(item: Name, period: Name) -> Name:
    """An item with its period."""
    return Name(f"{item.en}, {period.en}", f"{item.zh}（{period.zh}）") if period.en else item


def join_names(first: Name, then: Name) -> Name:
    """Two reasons in one."""
    return Name(f"{first.en}; {then.en}", f"{first.zh}；{then.zh}") if then.en else first


def always(en: str, zh: str) -> Callable[[int, int], Name]:
    """The same reason for every customer and month."""
    name = Name(en, zh)
    return lambda i, j: name
