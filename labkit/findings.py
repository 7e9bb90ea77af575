"""Findings: the headline figures a notebook leaves for others to cite.

A finding is named ``notebook.name``, such as ``05.saving``; of one segment of the
customers ``notebook.name@segment``, such as ``06.index@commercial``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from labkit import terms
from labkit.estimates import Estimate
from labkit.store import write_whole

#: Set by a run: the folder where its findings are kept.
FINDINGS_VARIABLE = "LABKIT_FINDINGS"
HIDDEN = "–"


@dataclass(frozen=True)
class Finding:
    """A headline figure that other notebooks may cite.

    Attributes
    ----------
    id : str
        ``notebook.name`` or ``notebook.name@segment``.
    value, low, high : float
        With the interval's ends; both missing for a plain count.
    unit_en, unit_zh : str
        ``%`` values are shares 0..1.
    en, zh : str
        What the figure is.
    subject : str
        A code the figure is about, such as ``channel=online``; where the glossary does not
        have it, `subject_en` and `subject_zh` say it in words.
    change, change_low, change_high : float
        Between two times, with its interval; `since_en`, `since_zh` say which, such as "last 12 months on the 12 before".
    """

    id: str
    value: float
    unit_en: str
    unit_zh: str
    en: str
    zh: str
    low: float | None = None
    high: float | None = None
    digits: int = 1
    subject: str = ""
    subject_en: str = ""
    subject_zh: str = ""
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    since_en: str = ""
    since_zh: str = ""

    @property
    def notebook(self) -> str:
        """Number of the notebook that found it."""
        return self.id[:2]

    @property
    def segment(self) -> str:
        """Segment it tells of; empty for all customers."""
        return self.id.partition("@")[2]

    @property
    def estimate(self) -> Estimate | None:
        """Value and interval; None without an interval."""
        if self.low is None or self.high is None or pd.isna(self.low) or pd.isna(self.high):
            return None
        return Estimate(self.value, self.low, self.high, 0)

    def label(self, language: terms.Language) -> str:
        """What the figure is."""
        return self.zh if language == "zh" else self.en

    def unit(self, language: terms.Language) -> str:
        """Unit of the figure."""
        return self.unit_zh if language == "zh" else self.unit_en

    def subject_label(self, language: terms.Language) -> str:
        """What it is about, in words."""
        said = self.subject_zh if language == "zh" else self.subject_en
        if said:
            return said
        column, _, code = self.subject.partition("=")
        return terms.category(column, code, language) if code else ""

    def shown(self, language: terms.Language) -> str:
        """Value with its unit, as a page shows it."""
        return with_unit(self.value, self.unit(language), language, self.digits)

    def interval(self, language: terms.Language) -> str:
        """The interval in words; empty for a plain count."""
        if self.low is None or self.high is None:
            return ""
        if pd.isna(self.low) or pd.isna(self.high):
            return "客户太少，无法给出区间" if language == "zh" else "too few customers for an interval"
        ends = span_with_unit(self.low, self.high, self.unit(language), language, self.digits)
        return f"95% 区间 {ends}" if language == "zh" else f"95% interval {ends}"

    def told(self, language: terms.Language) -> str:
        """Value in bold with its interval, for a sentence (Markdown)."""
        bold, ends = f"**{self.shown(language)}**", self.interval(language)
        if not ends:
            return bold
        return f"{bold}（{ends}）" if language == "zh" else f"{bold} ({ends})"

    def changed(self, language: terms.Language) -> str:
        """Change against the time before in words, with its interval; empty where none is known."""
        if self.change is None or pd.isna(self.change):
            return ""
        percent = self.unit_en == "%"
        unit = ("个百分点" if language == "zh" else "points") if percent else self.unit(language)
        scale = 100.0 if percent else 1.0
        ends = (self.change, self.change_low, self.change_high)
        value, low, high = (
            HIDDEN
            if end is None or pd.isna(end)
            else _signed(end * scale, unit if i == 0 else "", language, self.digits)
            for i, end in enumerate(ends)
        )
        return f"{value}（{low} 至 {high}）" if language == "zh" else f"{value} ({low} to {high})"

    def changed_since(self, language: terms.Language) -> str:
        """The change with the time it is measured against; empty where none is known."""
        changed = self.changed(language)
        if not changed:
            return ""
        return f"{self.since_zh}：{changed}" if language == "zh" else f"{self.since_en}: {changed}"


def _signed(value: float, unit: str, language: terms.Language, digits: int) -> str:
    text = with_unit(abs(value), unit, language, digits)
    return f"{'−' if value < 0 else '+'}{text}"


def with_unit(value: float, unit: str, language: terms.Language, digits: int = 1) -> str:
    """A number with its unit: shares as per cent, large ones in 万 and 亿 or thousands.

    Examples
    --------
    >>> with_unit(0.0825, "%", "en"), with_unit(412_345_678, "千瓦时", "zh"), with_unit(2000, "", "en", 0)
    ('8.2%', '4.1 亿千瓦时', '2,000')
    """
    if pd.isna(value):
        return HIDDEN
    if unit == "%":
        return f"{value * 100:.{digits}f}%"
    size, name = _size(value, language)
    text = f"{value / size:,.{digits if size == 1 else 1}f}"
    if language == "zh":
        return f"{text} {name}{unit}".rstrip()
    return " ".join(part for part in (text, name, unit) if part)


def span_with_unit(low: float, high: float, unit: str, language: terms.Language, digits: int = 1) -> str:
    """Two ends with their unit said once, both in the size of the larger.

    Examples
    --------
    >>> span_with_unit(320_000, 8_700_000, "yuan", "en", 0), span_with_unit(0.037, 0.064, "%", "en")
    ('0.32 to 8.70 million yuan', '3.7% to 6.4%')
    """
    to = " 至 " if language == "zh" else " to "
    if unit == "%" or pd.isna(low) or pd.isna(high):
        return f"{with_unit(low, unit, language, digits)}{to}{with_unit(high, unit, language, digits)}"
    size, name = _size(max(abs(low), abs(high)), language)
    # Of a million and a tenth of it one decimal would leave little.
    places = digits if size == 1 else 2 if min(abs(low), abs(high)) < size else 1
    ends = to.join(f"{end / size:,.{places}f}" for end in (low, high))
    if language == "zh":
        return f"{ends} {name}{unit}".rstrip()
    return " ".join(part for part in (ends, name, unit) if part)


def _size(value: float, language: terms.Language) -> tuple[float, str]:
    """Size in which a number is read: 万 and 亿, or millions and billions."""
    sizes = ((1e8, 1e8, "亿"), (1e4, 1e5, "万")) if language == "zh" else ((1e9, 1e9, "billion"), (1e6, 1e6, "million"))
    return next(((size, name) for size, least, name in sizes if abs(value) >= least), (1.0, ""))


class Findings(Mapping[str, Finding]):
    """Findings by id, in the order of their ids.

    Examples
    --------
    >>> two = Findings([Finding("06.index@homes", 70, "", "", "", ""), Finding("05.saving", 9, "", "", "", "")])
    >>> list(two), two.by_segment("06.index")["homes"].value, two.missing(["05.saving", "04.best"])
    (['05.saving', '06.index@homes'], 70, ['04.best'])
    """

    def __init__(self, found: Iterable[Finding] = ()) -> None:
        self._found = {item.id: item for item in sorted(found, key=lambda item: item.id)}

    def __getitem__(self, id: str) -> Finding:
        return self._found[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def by_segment(self, name: str) -> dict[str, Finding]:
        """Findings of one name, by segment."""
        return {item.segment: item for id, item in self._found.items() if id.partition("@")[0] == name and item.segment}

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those of some ids that are not there."""
        return [id for id in ids if id not in self._found]

    def joined(self, more: Iterable[Finding]) -> Findings:
        """These with more; of two with one id the latter."""
        return Findings([*self._found.values(), *more])

    @property
    def notebooks(self) -> set[str]:
        """Numbers of the notebooks that found something."""
        return {item.notebook for item in self._found.values()}


def keep_finding(item: Finding, folder: Path | None = None) -> Finding:
    """Keep a finding in a folder, or where the run keeps them, if there is a run; give it back."""
    within = os.environ.get(FINDINGS_VARIABLE)
    if folder is None and within:
        folder = Path(within)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{item.id}.json", json.dumps(to_nine_digits(asdict(item)), ensure_ascii=False).encode())
    return item


def to_nine_digits(item: dict[str, Any]) -> dict[str, Any]:
    """Fields of a finding with floats to nine digits: the tenth differs from machine to machine.

    Examples
    --------
    >>> to_nine_digits({"value": 2.1500000000004, "digits": 1})
    {'value': 2.15, 'digits': 1}
    """
    return {name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in item.items()}


def read_findings(folder: Path) -> Findings:
    """Findings that the notebooks of a run have kept in a folder; none if there is no such folder."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("[0-9][0-9].*.json")))
    return Findings(Finding(**json.loads(text)) for text in texts)
