"""What a tariff says, part by part: data only, in the trade's terms."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import Literal

from labkit.calendar import PeriodRules
from labkit.terms import Language

TierUnit = Literal["kWh", "kWh daily", "kWh/kW", "kWh/kW daily"]
Every = Literal["month", "quarter", "year"]


class TariffError(ValueError):
    """A tariff, or a load to be billed by it, that cannot be used; says which rule, where, and what to do."""


@dataclass(frozen=True)
class Name:
    """A name in both languages."""

    en: str
    zh: str

    def label(self, language: Language) -> str:
        """The name in a language."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Tier:
    """A price up to an amount; the last has no end."""

    up_to: float
    price: float


Tiers = tuple[Tier, ...]
#: Tiers by month (12) and period.
Prices = tuple[tuple[Tiers, ...], ...]


@dataclass(frozen=True, eq=False)
class EnergyCharge:
    """Price of a kWh by month, period and tier.

    Attributes
    ----------
    tier_unit : str
        ``kWh`` a month; ``daily`` ends are times the days of the month, ``/kW``
        ends times the billed demand of the month.
    tiers_of : {"period", "month"}
        What fills a tier: the energy of its own period, or all energy of the month
        as it comes, hour after hour.
    """

    periods: PeriodRules
    prices: Prices
    tier_unit: TierUnit = "kWh"
    tiers_of: Literal["period", "month"] = "period"

    @property
    def fills_by_hour(self) -> bool:
        """Whether tiers of several periods fill together, so that the order of hours counts."""
        return (
            self.tiers_of == "month"
            and len(self.periods.names) > 1
            and any(len(tiers) > 1 for row in self.prices for tiers in row)
        )


@dataclass(frozen=True)
class Steps:
    """Steps on all energy of a month or a calendar year (阶梯), on top of the energy charge."""

    tiers: Tiers
    per: Literal["month", "year"] = "month"


@dataclass(frozen=True)
class HighUse:
    """Much energy on a small transformer makes demand cheaper: the 260 kWh per kVA rule."""

    kwh_per_kva: float
    multiple: float


@dataclass(frozen=True)
class Ratchet:
    """Billed demand is at least a share of the highest of earlier months.

    Attributes
    ----------
    shares : tuple of 12 floats
        By month of the bill.
    months_back : int
        How many months before the bill are looked at.
    counted : tuple of int
        Months (1..12) whose demand counts.
    """

    shares: tuple[float, ...]
    months_back: int = 11
    counted: tuple[int, ...] = tuple(range(1, 13))


@dataclass(frozen=True, eq=False)
class DemandCharge:
    """Price of the highest mean power of a window in the month, by period.

    Attributes
    ----------
    kind : {"basic", "demand"}
        ``basic`` is part of the two-part tariff (基本电费).
    window_min : int
        Length of the window [min].
    """

    name: Name
    periods: PeriodRules
    prices: Prices
    kind: Literal["basic", "demand"] = "demand"
    unit: Literal["kW", "kVA"] = "kW"
    window_min: int = 15
    ratchet: Ratchet | None = None
    high_use: HighUse | None = None


@dataclass(frozen=True)
class CapacityCharge:
    """Basic charge by transformer capacity [yuan/kVA and month]."""

    yuan_per_kva: float


@dataclass(frozen=True)
class ContractCharge:
    """Basic charge by contract maximum demand [yuan/kW and month].

    Attributes
    ----------
    tolerance : float
        Demand up to this multiple of the contract pays the contract only.
    excess_multiple : float
        Price of what is above, as a multiple.
    floor_share : float
        Least contract as a share of the capacity.
    """

    yuan_per_kw: float
    tolerance: float = 1.05
    excess_multiple: float = 2.0
    floor_share: float = 0.40
    window_min: int = 15
    high_use: HighUse | None = None


BasicCharge = CapacityCharge | ContractCharge | DemandCharge


@dataclass(frozen=True)
class PowerFactorCharge:
    """Power-factor adjustment (功率因数调整电费).

    Attributes
    ----------
    standard : float, optional
        0.80, 0.85 or 0.90; the customer's own where left out.
    base : tuple of str
        Kinds of lines it is a percentage of; funds are outside as a rule.
    """

    standard: float | None = None
    base: tuple[str, ...] = ("basic", "energy")


@dataclass(frozen=True)
class Surcharge:
    """An amount on every kWh outside the power-factor adjustment, by month."""

    name: Name
    prices: tuple[float, ...]


@dataclass(frozen=True)
class FixedCharge:
    """An amount for being connected."""

    name: Name
    amount: float
    per: Literal["month", "day", "year"] = "month"


@dataclass(frozen=True)
class Eligibility:
    """Who may take the tariff; low ends belong to it, high ends do not."""

    capacity_kva: tuple[float, float] = (0.0, math.inf)
    voltage_kv: tuple[float, float] = (0.0, math.inf)
    classes: tuple[str, ...] = ()

    def refusal(self, capacity_kva: float | None, voltage_kv: float | None, customer_class: str | None) -> Name | None:
        """Why a customer may not have it; None if nothing known speaks against it."""
        for value, (low, high), unit in (
            (capacity_kva, self.capacity_kva, "kVA"),
            (voltage_kv, self.voltage_kv, "kV"),
        ):
            if value is None or low <= value < high:
                continue
            below = f"{low:g} to below {high:g}" if low else f"below {high:g}"
            en = below if math.isfinite(high) else f"{low:g} or more"
            zh = (
                f"{low:g}～{high:g}（不含）"
                if low and math.isfinite(high)
                else f"{high:g} 以下"
                if not low
                else f"{low:g} 及以上"
            )
            return Name(
                f"for {en} {unit}; this one has {value:g} {unit}", f"适用于 {zh} {unit}，该户为 {value:g} {unit}"
            )
        if self.classes and customer_class is not None and customer_class not in self.classes:
            return Name(f"for {', '.join(self.classes)} customers only", "用电类别不符")
        return None


@dataclass(frozen=True, eq=False)
class TariffRule:
    """All a tariff says; see `labkit.tariffs.Tariff` for what it can do."""

    id: str
    name: Name
    region: str
    source: str
    currency: str
    effective_from: dt.date
    effective_to: dt.date
    energy: EnergyCharge
    calendar: str | None = "CN"
    steps: Steps | None = None
    basic: BasicCharge | None = None
    demand: tuple[DemandCharge, ...] = ()
    power_factor: PowerFactorCharge | None = None
    funds: tuple[Surcharge, ...] = ()
    fixed: tuple[FixedCharge, ...] = ()
    minimum_per_month: float = 0.0
    minimum_per_year: float = 0.0
    eligible: Eligibility = field(default_factory=Eligibility)
    basic_changes: Every = "quarter"
    contract_changes: Every = "month"
    notes: tuple[Name, ...] = ()

    @property
    def demand_charges(self) -> tuple[DemandCharge, ...]:
        """All charges on measured demand, the basic one first."""
        own = (self.basic,) if isinstance(self.basic, DemandCharge) else ()
        return (*own, *self.demand)
