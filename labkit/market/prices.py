"""Our price against rivals' offers, customer by customer, with the energy each uses in each period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from labkit import terms
from labkit.calendar import DATA
from labkit.estimates import Estimate, estimate_by_bootstrap, estimate_mean, estimate_share
from labkit.lab import Lab
from labkit.market.errors import MarketError

PERIODS = ("sharp", "peak", "flat", "valley")
_FEW = 5


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
        ``customer_id``, ``offer``, ``saving_yuan``, ``saving_share`` of the energy charge, ``chance`` that the saving
        passes the least worth moving for (of an offer with a firm price 0 or 1).

    Notes
    -----
    An offer that follows the market varies from month to month by its spread; over a year of equal months the spread of
    the mean is that divided by the root of their number.
    """
    rows = []
    kwh = energy[[f"kwh_{p}" for p in PERIODS]].to_numpy(dtype=float)
    for offer in offers.offers:
        discount = np.array([offer.discount_yuan_per_kwh[p] for p in PERIODS])
        saving = kwh @ discount - offer.fee_yuan_per_month * energy["months_count"].to_numpy()
        share = saving / energy["energy_yuan"].to_numpy()
        spread = offer.spread_yuan_per_kwh * kwh.sum(axis=1) / np.sqrt(energy["months_count"].to_numpy())
        over = saving - offers.least_saving_share * energy["energy_yuan"].to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = np.where(spread > 0, stats.norm.cdf(over / spread), (over > 0).astype(float))
        rows.append(
            pd.DataFrame(
                {
                    "customer_id": energy["customer_id"],
                    "offer": offer.id,
                    "saving_yuan": saving,
                    "saving_share": share,
                    "chance": chance,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def summarise_offers(priced: pd.DataFrame, segment: pd.Series, *, fewest: int = 1, seed: int = 0) -> pd.DataFrame:
    """How many of a segment each offer would tempt, and with how much.

    Parameters
    ----------
    priced : DataFrame
        Of `price_offers`.
    segment : Series
        Segment by ``customer_id``; customers without one are left out.
    fewest : int
        Segments of fewer customers are left out.

    Returns
    -------
    DataFrame
        ``segment``, ``offer``, ``customers_count``; ``tempted_share``: mean chance that the offer is worth moving for, with
        ``low_share``, ``high_share``; ``saving_share``: mean saving of the energy charge with ``saving_low_share``,
        ``saving_high_share``. Ends are missing below 5 customers.
    """
    rows = []
    told = priced.assign(segment=priced["customer_id"].map(segment)).dropna(subset=["segment"])
    for (name, offer), part in told.groupby(["segment", "offer"], sort=True):
        if len(part) < fewest:
            continue
        ends = [np.nan] * 4
        if len(part) >= _FEW:
            tempted = _mean_chance(part["chance"].to_numpy(), seed)
            saved = estimate_mean(part["saving_share"].to_numpy())
            ends = [tempted.low, tempted.high, saved.low, saved.high]
        rows.append((name, offer, len(part), part["chance"].mean(), *ends[:2], part["saving_share"].mean(), *ends[2:]))
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


def _mean_chance(chance: np.ndarray, seed: int) -> Estimate:
    """Mean over customers; of plain yes and no a share, whose interval is not empty where all agree."""
    if np.isin(chance, (0.0, 1.0)).all():
        return estimate_share(int(chance.sum()), len(chance))
    return estimate_by_bootstrap(chance, lambda x: x.mean(axis=1), seed=seed)


def tempted_of_all(priced: pd.DataFrame, *, seed: int = 0) -> Estimate:
    """Share of the customers for whom the likeliest of the offers is worth moving for."""
    return _mean_chance(priced.groupby("customer_id")["chance"].max().to_numpy(), seed)


def price_to_match(priced: pd.DataFrame, segment: pd.Series, *, fewest: int = 1, seed: int = 0) -> pd.DataFrame:
    """What it would cost a year to match the best offer for each customer it tempts.

    Returns
    -------
    DataFrame
        ``segment``, ``customers_count``, ``tempted_share`` by the likeliest offer of each with ``low_share``,
        ``high_share``, ``match_yuan``: sum of the expected savings conceded, with ``low``, ``high`` over customers.
    """
    expected = priced.assign(conceded=priced["saving_yuan"].clip(lower=0) * priced["chance"])
    best = expected.loc[expected.groupby("customer_id")["conceded"].idxmax()]
    best = best.assign(chance=best["customer_id"].map(priced.groupby("customer_id")["chance"].max()))
    best = best.assign(segment=best["customer_id"].map(segment)).dropna(subset=["segment"])
    rows = []
    for name, part in best.groupby("segment", sort=True):
        n = len(part)
        if n < fewest:
            continue
        ends = [np.nan] * 4
        if n >= _FEW:
            tempted = _mean_chance(part["chance"].to_numpy(), seed)
            money = estimate_by_bootstrap(part["conceded"].to_numpy(), lambda x: x.sum(axis=1), seed=seed)
            ends = [tempted.low, tempted.high, money.low, money.high]
        rows.append((name, n, part["chance"].mean(), *ends[:2], part["conceded"].sum(), *ends[2:]))
    names = ["segment", "customers_count", "tempted_share", "low_share", "high_share", "match_yuan", "low", "high"]
    return pd.DataFrame(rows, columns=names)
