"""A tariff from YAML: every key is known, every rule is checked, errors say which and where."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import yaml

from labkit.calendar import PeriodRules
from labkit.tariffs.parse import (
    all_day_periods,
    check_keys,
    choice_of,
    date_of,
    name_of,
    number_of,
    parse_tiers,
    periods_of,
    prices_of,
    require,
)
from labkit.tariffs.rule import (
    BasicCharge,
    CapacityCharge,
    ContractCharge,
    DemandCharge,
    Eligibility,
    EnergyCharge,
    FixedCharge,
    HighUse,
    Name,
    PowerFactorCharge,
    Ratchet,
    Steps,
    Surcharge,
    TariffError,
    Tier,
)

_KINDS = ("energy", "basic", "demand", "funds", "fixed")


def read_rule(path: str | Path) -> dict[str, Any]:
    """Parts of a tariff from a YAML file.

    Raises
    ------
    TariffError
        If the file is no tariff, naming rule and place.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TariffError(f"{path} does not exist; tariffs are YAML files, see data/tariffs/README.md") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        at = f", line {place.line + 1}" if place else ""
        raise TariffError(f"{path.name}{at}: not readable as YAML in UTF-8 ({type(error).__name__})") from error
    if not isinstance(raw, dict):
        raise TariffError(f"{path.name}: expected keys such as id, energy, basic; see data/tariffs/README.md")
    return parse_rule(raw, path.name, path.parent)


def parse_rule(raw: dict[str, Any], where: str = "tariff", folder: Path | None = None) -> dict[str, Any]:
    """Parts of a tariff from what a YAML file says.

    Parameters
    ----------
    raw : dict
    where : str
        Name of the file, for errors.
    folder : Path, optional
        Where ``periods: file.yaml`` is looked for.
    """
    check_keys(raw, "", where)
    require(raw, where, "id", "energy")
    where = f"{where} ({raw['id']})"
    periods = periods_of(raw.get("periods"), where, folder)
    energy = raw["energy"]
    check_keys(energy, "energy", f"{where}, energy")
    units = ("kWh", "kWh daily", "kWh/kW", "kWh/kW daily")
    tier_unit = choice_of(energy, "tier_unit", f"{where}, energy", units)
    tiers_of = choice_of(energy, "tiers_of", f"{where}, energy", ("period", "month"))
    start, end = (
        date_of(raw, key, where, default)
        for key, default in (("effective_from", dt.date(1900, 1, 1)), ("effective_to", dt.date(9999, 12, 31)))
    )
    changes = raw.get("changes") or {}
    check_keys(changes, "changes", f"{where}, changes")
    if start > end:
        raise TariffError(f"{where}: effective_from {start} is after effective_to {end}; correct one of them")
    return {
        "id": str(raw["id"]),
        "name": name_of(raw.get("name", raw["id"])),
        "region": str(raw.get("region", "")),
        "source": str(raw.get("source", "")),
        "currency": str(raw.get("currency", "CNY")),
        "calendar": raw.get("calendar", "CN"),
        "effective_from": start,
        "effective_to": end,
        "energy": EnergyCharge(periods, prices_of(energy, periods, f"{where}, energy"), tier_unit, tiers_of),
        "steps": _steps(raw.get("steps"), f"{where}, steps"),
        "basic": _basic(raw.get("basic"), f"{where}, basic"),
        "demand": tuple(
            _demand(entry, f"{where}, demand {i}", periods, folder)
            for i, entry in enumerate(raw.get("demand") or [], 1)
        ),
        "power_factor": _power_factor(raw.get("power_factor"), f"{where}, power_factor"),
        "funds": tuple(_surcharge(entry, f"{where}, funds {i}") for i, entry in enumerate(raw.get("funds") or [], 1)),
        "fixed": tuple(_fixed(entry, f"{where}, fixed {i}") for i, entry in enumerate(raw.get("fixed") or [], 1)),
        "minimum_per_month": number_of(raw, "minimum_per_month", where, 0.0),
        "minimum_per_year": number_of(raw, "minimum_per_year", where, 0.0),
        "eligible": _eligible(raw.get("eligible"), f"{where}, eligible"),
        "basic_changes": choice_of(changes, "basic", f"{where}, changes", ("quarter", "month", "year")),
        "contract_changes": choice_of(changes, "contract", f"{where}, changes", ("month", "quarter", "year")),
        "notes": tuple(name_of(entry) for entry in raw.get("notes") or []),
    }


def _steps(raw: Any, where: str) -> Steps | None:
    if raw is None:
        return None
    check_keys(raw, "steps", where)
    require(raw, where, "tiers")
    per = raw.get("per", "month")
    if per not in ("month", "year"):
        raise TariffError(f"{where}: per is {per!r}, expected month or year")
    return Steps(parse_tiers(raw["tiers"], where), per)


