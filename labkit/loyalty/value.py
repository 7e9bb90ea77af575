"""What a customer is worth: margin of energy and of wires, as long as each flows, discounted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import ArrayLike

from labkit.calendar import DATA
from labkit.estimates import Estimate
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.hazard_model import HazardModel
from labkit.loyalty.spells import MARKET_REASONS, WIRES_END
from labkit.schema import CUSTOMER_CLASSES

_MONTHS = 12
#: Reasons, and groups of them, that are departures to the market.
MARKET_KINDS = (*MARKET_REASONS, "supplier", "market")
#: With fewer customers than this a segment has no interval.
FEW = 5


@dataclass(frozen=True)
class Offer:
    """Something done to keep a customer; see ``data/loyalty/margins.yaml``."""

    cost_yuan: float
    share_of_margin: float
    contact_yuan: float
    acceptance: float
    effect: float
    en: str
    zh: str


@dataclass(frozen=True)
class Margins:
    """What customers bring, and what keeping them costs, as data."""

    source: str
    discount_per_year: float
    horizon_years: int
    energy_margin_yuan_per_kwh: Mapping[str, float]
    wires_margin_yuan_per_kwh: Mapping[str, float]
    service_cost_yuan_per_year: Mapping[str, float]
    effect_spread: float
    return_price_factor: float
    offers: Mapping[str, Offer]


def read_margins(path: Path = DATA / "loyalty" / "margins.yaml") -> Margins:
    """Margins and offers from a YAML file.

    Raises
    ------
    LoyaltyError
        If an entry is missing or unknown, or a figure is out of its range.
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw.pop("effective_from", None)
    odd = sorted(set(raw) ^ set(Margins.__dataclass_fields__))
    if odd:
        raise LoyaltyError(f"{path.name}: {odd[0]} is {'unknown' if odd[0] in raw else 'missing'}")
    for part in ("energy_margin_yuan_per_kwh", "wires_margin_yuan_per_kwh", "service_cost_yuan_per_year"):
        if set(raw[part]) != set(CUSTOMER_CLASSES):
            raise LoyaltyError(f"{path.name}, {part}: expected a figure for each of {', '.join(CUSTOMER_CLASSES)}")
    if not 0 <= raw["discount_per_year"] < 1 or not 1 <= raw["horizon_years"] <= 50 or raw["effect_spread"] < 0:
        raise LoyaltyError(
            f"{path.name}: expected a discount of 0 to 1, a horizon of 1 to 50 years, a spread of 0 or more"
        )
    offers = {}
    for name, entry in raw["offers"].items():
        wrong = sorted(set(entry) ^ set(Offer.__dataclass_fields__))
        if wrong:
            raise LoyaltyError(f"{path.name}, {name}: {wrong[0]} is {'unknown' if wrong[0] in entry else 'missing'}")
        offer = Offer(**entry)
        if not (
            0 < offer.acceptance <= 1
            and 0 <= offer.effect <= 1
            and 0 <= offer.share_of_margin <= 1
            and min(offer.cost_yuan, offer.contact_yuan) >= 0
        ):
            raise LoyaltyError(f"{path.name}, {name}: shares lie within 0 and 1, costs at 0 or more")
        offers[name] = offer
    return Margins(**(raw | {"offers": offers}))


