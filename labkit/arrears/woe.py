"""Weight of evidence: an attribute in bins, each with its log odds of good against bad."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from labkit.arrears.errors import ArrearsError

#: Each bin of a number holds at least this share of its cases.
LEAST_SHARE = 0.05
#: Where a bin has no good or no bad, so many are added to both.
SMOOTH = 0.5
_FINE = 50
#: Name of the bin of missing values.
MISSING = "missing"


@dataclass(frozen=True, eq=False)
class Binning:
    """Bins of one attribute.

    Attributes
    ----------
    table : DataFrame
        ``bin``, ``count``, ``good``, ``bad``, ``bad_rate``, ``woe`` (ln of the share of good over that of
        bad), ``iv``: what it adds to the information value.
    edges : ndarray or None
        Inner edges of a number's bins, each bin holding its upper edge; None for categories.
    """

    table: pd.DataFrame
    edges: np.ndarray | None

    @property
    def information_value(self) -> float:
        """Sum over the bins: below 0.02 worthless, above 0.5 to be looked at for a leak."""
        return float(self.table["iv"].sum())

    def place(self, x: pd.Series | np.ndarray) -> np.ndarray:
        """Row of `table` for each value; -1 for what has no bin (a new category, a first missing value)."""
        names = self.table["bin"].tolist()
        values = pd.Series(x)
        if self.edges is None:
            at = {name: i for i, name in enumerate(names)}
            return (
                values.astype(object)
                .where(values.notna(), MISSING)
                .map(lambda v: at.get(str(v), -1))
                .to_numpy(dtype=int)
            )
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        row = np.searchsorted(self.edges, numbers, side="left")
        gone = names.index(MISSING) if MISSING in names else -1
        return np.where(np.isnan(numbers), gone, row)

    def transform(self, x: pd.Series | np.ndarray) -> np.ndarray:
        """Weight of evidence of each value; 0, which tells neither way, where there is no bin."""
        row = self.place(x)
        return np.where(row >= 0, self.table["woe"].to_numpy()[row], 0.0)


def bin_woe(
    x: pd.Series | np.ndarray,
    bad: pd.Series | np.ndarray,
    monotone: bool = True,
    max_bins: int = 8,
    least_share: float = LEAST_SHARE,
) -> Binning:
    """Bins of an attribute by weight of evidence, ln(good/bad).

    Parameters
    ----------
    x : Series or ndarray, shape (n,)
        A number, binned; text, each of whose values is a bin as it stands. Missing
        values are a bin of their own.
    bad : Series or ndarray of bool, shape (n,)
    monotone : bool
        For numbers: the weight of evidence only rises or only falls, whichever
        keeps more information (neighbours that do not are pooled).
    max_bins : int
        For numbers, missing values aside; the neighbours most alike are joined first.
    least_share : float
        Of the cases of a number, in each bin: 5 %; less where bad cases are rarer than that.

    Returns
    -------
    Binning

    Raises
    ------
    ArrearsError
        If lengths differ, `bad` is neither 0 nor 1 somewhere, or there is no good or no bad.

    Notes
    -----
    Where a bin has no good or no
    bad, half a case is added to both. Fit on the cases the model is fitted on, never on
    those it is tested on. The sign is that of optbinning: high is good.

    References
    ----------
    Siddiqi, Credit Risk Scorecards (2006), chapter 6.

    Examples
    --------
    >>> found = bin_woe(np.array(["a", "a", "a", "b", "b", "b"]), np.array([0, 0, 1, 0, 1, 1]))
    >>> found.table[["bin", "woe"]].round(4).values.tolist()
    [['a', 0.6931], ['b', -0.6931]]
    """
    values, flags = pd.Series(x).reset_index(drop=True), np.asarray(bad, dtype=float)
    if len(values) != len(flags):
        raise ArrearsError(f"x has {len(values)} values and bad {len(flags)}; give one of each a case")
    if not np.isin(flags, (0.0, 1.0)).all():
        raise ArrearsError("bad holds something other than 0 and 1 (or False and True); a missing outcome is no case")
    if flags.sum() in (0.0, float(len(flags))):
        raise ArrearsError(f"{int(flags.sum())} of {len(flags)} cases are bad; good and bad are both needed")
    if not pd.api.types.is_numeric_dtype(values):
        names = values.astype(object).where(values.notna(), MISSING).map(str)
        by = pd.DataFrame({"bin": names, "bad": flags}).groupby("bin", sort=True)["bad"].agg(["count", "sum"])
        return Binning(_table(by.index.tolist(), by["count"].to_numpy(), by["sum"].to_numpy()), None)
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(numbers).any():
        raise ArrearsError("x holds an infinite value; make it missing, or cap it")
    known = ~np.isnan(numbers)
    edges, count, bads = _number_bins(numbers[known], flags[known], monotone, max_bins, least_share)
    names = _names(edges) if known.any() else []
    if not known.all():
        names.append(MISSING)
        count, bads = np.append(count, (~known).sum()), np.append(bads, flags[~known].sum())
    return Binning(_table(names, count, bads), edges)


def _number_bins(
    x: np.ndarray, bad: np.ndarray, monotone: bool, max_bins: int, least_share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inner edges, cases and bad of each bin."""
    if not len(x):
        return np.array([]), np.array([], dtype=int), np.array([])
    known = np.unique(x)
    cuts = np.quantile(x, np.linspace(0, 1, _FINE + 1)[1:-1], method="inverted_cdf")
    fine = known[:-1] if len(known) <= _FINE else np.unique(cuts[cuts < known[-1]])
    at = np.searchsorted(fine, x, side="left")
    count = np.bincount(at, minlength=len(fine) + 1)
    bads = np.bincount(at, bad, minlength=len(fine) + 1)
    tries = [_pool(count, bads, sign) for sign in (1, -1)] if monotone else [[[i] for i in range(len(count))]]
    joined = [_join(count, bads, groups, len(x) * least_share, max_bins) for groups in tries]
    groups = max(joined, key=lambda g: _value(count, bads, g))
    starts = np.array([g[0] for g in groups])
    return fine[starts[1:] - 1], np.add.reduceat(count, starts), np.add.reduceat(bads, starts)


