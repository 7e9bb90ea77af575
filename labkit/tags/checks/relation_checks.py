"""Checks of relations between classes, as SKOS states them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import networkx as nx

from labkit.tags.checks.registry import Finding, View, check_of
from labkit.tags.skos import MAPPINGS

_INVERSE = {
    "broader": "narrower",
    "broaderTransitive": "narrowerTransitive",
    "related": "related",
    "topConceptOf": "hasTopConcept",
    "exactMatch": "exactMatch",
    "closeMatch": "closeMatch",
    "broadMatch": "narrowMatch",
    "relatedMatch": "relatedMatch",
}
_INVERSE |= {b: a for a, b in _INVERSE.items()}


@check_of("orphan_classes")
def orphan_classes(view: View) -> Iterator[Finding]:
    if len(view.scheme) < 2:
        return
    tied = {r.source for r in view.scheme.relations if r.kind not in ("inScheme", "topConceptOf", "member")}
    tied |= {r.target for r in view.scheme.relations if r.kind not in ("inScheme", "hasTopConcept", "member")}
    for item in view.classes:
        if not item.parents and not view.scheme.children[item.id] and item.id not in tied:
            yield Finding(
                (item.id,),
                view.say("no parent, no child, nothing related", "没有上位类、下位类或相关类"),
                view.say("put it under a class", "归入某个上位类"),
                item.row,
            )


@check_of("disconnected_clusters")
def disconnected_clusters(view: View) -> Iterator[Finding]:
    groups = [group for group in view.components if len(group) > 1]
    for group in groups[1:]:
        top = [id for id in group if not view.parents[id]] or group
        why = view.say(
            f"{len(group)} classes under {view.name(top[0])} hang apart from the {len(groups[0])} of the largest group",
            f"{view.name(top[0])} 等 {len(group)} 个类目与最大部分（{len(groups[0])} 个）不相连",
        )
        yield Finding(
            tuple(group[:20]),
            why,
            view.say(
                f"put {view.name(top[0])} under a class of the largest group",
                f"把 {view.name(top[0])} 归入最大部分的某个类",
            ),
        )


@check_of("cyclic_relations")
def cyclic_relations(view: View) -> Iterator[Finding]:
    for ring in _rings(view):
        path = view.path_up(ring[0], ring[0])
        told = " -> ".join(view.name(id) for id in path)
        yield Finding(
            tuple(ring),
            view.say(f"cycle upwards: {told}", f"向上成环：{told}"),
            view.say(
                f"take the edge {view.name(path[-2])} -> {view.name(path[-1])} away",
                f"删除边 {view.name(path[-2])} -> {view.name(path[-1])}",
            ),
            view.scheme[ring[0]].row,
        )


def _rings(view: View) -> list[list[str]]:
    graph = nx.DiGraph([(id, parent) for id, above in view.stated_above.items() for parent in above])
    return sorted(sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1)


@check_of("reflexive_relations")
def reflexive_relations(view: View) -> Iterator[Finding]:
    found = {(r.source, r.kind) for r in view.scheme.relations if r.source == r.target and r.kind not in ("inScheme",)}
    found |= {(item.id, "broader") for item in view.classes if item.id in item.parents}
    for id, kind in sorted(found):
        yield Finding(
            (id,),
            kind,
            view.say(f"take {kind} from {view.name(id)} to itself away", f"删除 {view.name(id)} 指向自身的 {kind}"),
            view.scheme[id].row if id in view.scheme else 0,
        )


@check_of("hierarchical_redundancy")
def hierarchical_redundancy(view: View) -> Iterator[Finding]:
    for id, above in view.parents.items():
        if len(above) < 2:
            continue
        for parent in above:
            if any(parent in view.ancestors(other) for other in above if other != parent) and id not in view.ancestors(
                id
            ):
                told = " -> ".join(view.name(x) for x in view.path_up(id, parent, (id, parent)))
                edge = f"{view.name(id)} -> {view.name(parent)}"
                yield Finding(
                    (id, parent),
                    view.say(f"{edge} also follows from {told}", f"{edge} 已由 {told} 推出"),
                    view.say(f"take the edge {edge} away", f"删除边 {edge}"),
                    view.scheme[id].row,
                )


@check_of("relation_clashes")
def relation_clashes(view: View) -> Iterator[Finding]:
    for a, b in view.related():
        low, high = (a, b) if b in view.ancestors(a) else (b, a)
        if high in view.ancestors(low):
            told = " -> ".join(view.name(x) for x in view.path_up(low, high))
            yield Finding(
                (a, b),
                view.say(f"related, and {told}", f"相关，同时 {told}"),
                view.say(
                    f"take 'related' between {view.names((a, b))} away", f"删除 {view.names((a, b))} 之间的相关关系"
                ),
                view.scheme[a].row,
            )


@check_of("valueless_associative_relations")
def valueless_associative_relations(view: View) -> Iterator[Finding]:
    for a, b in view.related():
        shared = set(view.parents[a]) & set(view.parents[b]) or set(view.scheme.children[a]) & set(
            view.scheme.children[b]
        )
        if shared:
            at = sorted(shared)[0]
            yield Finding(
                (a, b),
                view.say(f"both next to {view.name(at)}", f"都与 {view.name(at)} 直接相连"),
                view.say(
                    f"take 'related' between {view.names((a, b))} away", f"删除 {view.names((a, b))} 之间的相关关系"
                ),
                view.scheme[a].row,
            )


@check_of("solely_transitive_relations")
def solely_transitive_relations(view: View) -> Iterator[Finding]:
    if not any(kind in view.relations for kind in ("broaderTransitive", "narrowerTransitive")):
        return
    stated = "broader" in view.relations or "narrower" in view.relations
    found = {(r.source, r.target) for r in view.relations.get("broaderTransitive", ())}
    found |= {(r.target, r.source) for r in view.relations.get("narrowerTransitive", ())}
    for low, high in sorted(found):
        if not stated or high not in view.scheme.ancestors(low):
            yield Finding(
                (low, high),
                view.say("no chain of broader leads there", "没有 broader 链条"),
                view.say(
                    f"state {view.name(low)} broader {view.name(high)}",
                    f"补充 {view.name(low)} broader {view.name(high)}",
                ),
            )


@check_of("unidirectional_relations")
def unidirectional_relations(view: View) -> Iterator[Finding]:
    stated = {(r.source, r.kind, r.target) for r in view.scheme.relations}
    inside = {*view.scheme.classes, *view.scheme.schemes}
    for source, kind, target in sorted(stated):
        back = _INVERSE.get(kind)
        if back and source != target and target in inside and (target, back, source) not in stated:
            yield Finding(
                (source, target),
                f"{view.name(source)} {kind} {view.name(target)}",
                view.say(
                    f"add {view.name(target)} {back} {view.name(source)}",
                    f"补充 {view.name(target)} {back} {view.name(source)}",
                ),
            )


@check_of("mapping_relations_misuse")
def mapping_relations_misuse(view: View) -> Iterator[Finding]:
    homes: dict[str, set[str]] = defaultdict(set)
    for r in view.relations.get("inScheme", ()):
        homes[r.source].add(r.target)
    for kind in (*MAPPINGS, "mappingRelation"):
        for r in view.relations.get(kind, ()):
            if r.source not in view.scheme or r.target not in view.scheme or r.source == r.target:
                continue
            if homes[r.source] & homes[r.target] or not homes[r.source] or not homes[r.target]:
                yield Finding(
                    (r.source, r.target),
                    f"{view.name(r.source)} {kind} {view.name(r.target)}",
                    view.say(
                        "use related, broader or narrower inside a scheme", "体系内应使用 related、broader 或 narrower"
                    ),
                )


@check_of("mapping_clashes")
def mapping_clashes(view: View) -> Iterator[Finding]:
    exact = nx.Graph([(r.source, r.target) for r in view.relations.get("exactMatch", ())])
    group = {id: i for i, part in enumerate(nx.connected_components(exact)) for id in part}
    for kind in ("broadMatch", "narrowMatch", "relatedMatch"):
        for r in view.relations.get(kind, ()):
            if r.source in group and group.get(r.target) == group[r.source]:
                yield Finding(
                    (r.source, r.target),
                    f"exactMatch, {kind}",
                    view.say(f"keep one of exactMatch and {kind}", f"exactMatch 与 {kind} 只留其一"),
                )


@check_of("omitted_top_classes")
def omitted_top_classes(view: View) -> Iterator[Finding]:
    named = {r.target for r in view.relations.get("topConceptOf", ())}
    named |= {r.source for r in view.relations.get("hasTopConcept", ())}
    for uri in view.scheme.schemes:
        if uri not in named:
            roots = view.scheme.roots
            yield Finding(
                (uri,),
                view.say("neither hasTopConcept nor topConceptOf", "既无 hasTopConcept 也无 topConceptOf"),
                view.say(f"name {view.names(roots, 3)}", f"声明 {view.names(roots, 3)}"),
            )
    if not view.scheme.from_rdf and len(view.scheme) and not view.scheme.roots:
        yield Finding(
            (), view.say("every class has a parent", "每个类目都有上位类"), view.say("break a cycle", "断开循环")
        )


@check_of("top_classes_with_parent")
def top_classes_with_parent(view: View) -> Iterator[Finding]:
    tops = {r.source for r in view.relations.get("topConceptOf", ())}
    tops |= {r.target for r in view.relations.get("hasTopConcept", ())}
    for id in sorted(tops):
        if view.parents.get(id):
            yield Finding(
                (id, *view.parents[id]),
                view.say(f"under {view.names(view.parents[id])}", f"隶属 {view.names(view.parents[id])}"),
                view.say(
                    f"take the edge {view.name(id)} -> {view.name(view.parents[id][0])} or the statement away",
                    f"删除边 {view.name(id)} -> {view.name(view.parents[id][0])} 或顶层声明",
                ),
            )


@check_of("ambiguous_notation")
def ambiguous_notation(view: View) -> Iterator[Finding]:
    holders: dict[str, list[str]] = defaultdict(list)
    for item in view.classes:
        for mark in filter(None, item.notation.split(";")):
            holders[mark].append(item.id)
        if ";" in item.notation:
            yield Finding(
                (item.id,),
                view.say(f"class marks {item.notation}", f"类号 {item.notation}"),
                view.say("keep one", "只留一个"),
                item.row,
            )
    for again in view.scheme.repeated:
        if again.notation:
            first = view.scheme[again.id]
            why = view.say(
                f"{again.notation}: rows {first.row} and {again.row}",
                f"{again.notation}：第 {first.row} 行与第 {again.row} 行",
            )
            yield Finding(
                (again.id,),
                why,
                view.say(
                    f"give row {again.row} its own class mark, or remove it", f"为第 {again.row} 行另设类号或删除"
                ),
                again.row,
            )
    for mark, ids in holders.items():
        if len(ids) > 1:
            yield Finding(
                tuple(ids),
                f"{mark}: {view.names(ids)}",
                view.say("give each its own", "各用各的类号"),
                view.scheme[ids[-1]].row,
            )


@check_of("undefined_skos_resources")
def undefined_skos_resources(view: View) -> Iterator[Finding]:
    for term in view.scheme.unknown_terms:
        yield Finding((), term, view.say("use a term of the recommendation of 2009", "改用 2009 年推荐标准中的术语"))
