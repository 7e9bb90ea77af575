"""The figures of the summary: value, interval, change, and whether that is for the better."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from labkit import terms
from labkit.calendar import DATA
from labkit.findings import Finding, Findings
from labkit.market.errors import MarketError

_BETTER = {"up": 1, "down": -1, "neither": 0}


@dataclass(frozen=True)
class KeyFigure:
    """A figure of the summary and which way is good; see ``data/market/key_figures.yaml``."""

    finding: str
    better: str

    def judge(self, item: Finding) -> str:
        """better, worse, not_sure (the change's interval holds 0), plain (no direction), or unknown (no change known).

        Examples
        --------
        >>> late = Finding("09.late_share", 0.08, "%", "%", "", "", change=-0.02, change_low=-0.03, change_high=-0.01)
        >>> KeyFigure("09.late_share", "down").judge(late)
        'better'
        """
        if item.change is None or pd.isna(item.change) or item.change_low is None or item.change_high is None:
            return "unknown"
        if not (item.change_low > 0 or item.change_high < 0):
            return "not_sure"
        return {0: "plain", 1: "better", -1: "worse"}[_BETTER[self.better] * (1 if item.change > 0 else -1)]


def read_key_figures(path: Path = DATA / "market" / "key_figures.yaml") -> tuple[KeyFigure, ...]:
    """Key figures from a YAML file.

    Raises
    ------
    MarketError
        If an entry has other keys, or a direction other than up, down, neither.

    Examples
    --------
    >>> read_key_figures()[2].better
    'up'
    """
    figures = []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        if set(entry) != {"finding", "better"} or entry["better"] not in _BETTER:
            raise MarketError(
                f"{path.name}: each entry has a finding and better: {', '.join(_BETTER)}; one has {entry}"
            )
        figures.append(KeyFigure(**entry))
    return tuple(figures)


def tell_key_figures(found: Findings, figures: tuple[KeyFigure, ...], language: terms.Language) -> pd.DataFrame:
    """Key figures in words: ``figure``, ``shown``, ``interval``, ``change_text``, ``moved``, ``notebook``; those not there are left out."""
    rows = []
    for one in figures:
        item = found.get(one.finding)
        if item is None:
            continue
        changed, since = item.changed(language), item.since_zh if language == "zh" else item.since_en
        told = (f"较{since} {changed}" if language == "zh" else f"{changed} on {since}") if changed else "–"
        moved = terms.category("moved", one.judge(item), language)
        ends = item.interval(language).removeprefix("95% 区间 ").removeprefix("95% interval ")
        rows.append((item.label(language), item.shown(language), ends or "–", told, moved, item.notebook))
    return pd.DataFrame(rows, columns=["figure", "shown", "interval", "change_text", "moved", "notebook"])
