"""Tags and segments of a customer: people's own from the data, others as their methods give them (标签)."""

from __future__ import annotations

from collections.abc import Mapping

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from labkit.lab import Lab
from labkit.portrait.columns import SEGMENT_PREFIX
from labkit.portrait.errors import PortraitError


def count_taggings(lab: Lab) -> ir.Table:
    """How often people tagged each customer, and in how many words: the columns whose source is ``taggings``."""
    taggings = lab.taggings
    return taggings.group_by("customer_id").aggregate(
        taggings_count=taggings.count(), tag_words_count=taggings.tag.nunique()
    )


def with_tags(people: pd.DataFrame, membership: pd.DataFrame) -> pd.DataFrame:
    """A portrait with the tags of each customer.

    Parameters
    ----------
    people : DataFrame
        Of `labkit.portrait.portrait`.
    membership : DataFrame
        A row a customer and tag (``customer_id``, ``tag``), such as
        `labkit.tags.Membership.to_frame` gives; or one boolean column a tag, by customer_id
        (as the index or a column).

    Returns
    -------
    DataFrame
        A copy with ``tags_count`` and ``tag_ids`` (joined by spaces, in the order given). Of a row
        a customer and tag, customers without a row have none; of boolean columns, customers without
        a row are not known.

    Raises
    ------
    PortraitError
        If there are neither such columns, or a customer stands twice.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["A", "B", "C"]})
    >>> found = pd.DataFrame({"S1": [True, False], "V2": [True, True]}, index=["A", "B"])
    >>> with_tags(people, found)["tag_ids"].tolist()
    ['S1 V2', 'V2', nan]
    """
    if {"customer_id", "tag"} == set(membership.columns):
        pairs, asked = membership.drop_duplicates(), pd.Index(people["customer_id"])
    else:
        pairs, asked = _pairs_of(membership)
    by_customer = pairs.groupby("customer_id", sort=False)["tag"]
    counts = by_customer.size().reindex(asked, fill_value=0)
    ids = by_customer.agg(lambda tags: " ".join(map(str, tags))).reindex(asked, fill_value="")
    who = people["customer_id"]
    return people.assign(tags_count=who.map(counts).astype("Int64"), tag_ids=who.map(ids).astype(object))


def _pairs_of(membership: pd.DataFrame) -> tuple[pd.DataFrame, pd.Index]:
    """Boolean columns as a row a customer and tag, and whom they say anything of."""
    wide = membership.set_index("customer_id") if "customer_id" in membership else membership
    if wide.index.has_duplicates:
        raise PortraitError("the membership has a customer twice: a row a customer was expected; drop one")
    wrong = [name for name in wide.columns if not pd.api.types.is_bool_dtype(wide[name])]
    if wrong:
        raise PortraitError(
            f"the membership's column {wrong[0]!r} holds no yes or no: expected customer_id and tag, or a boolean column a tag"
        )
    row, column = np.nonzero(wide.to_numpy(dtype=bool))
    tags = wide.columns.to_numpy(dtype=object)[column]
    return pd.DataFrame({"customer_id": wide.index.to_numpy()[row], "tag": tags}), wide.index


def with_segments(people: pd.DataFrame, labels: Mapping[str, pd.Series]) -> pd.DataFrame:
    """A portrait with the segment of each customer, a column ``segment_<name>`` a classification.

    Parameters
    ----------
    people : DataFrame
        Of `labkit.portrait.portrait`.
    labels : mapping of str to Series
        Name of a classification -> code or name of the segment by customer_id, such as the
        ``labels`` of a `labkit.segments.Segmentation`.

    Raises
    ------
    PortraitError
        If a classification has a customer twice, or none of the customers.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["A", "B"]})
    >>> with_segments(people, {"value": pd.Series({"A": "large"})})["segment_value"].fillna("").tolist()
    ['large', '']
    """
    added = {}
    for name, label in labels.items():
        if label.index.has_duplicates:
            raise PortraitError(f"the labels of {name!r} have a customer twice: one label a customer was expected")
        found = people["customer_id"].map(label)
        if len(people) and found.isna().all():
            raise PortraitError(f"the labels of {name!r} know none of the customers: index them by customer_id")
        added[f"{SEGMENT_PREFIX}{name}"] = found.astype(object)
    return people.assign(**added)
