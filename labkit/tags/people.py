"""What people's own tags add to the rules: which of their words the library says already, and which it cannot say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.estimates import estimate_share
from labkit.tags.membership import Membership
from labkit.tags.scheme import Scheme
from labkit.tags.words import normalise_word, synonyms_of
from labkit.terms import Language

_COLUMNS = [
    "tag",
    "customers_count",
    "class_name",
    "inside_share",
    "low_share",
    "high_share",
    "base_share",
    "lift",
    "known",
]


def match_words(
    people: Membership, rules: Membership, scheme: Scheme, *, fewest: int = 10, language: Language = "en"
) -> pd.DataFrame:
    """Each word beside the class of the library that its customers fit best.

    Parameters
    ----------
    people : Membership
        Of people's own tags.
    rules : Membership
        Of the library, the same customers.
    scheme : Scheme
        The library.
    fewest : int
        Customers below which a word is left out.
    language : {"en", "zh"}

    Returns
    -------
    DataFrame
        ``tag``; ``customers_count``; ``class_name``: the class it fits best;
        ``inside_share`` of the word's customers in it, with ends (Wilson); ``base_share``
        of all customers in it; ``lift`` of the one over the other; ``known``: whether the word is a name or alias of a class.

    Notes
    -----
    People tag some customers, not all whom a word fits, so how much of the class has the
    word says nothing. The class is the one whose share, at its lower end, goes furthest
    from the base share towards one: few customers, or a class of nearly all, prove little.
    """
    n = len(rules.customer_ids)
    names = synonyms_of(scheme)
    base = rules.counts.to_numpy() / n
    table = rules.matrix.astype(np.int32)
    if not len(rules.tags):
        return pd.DataFrame(columns=_COLUMNS)
    useful = (base > 0) & (base < 1) & np.array([bool(scheme[t].rule) for t in rules.tags])
    rows = []
    for tag in people.tags:
        own = people.extent(tag)
        size = int(own.sum())
        if size < fewest:
            continue
        inside = np.asarray(table.T @ own.astype(np.int32)).ravel()
        low = np.array([estimate_share(int(h), size).low for h in inside])
        gain = np.where(useful, (low - base) / np.where(useful, 1 - base, 1.0), -1.0)
        at = int(gain.argmax())
        share = estimate_share(int(inside[at]), size)
        rows.append(
            {
                "tag": tag,
                "customers_count": size,
                "class_name": _full_name(scheme, rules.tags[at], language),
                "inside_share": share.value,
                "low_share": share.low,
                "high_share": share.high,
                "base_share": base[at],
                "lift": share.value / base[at],
                "known": normalise_word(tag) in names,
            }
        )
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    return frame.sort_values("customers_count", ascending=False, kind="stable", ignore_index=True)


def _full_name(scheme: Scheme, id: str, language: Language) -> str:
    """A class with its facet: "1 to 5 days" alone says nothing."""
    item = scheme[id]
    if item.facet not in scheme:
        return item.name(language)
    return f"{scheme[item.facet].name(language)}{'：' if language == 'zh' else ': '}{item.name(language)}"


def tagged_share(people: Membership, rules: Membership) -> float:
    """Share of the customers of the library who have at least one of people's tags."""
    return float((people.matrix.sum(axis=1) > 0).mean()) if len(rules.customer_ids) else float("nan")
