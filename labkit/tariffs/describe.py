"""A tariff in words, a rule a line."""

from __future__ import annotations

import math

import numpy as np

from labkit.calendar import DAY_TYPES, PeriodRules
from labkit.tariffs.lines import period_name
from labkit.tariffs.rule import CapacityCharge, ContractCharge, DemandCharge, Prices, TariffRule, Tiers
from labkit.terms import Language, category

_EVERY = {"month": ("month", "月"), "quarter": ("quarter", "季度"), "year": ("year", "年"), "day": ("day", "日")}


def describe_rule(rule: TariffRule, language: Language) -> str:
    """See `Tariff.describe`."""
    zh = language == "zh"
    money = ("元" if zh else "yuan") if rule.currency == "CNY" else rule.currency
    lines = [f"**{rule.name.label(language)}** ({rule.id})"]
    if rule.region or rule.source:
        lines.append(
            ("地区与依据：" if zh else "Region and source: ") + "; ".join(filter(None, (rule.region, rule.source)))
        )
    lines.append(_dates(rule, zh))
    lines += _energy(rule, money, language)
    if rule.steps is not None:
        per = _EVERY[rule.steps.per][zh]
        steps = _tiers(rule.steps.tiers, "kWh", f"{money}/kWh")
        lines.append(f"阶梯（按{per}）：{steps}" if zh else f"Steps by the {per}: {steps}")
    lines += _basic(rule, money, zh)
    for charge in rule.demand:
        lines += _demand(charge, money, language)
    lines += _adjustments(rule, money, language)
    lines += [note.label(language) for note in rule.notes]
    return "\n".join(f"- {line}" if i else line for i, line in enumerate(lines)) + "\n"


def _dates(rule: TariffRule, zh: bool) -> str:
    end = "" if rule.effective_to.year == 9999 else f"{rule.effective_to}"
    if rule.effective_from.year == 1900:
        return "未注明执行日期" if zh else "No dates given"
    if zh:
        return f"{rule.effective_from} 起执行" + (f"，至 {end}" if end else "")
    return f"In force from {rule.effective_from}" + (f" to {end}" if end else "")


def _tiers(tiers: Tiers, unit: str, price_unit: str) -> str:
    told, low = [], 0.0
    for tier in tiers:
        ends = (
            ""
            if low == 0 and math.isinf(tier.up_to)
            else f"> {low:,g} {unit}"
            if math.isinf(tier.up_to)
            else f"{low:,g}–{tier.up_to:,g} {unit}"
        )
        told.append(f"{ends}: {tier.price:g} {price_unit}".lstrip(": "))
        low = tier.up_to
    return "; ".join(told)


