"""Tags as a manager reads them: methods in columns, checks in rows, small counts left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from labkit import privacy, terms
from labkit.tags.association import entropy_bits
from labkit.tags.catalogue import Query
from labkit.tags.checks import CHECKS
from labkit.tags.compare import Comparison
from labkit.tags.membership import Membership
from labkit.tags.scheme import Scheme
from labkit.terms import Language

#: Measures by what they are about, for the tables of the comparison.
GROUPS = {
    "rules": ("exhaustiveness", "residual_share", "overlap_share", "largest_overlap", "one_criterion_share", "orphan_share", "flow_hierarchy"),
    "cost": ("classes_count", "product_count", "depth", "branching", "single_child_share", "arborescence", "reaching_centrality", "choices_count", "classes_read_count"),
    "use": ("f1", "clicks", "stuck_share", "left_over", "information_bits", "left_bits", "told_apart_bits", "tags_per_customer"),
}  # fmt: skip
_SHARES = (
    "stuck_share",
    "residual_share",
    "exhaustiveness",
    "overlap_share",
    "largest_overlap",
    "one_criterion_share",
    "single_child_share",
    "orphan_share",
)
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_ORDER = ("error", "warning", "note")


def summarise_methods(comparison: Comparison, group: str, language: Language) -> pd.DataFrame:
    """Measures in rows, methods in columns, each figure with its interval where it has one.

    Parameters
    ----------
    comparison : Comparison
    group : {"rules", "cost", "use"}
    language : {"en", "zh"}

    Returns
    -------
    DataFrame
        ``measure`` and a column of text a method.
    """
    rows = []
    for measure in GROUPS[group]:
        row = {"measure": measure}
        for method in comparison.retrieval:
            found = comparison.value(measure, method)
            row[method] = _told(measure, (found.value, found.low, found.high), language)
        rows.append(row)
    return pd.DataFrame(rows)


def _told(measure: str, values: tuple[float, float, float], language: Language) -> str:
    value, low, high = (_number(measure, v) for v in values)
    if pd.isna(values[0]):
        return "–"
    if pd.isna(values[1]):
        return value
    return f"{value}（{low}～{high}）" if language == "zh" else f"{value} ({low} to {high})"


def _number(measure: str, value: float) -> str:
    if measure in _SHARES:
        return f"{100 * value:.1f}%"
    if abs(value) >= 1e6:
        digits = len(f"{value:.0f}") - 1
        return f"{value / 10**digits:.1f}×10{str(digits).translate(_RAISED)}"
    return f"{value:,.0f}" if float(value).is_integer() and measure not in ("f1",) else f"{value:,.2f}"


def summarise_findings(found: pd.DataFrame, language: Language) -> pd.DataFrame:
    """What checks found, a row a check: ``check``, ``asks``, ``severity``, ``findings_count``; errors first."""
    counts = found.groupby("check").size()
    rows = [
        (
            name,
            CHECKS[name].explain(language) if name in CHECKS else name,
            found.loc[found["check"] == name, "severity"].iloc[0],
            int(n),
        )
        for name, n in counts.items()
    ]
    frame = pd.DataFrame(rows, columns=["check", "asks", "severity", "findings_count"])
    frame["_order"] = frame["severity"].map({name: i for i, name in enumerate(_ORDER)})
    return frame.sort_values(
        ["_order", "findings_count"], ascending=[True, False], kind="stable", ignore_index=True
    ).drop(columns="_order")


def list_findings(found: pd.DataFrame, most: int = 12, each: int = 4) -> pd.DataFrame:
    """The gravest findings one by one: ``severity``, ``why``, ``repair``; a few of each check."""
    ordered = found.assign(_order=found["severity"].map({name: i for i, name in enumerate(_ORDER)}))
    ordered = ordered.sort_values("_order", kind="stable")
    few = ordered[ordered.groupby("check").cumcount() < each]
    return few[["severity", "why", "repair"]].head(most).reset_index(drop=True)


def tell_queries(
    comparison: Comparison, queries: tuple[Query, ...], language: Language, schemes: Mapping[str, Scheme] | None = None
) -> pd.DataFrame:
    """Each query with how well each method answers it: ``query``, ``customers_count``, a column of F1 a method."""
    texts = {query.id: query.text(language) for query in queries}
    tables = {name: found.by_query.set_index("query") for name, found in comparison.retrieval.items()}
    first = next(iter(tables.values()))
    frame = pd.DataFrame(
        {"query": [texts.get(q, q) for q in first.index], "customers_count": first["customers_count"].to_numpy()}
    )
    for name, table in tables.items():
        frame[name] = table.loc[first.index, "f1"].to_numpy()
    return frame


def summarise_proof(proof: pd.DataFrame) -> pd.DataFrame:
    """Class arrays whose claims the customers refute, worst first; of the rest nothing is to be told."""
    refuted = proof[(proof["exclusive"] == "refuted") | (proof["exhaustive"] == "refuted")]
    return refuted.sort_values("exhaustive_share", kind="stable", ignore_index=True)


def count_claims(proofs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Claims that hold, by method: ``method``, ``arrays_count``, ``exclusive_count`` and ``exhaustive_count`` claimed, each with those that hold."""
    rows = []
    for method, proof in proofs.items():
        row: dict[str, object] = {"method": method, "arrays_count": len(proof)}
        for claim in ("exclusive", "exhaustive"):
            claimed = proof[proof[claim] != "not_claimed"]
            row[f"{claim}_claimed_count"] = len(claimed)
            row[f"{claim}_held_count"] = int((claimed[claim] == "holds").sum())
        rows.append(row)
    return pd.DataFrame(rows)


