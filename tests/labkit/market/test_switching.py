"""Moves between suppliers: against chains whose matrix is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit import market
from labkit.lab import Lab

TRUE = np.array([[0.90, 0.07, 0.03], [0.20, 0.75, 0.05], [0.10, 0.10, 0.80]])
STATES = ("a", "b", "c")


def simulate(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 3, n)
    after = [rng.choice(3, p=TRUE[i]) for i in before]
    return pd.DataFrame({"before": np.array(STATES)[before], "after": np.array(STATES)[after]})


def test_intervals_hold_the_true_matrix_as_often_as_they_say() -> None:
    hits = total = 0
    for seed in range(40):
        told = market.count_switches(simulate(600, seed), STATES).matrix
        truth = [TRUE[STATES.index(r.before), STATES.index(r.after)] for r in told.itertuples()]
        hits += int(((told["low_share"] <= truth) & (truth <= told["high_share"])).sum())
        total += len(told)
    assert 0.92 < hits / total < 0.98


def test_long_run_and_projection_are_those_of_the_matrix() -> None:
    chain = market.count_switches(simulate(20_000, 1), STATES)
    values, vectors = np.linalg.eig(chain.counts.T / chain.counts.sum(axis=1))
    steady = np.real(vectors[:, np.argmax(np.real(values))])
    settled = chain.settle(seed=1)
    assert settled is not None
    assert np.allclose(settled["share"], steady / steady.sum())
    ahead = chain.project({"a": 1.0}, 3, seed=1)
    at = ahead[ahead["year"] == 3].set_index("state")
    expected = np.linalg.matrix_power(chain.counts / chain.counts.sum(axis=1, keepdims=True), 3)[0]
    assert np.allclose(at["share"], expected)
    assert ((at["low_share"] < at["share"]) & (at["share"] < at["high_share"])).all()
    assert ahead.groupby("year")["share"].sum().tolist() == pytest.approx([1.0] * 4)


def test_intervals_of_the_long_run_hold_the_truth_as_often_as_they_say() -> None:
    truth, hits = np.linalg.matrix_power(TRUE, 400)[0], 0
    for seed in range(30):
        told = market.count_switches(simulate(2000, seed), STATES).settle(draws=500, seed=seed)
        assert told is not None
        hits += int(((told["low_share"] <= truth) & (truth <= told["high_share"])).sum())
    assert 0.88 <= hits / 90 <= 1.0


def test_where_nobody_comes_back_there_is_no_long_run() -> None:
    moves = pd.DataFrame({"before": ["own"] * 10, "after": ["own"] * 8 + ["retailer"] * 2})
    chain = market.count_switches(moves, market.STATES)
    assert chain.settle() is None
    apart = pd.DataFrame({"before": list("aabbccdd"), "after": list("abbacddc")})
    assert market.count_switches(apart).settle() is None  # two groups nobody leaves
    at = chain.project({"own": 1.0}, 2).query("year == 2").set_index("state")["share"]
    assert at["own"] == pytest.approx(0.64) and at["retailer"] == pytest.approx(0.36)


@pytest.fixture
def customers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": list("ABCDEF"),
            "connected_on": ["2020-01-01", "2020-01-01", "2024-03-01", "2020-01-01", "2020-01-01", "2024-01-01"],
            "left_on": [None, "2024-06-30", None, "2025-01-01", "2024-12-31", "2024-05-05"],
            "left_reason": [None, "retailer", None, "closed", None, "retailer"],
        }
    )


def test_moves_are_counted_from_the_first_day_of_each_year(customers: pd.DataFrame) -> None:
    moves = market.yearly_moves(customers, [2024, 2025]).set_index(["customer_id", "year"])["after"]
    assert moves[("A", 2024)] == moves[("A", 2025)] == "own"
    assert moves[("B", 2024)] == "retailer" and ("B", 2025) not in moves
    assert ("C", 2024) not in moves and moves[("C", 2025)] == "own"  # came during 2024
    assert moves[("D", 2024)] == "own" and moves[("D", 2025)] == "gone"
    assert moves[("E", 2024)] == "gone"  # left, nobody knows why
    assert ("F", 2024) not in moves  # connected on the first day itself: not there before it


def test_losses_and_their_change(customers: pd.DataFrame) -> None:
    moves = market.yearly_moves(customers, [2024, 2025])
    assert market.lost_share(moves).value == pytest.approx(1 / 7)
    assert market.loss_change(moves).value == pytest.approx(0 - 1 / 4)
    told = market.lost_by(moves.assign(kind=np.where(moves["customer_id"] == "B", "x", "y")), "kind").set_index("kind")
    assert told.loc["x", "share"] == 1.0 and told.loc["y", "lost_count"] == 0


def test_what_cannot_be_counted_is_said(customers: pd.DataFrame) -> None:
    with pytest.raises(market.MarketError, match="no whole year"):
        market.yearly_moves(customers, [])
    with pytest.raises(market.MarketError, match="no column left_reason"):
        market.yearly_moves(customers.drop(columns="left_reason"), [2024])
    with pytest.raises(market.MarketError, match="one whole year"):
        market.loss_change(market.yearly_moves(customers, [2024]))
    with pytest.raises(market.MarketError, match="no customer-year"):
        market.count_switches(pd.DataFrame({"before": [], "after": []}))
    with pytest.raises(market.MarketError, match="mars is none of the states"):
        market.count_switches(pd.DataFrame({"before": ["own"], "after": ["mars"]}), market.STATES)


def test_whole_years_of_the_sample(sample_lab: Lab) -> None:
    assert market.whole_years(sample_lab) == [2024, 2025]


def test_the_sample_departs_as_its_customers_say(sample_lab: Lab) -> None:
    firms = market.business_of(sample_lab)
    moves = market.yearly_moves(firms, [2024, 2025])
    left = pd.to_datetime(firms["left_on"])
    went = firms["left_reason"].isin(["retailer", "direct_purchase"]) & left.between("2024-01-01", "2025-12-31")
    late = pd.to_datetime(firms["connected_on"]).dt.year >= left.dt.year
    assert int(moves["after"].isin(["retailer", "direct_purchase"]).sum()) == int((went & ~late).sum())
