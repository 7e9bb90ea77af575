"""Retention on a lab: departures of business customers, their value today, and a card for each key account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import poisson

from labkit.estimates import Estimate
from labkit.lab import Lab
from labkit.loyalty.cells import month_number
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.hazard import fit_hazard
from labkit.loyalty.hazard_model import HazardModel
from labkit.loyalty.policy import break_even_uplift, expected_gain
from labkit.loyalty.spells import Spells, read_spells
from labkit.loyalty.value import Margins, Values, read_margins, value_customers

#: Fewest departures of a kind for effects of their own.
FEWEST = 10


def kinds_of_departure(reason: pd.Series) -> pd.Series:
    """Departures in three kinds: to another supplier (wires stay), to own generation, and for reasons of life.

    Examples
    --------
    >>> kinds_of_departure(pd.Series(["retailer", "own_generation", "moved", ""])).tolist()
    ['supplier', 'own_generation', 'other', '']
    """
    kind = reason.map(
        {"": "", "direct_purchase": "supplier", "retailer": "supplier", "own_generation": "own_generation"}
    )
    return kind.fillna("other")


def fit_departures(spells: Spells) -> HazardModel:
    """Hazards of business customers by kind, with the contract clock and whether they may buy directly.

    Raises
    ------
    LoyaltyError
        If fewer than 10 of them left for another supplier.
    """
    own = spells.table[spells.table["customer_class"] != "residential"].reset_index(drop=True)
    own = own.assign(
        kind=kinds_of_departure(own["reason"]), direct=np.where(own["may_buy_directly"], "allowed", "not_allowed")
    )
    left = int((own["kind"] == "supplier").sum())
    if left < FEWEST:
        raise LoyaltyError(f"{left} business customers left for another supplier; hazards want {FEWEST} or more")
    has = own["contract_end_months"].notna()
    # Where exactly those with a contract may buy directly the two cannot be told apart: the contract stands for both.
    told = len(own.groupby([has, "direct"]).size()) > 2
    return fit_hazard(
        own, "duration_months", "kind", ["direct"] if told else [], entry="entry_months", bands=(0,),
        renewal="contract_end_months" if has.any() else None, renewal_bands=(-1, 5), base={"renewal": "6+"},
    )  # fmt: skip


def foretell_departures(spells: Spells, months: int = 12) -> tuple[Estimate, int]:
    """Business customers foretold to leave to the market in the last months of the data, from what came before, and those who did.

    Returns
    -------
    foretold : Estimate
        Its ends are those of a count that varies by chance around what was foretold (Poisson, 95 %).
    seen : int

    Raises
    ------
    LoyaltyError
        If too few left before, or nobody was there then.
    """
    own = spells.table[spells.table["customer_class"] != "residential"].reset_index(drop=True)
    split = month_number(pd.Series([spells.last_month]))[0] - months
    at = split - month_number(own["start"]) + 1
    before = own.assign(
        duration_months=np.minimum(own["duration_months"], at), left=own["left"] & (own["duration_months"] <= at)
    )
    before = before.assign(reason=before["reason"].where(before["left"], ""))
    before = before[before["duration_months"] > before["entry_months"]].reset_index(drop=True)
    model = fit_departures(replace(spells, table=before))
    there = own[(own["duration_months"] > at) & (own["entry_months"] < at + months)].copy()
    if there.empty:
        raise LoyaltyError(f"nobody was there {months} months before the end of the data; take fewer months")
    there["alive_until"] = np.maximum(at[there.index], there["entry_months"])
    there["direct"] = np.where(there["may_buy_directly"], "allowed", "not_allowed")
    chance = _leaves(model, there.reset_index(drop=True), None, months)
    expected = float(chance.sum())
    seen = int((there["left_to_market"]).sum())
    low, high = poisson.ppf([0.025, 0.975], expected)
    return Estimate(expected, float(low), float(high), len(there)), seen


def customers_today(lab: Lab, spells: Spells) -> pd.DataFrame:
    """Business customers still there, with a year's energy and where they stand on the clocks.

    Returns
    -------
    DataFrame
        ``customer_id``, ``customer_class``, ``energy_kwh`` (the last twelve billed months, or the readings as a year),
        ``alive_until``, ``contract_end_months``, ``direct``, ``start``.
    """
    own = spells.table[(spells.table["customer_class"] != "residential") & ~spells.table["left"]]
    energy = _yearly_energy(lab)
    out = own.assign(
        alive_until=own["duration_months"],
        direct=np.where(own["may_buy_directly"], "allowed", "not_allowed"),
        energy_kwh=own["customer_id"].map(energy),
    )
    columns = ["customer_id", "customer_class", "energy_kwh", "alive_until", "contract_end_months", "direct", "start"]
    return out[columns].reset_index(drop=True)


def _yearly_energy(lab: Lab) -> pd.Series:
    if lab.has("bills"):
        last = pd.Period(str(lab.manifest.tables["bills"].last)[:7], "M")
        bills = lab.bills.filter(lab.bills.period >= str(last - 11))
        sums = lab.run(bills.group_by("customer_id").aggregate(kwh=bills.kwh.sum().round(3), months=bills.count()))
        table = sums.sort_values("customer_id").set_index("customer_id")
        return table["kwh"] * 12 / table["months"].clip(lower=1, upper=12)
    raise LoyaltyError("the data have no bills, so energy and margins are not known; bring the table bills")


def measure_margins(
    lab: Lab, since: str | pd.Timestamp, until: str | pd.Timestamp, margins: Margins | None = None
) -> pd.DataFrame:
    """What each customer brought in some months, as a year.

    Parameters
    ----------
    lab : Lab
    since, until : date
        Billing months of these days and those between.
    margins : Margins, optional
        Those of ``data/loyalty/margins.yaml`` by default.

    Returns
    -------
    DataFrame
        ``customer_id`` of customers billed then, ``energy_kwh`` a year, ``margin_yuan`` a year: energy and wires less service, by the rates
        of the customer's class, so that the class is part of the figure. May be below 0.
    """
    rates, first, last = margins or read_margins(), *(str(pd.Timestamp(day).to_period("M")) for day in (since, until))
    bills = lab.bills.filter((lab.bills.period >= first) & (lab.bills.period <= last))
    sums = bills.group_by("customer_id").aggregate(kwh=bills.kwh.sum().round(3), months=bills.period.nunique())
    table = lab.run(sums.inner_join(lab.customers.select("customer_id", "customer_class"), "customer_id"))
    table = table.sort_values("customer_id", ignore_index=True)
    kwh, of = table["kwh"] * 12 / table["months"], table["customer_class"].map
    per_kwh = of(rates.energy_margin_yuan_per_kwh) + of(rates.wires_margin_yuan_per_kwh)
    margin = kwh * per_kwh - of(rates.service_cost_yuan_per_year)
    return pd.DataFrame({"customer_id": table["customer_id"], "energy_kwh": kwh, "margin_yuan": margin})


def value_today(lab: Lab, spells: Spells, margins: Margins | None = None, *, draws: int = 500, seed: int = 0) -> Values:
    """Values of the business customers of a lab, from their own hazards."""
    return value_customers(
        customers_today(lab, spells), fit_departures(spells), margins or read_margins(), draws=draws, seed=seed
    )


@dataclass(frozen=True)
class RetentionCard:
    """What an account manager should know about keeping an account.

    Attributes
    ----------
    title_en, title_zh : str
    lines_en, lines_zh : tuple of str
    """

    title_en: str
    title_zh: str
    lines_en: tuple[str, ...]
    lines_zh: tuple[str, ...]


def retention_cards(
    lab: Lab, customer_ids: Sequence[str], margins: Margins | None = None, *, draws: int = 200, seed: int = 0
) -> dict[str, RetentionCard]:
    """A card for each account that is still there: its chance of leaving, what is at stake, when to call, which offer.

    Parameters
    ----------
    lab : Lab
    customer_ids : sequence of str
    margins : Margins, optional
    draws, seed : int
        For the interval of the chance of leaving.

    Returns
    -------
    dict
        Customer -> card; without those that have left or whose energy is not known. Empty where hazards cannot be
        fitted: too few departures are no ground for a card.
    """
    margins = margins or read_margins()
    try:
        spells = read_spells(lab)
        model = fit_departures(spells)
        today = customers_today(lab, spells)
    except LoyaltyError:
        return {}
    own = today[today["customer_id"].isin(list(customer_ids)) & today["energy_kwh"].notna()].reset_index(drop=True)
    if own.empty:
        return {}
    values = value_customers(own, model, margins, draws=0).table
    drawn = [_leaves(model, own, params) for params in model.draw_params(draws, seed)]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    answers = _last_answers(lab)
    cards = {}
    for i, row in enumerate(values.itertuples()):
        ends = own["contract_end_months"][i] - own["alive_until"][i]
        cards[str(row.customer_id)] = _card(
            row, float(low[i]), float(high[i]), ends, answers.get(row.customer_id), margins
        )
    return cards


def _leaves(model: HazardModel, own: pd.DataFrame, params: dict[str, pd.Series] | None, months: int = 12) -> np.ndarray:
    """Chance of leaving to the market within so many months."""
    rates = model.monthly_rates(own, months, params=params)
    total = np.asarray(sum(rates.values()))
    stays = np.exp(-np.cumsum(total, axis=1))
    before = np.column_stack([np.ones(len(stays)), stays[:, :-1]])
    market = np.asarray(sum(r for k, r in rates.items() if k != "other"))
    return np.asarray(((before - stays) * market / total).sum(axis=1))


def _last_answers(lab: Lab) -> dict[str, tuple[float, str]]:
    if not lab.has("surveys"):
        return {}
    asked = lab.run(lab.surveys.select("customer_id", "surveyed_on", "overall")).dropna(subset=["overall"])
    last = asked.sort_values(["customer_id", "surveyed_on"]).groupby("customer_id").last()
    return {str(k): (float(r.overall), str(r.surveyed_on)[:7]) for k, r in zip(last.index, last.itertuples())}


def _card(
    row: object, low: float, high: float, ends: float, answer: tuple[float, str] | None, margins: Margins
) -> RetentionCard:
    p, stake, margin = (float(getattr(row, c)) for c in ("market_share", "at_stake_yuan", "energy_margin_yuan"))
    en = [
        f"Chance of leaving for another supplier or own generation within a year: {p:.1%} (95% interval {low:.1%} to {high:.1%}).",
        f"Energy margin at stake: {stake:,.0f} yuan over {margins.horizon_years} years, {margin:,.0f} yuan a year; the wires charge stays if it only changes supplier.",
    ]
    zh = [
        f"一年内转向其他售电公司、直接交易或自发电的可能性：{p:.1%}（95% 区间 {low:.1%}～{high:.1%}）。",
        f"流失风险对应的购售电价差：{margins.horizon_years} 年合计 {stake:,.0f} 元，每年 {margin:,.0f} 元；若仅更换售电方，输配电费不受影响。",
    ]
    more_en, more_zh = [], []
    if np.isfinite(ends) and ends > 12:
        more_en.append(f"The contract runs for {ends:.0f} more months.")
        more_zh.append(f"合同还有 {ends:.0f} 个月到期。")
    elif np.isfinite(ends):
        more_en.append(
            f"The contract {f'ends in {ends:.0f} months' if ends >= 0 else f'ended {-ends:.0f} months ago'}: call before others do."
        )
        more_zh.append(
            f"合同{f'将于 {ends:.0f} 个月后到期' if ends >= 0 else f'已到期 {-ends:.0f} 个月'}，宜尽早沟通续签。"
        )
    if answer is not None:
        more_en.append(f"Last interview ({answer[1]}): overall satisfaction {answer[0]:.0f} of 10.")
        more_zh.append(f"最近一次调查（{answer[1]}）：总体满意度 {answer[0]:.0f} 分（满分 10 分）。")
    if more_en:
        en.append(" ".join(more_en))
        zh.append("".join(more_zh))
    advice_en, advice_zh = _advice(p, stake, margin, margins)
    return RetentionCard("Keeping this account", "客户挽留", (*en, advice_en), (*zh, advice_zh))


def _advice(p: float, stake: float, margin: float, margins: Margins) -> tuple[str, str]:
    one = [np.array([x]) for x in (p, stake, margin)]
    gains = {
        name: float(expected_gain(offer, one[0], one[0] * offer.effect, one[1], one[2])[0][0])
        for name, offer in margins.offers.items()
    }
    name = max(gains, key=lambda k: gains[k])
    offer, gain = margins.offers[name], gains[name]
    even = float(break_even_uplift(offer, one[0], one[1], one[2])[0])
    if gain <= 0 or not np.isfinite(even):
        return (
            "No offer pays for itself here under the assumed effects; good ordinary service is the advice.",
            "按假设效果，各类挽留措施均不足以收回成本；建议做好常规服务。",
        )
    return (
        f"Best offer under the assumed effects: {offer.en[0].lower()}{offer.en[1:]}, {gain:,.0f} yuan expected. It breaks even if it prevents {even / p:.0%} "
        f"of such departures ({offer.effect:.0%} assumed; no trial has measured it).",
        f"按假设效果首选：{offer.zh}，预期净收益 {gain:,.0f} 元；能挽回 {even / p:.0%} 的此类流失即可保本（假设为 {offer.effect:.0%}，尚无试验验证）。",
    )
