"""The glossary: every column, unit, category and label, in English and Chinese.

The words themselves stand in ``terms.csv`` beside this file, one row a term, so
that they can be read and corrected without reading code. A category is written
``column=value``. A unit is the end of a column's name (``_kwh``, ``_yuan``).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

#: Longest ending first, so that ``_yuan_per_kwh`` is not read as ``_kwh``.
_UNITS: tuple[tuple[str, str, str], ...] = (
    ("_yuan_per_kwh", "yuan/kWh", "元/千瓦时"),
    ("_yuan_per_kw", "yuan/kW", "元/千瓦"),
    ("_co2_per_kwh", "t CO₂/kWh", "吨CO₂/千瓦时"),
    ("_kvarh", "kvarh", "千乏时"),
    ("_gwh", "GWh", "吉瓦时"),
    ("_kwh", "kWh", "千瓦时"),
    ("_kw_per_h", "kW/h", "千瓦/时"),
    ("_share_per_c", "%/°C", "%/℃"),
    ("_kva", "kVA", "千伏安"),
    ("_kw", "kW", "千瓦"),
    ("_kv", "kV", "千伏"),
    ("_wh", "Wh", "瓦时"),
    ("_yuan", "yuan", "元"),
    ("_min", "min", "分钟"),
    ("_h", "h", "小时"),
    ("_c", "°C", "℃"),
    ("_share", "%", "%"),
    ("_years", "years", "年"),
)


@dataclass(frozen=True)
class Term:
    """A word of the field: its name in data, its titles, other names it goes by."""

    name: str
    en: str
    zh: str
    aliases: tuple[str, ...] = ()

    def title(self, language: Language) -> str:
        """Title in a language."""
        return self.zh if language == "zh" else self.en


@cache
def glossary() -> dict[str, Term]:
    """All terms by name.

    Examples
    --------
    >>> glossary()["max_demand_kw"].zh
    '最大需量'
    """
    with (Path(__file__).parent / "terms.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    terms: dict[str, Term] = {}
    for name, en, zh, aliases in rows[1:]:
        if name in terms:
            raise ValueError(f"terms.csv: the term {name!r} stands there twice; keep one")
        terms[name] = Term(name, en, zh, tuple(a for a in aliases.split(";") if a))
    return terms


def unit(column: str, language: Language = "en") -> str:
    """Unit of a column, from the end of its name; empty where there is none.

    Examples
    --------
    >>> unit("capacity_kva"), unit("kwh_peak"), unit("total_yuan", "zh"), unit("name")
    ('kVA', 'kWh', '元', '')
    """
    padded = f"_{column}"
    for ending, en, zh in _UNITS:
        if padded.endswith(ending) or padded.startswith(f"{ending}_"):
            return zh if language == "zh" else en
    return ""


def label(name: str, language: Language = "en", *, with_unit: bool = False) -> str:
    """Title of a column, table or category.

    Parameters
    ----------
    name : str
        Column, table, or ``column=value`` for a category.
    language : {"en", "zh"}
    with_unit : bool
        Append the unit in square brackets.

    Raises
    ------
    KeyError
        If the glossary has no such term.

    Examples
    --------
    >>> label("load_factor", "zh"), label("total_yuan", with_unit=True)
    ('负荷率', 'Amount due [yuan]')
    """
    term = glossary().get(name)
    if term is None:
        raise KeyError(f"terms.csv has no term {name!r}: add a row with its English and Chinese title")
    suffix = unit(name, language) if with_unit else ""
    return f"{term.title(language)} [{suffix}]" if suffix else term.title(language)


def category(column: str, value: object, language: Language = "en") -> str:
    """Title of a category; the value itself where the glossary has none.

    Examples
    --------
    >>> category("customer_class", "industrial", "zh"), category("area_id", "A03")
    ('工业', 'A03')
    """
    term = glossary().get(f"{column}={value}")
    return term.title(language) if term else str(value)


class Say:
    """Chooses between an English and a Chinese text.

    Examples
    --------
    >>> say = Say("zh")
    >>> say("Load", "负荷")
    '负荷'
    """

    def __init__(self, language: Language) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language is {language!r}, expected one of {', '.join(LANGUAGES)}")
        self.language: Language = language

    def __call__(self, en: str, zh: str) -> str:
        """The text in the language chosen."""
        return zh if self.language == "zh" else en


_BRACKETS = re.compile(r"[\[(（【][^\])）】]*[\])）】]")


def normalise_header(text: str) -> str:
    """A header as it is compared: width, case, spaces, bracketed units aside.

    Examples
    --------
    >>> normalise_header(" Ｃustomer ID "), normalise_header("用电量（kWh）")
    ('customer_id', '用电量')
    """
    folded = unicodedata.normalize("NFKC", text).replace("\ufeff", "").strip().lower()
    folded = _BRACKETS.sub("", folded).strip()
    return re.sub(r"[\s\-_/]+", "_", folded).strip("_")


def header_unit(text: str) -> str:
    """Unit that stands in brackets in a header, lower case; empty where none.

    Examples
    --------
    >>> header_unit("用电量（MWh）"), header_unit("kwh")
    ('mwh', '')
    """
    found = _BRACKETS.search(unicodedata.normalize("NFKC", text))
    return found.group(0)[1:-1].strip().lower() if found else ""


def names_of(column: str) -> set[str]:
    """Every normalised header under which a column is known."""
    term = glossary().get(column)
    known = {column} if term is None else {column, term.en, term.zh, *term.aliases}
    return {normalise_header(name) for name in known}


def category_values(column: str, values: tuple[str, ...]) -> dict[str, str]:
    """Every spelling of each allowed value -> the value kept in the store.

    Examples
    --------
    >>> category_values("settlement", ("urban", "rural"))["城市"]
    'urban'
    """
    spellings: dict[str, str] = {}
    for value in values:
        term = glossary().get(f"{column}={value}")
        for text in (value, *((term.en, term.zh, *term.aliases) if term else ())):
            spellings[text] = value
            spellings[text.lower()] = value
    return spellings
