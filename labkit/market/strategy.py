"""Acceptance strategy: for every segment a card, every choice of which follows from a finding."""

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
from labkit.findings import Finding, Findings, span_with_unit, with_unit
from labkit.market.errors import MarketError
from labkit.market.judging import Condition, finding_for, read_condition
from labkit.market_segments import Segment


@dataclass(frozen=True)
class Choice:
    """What to do in a field where its conditions hold; the last of a field has none."""

    id: str
    when: tuple[Condition, ...]
    en: str
    zh: str


@dataclass(frozen=True)
class Field:
    """A field of the card, such as the channel; see ``data/market/strategy.yaml``."""

    id: str
    en: str
    zh: str
    shows: tuple[str, ...]
    choices: tuple[Choice, ...]

    def label(self, language: terms.Language) -> str:
        """Name of the field."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Effect:
    """A finding that says what a card is expected to bring: money of whom, or points of satisfaction."""

    finding: str
    kind: str


@dataclass(frozen=True)
class Strategy:
    """Fields and effects of the cards."""

    fields: tuple[Field, ...]
    effects: tuple[Effect, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of all findings the cards rest on."""
        named = [c.finding for f in self.fields for choice in f.choices for c in choice.when]
        shown = [name for f in self.fields for name in f.shows]
        return tuple(dict.fromkeys([*shown, *named, *(e.finding for e in self.effects)]))


