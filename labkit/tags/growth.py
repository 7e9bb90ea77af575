"""What a method costs as attributes and tags are added."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.tags.association import facet_labels
from labkit.tags.membership import Membership
from labkit.tags.scheme import Scheme
from labkit.tags.taggings import HeapsLaw


def facets_of(scheme: Scheme) -> dict[str, tuple[str, ...]]:
    """Facets of a scheme with their classes that have rules."""
    return {name: tuple(item.id for item in items) for name, items in scheme.facets.items()}


def grow_marks(scheme: Scheme, membership: Membership, *, least: int = 1) -> pd.DataFrame:
    """Class marks each method needs as facets are added one by one, the most telling first.

    Parameters
    ----------
    scheme : Scheme
        With facets.
    membership : Membership
    least : int
        Customers from which a combination counts as needed.

    Returns
    -------
    DataFrame
        ``attributes_count``, ``facet`` added, ``enumerative_count``: every combination
        (the product); ``needed_count``: combinations that occur among the customers;
        ``faceted_count``: the sum; ``customers_per_class``: of the combinations needed.

    Notes
    -----
    Facets are added by how many new combinations each makes, largest first. Customers
    with no class in a facet count as one class more there.
    """
    labels = {name: facet_labels(membership, tags) for name, tags in facets_of(scheme).items()}
    sizes = {name: sum(tag in membership for tag in tags) for name, tags in facets_of(scheme).items()}
    codes = np.zeros(len(membership.customer_ids), dtype=np.int64)
    rest, rows = [name for name in labels if sizes[name] > 1], list[tuple]()
    product, total = 1.0, 0
    while rest:
        gains = [len(np.unique(codes * (sizes[name] + 1) + labels[name])) for name in rest]
        name = rest.pop(int(np.argmax(gains)))
        codes = np.unique(codes * (sizes[name] + 1) + labels[name], return_inverse=True)[1]
        _, counts = np.unique(codes, return_counts=True)
        product, total = product * sizes[name], total + sizes[name]
        needed = int((counts >= least).sum())
        rows.append((len(rows) + 1, name, product, needed, total, len(codes) / max(len(counts), 1)))
    return pd.DataFrame(
        rows,
        columns=[
            "attributes_count",
            "facet",
            "enumerative_count",
            "needed_count",
            "faceted_count",
            "customers_per_class",
        ],
    )


def turning_points(growth: pd.DataFrame, law: HeapsLaw | None = None, most: int = 1000) -> dict[str, float]:
    """Where one method begins to cost more than another.

    Parameters
    ----------
    growth : DataFrame
        Of `grow_marks`.
    law : HeapsLaw, optional
        Of people's own tags.
    most : int
        Classes beyond which nobody keeps a list in order.

    Returns
    -------
    dict
        ``enumerative_over_faceted``: attributes from which the product exceeds the sum
        (and stays above); ``enumerative_too_many``: attributes from which it exceeds
        ``most``; ``needed_too_many``: the same for combinations that occur;
        ``folksonomy_over_faceted``: taggings after which people's words outnumber the
        facets' classes. Missing where it does not happen.
    """
    over = growth["enumerative_count"] > growth["faceted_count"]
    found = {
        "enumerative_over_faceted": _first(growth, over),
        "enumerative_too_many": _first(growth, growth["enumerative_count"] > most),
        "needed_too_many": _first(growth, growth["needed_count"] > most),
    }
    if law is not None and law.beta > 0 and np.isfinite(law.k) and len(growth):
        found["folksonomy_over_faceted"] = float((growth["faceted_count"].iloc[-1] / law.k) ** (1 / law.beta))
    return found


def _first(growth: pd.DataFrame, over: pd.Series) -> float:
    return float(growth.loc[over, "attributes_count"].iloc[0]) if over.any() else np.nan
