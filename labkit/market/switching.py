"""Who switches to whom: yearly moves between suppliers as a Markov chain, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from labkit.estimates import Estimate, estimate_ratio_change, estimate_share
from labkit.lab import Lab
from labkit.market.errors import MarketError

#: What a customer of ours can be a year later.
STATES = ("own", "retailer", "direct_purchase", "own_generation", "gone")
_GONE = ("moved", "closed")
_LOST = ("retailer", "direct_purchase")


def whole_years(lab: Lab) -> list[int]:
    """Calendar years that lie wholly within the bills and readings of a lab."""
    spans = [lab.manifest.tables[n] for n in ("bills", "readings") if lab.has(n)]
    first = min(str(entry.first)[:7] for entry in spans)
    last = max(str(entry.last)[:7] for entry in spans)
    return [y for y in range(int(first[:4]), int(last[:4]) + 1) if f"{y}-01" >= first and f"{y}-12" <= last]


def business_of(lab: Lab) -> pd.DataFrame:
    """Customers other than homes, as `yearly_moves` wants them, with ``customer_class``."""
    wanted = ["customer_id", "customer_class", "connected_on", "left_on", "left_reason"]
    absent = [c for c in wanted if c not in lab.customers.columns]
    if absent:
        raise MarketError(f"the customers have no column {absent[0]}, so nobody's leaving can be seen")
    told = lab.run(lab.customers.select(*wanted)).sort_values("customer_id")
    return told[told["customer_class"] != "residential"].reset_index(drop=True)


def loss_change(moves: pd.DataFrame) -> Estimate:
    """Share lost to other suppliers in the last year less that of the year before; same customers where they are in both.

    Raises
    ------
    MarketError
        If there is one year only.
    """
    years = sorted(moves["year"].unique())
    if len(years) < 2:
        raise MarketError("the data have one whole year only: no change on the year before can be told")
    lost = moves["after"].isin(_LOST)
    pairs = []
    for year in years[-2:]:
        at = moves["year"] == year
        counts = pd.DataFrame({"lost": lost & at, "there": at}).groupby(moves["customer_id"]).sum()
        pairs.append((counts["lost"].to_numpy(), counts["there"].to_numpy()))
    return estimate_ratio_change(pairs[0], pairs[1])


def lost_share(moves: pd.DataFrame) -> Estimate:
    """Share that goes to another supplier within a year, of customer-years."""
    return estimate_share(int(moves["after"].isin(_LOST).sum()), len(moves))


def yearly_moves(customers: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    """Where the customers of the first day of each year are a year later.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id``, ``connected_on``, ``left_on``, ``left_reason``; more columns are kept.
    years : sequence of int
        Whole years of the data.

    Returns
    -------
    DataFrame
        A row a customer and year: ``year``, ``before`` (always "own": others are not in our books), ``after``
        (of `STATES`), and the columns of ``customers``.

    Raises
    ------
    MarketError
        If there is no year, or a column is not there.
    """
    lacking = [c for c in ("customer_id", "connected_on", "left_on", "left_reason") if c not in customers]
    if lacking:
        raise MarketError(f"the customers have no column {lacking[0]}")
    if not len(years):
        raise MarketError("there is no whole year in the data: moves from year to year cannot be counted")
    begun, left = pd.to_datetime(customers["connected_on"]), pd.to_datetime(customers["left_on"])
    parts = []
    for year in years:
        first, last = pd.Timestamp(year, 1, 1), pd.Timestamp(year + 1, 1, 1)
        there = (begun < first) & (left.isna() | (left >= first))
        went = there & (left < last)
        reason = customers["left_reason"].where(~customers["left_reason"].isin(_GONE), "gone").fillna("gone")
        after = pd.Series(np.where(went, reason, "own"), customers.index)
        parts.append(customers.assign(year=year, before="own", after=after)[there])
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True, eq=False)
class Switching:
    """Moves between suppliers.

    Attributes
    ----------
    matrix : DataFrame
        ``before``, ``after``, ``moves_count``, ``share`` with ``low_share``, ``high_share`` (Wilson).
    states : tuple of str
    counts : ndarray, shape (states, states)
    """

    matrix: pd.DataFrame
    states: tuple[str, ...]
    counts: np.ndarray

    def _draw(self, draws: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        seen = self.counts.sum(axis=1) > 0
        drawn = np.tile(np.eye(len(self.states)), (draws, 1, 1))
        for i in np.flatnonzero(seen):
            drawn[:, i] = rng.dirichlet(self.counts[i] + 0.5, draws)
        return drawn

    def _middle(self) -> np.ndarray:
        total = self.counts.sum(axis=1, keepdims=True)
        return np.where(total > 0, self.counts / np.maximum(total, 1), np.eye(len(self.states)))

    def project(self, start: dict[str, float], years: int, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
        """Shares of the states in the years to come, if moves stay as they were.

        Parameters
        ----------
        start : dict
            Share of each state today; others 0.
        years : int

        Returns
        -------
        DataFrame
            ``year`` (0 is today), ``state``, ``share`` with ``low_share``, ``high_share``.

        Notes
        -----
        States nobody was seen leaving keep their customers. Intervals: rows of the matrix drawn from
        Dirichlet with half a case added to each cell (Jeffreys).
        """
        at = np.array([start.get(s, 0.0) for s in self.states])
        middle, drawn = self._middle(), self._draw(draws, seed)
        now, of_draws, rows = at, np.tile(at, (draws, 1)), []
        for year in range(years + 1):
            low, high = np.percentile(of_draws, [2.5, 97.5], axis=0)
            rows += [(year, s, now[i], low[i], high[i]) for i, s in enumerate(self.states)]
            now, of_draws = now @ middle, np.einsum("di,dij->dj", of_draws, drawn)
        return pd.DataFrame(rows, columns=["year", "state", "share", "low_share", "high_share"])

    def settle(self, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame | None:
        """Shares in the long run; None where some state cannot be reached from some other, so that there is none to tell.

        Examples
        --------
        >>> two = count_switches(pd.DataFrame({"before": ["a"] * 10 + ["b"] * 10, "after": ["a"] * 8 + ["b"] * 6 + ["a"] * 6}))
        >>> two.settle()["share"].round(2).tolist()
        [0.75, 0.25]
        """
        off = self.counts - np.diag(np.diag(self.counts))
        ways = np.linalg.matrix_power((off > 0) + np.eye(len(off)), len(off))
        if (ways == 0).any():  # some state cannot be reached from some other
            return None
        middle, drawn = _long_run(self._middle()[None])[0], _long_run(self._draw(draws, seed))
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        return pd.DataFrame({"state": list(self.states), "share": middle, "low_share": low, "high_share": high})


def _long_run(matrices: np.ndarray) -> np.ndarray:
    """Stationary shares of each matrix: they stay as they are, and add up to 1."""
    n = matrices.shape[1]
    left = np.swapaxes(matrices, 1, 2) - np.eye(n)
    system = np.concatenate([left[:, :-1], np.ones((len(matrices), 1, n))], axis=1)
    right = np.zeros((len(matrices), n, 1))
    right[:, -1] = 1.0
    shares: np.ndarray = np.linalg.solve(system, right)[:, :, 0]
    return shares


def count_switches(moves: pd.DataFrame, states: Sequence[str] | None = None) -> Switching:
    """Moves between states with the share of each, and its interval.

    Parameters
    ----------
    moves : DataFrame
        ``before``, ``after``: a row a customer and period.
    states : sequence of str, optional
        In this order; by default those there are.

    Raises
    ------
    MarketError
        If there is no move to count, or a state is not among those given.

    Notes
    -----
    Taken as independent from customer to customer and from year to year; who has stayed long may stay
    more surely than the chain says (see the hazards of loyalty).
    """
    if moves.empty:
        raise MarketError("there is no customer-year to count moves in")
    there = sorted({*moves["before"], *moves["after"]})
    known = list(states) if states is not None else there
    strange = [s for s in there if s not in known]
    if strange:
        raise MarketError(f"{strange[0]} is none of the states {', '.join(known)}")
    counts = pd.crosstab(moves["before"], moves["after"]).reindex(index=known, columns=known, fill_value=0)
    rows = []
    for before in known:
        total = int(counts.loc[before].sum())
        for after in known if total else []:
            n = int(counts.loc[before, after])
            low, high = proportion_confint(n, total, method="wilson")
            rows.append((before, after, n, n / total, float(low), float(high)))
    names = ["before", "after", "moves_count", "share", "low_share", "high_share"]
    return Switching(pd.DataFrame(rows, columns=names), tuple(known), counts.to_numpy(dtype=float))


def lost_by(moves: pd.DataFrame, by: str, *, level: float = 0.95) -> pd.DataFrame:
    """Share that goes to another supplier within a year, group by group: ``by``, ``customers_count`` (customer-years), ``lost_count``, ``share`` with its ends."""
    rows = []
    for name, part in moves.groupby(by, sort=True):
        lost = int(part["after"].isin(_LOST).sum())
        low, high = proportion_confint(lost, len(part), alpha=1 - level, method="wilson")
        rows.append((name, len(part), lost, lost / len(part), float(low), float(high)))
    return pd.DataFrame(rows, columns=[by, "customers_count", "lost_count", "share", "low_share", "high_share"])
