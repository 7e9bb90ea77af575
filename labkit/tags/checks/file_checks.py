"""Checks of what a table or file says against itself: ids, parents, class marks, cells, rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from labkit.portrait import SOURCES
from labkit.tags.checks.registry import Finding, View, check_of, tell
from labkit.tags.errors import TagError
from labkit.tags.rules import parse_rule, require_types

_COLUMNS = frozenset(column for names in SOURCES.values() for column in names)
#: Share of classes under the class that their mark begins with, from which the marks are taken as hierarchical.
_CODED_SHARE, _CODED_LEAST = 0.8, 5
_PARTED = re.compile(r"[.\-/ ]")


@check_of("repeated_id")
def repeated_id(view: View) -> Iterator[Finding]:
    for again in view.scheme.repeated:
        if not again.notation:  # a class mark that comes again is an ambiguous notation
            first = view.scheme[again.id]
            why = view.say(
                f"rows {first.row} and {again.row}; the first is kept",
                f"第 {first.row} 行与第 {again.row} 行，保留前者",
            )
            yield Finding(
                (again.id,),
                why,
                view.say(f"give row {again.row} its own id, or remove it", f"为第 {again.row} 行另设编号或删除"),
                again.row,
            )


@check_of("unknown_parent")
def unknown_parent(view: View) -> Iterator[Finding]:
    for item in (*view.scheme.classes.values(), *view.scheme.repeated):
        for parent in item.parents:
            if parent not in view.scheme:
                where = view.say(f"row {item.row}: ", f"第 {item.row} 行：") if item.row else ""
                yield Finding(
                    (item.id,),
                    where + view.say(f"parent {tell(parent)!r} is not there", f"上位类“{tell(parent)}”不存在"),
                    view.say(
                        f"add {tell(parent)!r}, or take the edge {view.name(item.id)} -> {tell(parent)} away",
                        f"补充“{tell(parent)}”，或删除边 {view.name(item.id)} -> {tell(parent)}",
                    ),
                    item.row,
                )


@check_of("several_parents")
def several_parents(view: View) -> Iterator[Finding]:
    if view.scheme.single_parent:
        for item in view.classes:
            if len(item.parents) > 1:
                yield Finding(
                    (item.id, *view.parents[item.id]),
                    view.names(item.parents),
                    view.say(f"keep the edge to {tell(item.parents[0])}", f"保留指向 {tell(item.parents[0])} 的边"),
                    item.row,
                )


def expected_parent(mark: str, by_mark: Mapping[str, str]) -> str | None:
    """The class whose mark is the longest beginning of a mark; in a mark with dots or dashes whole parts count.

    Examples
    --------
    >>> expected_parent("S3.10", {"S3.1": "a", "S3": "b"}), expected_parent("0121", {"012": "c", "01": "d"})
    ('b', 'c')
    """
    parted = _PARTED.search(mark) is not None
    for n in range(len(mark) - 1, 0, -1):
        if mark[:n] in by_mark and (not parted or _PARTED.match(mark[n])):
            return by_mark[mark[:n]]
    return None


@check_of("parent_against_notation")
def parent_against_notation(view: View) -> Iterator[Finding]:
    by_mark = {item.notation: item.id for item in view.classes if item.notation}
    expected = {}
    for item in (*view.scheme.classes.values(), *view.scheme.repeated):
        above = expected_parent(item.notation, by_mark)
        if above is not None and above != item.id:
            expected[item] = above
    agreeing = sum(above in item.parents for item, above in expected.items())
    if len(expected) < _CODED_LEAST or agreeing < _CODED_SHARE * len(expected):
        return
    for item, above in expected.items():
        if above not in item.parents and above not in view.ancestors(item.id):
            have = view.names(item.parents) or view.say("none", "无")
            yield Finding(
                (item.id,),
                view.say(
                    f"{item.notation} stands under {have}, its mark begins with that of {view.name(above)}",
                    f"{item.notation} 隶属 {have}，按类号应隶属 {view.name(above)}",
                ),
                view.say(
                    f"put the edge {view.name(item.id)} -> {view.name(above)} in the place of {view.name(item.id)} -> {have}",
                    f"以边 {view.name(item.id)} -> {view.name(above)} 取代 {view.name(item.id)} -> {have}",
                ),
                item.row,
            )


@check_of("bad_row")
def bad_row(view: View) -> Iterator[Finding]:
    yield from _problems(view, "bad_row")


@check_of("bad_value")
def bad_value(view: View) -> Iterator[Finding]:
    yield from _problems(view, "bad_value")


def _problems(view: View, check: str) -> Iterator[Finding]:
    for problem in view.scheme.problems:
        if problem.check == check:
            yield Finding(
                problem.classes, problem.why, view.say("correct the cell in the file", "在文件中更正"), problem.row
            )


@check_of("unread_column")
def unread_column(view: View) -> Iterator[Finding]:
    yield from _problems(view, "unread_column")


@check_of("broken_rule")
def broken_rule(view: View) -> Iterator[Finding]:
    for item in view.classes:
        # What was evaluated on the customers is no broken rule, whatever columns they have.
        if item.rule and (view.membership is None or item.id not in view.membership):
            try:
                require_types(parse_rule(item.rule, item.id, _COLUMNS), item.id)
            except TagError as error:
                yield Finding(
                    (item.id,), str(error), view.say("correct the rule at that place", "在该处更正规则"), item.row
                )


@check_of("replaced_by_nothing")
def replaced_by_nothing(view: View) -> Iterator[Finding]:
    for item in view.classes:
        if item.replaced_by and item.replaced_by not in view.scheme:
            yield Finding(
                (item.id,),
                view.say(f"{tell(item.replaced_by)!r} is not there", f"“{tell(item.replaced_by)}”不存在"),
                view.say("name a class that is there", "改为存在的类目"),
                item.row,
            )
        elif item.status == "deprecated" and not item.replaced_by:
            yield Finding(
                (item.id,),
                view.say("deprecated, nothing replaces it", "已停用，无替代"),
                view.say("name its successor, or retire it", "指定替代类目或注销"),
                item.row,
            )


@check_of("unowned_tag")
def unowned_tag(view: View) -> Iterator[Finding]:
    for item in view.classes:
        lacking = [name for name in ("owner", "refresh") if not getattr(item, name)]
        if item.rule and lacking:
            yield Finding(
                (item.id,),
                view.say(
                    f"no {' and no '.join(lacking)}",
                    "缺少" + "、".join({"owner": "责任部门", "refresh": "更新周期"}[x] for x in lacking),
                ),
                view.say("say who keeps it and how often", "明确责任部门与更新周期"),
                item.row,
            )


@check_of("same_rule")
def same_rule(view: View) -> Iterator[Finding]:
    holders: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for item in view.classes:
        if item.rule.strip().lower() not in ("", "true", "false"):
            key = (" ".join(item.rule.split()), item.parents if item.relation == "is_a" else ())
            holders.setdefault(key, []).append(item.id)
    for (rule, _), ids in holders.items():
        if len(ids) > 1:
            yield Finding(
                tuple(ids), f"{view.names(ids)}: {rule}", view.say("merge them", "合并"), view.scheme[ids[-1]].row
            )
