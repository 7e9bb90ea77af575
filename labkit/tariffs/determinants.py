"""Billing determinants: what a meter's readings come to in a month, before any price."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from labkit import calendar
from labkit.tariffs.parse import all_day_periods
from labkit.tariffs.rule import ContractCharge, DemandCharge, TariffError, TariffRule

_TIME = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, eq=False)
class Determinants:
    """Energy and demand of n customers in m months, by the periods of one tariff.

    Attributes
    ----------
    months : tuple of str
        YYYY-MM.
    kwh : ndarray, shape (n, m, periods)
    max_kw : ndarray, shape (n, m)
        Highest mean power of any interval (of the tariff's window, if longer).
    peaks : tuple of ndarray, shape (n, m, periods of the charge)
        A demand charge each, in the order of `TariffRule.demand_charges` [kW or kVA].
    kvarh : ndarray, shape (n, m), optional
        Reactive energy; missing values where there is none.
    tiers : ndarray, shape (n, m, periods, tiers), optional
        Energy by period and tier, where the order of hours decides.
    """

    months: tuple[str, ...]
    kwh: np.ndarray
    max_kw: np.ndarray
    peaks: tuple[np.ndarray, ...] = ()
    kvarh: np.ndarray | None = None
    tiers: np.ndarray | None = None

    @property
    def month_numbers(self) -> np.ndarray:
        """1..12 of each month."""
        return np.array([int(month[5:7]) for month in self.months])

    @property
    def days(self) -> np.ndarray:
        """Days of each month."""
        return np.array([pd.Period(month).days_in_month for month in self.months])


@dataclass(frozen=True, eq=False)
class Grid:
    """The intervals of a load in time: month, day type and slot of each."""

    start: pd.Timestamp
    interval_min: int
    months: tuple[str, ...]
    month_of: np.ndarray
    month_number: np.ndarray
    day_type: np.ndarray
    slot: np.ndarray

    @property
    def count(self) -> int:
        """Intervals."""
        return len(self.month_of)

    def time(self, at: int) -> str:
        """Start of an interval, for messages."""
        return (self.start + pd.Timedelta(minutes=at * self.interval_min)).strftime(_TIME)

    def codes(self, rules: calendar.PeriodRules) -> np.ndarray:
        """Place of each interval's period in the names of the rule."""
        try:
            return rules.codes(self.interval_min)[self.month_number - 1, self.day_type, self.slot]
        except ValueError as error:
            raise TariffError(str(error)) from None


def make_grid(start: str | dt.date | pd.Timestamp, interval_min: int, count: int, country: str | None) -> Grid:
    """Time grid of a load in local wall time; every day has 24 hours.

    Parameters
    ----------
    country : str, optional
        Calendar of holidays and make-up workdays; None for Monday to Friday
        against Saturday and Sunday.

    Raises
    ------
    TariffError
        If the interval does not divide the hour or the load does not begin on it.
    """
    if interval_min not in (1, 5, 15, 30, 60):
        raise TariffError(f"interval_min is {interval_min!r}, expected 1, 5, 15, 30 or 60")
    try:
        first = pd.Timestamp(start)
    except ValueError as error:
        raise TariffError(f"start is {start!r}, expected a time such as 2025-01-01 00:00") from error
    if pd.isna(first) or first.tz is not None:
        raise TariffError(f"start is {start!r}, expected local wall time without a zone, such as 2025-01-01 00:00")
    minute = first.hour * 60 + first.minute
    if minute % interval_min or first.second:
        raise TariffError(f"start is {first}, which is no full interval of {interval_min} min; begin on one")
    if count < 1:
        raise TariffError("kwh is empty; give one value an interval")
    index = minute // interval_min + np.arange(count)
    day, slot = np.divmod(index, 1440 // interval_min)
    days = first.normalize() + pd.to_timedelta(np.arange(day[-1] + 1), unit="D")
    names = days.strftime("%Y-%m").to_numpy()
    months = tuple(dict.fromkeys(names))
    kinds = _day_types(days, country)
    place = {name: i for i, name in enumerate(months)}
    month_of = np.array([place[name] for name in names])
    return Grid(first, interval_min, months, month_of[day], days.month.to_numpy()[day], kinds[day], slot)


def _day_types(days: pd.DatetimeIndex, country: str | None) -> np.ndarray:
    if country is None:
        return (days.day_of_week >= 5).astype(int)
    found = calendar.day_types([day.date() for day in days], country)
    return np.array([calendar.DAY_TYPES.index(name) for name in found])


def as_load(name: str, values: Any) -> np.ndarray:
    """A load as an array (n, intervals)."""
    load = np.atleast_2d(np.asarray(values, dtype=float))
    if load.ndim != 2:
        raise TariffError(f"{name} has {load.ndim} dimensions, expected (intervals,) or (customers, intervals)")
    return load


def refuse_gaps(name: str, load: np.ndarray, grid: Grid, first: int = 0) -> None:
    """A load is billed whole or not at all."""
    missing = ~np.isfinite(load)
    if missing.any():
        row, at = np.argwhere(missing)[0]
        more = f" and {int(missing.sum()) - 1} more" if missing.sum() > 1 else ""
        who = f" of customer {row + first}" if len(load) > 1 else ""
        raise TariffError(
            f"{name}{who}: the interval at {grid.time(at)}{more} has no reading; fill or estimate the gaps before billing"
        )


def refuse_negative(name: str, load: np.ndarray, grid: Grid, first: int = 0) -> None:
    """Energy fed in is not billed here."""
    if (load < 0).any():
        row, at = np.argwhere(load < 0)[0]
        who = f" of customer {row + first}" if len(load) > 1 else ""
        raise TariffError(
            f"{name}{who}: the interval at {grid.time(at)} is negative ({load[row, at]:g}); "
            "bill energy taken and energy fed in apart, give the energy taken"
        )


def check_validity(rule: TariffRule, grid: Grid) -> None:
    """Days of the load must lie within the tariff's own dates."""
    first = grid.start.date()
    last = (grid.start + pd.Timedelta(minutes=(grid.count - 1) * grid.interval_min)).date()
    if first < rule.effective_from or last > rule.effective_to:
        raise TariffError(
            f"{rule.id} is in force from {rule.effective_from} to {rule.effective_to}, the load runs from {first} to "
            f"{last}; take the tariff of that time, or say any_date=True to price the load as if it were in force"
        )


def measure(rule: TariffRule, kwh: np.ndarray, grid: Grid, kvarh: np.ndarray | None = None) -> Determinants:
    """Determinants of loads under the periods of a tariff.

    Parameters
    ----------
    kwh : ndarray, shape (n, intervals)
    kvarh : ndarray, shape (n, intervals), optional
    """
    charges, window = rule.demand_charges, _window_of(rule)
    slots = 1440 // grid.interval_min
    plain = grid.slot[0] == 0 and grid.count % slots == 0 and not any(charge.unit == "kVA" for charge in charges)
    if plain and max(window, *(charge.window_min for charge in charges), 0) <= grid.interval_min:
        energy, max_kw, peaks = _measure_days(rule, kwh, grid)
    else:
        energy = _reduce(kwh, grid, rule.energy.periods, np.sum)
        max_kw = _reduce(*_windowed(kwh, grid, window), all_day_periods(), np.max)[..., 0]
        peaks = [_measure_peak(rule, charge, kwh, kvarh, grid) for charge in charges]
    reactive = None
    if kvarh is not None:
        # Energy sent back counts as well: each interval without its sign.
        reactive = _reduce(np.abs(kvarh), grid, all_day_periods(), np.sum)[..., 0].round(6)
    found = Determinants(grid.months, energy.round(6), max_kw, tuple(peaks), reactive)
    return replace(found, tiers=_fill_tiers(rule, found, kwh, grid)) if rule.energy.fills_by_hour else found


def tier_scale(rule: TariffRule, found: Determinants) -> np.ndarray:
    """What the ends of energy tiers are multiplied by, by customer and month."""
    scale = np.ones(found.max_kw.shape)
    if rule.energy.tier_unit.startswith("kWh/kW"):
        scale = found.max_kw
        for charge, peak in zip(rule.demand_charges, found.peaks, strict=True):
            if charge.ratchet is not None:
                scale = np.maximum(scale, billed_demand(charge, peak, found.month_numbers).max(axis=2))
    return scale * found.days if rule.energy.tier_unit.endswith("daily") else scale


def billed_demand(charge: DemandCharge, peak: np.ndarray, months: np.ndarray) -> np.ndarray:
    """Measured demand, or a share of the highest of earlier months where that is more.

    Parameters
    ----------
    peak : ndarray, shape (n, m, periods)
    months : ndarray, shape (m,)
        1..12.
    """
    rule = charge.ratchet
    if rule is None:
        return peak
    billed = peak.copy()
    counts = np.isin(months, rule.counted)
    for j in range(1, len(months)):
        earlier = [k for k in range(max(0, j - rule.months_back), j) if counts[k]]
        if earlier:
            billed[:, j] = np.maximum(peak[:, j], rule.shares[months[j] - 1] * peak[:, earlier].max(axis=1))
    return billed.round(9)


def _fill_tiers(rule: TariffRule, found: Determinants, kwh: np.ndarray, grid: Grid) -> np.ndarray:
    """Energy by period and tier, tiers filled by all energy of the month as it comes."""
    codes, scale = grid.codes(rule.energy.periods), tier_scale(rule, found)
    names, most = rule.energy.periods.names, max(len(tiers) for row in rule.energy.prices for tiers in row)
    filled = np.zeros((len(kwh), len(grid.months), len(names), most))
    for j, month in enumerate(found.month_numbers):
        columns = np.flatnonzero(grid.month_of == j)
        after = np.cumsum(kwh[:, columns], axis=1)
        before = np.concatenate([np.zeros((len(kwh), 1)), after[:, :-1]], axis=1)
        for p in range(len(names)):
            mine, low = codes[columns] == p, np.zeros((len(kwh), 1))
            for t, tier in enumerate(rule.energy.prices[month - 1][p]):
                high = tier.up_to * scale[:, [j]]
                part = np.minimum(after[:, mine], high) - np.maximum(before[:, mine], low)
                filled[:, j, p, t] = part.clip(min=0).sum(axis=1)
                low = high
    return filled.round(6)


def _window_of(rule: TariffRule) -> int:
    basic = rule.basic
    return basic.window_min if isinstance(basic, DemandCharge | ContractCharge) else 15


def _windowed(kwh: np.ndarray, grid: Grid, window_min: int) -> tuple[np.ndarray, Grid]:
    """Mean power [kW] of windows; readings longer than the window stay as they are."""
    join = window_min // grid.interval_min
    if join <= 1:
        return (kwh * (60 / grid.interval_min)).round(9), grid
    if grid.slot[0] % join or grid.count % join:
        raise TariffError(f"the load does not begin and end on whole windows of {window_min} min; cut it to them")
    power = kwh.reshape(len(kwh), -1, join).sum(axis=2) * (60 / window_min)
    return power.round(9), Grid(
        grid.start,
        window_min,
        grid.months,
        grid.month_of[::join],
        grid.month_number[::join],
        grid.day_type[::join],
        grid.slot[::join] // join,
    )


def _measure_peak(
    rule: TariffRule, charge: DemandCharge, kwh: np.ndarray, kvarh: np.ndarray | None, grid: Grid
) -> np.ndarray:
    load, coarse = _windowed(kwh, grid, charge.window_min)
    if charge.unit == "kVA":
        if kvarh is None:
            raise TariffError(f"{rule.id}: {charge.name.en} is per kVA, which needs kvarh; give the reactive energy")
        load = np.hypot(load, _windowed(kvarh, grid, charge.window_min)[0])
    return _reduce(load, coarse, charge.periods, np.max)


def _reduce(load: np.ndarray, grid: Grid, periods: calendar.PeriodRules, reduce: Any) -> np.ndarray:
    """Sum or highest of each month and period, shape (n, months, periods)."""
    out = np.zeros((len(load), len(grid.months), len(periods.names)))
    group, flat = grid.month_of * out.shape[2] + grid.codes(periods), out.reshape(len(out), -1)
    for one in np.unique(group):
        flat[:, one] = reduce(load[:, group == one], axis=1)
    return out


def _measure_days(rule: TariffRule, kwh: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Energy and peaks of whole days, in one pass: days of a kind first, then the slots of a period.

    A day's readings lie together in memory, so nothing is gathered one by one.
    """
    slots, months = 1440 // grid.interval_min, len(grid.months)
    days = kwh.reshape(len(kwh), -1, slots)
    month_of = grid.month_of[::slots]
    rules = [rule.energy.periods, *(charge.periods for charge in rule.demand_charges)]
    codes = np.stack([grid.codes(periods).reshape(-1, slots) for periods in rules], axis=1)
    energy = np.zeros((len(kwh), months, len(rules[0].names)))
    max_kw = np.zeros((len(kwh), months))
    peaks = [np.zeros((len(kwh), months, len(periods.names))) for periods in rules[1:]]
    for j in range(months):
        mine = np.flatnonzero(month_of == j)
        plans, which = np.unique(codes[mine].reshape(len(mine), -1), axis=0, return_inverse=True)
        for i, plan in enumerate(plans.reshape(-1, len(rules), slots)):
            alike = days[:, mine[0] : mine[-1] + 1] if len(plans) == 1 else days[:, mine[which.reshape(-1) == i]]
            total, top = alike.sum(axis=1), alike.max(axis=1)
            max_kw[:, j] = np.maximum(max_kw[:, j], top.max(axis=1))
            for p in np.unique(plan[0]):
                energy[:, j, p] += total[:, plan[0] == p].sum(axis=1)
            for peak, code in zip(peaks, plan[1:], strict=True):
                for p in np.unique(code):
                    peak[:, j, p] = np.maximum(peak[:, j, p], top[:, code == p].max(axis=1))
    scale = 60 / grid.interval_min
    return energy, (max_kw * scale).round(9), [(peak * scale).round(9) for peak in peaks]


def energy_prices(rule: TariffRule, days: pd.DatetimeIndex, day_types: Sequence[str], interval_min: int) -> np.ndarray:
    """Price of one kWh more in every slot: what moving it changes, shape (days, slots).

    Parameters
    ----------
    days : DatetimeIndex
    day_types : sequence of {"workday", "weekend", "holiday"}
        Of each day; a tariff without a calendar looks at the days of the week instead.
    interval_min : int

    Notes
    -----
    The price of the last tier; steps on all energy and demand charges are not in it.
    """
    codes = rule.energy.periods.codes(interval_min)
    if rule.calendar is None:
        kinds = (days.day_of_week >= 5).astype(int)
    else:
        kinds = np.array([calendar.DAY_TYPES.index(kind) for kind in day_types])
    prices = np.array([[tiers[-1].price for tiers in row] for row in rule.energy.prices])
    month = days.month.to_numpy() - 1
    found: np.ndarray = prices[month[:, None], codes[month, np.asarray(kinds)]]
    return found


def measure_load(
    rule: TariffRule, load: pd.Series, interval_min: int, kvarh: pd.Series | None = None, *, any_date: bool = False
) -> Determinants:
    """Determinants of one load given as a Series of kWh by the start of its intervals.

    Raises
    ------
    TariffError
        For gaps, negative energy, or days outside the tariff's dates.
    """
    kwh = as_load("load", load.to_numpy())
    grid = make_grid(load.index[0], interval_min, kwh.shape[1], rule.calendar)
    refuse_gaps("load", kwh, grid)
    refuse_negative("load", kwh, grid)
    if not any_date:
        check_validity(rule, grid)
    return measure(rule, kwh, grid, None if kvarh is None else as_load("kvarh", kvarh.to_numpy()))
