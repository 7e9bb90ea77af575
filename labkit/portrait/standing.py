"""Where a customer stands among those of its class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.portrait.errors import PortraitError

#: Fewest others of a class beside whom a customer's place says something.
LEAST_PEERS = 10


def stand_among(people: pd.DataFrame, customer_id: str, by: str = "customer_class") -> pd.DataFrame:
    """Where a customer stands among the others of its class, figure by figure.

    Parameters
    ----------
    people : DataFrame
        Of `labkit.portrait.portrait`.
    customer_id : str
    by : str
        Column that says who is alike; customers without a value in it are alike.

    Returns
    -------
    DataFrame
        By column (all numbers the customer has a value in): ``value``; ``peers_count``: others of its
        class with a value; ``peers_median``: of these; ``below_share``: of these, those lower, half of
        those equal included (the mid-rank, so that the median customer stands at a half); ``alike_share``:
        those equal. Missing but for ``value`` and ``peers_count`` where there are fewer than 10 others.

    Raises
    ------
    PortraitError
        If there is no such customer, or no such column.

    Notes
    -----
    The class is everybody in it, no sample of it: places have no interval.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": list("ABCDEFGHIJKL"), "customer_class": "public", "billed_kwh": range(12)})
    >>> found = stand_among(people, "D").loc["billed_kwh"]
    >>> int(found["value"]), int(found["peers_count"]), round(float(found["below_share"]), 3)
    (3, 11, 0.273)
    """
    own = find_customer(people, customer_id)
    if by not in people:
        raise PortraitError(f"the portrait has no column {by}: name one that says which customers are alike")
    alike = people[by].isna() if pd.isna(own[by]) else people[by] == own[by]
    others = people[alike & (people["customer_id"] != customer_id)]
    rows = {}
    for name in people.columns:
        numeric = pd.api.types.is_numeric_dtype(people[name]) and not pd.api.types.is_bool_dtype(people[name])
        if numeric and pd.notna(own[name]):
            rows[name] = _place(float(own[name]), others[name].dropna().to_numpy(dtype=float))
    columns = ["value", "peers_count", "peers_median", "below_share", "alike_share"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _place(value: float, others: np.ndarray) -> tuple[float, int, float, float, float]:
    n = len(others)
    if n < LEAST_PEERS:
        return value, n, np.nan, np.nan, np.nan
    lower, equal = float((others < value).mean()), float((others == value).mean())
    return value, n, float(np.median(others)), lower + equal / 2, equal


def find_customer(people: pd.DataFrame, customer_id: str) -> pd.Series:
    """The row of a customer.

    Raises
    ------
    PortraitError
        If there is none, or several.
    """
    found = people[people["customer_id"] == customer_id]
    if len(found) != 1:
        raise PortraitError(
            f"{len(found)} rows of the portrait have the customer_id asked for, expected one: "
            "take it from the column customer_id"
        )
    return found.iloc[0]
