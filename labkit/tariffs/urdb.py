"""Rates of the US Utility Rate Database (version 8) as tariffs."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from labkit.calendar import PeriodRules
from labkit.tariffs.parse import all_day_periods
from labkit.tariffs.rule import (
    DemandCharge,
    EnergyCharge,
    FixedCharge,
    Name,
    Prices,
    Ratchet,
    Surcharge,
    TariffError,
    Tier,
    Tiers,
)

_ENERGY_UNITS = {"kwh": "kWh", "kwh daily": "kWh daily", "kwh/kw": "kWh/kW", "kwh/kw daily": "kWh/kW daily"}
#: Parts of a rate that change a bill and are not billed here: said in the notes of every bill.
_NOT_BILLED = {
    "coincidentratestructure": Name(
        "The rate has a charge on demand at the system's peak, which is not billed here.",
        "该费率含系统峰时同时需量费用，此处未计。",
    ),
    "demandreactivepowercharge": Name(
        "The rate has a charge per kvar, which is not billed here.", "该费率含每千乏无功费用，此处未计。"
    ),
}


def parse_urdb(rate: dict[str, Any] | str | Path) -> dict[str, Any]:
    """Parts of a tariff from a rate; see `Tariff.from_urdb`.

    Raises
    ------
    TariffError
        Naming the field that cannot be used.
    """
    raw = {key.lower(): value for key, value in _load(rate).items()}
    label = str(raw.get("label") or raw.get("name") or "URDB rate")
    where = f"URDB rate {label}"
    if not raw.get("energyratestructure") and not raw.get("demandratestructure") and not raw.get("flatdemandstructure"):
        raise TariffError(f"{where}: it has neither energyratestructure nor a demand structure; nothing to bill by")
    name = str(raw.get("name", label))
    return {
        "id": label,
        "name": Name(name, name),
        "region": str(raw.get("utility", "")),
        "source": "; ".join(filter(None, ("URDB", str(raw.get("uri") or raw.get("source") or ""), _dates(raw)))),
        "currency": "USD",
        "calendar": None,
        "effective_from": dt.date(1900, 1, 1),
        "effective_to": dt.date(9999, 12, 31),
        "energy": _energy(raw, where),
        "demand": tuple(filter(None, (_time_demand(raw, where), _flat_demand(raw, where)))),
        "funds": _adjustments(raw, where),
        "fixed": _fixed(raw, where),
        "minimum_per_month": _minimum(raw, "month", where),
        "minimum_per_year": _minimum(raw, "year", where),
        "notes": tuple(note for key, note in _NOT_BILLED.items() if raw.get(key)),
    }


def _load(rate: dict[str, Any] | str | Path) -> dict[str, Any]:
    if isinstance(rate, Path) or (isinstance(rate, str) and not rate.lstrip().startswith(("{", "["))):
        try:
            rate = Path(rate).read_text(encoding="utf-8")
        except OSError as error:
            raise TariffError(
                f"{Path(rate).name}: not readable ({error.strerror}); give a rate, JSON text or a file"
            ) from error
    try:
        raw = json.loads(rate) if isinstance(rate, str) else rate
    except json.JSONDecodeError as error:
        raise TariffError(f"the rate is not JSON: line {error.lineno}, {error.msg}") from error
    if isinstance(raw, dict) and "items" in raw:
        raw = raw["items"]
    if isinstance(raw, list):
        if len(raw) != 1:
            raise TariffError(f"the answer holds {len(raw)} rates: give one of them")
        raw = raw[0]
    if not isinstance(raw, dict):
        raise TariffError(f"a rate is a JSON object, this is {type(raw).__name__}")
    return raw


def _dates(raw: dict[str, Any]) -> str:
    days = []
    for key in ("startdate", "enddate"):
        value = raw.get(key)
        if isinstance(value, int | float):
            value = dt.datetime.fromtimestamp(value, dt.UTC).date()
        days.append(str(value) if value else "")
    return f"in force {days[0]} to {days[1]}".strip() if any(days) else ""


def _number(raw: dict[str, Any], key: str, where: str, default: float = 0.0) -> float:
    value = raw.get(key)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TariffError(f"{where}: {key} is {value!r}, expected a number")
    return float(value)


def _tiers(raw: Any, where: str) -> Tiers:
    if not isinstance(raw, list) or not raw:
        raise TariffError(f"{where}: expected a list of tiers, found {raw!r}")
    tiers, low = [], 0.0
    for i, entry in enumerate(raw, 1):
        high = _number(entry, "max", f"{where}, tier {i}", math.inf)
        if i == len(raw):
            high = math.inf  # what is above the last end is priced as the last tier
        if high <= low:
            raise TariffError(f"{where}, tier {i}: max is {high:g}, the tier before ends at {low:g}: they overlap")
        price = _number(entry, "rate", f"{where}, tier {i}") + _number(entry, "adj", f"{where}, tier {i}")
        tiers.append(Tier(high, round(price, 12)))
        low = high
    return tuple(tiers)


def _structure(raw: dict[str, Any], key: str, where: str) -> list[Tiers]:
    return [_tiers(tiers, f"{where}: {key}, period {i}") for i, tiers in enumerate(raw[key])]


def _schedule(raw: dict[str, Any], keys: tuple[str, str], count: int, where: str) -> PeriodRules:
    """Periods from the two tables month x hour."""
    days = []
    for key in keys:
        if raw.get(key) is None:
            if count > 1:
                raise TariffError(f"{where}: {key} is missing, but there are {count} periods; add the 12 x 24 table")
            table = np.zeros((12, 24))
        else:
            table = np.array(raw[key], dtype=object)
        if table.shape != (12, 24):
            raise TariffError(
                f"{where}: {key} is not a table of 12 months x 24 hours; the periods do not cover the day"
            )
        wrong = [(m, h) for m in range(12) for h in range(24) if table[m, h] not in range(count)]
        if wrong:
            month, hour = wrong[0]
            raise TariffError(
                f"{where}: {key}, month {month + 1}, hour {hour} names period {table[month, hour]!r}; "
                f"the structure has periods 0 to {count - 1}"
            )
        days.append(np.repeat(table.astype(np.int8), 4, axis=1))
    schedule = np.stack([days[0], days[1], days[1]], axis=1)
    names = tuple(f"period {i + 1}" for i in range(count)) if count > 1 else ("all",)
    return PeriodRules(where, dt.date(1900, 1, 1), "", "", names, schedule)


def _energy(raw: dict[str, Any], where: str) -> EnergyCharge:
    if not raw.get("energyratestructure"):
        return EnergyCharge(all_day_periods(), (((Tier(math.inf, 0.0),),),) * 12)
    structure = _structure(raw, "energyratestructure", where)
    units = {str(tier.get("unit") or "kWh").lower() for tiers in raw["energyratestructure"] for tier in tiers}
    if len(units) > 1 or not units <= set(_ENERGY_UNITS):
        raise TariffError(
            f"{where}: energyratestructure has units {sorted(units)}; one of {sorted(_ENERGY_UNITS)} is billed"
        )
    periods = _schedule(raw, ("energyweekdayschedule", "energyweekendschedule"), len(structure), where)
    unit: Any = _ENERGY_UNITS[units.pop()]
    return EnergyCharge(periods, _all_year(structure), unit, "month")


def _all_year(structure: list[Tiers]) -> Prices:
    return (tuple(structure),) * 12


def _window(raw: dict[str, Any], where: str) -> int:
    return int(_number(raw, "demandwindow", where, 15.0)) or 15


def _unit(raw: dict[str, Any], key: str, where: str) -> Any:
    unit = str(raw.get(key) or "kW")
    if unit.lower() not in ("kw", "kva"):
        raise TariffError(f"{where}: {key} is {unit!r}; demand is billed by kW or kVA of a month")
    return {"kw": "kW", "kva": "kVA"}[unit.lower()]


def _time_demand(raw: dict[str, Any], where: str) -> DemandCharge | None:
    if not raw.get("demandratestructure"):
        return None
    structure = _structure(raw, "demandratestructure", where)
    periods = _schedule(raw, ("demandweekdayschedule", "demandweekendschedule"), len(structure), where)
    unit = _unit(raw, "demandrateunit", where)
    name = Name("Demand charge by time of use", "分时需量电费")
    return DemandCharge(name, periods, _all_year(structure), "demand", unit, _window(raw, where), _ratchet(raw, where))


def _flat_demand(raw: dict[str, Any], where: str) -> DemandCharge | None:
    if not raw.get("flatdemandstructure"):
        return None
    structure = _structure(raw, "flatdemandstructure", where)
    months = raw.get("flatdemandmonths") or [0] * 12
    if len(months) != 12 or any(month not in range(len(structure)) for month in months):
        raise TariffError(f"{where}: flatdemandmonths is {months}; give 12 periods from 0 to {len(structure) - 1}")
    prices = tuple((structure[period],) for period in months)
    unit = _unit(raw, "flatdemandunit", where)
    name = Name("Demand charge", "需量电费")
    return DemandCharge(name, all_day_periods(), prices, "demand", unit, _window(raw, where), _ratchet(raw, where))


def _ratchet(raw: dict[str, Any], where: str) -> Ratchet | None:
    shares = raw.get("demandratchetpercentage")
    if shares and any(shares):
        if len(shares) != 12:
            raise TariffError(f"{where}: demandratchetpercentage has {len(shares)} values, expected 12")
        scale = 100 if max(shares) > 1 else 1
        return Ratchet(tuple(float(share) / scale for share in shares))
    percent = _number(raw, "lookbackpercent", where)
    if not percent:
        return None
    months = raw.get("lookbackmonths")
    counted = tuple(m + 1 for m in range(12) if months[m]) if months else tuple(range(1, 13))
    back = int(_number(raw, "lookbackrange", where)) or 11
    return Ratchet((percent / (100 if percent > 1 else 1),) * 12, back, counted)


def _adjustments(raw: dict[str, Any], where: str) -> tuple[Surcharge, ...]:
    fuel = raw.get("fueladjustmentsmonthly")
    if not fuel or not any(fuel):
        return ()
    if len(fuel) != 12:
        raise TariffError(f"{where}: fueladjustmentsmonthly has {len(fuel)} values, expected 12")
    return (Surcharge(Name("Fuel adjustment", "燃料调整"), tuple(float(price or 0.0) for price in fuel)),)


def _per(raw: dict[str, Any], key: str, default: str, where: str) -> Any:
    unit = str(raw.get(key) or default)
    per = unit.removeprefix("$/").lower()
    if per not in ("month", "day", "year"):
        raise TariffError(f"{where}: {key} is {unit!r}, expected $/month, $/day or $/year")
    return per


def _fixed(raw: dict[str, Any], where: str) -> tuple[FixedCharge, ...]:
    name = Name("Fixed charge", "固定费用")
    found = []
    first = _number(raw, "fixedchargefirstmeter", where)
    if first:
        found.append(FixedCharge(name, first, _per(raw, "fixedchargeunits", "$/month", where)))
    elif raw.get("fixedmonthlycharge"):
        found.append(FixedCharge(name, _number(raw, "fixedmonthlycharge", where)))
    return tuple(found)


def _minimum(raw: dict[str, Any], per: str, where: str) -> float:
    legacy = {"month": "minmonthlycharge", "year": "annualmincharge"}[per]
    amount, unit = _number(raw, "mincharge", where), _per(raw, "minchargeunits", "$/month", where)
    if not amount:
        return _number(raw, legacy, where)
    if unit == per:
        return amount
    return amount * 365 / 12 if unit == "day" and per == "month" else 0.0
