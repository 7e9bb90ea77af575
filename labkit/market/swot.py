"""Strengths, weaknesses, opportunities, threats: every line is a finding, judged by stated bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from labkit import terms
from labkit.calendar import DATA
from labkit.estimates import Estimate
from labkit.findings import Finding, Findings
from labkit.market.errors import MarketError

_KINDS = {"internal": ("strength", "weakness"), "external": ("opportunity", "threat")}
_OPTIONS = {
    frozenset({"strength", "opportunity"}): "SO",
    frozenset({"weakness", "opportunity"}): "WO",
    frozenset({"strength", "threat"}): "ST",
    frozenset({"weakness", "threat"}): "WT",
}
_Z = 1.959964


@dataclass(frozen=True)
class Line:
    """A line that may be a strength or a weakness, an opportunity or a threat; see ``data/market/swot.yaml``."""

    id: str
    side: str
    finding: str
    good: float
    bad: float
    weight: float
    en: str
    zh: str

    def rate(self, item: Finding) -> int | None:
        """4 surely beyond the good bound, 3 surely on its side of the middle, 2 and 1 likewise for the bad; None: open.

        Examples
        --------
        >>> kept = Line("kept", "internal", "07.kept_share", 0.95, 0.75, 1, "", "")
        >>> kept.rate(Finding("07.kept_share", 0.93, "", "", "", "", low=0.90, high=0.95))
        3
        """
        ends = item.estimate
        low, high = (ends.low, ends.high) if ends else (item.value, item.value)
        scale = 1.0 if self.good > self.bad else -1.0
        worst, best = sorted((low * scale, high * scale))
        good, bad, middle = self.good * scale, self.bad * scale, (self.good + self.bad) / 2 * scale
        if worst > middle:
            return 4 if worst >= good else 3
        if best < middle:
            return 1 if best <= bad else 2
        return None


@dataclass(frozen=True)
class Option:
    """What could be done where certain lines turn out as named (TOWS)."""

    id: str
    needs: Mapping[str, str]
    en: str
    zh: str


@dataclass(frozen=True)
class SwotRules:
    """Lines to judge, and options that follow."""

    lines: tuple[Line, ...]
    options: tuple[Option, ...]
    votes: float


def read_swot(path: Path = DATA / "market" / "swot.yaml") -> SwotRules:
    """Lines and options from a YAML file.

    Raises
    ------
    MarketError
        If a key is unknown or missing, bounds are the same, or an option asks for a line that is not there
        or for two that make no pair.

    Examples
    --------
    >>> {line.side for line in read_swot().lines} == {"internal", "external"}
    True
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    lines = tuple(_line(path.name, name, entry) for name, entry in raw["lines"].items())
    sides = {line.id: line.side for line in lines}
    options = []
    for name, entry in raw["options"].items():
        needs = dict(entry["needs"])
        for id, kind in needs.items():
            if id not in sides or kind not in _KINDS[sides[id]]:
                raise MarketError(f"{path.name}, option {name}: {id} can not be a {kind}")
        if frozenset(needs.values()) not in _OPTIONS:
            raise MarketError(f"{path.name}, option {name}: needs one kind from inside and one from outside")
        options.append(Option(name, needs, entry["en"], entry["zh"]))
    return SwotRules(lines, tuple(options), float(raw["votes"]))


def _line(file: str, name: str, entry: Mapping[str, Any]) -> Line:
    odd = sorted(set(entry) ^ (set(Line.__dataclass_fields__) - {"id"}))
    if odd:
        raise MarketError(f"{file}, {name}: {odd[0]} is {'unknown' if odd[0] in entry else 'missing'}")
    line = Line(name, **entry)
    if line.side not in _KINDS or line.good == line.bad or line.weight <= 0:
        raise MarketError(f"{file}, {name}: side is internal or external, good differs from bad, weight is above 0")
    return line


