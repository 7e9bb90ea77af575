"""Orderly use (有序用电), the last resort: who gives way, in which order, and who is spared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from labkit.calendar import DATA
from labkit.dsm.errors import DsmError
from labkit.terms import Language

RULES = DATA / "dsm" / "orderly_rules.yaml"


@cache
def _rules(path: Path) -> dict[str, Any]:
    rules: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return rules


@dataclass(frozen=True)
class Warning:
    """A warning level."""

    id: str
    colour_en: str
    colour_zh: str
    gap_share: float

    def label(self, language: Language) -> str:
        """The level in words."""
        if self.id == "none":
            return "无缺口" if language == "zh" else "no gap"
        return f"{self.id} 级（{self.colour_zh}）" if language == "zh" else f"level {self.id} ({self.colour_en})"


def warning_level(gap_kw: float, maximum_demand_kw: float, rules: Path = RULES) -> Warning:
    """The warning level of a gap between demand and supply.

    Parameters
    ----------
    gap_kw : float
        What is lacking [kW]; none at 0 or less.
    maximum_demand_kw : float
        Maximum demand the gap is a share of [kW].

    Notes
    -----
    A gap that is just 5, 10 or 20 % belongs to the milder level: level I is above 20 %.

    Examples
    --------
    >>> [warning_level(gap, 1000).id for gap in (0, 49, 50, 100, 200, 201)]
    ['none', 'IV', 'III', 'III', 'II', 'I']
    """
    if not maximum_demand_kw > 0:
        raise DsmError(f"maximum_demand_kw is {maximum_demand_kw}, expected above 0")
    share = gap_kw / maximum_demand_kw
    found = Warning("none", "", "", max(share, 0.0))
    for i, level in enumerate(_rules(rules)["levels"]):
        # Level IV is below 5 %, III from there on; II and I begin above their mark.
        reached = share > level["above"] if i != 1 else share >= level["above"]
        if reached:
            found = Warning(level["id"], level["colour"]["en"], level["colour"]["zh"], share)
    return found


@dataclass(frozen=True, eq=False)
class OrderlyPlan:
    """Who gives way on each day.

    Attributes
    ----------
    steps : DataFrame
        ``day`` (its place), ``customer_id``, ``means``, ``kw``, ``share`` of what
        the customer can give by this means; only rows above 0.
    days : DataFrame
        ``day``, ``gap_kw``, ``level``, a column each means [kW], ``uncovered_kw``.
    burden : DataFrame
        ``customer_id``, ``given_kw`` over all days, ``relative``: in units of what
        the customer can give in a day, what it gave before included.
    """

    steps: pd.DataFrame
    days: pd.DataFrame
    burden: pd.DataFrame


def orderly_plan(
    users: pd.DataFrame, gap_kw: Sequence[float] | float, maximum_demand_kw: float, rules: Path = RULES
) -> OrderlyPlan:
    """Cover a gap by stagger, avoid, limit and cut, in this order, in fair shares over time.

    Parameters
    ----------
    users : DataFrame
        ``customer_id``; what each can give by each means: ``stagger_kw``,
        ``avoid_kw``, ``limit_kw``, ``cut_kw`` (missing columns are nought), each on
        top of those before it; ``protected`` (bool): gives nothing by any means;
        ``given_before``: burden carried so far, in units of its capability.
    gap_kw : float or sequence of float
        The gap of each day [kW].
    maximum_demand_kw : float
        For the warning level.

    Returns
    -------
    OrderlyPlan

    Raises
    ------
    DsmError
        For a customer twice, a capability below 0 or missing.

    Notes
    -----
    A means is used only when those before it are used up. Within a means the
    burden carried so far, relative to what a customer can give, is levelled from
    below: who gave least gives first, so that over time all come to the same
    relative burden. What no means covers is told, not spread over the protected.

    Examples
    --------
    >>> users = pd.DataFrame({"customer_id": ["A", "B", "H"], "stagger_kw": [100.0, 300.0, 500.0], "protected": [False, False, True]})
    >>> plan = orderly_plan(users, [200.0, 500.0], 5000.0)
    >>> plan.days[["stagger_kw", "uncovered_kw"]].to_numpy().tolist()
    [[200.0, 0.0], [400.0, 100.0]]
    >>> plan.steps["kw"].tolist()
    [50.0, 150.0, 100.0, 300.0]
    """
    means = tuple(_rules(rules)["means"])
    able, protected, before = _users(users, means)
    ids = users["customer_id"].to_numpy()
    able = np.where(protected[:, None], 0.0, able)
    total = able.sum(axis=1)
    burden = np.where(total > 0, before, 0.0)
    gaps = np.atleast_1d(np.asarray(gap_kw, dtype=float))
    if not np.isfinite(gaps).all():
        raise DsmError("gap_kw has a missing value; write 0 for a day without a gap")
    steps, days = [], []
    for day, gap in enumerate(gaps):
        left, row = max(float(gap), 0.0), {}
        for m, name in enumerate(means):
            given = _level(able[:, m], total, burden, left)
            left -= float(given.sum())
            left = 0.0 if left < 1e-9 else left
            burden = burden + np.divide(given, total, out=np.zeros(len(total)), where=total > 0)
            row[f"{name}_kw"] = float(given.sum())
            who = np.flatnonzero(given > 1e-9)
            share = given[who] / able[who, m]
            steps.append(
                pd.DataFrame({"day": day, "customer_id": ids[who], "means": name, "kw": given[who], "share": share})
            )
        days.append(
            {
                "day": day,
                "gap_kw": float(gap),
                "level": warning_level(gap, maximum_demand_kw, rules).id,
                **row,
                "uncovered_kw": left,
            }
        )
    told = pd.concat(steps, ignore_index=True)
    given_kw = told.groupby("customer_id")["kw"].sum().reindex(ids).fillna(0.0).to_numpy()
    return OrderlyPlan(
        told, pd.DataFrame(days), pd.DataFrame({"customer_id": ids, "given_kw": given_kw, "relative": burden})
    )


def _users(users: pd.DataFrame, means: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if users["customer_id"].duplicated().any():
        raise DsmError("a customer stands among the users twice; give each one row")
    able = np.column_stack([users[f"{m}_kw"] if f"{m}_kw" in users else np.zeros(len(users)) for m in means]).astype(
        float
    )
    wrong = ~(np.isfinite(able) & (able >= 0))
    if wrong.any():
        row, m = np.argwhere(wrong)[0]
        raise DsmError(f"users row {row + 1}, {means[m]}_kw: below 0 or missing; write 0 where a user cannot give")
    protected = (
        users["protected"].fillna(False).to_numpy(dtype=bool) if "protected" in users else np.zeros(len(users), bool)
    )
    before = users["given_before"].fillna(0).to_numpy(dtype=float) if "given_before" in users else np.zeros(len(users))
    return able, protected, before


def _level(able: np.ndarray, total: np.ndarray, burden: np.ndarray, wanted: float) -> np.ndarray:
    """Give what is wanted so that relative burdens are levelled from below; exact."""
    if wanted >= able.sum():
        return able.copy()
    if wanted <= 0:
        return np.zeros(len(able))
    # A user gives clip((level - burden) x total, 0, able): piecewise linear in the level.
    here = able > 0
    begin, rate = burden[here], total[here]
    end = begin + able[here] / rate
    at = np.concatenate([begin, end])
    order = np.argsort(at, kind="stable")
    slope = np.cumsum(np.concatenate([rate, -rate])[order])
    levels = at[order]
    reached = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(levels))])
    k = int(np.searchsorted(reached, wanted, side="right")) - 1
    level = levels[k] + (wanted - reached[k]) / slope[k] if slope[k] > 0 else levels[k]
    given = np.zeros(len(able))
    given[here] = np.clip((level - begin) * rate, 0, able[here])
    return given
