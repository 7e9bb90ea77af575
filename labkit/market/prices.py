"""Our price against rivals' offers, customer by customer, with the energy each uses in each period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from labkit import terms
from labkit.calendar import DATA
from labkit.estimates import Estimate, estimate_mean, estimate_share
from labkit.lab import Lab
from labkit.market.errors import MarketError
from labkit.privacy import amount_may_be_shown

PERIODS = ("sharp", "peak", "flat", "valley")
_FEW = 5
_DRAWN = ("saving_yuan", "spread_yuan", "least_yuan")


@dataclass(frozen=True)
class Offer:
    """A rival's offer; see ``data/market/offers.yaml``."""

    id: str
    en: str
    zh: str
    discount_yuan_per_kwh: Mapping[str, float]
    fee_yuan_per_month: float
    spread_yuan_per_kwh: float

    def label(self, language: terms.Language) -> str:
        """Name of the offer."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Offers:
    """Offers, and the saving from which a customer is taken to move."""

    offers: tuple[Offer, ...]
    least_saving_share: float
    source: str


def read_offers(path: Path = DATA / "market" / "offers.yaml") -> Offers:
    """Offers from a YAML file.

    Raises
    ------
    MarketError
        If an entry is unknown or missing, or a period has no discount.

    Examples
    --------
    >>> len(read_offers().offers)
    3
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    offers = []
    for name, entry in raw["offers"].items():
        odd = sorted(set(entry) ^ (set(Offer.__dataclass_fields__) - {"id"}))
        if odd:
            raise MarketError(f"{path.name}, {name}: {odd[0]} is {'unknown' if odd[0] in entry else 'missing'}")
        if set(entry["discount_yuan_per_kwh"]) != set(PERIODS) or entry["spread_yuan_per_kwh"] < 0:
            raise MarketError(
                f"{path.name}, {name}: a discount for each of {', '.join(PERIODS)}, a spread of 0 or more"
            )
        offers.append(Offer(name, **entry))
    return Offers(tuple(offers), float(raw["least_saving_share"]), raw["source"])


def energy_by_period(lab: Lab, months: int = 12) -> pd.DataFrame:
    """What each customer used and paid for energy in the last months.

    Returns
    -------
    DataFrame
        ``customer_id``, ``months_count``, ``kwh_sharp`` … ``kwh_valley``, ``energy_yuan``; those without any
        energy are left out.

    Raises
    ------
    MarketError
        If the data have no bills, or bills without periods.
    """
    if not lab.has("bills"):
        raise MarketError("the data have no bills, so prices cannot be compared; bring the table bills")
    bills = lab.bills
    if bills.filter(bills.kwh_flat.notnull()).count().execute() == 0:
        raise MarketError("the bills have no energy by period (kwh_sharp, kwh_peak, kwh_flat, kwh_valley)")
    last = pd.Period(str(lab.manifest.tables["bills"].last)[:7], "M")
    recent = bills.filter(bills.period >= str(last - months + 1))
    sums = {f"kwh_{p}": recent[f"kwh_{p}"].fill_null(0.0).sum().round(3) for p in PERIODS}
    table = lab.run(
        recent.group_by("customer_id").aggregate(
            months_count=recent.count(), **sums, energy_yuan=recent.energy_yuan.sum().round(2)
        )
    )
    return table[table["energy_yuan"] > 0].sort_values("customer_id", ignore_index=True)