def judge_lines(found: Findings, rules: SwotRules) -> pd.DataFrame:
    """Every line with the figure it cites.

    Parameters
    ----------
    found : Findings
    rules : SwotRules

    Returns
    -------
    DataFrame
        ``line``, ``side``, ``kind`` (strength, weakness, opportunity, threat; open: the interval does not tell; missing:
        there is no such finding), ``rating`` (4 to 1, missing where not told), ``weight``, ``finding``.
    """
    rows = []
    for line in rules.lines:
        item = found.get(line.finding)
        rating = line.rate(item) if item is not None and not pd.isna(item.value) else None
        kind = "missing" if item is None else "open"
        if rating is not None:
            kind = _KINDS[line.side][0 if rating >= 3 else 1]
        rows.append((line.id, line.side, kind, np.nan if rating is None else float(rating), line.weight, line.finding))
    return pd.DataFrame(rows, columns=["line", "side", "kind", "rating", "weight", "finding"])


def evaluate_factors(
    judged: pd.DataFrame, rules: SwotRules, side: str, *, draws: int = 4000, seed: int = 0
) -> Estimate:
    """Weighted rating of the internal or external lines: the evaluation matrix (IFE, EFE), 1 to 4; open lines count 2.5, middling.

    Parameters
    ----------
    judged : DataFrame
        Of `judge_lines`.
    side : {"internal", "external"}
    draws, seed : int
        The interval holds how unsure the weights are (Dirichlet with ``votes``), not the bounds.

    Raises
    ------
    MarketError
        If no line of the side could be judged.

    Notes
    -----
    After David, Strategic Management; there experts rate, here the bounds of the file do.
    """
    own = judged[(judged["side"] == side) & (judged["kind"] != "missing")].fillna({"rating": 2.5})
    if (own["kind"] == "open").all():
        raise MarketError(f"no {side} line could be judged: the findings they cite are missing or do not tell")
    stated = own["weight"].to_numpy() / own["weight"].sum()
    drawn = np.random.default_rng(seed).dirichlet(stated * rules.votes, draws) @ own["rating"].to_numpy()
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(float(stated @ own["rating"].to_numpy()), float(low), float(high), len(own))


def choose_options(judged: pd.DataFrame, rules: SwotRules) -> pd.DataFrame:
    """Options whose lines turned out as they need: ``option``, ``kind`` (SO, WO, ST, WT), ``lines``, ``weight`` of them."""
    kinds = judged.set_index("line")["kind"].to_dict()
    weights = judged.set_index("line")["weight"].to_dict()
    rows = [
        (o.id, _OPTIONS[frozenset(o.needs.values())], tuple(o.needs), sum(weights[i] for i in o.needs))
        for o in rules.options
        if all(kinds[id] == kind for id, kind in o.needs.items())
    ]
    table = pd.DataFrame(rows, columns=["option", "kind", "lines", "weight"])
    return table.sort_values(["weight", "option"], ascending=[False, True], ignore_index=True)


def tell_lines(judged: pd.DataFrame, found: Findings, rules: SwotRules, language: terms.Language) -> pd.DataFrame:
    """Lines in words, each with the figure it cites and its notebook."""
    words = {line.id: line.zh if language == "zh" else line.en for line in rules.lines}
    colon = "：" if language == "zh" else ": "
    figure = [
        f"{found[f].label(language)}{colon}{found[f].told(language)}".replace("**", "") if f in found else "–"
        for f in judged["finding"]
    ]
    told = judged.assign(line=[words[i] for i in judged["line"]], figure=figure, notebook=judged["finding"].str[:2])
    return told[["kind", "line", "figure", "rating", "weight", "notebook"]]


def tell_options(
    options: pd.DataFrame, judged: pd.DataFrame, rules: SwotRules, language: terms.Language
) -> pd.DataFrame:
    """Options in words, with the lines they rest on."""
    words = {line.id: line.zh if language == "zh" else line.en for line in rules.lines}
    said = {o.id: o.zh if language == "zh" else o.en for o in rules.options}
    join = "；" if language == "zh" else "; "
    return pd.DataFrame(
        {
            "kind": options["kind"],
            "option": [said[o] for o in options["option"]],
            "because": [join.join(words[i] for i in ids) for ids in options["lines"]],
        }
    )
