"""Who supplies whom: agency purchase, direct purchase, another retailer, own generation, and the ways back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from scipy.stats import chi2

from labkit import figures
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.spells import MARKET_REASONS, Spells

#: States of supply; the first is where the utility buys on the customer's behalf.
STATES = ("agency", "direct_purchase", "retailer", "own_generation")
GONE = "gone"
_MONTHS = 12.0


@dataclass(frozen=True, eq=False)
class StateModel:
    """Moves between states of supply, and back.

    Attributes
    ----------
    states : tuple of str
    rates : DataFrame
        ``state``, ``to_state``, ``moves_count``, ``years_at_risk``, ``rate_per_year`` with ``low``, ``high`` (exact Poisson). A
        move never seen has rate 0 and an upper end.
    months : ndarray
        Distinct months on the clock at which somebody moved.
    customers_count : int
    """

    states: tuple[str, ...]
    rates: pd.DataFrame
    months: np.ndarray
    customers_count: int
    _stays: pd.DataFrame

    def occupation(
        self, start: str, months: ArrayLike, *, since: int = 0, draws: int = 200, seed: int = 0
    ) -> pd.DataFrame:
        """Share in each state so many months after being in one.

        Parameters
        ----------
        start : str
        months : array_like of int
            On the clock.
        since : int
            Month on the clock at which the customer is in ``start``.
        draws, seed : int
            Bootstrap over customers.

        Returns
        -------
        DataFrame
            ``month``, ``state``, ``share`` with ``low``, ``high``; missing after the last month anybody was seen.

        Notes
        -----
        Product of the monthly transition matrices (Aalen and Johansen 1978): no constant rates are assumed, but that the way
        on depends on the state and the month, not on the way there. A state in which nobody was watched, such as that of
        customers who have left the data, keeps whom it gets: `rates` has no row out of it.
        """
        if start not in self.states:
            raise LoyaltyError(f"start is {start!r}, expected one of {', '.join(self.states)}")
        t = np.atleast_1d(np.asarray(months, dtype=np.int64))
        begin = self.states.index(start)
        who = pd.factorize(self._stays["customer_id"])[0]
        n = int(who.max()) + 1
        value = self._product(np.ones(len(who)), begin, since, t)
        rng = np.random.default_rng(seed)
        drawn = np.array(
            [
                self._product(rng.multinomial(n, np.full(n, 1 / n))[who].astype(float), begin, since, t)
                for _ in range(draws)
            ]
        )
        low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
        last = self._stays["to_month"].max()
        rows = [
            (int(m), state, *((np.nan,) * 3 if m > last else (value[i, k], low[i, k], high[i, k])))
            for i, m in enumerate(t)
            for k, state in enumerate(self.states)
        ]
        return pd.DataFrame(rows, columns=["month", "state", "share", "low", "high"])

    def _product(self, weight: np.ndarray, begin: int, since: int, t: np.ndarray) -> np.ndarray:
        k, table = len(self.states), self._stays
        here = np.zeros(k)
        here[begin] = 1.0
        moves, at_risk = _counts(table, weight, k)
        out = np.empty((len(t), k))
        for m in range(since + 1, int(t.max()) + 1):
            if m < len(at_risk):
                step = np.where(at_risk[m][:, None] > 0, moves[m] / np.maximum(at_risk[m], 1e-12)[:, None], 0.0)
                here = here @ (step + np.diag(1 - step.sum(axis=1)))
            out[t == m] = here
        out[t <= since] = np.eye(k)[begin]
        return out

    def plot(self, shares: pd.DataFrame, ax: Axes | None = None, *, names: dict[str, str] | None = None) -> Axes:
        """Shares of `occupation` over time, one line a state; y in per cent."""
        with figures.style():
            ax = ax or figures.new_axes(height_in=3.4)
            for i, state in enumerate(self.states):
                own = shares[shares["state"] == state]
                colour = figures.SERIES[i % len(figures.SERIES)]
                ax.fill_between(
                    own["month"], own["low"] * 100, own["high"] * 100, color=colour, alpha=0.12, linewidth=0
                )
                ax.plot(
                    own["month"], own["share"] * 100, color=colour, linewidth=2, label=(names or {}).get(state, state)
                )
            ax.legend(loc="best")
            ax.grid(axis="y")
            ax.set_ylim(bottom=0)
        return ax


def _counts(table: pd.DataFrame, weight: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Moves (months, k, k) and customers at risk (months, k) in each month of the clock."""
    size = int(table["to_month"].max()) + 2
    state, to = table["state_code"].to_numpy(), table["next_code"].to_numpy()
    first, last = table["from_month"].to_numpy() + 1, table["to_month"].to_numpy()
    at_risk = np.zeros((size, k))
    np.add.at(at_risk, (first, state), weight)
    np.add.at(at_risk, (last + 1, state), -weight)
    moves = np.zeros((size, k, k))
    seen = to >= 0
    np.add.at(moves, (last[seen], state[seen], to[seen]), weight[seen])
    return moves, at_risk.cumsum(axis=0)


