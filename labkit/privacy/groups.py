"""Groups of customers as a report may show them: small ones hidden, and what would give them away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from labkit.privacy.cells import hide_cells
from labkit.privacy.limits import (
    MAX_SHARE_AMOUNT,
    MIN_CUSTOMERS,
    MIN_CUSTOMERS_AMOUNT,
    MIN_CUSTOMERS_RESIDENTIAL,
    MIN_DOUBT_AMOUNT,
)


def suppress_small_cells(
    frame: pd.DataFrame,
    *,
    count: str,
    values: Sequence[str],
    minimum: int = MIN_CUSTOMERS,
    total: bool = True,
    telling: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Hide what rests on too few customers, and what would give it away.

    Parameters
    ----------
    frame : DataFrame
        One row a cell, with the number of distinct customers.
    count : str
        Column with that number.
    values : sequence of str
        Columns to hide in a small row.
    minimum : int
        Fewest customers that may be shown.
    total : bool
        Whether a total over the rows is shown elsewhere: then one hidden row
        could be worked out, and the next smallest is hidden with it.
    telling : sequence of str, optional
        Columns from which its number follows, such as a share: of the one hidden with it only
        these are hidden. All of `values` by default.

    Returns
    -------
    DataFrame
        A copy; hidden counts and values are missing.

    Examples
    --------
    >>> cells = pd.DataFrame({"n": [40, 12, 3], "kwh": [9.0, 4.0, 1.0]})
    >>> suppress_small_cells(cells, count="n", values=["kwh"])["n"].tolist()
    [40.0, nan, nan]
    """
    shown = frame.copy()
    counts = shown[count].to_numpy(dtype=float)
    hidden = (counts > 0) & (counts < minimum)
    small = hidden.copy()
    if total and hidden.any() and counts[hidden].sum() < minimum:
        rest = np.where(hidden | (counts <= 0), np.inf, counts)
        if np.isfinite(rest).any():
            hidden[int(rest.argmin())] = True
    for column in (count, *values):
        gone = hidden if telling is None or column in (count, *telling) else small
        shown[column] = shown[column].astype(float).where(~gone)
    return shown


def hide_near_whole(
    frame: pd.DataFrame, whole: int, *, count: str, values: Sequence[str] = (), minimum: int = MIN_CUSTOMERS
) -> pd.DataFrame:
    """Hide counts that leave out only a few of a whole that is known: how few would follow.

    Examples
    --------
    >>> known = pd.DataFrame({"table": ["bills", "surveys"], "n": [1996, 1020]})
    >>> hide_near_whole(known, 2000, count="n")["n"].tolist()
    [nan, 1020.0]
    """
    shown = frame.copy()
    counts = shown[count].to_numpy(dtype=float)
    near = (whole - counts > 0) & (whole - counts < minimum) | (counts > 0) & (counts < minimum)
    for column in (count, *values):
        if near.any():
            shown[column] = shown[column].astype(float).where(~near)
    return shown


def amount_may_be_shown(customers: int, largest_share: float, *, residential: bool = False) -> bool:
    """Whether an energy or money total may be shown (the 15/15 rule).

    Parameters
    ----------
    customers : int
        Distinct customers behind the total.
    largest_share : float
        Share of the largest of them in the total, 0..1.
    residential : bool
        Residential totals need 100 customers.

    Examples
    --------
    >>> amount_may_be_shown(40, 0.10), amount_may_be_shown(40, 0.22), amount_may_be_shown(40, 0.1, residential=True)
    (True, False, False)
    """
    fewest = MIN_CUSTOMERS_RESIDENTIAL if residential else MIN_CUSTOMERS_AMOUNT
    return customers >= fewest and largest_share <= MAX_SHARE_AMOUNT


def largest_dominate(
    amounts: Sequence[float], *, count: int = 2, share: float = 0.9, p: float = MIN_DOUBT_AMOUNT
) -> bool:
    """Whether a few customers make up an amount, so that one of them could work out another's.

    The (n, k) rule: the `count` largest have more than `share` of it. The p % rule: what is left
    without the two largest is less than `p` of the largest, so the second knows it that closely.

    Examples
    --------
    >>> largest_dominate([50, 45, 4, 1]), largest_dominate([30, 25, 25, 20])
    (True, False)
    """
    sizes = np.sort(np.asarray(amounts, dtype=float))[::-1]
    total = float(sizes.sum())
    if total <= 0:
        return False
    return bool(sizes[:count].sum() > share * total or total - sizes[:2].sum() < p * sizes[0])


def hide_amounts(
    amounts: pd.Series,
    groups: pd.DataFrame,
    *,
    residential: Sequence[bool] | None = None,
    also: np.ndarray | None = None,
) -> np.ndarray:
    """Which amounts of groups to hide beside their total: by the 15/15 rule, and where one could be worked out.

    Parameters
    ----------
    amounts : Series
        Energy or money of each group; missing counts as none.
    groups : DataFrame
        ``customers_count`` and ``largest_share`` of the largest customer in each amount.
    residential : sequence of bool, optional
        Groups of homes, whose amounts need 100 customers.
    also : ndarray of bool, optional
        Others to hide in any case.

    Examples
    --------
    >>> ages = pd.DataFrame({"customers_count": [90, 4, 60], "largest_share": [0.05, 0.9, 0.1]})
    >>> hide_amounts(pd.Series([9e4, 1e4, 2e4]), ages)
    array([False,  True,  True])
    """
    known = amounts.fillna(0.0).to_numpy(dtype=float)
    closed = ~_may_show_amounts(groups, residential)
    closed = closed if also is None else closed | also
    doubt = _doubt_wanted(amounts, groups["largest_share"])
    whole = [(len(known), list(range(len(known))))]
    return hide_cells(
        np.append(known, known.sum()), whole, hidden=np.append(closed, False), slack=np.append(doubt, 0.0)
    )[:-1]


