"""The rules of classification proved or refuted on the customers themselves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from labkit.estimates import Estimate, estimate_share
from labkit.tags.association import compare_facets, known_facets, strong_pairs
from labkit.tags.checks.logic_checks import arrays, is_residual
from labkit.tags.checks.registry import Finding, View, check_of
from labkit.tags.membership import Membership
from labkit.tags.scheme import Scheme
from labkit.terms import Language, Say

#: Share from which an implication is reported, and of how many customers at least.
_IMPLIED, _LEAST = 0.99, 30


def _members(view: View) -> Membership:
    assert view.membership is not None
    return view.membership


@check_of("members_overlap")
def members_overlap(view: View) -> Iterator[Finding]:
    table = _members(view)
    for parent, below in arrays(view):
        known = [item for item in below if item.id in table]
        if parent.exclusive is False or len(known) < 2:
            continue
        inside = table.matrix[:, [table.place[item.id] for item in known]].astype(np.int32)
        shared = (inside.T @ inside).toarray()
        for i, j in combinations(range(len(known)), 2):
            if shared[i, j] >= max(view.fewest, 1):
                a, b = known[i], known[j]
                both = np.flatnonzero(table.extent(a.id) & table.extent(b.id))
                ratio = shared[i, j] / max(min(shared[i, i], shared[j, j]), 1)
                why = view.say(
                    f"{shared[i, j]:,} customers in {view.names((a.id, b.id))}: overlap {ratio:.1%} of the smaller",
                    f"{shared[i, j]:,} 户同属 {view.names((a.id, b.id))}：占较小者的 {ratio:.1%}",
                )
                yield Finding(
                    (a.id, b.id),
                    why,
                    view.say(
                        f"draw a boundary, or declare {view.name(parent.id)} not exclusive",
                        f"划清界限，或声明 {view.name(parent.id)} 之下不要求互斥",
                    ),
                    b.row,
                    int(shared[i, j]),
                    view.examples(table.customer_ids[both]),
                )


@check_of("members_gap")
def members_gap(view: View) -> Iterator[Finding]:
    table = _members(view)
    for parent, below in arrays(view):
        known = [item.id for item in below if item.id in table]
        whole = table.whole(view.scheme, parent.id)
        if parent.exhaustive is False or whole is None or not known:
            continue
        covered = np.logical_or.reduce([table.extent(id) for id in known])
        out = np.flatnonzero(whole & ~covered)
        if len(out) >= max(view.fewest, 1):
            share = estimate_share(len(out), int(whole.sum()))
            why = view.say(
                f"{len(out):,} of {int(whole.sum()):,} customers of {view.name(parent.id)} ({share.value:.1%}, {share.low:.1%} to {share.high:.1%}) are in no class under it",
                f"{view.name(parent.id)} 的 {int(whole.sum()):,} 户中有 {len(out):,} 户（{share.value:.1%}，{share.low:.1%}～{share.high:.1%}）不属于任何下位类",
            )
            yield Finding(
                (parent.id,),
                why,
                view.say(
                    f"widen a rule, or add an edge {view.name(parent.id)} -> others",
                    f"放宽规则，或补充边 {view.name(parent.id)} -> 其他",
                ),
                parent.row,
                len(out),
                view.examples(table.customer_ids[out]),
            )


@check_of("members_outside")
def members_outside(view: View) -> Iterator[Finding]:
    table = _members(view)
    for item in view.classes:
        for parent in view.parents[item.id]:
            if item.id in table and parent in table and item.relation == "is_a":
                out = np.flatnonzero(table.extent(item.id) & ~table.extent(parent))
                if len(out) >= max(view.fewest, 1):
                    yield Finding(
                        (item.id, parent),
                        view.say(
                            f"{len(out):,} customers of {view.name(item.id)} are not {view.name(parent)}",
                            f"{view.name(item.id)} 有 {len(out):,} 户不属于 {view.name(parent)}",
                        ),
                        view.say(
                            f"take the edge {view.name(item.id)} -> {view.name(parent)} away, or correct a rule",
                            f"删除边 {view.name(item.id)} -> {view.name(parent)}，或更正规则",
                        ),
                        item.row,
                        len(out),
                        view.examples(table.customer_ids[out]),
                    )


@check_of("empty_class")
def empty_class(view: View) -> Iterator[Finding]:
    table = _members(view)
    for tag, count in table.counts.items():
        if count == 0 and tag in view.scheme:
            name, alone = view.name(str(tag)), table.by_rule_counts.get(str(tag), 0)
            why = view.say(f"{name} has no member", f"{name} 没有成员")
            if alone >= max(view.fewest, 1):
                why += view.say(
                    f", though its rule holds for {alone:,} outside its parents",
                    f"，但上位类之外有 {alone:,} 户满足其规则",
                )
            repair = view.say("retire it, or correct its rule", "注销，或更正规则")
            yield Finding((str(tag),), why, repair, view.scheme[str(tag)].row, 0)


@check_of("rule_without_data")
def rule_without_data(view: View) -> Iterator[Finding]:
    for tag, why in _members(view).not_computed.items():
        if tag in view.scheme:
            yield Finding(
                (tag,), why, view.say("bring the table of that column", "补充相应数据表"), view.scheme[tag].row
            )


@check_of("facets_depend")
def facets_depend(view: View) -> Iterator[Finding]:
    for row in strong_pairs(compare_facets(_members(view), known_facets(view.scheme))).itertuples():
        a, b = view.name(str(row.facet)), view.name(str(row.other_facet))
        v, bits = float(row.cramers_v), float(row.shared_bits)
        why = view.say(
            f"{a} and {b}: V {v:.2f}, {bits:.2f} bits shared", f"{a} 与 {b}：V {v:.2f}，共享信息 {bits:.2f} 比特"
        )
        repair = view.say("derive one from the other, or merge them", "由一个推出另一个，或合并")
        known = tuple(name for name in (str(row.facet), str(row.other_facet)) if name in view.scheme)
        yield Finding(known, why, repair, 0, int(row.customers_count))


@check_of("members_imply")
def members_imply(view: View) -> Iterator[Finding]:
    table = _members(view)
    named = [(name, i.id) for name, items in view.scheme.facets.items() for i in items if i.id in table]
    if not named:
        return
    inside = table.matrix[:, [table.place[id] for _, id in named]].astype(np.int32)
    shared = (inside.T @ inside).toarray()
    n, size = inside.shape[0], shared.diagonal()
    for i, j in np.argwhere(shared >= _IMPLIED * np.maximum(size[:, None], 1)):
        (facet_a, a), (facet_b, b) = named[i], named[j]
        # A class that nearly everybody is in is implied by all and says nothing.
        if facet_a == facet_b or size[i] < _LEAST or size[j] > 0.8 * n:
            continue
        share = estimate_share(int(shared[i, j]), int(size[i]))
        yield Finding(
            (a, b),
            view.say(
                f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}) of {view.name(a)} are {view.name(b)}",
                f"{view.name(a)} 中 {share.value:.1%}（{share.low:.1%}～{share.high:.1%}）属于 {view.name(b)}",
            ),
            view.say(
                f"consider the edge {view.name(b)} -> {view.name(a)}", f"可考虑边 {view.name(b)} -> {view.name(a)}"
            ),
            view.scheme[a].row,
            int(size[i]),
        )


def prove_arrays(scheme: Scheme, membership: Membership, *, fewest: int = 1, language: Language = "en") -> pd.DataFrame:
    """Exclusion and union of every class array, counted on the customers.

    Parameters
    ----------
    scheme : Scheme
    membership : Membership
    fewest : int
        Customers of the parent below which an array is left out, and of a gap or overlap
        below which its share is missing.
    language : {"en", "zh"}
        Of the classes' names.

    Returns
    -------
    DataFrame
        ``parent`` (its name), ``classes_count``, ``customers_count``,
        ``exhaustive_share`` (in a class below) with ends, ``residual_share``,
        ``overlap_share`` (in two or more), ``largest_overlap`` (Szymkiewicz–Simpson
        of the worst pair), ``exclusive`` and ``exhaustive``: holds, refuted, but_for_few (fewer than
        ``fewest``), not_claimed, or not_testable: nothing says who the parent's customers are.
    """
    rows = []
    for parent, below in arrays(View(scheme, Say(language))):
        known = [item for item in below if item.id in membership]
        whole = membership.whole(scheme, parent.id)
        if not known or (whole is None and parent.id not in membership):
            continue
        testable = whole is not None
        whole = membership.extent(parent.id) if whole is None else whole
        n = int(whole.sum())
        if n < max(fewest, 1):
            continue
        inside = np.stack([membership.extent(item.id) & whole for item in known])
        times = inside.sum(axis=0)[whole]
        left = np.logical_or.reduce(
            [row for row, item in zip(inside, known, strict=True) if is_residual(item)] or [np.zeros_like(whole)]
        )
        covered = estimate_share(int((times > 0).sum()), n)
        sizes = inside.sum(axis=1)
        worst = max(
            (
                int((inside[i] & inside[j]).sum()) / max(min(sizes[i], sizes[j]), 1)
                for i, j in combinations(range(len(known)), 2)
            ),
            default=0.0,
        )
        gap, doubled = n - int((times > 0).sum()), int((times > 1).sum())
        told = covered if testable and (gap == 0 or gap >= fewest) else Estimate(np.nan, np.nan, np.nan, n)
        rows.append(
            {
                "parent": parent.name(language),
                "classes_count": len(known),
                "customers_count": n,
                "exhaustive_share": told.value,
                "low_share": told.low,
                "high_share": told.high,
                "residual_share": _few(int((left & whole).sum()), n, fewest),
                "overlap_share": _few(doubled, n, fewest),
                "largest_overlap": worst if doubled == 0 or doubled >= fewest else np.nan,
                "exclusive": _verdict(parent.exclusive, doubled, fewest),
                "exhaustive": _verdict(parent.exhaustive, gap, fewest) if testable else "not_testable",
            }
        )
    return pd.DataFrame(rows, columns=_ARRAY_COLUMNS)


_ARRAY_COLUMNS = ["parent", "classes_count", "customers_count", "exhaustive_share", "low_share", "high_share", "residual_share", "overlap_share", "largest_overlap", "exclusive", "exhaustive"]  # fmt: skip


def _few(count: int, n: int, fewest: int) -> float:
    return count / n if count == 0 or count >= fewest else np.nan


def _verdict(claimed: bool | None, against: int, fewest: int) -> str:
    if claimed is False:
        return "not_claimed"
    return "holds" if against == 0 else "refuted" if against >= fewest else "but_for_few"
