"""What service analysis takes as given: costs of channels, remedies, promises; kept as data in ``data/service``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from labkit.calendar import DATA
from labkit.service.errors import ServiceError

_FOLDER = DATA / "service"


@dataclass(frozen=True)
class ChannelCosts:
    """Costs and times of a contact, by channel.

    Attributes
    ----------
    cost_yuan, effort_min : mapping of str to float
        By channel.
    travel_min : mapping of (str, str) to float
        By channel and settlement.
    yuan_per_hour : float
    waited_for : tuple of str
        Channels whose wait for the first answer is spent waiting.
    call : mapping of str to float
        ``handling_s``, ``target_s``, ``level``, ``patience_s``.
    """

    cost_yuan: Mapping[str, float]
    effort_min: Mapping[str, float]
    travel_min: Mapping[tuple[str, str], float]
    yuan_per_hour: float
    waited_for: tuple[str, ...]
    call: Mapping[str, float]


def read_channel_costs(path: Path | None = None) -> ChannelCosts:
    """Costs of channels, of ``data/service/channels.yaml`` by default.

    Raises
    ------
    ServiceError
        If a part is not there or is no number above 0.
    """
    path = path or _FOLDER / "channels.yaml"
    raw = _read(path)
    try:
        channels = {str(k): dict(v) for k, v in raw["channels"].items()}
        travel = {(c, s): float(m) for c, v in channels.items() for s, m in dict(v.get("travel_min", {})).items()}
        found = ChannelCosts(
            {c: float(v["cost_yuan"]) for c, v in channels.items()},
            {c: float(v["effort_min"]) for c, v in channels.items()},
            travel,
            float(raw["yuan_per_hour"]),
            tuple(raw["waited_for"]),
            {k: float(v) for k, v in raw["call"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ServiceError(
            f"{path.name}: {error!r} is missing or no number; see the file that comes with the project"
        ) from error
    if min(*found.cost_yuan.values(), *found.effort_min.values(), found.yuan_per_hour) < 0:
        raise ServiceError(f"{path.name}: costs and times must not be below 0")
    return found


def read_remedies(path: Path | None = None) -> pd.DataFrame:
    """What could be done about a topic: ``topic``, ``en``, ``zh``, ``cost_yuan`` (a year), ``feasibility`` (0 to 1).

    Raises
    ------
    ServiceError
        If a part is missing or out of range.
    """
    path = path or _FOLDER / "remedies.yaml"
    frame = pd.DataFrame(_read(path))
    lacking = {"topic", "en", "zh", "cost_yuan", "feasibility"} - set(frame.columns)
    if lacking:
        raise ServiceError(f"{path.name}: has no {', '.join(sorted(lacking))}")
    bad = frame[~frame["feasibility"].between(0, 1) | ~(frame["cost_yuan"] > 0)]
    if len(bad):
        raise ServiceError(
            f"{path.name}: {bad['topic'].iloc[0]}: cost_yuan must be above 0 and feasibility from 0 to 1"
        )
    return frame


def read_promises(path: Path | None = None) -> pd.DataFrame:
    """Service promises: ``id``, ``en``, ``zh``, ``limit``, ``unit`` (min, h, day), ``since``, ``settlement``.

    Raises
    ------
    ServiceError
        If a part is missing or a unit is not known.
    """
    path = path or _FOLDER / "promises.yaml"
    frame = pd.DataFrame(_read(path))
    lacking = {"id", "en", "zh", "limit", "unit", "since"} - set(frame.columns)
    if lacking:
        raise ServiceError(f"{path.name}: has no {', '.join(sorted(lacking))}")
    bad = frame[~frame["unit"].isin(["min", "h", "day"]) | ~(frame["limit"] > 0)]
    if len(bad):
        raise ServiceError(f"{path.name}: {bad['id'].iloc[0]}: limit must be above 0 and unit min, h or day")
    return frame


def site_limits(promises: pd.DataFrame) -> dict[str, float]:
    """Minutes to the site by settlement."""
    known = promises[promises["id"].str.startswith("on_site")]
    return dict(zip(known["settlement"], known["limit"].astype(float), strict=True))


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ServiceError(f"{path.name}: cannot be read ({str(error)[:120]})") from error
