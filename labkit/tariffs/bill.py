"""The bill of one customer: lines a month that can be read and add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.tariffs.charges import charge
from labkit.tariffs.determinants import Determinants, Grid
from labkit.tariffs.lines import Account, Line
from labkit.tariffs.rule import ContractCharge, DemandCharge, Name, TariffRule
from labkit.terms import Language


@dataclass(frozen=True, eq=False)
class Bill:
    """Bills of one customer, month by month, in the currency of the tariff.

    Attributes
    ----------
    lines : DataFrame
        ``month``, ``kind`` (energy, basic, demand, power_factor, funds, fixed,
        minimum), ``item``, ``quantity``, ``unit``, ``price``, ``amount`` (two
        decimals), ``why``; in the order of a bill. `to_frame` gives it in Chinese.
    notes : tuple of Name
        What the bill leaves out or assumes.
    """

    tariff_id: str
    currency: str
    lines: pd.DataFrame
    notes: tuple[Name, ...]
    _chinese: pd.DataFrame

    @property
    def total(self) -> float:
        """Sum of all amounts."""
        return float(round(self.lines["amount"].sum(), 2))

    def to_frame(self, language: Language = "en") -> pd.DataFrame:
        """The lines in a language."""
        return (self._chinese if language == "zh" else self.lines).copy()

    def by_month(self) -> pd.DataFrame:
        """Amounts by month (the index), a column a kind, and their ``total``."""
        table = self.lines.pivot_table(index="month", columns="kind", values="amount", aggfunc="sum", fill_value=0.0)
        table = table[list(dict.fromkeys(self.lines["kind"]))].round(2)
        table.columns.name = None
        return table.assign(total=table.sum(axis=1).round(2))

    def __repr__(self) -> str:
        months = self.lines["month"].nunique()
        return f"Bill: {self.tariff_id}, {months} month{'s' * (months != 1)}, {len(self.lines)} lines, {self.total:,.2f} {self.currency}"


def make_bill(rule: TariffRule, found: Determinants, account: Account, grid: Grid) -> Bill:
    """Lines of the first customer as a table, month by month."""
    english, chinese = [], []
    for at, line in enumerate(charge(rule, found, account)):
        for j, month in enumerate(found.months):
            if line.kind != "power_factor" and line.quantity[0, j] == 0:
                continue
            english.append((j, at, *_row(line, j, month, "en")))
            chinese.append((j, at, *_row(line, j, month, "zh")))
    frames = [
        pd.DataFrame(rows, columns=["_month", "_at", *_COLUMNS]).sort_values(["_month", "_at"], ignore_index=True)[
            list(_COLUMNS)
        ]
        for rows in (english, chinese)
    ]
    return Bill(rule.id, rule.currency, frames[0], _notes(rule, found, account, grid), frames[1])


_COLUMNS = ("month", "kind", "item", "quantity", "unit", "price", "amount", "why")


def _row(line: Line, j: int, month: str, language: Language) -> tuple[object, ...]:
    why = line.why(0, j).label(language)
    number = (float(line.quantity[0, j]), line.unit, float(line.price[0, j]), float(line.amount[0, j]))
    return (month, line.kind, line.item.label(language), *number, why)


def _notes(rule: TariffRule, found: Determinants, account: Account, grid: Grid) -> tuple[Name, ...]:
    notes = list(rule.notes)
    windows = [c.window_min for c in rule.demand_charges]
    windows += [rule.basic.window_min] if isinstance(rule.basic, ContractCharge) else []
    if windows and grid.interval_min > min(windows):
        notes.append(
            Name(
                f"Demand is charged by {min(windows)}-minute means; readings every {grid.interval_min} min show less "
                "than the meter does.",
                f"需量按 {min(windows)} 分钟平均功率计收；{grid.interval_min} 分钟读数得到的最大需量会偏低。",
            )
        )
    if rule.power_factor is not None:
        standard = rule.power_factor.standard if account.pf_standard is None else account.pf_standard[0]
        if found.kvarh is None:
            notes.append(
                Name(
                    "No reactive energy is given: the power-factor adjustment is left out.",
                    "没有无功电量，未计功率因数调整电费。",
                )
            )
        elif standard is None or np.isnan(standard):
            notes.append(
                Name(
                    "No power-factor standard is given (pf_standard): no adjustment.",
                    "没有功率因数考核标准，未计功率因数调整电费。",
                )
            )
    high = rule.basic.high_use if isinstance(rule.basic, ContractCharge | DemandCharge) else None
    if high is not None and account.capacity_kva is None:
        notes.append(
            Name(
                f"No capacity is given: the rule of {high.kwh_per_kva:g} kWh per kVA is left out.",
                f"没有变压器容量，未判断每千伏安 {high.kwh_per_kva:g} 千瓦时的规则。",
            )
        )
    covered = np.bincount(grid.month_of) * grid.interval_min / 1440
    for month, days, whole in zip(found.months, covered, found.days, strict=True):
        if days < whole - 1e-9:
            notes.append(
                Name(
                    f"{month}: readings of {days:.4g} of {whole} days; charges by the month are taken whole.",
                    f"{month}：{whole} 天中有 {days:.4g} 天的读数；按月计收的费用按整月计。",
                )
            )
    return tuple(notes)
