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
    """What to do in a field where its conditions hold; the last of a field has none.

    Attributes
    ----------
    effect : str
        Finding that says what it should bring; `whose` (utility, customer, society, satisfaction) that is; `told_of`: what
        the figure is of where that is neither the segment nor its class (all).
    """

    id: str
    when: tuple[Condition, ...]
    en: str
    zh: str
    effect: str = ""
    whose: str = ""
    told_of: str = ""


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
class Strategy:
    """Fields of the cards."""

    fields: tuple[Field, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of all findings the cards rest on."""
        named = [c.finding for f in self.fields for choice in f.choices for c in choice.when]
        shown = [name for f in self.fields for name in f.shows]
        brought = [choice.effect for f in self.fields for choice in f.choices if choice.effect]
        return tuple(dict.fromkeys([*shown, *named, *brought]))


def read_strategy(path: Path = DATA / "market" / "strategy.yaml") -> Strategy:
    """Fields and choices from a YAML file.

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
    return Strategy(tuple(fields))


def _choice(file: str, field: str, number: int, entry: Mapping[str, Any]) -> Choice:
    where = f"{file}, {field}, choice {number + 1}"
    odd = sorted(set(entry) - {"when", "en", "zh", "effect", "whose", "told_of"})
    if odd or not {"en", "zh"} <= set(entry):
        raise MarketError(f"{where}: {f'{odd[0]} is unknown' if odd else 'en and zh are needed'}")
    when = tuple(read_condition(item, where) for item in entry.get("when", ()))
    more = {key: entry.get(key, "") for key in ("effect", "whose", "told_of")}
    return Choice(f"{field}_{number}", when, entry["en"], entry["zh"], **more)


def make_cards(
    found: Findings, strategy: Strategy, segments: Mapping[str, Segment], language: terms.Language
) -> pd.DataFrame:
    """The cards: for each segment and field what to do, the figures it rests on, and when that would change.

    Parameters
    ----------
    found : Findings
        Of the other notebooks; a segment without any finding of its own among those the cards rest on has no card.
    strategy : Strategy
    segments : mapping
        Of `read_segments`.

    Returns
    -------
    DataFrame
        ``segment``, ``field``, ``choice``, ``because``, ``change_when``, ``notebook`` (numbers, comma-separated).
        Where the figures of a field are missing or hidden, the choice names them.
    """
    rows = []
    for name in told_segments(found, strategy, segments):
        for field in strategy.fields:
            rows.append((name, field.label(language), *_fill(field, found, name, segments, language)))
    return pd.DataFrame(rows, columns=["segment", "field", "choice", "because", "change_when", "notebook"])


def told_segments(found: Findings, strategy: Strategy, segments: Mapping[str, Segment]) -> list[str]:
    """Segments the cards can tell something of."""
    return [s for s in segments if any(f"{name}@{s}" in found for name in strategy.findings)]


def choose(field: Field, found: Findings, segment: str, segments: Mapping[str, Segment]) -> Choice | None:
    """The first choice of a field whose conditions all hold; None where none of its figures is there."""
    named = [*field.shows, *(c.finding for choice in field.choices for c in choice.when)]
    if all(finding_for(found, name, segment, segments) is None for name in named):
        return None
    return next(
        choice
        for choice in field.choices
        if all(c.holds(finding_for(found, c.finding, segment, segments)) for c in choice.when)
    )


def _fill(
    field: Field, found: Findings, segment: str, segments: Mapping[str, Segment], language: terms.Language
) -> tuple[str, str, str, str]:
    chinese = language == "zh"
    shown = {n: finding_for(found, n, segment, segments) for n in field.shows}
    there = [item for item in shown.values() if item is not None]
    choice = choose(field, found, segment, segments)
    if choice is None:
        absent = ("、" if chinese else ", ").join(_name(found, name, language) for name in field.shows)
        text = f"无数据或因保密不予显示：{absent}" if chinese else f"No figure, or hidden for privacy: {absent}"
        return text, "–", "–", "–"
    text = _insert(choice.zh if chinese else choice.en, shown, language)
    turns = _turns(field, choice, found, segment, segments, language)
    join = "；" if chinese else "; "
    notebooks = ", ".join(sorted({item.notebook for item in there}))
    return text, join.join(_tell(item, language) for item in there), turns, notebooks


def _turns(
    field: Field,
    choice: Choice,
    found: Findings,
    segment: str,
    segments: Mapping[str, Segment],
    language: terms.Language,
) -> str:
    """When another choice would be made: one of its own conditions falls, or all of an earlier choice come true."""
    chinese, parts = language == "zh", list[str]()
    join = "；" if chinese else "; "
    for condition in choice.when:
        item = finding_for(found, condition.finding, segment, segments)
        parts.append(condition.tell(item, chinese=chinese, holds=False))
    for earlier in field.choices[: field.choices.index(choice)]:
        items = [(c, finding_for(found, c.finding, segment, segments)) for c in earlier.when]
        if any(item is None for _, item in items):
            continue
        open_ = [c.tell(item, chinese=chinese, holds=True) for c, item in items if not c.holds(item)]
        what = (earlier.zh if chinese else earlier.en).split("{")[0].rstrip("：: ，,“")
        both = ("且" if chinese else " and ").join(part for part in open_ if part)
        parts.append(f"{both}时改为“{what}”" if chinese else f"if {both}: {what[:1].lower()}{what[1:]}")
    return join.join(part for part in parts if part) or "–"


def _name(found: Findings, name: str, language: terms.Language) -> str:
    """What a finding is called where any segment has it; its id where none has."""
    known = list(found.by_segment(name).values()) or ([found[name]] if name in found else [])
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


def expect_effects(
    found: Findings, strategy: Strategy, segments: Mapping[str, Segment], language: terms.Language
) -> pd.DataFrame:
    """What the choices made on the cards should bring, with intervals.

    Returns
    -------
    DataFrame
        ``segment``, ``effect`` (what the figure is), ``whose`` (utility, customer, society, satisfaction), ``value``, ``low``,
        ``high``, ``unit``, ``told_of``: segment, customer_class or all. A figure of a class stands once, with the first of
        its segments.
    """
    rows, seen = [], set[str]()
    for name in told_segments(found, strategy, segments):
        for field in strategy.fields:
            choice = choose(field, found, name, segments)
            item = finding_for(found, choice.effect, name, segments) if choice is not None and choice.effect else None
            if choice is None or item is None or item.id in seen:
                continue
            seen.add(item.id)
            low, high = (np.nan if end is None else end for end in (item.low, item.high))
            told = choice.told_of or ("segment" if item.segment == name else "customer_class")
            rows.append((name, item.label(language), choice.whose, item.value, low, high, item.unit(language), told))
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
