"""Checks of the rules of classification themselves, from what the scheme says: one criterion, exclusion, union, facets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from labkit.tags.checks.registry import Finding, View, check_of
from labkit.tags.errors import TagError
from labkit.tags.extents import EVERYTHING, Extent, describe, extent_of, join, leftover, meet
from labkit.tags.record import TagClass
from labkit.tags.rules import Among, Missing, Rule, columns_of, parse_rule

_RESIDUAL = re.compile(r"^(其他|其它|其余)|^(other|others|miscellaneous|residual|not elsewhere)\b", re.IGNORECASE)


def is_residual(item: TagClass) -> bool:
    """Whether a class is what remains: said so, named so, or made of those of whom nothing is known.

    Examples
    --------
    >>> from labkit.tags import make_class
    >>> is_residual(make_class("9", zh="其他水果种植"))
    True
    """
    return (
        item.residual
        or isinstance(rule_of(item), Missing)
        or any(_RESIDUAL.match(label.text.strip()) for label in item.labels if label.kind == "pref")
    )


def rule_of(item: TagClass) -> Rule | None:
    """Its rule; None where there is none or it is broken (which another check reports)."""
    try:
        return parse_rule(item.rule, item.id) if item.rule else None
    except TagError:
        return None


def domain_of(text: str) -> Extent:
    """Values a column may take: ``0..1``, ``0..``, ``a;b;c``; everything where nothing is said.

    Examples
    --------
    >>> describe(domain_of("0..1"))
    '0 to 1'
    """
    span = re.fullmatch(r"\s*(-?[\d.]+)?\s*\.\.\s*(-?[\d.]+)?\s*", text)
    try:
        if span:
            low, high = (float(x) if x else None for x in span.groups())
            return Extent(
                (
                    (
                        (low, -1) if low is not None else (float("-inf"), 0),
                        (high, 1) if high is not None else (float("inf"), 0),
                    ),
                )
            )
    except ValueError:
        return EVERYTHING
    words = [word.strip() for word in text.split(";") if word.strip()]
    if not words:
        return EVERYTHING
    values = tuple({"true": True, "false": False}.get(word, word) for word in words)
    found = extent_of(Among("x", values))
    return found or EVERYTHING


def arrays(view: View) -> Iterator[tuple[TagClass, list[TagClass]]]:
    """Each class with the classes it is divided into; what is only grouped under it, such as facets, divides nothing."""
    for id, below in view.scheme.children.items():
        parts = [view.scheme[child] for child in below if view.scheme[child].relation != "grouped_by"]
        if parts:
            yield view.scheme[id], parts


def own_column(item: TagClass) -> str:
    """The one column its rule looks at, or what it says is its criterion; empty where there are several."""
    rule = rule_of(item)
    if rule is not None:
        columns = columns_of(rule)
        return columns[0] if len(columns) == 1 else ""
    return item.criterion


def allowed(view: View, parent: TagClass, column: str) -> Extent:
    """Values of a column that customers of a class can have: its domain, its rule and those of the classes above."""
    found = domain_of(parent.domain)
    for id in (parent.id, *view.ancestors(parent.id)):
        item = view.scheme[id]
        rule = rule_of(item)
        own = extent_of(rule) if rule is not None else None
        if own is not None and columns_of(rule) == (column,) and (id == parent.id or item.relation == "is_a"):  # type: ignore[arg-type]
            found = meet(found, own)
    return found


@check_of("one_criterion")
def one_criterion(view: View) -> Iterator[Finding]:
    for parent, below in arrays(view):
        used: dict[str, list[str]] = defaultdict(list)
        for item in below:
            rule = rule_of(item)
            # What is left over is told by what the others are.
            for column in (
                columns_of(rule) if rule is not None and not is_residual(item) else filter(None, [item.criterion])
            ):
                used[column].append(item.id)
        if len(used) > 1:
            least = min(used, key=lambda c: (len(used[c]), c))
            told = "; ".join(f"{column}: {view.names(ids, 3)}" for column, ids in used.items())
            yield Finding(
                (parent.id, *(i.id for i in below)),
                told,
                view.say(
                    f"give {least} a level or a facet of its own, so that the edges {view.name(parent.id)} -> {view.names(used[least], 2)} move there",
                    f"为 {least} 另设一级或一个分面，把边 {view.name(parent.id)} -> {view.names(used[least], 2)} 移过去",
                ),
                parent.row,
            )


@check_of("sibling_overlap")
def sibling_overlap(view: View) -> Iterator[Finding]:
    for parent, below in arrays(view):
        if parent.exclusive is False:
            continue
        known = [(item, own_column(item), extent_of(rule)) for item in below if (rule := rule_of(item)) is not None]
        for (a, column_a, extent_a), (b, column_b, extent_b) in combinations(known, 2):
            if column_a and column_a == column_b and extent_a is not None and extent_b is not None:
                both = meet(meet(extent_a, extent_b), allowed(view, parent, column_a))
                if not both.empty:
                    yield Finding(
                        (a.id, b.id),
                        view.say(
                            f"{column_a} {describe(both)} is in {view.names((a.id, b.id))}, both under {view.name(parent.id)}",
                            f"{column_a} 取 {describe(both)} 时同属 {view.name(parent.id)} 之下的 {view.names((a.id, b.id))}",
                        ),
                        view.say("move the boundary of one", "调整其中一个的界限"),
                        b.row,
                    )


@check_of("union_gap")
def union_gap(view: View) -> Iterator[Finding]:
    for parent, below in arrays(view):
        if parent.exhaustive is False:
            continue
        columns, covered = set(), Extent()
        for item in below:
            rule = rule_of(item)
            extent = extent_of(rule) if rule is not None else None
            columns.add(own_column(item) if extent is not None else "")
            covered = join(covered, extent) if extent is not None else covered
        if len(columns) != 1 or "" in columns:
            continue
        gap = leftover(allowed(view, parent, next(iter(columns))), covered)
        flags = covered.words <= {True, False} and bool(covered.words)
        if flags:  # a flag's values are known without saying
            own = allowed(view, parent, next(iter(columns)))
            both = frozenset({True, False}) if own.all_but else own.words
            gap = Extent(words=both - covered.words)
        elif covered.spans and not covered.words:
            gap = Extent(gap.spans)
        elif covered.words and not parent.domain:
            continue  # nobody can tell what other words there are
        else:
            gap = Extent(words=gap.words, all_but=gap.all_but)
        if not gap.empty:
            column = next(iter(columns))
            yield Finding(
                (parent.id,),
                view.say(
                    f"{column} {describe(gap)} is in no class under {view.name(parent.id)}",
                    f"{column} 取 {describe(gap)} 时不属于 {view.name(parent.id)} 的任何下位类",
                ),
                view.say(
                    f"widen a class, or add an edge {view.name(parent.id)} -> others",
                    f"放宽某个类目，或补充边 {view.name(parent.id)} -> 其他",
                ),
                parent.row,
            )


@check_of("residual_class")
def residual_class(view: View) -> Iterator[Finding]:
    for parent, below in arrays(view):
        left = [item for item in below if is_residual(item)]
        if left:
            n, why, share = None, "", ""
            if view.membership is not None and parent.id in view.membership:
                whole = int(view.membership.extent(parent.id).sum())
                inside = sum(int(view.membership.extent(item.id).sum()) for item in left if item.id in view.membership)
                if whole and inside >= view.fewest:
                    n, share = (
                        inside,
                        view.say(
                            f": {inside / whole:.1%} of {view.name(parent.id)}",
                            f"：占 {view.name(parent.id)} 的 {inside / whole:.1%}",
                        ),
                    )
            why = view.names([item.id for item in left]) + share
            yield Finding(
                (parent.id, *(item.id for item in left)),
                why,
                view.say("if it is large, name what is in it", "占比大时应分出具体类目"),
                left[0].row,
                n,
            )


@check_of("single_child")
def single_child(view: View) -> Iterator[Finding]:
    for parent, below in arrays(view):
        if len(below) == 1:
            edge = f"{view.name(parent.id)} -> {view.name(below[0].id)}"
            yield Finding(
                (parent.id, below[0].id),
                edge,
                view.say(
                    f"merge the two ends of the edge {edge}, or add a sibling", f"合并边 {edge} 的两端，或增设同位类"
                ),
                parent.row,
            )


@check_of("array_size")
def array_size(view: View) -> Iterator[Finding]:
    for parent, below in arrays(view):
        if len(below) > view.largest_array:
            yield Finding(
                (parent.id,),
                view.say(
                    f"{len(below)} classes under {view.name(parent.id)}",
                    f"{view.name(parent.id)} 之下有 {len(below)} 个类目",
                ),
                view.say("put a level between", "增设一级"),
                parent.row,
            )


@check_of("facets_share_criterion")
def facets_share_criterion(view: View) -> Iterator[Finding]:
    users: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, items in view.scheme.facets.items():
        for item in items:
            rule = rule_of(item)
            for column in columns_of(rule) if rule is not None else ():
                users[column][name].append(item.id)
    for column, by_facet in users.items():
        if len(by_facet) > 1:
            told = "; ".join(f"{name}: {view.names(ids, 2)}" for name, ids in by_facet.items())
            yield Finding(
                tuple(ids[0] for ids in by_facet.values()),
                f"{column}: {told}",
                view.say(f"keep {column} in one facet", f"{column} 只留在一个分面中"),
            )


@check_of("facet_implication")
def facet_implication(view: View) -> Iterator[Finding]:
    known = [
        (name, item, own_column(item), extent)
        for name, items in view.scheme.facets.items()
        for item in items
        if (rule := rule_of(item)) is not None and (extent := extent_of(rule)) is not None
    ]
    by_column: dict[str, list] = defaultdict(list)
    for entry in known:
        by_column[entry[2]].append(entry)
    for column, entries in by_column.items():
        for (facet_a, a, _, inner), (facet_b, b, _, outer) in ((x, y) for x in entries for y in entries if x is not y):
            if column and facet_a != facet_b and leftover(inner, outer).empty and not inner.empty:
                yield Finding(
                    (a.id, b.id),
                    view.say(
                        f"every {view.name(a.id)} ({facet_a}) is {view.name(b.id)} ({facet_b})",
                        f"{view.name(a.id)}（{facet_a}）必为 {view.name(b.id)}（{facet_b}）",
                    ),
                    view.say(
                        f"rule the combination out, or add the edge {view.name(b.id)} -> {view.name(a.id)}",
                        f"排除无意义组配，或补充边 {view.name(b.id)} -> {view.name(a.id)}",
                    ),
                    a.row,
                )