def _priced(prices: Prices, periods: PeriodRules, unit: str, price_unit: str, language: Language) -> list[str]:
    """Prices with their hours, months that have the same together."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for month in range(12):
        used = np.unique(periods.schedule[month])
        key = (*(prices[month][p] for p in used), periods.schedule[month].tobytes())
        groups.setdefault(key, []).append(month + 1)
    lines = []
    for months in groups.values():
        parts = []
        for p in np.unique(periods.schedule[months[0] - 1]):
            name = period_name(periods.names[p]).label(language)
            hours = _hours(periods, months[0], int(p), language)
            parts.append(" ".join(filter(None, (name, hours, _tiers(prices[months[0] - 1][p], unit, price_unit)))))
        when = "" if len(months) == 12 else _months(months, language)
        lines.append(when + (("；" if language == "zh" else "; ").join(parts)))
    return lines


def _months(months: list[int], language: Language) -> str:
    if language == "zh":
        return "、".join(map(str, months)) + " 月："
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return ", ".join(names[m - 1] for m in months) + ": "


def _hours(periods: PeriodRules, month: int, code: int, language: Language) -> str:
    """Hours of a period; day types apart only where they differ."""
    if len(periods.names) == 1:
        return ""
    told: dict[str, list[str]] = {}
    for kind in DAY_TYPES:
        spans = ", ".join(f"{a:g}–{b:g}" for a, b in periods.spans(periods.names[code], month, kind))
        if spans:
            told.setdefault(spans, []).append(category("day_type", kind, language))
    spans_told = [
        s + ("" if len(kinds) == 3 else f" {'、'.join(kinds) if language == 'zh' else ', '.join(kinds)}")
        for s, kinds in told.items()
    ]
    return f"({'; '.join(spans_told)})" if spans_told else ""


def _energy(rule: TariffRule, money: str, language: Language) -> list[str]:
    if len(rule.energy.periods.names) == 1 and not any(t.price for row in rule.energy.prices for t in row[0]):
        return []
    head = "电度电价：" if language == "zh" else "Energy: "
    unit = rule.energy.tier_unit
    return [head + part for part in _priced(rule.energy.prices, rule.energy.periods, unit, f"{money}/kWh", language)]


def _basic(rule: TariffRule, money: str, zh: bool) -> list[str]:
    basic = rule.basic
    per = "月" if zh else "month"
    if isinstance(basic, CapacityCharge):
        price = f"{basic.yuan_per_kva:g} {money}/kVA·{per}"
        return [f"基本电费（按变压器容量）：{price}" if zh else f"Basic charge by transformer capacity: {price}"]
    if isinstance(basic, ContractCharge):
        price = f"{basic.yuan_per_kw:g} {money}/kW·{per}"
        limit, floor = f"{basic.tolerance:.0%}", f"{basic.floor_share:.0%}"
        lines = [
            f"基本电费（按合同最大需量）：{price}；超过合同值 {limit} 的部分按 {basic.excess_multiple:g} 倍；合同值不低于容量的 {floor}"
            if zh
            else f"Basic charge by contract demand: {price}; above {limit} of the contract times "
            f"{basic.excess_multiple:g}; contract at least {floor} of the capacity"
        ]
        high = basic.high_use
    elif isinstance(basic, DemandCharge):
        price = f"{basic.prices[0][0][0].price:g} {money}/kW·{per}"
        lines = [
            f"基本电费（按实际最大需量，{basic.window_min} 分钟）：{price}"
            if zh
            else f"Basic charge by actual maximum demand ({basic.window_min} min): {price}"
        ]
        high = basic.high_use
    else:
        return []
    if high is not None:
        lines.append(
            f"每千伏安月用电达到 {high.kwh_per_kva:g} 千瓦时，需量电价按 {high.multiple:.0%} 执行"
            if zh
            else f"From {high.kwh_per_kva:g} kWh a month per kVA on, the demand price is times {high.multiple:g}"
        )
    return lines


def _demand(charge: DemandCharge, money: str, language: Language) -> list[str]:
    head = charge.name.label(language) + ("：" if language == "zh" else ": ")
    lines = [
        head + part for part in _priced(charge.prices, charge.periods, charge.unit, f"{money}/{charge.unit}", language)
    ]
    if charge.ratchet is not None:
        share, back = max(charge.ratchet.shares), charge.ratchet.months_back
        lines.append(
            f"计费需量不低于前 {back} 个月最大值的 {share:.0%}"
            if language == "zh"
            else f"Billed demand is at least {share:.0%} of the highest of the {back} months before"
        )
    return lines


def _adjustments(rule: TariffRule, money: str, language: Language) -> list[str]:
    zh = language == "zh"
    lines = []
    if rule.power_factor is not None:
        own = rule.power_factor.standard
        standard = f"{own:.2f}" if own else ("按客户" if zh else "the customer's own")
        lines.append(
            f"功率因数调整：考核标准 {standard}，不含政府性基金及附加"
            if zh
            else f"Power-factor adjustment: standard {standard}; funds and surcharges stay outside"
        )
    for fund in rule.funds:
        low, high = min(fund.prices), max(fund.prices)
        price = f"{low:g}" if low == high else f"{low:g} – {high:g}"
        lines.append(f"{fund.name.label(language)}{'：' if zh else ': '}{price} {money}/kWh")
    for fixed in rule.fixed:
        lines.append(
            f"{fixed.name.label(language)}{'：' if zh else ': '}{fixed.amount:g} {money}/{_EVERY[fixed.per][zh]}"
        )
    for amount, per in ((rule.minimum_per_month, "month"), (rule.minimum_per_year, "year")):
        if amount:
            lines.append(f"每{_EVERY[per][1]}最低 {amount:g} {money}" if zh else f"At least {amount:g} {money} a {per}")
    if rule.basic is not None:
        every = _EVERY[rule.basic_changes][zh]
        lines.append(
            f"基本电费计收方式可按{every}变更" if zh else f"The kind of basic charge may be changed every {every}"
        )
    return lines
