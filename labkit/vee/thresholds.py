"""Limits of the checks: one data file, each with its unit and source, any of them to be set anew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from labkit.calendar import DATA
from labkit.refusals import RefusalError

_FILE = DATA / "vee" / "thresholds.yaml"


class VeeError(RefusalError):
    """A threshold, check or parameter that cannot be used; says which and what was expected."""


@dataclass(frozen=True)
class Threshold:
    """A limit: its value, the values allowed, unit, source."""

    value: float
    low: float
    high: float
    unit: str
    source: str


@dataclass(frozen=True)
class Thresholds:
    """The limits of all checks.

    Attributes
    ----------
    items : mapping of str to Threshold
        By name, ``check.what``.

    Examples
    --------
    >>> limits = read_thresholds()
    >>> limits["spike.ratio"], limits.with_changes({"spike.ratio": 2.5})["spike.ratio"]
    (1.8, 2.5)
    """

    items: Mapping[str, Threshold]

    def __getitem__(self, name: str) -> float:
        return self.items[name].value

    def whole(self, name: str) -> int:
        """A limit that counts something."""
        return round(self[name])

    def with_changes(self, changes: Mapping[str, Any], where: str = "thresholds") -> Thresholds:
        """A copy with other values.

        Raises
        ------
        VeeError
            If a name is not known, or a value is no number in the bounds of the project's file.
        """
        items = dict(self.items)
        for name, given in changes.items():
            if name not in items:
                raise VeeError(f"{where}: {name!r} is no threshold; there are {', '.join(items)}")
            value: Any = given.get("value") if isinstance(given, Mapping) else given
            items[name] = _checked(replace(items[name], value=value), name, where)
        return Thresholds(items)

    def to_frame(self) -> pd.DataFrame:
        """``name``, ``value``, ``low``, ``high``, ``unit``, ``source``."""
        return pd.DataFrame([{"name": name} | vars(item) for name, item in self.items.items()])


def read_thresholds(path: str | Path | None = None) -> Thresholds:
    """Limits of ``data/vee/thresholds.yaml``, changed by an own file where one is named.

    Parameters
    ----------
    path : str or Path, optional
        A YAML file of some of the names with other values: ``spike.ratio: 2.5``.

    Raises
    ------
    VeeError
        If a file cannot be read, a name is not known or a value out of bounds.
    """
    raw = _read(_FILE)
    try:
        items = {str(name): Threshold(**entry) for name, entry in raw.items()}
    except TypeError as error:
        raise VeeError(f"{_FILE.name}: each threshold has value, low, high, unit and source ({error})") from error
    known = Thresholds({name: _checked(item, name, _FILE.name) for name, item in items.items()})
    return known if path is None else known.with_changes(_read(Path(path)), Path(path).name)


def _checked(item: Threshold, name: str, where: str) -> Threshold:
    value = item.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise VeeError(f"{where}: {name} is {value!r}, a number was expected [{item.unit}]")
    if not item.low <= value <= item.high:
        raise VeeError(f"{where}: {name} is {value:g}, expected {item.low:g} to {item.high:g} [{item.unit}]")
    return item


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise VeeError(f"{path.name}: cannot be read ({str(error)[:120]}); see data/vee/thresholds.yaml") from error
    if not isinstance(raw, dict):
        raise VeeError(f"{path.name}: lines of a name and a value were expected, such as `spike.ratio: 2.5`")
    return raw
