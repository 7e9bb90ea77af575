"""A scheme of classes: enumerative tree, facets, folksonomy, or any mixture, as a graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import networkx as nx

from labkit.tags.errors import TagError
from labkit.tags.record import TagClass

Method = Literal["", "enumerative", "faceted", "folksonomy", "combined"]


@dataclass(frozen=True)
class Relation:
    """A relation as a file states it, such as ``broader``, ``related`` or ``exactMatch``."""

    source: str
    kind: str
    target: str


@dataclass(frozen=True)
class ReadingProblem:
    """Something wrong in a file that reading kept: a row, a column, what was expected."""

    check: str
    classes: tuple[str, ...]
    why: str
    row: int = 0
    column: str = ""


@dataclass(frozen=True, eq=False)
class Scheme:
    """Classes and what relates them. Nothing of a file is lost that `labkit.tags.check` could report.

    Attributes
    ----------
    classes : mapping of str to TagClass
    title : str
    method : {"", "enumerative", "faceted", "folksonomy", "combined"}
    relations : tuple of Relation
        As stated in SKOS; empty for tables, where parents say everything.
    repeated : tuple of TagClass
        Later rows with an id that was there already.
    problems : tuple of ReadingProblem
    single_parent : bool
        Whether a class may have only one parent.
    schemes : mapping of str to str
        Concept schemes of a SKOS file and their titles.
    unknown_terms : tuple of str
        Terms of the SKOS namespace that SKOS does not define.
    """

    classes: Mapping[str, TagClass]
    title: str = ""
    method: Method = ""
    relations: tuple[Relation, ...] = ()
    repeated: tuple[TagClass, ...] = ()
    problems: tuple[ReadingProblem, ...] = ()
    single_parent: bool = False
    schemes: Mapping[str, str] = field(default_factory=dict)
    unknown_terms: tuple[str, ...] = ()
    from_rdf: bool = False

    @classmethod
    def of(cls, classes: Iterable[TagClass], **about: object) -> Scheme:
        """A scheme of classes in order; an id that comes again is kept in ``repeated``."""
        first: dict[str, TagClass] = {}
        again: list[TagClass] = []
        for item in classes:
            again.append(item) if item.id in first else first.setdefault(item.id, item)
        return cls(first, repeated=tuple(again), **about)  # type: ignore[arg-type]

    @classmethod
    def read(cls, path: str | Path, **options: object) -> Scheme:
        """A scheme from CSV, Excel, JSON or SKOS (Turtle, RDF/XML, N-Triples), also gzip or bzip2.

        See Also
        --------
        labkit.tags.read.read_scheme : parameters, errors.
        """
        from labkit.tags.read import read_scheme

        return read_scheme(path, **options)  # type: ignore[arg-type]

    def write(self, path: str | Path) -> None:
        """Write as CSV, Excel, JSON, Turtle, RDF/XML or GraphML by the ending, also ``.gz`` and ``.bz2``.

        See Also
        --------
        labkit.tags.write.write_scheme
        """
        from labkit.tags.write import write_scheme

        write_scheme(self, path)

    @cached_property
    def graph(self) -> nx.DiGraph:
        """Classes and edges parent -> child, with all attributes.

        Edges to parents that are not there are left out; cycles of a file stay.
        """
        graph = nx.DiGraph(title=self.title, method=self.method)
        for item in self.classes.values():
            graph.add_node(item.id, **{k: v for k, v in vars(item).items() if k not in ("id", "parents")})
        graph.add_edges_from(
            (parent, item.id, {"relation": item.relation, "criterion": item.criterion})
            for item in self.classes.values()
            for parent in item.parents
            if parent in self.classes
        )
        return graph

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """Subordinate classes of every class, in order."""
        found: dict[str, list[str]] = {id: [] for id in self.classes}
        for item in self.classes.values():
            for parent in item.parents:
                if parent in found:
                    found[parent].append(item.id)
        return {id: tuple(below) for id, below in found.items()}

    @cached_property
    def facets(self) -> dict[str, tuple[TagClass, ...]]:
        """Classes with a rule by the facet they belong to."""
        found: dict[str, list[TagClass]] = {}
        for item in self.classes.values():
            if item.facet and item.rule:
                found.setdefault(item.facet, []).append(item)
        return {name: tuple(items) for name, items in found.items()}

    @property
    def roots(self) -> tuple[str, ...]:
        """Classes without a parent that is there."""
        return tuple(id for id, item in self.classes.items() if not any(p in self.classes for p in item.parents))

    @property
    def leaves(self) -> tuple[str, ...]:
        """Classes without children."""
        return tuple(id for id, below in self.children.items() if not below)

    def ancestors(self, id: str) -> tuple[str, ...]:
        """All superordinate classes, nearest first."""
        return self._walk(id, lambda at: self[at].parents)

    def descendants(self, id: str) -> tuple[str, ...]:
        """All subordinate classes, nearest first."""
        return self._walk(id, lambda at: self.children[at])

    def _walk(self, id: str, step: object) -> tuple[str, ...]:
        self[id]
        seen, queue = {id: None}, deque([id])
        while queue:
            for other in step(queue.popleft()):  # type: ignore[operator]
                if other in self.classes and other not in seen:
                    seen[other] = None
                    queue.append(other)
        return tuple(seen)[1:]

    def class_chain(self, id: str) -> tuple[str, ...]:
        """The class with all its superordinates, from the top down (类链); of several parents, the first.

        Examples
        --------
        >>> from labkit.tags import Scheme, make_class
        >>> tree = Scheme.of([make_class("A"), make_class("B", parents="A"), make_class("C", parents="B")])
        >>> tree.class_chain("C")
        ('A', 'B', 'C')
        """
        chain = [id]
        while True:
            up = [p for p in self[chain[-1]].parents if p in self.classes]
            if not up or up[0] in chain:
                return tuple(reversed(chain))
            chain.append(up[0])

    def class_array(self, id: str) -> tuple[str, ...]:
        """All classes directly under a class (类列)."""
        self[id]
        return self.children[id]

    def coordinate_classes(self, id: str) -> tuple[str, ...]:
        """Classes that share a parent with it (同位类), itself left out."""
        found = dict.fromkeys(
            sibling for parent in self[id].parents if parent in self.classes for sibling in self.children[parent]
        )
        return tuple(other for other in found if other != id)

    def subset(self, ids: Iterable[str]) -> Scheme:
        """Only some classes, with the relations between them."""
        kept = set(ids)
        classes = {
            id: replace(item, parents=tuple(p for p in item.parents if p in kept))
            for id, item in self.classes.items()
            if id in kept
        }
        return replace(
            self,
            classes=classes,
            relations=tuple(
                r for r in self.relations if r.source in kept and (r.target in kept or r.target not in self)
            ),
            repeated=tuple(item for item in self.repeated if item.id in kept),
            problems=tuple(p for p in self.problems if all(id in kept for id in p.classes)),
        )

    def add_class(self, item: TagClass) -> Scheme:
        """A scheme with one class more.

        Raises
        ------
        TagError
            If the id is taken, a parent is not there, or a scheme that allows one parent is given two.
        """
        if item.id in self.classes:
            raise TagError(f"the class {item.id!r} is there already: choose another id, or change that one")
        unknown = [parent for parent in item.parents if parent not in self.classes and parent != item.id]
        if unknown:
            raise TagError(f"the class {item.id!r} has the parent {unknown[0]!r}, which is not there: add it first")
        if item.id in item.parents:
            raise TagError(f"the class {item.id!r} would be its own parent: {item.id} -> {item.id}")
        if self.single_parent and len(item.parents) > 1:
            raise TagError(f"the class {item.id!r} has {len(item.parents)} parents, but this scheme allows one")
        made = replace(self, classes={**self.classes, item.id: item})
        if item.id in made.ancestors_of_parents(item.id):  # classes may wait for it as their parent already
            path = nx.shortest_path(made.graph, item.id, item.parents[0])
            raise TagError(f"the class {item.id!r} would close the cycle {' -> '.join([*path, item.id])}")
        return made

    def ancestors_of_parents(self, id: str) -> set[str]:
        """All superordinate classes; the class itself too if it lies on a cycle."""
        found: set[str] = set()
        for parent in self[id].parents:
            if parent in self.classes:
                found |= {parent, *self._walk(parent, lambda at: self[at].parents)}
        return found

    def add_parent(self, child: str, parent: str) -> Scheme:
        """A scheme in which a class has one parent more.

        Raises
        ------
        TagError
            If a class is not there, or the edge would close a cycle: the text gives the path.
        """
        item = self[child]
        self[parent]
        if parent in item.parents:
            return self
        if parent == child or parent in self.descendants(child):
            path = nx.shortest_path(self.graph, child, parent)
            told = " -> ".join([*path, child])
            raise TagError(f"{parent!r} above {child!r} would close the cycle {told}: take an edge of it away first")
        if self.single_parent and item.parents:
            raise TagError(f"the class {child!r} has the parent {item.parents[0]!r}, and this scheme allows one")
        return replace(self, classes={**self.classes, child: replace(item, parents=(*item.parents, parent))})

    def _repr_html_(self) -> str:
        from labkit.tags.outline import to_outline

        return to_outline(self)

    def __getitem__(self, id: str) -> TagClass:
        if id not in self.classes:
            raise TagError(f"the scheme has no class {id!r}; it has {len(self.classes)} others")
        return self.classes[id]

    def __contains__(self, id: object) -> bool:
        return id in self.classes

    def __len__(self) -> int:
        return len(self.classes)

    def __repr__(self) -> str:
        edges = sum(len(below) for below in self.children.values())
        name = self.title or self.method or "Scheme"
        return f"Scheme: {name}, {len(self.classes)} classes, {edges} edges, {len(self.roots)} roots"
