"""Decisions to take: each follows from findings, ranked by the money one may count on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.axes import Axes

from labkit import figures, terms
from labkit.calendar import DATA
from labkit.findings import Finding, Findings
from labkit.market.errors import MarketError
from labkit.market.judging import chance_above

#: What the interval of the money says: all of it above 0, above at best, none of it, or no interval.
VERDICTS = ("do", "try", "leave", "assumed", "missing")
_RESTS = ("data", "assumptions")
#: In this order: what the utility gains itself comes first.
_WHOSE = ("utility", "society", "customer")


@dataclass(frozen=True)
class Decision:
    """Something to decide; see ``data/market/decisions.yaml``.

    Attributes
    ----------
    worth : str
        Finding with what it brings [yuan], or another unit where no money can be told.
    whose : str
        utility, customer or society.
    over : str
        Of what time: a_year, life (present value), once, or plain where it is no money.
    needs : tuple of str
        More findings that are to be there.
    rests : str
        data or assumptions: whether an effect nobody has measured is in the figure.
    judged_by : str
        Finding whose interval decides, where that is not the worth itself.
    """

    id: str
    worth: str
    whose: str
    over: str
    rests: str
    needs: tuple[str, ...]
    en: str
    zh: str
    do_en: str
    do_zh: str
    try_en: str
    try_zh: str
    leave_en: str
    leave_zh: str
    turns_en: str
    turns_zh: str
    judged_by: str = ""

    @property
    def notebook(self) -> str:
        """Number of the notebook behind it."""
        return self.worth[:2]

    def label(self, language: terms.Language) -> str:
        """A few words for a figure."""
        return self.zh if language == "zh" else self.en

    def text(self, verdict: str, language: terms.Language) -> str:
        """What to decide, as the verdict has it."""
        stem = {"do": "do", "leave": "leave"}.get(verdict, "try")
        text: str = getattr(self, f"{stem}_{language}")
        return text

    def turns(self, language: terms.Language) -> str:
        """What would change the advice."""
        return self.turns_zh if language == "zh" else self.turns_en


def read_decisions(path: Path = DATA / "market" / "decisions.yaml") -> tuple[Decision, ...]:
    """Decisions from a YAML file.

    Raises
    ------
    MarketError
        If a key is unknown or missing, or a value is none of those expected.

    Examples
    --------
    >>> all(d.worth[:2].isdigit() for d in read_decisions())
    True
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(_decision(path.name, name, entry) for name, entry in raw.items())


def _decision(file: str, name: str, entry: Mapping[str, Any]) -> Decision:
    entry = {"needs": (), "judged_by": ""} | dict(entry)
    odd = sorted(set(entry) ^ (set(Decision.__dataclass_fields__) - {"id"}))
    if odd:
        raise MarketError(f"{file}, {name}: {odd[0]} is {'unknown' if odd[0] in entry else 'missing'}")
    made = Decision(name, **(entry | {"needs": tuple(entry["needs"])}))
    if made.whose not in _WHOSE or made.over not in ("a_year", "life", "once", "plain") or made.rests not in _RESTS:
        raise MarketError(
            f"{file}, {name}: whose is {' or '.join(_WHOSE)}, over a_year, life, once or plain, rests {' or '.join(_RESTS)}"
        )
    return made


def fill_in(text: str, found: Findings, language: terms.Language) -> str:
    """Put figures into a text: ``{05.saving}`` becomes the figure, ``{05.saving:subject}`` what it is about.

    Examples
    --------
    >>> late = Finding("09.late_share", 0.08, "%", "%", "Bills paid late", "")
    >>> fill_in("Late: {09.late_share}; lost: {08.lost}", Findings([late]), "en")
    'Late: 8.0%; lost: –'
    """

    def put(match: re.Match[str]) -> str:
        item = found.get(match["id"])
        if item is None:
            return "–"
        return item.subject_label(language) if match["part"] else item.shown(language)

    return re.sub(r"\{(?P<id>\d\d\.[a-z0-9_@]+)(?P<part>:subject)?\}", put, text)


def judge_worth(item: Finding | None) -> str:
    """What a figure allows to be decided: one of `VERDICTS`.

    Examples
    --------
    >>> judge_worth(Finding("10.society", 5.0, "yuan", "元", "", "", low=-1.0, high=9.0))
    'try'
    """
    if item is None or pd.isna(item.value):
        return "missing"
    ends = item.estimate
    if ends is None:
        return "assumed" if item.value > 0 else "leave"
    return "do" if ends.low > 0 else "leave" if ends.high <= 0 else "try"


