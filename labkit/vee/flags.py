"""What the checks say of each customer, beside whatever else is known of it."""

from __future__ import annotations

import pandas as pd

from labkit.vee.coverage import Coverage
from labkit.vee.declared import SEVERITIES, checks
from labkit.vee.thresholds import VeeError


def with_flags(features: pd.DataFrame, suspects: pd.DataFrame, coverage: Coverage | None = None) -> pd.DataFrame:
    """Features or a portrait, with what the checks of meter data say of each customer.

    Parameters
    ----------
    features : DataFrame
        A row a customer, with ``customer_id``: of `labkit.profiles.load_features`, `labkit.portrait.portrait`, or another.
    suspects : DataFrame
        Of `find_suspects`.
    coverage : Coverage, optional
        Of `measure_coverage`.

    Returns
    -------
    DataFrame
        A copy with ``quality_flag``: the gravest that was found (``error``, ``warning``, ``note``, or ``none``),
        ``quality_checks``: which checks, joined by spaces, and with a coverage ``coverage_share`` (where it is not there yet)
        and ``sufficient_data``, missing for customers of whom nothing was expected.

    Raises
    ------
    VeeError
        If there is no ``customer_id``, or a check is not known.

    Examples
    --------
    >>> features = pd.DataFrame({"customer_id": ["A", "B"]})
    >>> found = pd.DataFrame({"check": ["spike", "gap"], "customer_id": ["A", "A"]})
    >>> with_flags(features, found)[["quality_flag", "quality_checks"]].values.tolist()
    [['warning', 'gap spike'], ['none', '']]
    """
    if "customer_id" not in features:
        raise VeeError("the table has no customer_id: a row a customer was expected")
    unknown = sorted(set(suspects["check"]) - set(checks()))
    if unknown:
        raise VeeError(f"the suspects name {unknown[0]!r}, which is no check; there are {', '.join(checks())}")
    order = {name: at for at, name in enumerate(checks())}
    pairs = suspects[["customer_id", "check"]].drop_duplicates()
    pairs = pairs.assign(
        place=pairs["check"].map(order), grave=[SEVERITIES.index(checks()[c].severity) for c in pairs["check"]]
    )
    by_customer = pairs.sort_values("place").groupby("customer_id")
    flags = by_customer["grave"].min().map(dict(enumerate(SEVERITIES)))
    ids = by_customer["check"].agg(" ".join)
    who = features["customer_id"]
    found = features.assign(
        quality_flag=who.map(flags).fillna("none").astype(object), quality_checks=who.map(ids).fillna("").astype(object)
    )
    if coverage is None:
        return found
    table = coverage.table.set_index("customer_id")
    if "coverage_share" not in found:
        found["coverage_share"] = who.map(table["coverage_share"]).astype(float)
    if "sufficient_data" in table:
        found["sufficient_data"] = who.map(table["sufficient_data"]).astype("boolean")
    return found