def fit_states(stays: pd.DataFrame, states: Sequence[str] = (*STATES, GONE), *, level: float = 0.95) -> StateModel:
    """Rates of moving between states of supply, with return.

    Parameters
    ----------
    stays : DataFrame
        A row a stay: ``customer_id``, ``state``, ``from_month``, ``to_month`` (at risk in the months after the first up to
        the second), ``next_state`` (missing where the stay goes on when the data end).
    states : sequence of str
    level : float

    Raises
    ------
    LoyaltyError
        If a state is not known, a stay does not last, or stays of a customer overlap or do not follow each other.

    Examples
    --------
    >>> stays = pd.DataFrame(
    ...     [("a", "agency", 0, 5, "retailer"), ("a", "retailer", 5, 9, "agency"), ("b", "agency", 0, 12, None)],
    ...     columns=["customer_id", "state", "from_month", "to_month", "next_state"],
    ... )
    >>> rates = fit_states(stays, ("agency", "retailer")).rates
    >>> rates[["state", "to_state", "moves_count"]].to_numpy().tolist()
    [['agency', 'retailer', 1], ['retailer', 'agency', 1]]
    """
    absent = [c for c in ("customer_id", "state", "from_month", "to_month", "next_state") if c not in stays]
    if absent:
        raise LoyaltyError(
            f"the stays have no column {absent[0]}; give customer_id, state, from_month, to_month, next_state"
        )
    table = stays.reset_index(drop=True)
    months_ok = (
        np.isfinite(table[["from_month", "to_month"]].to_numpy(dtype=float)).all() and (table["from_month"] >= 0).all()
    )
    if not months_ok:
        raise LoyaltyError("from_month or to_month is missing or below 0; count from the beginning of the window")
    if (table["state"] == table["next_state"]).any():
        raise LoyaltyError(
            f"{int((table['state'] == table['next_state']).sum())} stays lead to their own state; join them with the next"
        )
    strange = (set(table["state"]) | set(table["next_state"].dropna())) - set(states) - {""}
    if strange:
        raise LoyaltyError(f"{sorted(strange)[0]!r} is no state; expected {', '.join(states)}, or give `states`")
    if (table["to_month"] <= table["from_month"]).any():
        raise LoyaltyError(
            f"{int((table['to_month'] <= table['from_month']).sum())} stays end at or before they begin; correct the months"
        )
    code = {state: i for i, state in enumerate(states)}
    table = table.assign(
        state_code=table["state"].map(code).astype(int),
        next_code=table["next_state"].map(code).fillna(-1).astype(int),
    ).sort_values(["customer_id", "from_month"], ignore_index=True)
    follows = table["customer_id"].eq(table["customer_id"].shift(-1))
    gap = table["from_month"].shift(-1)[follows] - table["to_month"][follows]
    odd = (gap < 0) | (table["next_code"][follows] != table["state_code"].shift(-1)[follows])
    if odd.any():
        raise LoyaltyError(
            f"{int(odd.sum())} stays overlap the customer's next one, or do not lead to its state; correct the order"
        )
    months = (table["to_month"] - table["from_month"]).groupby(table["state"]).sum()
    counts = table[table["next_code"] >= 0].groupby(["state", "next_state"]).size()
    rows = []
    for state in states:
        years = float(months.get(state, 0)) / _MONTHS
        for other in states:
            if state == other or years == 0:
                continue
            n = int(counts.get((state, other), 0))
            low = chi2.ppf(0.5 - level / 2, 2 * n) / 2 if n else 0.0
            high = chi2.ppf(0.5 + level / 2, 2 * n + 2) / 2
            rows.append((state, other, n, years, n / years, low / years, high / years))
    rates = pd.DataFrame(
        rows, columns=["state", "to_state", "moves_count", "years_at_risk", "rate_per_year", "low", "high"]
    )
    moved = np.unique(table.loc[table["next_code"] >= 0, "to_month"].to_numpy())
    return StateModel(tuple(states), rates, moved, int(table["customer_id"].nunique()), table)


def supply_stays(spells: Spells) -> pd.DataFrame:
    """Stays with the utility and where they led, on the calendar clock of the window; what comes after is not in the data."""
    table = spells.table
    length = table["duration_months"] - table["entry_months"]
    first = pd.Series(pd.PeriodIndex(table["start"], freq="M")) + table["entry_months"]
    begin = [p.ordinal - pd.Period(spells.first_month, "M").ordinal for p in first]
    to = table["reason"].where(
        table["reason"].isin(MARKET_REASONS), pd.Series(GONE, table.index).where(table["left"], "")
    )
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"], "state": STATES[0], "from_month": begin,
            "to_month": np.asarray(begin) + length.to_numpy(), "next_state": to,
        }
    )  # fmt: skip