def rank_decisions(found: Findings, decisions: tuple[Decision, ...]) -> pd.DataFrame:
    """Decisions: the utility's own first, then society's, then customers'; in each by the money one may count on.

    Parameters
    ----------
    found : Findings
    decisions : tuple of Decision

    Returns
    -------
    DataFrame
        Best first: ``decision``, ``verdict``, ``whose``, ``over``, ``rests``, ``value``, ``low``, ``high``, ``money``: whether the
        figure is money, ``chance``: that it is above 0 (missing without an interval, or where it rests on assumptions), ``worth`` (finding), ``missing``: ids that are not there, ``notebook``.

    Notes
    -----
    What is sure comes before what is not, money before other figures, and money of different people is not compared:
    the lower end of the 95 % interval decides within each. Figures over a life are present values, others a year; the two are not added. A chance
    reads the interval as that of a normal estimate; where figures rest on assumptions it is the chance under these.
    """
    order = {"do": 0, "try": 1, "assumed": 2, "leave": 3, "missing": 4}
    rows = []
    for made in decisions:
        item = found.get(made.worth)
        verdict = judge_worth(found.get(made.judged_by or made.worth))
        if item is None:
            verdict = "missing"
        absent = found.missing([made.worth, *made.needs])
        value = low = high = chance = np.nan
        if item is not None:
            value, chance = item.value, chance_above(item) if made.rests == "data" else np.nan
            low, high = (np.nan if end is None else float(end) for end in (item.low, item.high))
        money = item is not None and item.unit_en == "yuan"
        rows.append(
            (made.id, verdict, made.whose, made.over, made.rests, value, low, high, money, chance, made.worth,
             ", ".join(absent), made.notebook, order[verdict])
        )  # fmt: skip
    names = ["decision", "verdict", "whose", "over", "rests", "value", "low", "high", "money", "chance", "worth",
             "missing", "notebook", "order"]  # fmt: skip
    table = pd.DataFrame(rows, columns=names)
    table = table.assign(
        sure=table["low"].where(table["money"], -np.inf).fillna(-np.inf), side=table["whose"].map(_WHOSE.index)
    )
    table = table.sort_values(
        ["order", "money", "side", "sure", "value"],
        ascending=[True, False, True, False, False],
        ignore_index=True,
        kind="stable",
    )
    return table.drop(columns=["order", "sure", "side"])


def tell_decisions(
    ranked: pd.DataFrame, decisions: tuple[Decision, ...], found: Findings, language: terms.Language
) -> pd.DataFrame:
    """Decisions in words, with figure, certainty and what would change the advice; those whose figure is missing are left out."""
    known = {d.id: d for d in decisions}
    rows = []
    for row in ranked.to_dict("records"):
        made, item = known[row["decision"]], found.get(row["worth"])
        if item is None or row["verdict"] == "missing":
            continue
        rows.append(
            {
                "decision": fill_in(made.text(row["verdict"], language), found, language),
                "verdict": terms.category("verdict", row["verdict"], language),
                "figure": item.shown(language),
                "interval": item.interval(language).replace("95% 区间 ", "").replace("95% interval ", "") or "–",
                "whose": terms.category("whose", row["whose"], language),
                "over": terms.category("over", row["over"], language),
                "rests": terms.category("rests", row["rests"], language),
                "chance_share": row["chance"],
                "turns": fill_in(made.turns(language), found, language),
                "notebook": row["notebook"],
            }
        )
    return pd.DataFrame(rows)


def plot_decisions(told: pd.DataFrame, *, labels: list[str], x_label: str, size: float, ax: Axes | None = None) -> Axes:
    """Money of the decisions with its intervals, on a scale of powers of ten; what may lie below 0 runs off to the left.

    Parameters
    ----------
    told : DataFrame
        Of `rank_decisions`, money above 0 only.
    labels : list of str
        From top to bottom.
    x_label : str
    size : float
        Yuan a unit of the axis, such as 10,000.
    """
    with figures.style():
        ax = ax or figures.new_axes(height_in=0.8 + 0.5 * max(len(told), 2))
        value = told["value"].to_numpy(dtype=float) / size
        low, high = (told[c].fillna(told["value"]).to_numpy(dtype=float) / size for c in ("low", "high"))
        floor = max(min(np.min(value), np.min(np.where(low > 0, low, value))) / 3, 1e-6)
        for i in range(len(told)):
            colour = figures.ACCENT if told["verdict"].iloc[i] == "do" else figures.MUTED
            ax.plot([max(low[i], floor), high[i]], [i, i], color=colour, linewidth=2.2, solid_capstyle="butt")
            ax.plot(value[i], i, "o", color=colour, markersize=7)
        ax.set_xscale("log")
        ax.set_xlim(left=floor)
        ax.xaxis.set_major_formatter(figures.plain_numbers())
        ax.set_yticks(range(len(told)), labels)
        ax.set_ylim(len(told) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        ax.set_xlabel(x_label, loc="right")
    return ax