def price_offers(energy: pd.DataFrame, offers: Offers) -> pd.DataFrame:
    """What each customer would save with each offer.

    Parameters
    ----------
    energy : DataFrame
        Of `energy_by_period`.
    offers : Offers

    Returns
    -------
    DataFrame
        ``customer_id``, ``offer``, ``saving_yuan``, ``saving_share`` of the energy charge, ``spread_yuan``: how far the saving
        varies with the market (standard deviation; 0 where the price is firm), ``least_yuan``: saving worth moving for.

    Notes
    -----
    An offer that follows the market varies from month to month by its spread; over a year of equal months the spread of
    the mean is that divided by the root of their number. The market is one for all customers.
    """
    rows = []
    kwh = energy[[f"kwh_{p}" for p in PERIODS]].to_numpy(dtype=float)
    for offer in offers.offers:
        discount = np.array([offer.discount_yuan_per_kwh[p] for p in PERIODS])
        saving = kwh @ discount - offer.fee_yuan_per_month * energy["months_count"].to_numpy()
        share = saving / energy["energy_yuan"].to_numpy()
        spread = offer.spread_yuan_per_kwh * kwh.sum(axis=1) / np.sqrt(energy["months_count"].to_numpy())
        rows.append(
            pd.DataFrame(
                {
                    "customer_id": energy["customer_id"],
                    "offer": offer.id,
                    "saving_yuan": saving,
                    "saving_share": share,
                    "spread_yuan": spread,
                    "least_yuan": offers.least_saving_share * energy["energy_yuan"].to_numpy(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


@dataclass(frozen=True)
class Pull:
    """What offers do to a group of customers: how many moving pays for, and what matching would cost a year."""

    tempted: Estimate
    match_yuan: Estimate


def measure_pull(priced: pd.DataFrame, *, draws: int = 1000, seed: int = 0) -> Pull:
    """Share of the customers for whom some offer is worth moving for, and what matching the best would cost.

    Parameters
    ----------
    priced : DataFrame
        Of `price_offers`.
    draws, seed : int
        Of the market, one for all customers and offers, and of the customers.

    Notes
    -----
    In each draw the market moves savings of offers that follow it, all the same way; customers are drawn anew.
    Middle: with the market as expected. Ends: 95 % of the draws, so they are wide where an offer follows the market,
    however many customers there are. With firm prices alone the share has its Wilson interval.
    """
    ids = pd.Index(priced["customer_id"].unique())
    wide = {
        c: priced.pivot_table(index="customer_id", columns="offer", values=c, sort=False).loc[ids].to_numpy()
        for c in _DRAWN
    }
    saving, spread, least = (wide[c] for c in _DRAWN)
    n, rng = len(ids), np.random.default_rng(seed)

    def outcome(market: float) -> tuple[np.ndarray, np.ndarray]:
        saved = saving + market * spread
        pays = saved > least
        return pays.any(axis=1).astype(float), np.where(pays, saved, 0.0).max(axis=1)

    pays, conceded = outcome(0.0)
    if n < _FEW:
        return Pull(Estimate(pays.mean(), np.nan, np.nan, n), Estimate(conceded.sum(), np.nan, np.nan, n))
    shares, sums = np.empty(draws), np.empty(draws)
    for i, market in enumerate(rng.normal(size=draws)):
        at = rng.integers(0, n, n)
        one, money = outcome(market)
        shares[i], sums[i] = one[at].mean(), money[at].sum()
    low, high = np.percentile(shares, [2.5, 97.5])
    if not spread.any():
        firm = estimate_share(int(pays.sum()), n)
        low, high = firm.low, firm.high
    money_low, money_high = np.percentile(sums, [2.5, 97.5])
    return Pull(
        Estimate(float(pays.mean()), float(low), float(high), n),
        Estimate(float(conceded.sum()), float(money_low), float(money_high), n),
    )


def summarise_offers(priced: pd.DataFrame, segment: pd.Series, *, fewest: int = 1, seed: int = 0) -> pd.DataFrame:
    """How many of a segment each offer would tempt, and with how much.

    Parameters
    ----------
    priced : DataFrame
        Of `price_offers`.
    segment : Series
        Segment by ``customer_id``; customers without one are left out.
    fewest : int
        Segments of fewer customers are left out; where fewer, but some, would move, their share is hidden.

    Returns
    -------
    DataFrame
        ``segment``, ``offer``, ``customers_count``; ``tempted_share`` of `measure_pull` with ``low_share``,
        ``high_share``; ``saving_share``: mean saving of the energy charge with ``saving_low_share``,
        ``saving_high_share`` over customers. Ends are missing below 5 customers.
    """
    rows = []
    told = priced.assign(segment=priced["customer_id"].map(segment)).dropna(subset=["segment"])
    for (name, offer), part in told.groupby(["segment", "offer"], sort=True):
        if len(part) < fewest:
            continue
        pull = measure_pull(part, seed=seed).tempted
        shown = [pull.value, pull.low, pull.high]
        if 0 < round(pull.value * len(part)) < fewest:
            shown = [np.nan] * 3
        saved = estimate_mean(part["saving_share"].to_numpy()) if len(part) >= _FEW else None
        ends = [saved.low, saved.high] if saved else [np.nan] * 2
        rows.append((name, offer, len(part), *shown, part["saving_share"].mean(), *ends))
    names = [
        "segment",
        "offer",
        "customers_count",
        "tempted_share",
        "low_share",
        "high_share",
        "saving_share",
        "saving_low_share",
        "saving_high_share",
    ]
    return pd.DataFrame(rows, columns=names)


def price_to_match(priced: pd.DataFrame, segment: pd.Series, *, fewest: int = 1, seed: int = 0) -> pd.DataFrame:
    """Whom the offers tempt in each segment, and what it would cost a year to match the best for each of them.

    Parameters
    ----------
    priced : DataFrame
        Of `price_offers`.
    segment : Series
        Segment by ``customer_id``.
    fewest : int
        Segments of fewer customers are left out; with more than 1, money that one customer dominates is hidden.

    Returns
    -------
    DataFrame
        ``segment``, ``customers_count``, ``tempted_share`` with ``low_share``, ``high_share``, ``match_yuan`` with ``low``,
        ``high``: `measure_pull` of each segment.
    """
    rows = []
    told = priced.assign(segment=priced["customer_id"].map(segment)).dropna(subset=["segment"])
    for name, part in told.groupby("segment", sort=True):
        n = part["customer_id"].nunique()
        if n < fewest:
            continue
        pull = measure_pull(part, seed=seed)
        shares, money = pull.tempted, pull.match_yuan
        largest = part["saving_yuan"].clip(lower=0).groupby(part["customer_id"]).max()
        dominated = largest.sum() > 0 and not amount_may_be_shown(n, float(largest.max() / largest.sum()))
        amounts = [np.nan] * 3 if fewest > 1 and dominated else [money.value, money.low, money.high]
        rows.append((name, n, shares.value, shares.low, shares.high, *amounts))
    names = ["segment", "customers_count", "tempted_share", "low_share", "high_share", "match_yuan", "low", "high"]
    return pd.DataFrame(rows, columns=names)