def customer_value(
    margin_yuan: ArrayLike, survival: ArrayLike, discount_per_year: float, *, growth_per_year: float = 0.0
) -> np.ndarray:
    """Present value of a margin as long as the customer stays.

    Parameters
    ----------
    margin_yuan : array_like, shape (n,)
        A year, today.
    survival : array_like, shape (n, months)
        Chance of being there at the end of each month to come.
    discount_per_year : float
    growth_per_year : float
        Of the margin.

    Returns
    -------
    ndarray, shape (n,)
        [yuan], over as many months as there are columns: a finite horizon.

    Examples
    --------
    >>> float(customer_value([1200.0], np.ones((1, 12)), 0.0)[0])
    1200.0
    """
    s = np.atleast_2d(np.asarray(survival, dtype=float))
    month = np.arange(1, s.shape[1] + 1) / _MONTHS
    factor = ((1 + growth_per_year) / (1 + discount_per_year)) ** month
    return np.asarray(np.asarray(margin_yuan, dtype=float) / _MONTHS * (s * factor).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Values:
    """What each customer is worth over the horizon.

    Attributes
    ----------
    table : DataFrame
        ``customer_id``, ``segment``, ``energy_margin_yuan``, ``wires_margin_yuan`` a year (service cost taken off the
        latter), ``leaves_in_year_share`` and ``market_share`` (of leaving to the market within a year), ``value_yuan``,
        ``at_stake_yuan``: what is lost if it leaves to the market now (energy margin, and that of wires as far as it would
        generate itself); ``years_expected`` within the horizon.
    by_segment : DataFrame
        ``segment``, ``customers_count``, ``value_yuan`` (mean) with ``low``, ``high``, ``at_stake_yuan`` with ends,
        ``point_yuan`` with ends: what a point less of yearly departures is worth, a customer.
    expected_loss_yuan : Estimate
        At stake times the chance of leaving to the market within a year, over all customers; ends from the hazards'
        errors (the customers are all there are).
    horizon_years : int
    discount_per_year : float
    """

    table: pd.DataFrame
    by_segment: pd.DataFrame
    expected_loss_yuan: Estimate
    horizon_years: int
    discount_per_year: float


def value_customers(
    customers: pd.DataFrame, model: HazardModel, margins: Margins, *, market: tuple[str, ...] | None = None,
    segment: str = "customer_class", draws: int = 500, seed: int = 0,
) -> Values:  # fmt: skip
    """Value of customers who are there today, from their hazards and margins.

    Parameters
    ----------
    customers : DataFrame
        ``customer_id``, ``customer_class``, ``energy_kwh`` a year, ``alive_until`` (months on the clock), the segment, and what
        the model wants.
    model : HazardModel
        With reasons as of the table `customers`, or ``market`` and others.
    margins : Margins
    market : tuple of str, optional
        Reasons of the model that are departures to the market; those of `MARKET_REASONS` and ``market`` by default.
    segment : str
    draws, seed : int
        Parametric bootstrap of the hazards with a bootstrap of the customers of each segment.

    Raises
    ------
    LoyaltyError
        If a column is not there or energy is missing for all.

    Notes
    -----
    A change of supplier ends the energy margin alone, closing or own generation both. Yearly margins stay as they are.
    Customers move in a segment's interval as a sample of customers like these.
    """
    for column in ("customer_id", "customer_class", "energy_kwh", "alive_until", segment):
        if column not in customers:
            raise LoyaltyError(f"the customers have no column {column}; bring it")
    table = customers[customers["energy_kwh"].notna()].reset_index(drop=True)
    strange = sorted(set(table["customer_class"].astype(str)) - set(CUSTOMER_CLASSES))
    if strange:
        raise LoyaltyError(
            f"customer_class has {strange[0]!r}, for which there is no margin; expected one of {', '.join(CUSTOMER_CLASSES)}"
        )
    if table.empty:
        raise LoyaltyError("no customer has an energy use, so none has a margin; bring bills or readings")
    known = market if market is not None else tuple(r for r in model.reasons if r in MARKET_KINDS)
    energy = (
        table["energy_kwh"].to_numpy(dtype=float)
        * table["customer_class"].map(margins.energy_margin_yuan_per_kwh).to_numpy()
    )
    wires = (
        table["energy_kwh"].to_numpy(dtype=float)
        * table["customer_class"].map(margins.wires_margin_yuan_per_kwh).to_numpy()
    )
    wires = wires - table["customer_class"].map(margins.service_cost_yuan_per_year).to_numpy()
    rates = model.monthly_rates(table, margins.horizon_years * _MONTHS)
    parts = _worth(rates, energy, wires, margins, known)
    out = pd.DataFrame(
        {
            "customer_id": table["customer_id"], "segment": table[segment], "energy_margin_yuan": energy, "wires_margin_yuan": wires,
            "leaves_in_year_share": parts["leaves"], "market_share": parts["market"], "value_yuan": parts["value"],
            "at_stake_yuan": parts["at_stake"], "years_expected": parts["years"],
        }
    )  # fmt: skip
    drawn = [
        _worth(model.monthly_rates(table, margins.horizon_years * _MONTHS, params=p), energy, wires, margins, known)
        for p in model.draw_params(draws, seed)
    ]
    lost = [float((d["market"] * d["at_stake"]).sum()) for d in drawn]
    low, high = np.quantile(lost, [0.025, 0.975]) if drawn else (np.nan, np.nan)
    expected = float((parts["market"] * parts["at_stake"]).sum())
    return Values(
        out, _by_segment(out["segment"], parts, drawn, seed), Estimate(expected, float(low), float(high), len(out)),
        margins.horizon_years, margins.discount_per_year,
    )  # fmt: skip


def _worth(
    rates: dict[str, np.ndarray], energy: np.ndarray, wires: np.ndarray, margins: Margins, market: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Values and chances from monthly hazards (customers, months) by reason."""
    total = sum(rates.values())
    ends = sum((rates[r] for r in rates if r in WIRES_END or r not in market), np.zeros_like(np.asarray(total)))
    to_market = sum((rates[r] for r in rates if r in market), np.zeros_like(np.asarray(total)))
    stays = np.exp(-np.cumsum(np.asarray(total), axis=1))
    flows = np.exp(-np.cumsum(ends, axis=1))
    before = np.column_stack([np.ones(len(stays)), stays[:, :-1]])
    share = np.divide(to_market, total, out=np.zeros_like(stays), where=np.asarray(total) > 0)
    left = ((before - stays) * share)[:, :_MONTHS].sum(axis=1)
    worth_energy = customer_value(energy, stays, margins.discount_per_year)
    worth_wires = customer_value(wires, flows, margins.discount_per_year)
    own = np.asarray(rates.get("own_generation", np.zeros_like(stays)))
    ends_wires = np.divide(
        own.sum(axis=1), to_market.sum(axis=1), out=np.zeros(len(stays)), where=to_market.sum(axis=1) > 0
    )
    point = _point(stays, energy, margins)
    return {
        "value": worth_energy + worth_wires, "at_stake": worth_energy + ends_wires * np.maximum(worth_wires, 0), "leaves": 1 - stays[:, _MONTHS - 1], "market": left,
        "years": stays.sum(axis=1) / _MONTHS, "point": point,
    }  # fmt: skip


def _point(stays: np.ndarray, energy: np.ndarray, margins: Margins) -> np.ndarray:
    """What a point less of yearly departures brings: the yearly share that stays is raised by 0.01, at most to 1."""
    years = stays[:, _MONTHS - 1 :: _MONTHS]
    kept = years / np.column_stack([np.ones(len(years)), years[:, :-1]])
    raised = np.minimum(kept + 0.01, 1.0) / np.maximum(kept, 1e-9)
    lift = np.cumprod(np.repeat(raised ** (1 / _MONTHS), _MONTHS, axis=1), axis=1)
    return customer_value(energy, stays * (lift - 1), margins.discount_per_year)


def _by_segment(
    segment: pd.Series, parts: dict[str, np.ndarray], drawn: list[dict[str, np.ndarray]], seed: int
) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    for name, at in segment.groupby(segment, sort=True).indices.items():
        row: list[object] = [name, len(at)]
        picks = [at[rng.integers(0, len(at), len(at))] for _ in drawn]
        for what in ("value", "at_stake", "point"):
            ends = (np.nan, np.nan)
            if len(at) >= FEW and drawn:
                ends = tuple(np.quantile([d[what][p].mean() for d, p in zip(drawn, picks)], [0.025, 0.975]))
            row += [float(parts[what][at].mean()), *(float(e) for e in ends)]
        rows.append(tuple(row))
    columns = [f"{m}{e}" for m in ("value", "at_stake", "point") for e in ("_yuan", "_low_yuan", "_high_yuan")]
    return pd.DataFrame(rows, columns=["segment", "customers_count", *columns])