def suppress_groups(
    groups: pd.DataFrame, *, residential: Sequence[bool] | None = None, minimum: int = MIN_CUSTOMERS
) -> pd.DataFrame:
    """Groups of customers with their energy, as a report may show them beside their totals.

    Parameters
    ----------
    groups : DataFrame
        ``customers_count``, ``energy_kwh``, ``share``, ``largest_share`` (of the
        largest customer within the group) and any other figures.
    residential : sequence of bool, optional
        Groups of homes, whose energy needs 100 customers.
    minimum : int
        1 switches everything off (data declared open).

    Returns
    -------
    DataFrame
        Without ``largest_share``: small groups are hidden whole, energy (and what is
        weighted by it) also by the 15/15 rule, and others where one could be worked out.
        What is hidden stands last, by name, so that its place tells nothing.
    """
    if minimum <= 1:
        return groups.drop(columns="largest_share")
    sums = [(len(groups), list(range(len(groups))))]
    counts = groups["customers_count"]
    few = hide_cells(np.append(counts, counts.sum()), sums, minimum=minimum)[:-1]
    closed = hide_amounts(groups["energy_kwh"], groups, residential=residential, also=few)
    return _hide(groups, few, closed)


def suppress_linked_groups(
    tables: Mapping[str, pd.DataFrame],
    people: pd.DataFrame,
    *,
    residential: Mapping[str, Sequence[bool]] | None = None,
    minimum: int = MIN_CUSTOMERS,
) -> dict[str, pd.DataFrame]:
    """Several tables of the same customers, such as by class and by segment, hidden together.

    What one table hides could follow from another: the large industry from the whole of
    industry and the small. And who is in no group follows from the number of all.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables as of `suppress_groups`, by the column that groups them, which comes first in each.
    people : DataFrame
        A row a customer with these columns (missing: in no group) and ``energy_kwh`` or ``billed_kwh``.
    residential : mapping of str to sequence of bool, optional
        Groups of homes in each table.
    minimum : int
        1 switches everything off (data declared open).
    """
    if minimum <= 1:
        return {name: groups.drop(columns="largest_share") for name, groups in tables.items()}
    energy = people["energy_kwh"] if "energy_kwh" in people else people["billed_kwh"]
    crossed = pd.DataFrame({name: people[name].fillna("unknown") for name in tables})
    crossed = crossed.assign(customers_count=1, energy_kwh=energy.fillna(0.0))
    inner = crossed.groupby(list(tables), observed=True)[["customers_count", "energy_kwh"]].sum().reset_index()
    counts, amounts = inner["customers_count"].to_numpy(dtype=float), inner["energy_kwh"].to_numpy(dtype=float)
    published, sums, places = [False] * len(inner), list[tuple[int, list[int]]](), dict[str, list[int]]()
    for name, groups in tables.items():
        members = [np.flatnonzero(inner[name] == code).tolist() for code in groups[groups.columns[0]]]
        apart = sorted(set(range(len(inner))) - {i for part in members for i in part})
        start = len(published)
        places[name] = list(range(start, start + len(members)))
        sums += [(start + i, part) for i, part in enumerate([*members, apart])]
        published += [True] * len(members) + [False]
    sums.append((len(published), list(range(len(inner)))))  # all customers
    shown, whole = np.array([*published, True]), [len(published)]
    counts, amounts = (_totalled(x, sums) for x in (counts, amounts))
    few = hide_cells(counts, sums, published=shown, margins=whole, minimum=minimum)
    closed, doubt = few.copy(), np.zeros(len(few))
    for name, groups in tables.items():
        doubt[places[name]] = _doubt_wanted(groups["energy_kwh"], groups["largest_share"])
        closed[places[name]] |= ~_may_show_amounts(groups, (residential or {}).get(name))
    closed = hide_cells(amounts, sums, hidden=closed, slack=doubt, published=shown, margins=whole)
    return {name: _hide(groups, few[places[name]], closed[places[name]]) for name, groups in tables.items()}


def _totalled(inner: np.ndarray, sums: Sequence[tuple[int, list[int]]]) -> np.ndarray:
    whole = np.zeros(len(inner) + len(sums))
    whole[: len(inner)] = inner
    for total, parts in sums:
        whole[total] = inner[parts].sum()
    return whole


def _doubt_wanted(amounts: pd.Series, largest_share: pd.Series) -> np.ndarray:
    """How much larger a hidden amount must seem possible, for its largest customer's sake."""
    return MIN_DOUBT_AMOUNT * (largest_share * amounts).fillna(0.0).to_numpy(dtype=float)


def _may_show_amounts(groups: pd.DataFrame, residential: Sequence[bool] | None) -> np.ndarray:
    homes = [False] * len(groups) if residential is None else list(residential)
    kept = zip(groups["customers_count"], groups["largest_share"], homes, strict=True)
    # The amount of nobody tells nothing.
    return np.array([n == 0 or amount_may_be_shown(int(n), top, residential=home) for n, top, home in kept], dtype=bool)


def _hide(groups: pd.DataFrame, few: np.ndarray, closed: np.ndarray) -> pd.DataFrame:
    shown = groups.drop(columns="largest_share")
    for column in shown.columns[1:]:
        gone = few | closed if column in ("energy_kwh", "share", "peak_share") else few
        shown[column] = shown[column].astype(float).where(~gone)
    hidden = shown["share"].isna()
    return pd.concat([shown[~hidden], shown[hidden].sort_values(shown.columns[0])], ignore_index=True)