def _pool(count: np.ndarray, bads: np.ndarray, sign: int) -> list[list[int]]:
    """Pool adjacent violators: the bad rate rises (or falls) from group to group."""
    groups: list[list[int]] = []
    sums: list[tuple[float, float]] = []
    for i in range(len(count)):
        groups.append([i])
        sums.append((float(count[i]), float(bads[i])))
        while len(groups) > 1 and sign * (sums[-2][1] / sums[-2][0] - sums[-1][1] / sums[-1][0]) >= 0:
            last, own = groups.pop(), sums.pop()
            groups[-1] += last
            sums[-1] = (sums[-1][0] + own[0], sums[-1][1] + own[1])
    return groups


def _value(count: np.ndarray, bads: np.ndarray, groups: list[list[int]]) -> float:
    n, b = (np.array([values[g].sum() for g in groups]) for values in (count, bads))
    return float(_table([""] * len(n), n, b)["iv"].sum())


def _join(count: np.ndarray, bads: np.ndarray, groups: list[list[int]], least: float, max_bins: int) -> list[list[int]]:
    """Neighbours joined until each bin is large enough and there are few of them."""
    groups = [list(g) for g in groups]
    while len(groups) > 1:
        n, b = (np.array([float(values[g].sum()) for g in groups]) for values in (count, bads))
        small = np.flatnonzero(n < least)
        if not len(small) and len(groups) <= max_bins:
            break
        rate = b / n
        apart = np.abs(np.diff(rate)) * np.sqrt(n[1:] * n[:-1] / (n[1:] + n[:-1]))
        if len(small):
            i = int(small[np.argmin(n[small])])
            sides = [j for j in (i - 1, i) if 0 <= j < len(apart)]
            j = min(sides, key=lambda s: apart[s])
        else:
            j = int(np.argmin(apart))
        groups[j] += groups.pop(j + 1)
    return groups


def _names(edges: np.ndarray) -> list[str]:
    if not len(edges):
        return ["all"]
    told = [f"{edge:.6g}" for edge in edges]
    return [f"≤ {told[0]}", *(f"{a} – {b}" for a, b in pairwise(told)), f"> {told[-1]}"]


def _table(names: list[str], count: np.ndarray, bads: np.ndarray) -> pd.DataFrame:
    count, bads = np.asarray(count, dtype=float), np.asarray(bads, dtype=float)
    good = count - bads
    empty = ((good == 0) | (bads == 0)) & (count > 0)
    g, b = good + SMOOTH * empty, bads + SMOOTH * empty
    share_good, share_bad = g / max(good.sum(), 1e-12), b / max(bads.sum(), 1e-12)
    woe = np.log(share_good / share_bad)
    return pd.DataFrame(
        {
            "bin": names, "count": count.astype("int64"), "good": good.astype("int64"), "bad": bads.astype("int64"),
            "bad_rate": bads / count, "woe": woe, "iv": (share_good - share_bad) * woe,
        }
    )  # fmt: skip
