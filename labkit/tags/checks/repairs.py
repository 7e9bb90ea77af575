"""Repairs of what can be repaired without knowing more: a new scheme, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from labkit.tags.checks.file_checks import expected_parent, parent_against_notation
from labkit.tags.checks.registry import View
from labkit.tags.errors import TagError
from labkit.tags.record import Label, TagClass
from labkit.tags.scheme import Relation, Scheme
from labkit.terms import Say


@dataclass(frozen=True)
class Change:
    """What a repair did to a class."""

    check: str
    class_id: str
    what: str


def repair_scheme(scheme: Scheme, which: Collection[str] | str = "all") -> tuple[Scheme, list[Change]]:
    """A scheme with some defects repaired, and every change that made.

    Parameters
    ----------
    scheme : Scheme
        Is not changed.
    which : collection of str or "all"
        Checks to repair; see `REPAIRS` for those that can be.

    Raises
    ------
    TagError
        If a check has no repair.

    Examples
    --------
    >>> from labkit.tags import make_class
    >>> looped = Scheme.of([make_class("A", "a", parents="A")])
    >>> repaired, changes = repair_scheme(looped)
    >>> repaired["A"].parents, changes[0].what
    ((), 'took the edge A -> A away')
    """
    chosen = list(REPAIRS) if which == "all" else [which] if isinstance(which, str) else list(which)
    unknown = [name for name in chosen if name not in REPAIRS]
    if unknown:
        raise TagError(f"the check {unknown[0]!r} has no repair; those that have are {', '.join(REPAIRS)}")
    changes: list[Change] = []
    for name in REPAIRS:  # a fixed order, so that the same file gives the same result
        if name in chosen:
            scheme, made = REPAIRS[name](scheme)
            changes += [Change(name, id, what) for id, what in made]
    return scheme, changes


Done = tuple[Scheme, list[tuple[str, str]]]


def _with(scheme: Scheme, changed: dict[str, TagClass], **rest: object) -> Scheme:
    return replace(scheme, classes={**scheme.classes, **changed}, **rest)  # type: ignore[arg-type]


def _without_edges(scheme: Scheme, edges: Collection[tuple[str, str]]) -> Done:
    """Take edges child -> parent away, in the classes and in what the file stated."""
    gone, made = set(edges), []
    changed: dict[str, TagClass] = {}
    for child, parent in sorted(gone):
        item = changed.get(child, scheme[child])
        changed[child] = replace(item, parents=tuple(p for p in item.parents if p != parent))
        made.append((child, f"took the edge {child} -> {parent} away"))
    kept = tuple(
        r
        for r in scheme.relations
        if not (r.kind == "broader" and (r.source, r.target) in gone)
        and not (r.kind == "narrower" and (r.target, r.source) in gone)
    )
    return _with(scheme, changed, relations=kept), made


def _unknown_parent(scheme: Scheme) -> Done:
    return _without_edges(scheme, {(i.id, p) for i in scheme.classes.values() for p in i.parents if p not in scheme})


def _reflexive(scheme: Scheme) -> Done:
    return _without_edges(scheme, {(i.id, i.id) for i in scheme.classes.values() if i.id in i.parents})


def _against_notation(scheme: Scheme) -> Done:
    view = View(scheme, Say("en"))
    by_mark = {item.notation: item.id for item in scheme.classes.values() if item.notation}
    changed, made = {}, []
    for finding in parent_against_notation(view):
        item = scheme[finding.classes[0]]
        above = str(expected_parent(item.notation, by_mark))
        changed[item.id] = replace(item, parents=(above,))
        made.append(
            (item.id, f"put the edge {item.id} -> {above} in the place of {item.id} -> {', '.join(item.parents)}")
        )
    return _with(scheme, changed), made


def _cycles(scheme: Scheme) -> Done:
    """Cut each cycle at the edge that closes it when classes are taken from the top, in order."""
    gone: set[tuple[str, str]] = set()
    state: dict[str, int] = {}
    for start in sorted(scheme.classes):
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(scheme[start].parents))] if start not in state else []
        state.setdefault(start, 1)
        while stack:
            at, above = stack[-1]
            for parent in above:
                if parent not in scheme:
                    continue
                if state.get(parent) == 1:
                    gone.add((at, parent))
                elif parent not in state:
                    state[parent] = 1
                    stack.append((parent, iter(scheme[parent].parents)))
                    break
            else:
                state[at] = 2
                stack.pop()
    return _without_edges(scheme, gone)


def _redundant(scheme: Scheme) -> Done:
    view = View(scheme, Say("en"))
    gone = {
        (id, parent)
        for id, above in view.parents.items()
        for parent in above
        if id not in view.ancestors(id) and any(parent in view.ancestors(other) for other in above if other != parent)
    }
    return _without_edges(scheme, gone)


def _labels(scheme: Scheme, keep: Callable[[TagClass, Label], bool], what: str) -> Done:
    changed, made = {}, []
    for item in scheme.classes.values():
        kept = tuple(label for label in item.labels if keep(item, label))
        if len(kept) < len(item.labels):
            changed[item.id] = replace(item, labels=kept)
            made.append((item.id, f"{what} ({len(item.labels) - len(kept)})"))
    return _with(scheme, changed), made


def _empty_labels(scheme: Scheme) -> Done:
    return _labels(scheme, lambda _, label: bool(label.text.strip()), "removed empty names")


def _disjoint_labels(scheme: Scheme) -> Done:
    def keep(item: TagClass, label: Label) -> bool:
        return label.kind == "pref" or not any(
            x.kind == "pref" and x.language == label.language and x.text.casefold() == label.text.casefold()
            for x in item.labels
        )

    return _labels(scheme, keep, "removed aliases that are the preferred name")


def _unprintable(scheme: Scheme) -> Done:
    changed, made = {}, []
    for item in scheme.classes.values():
        clean = tuple(replace(x, text="".join(c for c in x.text if c.isprintable())) for x in item.labels)
        if clean != item.labels:
            changed[item.id] = replace(item, labels=clean)
            made.append((item.id, "took unprintable characters out of names"))
    return _with(scheme, changed), made


def _unidirectional(scheme: Scheme) -> Done:
    from labkit.tags.checks.relation_checks import _INVERSE

    stated = {(r.source, r.kind, r.target) for r in scheme.relations}
    inside = {*scheme.classes, *scheme.schemes}
    more = [
        Relation(r.target, _INVERSE[r.kind], r.source)
        for r in scheme.relations
        if r.kind in _INVERSE
        and r.target in inside
        and r.source != r.target
        and (r.target, _INVERSE[r.kind], r.source) not in stated
    ]
    made = [(r.source, f"stated {r.source} {r.kind} {r.target}") for r in dict.fromkeys(more)]
    return replace(scheme, relations=(*scheme.relations, *dict.fromkeys(more))), made


def _clashes(scheme: Scheme) -> Done:
    view = View(scheme, Say("en"))
    gone = {
        frozenset(pair)
        for pair in view.related()
        if pair[0] in view.ancestors(pair[1]) or pair[1] in view.ancestors(pair[0])
    }
    kept = tuple(
        r
        for r in scheme.relations
        if r.kind not in ("related", "relatedMatch") or frozenset((r.source, r.target)) not in gone
    )
    made = [
        (sorted(pair)[0], f"took 'related' between {' and '.join(sorted(pair))} away")
        for pair in sorted(gone, key=sorted)
    ]
    return replace(scheme, relations=kept), made


#: Check -> its repair, in the order they are made.
REPAIRS: dict[str, Callable[[Scheme], Done]] = {
    "unknown_parent": _unknown_parent,
    "reflexive_relations": _reflexive,
    "parent_against_notation": _against_notation,
    "cyclic_relations": _cycles,
    "hierarchical_redundancy": _redundant,
    "relation_clashes": _clashes,
    "unidirectional_relations": _unidirectional,
    "unprintable_characters": _unprintable,
    "empty_labels": _empty_labels,
    "disjoint_labels_violation": _disjoint_labels,
}
