"""The library's own tags: the three ways of organising them, and the queries marketing asks."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from labkit.calendar import DATA
from labkit.tags.errors import TagError
from labkit.tags.read import read_scheme
from labkit.tags.rules import Rule, parse_rule
from labkit.tags.scheme import Scheme
from labkit.terms import Language

CATALOGUES = ("enumerative", "faceted", "combined")


def read_catalogue(name: str = "combined") -> Scheme:
    """A scheme of ``data/tags``.

    Parameters
    ----------
    name : {"enumerative", "faceted", "combined"}

    Raises
    ------
    TagError
        If there is no such catalogue.

    Examples
    --------
    >>> read_catalogue("faceted")["S.settlement.rural"].name("zh")
    '农村'
    """
    if name not in CATALOGUES:
        raise TagError(f"catalogue is {name!r}, expected one of {', '.join(CATALOGUES)}")
    return read_scheme(DATA / "tags" / f"{name}.csv", title=name, method=name, single_parent=True)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Query:
    """A question of marketing: whom it wants, and the rule that says it exactly."""

    id: str
    en: str
    zh: str
    rule_text: str
    rule: Rule

    def text(self, language: Language = "en") -> str:
        """The question in a language."""
        return self.zh if language == "zh" else self.en


def read_queries() -> tuple[Query, ...]:
    """The queries of ``data/tags/queries.yaml``.

    Raises
    ------
    TagError
        If one lacks a part or its rule is wrong.
    """
    path = DATA / "tags" / "queries.yaml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = []
    for i, entry in enumerate(entries, 1):
        lacking = {"id", "en", "zh", "rule"} - set(entry)
        if lacking:
            raise TagError(f"{path.name}, query {i}: has no {', '.join(sorted(lacking))}")
        found.append(
            Query(entry["id"], entry["en"], entry["zh"], entry["rule"], parse_rule(entry["rule"], entry["id"]))
        )
    return tuple(found)
