"""Ways of recovering what is owed, as data; and how many pay under today's practice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy.stats import beta

from labkit.arrears.errors import ArrearsError
from labkit.arrears.kinds import KINDS, Kinds
from labkit.calendar import DATA

#: Ages of debts [days overdue] at which it is asked how many pay within the horizon.
CHECKPOINTS = (1, 15, 31, 61, 91, 181)
#: Bills that the rate of an age is worth beside those of a kind.
PRIOR_BILLS = 5.0


@dataclass(frozen=True)
class Way:
    """One way: what it costs, what it multiplies the rate of payment by, what it does to loyalty, by kind."""

    cost_yuan: float
    effect: Mapping[str, float]
    loyalty_yuan: Mapping[str, float]
    capacity: float = np.inf


@dataclass(frozen=True)
class Ways:
    """All ways with what they share; see ``data/arrears/ways.yaml``."""

    source: str
    effective_from: dt.date
    horizon_days: int
    effect_spread: float
    large_kva: float
    prepay_kva: float
    ways: Mapping[str, Way]


@cache
def read_ways(path: Path = DATA / "arrears" / "ways.yaml") -> Ways:
    """Ways from a YAML file.

    Raises
    ------
    ArrearsError
        If an entry is missing or unknown, or a figure is out of its range.
    """
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    odd = sorted(set(raw) ^ set(Ways.__dataclass_fields__))
    if odd:
        raise ArrearsError(f"{path.name}: {odd[0]} is {'unknown' if odd[0] in raw else 'missing'}")
    for name in ("nothing", "normal", "procedure", "disconnection"):
        if name not in raw["ways"]:
            raise ArrearsError(f"{path.name}, ways: {name} is missing; plans are compared with it")
    ways = {}
    for name, entry in raw["ways"].items():
        if set(entry) - {"capacity"} != {"cost_yuan", "effect", "loyalty_yuan"}:
            raise ArrearsError(
                f"{path.name}, {name}: expected cost_yuan, effect, loyalty_yuan and, if limited, capacity"
            )
        for part in ("effect", "loyalty_yuan"):
            if set(entry[part]) != set(KINDS):
                raise ArrearsError(f"{path.name}, {name}, {part}: expected a figure for each of {', '.join(KINDS)}")
        if min(entry["effect"].values()) <= 0 or entry["cost_yuan"] < 0 or entry.get("capacity", 0) < 0:
            raise ArrearsError(f"{path.name}, {name}: effects lie above 0, cost and capacity at 0 or more")
        ways[name] = Way(**entry)
    return Ways(**(raw | {"ways": ways}))


def payment_rates(late: pd.DataFrame, kinds: Kinds, last_day: dt.date, horizon_days: int = 90) -> pd.DataFrame:
    """How many debts are paid within a horizon under today's practice, by kind and age.

    Returns
    -------
    DataFrame
        ``kind``, ``days_overdue`` (a checkpoint), ``bills_count`` (weighted by the chance of the
        kind) still open then and watched long enough, ``paid`` of them, ``share``, ``low``, ``high``
        (95 %, beta), ``prior``: the share that stands in where there are no bills.

    Notes
    -----
    Kinds look alike where few bills are seen: each cell leans on that of its age, worth
    `PRIOR_BILLS` bills, and ages on all bills together. Bills of a customer count as if independent.
    """
    chance = kinds.table.set_index("customer_id")[list(KINDS)].reindex(late["customer_id"]).to_numpy()
    settled = late["settled_on"].notna().to_numpy()
    days, watched = late["days_late"].to_numpy(), (pd.Timestamp(last_day) - late["due_on"]).dt.days.to_numpy()
    counts = np.zeros((len(CHECKPOINTS), len(KINDS), 2))
    for i, age in enumerate(CHECKPOINTS):
        seen = ((days > age) | ~settled) & (watched >= age + horizon_days)
        paid = seen & settled & (days <= age + horizon_days)
        counts[i] = np.column_stack([chance[seen].sum(axis=0), chance[paid].sum(axis=0)])
    n, x = counts[..., 0], counts[..., 1]
    overall = (x.sum() + 0.5) / (n.sum() + 1)
    by_age = (x.sum(axis=1) + PRIOR_BILLS * overall) / (n.sum(axis=1) + PRIOR_BILLS)
    prior = np.broadcast_to(by_age[:, None], n.shape)
    a, b = x + PRIOR_BILLS * prior, np.maximum(n - x, 0) + PRIOR_BILLS * (1 - prior)
    low, high = beta.ppf(0.025, a, b), beta.ppf(0.975, a, b)
    index = pd.MultiIndex.from_product([CHECKPOINTS, KINDS], names=["days_overdue", "kind"])
    columns = {"bills_count": n, "paid": x, "share": a / (a + b), "low": low, "high": high, "prior": prior}
    return pd.DataFrame({k: v.ravel() for k, v in columns.items()}, index).reset_index()
