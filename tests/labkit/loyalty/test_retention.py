"""Loyalty on a lab: the sample's truth, cards for key accounts, tables as they were known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import loyalty
from labkit.lab import Lab
from labkit.sample import customers, departures
from labkit.sample.world import World


@pytest.fixture(scope="module")
def lab(sample: Path) -> Lab:
    return labkit.open(sample, verify=False)


@pytest.fixture(scope="module")
def spells(lab: Lab) -> loyalty.Spells:
    return loyalty.read_spells(lab)


def test_the_hazards_of_the_sample_are_found_again() -> None:
    """The generator of departures on 25,000 customers: effects of satisfaction, price and contract."""
    world = World(2025, 25_000)
    rng = np.random.default_rng(51)
    who = customers.make_customers(world, np.arange(25_000), rng)
    who = who[who["customer_class"] != "residential"].reset_index(drop=True)
    n, months = len(who), len(world.months)
    felt = rng.normal(0, 0.7, (n, 1)) + rng.normal(0, 0.3, (n, months))
    left = departures.draw_departures(world, who, felt, rng)
    month = np.searchsorted(world.month_starts, left["day"].to_numpy(), side="right")
    month = np.where(left["day"] < 10**6, month, months)
    before = np.concatenate([felt[:, :1], felt[:, :-1]], axis=1)
    contract = pd.to_datetime(who["contract_end_on"]).to_numpy()
    starts = np.array([np.datetime64(m + "-01") for m in world.months])
    held = contract[:, None] > starts[None, :]
    row, at = np.nonzero(np.arange(months)[None, :] < month[:, None])
    gone = (left["day"].to_numpy()[row] < 10**6) & (at == month[row] - 1)
    table = pd.DataFrame(
        {
            "entry": at, "stop": at + 1, "reason": np.where(gone, left["reason"].to_numpy()[row].astype(object), ""),
            "satisfaction": before[row, at], "price": who["_price_sensitivity"].to_numpy()[row] - 1,
            "held": np.where(held[row, at], "yes", "no"), "large": np.where(who["voltage_kv"].to_numpy()[row] >= 10, "yes", "no"),
        }
    )  # fmt: skip
    model = loyalty.fit_hazard(
        table, "stop", "reason", ["satisfaction", "price", "held", "large"], entry="entry", bands=(0,), bins=40
    )
    found = model.summary.set_index(["reason", "term"])
    inside = []
    for reason in ("direct_purchase", "retailer", "own_generation"):
        wanted = {"satisfaction": departures.SATISFACTION_EFFECT[reason], "price": departures.PRICE_EFFECT[reason]}
        base_is_no = ("held", "yes") if (reason, "held=yes") in found.index else ("held", "no")
        sign = 1 if base_is_no[1] == "yes" else -1
        wanted[f"held={base_is_no[1]}"] = sign * departures.CONTRACT_EFFECT
        for term, value in wanted.items():
            own = found.loc[(reason, term)]
            assert abs(own["coefficient"] - value) < 3.3 * own["standard_error"], (reason, term)
            inside.append(own["low"] < np.exp(value) < own["high"])
    assert sum(inside) >= 8
    assert found.loc[("direct_purchase", "large=no"), "hazard_ratio"] == 0


def test_the_truth_of_the_sample_lies_in_what_customers_show(spells: loyalty.Spells, sample: Path, lab: Lab) -> None:
    truth = json.loads((sample / "truth" / "parameters.json").read_text())
    link = loyalty.link_satisfaction(spells, lab.run(lab.surveys))
    # A point of the answer is 1 / (1.5 * 1.3) of a point of what is felt; of the market's effects, the weakest and the strongest.
    weakest, strongest = (
        np.exp(truth["satisfaction_effect_on_log_hazard"][r] / 1.95) for r in ("own_generation", "retailer")
    )
    assert link.hazard_ratio.low < strongest and link.hazard_ratio.high < 1 and link.hazard_ratio.value < weakest
    assert link.corrected.value < link.hazard_ratio.value and 0.3 < link.agreement.value < 1
    assert link.other_ratio is not None and link.other_ratio.low < 1 < link.other_ratio.high
    assert link.points_to_halve > 0


def test_spells_are_the_customers_of_the_sample(spells: loyalty.Spells, lab: Lab) -> None:
    everybody = lab.run(lab.customers)
    assert len(spells.table) == len(everybody) and not spells.left_out
    assert spells.table["left"].sum() == everybody["left_on"].notna().sum()
    assert (spells.table["duration_months"] > spells.table["entry_months"]).all()
    assert (spells.first_month, spells.last_month) == ("2024-01", "2025-12")


def test_a_forecast_sees_nothing_later_than_its_day(lab: Lab) -> None:
    table = loyalty.churn_table(lab, ["2024-12-31"], 182)
    everybody = lab.run(lab.customers).set_index("customer_id")
    left = pd.to_datetime(everybody["left_on"]).reindex(table["customer_id"])
    reason = everybody["left_reason"].reindex(table["customer_id"])
    assert (left.isna() | (left > "2024-12-31")).all()
    soon = (left <= pd.Timestamp("2024-12-31") + pd.Timedelta(days=182)) & reason.isin(loyalty.MARKET_REASONS)
    assert (table["leaves"].to_numpy() == soon.to_numpy().astype(int)).all() and table["leaves"].sum() > 5
    one = table.iloc[0]["customer_id"]
    bills = lab.run(lab.bills.filter(lab.bills.customer_id == one))
    # Bills of November were out on the last of December, those of December not.
    known = bills[bills["period"].between("2024-05", "2024-10")]["kwh"].sum()
    late = bills[bills["period"].between("2024-06", "2024-11")]["kwh"].sum()
    assert table.iloc[0]["energy_kwh"] in (pytest.approx(known), pytest.approx(late))
    tickets = lab.run(lab.tickets)
    tickets = tickets[(tickets["opened_at"] <= "2024-12-31") & (tickets["opened_at"] > "2024-07-02")]
    counts = tickets["customer_id"].value_counts().reindex(table["customer_id"], fill_value=0)
    assert (counts.to_numpy() == table["tickets_count"].to_numpy()).all()
    with pytest.raises(loyalty.LoyaltyError, match="end after the data"):
        loyalty.churn_table(lab, ["2025-12-01"], 182)


def test_cards_say_what_a_manager_wants_and_no_name(lab: Lab, sample: Path) -> None:
    known = pd.read_parquet(sample / "truth" / "customers.parquet")
    ids = known.loc[known["key_account"], "customer_id"].tolist()
    cards = loyalty.retention_cards(lab, ids, draws=30)
    everybody = lab.run(lab.customers).set_index("customer_id")
    there = [i for i in ids if pd.isna(everybody.loc[i, "left_on"])]
    assert set(cards) == set(there) and len(cards) > 20
    text = " ".join(line for card in cards.values() for line in (*card.lines_en, *card.lines_zh))
    assert "95% interval" in text and "95% 区间" in text and "no trial has measured it" in text and "nan" not in text
    assert not any(str(name) in text for name in everybody["name"].dropna())
    assert {len(card.lines_en) for card in cards.values()} <= {3, 4, 5}
    assert all(len(card.lines_en) == len(card.lines_zh) for card in cards.values())


def test_little_data_make_no_card_and_no_answer(small_sample: Path) -> None:
    with labkit.open(small_sample) as lab:
        ids = lab.run(lab.customers.select("customer_id"))["customer_id"].tolist()
        assert loyalty.retention_cards(lab, ids) == {}
        refused = loyalty.attempt(loyalty.link_satisfaction, loyalty.read_spells(lab), lab.run(lab.surveys))
        assert refused[0] is None and "10 or more" in refused[1]
        assert loyalty.attempt(loyalty.fit_departures, loyalty.read_spells(lab))[0] is None


def test_the_opening_compares_those_who_may_with_those_who_may_not(spells: loyalty.Spells) -> None:
    found = loyalty.compare_opening(spells, None)
    table = found.table.set_index("may_buy_directly")
    firms = spells.table[spells.table["customer_class"] != "residential"]
    assert table["customers_count"].sum() == len(firms)
    assert found.gap.value == pytest.approx(table.loc[True, "left_share"] - table.loc[False, "left_share"])
    assert found.gap.low < found.gap.value < found.gap.high
    with pytest.raises(loyalty.LoyaltyError, match="wants 10 or more"):
        loyalty.compare_opening(spells, "agricultural")


def test_values_and_policy_of_the_lab_fit_together(lab: Lab, spells: loyalty.Spells) -> None:
    values = loyalty.value_today(lab, spells, draws=20)
    active = spells.table[~spells.table["left"] & (spells.table["customer_class"] != "residential")]
    assert set(values.table["customer_id"]) <= set(active["customer_id"]) and len(values.table) > 0.95 * len(active)
    found = values.expected_loss_yuan
    assert found.value == pytest.approx((values.table["market_share"] * values.table["at_stake_yuan"]).sum())
    assert found.low < found.value < found.high
    policy = loyalty.retention_policy(values.table, loyalty.read_margins(), 50_000, draws=100)
    told = policy.comparison.set_index("policy")
    assert told.loc["uplift_times_value", "gain_yuan"] == told["gain_yuan"].max()
    assert told.loc["uplift_times_value", "spent_yuan"] <= 50_000
    assert policy.plan["cost_yuan"].sum() == pytest.approx(told.loc["uplift_times_value", "spent_yuan"])
    assert (policy.plan["break_even_share"] < policy.plan["uplift_share"]).all()
    assert policy.plan["control"].sum() == round(0.1 * len(policy.plan))


def test_last_years_departures_are_foretold_from_the_year_before(spells: loyalty.Spells) -> None:
    foretold, seen = loyalty.foretell_departures(spells)
    assert foretold.low <= seen <= foretold.high and foretold.low < foretold.value < foretold.high


def test_what_cannot_be_told_apart_is_refused_or_joined(spells: loyalty.Spells) -> None:
    # In the sample exactly those with a contract may buy directly.
    terms = loyalty.fit_departures(spells).summary["term"]
    assert not terms.str.startswith("direct").any() and terms.str.startswith("renewal").any()
    firms = spells.table[spells.table["customer_class"] != "residential"].assign(
        one=lambda t: t["may_buy_directly"].astype(float), two=lambda t: 2 * t["one"] + 1
    )
    with pytest.raises(loyalty.LoyaltyError, match="two follows from the other covariates"):
        loyalty.fit_hazard(firms, "duration_months", "left", ["one", "two"], entry="entry_months")


def test_margins_of_a_period_are_those_of_its_bills(lab: Lab, sample: Path) -> None:
    found = loyalty.measure_margins(lab, "2025-04-01", "2025-12-31").set_index("customer_id")
    bills = pd.read_parquet(sample / "bills.parquet")
    mine = bills[(bills["customer_id"] == found.index[40]) & bills["period"].between("2025-04", "2025-12")]
    kind = pd.read_parquet(sample / "customers.parquet").set_index("customer_id")["customer_class"][found.index[40]]
    rates, kwh = loyalty.read_margins(), mine["kwh"].sum() * 12 / len(mine)
    margin = kwh * (rates.energy_margin_yuan_per_kwh[kind] + rates.wires_margin_yuan_per_kwh[kind])
    assert found["energy_kwh"].iloc[40] == pytest.approx(kwh)
    assert found["margin_yuan"].iloc[40] == pytest.approx(margin - rates.service_cost_yuan_per_year[kind])
    assert set(found.index) == set(bills.loc[bills["period"].between("2025-04", "2025-12"), "customer_id"])
