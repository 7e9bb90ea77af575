"""What a rule on one column covers, worked out from its text: whether classes can overlap or leave a gap."""

from __future__ import annotations

import math
from dataclasses import dataclass

from labkit.tags.rules import All, Among, Any, Between, Compare, Missing, Not, Rule, columns_of

#: A point of the number line: the value, and whether just before (-1), at (0) or just after (1) it.
_Point = tuple[float, int]
_LOW, _HIGH = (-math.inf, 0), (math.inf, 0)


@dataclass(frozen=True)
class Extent:
    """Values of one column: intervals of numbers, or words (listed, or all but those listed), and "missing".

    ``spans`` are pairs of cuts, in order and apart; a cut (5, -1) lies before 5, (5, 1) behind it.
    """

    spans: tuple[tuple[_Point, _Point], ...] = ()
    words: frozenset[str | bool] = frozenset()
    all_but: bool = False
    missing: bool = False

    @property
    def empty(self) -> bool:
        """Whether no value at all is in it."""
        return not self.spans and not self.words and not self.all_but and not self.missing


EVERYTHING = Extent(((_LOW, _HIGH),), frozenset(), all_but=True, missing=True)
KNOWN = Extent(((_LOW, _HIGH),), frozenset(), all_but=True, missing=False)


def extent_of(rule: Rule) -> Extent | None:
    """What a rule covers; None where it looks at several columns.

    Examples
    --------
    >>> both = meet(extent_of(Compare("x", "<", 5.0)), extent_of(Compare("x", ">=", 5.0)))
    >>> both.empty
    True
    """
    return None if len(columns_of(rule)) > 1 else _extent(rule)


def _extent(rule: Rule) -> Extent:
    """True part of a rule; a comparison is never true of what is missing, and neither is its negation."""
    if isinstance(rule, Not):
        inner = rule.part
        if isinstance(inner, Not):
            return _extent(inner.part)
        if isinstance(inner, Missing):
            return KNOWN
        if isinstance(inner, All):
            return _union([_extent(Not(part)) for part in inner.parts])
        if isinstance(inner, Any):
            return _all([_extent(Not(part)) for part in inner.parts])
        return meet(_complement(_extent(inner)), KNOWN)
    if isinstance(rule, All):
        return _all([_extent(part) for part in rule.parts])
    if isinstance(rule, Any):
        return _union([_extent(part) for part in rule.parts])
    if isinstance(rule, Missing):
        return Extent(missing=True)
    if isinstance(rule, Between):
        return Extent((((rule.low, -1), (rule.high, 1)),) if rule.low <= rule.high else ())
    if isinstance(rule, Among):
        return _union([_extent(Compare(rule.column, "=", value)) for value in rule.values])
    return _compare(rule)


def _compare(rule: Compare) -> Extent:
    value = rule.value
    if isinstance(value, bool):  # a flag has two values and no more
        return Extent(words=frozenset([value if rule.op == "=" else not value]))
    if isinstance(value, str):
        return Extent(words=frozenset([value]), all_but=rule.op == "!=")
    spans = {
        "=": [((value, -1), (value, 1))],
        "!=": [(_LOW, (value, -1)), ((value, 1), _HIGH)],
        "<": [(_LOW, (value, -1))],
        "<=": [(_LOW, (value, 1))],
        ">": [((value, 1), _HIGH)],
        ">=": [((value, -1), _HIGH)],
    }[rule.op]
    return Extent(tuple(spans))


def _complement(extent: Extent) -> Extent:
    spans, at = [], _LOW
    for low, high in extent.spans:
        if at < low:
            spans.append((at, low))
        at = high
    if at < _HIGH:
        spans.append((at, _HIGH))
    return Extent(tuple(spans), extent.words, not extent.all_but, not extent.missing)


def meet(a: Extent, b: Extent) -> Extent:
    """Values in both."""
    spans = [(max(l1, l2), min(h1, h2)) for l1, h1 in a.spans for l2, h2 in b.spans if max(l1, l2) < min(h1, h2)]
    if a.all_but and b.all_but:
        words, all_but = a.words | b.words, True
    elif a.all_but or b.all_but:
        listed, others = (b, a) if a.all_but else (a, b)
        words, all_but = listed.words - others.words, False
    else:
        words, all_but = a.words & b.words, False
    return Extent(tuple(sorted(spans)), words, all_but, a.missing and b.missing)


def join(a: Extent, b: Extent) -> Extent:
    """Values in either."""
    return _complement(meet(_complement(a), _complement(b)))


def leftover(whole: Extent, part: Extent) -> Extent:
    """Values of the whole that are not in the part; what is missing is left out."""
    return meet(meet(whole, _complement(part)), KNOWN)


def _union(parts: list[Extent]) -> Extent:
    found = Extent()
    for part in parts:
        found = join(found, part)
    return found


def _all(parts: list[Extent]) -> Extent:
    found = EVERYTHING
    for part in parts:
        found = meet(found, part)
    return found


def describe(extent: Extent) -> str:
    """An extent in words, shortened.

    Examples
    --------
    >>> describe(extent_of(Between("x", 1.0, 2.0)))
    '1 to 2'
    """
    told = []
    for (low, before), (high, behind) in extent.spans[:3]:
        left = "" if low == -math.inf else f"{'from' if before < 0 else 'above'} {low:g}"
        right = "" if high == math.inf else f"{'to' if behind > 0 else 'below'} {high:g}"
        both = before < 0 < behind and math.isfinite(low) and math.isfinite(high)
        told.append(
            f"{low:g}"
            if both and low == high
            else f"{low:g} to {high:g}"
            if both
            else f"{left} {right}".strip() or "any number"
        )
    if extent.words or extent.all_but:
        listed = ", ".join(sorted(map(str, extent.words))[:4])
        told.append((f"any but {listed}" if listed else "any word") if extent.all_but else listed)
    return "; ".join(told) or ("missing" if extent.missing else "nothing")
