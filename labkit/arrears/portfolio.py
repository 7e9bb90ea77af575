"""What the whole of the arrears may cost: expected loss, reserve, concentration, accounts to watch."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from labkit.arrears.behaviour import late_bills
from labkit.arrears.credit import BAD_DAYS, CreditModel, known_on
from labkit.arrears.errors import ArrearsError
from labkit.arrears.ledger import Books
from labkit.estimates import Estimate, estimate_ratio
from labkit.lab import Lab

#: Bills used up by the day a first one is sixty days overdue: the one due, and those since.
BILLS_AT_RISK = 3
#: A debt that is open so many days after it turned bad counts as lost.
LOST_AFTER_DAYS = 180


@dataclass(frozen=True, eq=False)
class LossForecast:
    """What will not be paid of a year's bills.

    Attributes
    ----------
    expected : Estimate
        Expected loss from customers who turn bad within the year [yuan]; the interval holds the doubt
        about the level of the chances and about the share lost.
    reserve_yuan : float
        What losses stay below in 95 of 100 simulated years.
    reserve_low_yuan, reserve_high_yuan : float
        The same with the share lost at its ends.
    quantiles : DataFrame
        ``share`` of years, ``loss_yuan``.
    top_ten_share : float
        Of the expected loss, from the ten largest accounts.
    effective_accounts : float
        One over the sum of squared shares of the exposure: as if so many alike.
    old_debts : Estimate, optional
        Expected loss on debts that are bad already [yuan]; not part of the others.
    """

    expected: Estimate
    reserve_yuan: float
    reserve_low_yuan: float
    reserve_high_yuan: float
    quantiles: pd.DataFrame
    top_ten_share: float
    effective_accounts: float
    old_debts: Estimate | None = None


def loss_given_default(books: Books, late: pd.DataFrame | None = None) -> Estimate:
    """Share of a bad debt that is not paid within half a year after it turned bad.

    Parameters
    ----------
    late : DataFrame, optional
        Of `late_bills`, where it is there already.

    Notes
    -----
    Of bills open when they were 60 days overdue, and watched half a year longer: what was open at the
    end of that over what was open at its beginning, money over money, customers as clusters. What comes
    in later is left out. Wide where bad debts are few.
    """
    rows = late_bills(books) if late is None else late
    turned = rows["due_on"] + pd.Timedelta(days=BAD_DAYS)
    ends = turned + pd.Timedelta(days=LOST_AFTER_DAYS)
    bad = (rows["settled_on"].isna() | (rows["settled_on"] > turned)) & (ends <= pd.Timestamp(books.last_day))
    seen = rows.loc[bad, ["bill_id", "customer_id", "billed_yuan"]].assign(turned=turned, ends=ends)
    paid = books.payments.filter(books.payments.bill_id.isin(seen["bill_id"].tolist() or [""]))
    each = books.run(paid.select("bill_id", "paid_on", "amount_yuan")).merge(seen, on="bill_id")
    when = pd.to_datetime(each["paid_on"])
    by_bill = seen.set_index("bill_id")
    for name in ("turned", "ends"):
        by_bill[f"paid_{name}"] = each.loc[when <= each[name]].groupby("bill_id")["amount_yuan"].sum()
    start = (by_bill["billed_yuan"] - by_bill["paid_turned"].fillna(0)).clip(lower=0)
    left = (by_bill["billed_yuan"] - by_bill["paid_ends"].fillna(0)).clip(lower=0)
    sums = pd.DataFrame({"lost": left, "all": start, "who": by_bill["customer_id"]}).groupby("who").sum()
    found = estimate_ratio(sums["lost"].to_numpy(), sums["all"].to_numpy())
    return Estimate(found.value, max(found.low, 0.0), min(found.high, 1.0), found.n, found.level)


def forecast_losses(
    chance: np.ndarray | pd.Series, exposure_yuan: np.ndarray | pd.Series, lost: Estimate, *,
    level_error: float = 0.0, old_debts: Estimate | None = None, correlation: float = 0.05, draws: int = 5000, seed: int = 0,
) -> LossForecast:  # fmt: skip
    """Losses of a year, simulated.

    Parameters
    ----------
    chance : array_like, shape (n,)
        Of default within twelve months.
    exposure_yuan : array_like, shape (n,)
        Owed when a customer turns bad.
    lost : Estimate
        Share of it that is lost.
    level_error : float
        Standard error of the level of the chances, on the scale of ln odds.
    old_debts : Estimate, optional
        Loss on debts that are bad already [yuan]; told beside, not part of the forecast.
    correlation : float
        Of what drives customers into default: 0 where each stands alone. Not known from two
        years of data; supervisors use 0.03 to 0.16 for retail (Basel Committee 2006).
    draws, seed : int

    Returns
    -------
    LossForecast

    Raises
    ------
    ArrearsError
        If a chance lies outside 0 to 1, an exposure is negative, or nothing is known of what is lost.

    Notes
    -----
    One common factor (Vasicek 2002): a customer defaults where
    sqrt(r) Z + sqrt(1 - r) e falls below the normal quantile of its chance.

    Examples
    --------
    >>> found = forecast_losses(np.full(500, 0.02), np.full(500, 1000.0), Estimate(0.5, 0.4, 0.6, 50), seed=1)
    >>> round(found.expected.value), found.reserve_yuan > found.expected.value
    (5000, True)
    """
    p, x = np.asarray(chance, dtype=float), np.asarray(exposure_yuan, dtype=float)
    if not ((p >= 0) & (p <= 1)).all() or (x < 0).any() or len(p) != len(x) or not len(p):
        raise ArrearsError("chances lie in 0..1 and exposures at 0 or more, one of each a customer")
    if not np.isfinite([lost.value, lost.low, lost.high]).all():
        raise ArrearsError("no bad debt was watched long enough to tell what is lost; give the share of a like utility")
    if not 0 <= correlation < 1:
        raise ArrearsError(f"correlation is {correlation}, expected 0 or more and below 1")
    rng = np.random.default_rng(seed)
    limit = norm.ppf(p)
    at_risk = np.flatnonzero((p > 0) & (x > 0))
    losses = np.empty(draws)
    for i in range(draws):
        given = norm.cdf((limit[at_risk] - np.sqrt(correlation) * rng.standard_normal()) / np.sqrt(1 - correlation))
        losses[i] = x[at_risk][rng.random(len(at_risk)) < given].sum()
    expected = float((p * x).sum())
    # Doubt about the level of the chances and the share lost; the sum over customers is read off a grid.
    grid = np.linspace(-4, 4, 33) * level_error
    odds = np.log(p[at_risk].clip(1e-12, 1 - 1e-12) / (1 - p[at_risk].clip(1e-12, 1 - 1e-12)))
    sums = np.array([(expit(odds + shift) * x[at_risk]).sum() for shift in grid])
    drawn = np.interp(rng.normal(0, level_error, 4000), grid, sums) if level_error else np.full(4000, expected)
    kept = np.clip(rng.normal(lost.value, (lost.high - lost.low) / 3.919928, 4000), 0, 1)
    low, high = np.quantile(drawn * kept, [0.025, 0.975])
    shares = [0.5, 0.75, 0.9, 0.95, 0.99]
    ends = np.quantile(losses, shares)
    each = np.sort(p * x)[::-1]
    weight = x / max(x.sum(), 1e-12)
    reserve = float(ends[shares.index(0.95)])
    return LossForecast(
        Estimate(expected * lost.value, float(low), float(high), len(p)),
        reserve * lost.value, reserve * lost.low, reserve * lost.high,
        pd.DataFrame({"share": shares, "loss_yuan": ends * lost.value}),
        float(each[:10].sum() / max(each.sum(), 1e-12)), float(1 / max((weight**2).sum(), 1e-12)), old_debts,
    )  # fmt: skip


def forecast_arrears(
    lab: Lab, books: Books, model: CreditModel, *, correlation: float = 0.05, draws: int = 5000, seed: int = 0
) -> LossForecast:
    """Losses of the next year for all customers of a lab, from the chances of a twelve-month score.

    Notes
    -----
    Customers not bad yet count with their chance, what is overdue and three bills. Debts bad already
    stand apart, with those of customers who left: lost as others of their age were within
    half a year, whole where they are older than that.

    Raises
    ------
    ArrearsError
        If the score is not for twelve months, or no bad debt was watched long enough.
    """
    if model.months != 12:
        raise ArrearsError(f"the score is for {model.months} months; a year's losses need one for 12")
    late = late_bills(books)
    lost = loss_given_default(books, late)
    open_ = late[(late["open_yuan"] > 0) & (late["days_late"] > BAD_DAYS)]
    known = known_on(lab, books, books.last_day)
    fresh = known[~known["customer_id"].isin(set(open_["customer_id"]))]
    old = open_["days_late"] > BAD_DAYS + LOST_AFTER_DAYS
    gone, young = float(open_.loc[old, "open_yuan"].sum()), float(open_.loc[~old, "open_yuan"].sum())
    value, low, high = (gone + young * share for share in (lost.value, lost.low, lost.high))
    level = model.measure("intercept")
    return forecast_losses(
        model.card.probability(fresh), fresh["overdue_yuan"] + BILLS_AT_RISK * fresh["mean_bill_yuan"], lost,
        level_error=(level.high - level.low) / 3.919928, old_debts=Estimate(value, low, high, open_["customer_id"].nunique()),
        correlation=correlation, draws=draws, seed=seed,
    )  # fmt: skip


def watch_large_accounts(
    books: Books, *, share: float = 0.05, fall: float = 0.2, longer_days: float = 5.0
) -> pd.DataFrame:
    """Large accounts whose load falls and whose payments take longer.

    Parameters
    ----------
    share : float
        Of the customers, by what they were billed in the last year.
    fall : float
        Fall of use in the last three months against the same months a year before, beyond
        that of the middle large account, from which on an account is flagged.
    longer_days : float
        More days late in the last three bills than in the year before.

    Returns
    -------
    DataFrame
        ``customer_id``, ``billed_yuan`` (a year), ``load_change``, ``days_longer``, ``falling_load``,
        ``paying_later``, ``watch`` (both); largest first. An account without a year of history has
        no ``load_change`` and is not flagged for it.

    Raises
    ------
    ArrearsError
        If bills have no energy or month.
    """
    if not {"kwh", "period"} <= set(books.bills.columns):
        raise ArrearsError("bills have no kwh or period; a falling load cannot be seen without them")
    bills = books.run(
        books.bills.filter(books.bills.issued_on.fill_null(books.bills.due_on) <= ibis.date(books.last_day))
        .select("bill_id", "customer_id", "period", "kwh", "total_yuan", "due_on")
        .order_by(["customer_id", "period", "bill_id"])
    )
    months = sorted(bills["period"].unique())
    year = bills[bills["period"].isin(months[-12:])].groupby("customer_id")["total_yuan"].sum()
    large = year.nlargest(max(round(share * len(year)), 1)).index
    mine = bills[bills["customer_id"].isin(set(large))]
    recent, before = months[-3:], [f"{int(m[:4]) - 1}{m[4:]}" for m in months[-3:]]
    use = {
        k: mine[mine["period"].isin(m)].groupby("customer_id")["kwh"].agg(["sum", "count"])
        for k, m in (("new", recent), ("old", before))
    }
    table = pd.DataFrame({"billed_yuan": year[large]})
    new, old = use["new"].reindex(large), use["old"].reindex(large)
    whole = (new["count"] == len(recent)) & (old["count"] == len(recent)) & (old["sum"] > 0)
    table["load_change"] = (new["sum"] / old["sum"] - 1).where(whole)
    late = late_bills(books).set_index("bill_id")["days_late"]
    days = mine["bill_id"].map(late).fillna(0.0).clip(upper=180)
    due = pd.to_datetime(mine["due_on"]) <= pd.Timestamp(books.last_day)
    last = mine["period"].isin(months[-4:]) & due
    earlier = mine["period"].isin(months[-16:-4])
    table["days_longer"] = (
        days[last].groupby(mine["customer_id"]).mean() - days[earlier].groupby(mine["customer_id"]).mean()
    )
    usual = table["load_change"].median()
    table["falling_load"] = table["load_change"] - (0.0 if np.isnan(usual) else usual) <= -fall
    table["paying_later"] = table["days_longer"] >= longer_days
    table["watch"] = table["falling_load"] & table["paying_later"]
    return table.sort_values("billed_yuan", ascending=False).reset_index(names="customer_id")
