"""Two classifications in one: groups crossed, small ones put together."""

from __future__ import annotations

from typing import Any

import pandas as pd

from labkit.segments.errors import SegmentError
from labkit.segments.result import APART, OUTLIER, UNKNOWN, Segmentation

#: Fewer customers in a crossed group are put with the others of the first classification.
FEWEST_CROSSED = 20


def cross_segments(
    first: Segmentation, second: Segmentation, *, fewest: int = FEWEST_CROSSED, name: str = ""
) -> Segmentation:
    """Groups of one classification told apart by another.

    Parameters
    ----------
    first, second : Segmentation
        Of the same customers.
    fewest : int
        Crossed groups with fewer customers, and customers whom the second does not place, are the ``rest`` of
        their group of the first.
    name : str

    Returns
    -------
    Segmentation
        Certainty is the product; ``unknown`` where the first does not know. New customers are assigned by a pair: what the
        first and what the second was made of.

    Examples
    --------
    >>> from labkit.segments.social import classify_by
    >>> table = pd.DataFrame({"customer_id": list("abcd"), "settlement": ["urban", "urban", "rural", "rural"],
    ...                       "customer_class": ["public", "public", "public", "residential"]})
    >>> both = cross_segments(classify_by(table, "settlement"), classify_by(table, "customer_class"), fewest=1)
    >>> both.describe("zh")["group"].tolist()
    ['城区·公共事业', '农村·公共事业', '农村·居民']
    """
    if set(first.labels.index) != set(second.labels.index):
        raise SegmentError("second: it classifies other customers than the first; make both of the same customers")
    other = second.labels[first.labels.index]
    counts = _pairs(first.labels, other).value_counts()
    kept = set(counts.index[counts >= fewest])
    codes = [a for a in first.names if a not in APART]
    names = {f"{a}.{b}": _pair_name(first, a, second, b) for a in codes for b in second.names if f"{a}.{b}" in kept}
    names |= {f"{a}.rest": (f"{first.label(a)}, rest", f"{first.label(a, 'zh')}·其余") for a in codes}

    def place(labels: pd.Series, others: pd.Series) -> pd.Series:
        pair = _pairs(labels, others)
        code = pair.where(pair.isin(list(names)), labels.astype(str) + ".rest")
        apart = labels.isin(list(APART))
        return code.where(~apart, UNKNOWN).astype(object).rename("group")

    def assign(new: Any) -> tuple[pd.Series, pd.Series, pd.Series]:
        one, two = first.assign(new[0]), second.assign(new[1])
        two = two.reindex(one.index)
        labels = place(one["group"], two["group"].fillna(UNKNOWN))
        return labels, _certainty(one["certainty"], two["certainty"].fillna(0.0), labels), one["why"]

    labels = place(first.labels, other)
    certainty = _certainty(first.certainty, second.certainty[first.labels.index], labels)
    sizes = labels[labels != UNKNOWN].value_counts()
    profiles = pd.DataFrame(index=pd.Index([c for c in names if c in sizes.index]))
    why = first.why.reindex(labels.index).fillna("")
    settings = {"fewest": fewest, "first": first.name, "second": second.name}
    return Segmentation(
        name or f"{first.name} x {second.name}", labels, certainty, names, profiles, assign, why, settings
    )


def _pairs(first: pd.Series, second: pd.Series) -> pd.Series:
    known = ~second.isin([UNKNOWN, OUTLIER])
    return first.astype(str) + "." + second.astype(str).where(known, "rest")


def _pair_name(first: Segmentation, a: str, second: Segmentation, b: str) -> tuple[str, str]:
    return (f"{first.label(a)}, {second.label(b).lower()}", f"{first.label(a, 'zh')}·{second.label(b, 'zh')}")


def _certainty(one: pd.Series, two: pd.Series, labels: pd.Series) -> pd.Series:
    """Product of both; where only the first places the customer, its own."""
    rest = labels.astype(str).str.endswith(".rest")
    return (one * two.where(~rest, 1.0)).where(labels != UNKNOWN, 0.0).rename("certainty")
