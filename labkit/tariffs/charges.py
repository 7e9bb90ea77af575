"""From determinants to the lines of bills, for all customers and months at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from labkit.tariffs.basic import charge_basic, charge_demand
from labkit.tariffs.determinants import Determinants, tier_scale
from labkit.tariffs.lines import (
    Account,
    Line,
    always,
    make_line,
    name_item,
    period_name,
    tell_tier,
    tiers_by_month,
    within_tier,
)
from labkit.tariffs.power_factor import power_factor_adjustment, power_factor_of, to_hundredths
from labkit.tariffs.rule import Name, Steps, TariffRule


def charge(rule: TariffRule, found: Determinants, account: Account) -> Iterator[Line]:
    """Lines of the bills, in the order of a bill; amounts are rounded and add up.

    Raises
    ------
    TariffError
        If the tariff needs a capacity or contract that is not given.
    """
    base: dict[str, np.ndarray] = {}
    total = np.zeros(found.max_kw.shape)
    for line in _before_adjustment(rule, found, account):
        base[line.kind] = base.get(line.kind, 0.0) + line.amount
        total = total + line.amount
        yield line
    if rule.power_factor is not None and found.kvarh is not None:
        adjusted = _power_factor(rule, found, account, base)
        total = total + adjusted.amount
        yield adjusted
    yield from _minimum(rule, found, total)


def _before_adjustment(rule: TariffRule, found: Determinants, account: Account) -> Iterator[Line]:
    yield from _energy(rule, found)
    if rule.steps is not None:
        yield from _steps(rule.steps, found)
    yield from charge_basic(rule, found, account)
    for charge, peak in list(zip(rule.demand_charges, found.peaks, strict=True)):
        yield from charge_demand(charge, peak, found, account)
    for fund in rule.funds:
        kwh, price = found.kwh.sum(axis=2), np.array(fund.prices)[found.month_numbers - 1]
        yield make_line("funds", fund.name, "kWh", kwh, price, always("every kWh", "按全部电量"))
    for fixed in rule.fixed:
        count = {"month": np.ones(len(found.months)), "day": found.days, "year": np.full(len(found.months), 1 / 12)}
        told = {
            "month": ("a month", "每月"),
            "day": ("a day", "每日"),
            "year": ("a year, in twelve parts", "年费按月分摊"),
        }
        quantity = np.broadcast_to(count[fixed.per], found.max_kw.shape)
        yield make_line("fixed", fixed.name, fixed.per, quantity, np.array(fixed.amount), always(*told[fixed.per]))


def _energy(rule: TariffRule, found: Determinants) -> Iterator[Line]:
    names, scale = rule.energy.periods.names, tier_scale(rule, found)
    for p, name in enumerate(names):
        kwh = found.kwh[:, :, p]
        for t, (low, high, price) in enumerate(tiers_by_month(rule.energy.prices, p, found.month_numbers)):
            low, high = _scaled(low, scale), _scaled(high, scale)
            quantity = within_tier(kwh, low, high) if found.tiers is None else found.tiers[:, :, p, t]
            if not (price * quantity).any():
                continue
            what = Name("", "") if len(names) == 1 else period_name(name)
            item = name_item(Name("Energy", "电度电费"), what)
            yield make_line("energy", item, "kWh", quantity, price, tell_tier(what, low, high, "kWh"))


def _scaled(end: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """An end of a tier by customer and month; nought stays nought, no end stays none."""
    return np.where(np.isfinite(end), end * scale, math.inf)


def _steps(steps: Steps, found: Determinants) -> Iterator[Line]:
    kwh = found.kwh.sum(axis=2)
    before = np.zeros_like(kwh)
    if steps.per == "year":
        years = np.array([month[:4] for month in found.months])
        before = (np.cumsum(kwh, axis=1) - kwh).round(6)
        for j in range(kwh.shape[1]):
            before[:, j] -= before[:, np.flatnonzero(years == years[j])[0]] if years[j] != years[0] else 0.0
    low = 0.0
    told = {"month": Name("of the month", "当月"), "year": Name("of the year", "全年累计")}[steps.per]
    for i, tier in enumerate(steps.tiers, 1):
        ends = np.array([low] * kwh.shape[1]), np.array([tier.up_to] * kwh.shape[1])
        quantity = (within_tier(before + kwh, *ends) - within_tier(before, *ends)).round(6)
        low = tier.up_to
        if quantity.any():
            item = Name(f"Energy, step {i}", f"阶梯电费（第{'一二三四五六七八九'[i - 1]}档）")
            yield make_line("energy", item, "kWh", quantity, np.array(tier.price), tell_tier(told, *ends, "kWh"))


def _power_factor(rule: TariffRule, found: Determinants, account: Account, base: dict[str, np.ndarray]) -> Line:
    assert rule.power_factor is not None and found.kvarh is not None
    kwh = found.kwh.sum(axis=2)
    own = (
        np.full(kwh.shape, np.nan)
        if rule.power_factor.standard is None
        else np.full(kwh.shape, rule.power_factor.standard)
    )
    if account.pf_standard is not None:
        given = np.broadcast_to(np.asarray(account.pf_standard, dtype=float).reshape(-1, 1), kwh.shape)
        own = np.where(np.isfinite(given), given, own)
    known = np.isfinite(own) & np.isfinite(found.kvarh) & (np.hypot(kwh, np.nan_to_num(found.kvarh)) > 0)
    pf = to_hundredths(power_factor_of(kwh, np.nan_to_num(found.kvarh))) / 100
    percent = np.zeros(kwh.shape)
    if known.any():
        percent[known] = power_factor_adjustment(pf[known], own[known])
    amount_of = np.sum([base[kind] for kind in rule.power_factor.base if kind in base], axis=0) + np.zeros(kwh.shape)

    def why(i: int, j: int) -> Name:
        if not known[i, j]:
            return Name("no standard or no energy: no adjustment", "无考核标准或无电量，不调整")
        return Name(
            f"power factor {pf[i, j]:.2f} against the standard {own[i, j]:.2f}: {percent[i, j]:+.2f} %",
            f"功率因数 {pf[i, j]:.2f}，考核标准 {own[i, j]:.2f}，调整 {percent[i, j]:+.2f}%",
        )

    name = Name("Power-factor adjustment", "功率因数调整电费")
    return make_line("power_factor", name, rule.currency, amount_of.round(2), (percent / 100).round(8), why)


def _minimum(rule: TariffRule, found: Determinants, total: np.ndarray) -> Iterator[Line]:
    if rule.minimum_per_month > 0:
        lacking = np.clip(rule.minimum_per_month - total.round(2), 0, None).round(2)
        total = total + lacking
        name = Name("Up to the minimum", "补足最低费用")
        told = f"{rule.minimum_per_month:,.2f}"
        why = always(f"at least {told} a month", f"每月最低 {told}")
        yield make_line("minimum", name, rule.currency, lacking, np.array(1.0), why)
    if rule.minimum_per_year > 0:
        years = np.array([month[:4] for month in found.months])
        lacking = np.zeros(total.shape)
        for year in dict.fromkeys(years):
            mine = np.flatnonzero(years == year)
            paid = total[:, mine].sum(axis=1).round(2)
            lacking[:, mine[-1]] = np.clip(rule.minimum_per_year - paid, 0, None).round(2)
        name = Name("Up to the yearly minimum", "补足年度最低费用")
        told = f"{rule.minimum_per_year:,.2f}"
        why = always(f"at least {told} a year", f"每年最低 {told}")
        yield make_line("minimum", name, rule.currency, lacking, np.array(1.0), why)
