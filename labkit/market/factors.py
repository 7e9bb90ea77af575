"""Factors that make a segment attractive and us strong in it: stated ends, stated weights, scores of 1 to 5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from labkit import terms
from labkit.calendar import DATA
from labkit.findings import Finding, Findings
from labkit.market.errors import MarketError
from labkit.market_segments import Segment, read_segments

SIDES = ("attractiveness", "strength")
_Z = 1.959964


@dataclass(frozen=True)
class Factor:
    """Something by which segments are judged; see ``data/market/factors.yaml``."""

    id: str
    side: str
    weight: float
    worst: float
    best: float
    en: str
    zh: str
    column: str = ""
    finding: str = ""
    error: float = 0.0
    log: bool = False

    def label(self, language: terms.Language) -> str:
        """Name of the factor."""
        return self.zh if language == "zh" else self.en

    def score(self, value: np.ndarray) -> np.ndarray:
        """Scores of 1 (worst) to 5 (best).

        Examples
        --------
        >>> growth = Factor("growth", "attractiveness", 1, 0.0, 0.1, "", "")
        >>> growth.score(np.array([0.05, 0.3])).tolist()
        [3.0, 5.0]
        """
        worst, best, x = self.worst, self.best, np.asarray(value, dtype=float)
        if self.log:
            worst, best, x = np.log(worst), np.log(best), np.log(np.maximum(x, 1e-12))
        return 1 + 4 * np.clip((x - worst) / (best - worst), 0, 1)


@dataclass(frozen=True)
class Factors:
    """Factors of both sides, and how sure their weights are."""

    factors: tuple[Factor, ...]
    votes: float
    source: str

    def of(self, side: str) -> tuple[Factor, ...]:
        """Factors of a side."""
        return tuple(f for f in self.factors if f.side == side)


def read_factors(path: Path = DATA / "market" / "factors.yaml") -> Factors:
    """Factors from a YAML file.

    Raises
    ------
    MarketError
        If weights of a side do not add up to 1, ends are the same, or a factor has no source or two.

    Examples
    --------
    >>> [f.id for f in read_factors().of("strength")]
    ['standing', 'satisfaction', 'keeping', 'promises']
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    factors = []
    for side in SIDES:
        for name, entry in raw.get(side, {}).items():
            odd = sorted(set(entry) - set(Factor.__dataclass_fields__))
            if odd:
                raise MarketError(f"{path.name}, {name}: {odd[0]} is unknown")
            factor = Factor(name, side, **entry)
            if bool(factor.column) == bool(factor.finding):
                raise MarketError(f"{path.name}, {name}: give either a column of the table market or a finding")
            if factor.worst == factor.best or (factor.log and min(factor.worst, factor.best) <= 0):
                raise MarketError(f"{path.name}, {name}: worst and best must differ, and lie above 0 with log")
            factors.append(factor)
        total = sum(f.weight for f in factors if f.side == side)
        if not np.isclose(total, 1):
            raise MarketError(f"{path.name}: weights of {side} add up to {total:g}, expected 1")
    if raw["votes"] <= 0:
        raise MarketError(f"{path.name}: votes is {raw['votes']}, expected more than 0")
    return Factors(tuple(factors), float(raw["votes"]), raw["source"])


def measure_factors(
    market: pd.DataFrame, found: Findings, factors: Factors, segments: Mapping[str, Segment] | None = None
) -> pd.DataFrame:
    """Value of every factor in every segment, with its standard error and where it comes from.

    Parameters
    ----------
    market : DataFrame
        The table ``market``: a row a segment.
    found : Findings
        Of the other notebooks. A finding of the customer class stands in where there is none of the
        segment; a segment nobody belongs to has none.
    factors : Factors
    segments : mapping, optional
        Of `read_segments`; says the class of a segment.

    Returns
    -------
    DataFrame
        ``segment``, ``side``, ``factor``, ``weight``, ``value``, ``error``, ``score`` (1..5), ``source`` (the
        column or the finding's id); factors without a figure have a missing value.

    Raises
    ------
    MarketError
        If the table has no segment, or lacks a column.
    """
    if market.empty:
        raise MarketError("the table market has no segment; give a row a segment")
    table = market.assign(lead_score=_lead(market))
    known = read_segments() if segments is None else segments
    rows = []
    for factor in factors.factors:
        if factor.column and factor.column not in table:
            raise MarketError(f"the table market has no column {factor.column}; bring it, or leave {factor.id} out")
        for row in table.to_dict("records"):
            value, error, source = float("nan"), float("nan"), factor.column or factor.finding
            if factor.column:
                value, error = float(row[factor.column]), factor.error
            else:
                item = finding_of(found, factor.finding, str(row["segment"]), known)
                if item is not None:
                    value, source = item.value, item.id
                    ends = item.estimate
                    error = (ends.high - ends.low) / 2 / _Z if ends else factor.error
            score = float(factor.score(np.array(value)))
            rows.append((row["segment"], factor.side, factor.id, factor.weight, value, error, score, source))
    names = ["segment", "side", "factor", "weight", "value", "error", "score", "source"]
    return pd.DataFrame(rows, columns=names)


def finding_of(found: Findings, name: str, segment: str, segments: Mapping[str, Segment]) -> Finding | None:
    """Finding of a segment, or of its customer class; None where there is neither."""
    item = found.get(f"{name}@{segment}")
    if item is None and segment in segments and len(segments[segment].customer_class) == 1:
        item = found.get(f"{name}@{segments[segment].customer_class[0]}")
    return item


def _lead(market: pd.DataFrame) -> pd.Series:
    """Own score less the best rival's."""
    rivals = [c for c in market if str(c).startswith("rival_") and str(c).endswith("_score")]
    if "own_score" not in market or not rivals:
        raise MarketError("the table market needs own_score and at least one column rival_…_score")
    return market["own_score"] - market[rivals].max(axis=1)