def read_strategy(path: Path = DATA / "market" / "strategy.yaml") -> Strategy:
    """Fields, choices and effects from a YAML file.

    Raises
    ------
    MarketError
        If a key is unknown or missing, or a choice without conditions is not the last of its field.

    Examples
    --------
    >>> [f.id for f in read_strategy().fields][:2]
    ['need', 'channel']
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    fields = []
    for name, entry in raw["fields"].items():
        odd = sorted(set(entry) ^ {"en", "zh", "shows", "choices"})
        if odd:
            raise MarketError(f"{path.name}, {name}: {odd[0]} is {'unknown' if odd[0] in entry else 'missing'}")
        choices = tuple(_choice(path.name, name, i, item) for i, item in enumerate(entry["choices"]))
        if any(not c.when for c in choices[:-1]) or choices[-1].when:
            raise MarketError(f"{path.name}, {name}: only the last choice, and it alone, stands without conditions")
        fields.append(Field(name, entry["en"], entry["zh"], tuple(entry["shows"]), choices))
    effects = tuple(Effect(**entry) for entry in raw["effects"])
    return Strategy(tuple(fields), effects)


def _choice(file: str, field: str, number: int, entry: Mapping[str, Any]) -> Choice:
    where = f"{file}, {field}, choice {number + 1}"
    odd = sorted(set(entry) - {"when", "en", "zh"})
    if odd or not {"en", "zh"} <= set(entry):
        raise MarketError(f"{where}: {f'{odd[0]} is unknown' if odd else 'en and zh are needed'}")
    when = tuple(read_condition(item, where) for item in entry.get("when", ()))
    return Choice(f"{field}_{number}", when, entry["en"], entry["zh"])


def make_cards(
    found: Findings, strategy: Strategy, segments: Mapping[str, Segment], language: terms.Language
) -> pd.DataFrame:
    """The cards: for each segment and field what to do, the figures it rests on, and when that would change.

    Parameters
    ----------
    found : Findings
        Of the other notebooks; a segment without any finding of its own has no card.
    strategy : Strategy
    segments : mapping
        Of `read_segments`.

    Returns
    -------
    DataFrame
        ``segment``, ``field``, ``choice``, ``because``, ``change_when``, ``notebook`` (numbers, comma-separated).
        Where the figures of a field are missing, the choice names them.
    """
    rows = []
    for name in segments:
        if not any(item.segment == name for item in found.values()):
            continue
        for field in strategy.fields:
            rows.append((name, field.label(language), *_fill(field, found, name, segments, language)))
    return pd.DataFrame(rows, columns=["segment", "field", "choice", "because", "change_when", "notebook"])


def _fill(
    field: Field, found: Findings, segment: str, segments: Mapping[str, Segment], language: terms.Language
) -> tuple[str, str, str, str]:
    chinese = language == "zh"
    shown = {n: finding_for(found, n, segment, segments) for n in field.shows}
    there = [item for item in shown.values() if item is not None]
    notebooks = ", ".join(sorted({item.notebook for item in there}))
    for choice in field.choices:
        items = [finding_for(found, c.finding, segment, segments) for c in choice.when]
        held = [c.holds(item) for c, item in zip(choice.when, items, strict=True)]
        if not choice.when and not there:
            absent = ("、" if chinese else ", ").join(_name(found, name, language) for name in field.shows)
            return (
                (f"本细分市场无此数据：{absent}" if chinese else f"No figure of this segment: {absent}"),
                "–",
                "–",
                "–",
            )
        if all(held):
            text = _insert(choice.zh if chinese else choice.en, shown, language)
            bounds = [c.bound_text(item, chinese=chinese) for c, item in zip(choice.when, items, strict=True)]
            turns = [b for b in bounds if b] or [_review(item, language) for item in there[:1]]
            join = "；" if chinese else "; "
            return text, join.join(_tell(item, language) for item in there), join.join(turns), notebooks
    raise AssertionError("the last choice of a field always holds")


def _name(found: Findings, name: str, language: terms.Language) -> str:
    """What a finding is called where any segment has it; its id where none has."""
    known = [found[name]] if name in found else list(found.by_segment(name).values())
    if not known:
        return name
    label = known[0].label(language)
    return label if language == "zh" else label[:1].lower() + label[1:]


def _insert(text: str, shown: Mapping[str, Finding | None], language: terms.Language) -> str:
    """Fill ``{07.channel}`` with what the finding is about."""
    for name, item in shown.items():
        about = item.subject_label(language) if item is not None else "–"
        text = text.replace(f"{{{name}}}", about if language == "zh" else about[:1].lower() + about[1:])
    return text


def _tell(item: Finding, language: terms.Language) -> str:
    about = item.subject_label(language)
    told = item.told(language).replace("**", "")
    name = f"{item.label(language)}{'：' if language == 'zh' else ': '}"
    return f"{name}{about} {told}" if about else f"{name}{told}"


def _review(item: Finding, language: terms.Language) -> str:
    """A choice without a bound is reviewed when its figure leaves the interval it has today."""
    ends = item.estimate
    if ends is None:
        return "下次测算变化时复核" if language == "zh" else "Review when the figure is next worked out"
    span = span_with_unit(ends.low, ends.high, item.unit(language), language, item.digits)
    if language == "zh":
        return f"{item.zh}超出 {span} 时复核"
    return f"Review when {item.en[:1].lower()}{item.en[1:]} leaves {span}"


def expect_effects(
    found: Findings, strategy: Strategy, segments: Mapping[str, Segment], language: terms.Language
) -> pd.DataFrame:
    """What the card of each segment should bring, with intervals.

    Returns
    -------
    DataFrame
        ``segment``, ``effect`` (what the figure is), ``whose`` (utility, customer, satisfaction), ``value``, ``low``, ``high``,
        ``unit``, ``told_of``: whether the figure is of the segment or of its whole customer class.
    """
    rows = []
    for name in segments:
        for effect in strategy.effects:
            item = finding_for(found, effect.finding, name, segments)
            if item is None or not any(f.segment == name for f in found.values()):
                continue
            low, high = (np.nan if end is None else end for end in (item.low, item.high))
            told = "segment" if item.segment == name else "customer_class"
            rows.append((name, item.label(language), effect.kind, item.value, low, high, item.unit(language), told))
    names = ["segment", "effect", "whose", "value", "low", "high", "unit", "told_of"]
    return pd.DataFrame(rows, columns=names)


def tell_values(effects: pd.DataFrame, language: terms.Language) -> list[str]:
    """Value with unit and interval of each row of `expect_effects`, in words."""
    told = []
    for row in effects.to_dict("records"):
        digits = 1 if row["unit"] in ("%", "") else 0
        value = with_unit(row["value"], row["unit"], language, digits)
        span = span_with_unit(row["low"], row["high"], row["unit"], language, digits)
        told.append(f"{value}（{span}）" if language == "zh" else f"{value} ({span})")
    return told
