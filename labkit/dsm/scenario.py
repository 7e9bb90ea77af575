"""Scenarios as data: what is offered to whom, at what cost, and what is not known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd
import yaml

from labkit.calendar import DATA, PeriodRules, parse_periods, read_periods
from labkit.dsm.errors import DsmError
from labkit.dsm.joining import Joining
from labkit.tariffs import Name

FOLDER = DATA / "dsm"
Kind = Literal["clip", "fill", "shift", "conserve", "grow", "flexible", "time_of_use", "critical_peak", "orderly"]
#: What each kind of programme may say of the response, and what it must.
_MAY: dict[str, tuple[str, ...]] = {
    "clip": ("down_share", "rebound", "budget_share", "months", "hours"),
    "fill": ("up_share", "budget_share", "months", "hours"),
    "shift": ("down_share", "up_share", "budget_share", "efficiency"),
    "conserve": ("share", "rebound", "months", "hours"),
    "grow": ("share", "months", "hours"),
    "flexible": ("down_share", "calls", "hours_per_call", "rebound"),
    "time_of_use": ("substitution", "daily"),
    "critical_peak": ("substitution", "daily", "calls", "hours_per_call", "multiple"),
    "orderly": ("gap_share", "days"),
}
_MUST: dict[str, tuple[str, ...]] = {
    "clip": ("down_share",), "fill": ("up_share",), "shift": ("down_share", "up_share"), "conserve": ("share",),
    "grow": ("share",), "flexible": ("down_share", "calls", "hours_per_call"), "time_of_use": ("substitution", "daily"),
    "critical_peak": ("substitution", "daily", "calls", "hours_per_call", "multiple"), "orderly": ("gap_share", "days"),
}  # fmt: skip
_MONEY = (
    "incentive_yuan", "incentive_yuan_once", "incentive_yuan_per_kw", "incentive_yuan_per_kwh", "participant_yuan",
    "participant_yuan_per_kwh", "externality_yuan_per_kwh", "programme_yuan", "programme_yuan_per_participant", "spillover",
)  # fmt: skip
UNCERTAIN = ("response", "joining", "avoided_costs")


@dataclass(frozen=True)
class Programme:
    """One offer.

    Attributes
    ----------
    kind : str
    classes : tuple of str
        Customer classes that may take it.
    response : mapping
        Numbers of its kind: shares of the load (``down_share``), of mean load
        (``up_share``), of a day's energy (``budget_share``), elasticities, calls.
    joining : Joining, optional
        Everybody takes part where there is none: mandatory.
    incentive_yuan : float
        A participant and year; ``_once``: at joining; ``_per_kw``: a kW taken off in
        the hours called, and year; ``_per_kwh``: each kWh changed.
    participant_yuan, participant_yuan_per_kwh : float
        Cost of taking part, once, and of each kWh changed.
    externality_yuan_per_kwh : float
        Worth to society of each kWh changed, besides carbon.
    programme_yuan, programme_yuan_per_participant : float
        Cost of running it, once, and a participant and year.
    free_riders : bool
        Whether some would do the same without the incentive.
    """

    kind: Kind
    classes: tuple[str, ...]
    response: Mapping[str, Any]
    joining: Joining | None = None
    incentive_yuan: float = 0.0
    incentive_yuan_once: float = 0.0
    incentive_yuan_per_kw: float = 0.0
    incentive_yuan_per_kwh: float = 0.0
    participant_yuan: float = 0.0
    participant_yuan_per_kwh: float = 0.0
    externality_yuan_per_kwh: float = 0.0
    programme_yuan: float = 0.0
    programme_yuan_per_participant: float = 0.0
    free_riders: bool = False
    spillover: float = 0.0
    periods: PeriodRules | None = None
    ratio: Mapping[str, float] = field(default_factory=dict)
    means: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    lost_yuan_per_kwh: Mapping[str, float] = field(default_factory=dict)

    def mask(self, days: pd.DatetimeIndex) -> np.ndarray:
        """Hours in which it acts, shape (days, 24): its months and hours, all where it names none."""
        months = self.response.get("months", range(1, 13))
        hours = np.zeros(24, dtype=bool)
        for low, high in self.response.get("hours", [[0, 24]]):
            at = np.arange(24)
            hours |= (at >= low) & (at < high) if low < high else (at >= low) | (at < high)
        return np.asarray(np.isin(days.month, list(months))[:, None] & hours)


@dataclass(frozen=True)
class Scenario:
    """Programmes with what they share.

    Attributes
    ----------
    uncertain : mapping
        ``response``, ``joining`` (odds), ``avoided_costs`` -> (low, high): factors
        between which 95 % of what may be lies.
    """

    id: str
    name: Name
    about: Name
    source: str
    programmes: tuple[Programme, ...]
    life_years: int
    discount_rate: float
    societal_rate: float
    carbon_yuan_per_tonne: float
    uncertain: Mapping[str, tuple[float, float]]

    def with_changes(self, **changes: Any) -> Scenario:
        """The same scenario with some numbers changed.

        Parameters
        ----------
        **changes
            Of the scenario (``discount_rate``, ``life_years``, …) or of every
            programme (``incentive_yuan``, ``participant_yuan``, …).

        Raises
        ------
        DsmError
            If there is no such number.
        """
        shared = {"life_years", "discount_rate", "societal_rate", "carbon_yuan_per_tonne"}
        unknown = set(changes) - shared - set(_MONEY)
        if unknown:
            raise DsmError(
                f"a scenario has no {sorted(unknown)[0]}; change one of {', '.join(sorted(shared | set(_MONEY)))}"
            )
        for name, value in changes.items():
            _number(f"{self.id}, {name}", value)
        offers = {name: value for name, value in changes.items() if name not in shared}
        own = {name: value for name, value in changes.items() if name in shared}
        return replace(self, programmes=tuple(replace(p, **offers) for p in self.programmes), **own)


def read_scenarios(folder: Path = FOLDER) -> dict[str, Scenario]:
    """All scenarios of a folder by id.

    Examples
    --------
    >>> len(read_scenarios()) >= 8
    True
    """
    paths = [path for path in sorted(folder.glob("*.yaml")) if path.stem not in ("common", "orderly_rules")]
    return {scenario.id: scenario for scenario in map(read_scenario, paths)}


def read_scenario(path: Path | str) -> Scenario:
    """A scenario from a YAML file, with what it does not say from ``common.yaml`` beside it.

    Raises
    ------
    DsmError
        Naming the file, the programme and the key that cannot be used.
    """
    path = Path(path)
    raw, common = _yaml(path), _yaml(path.with_name("common.yaml"))
    known = {"id", "name", "about", "source", "programmes", "life_years", "discount_rate", "societal_rate",
             "carbon_yuan_per_tonne", "uncertain"}  # fmt: skip
    _refuse_unknown(path.name, raw, known)
    merged = {key: value for key, value in common.items() if key not in ("source", "effective_from")} | raw
    uncertain = common["uncertain"] | raw.get("uncertain", {})
    _refuse_unknown(f"{path.name}, uncertain", uncertain, set(UNCERTAIN))
    for name, ends in uncertain.items():
        if not (len(ends) == 2 and 0 < ends[0] <= 1 <= ends[1]):
            raise DsmError(f"{path.name}, uncertain, {name}: {ends} must be two factors around 1, such as [0.8, 1.25]")
    programmes: list[Programme] = []
    for at, one in enumerate(merged["programmes"], 1):
        if isinstance(one, str):
            programmes += read_scenario(path.with_name(f"{one}.yaml")).programmes
        else:
            programmes.append(_programme(one, f"{path.name}, programme {at}", path.parent))
    if not programmes:
        raise DsmError(f"{path.name}: it has no programmes; name at least one")
    numbers = {
        n: _number(f"{path.name}, {n}", merged[n])
        for n in ("life_years", "discount_rate", "societal_rate", "carbon_yuan_per_tonne")
    }
    return Scenario(
        str(raw["id"]), Name(**raw["name"]), Name(**raw["about"]), str(raw.get("source", "")), tuple(programmes),
        int(numbers["life_years"]), numbers["discount_rate"], numbers["societal_rate"], numbers["carbon_yuan_per_tonne"],
        {name: (float(low), float(high)) for name, (low, high) in uncertain.items()},
    )  # fmt: skip


def _yaml(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DsmError(f"{path.name}: not readable; scenarios lie in data/dsm") from error
    except yaml.YAMLError as error:
        raise DsmError(f"{path.name}: not YAML: {str(error).splitlines()[-1].strip()}") from error
    if not isinstance(raw, dict):
        raise DsmError(f"{path.name}: expected keys and values")
    return raw


def _refuse_unknown(where: str, raw: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(raw) - known)
    if unknown:
        raise DsmError(f"{where}: unknown key {unknown[0]!r}; it may have {', '.join(sorted(known))}")


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise DsmError(f"{where}: {value!r} is no number")
    return float(value)


def _programme(raw: Mapping[str, Any], where: str, folder: Path) -> Programme:
    if raw.get("kind") not in get_args(Kind):
        raise DsmError(f"{where}: kind is {raw.get('kind')!r}, expected one of {', '.join(get_args(Kind))}")
    kind = cast(Kind, raw["kind"])
    extra = {"time_of_use": {"periods", "ratio"}, "orderly": {"means", "lost_yuan_per_kwh"}}.get(kind, set())
    _refuse_unknown(where, raw, {"kind", "classes", "response", "joining", "free_riders", *_MONEY, *extra})
    response = dict(raw.get("response", {}))
    _refuse_unknown(f"{where}, response", response, set(_MAY[kind]))
    for name in _MUST[kind]:
        if name not in response:
            raise DsmError(f"{where}, response: {name} is missing; a programme of kind {kind} needs it")
    for name, value in response.items():
        if name in ("months", "hours"):
            continue
        number = _number(f"{where}, response, {name}", value)
        if name in ("substitution", "daily"):
            if number > 0:
                raise DsmError(f"{where}, response, {name}: {number} is above 0; elasticities are negative")
        elif number < 0 or (name in ("down_share", "share", "gap_share", "efficiency", "budget_share") and number > 1):
            raise DsmError(
                f"{where}, response, {name}: {number} is outside its range; shares and efficiency are 0 to 1"
            )
    periods, ratio = None, dict(raw.get("ratio", {}))
    if kind == "time_of_use":
        given = raw.get("periods")
        periods = parse_periods(given, where) if isinstance(given, dict) else read_periods(folder / str(given))
        missing = [name for name in periods.names if name not in ratio]
        if missing:
            raise DsmError(f"{where}, ratio: the period {missing[0]} has no price; give a ratio for each")
    return Programme(
        kind, tuple(raw.get("classes", ())), response, Joining(**raw["joining"]) if "joining" in raw else None,
        **{name: _number(f"{where}, {name}", raw[name]) for name in _MONEY if name in raw},
        free_riders=bool(raw.get("free_riders", False)), periods=periods, ratio=ratio,
        means=dict(raw.get("means", {})), lost_yuan_per_kwh=dict(raw.get("lost_yuan_per_kwh", {})),
    )  # fmt: skip
