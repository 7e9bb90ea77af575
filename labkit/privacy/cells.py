"""Cells of tables with totals: which others to hide so that none hidden can be worked out.

For each cell to be protected a linear programme looks for another table that agrees with all
that is shown and has that cell larger by what is asked; the cells in which it differs are
hidden, the cheapest it can find. That other table is the proof: who sees only the rest cannot
tell which of the two is true.

References
----------
Fischetti, M. & Salazar, J. J. (2001). Solving the cell suppression problem on tabular data
with linear constraints. Management Science 47, 1008-1027,
https://doi.org/10.1287/mnsc.47.7.1008.9805 (its heuristic start, which hides a few cells more
than the least possible).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.privacy.limits import MIN_CUSTOMERS

#: A total, and the cells that add up to it.
Sum = tuple[int, Sequence[int]]
_MARGINS_COST = 1000.0


def hide_cells(
    values: np.ndarray,
    sums: Sequence[Sum],
    *,
    hidden: np.ndarray | None = None,
    slack: np.ndarray | None = None,
    published: np.ndarray | None = None,
    margins: Sequence[int] | None = None,
    minimum: int = MIN_CUSTOMERS,
) -> np.ndarray:
    """Cells to hide so that those that must not be known cannot be worked out from the rest.

    Parameters
    ----------
    values : ndarray
        Of all cells, totals among them; none negative.
    sums : sequence of (int, sequence of int)
        Which cell is the sum of which others; a cell may stand in many sums (rows and columns
        of a table, a class and the segments in it).
    hidden : ndarray of bool, optional
        Cells that must not be known; by default counts of 1 to below `minimum`.
    slack : ndarray, optional
        How much larger than it is each of them must seem possible; by default up to `minimum`.
    published : ndarray of bool, optional
        False for cells that stand in no table but would tell; all are published by default.
    margins : sequence of int, optional
        Cells that are hidden only where nothing else helps; by default all that are sums.
    minimum : int
        Fewest customers that may be shown.

    Returns
    -------
    ndarray of bool
        The cells to leave out, those given among them. Where all other cells are nought or
        single, totals are hidden as well.

    Examples
    --------
    >>> hide_cells(np.array([40, 12, 3, 55]), [(3, [0, 1, 2])])
    array([False,  True,  True, False])
    """
    values = np.asarray(values, dtype=float)
    must = (values > 0) & (values < minimum) if hidden is None else np.asarray(hidden, dtype=bool)
    need = np.maximum(minimum - values, 0.0) if slack is None else np.asarray(slack, dtype=float)
    shown = np.ones(len(values), dtype=bool) if published is None else np.asarray(published, dtype=bool)
    scale = float(values.max(initial=1.0)) or 1.0
    need = np.maximum(need, 1e-4 * scale)  # no hidden cell may be known to the digit
    away = must | ~shown
    last = np.zeros(len(values), dtype=bool)
    last[[total for total, _ in sums] if margins is None else list(margins)] = True
    for cell in np.flatnonzero(must)[np.argsort(-need[must], kind="stable")]:
        other = _other_table(values / scale, sums, away, last, int(cell), need[cell] / scale)
        away = away | (np.abs(other) > 1e-9)
    return away & shown


def _other_table(
    values: np.ndarray, sums: Sequence[Sum], away: np.ndarray, last: np.ndarray, cell: int, need: float
) -> np.ndarray:
    """Differences of a table that agrees in what is shown and has a cell larger by what is needed."""
    from scipy.optimize import linprog  # a quarter of a second that most commands do not need

    n = len(values)
    relations = np.zeros((len(sums), n))
    for row, (total, parts) in enumerate(sums):
        relations[row, total] += 1.0
        relations[row, list(parts)] -= 1.0
    cost = np.where(away, 0.0, np.where(last, _MARGINS_COST, 1e-3 + values))
    empty = (values <= 0) & ~away
    for fixed in (last & ~away | empty, empty, np.zeros(n, dtype=bool)):
        up = np.where(fixed, 0.0, np.inf)
        down = np.where(fixed, 0.0, values)
        up[cell], down[cell] = need, 0.0
        bounds = [(need if i == cell else 0.0, u) for i, u in enumerate(up)] + [(0.0, d) for d in down]
        found = linprog(
            np.concatenate([cost, cost]), A_eq=np.hstack([relations, -relations]), b_eq=np.zeros(len(sums)),
            bounds=bounds, method="highs",
        )  # fmt: skip
        if found.status == 0:
            return np.asarray(found.x[:n] - found.x[n:])
    raise ValueError(
        "the sums contradict each other: a cell can take no other value; check which cells add up to which"
    )


def suppress_cross_table(counts: pd.DataFrame, *, minimum: int = MIN_CUSTOMERS, total: str = "total") -> pd.DataFrame:
    """Customers by rows and columns with their margins, as a report may show them.

    Parameters
    ----------
    counts : DataFrame
        Distinct customers, a row and a column a group.
    minimum : int
        Fewest customers that may be shown.
    total : str
        Name of the row and the column of margins.

    Returns
    -------
    DataFrame
        With margins; a missing value is hidden, and cannot be worked out from the others.

    Examples
    --------
    >>> kinds = pd.DataFrame({"a": [30, 40], "b": [3, 50], "c": [60, 20]}, index=["x", "y"])
    >>> suppress_cross_table(kinds).loc["x"].tolist()
    [nan, nan, 60.0, 93.0]
    """
    whole = counts.astype(float)
    whole[total] = whole.sum(axis=1)
    whole.loc[total] = whole.sum()
    rows, columns = whole.shape
    at = np.arange(rows * columns).reshape(rows, columns)
    sums: list[Sum] = [(int(at[i, -1]), at[i, :-1].tolist()) for i in range(rows)]
    sums += [(int(at[-1, j]), at[:-1, j].tolist()) for j in range(columns)]
    hidden = hide_cells(whole.to_numpy().ravel(), sums, minimum=minimum).reshape(rows, columns)
    return whole.mask(hidden)


def round_counts(counts: pd.Series, base: int = 5) -> pd.Series:
    """Counts rounded to a base, halves up; for tables that many others are made beside.

    Totals are then sums of rounded cells (OpenSAFELY), never rounded sums.

    Examples
    --------
    >>> round_counts(pd.Series([12, 13, 147])).tolist()
    [10.0, 15.0, 145.0]
    """
    return (counts.astype(float) / base + 0.5).apply(np.floor) * base
