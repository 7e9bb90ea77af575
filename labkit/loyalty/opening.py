"""What happened where direct purchase was allowed: shares of supply by state and year, and who left where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.estimates import Estimate
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.incidence import CumulativeIncidence, cumulative_incidence
from labkit.loyalty.spells import Spells


def supply_shares(sales: pd.DataFrame, sector: str = "industrial", states: Sequence[str] | None = None) -> pd.DataFrame:
    """Shares of use that the wires company supplies, and that others do over its wires, by state and year.

    Parameters
    ----------
    sales : DataFrame
        Of `labkit.intake.formats.eia861.read_eia861`: ``year``, ``state``, ``sector``, ``part``, ``sales_mwh``, ``imputed``.
    sector : str
    states : sequence of str, optional
        All by default.

    Returns
    -------
    DataFrame
        ``state``, ``year``, ``use_mwh``; ``direct_share`` (part C: delivered for others) with ``low_share``, ``high_share``: the same
        from what sellers report, the other account of the same energy, and with imputed rows left out; ``retailer_share``
        (part D: energy and wires in one bill of a retailer), ``agency_share`` (part A: all from the utility); ``imputed_share`` of
        the use. All utilities report, so the ends are the doubt of measurement, not of a sample.

    Raises
    ------
    LoyaltyError
        If a column is not there or nothing was sold to the sector.
    """
    for column in ("year", "state", "sector", "part", "sales_mwh", "imputed"):
        if column not in sales:
            raise LoyaltyError(f"the sales have no column {column}; see labkit.intake.formats.eia861")
    own = sales[sales["sector"] == sector]
    if states is not None:
        own = own[own["state"].isin(list(states))]
    if own.empty:
        raise LoyaltyError(
            f"nothing was sold to {sector!r} customers; sectors are {', '.join(sorted(set(sales['sector'])))}"
        )
    whole = _by_part(own)
    seen = _by_part(own[~own["imputed"]]).reindex(whole.index, fill_value=0.0)
    imputed = (
        own[own["imputed"] & own["part"].isin(["A", "C", "D"])]["sales_mwh"]
        .abs()
        .groupby([own["state"], own["year"]])
        .sum()
    )
    bundled = whole["A"] + whole["D"]
    use = bundled + whole["C"]
    versions = pd.DataFrame(
        {
            "delivered": whole["C"] / use,
            "sold": whole["B"] / (bundled + whole["B"]),
            "observed": seen["C"] / (seen["A"] + seen["D"] + seen["C"]),
        }
    )
    table = pd.DataFrame(
        {
            "use_mwh": use, "direct_share": versions["delivered"], "low_share": versions.min(axis=1), "high_share": versions.max(axis=1),
            "retailer_share": whole["D"] / use, "agency_share": whole["A"] / use, "imputed_share": (imputed.reindex(use.index).fillna(0.0) / use),
        }
    )  # fmt: skip
    return table[use > 0].reset_index().sort_values(["state", "year"], ignore_index=True)


def _by_part(sales: pd.DataFrame) -> pd.DataFrame:
    wide = sales.pivot_table(index=["state", "year"], columns="part", values="sales_mwh", aggfunc="sum", fill_value=0.0)
    return wide.reindex(columns=list("ABCD"), fill_value=0.0)


def net_moves(shares: pd.DataFrame) -> pd.DataFrame:
    """Change of the shares of supply between years, state by state.

    Parameters
    ----------
    shares : DataFrame
        Of `supply_shares`.

    Returns
    -------
    DataFrame
        ``state``, ``first_year``, ``last_year``, ``direct_share`` at the end, ``change_share`` over the years with ``low_share``,
        ``high_share`` (from the ends of both), ``moved_to_direct_share`` and ``moved_back_share`` a year: the
        net change over what could have moved. Shares are of energy: they move with customers' use too, and who went and who
        came back behind the net cannot be seen.
    """
    rows = []
    for state, own in shares.groupby("state", sort=True):
        first, last = own.iloc[0], own.iloc[-1]
        years = int(last["year"] - first["year"])
        if years < 1:
            continue
        steps = own["direct_share"].diff().dropna().to_numpy()
        before = own["direct_share"].to_numpy()[:-1]
        away = np.where(1 - before > 0, np.maximum(steps, 0) / np.maximum(1 - before, 1e-12), 0).mean()
        back = np.where(before > 0, np.maximum(-steps, 0) / np.maximum(before, 1e-12), 0).mean()
        change = last["direct_share"] - first["direct_share"]
        ends = last["low_share"] - first["high_share"], last["high_share"] - first["low_share"]
        rows.append(
            (
                state,
                int(first["year"]),
                int(last["year"]),
                last["direct_share"],
                change,
                *ends,
                float(away),
                float(back),
            )
        )
    columns = [
        "state",
        "first_year",
        "last_year",
        "direct_share",
        "change_share",
        "low_share",
        "high_share",
        "moved_to_direct_share",
        "moved_back_share",
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("direct_share", ascending=False, kind="stable", ignore_index=True)


@dataclass(frozen=True, eq=False)
class Opening:
    """Departures to the market of those who may buy directly, and of those like them who may not.

    Attributes
    ----------
    table : DataFrame
        ``may_buy_directly``, ``customers_count``, ``left_to_market_count``, ``left_share`` within the months looked at, with
        ``low``, ``high``.
    gap : Estimate
        Difference of the two shares.
    months : int
    curves : dict of bool to CumulativeIncidence
    """

    table: pd.DataFrame
    gap: Estimate
    months: int
    curves: dict[bool, CumulativeIncidence]


def compare_opening(spells: Spells, customer_class: str | None = "industrial", months: int = 24) -> Opening:
    """How many left to the market where direct purchase was allowed, and where it was not.

    Parameters
    ----------
    spells : Spells
    customer_class : str, optional
        All but homes if None.
    months : int
        Of the window, from its beginning (or from the connection, if later).

    Raises
    ------
    LoyaltyError
        If either group has fewer than 10 customers, or nobody left.

    Notes
    -----
    Who may buy directly is larger as well: the gap is what goes with both. Competing reasons are taken as such.
    """
    table = spells.table
    kept = table["customer_class"] == customer_class if customer_class else table["customer_class"] != "residential"
    own = table[kept].assign(length=lambda t: t["duration_months"] - t["entry_months"])
    reason = np.where(own["left_to_market"], "market", np.where(own["left"], "other", ""))
    rows, curves, parts = [], {}, []
    for allowed in (True, False):
        here = (own["may_buy_directly"] == allowed).to_numpy()
        if here.sum() < 10:
            raise LoyaltyError(
                f"{int(here.sum())} customers may {'' if allowed else 'not '}buy directly; a comparison wants 10 or more of either"
            )
        if not (reason[here] == "market").any():
            raise LoyaltyError(
                f"none of those who may {'' if allowed else 'not '}buy directly left to the market, so shares cannot be compared"
            )
        curves[allowed] = cumulative_incidence(own.loc[here, "length"], reason[here])
        at = curves[allowed].at(months)
        row = at[at["reason"] == "market"].iloc[0]
        rows.append(
            (allowed, int(here.sum()), int((reason[here] == "market").sum()), row["incidence"], row["low"], row["high"])
        )
        parts.append(row)
    gap = parts[0]["incidence"] - parts[1]["incidence"]
    # Newcombe: ends of the difference from those of both shares.
    low = gap - np.hypot(parts[0]["incidence"] - parts[0]["low"], parts[1]["high"] - parts[1]["incidence"])
    high = gap + np.hypot(parts[0]["high"] - parts[0]["incidence"], parts[1]["incidence"] - parts[1]["low"])
    columns = ["may_buy_directly", "customers_count", "left_to_market_count", "left_share", "low", "high"]
    return Opening(
        pd.DataFrame(rows, columns=columns), Estimate(float(gap), float(low), float(high), len(own)), months, curves
    )
