"""Offers against our price: by hand, against simulated months, on the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit import market, market_segments
from labkit.lab import Lab
from labkit.market.prices import PERIODS, Offer, Offers


@pytest.fixture
def energy() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["A", "B"],
            "months_count": [12, 12],
            "kwh_sharp": [0.0, 1000.0],
            "kwh_peak": [1000.0, 4000.0],
            "kwh_flat": [2000.0, 4000.0],
            "kwh_valley": [7000.0, 1000.0],
            "energy_yuan": [5000.0, 9000.0],
        }
    )


def offer(id: str, sharp: float, peak: float, flat: float, valley: float, fee: float = 0, spread: float = 0) -> Offer:
    return Offer(id, id, id, dict(zip(PERIODS, (sharp, peak, flat, valley), strict=True)), fee, spread)


def test_savings_by_hand(energy: pd.DataFrame) -> None:
    offers = Offers((offer("valley", -0.1, -0.05, 0.0, 0.06, fee=10), offer("flat", 0.02, 0.02, 0.02, 0.02)), 0.02, "")
    told = market.price_offers(energy, offers).set_index(["customer_id", "offer"])
    assert told.loc[("A", "valley"), "saving_yuan"] == pytest.approx(7000 * 0.06 - 1000 * 0.05 - 120)
    assert told.loc[("B", "valley"), "saving_yuan"] == pytest.approx(-100 - 200 + 60 - 120)
    assert told.loc[("A", "flat"), "saving_share"] == pytest.approx(200 / 5000)
    assert told.loc[("B", "flat"), "least_yuan"] == pytest.approx(180) and (told["spread_yuan"] == 0).all()


def test_the_market_is_one_for_all_customers(energy: pd.DataFrame) -> None:
    many = pd.concat([energy.assign(customer_id=[f"{i}A", f"{i}B"]) for i in range(100)], ignore_index=True)
    made = Offers((offer("market", 0.01, 0.01, 0.01, 0.01, spread=0.02),), 0.01, "")
    pull = market.measure_pull(market.price_offers(many, made), draws=2000, seed=1)
    # With the market as expected all save 100 of 5,000 or 9,000 yuan, more than 1 %.
    assert pull.tempted.value == 1.0
    # At two standard deviations down nobody does: the interval does not shrink with the number of customers.
    assert pull.tempted.low == 0.0 and pull.tempted.high == 1.0
    months = np.random.default_rng(2).normal(0.01, 0.02, (20_000, 12)).mean(axis=1)
    least = {"A": 0.01 * 5000, "B": 0.01 * 9000}
    cost = sum(100 * np.where(months * 10_000 > t, months * 10_000, 0.0) for t in least.values())
    assert pull.match_yuan.high == pytest.approx(np.percentile(cost, 97.5), rel=0.05)


def test_who_is_tempted_and_what_matching_costs(energy: pd.DataFrame) -> None:
    many = pd.concat([energy.assign(customer_id=[f"{i}A", f"{i}B"]) for i in range(10)], ignore_index=True)
    offers = Offers((offer("valley", -0.1, -0.05, 0.0, 0.06, fee=10), offer("dear", -1, -1, -1, -1)), 0.02, "")
    priced = market.price_offers(many, offers)
    segment = pd.Series(np.where(many["customer_id"].str.endswith("A"), "night", "day"), many["customer_id"])
    matched = market.price_to_match(priced, segment).set_index("segment")
    assert matched.loc["night", "tempted_share"] == 1.0 and matched.loc["day", "tempted_share"] == 0.0
    assert (
        matched.loc["night", "match_yuan"] == pytest.approx(10 * 250, rel=1e-9)
        and matched.loc["day", "match_yuan"] == 0
    )
    assert 0 < matched.loc["night", "low_share"] < 1  # all ten agree, and still it is ten
    assert market.measure_pull(priced).tempted.value == pytest.approx(0.5)
    told = market.summarise_offers(priced, segment, fewest=11)
    assert told.empty
    told = market.summarise_offers(priced, segment).set_index(["segment", "offer"])
    assert told.loc[("night", "valley"), "saving_share"] == pytest.approx(0.05)


def test_energy_of_the_sample_adds_up(sample_lab: Lab) -> None:
    energy = market.energy_by_period(sample_lab)
    bills = sample_lab.run(sample_lab.bills.filter(sample_lab.bills.period >= "2024-12"))
    assert energy["energy_yuan"].sum() == pytest.approx(bills["energy_yuan"].sum(), rel=1e-9)
    assert energy["months_count"].between(1, 12).all()
    member = market_segments.segments_of(sample_lab)
    matched = market.price_to_match(market.price_offers(energy, market.read_offers()), member, fewest=10)
    shown = matched.dropna()
    assert len(shown) and len(shown) < len(matched)  # money that one customer dominates is hidden
    assert ((shown["low"] <= shown["match_yuan"]) & (shown["match_yuan"] <= shown["high"])).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("sharp: 0.010, ", ""), "a discount for each of"),
        (("fee_yuan_per_month: 200, ", ""), "fee_yuan_per_month is missing"),
    ],
)
def test_a_wrong_file_of_offers_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (market.prices.DATA / "market" / "offers.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "offers.yaml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(market.MarketError, match=said):
        market.read_offers(tmp_path / "offers.yaml")