def _basic(raw: Any, where: str) -> BasicCharge | None:
    if raw is None:
        return None
    check_keys(raw, "basic", where)
    modes = [key for key in raw if key.endswith(("_per_kva", "_per_kw"))]
    if len(modes) != 1:
        raise TariffError(
            f"{where}: give one of capacity_yuan_per_kva, contract_yuan_per_kw, demand_yuan_per_kw; found {len(modes)}"
        )
    price = number_of(raw, modes[0], where)
    high = _high_use(raw.get("high_use"), f"{where}, high_use")
    window = int(number_of(raw, "window_min", where, 15.0))
    if modes[0].startswith("capacity"):
        return CapacityCharge(price)
    if modes[0].startswith("contract"):
        return ContractCharge(
            price,
            number_of(raw, "tolerance", where, 1.05, low=1.0),
            number_of(raw, "excess_multiple", where, 2.0),
            number_of(raw, "floor_share", where, 0.40),
            window,
            high,
        )
    prices = (((Tier(math.inf, price),),),) * 12
    name = Name("Basic charge by maximum demand", "基本电费（按实际最大需量）")
    ratchet = _ratchet(raw.get("ratchet"), f"{where}, ratchet")
    return DemandCharge(name, all_day_periods(), prices, "basic", "kW", window, ratchet, high)


def _demand(raw: Any, where: str, periods: PeriodRules, folder: Path | None) -> DemandCharge:
    check_keys(raw, "demand", where)
    own = raw.get("periods")
    rules = all_day_periods() if own is None else periods if own == "energy" else periods_of(own, where, folder)
    unit = raw.get("unit", "kW")
    if unit not in ("kW", "kVA"):
        raise TariffError(f"{where}: unit is {unit!r}, expected kW or kVA")
    prices = {k: v for k, v in raw.items() if k in ("prices", "tiers", "seasons")}
    return DemandCharge(
        name_of(raw.get("name", {"en": "Demand charge", "zh": "需量电费"})),
        rules,
        prices_of(prices, rules, where),
        "demand",
        unit,
        int(number_of(raw, "window_min", where, 15.0)),
        _ratchet(raw.get("ratchet"), f"{where}, ratchet"),
        _high_use(raw.get("high_use"), f"{where}, high_use"),
    )


def _high_use(raw: Any, where: str) -> HighUse | None:
    if raw is None:
        return None
    check_keys(raw, "high_use", where)
    return HighUse(number_of(raw, "kwh_per_kva", where), number_of(raw, "multiple", where))


def _ratchet(raw: Any, where: str) -> Ratchet | None:
    if raw is None:
        return None
    check_keys(raw, "ratchet", where)
    shares = (
        tuple(float(share) for share in raw["shares"]) if "shares" in raw else (number_of(raw, "share", where),) * 12
    )
    if len(shares) != 12 or not all(0 <= share <= 1 for share in shares):
        raise TariffError(f"{where}: give one share, or 12 shares by month, from 0 to 1; found {shares}")
    months = tuple(int(month) for month in raw.get("months", range(1, 13)))
    if not set(months) <= set(range(1, 13)):
        raise TariffError(f"{where}: months are 1 to 12, found {months}")
    return Ratchet(shares, int(number_of(raw, "months_back", where, 11.0, low=1.0)), months)


def _power_factor(raw: Any, where: str) -> PowerFactorCharge | None:
    if raw is None:
        return None
    check_keys(raw, "power_factor", where)
    standard, base = raw.get("standard"), tuple(raw.get("base", ("basic", "energy")))
    if standard is not None and standard not in (0.80, 0.85, 0.90):
        raise TariffError(f"{where}: standard is {standard!r}; the rule of 1983 knows 0.80, 0.85, 0.90")
    if not set(base) <= set(_KINDS):
        raise TariffError(f"{where}: base is {list(base)}; kinds of lines are {', '.join(_KINDS)}")
    return PowerFactorCharge(standard, base)


def _surcharge(raw: Any, where: str) -> Surcharge:
    check_keys(raw, "funds", where)
    price = number_of(raw, "yuan_per_kwh", where, low=-math.inf)
    return Surcharge(name_of(raw.get("name", {"en": "Funds and surcharges", "zh": "政府性基金及附加"})), (price,) * 12)


def _fixed(raw: Any, where: str) -> FixedCharge:
    check_keys(raw, "fixed", where)
    per = raw.get("per", "month")
    if per not in ("month", "day", "year"):
        raise TariffError(f"{where}: per is {per!r}, expected month, day or year")
    name = name_of(raw.get("name", {"en": "Fixed charge", "zh": "固定费用"}))
    return FixedCharge(name, number_of(raw, "amount", where), per)


def _eligible(raw: Any, where: str) -> Eligibility:
    if raw is None:
        return Eligibility()
    check_keys(raw, "eligible", where)
    ends = {}
    for key in ("capacity_kva", "voltage_kv"):
        low, high = raw.get(key, [0, None])
        ends[key] = (float(low or 0), math.inf if high is None else float(high))
    return Eligibility(**ends, classes=tuple(raw.get("classes", ())))
