"""A class of a scheme: the record a tag library keeps of each tag."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

from labkit.terms import Language

LabelKind = Literal["pref", "alt", "hidden"]
RELATIONS = ("is_a", "part_of", "grouped_by")
KINDS = ("fact", "rule", "model", "manual")
STATUSES = ("candidate", "accepted", "deprecated", "rejected")


@dataclass(frozen=True)
class Label:
    """A name of a class in a language; ``language`` is empty where none is stated."""

    text: str
    language: str = ""
    kind: LabelKind = "pref"


@dataclass(frozen=True)
class TagClass:
    """One class, tag or facet.

    Attributes
    ----------
    id : str
    notation : str
        Class mark.
    labels : tuple of Label
    notes : tuple of Label
        Definitions and other documentation.
    parents : tuple of str
        Ids of the superordinate classes.
    facet : str
        The attribute it belongs to, such as ``settlement``.
    criterion : str
        By what the classes under its parent are told apart: one column.
    relation : {"is_a", "part_of", "grouped_by"}
        To its parents.
    exclusive, exhaustive : bool or None
        Whether its own subclasses are meant to exclude each other, and to leave
        nobody out; None where nothing is said.
    residual : bool
        Whether it is what remains (其他).
    kind : {"fact", "rule", "model", "manual"}
    rule : str
        Of `labkit.tags.rules`, over columns of the portrait.
    domain : str
        Values it may take.
    sources, owner, refresh, valid_from, valid_to, status, replaced_by, version : str
    row : int
        Where in its file, for messages; 0 if it came from none.
    """

    id: str
    notation: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[Label, ...] = ()
    parents: tuple[str, ...] = ()
    facet: str = ""
    criterion: str = ""
    relation: str = "is_a"
    exclusive: bool | None = None
    exhaustive: bool | None = None
    residual: bool = False
    kind: str = ""
    rule: str = ""
    domain: str = ""
    sources: str = ""
    owner: str = ""
    refresh: str = ""
    valid_from: str = ""
    valid_to: str = ""
    status: str = "accepted"
    replaced_by: str = ""
    version: str = ""
    row: int = 0

    def name(self, language: Language = "en") -> str:
        """Preferred name in a language, else any name, else the id."""
        pref = [label for label in self.labels if label.kind == "pref" and label.text.strip()]
        own = [label.text for label in pref if label.language.split("-")[0] == language]
        return (own or [label.text for label in pref] or [self.id])[0]

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names."""
        return tuple(label.text for label in self.labels if label.kind != "pref")


#: Fields of a class that are plain text, as files keep them.
TEXT_FIELDS = tuple(
    f.name
    for f in fields(TagClass)
    if f.name not in ("id", "labels", "notes", "parents", "exclusive", "exhaustive", "residual", "row")
)


def make_class(
    id: str,
    en: str = "",
    zh: str = "",
    *,
    aliases: Iterable[str] = (),
    definition: str = "",
    parents: Iterable[str] | str = (),
    **rest: object,
) -> TagClass:
    """A class from its names, as one writes it in code.

    Parameters
    ----------
    id : str
    en, zh : str
        Names.
    aliases : iterable of str
    definition : str
    parents : str or iterable of str
    **rest
        Other fields of `TagClass`.

    Examples
    --------
    >>> make_class("S1", "Urban", "城镇", parents="S").name("zh")
    '城镇'
    """
    labels = [Label(text, language) for text, language in ((en, "en"), (zh, "zh")) if text]
    labels += [Label(text, guess_language(text), "alt") for text in aliases]
    notes = (Label(definition, guess_language(definition)),) if definition else ()
    up = (parents,) if isinstance(parents, str) else tuple(parents)
    return TagClass(id, labels=tuple(labels), notes=notes, parents=up, **rest)  # type: ignore[arg-type]


def guess_language(text: str) -> Language:
    """Chinese where a character of it is, else English."""
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en"
