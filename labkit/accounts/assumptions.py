"""What the advice to accounts assumes: dated data, to be replaced by the account's own figures."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import yaml

from labkit.calendar import DATA


@dataclass(frozen=True)
class Assumptions:
    """What the advice assumes; see ``data/accounts/assumptions.yaml``."""

    source: str
    effective_from: dt.date
    capacitor_yuan_per_kvar: float
    capacitor_step_kvar: float
    capacitor_loss_kw_per_kvar: float
    capacitor_life_years: float
    discount_rate: float
    movable_share: float
    fillable_share: float
    moving_yuan_per_kwh: float
    maintenance_days: int
    planned_loading: float
    horizon_years: float


@cache
def read_assumptions(path: Path = DATA / "accounts" / "assumptions.yaml") -> Assumptions:
    """Assumptions from a YAML file.

    Raises
    ------
    ValueError
        If a figure is missing, unknown or below 0.
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    names = {field.name for field in fields(Assumptions)}
    if set(raw) != names:
        odd = sorted(set(raw) ^ names)
        raise ValueError(f"{path.name}: {odd[0]} is {'unknown' if odd[0] in raw else 'missing'}; correct it")
    for name, value in raw.items():
        if name not in ("source", "effective_from") and not (isinstance(value, int | float) and value >= 0):
            raise ValueError(f"{path.name}: {name} is {value!r}, expected a number of at least 0")
    return Assumptions(**raw)