def method_names(methods: Mapping[str, object], language: Language) -> dict[str, str]:
    """Titles of the methods compared."""
    return {name: terms.category("method", name, language) for name in methods}


def main_classes(scheme: Scheme) -> Scheme:
    """The tree of a scheme without its facets and what only groups them."""
    dropped = {item.id for item in scheme.classes.values() if item.facet}
    dropped |= {scheme[id].facet for id in dropped}
    kept = [id for id in scheme.classes if id not in dropped]
    # What is left of the groups has no rule, and nothing with a rule under it.
    ruled = {id for id in kept if scheme[id].rule}
    needed = ruled | {above for id in ruled for above in scheme.ancestors(id) if scheme[above].rule}
    return scheme.subset([id for id in kept if id in needed] if ruled else kept)


def tell_counts(membership: Membership, scheme: Scheme, fewest: int) -> dict[str, float]:
    """Customers of each class as may be shown: of few, and of the smallest sibling that would give them away, missing."""
    counts = {id: float(membership.counts[id]) for id in scheme.classes if id in membership}
    for below in scheme.children.values():
        known = [id for id in below if id in counts]
        table = pd.DataFrame({"id": known, "n": [counts[id] for id in known]})
        shown = privacy.suppress_small_cells(table, count="n", values=[], minimum=fewest)
        counts |= dict(zip(known, shown["n"], strict=True))
    return counts


def list_classes(scheme: Scheme, counts: Mapping[str, float], language: Language) -> pd.DataFrame:
    """Classes in order: ``class_name``, ``parent`` (its name), ``rule``, ``customers_count``."""
    rows = [
        (
            item.name(language),
            ", ".join(scheme[p].name(language) for p in item.parents if p in scheme) or "–",
            item.rule,
            counts.get(item.id),
        )
        for item in scheme.classes.values()
    ]
    frame = pd.DataFrame(rows, columns=["class_name", "parent", "rule", "customers_count"])
    return frame.astype({"customers_count": float})


def most_telling(shares: pd.DataFrame, most: int) -> pd.DataFrame:
    """The facets of highest entropy, the most telling first.

    Parameters
    ----------
    shares : DataFrame
        Of `facet_shares`.
    most : int
    """
    bits = {}
    for facet, part in shares.groupby("facet"):
        rest = max(1 - part["share"].sum(), 0.0)  # in no class, or in one of few
        bits[str(facet)] = entropy_bits(np.append(part["share"].to_numpy(), rest))
    order = sorted(bits, key=lambda facet: (-bits[facet], facet))[:most]
    return pd.concat([shares[shares["facet"] == facet] for facet in order], ignore_index=True) if order else shares


def round_trip(scheme: Scheme, folder: Path) -> bool:
    """Whether a scheme written as SKOS and read again has the same classes, parents, names and rules."""
    scheme.write(folder / "scheme.ttl")
    again = Scheme.read(folder / "scheme.ttl")
    return set(again.classes) == set(scheme.classes) and all(
        (set(a.parents), a.rule, set(a.labels)) == (set(b.parents), b.rule, set(b.labels))
        for a, b in ((again[id], item) for id, item in scheme.classes.items())
    )


def facet_shares(scheme: Scheme, membership: Membership, *, fewest: int = 1, language: Language = "en") -> pd.DataFrame:
    """Shares of the customers in each class of each facet.

    Returns
    -------
    DataFrame
        ``facet`` and ``class_name`` as told, ``customers_count``, ``share``; classes of fewer
        than ``fewest`` customers are left out, with the next smallest of their facet where one alone could be worked out.
    """
    n, rows = len(membership.customer_ids), []
    for facet in dict.fromkeys(item.facet for item in scheme.classes.values() if item.facet and item.id in membership):
        tags = [i.id for i in scheme.classes.values() if i.facet == facet and i.id in membership]
        counts = membership.counts[tags]
        small = counts.index[(counts > 0) & (counts < fewest)]
        hidden = set(small)
        if (len(small) and counts[small].sum() < fewest) or len(small) == 1:
            rest = counts[(counts >= fewest)]
            hidden |= set(rest.index[[int(rest.argmin())]]) if len(rest) else set()
        title = scheme[facet].name(language) if facet in scheme else facet
        rows += [(title, scheme[t].name(language), int(c), c / n) for t, c in counts.items() if c and t not in hidden]
    return pd.DataFrame(rows, columns=["facet", "class_name", "customers_count", "share"])
