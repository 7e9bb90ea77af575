"""What a check is, and the scheme as checks look at it."""

from __future__ import annotations

import csv
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from labkit import privacy
from labkit.tags.membership import Membership
from labkit.tags.record import TagClass
from labkit.tags.scheme import Relation, Scheme
from labkit.terms import Language, Say

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing a check found."""

    classes: tuple[str, ...]
    why: str
    repair: str = ""
    row: int = 0
    customers_count: int | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A check with its stable id and what it asks, in a sentence.

    Attributes
    ----------
    id : str
    severity : {"error", "warning", "note"}
    en, zh : str
        What it finds.
    find : callable
        From `View` to findings.
    group : {"qskos", "file", "logic", "customers"}
        "qskos" are the 25 of qSKOS that need no network.
    """

    id: str
    severity: Severity
    en: str
    zh: str
    find: Callable[[View], Iterator[Finding]]
    group: str

    def explain(self, language: Language = "en") -> str:
        """The sentence in a language."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, eq=False)
class View:
    """A scheme with what several checks need of it, worked out once.

    Attributes
    ----------
    scheme : Scheme
    say : Say
        The language of the findings.
    membership : Membership or None
    largest_array : int
    fewest : int
        Customers below which no count is told.
    """

    scheme: Scheme
    say: Say
    membership: Membership | None = None
    key: bytes = b""
    largest_array: int = 15
    fewest: int = 1
    _above: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def classes(self) -> Iterable[TagClass]:
        """All classes in order."""
        return self.scheme.classes.values()

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """Parents that are there, of every class."""
        known = self.scheme.classes
        return {id: tuple(p for p in item.parents if p in known) for id, item in known.items()}

    def ancestors(self, id: str) -> frozenset[str]:
        """All superordinate classes; the class itself only if it lies on a cycle."""
        if id not in self._above:
            seen: set[str] = set()
            queue = deque(self.stated_above.get(id, ()))
            while queue:
                at = queue.popleft()
                if at not in seen:
                    seen.add(at)
                    queue.extend(self.stated_above[at])
            self._above[id] = frozenset(seen)
        return self._above[id]

    def path_up(self, low: str, high: str, without: tuple[str, str] | None = None) -> list[str]:
        """Shortest chain of parents from one class to another; empty if there is none."""
        before: dict[str, str] = {low: ""}
        queue = deque([low])
        while queue:
            at = queue.popleft()
            for parent in self.stated_above.get(at, ()):
                if (at, parent) == without or (parent in before and parent != high):
                    continue
                if parent == high:
                    path = [high]
                    while at:
                        path.append(at)
                        at = before[at]
                    return path[::-1]
                before[parent] = at
                queue.append(parent)
        return []

    @cached_property
    def relations(self) -> dict[str, tuple[Relation, ...]]:
        """Stated relations by kind."""
        found: dict[str, list[Relation]] = defaultdict(list)
        for relation in self.scheme.relations:
            found[relation.kind].append(relation)
        return {kind: tuple(listed) for kind, listed in found.items()}

    @cached_property
    def stated_above(self) -> dict[str, tuple[str, ...]]:
        """Parents, and what ``broaderTransitive`` and ``broadMatch`` put above a class inside the scheme."""
        found = {id: dict.fromkeys(above) for id, above in self.parents.items()}
        for kind, up in (("broaderTransitive", 1), ("broadMatch", 1), ("narrowerTransitive", -1), ("narrowMatch", -1)):
            for r in self.relations.get(kind, ()):
                low, high = (r.source, r.target) if up > 0 else (r.target, r.source)
                if low in found and high in found:
                    found[low][high] = None
        return {id: tuple(above) for id, above in found.items()}

    def related(self) -> list[tuple[str, str]]:
        """Pairs of classes that are stated as related, each once."""
        return sorted(
            {
                (min(r.source, r.target), max(r.source, r.target))
                for kind in ("related", "relatedMatch")
                for r in self.relations.get(kind, ())
                if r.source != r.target and r.source in self.scheme and r.target in self.scheme
            }
        )

    @cached_property
    def components(self) -> list[list[str]]:
        """Classes that hang together by any relation inside the scheme, the largest group first."""
        near: dict[str, set[str]] = {id: set() for id in self.scheme.classes}
        for id, above in self.parents.items():
            for parent in above:
                near[id].add(parent)
                near[parent].add(id)
        for a, b in self.related():
            near[a].add(b)
            near[b].add(a)
        seen: set[str] = set()
        groups = []
        for start in near:
            if start in seen:
                continue
            group, stack = [], [start]
            seen.add(start)
            while stack:
                at = stack.pop()
                group.append(at)
                for other in near[at]:
                    if other not in seen:
                        seen.add(other)
                        stack.append(other)
            groups.append(sorted(group))
        return sorted(groups, key=lambda g: (-len(g), g[0]))

    def name(self, id: str) -> str:
        """A class as a finding tells it: its name, cleaned, and its id where that is short."""
        item = self.scheme.classes.get(id)
        shown = tell(item.name(self.say.language)) if item else tell(id)
        return shown if shown == id or len(id) > 24 else f"{shown} ({tell(id)})"

    def names(self, ids: Iterable[str], most: int = 6) -> str:
        """Several classes, the first few of them."""
        listed = list(ids)
        told = ", ".join(self.name(id) for id in listed[:most])
        return (
            told
            if len(listed) <= most
            else self.say(f"{told} and {len(listed) - most} more", f"{told} 等 {len(listed)} 个")
        )

    def examples(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Up to three customers under names that cannot be undone without the key."""
        return tuple(privacy.pseudonym(str(id), self.key) for id in list(ids)[:3])


def tell(text: str, most: int = 60) -> str:
    """A label as it may be printed: control and direction marks gone, shortened."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


#: All checks by id, in the order in which they are made.
CHECKS: dict[str, Check] = {}


@cache
def _sentences() -> dict[str, dict[str, str]]:
    """What stands in ``checks.csv`` beside this file: group, severity and the sentence in both languages."""
    with (Path(__file__).parent / "checks.csv").open(encoding="utf-8", newline="") as file:
        return {row["check"]: row for row in csv.DictReader(file)}


Find = Callable[[View], Iterator[Finding]]


def check_of(id: str) -> Callable[[Find], Find]:
    """Enter a function as a check; ``checks.csv`` says what it asks."""

    def enter(find: Find) -> Find:
        if id in CHECKS:
            raise ValueError(f"the check {id!r} is there twice")
        row = _sentences()[id]
        CHECKS[id] = Check(id, row["severity"], row["en"], row["zh"], find, row["group"])  # type: ignore[arg-type]
        return find

    return enter
