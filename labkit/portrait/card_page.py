"""What a card of one customer is, and how JupyterLab shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from labkit import figures
from labkit.terms import Language, Say

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class CardRow:
    """A figure of a card: as it is read, the median of its class, and the place in it.

    Attributes
    ----------
    column, title, value, median : str
        The median is empty where there are too few of the class.
    number : bool
        Whether the value is one, and no word, yes or no.
    percentile : int or None
        0 lowest, 100 highest.
    alike : bool
        Whether more than half of the class have the same value, so that the place says little.
    """

    column: str
    title: str
    value: str
    number: bool
    median: str = ""
    percentile: int | None = None
    alike: bool = False


@dataclass(frozen=True)
class PortraitCard:
    """A customer at a glance; JupyterLab shows it as a card.

    Attributes
    ----------
    customer : str
        Its number, or its pseudonym.
    language : {"en", "zh"}
    head : tuple of str
        Class, industry, place, size.
    groups : mapping of str to tuple of CardRow
        Title of a group of columns -> its figures.
    segments : mapping of str to str
    tags, words : tuple of str
        Tags by rule, and in people's own words.
    doubts, missing : tuple of str
        What figures rest on where it is little; what is not known, and why.
    peers : str
        Beside whom the customer stands.
    day, day_told : str
        Picture of a workday (SVG), and the same in words.
    """

    customer: str
    language: Language
    head: tuple[str, ...]
    groups: Mapping[str, tuple[CardRow, ...]]
    segments: Mapping[str, str]
    tags: tuple[str, ...]
    words: tuple[str, ...]
    doubts: tuple[str, ...]
    missing: tuple[str, ...]
    peers: str
    day: str = ""
    day_told: str = ""

    @property
    def compared(self) -> bool:
        """Whether any figure stands beside those of its class."""
        return any(row.percentile is not None for rows in self.groups.values() for row in rows)

    def to_frame(self) -> pd.DataFrame:
        """A row a figure: ``attribute_group``, ``attribute``, ``value``, ``peers_median``, ``below_share``, ``column``."""
        rows = [
            (
                group,
                row.title,
                row.value,
                row.median,
                None if row.percentile is None else row.percentile / 100,
                row.column,
            )
            for group, members in self.groups.items()
            for row in members
        ]
        columns = ["attribute_group", "attribute", "value", "peers_median", "below_share", "column"]
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        lines = [f"{self.customer} ({Say(self.language)('internal', '内部资料')}): {' · '.join(self.head)}"]
        for group, rows in self.groups.items():
            lines += [f"{group}", *(f"  {row.title}: {row.value}" for row in rows)]
        return "\n".join([*lines, *self.doubts, *self.missing])

    def _repr_html_(self) -> str:
        """The card as HTML: one piece, no script, no network; everything from data is escaped."""
        say = Say(self.language)
        return (
            _environment()
            .get_template("card.html.j2")
            .render(card=self, say=say, css=_style(), lang={"en": "en", "zh": "zh-Hans"}[self.language])
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        """What JupyterLab shows; marked as internal, by which a page leaves it out."""
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}, {"labkit": {"kind": "internal"}}


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@cache
def _style() -> str:
    """The card's style, its colours its own: light and dark as JupyterLab says, or else as the browser."""
    light, dark, paper = re.findall(r":root\{([^}]*)\}", figures.page_colours())
    own = ".labkit-card"
    colours = (
        f"{own}{{{light}}}@media (prefers-color-scheme:dark){{{own}{{{dark}}}}}"
        f"[data-jp-theme-light=true] {own}{{{light}}}[data-jp-theme-light=false] {own}{{{dark}}}"
        f"@media print{{{own}.labkit-card{{{paper}}}}}"
    )
    return colours + (_HERE / "card.css").read_text(encoding="utf-8")
