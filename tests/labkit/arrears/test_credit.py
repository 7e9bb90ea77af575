"""Binning, scorecard and its measures: against hand counts, other libraries, the sample's truth."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from labkit import arrears
from labkit.arrears import CreditModel
from labkit.lab import Lab


def test_woe_of_categories_by_hand() -> None:
    x = ["a"] * 10 + ["b"] * 10 + [None] * 4
    bad = [1] * 2 + [0] * 8 + [1] * 5 + [0] * 5 + [1] + [0] * 3
    table = arrears.bin_woe(pd.Series(x), np.array(bad)).table.set_index("bin")
    assert table.loc["a", "woe"] == pytest.approx(np.log((8 / 16) / (2 / 8)))
    assert table.loc["missing", "woe"] == pytest.approx(np.log((3 / 16) / (1 / 8)))
    assert table["count"].sum() == 24
    assert table["iv"].sum() == pytest.approx(
        sum((g / 16 - b / 8) * np.log((g / 16) / (b / 8)) for g, b in ((8, 2), (5, 5), (3, 1)))
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_are_binned_monotone(sign: int) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=5000)
    bad = rng.random(5000) < 1 / (1 + np.exp(2 + sign * x))
    x[:300] = np.nan
    found = arrears.bin_woe(x, bad)
    numbers = found.table[found.table["bin"] != "missing"]
    assert (np.diff(numbers["woe"]) * sign > 0).all() and 3 <= len(numbers) <= 8
    assert (numbers["count"] >= 0.05 * numbers["count"].sum()).all() and found.table["count"].iloc[-1] == 300
    # Each value falls into the bin that was counted for it.
    assert np.array_equal(np.bincount(found.place(x)), found.table["count"])
    assert np.allclose(found.transform(x), found.table["woe"].to_numpy()[found.place(x)])


def test_a_curve_is_kept_where_it_need_not_be_monotone() -> None:
    x = np.tile(np.arange(10.0), 400)
    bad = np.random.default_rng(1).random(4000) < np.where((x < 3) | (x > 6), 0.4, 0.1)
    free, held = arrears.bin_woe(x, bad, monotone=False), arrears.bin_woe(x, bad)
    assert free.information_value > 2 * held.information_value
    assert free.transform(np.array([5.0]))[0] > 0 > free.transform(np.array([9.0]))[0]


def test_what_was_not_seen_tells_neither_way() -> None:
    found = arrears.bin_woe(np.array(["a", "a", "b", "b"]), np.array([0, 1, 0, 1]))
    assert found.transform(pd.Series(["c", None, "a"])).tolist() == [0.0, 0.0, 0.0]
    numbers = arrears.bin_woe(np.arange(40.0), np.arange(40) > 25)
    assert (
        numbers.transform(np.array([np.nan])).tolist() == [0.0]
        and numbers.place(np.array([1e9]))[0] == len(numbers.table) - 1
    )


@pytest.mark.parametrize(("x", "bad", "says"), [
    ([1.0, 2.0], [0, 1, 1], "2 values and bad 3"),
    ([1.0, 2.0], [0, 2], "other than 0 and 1"),
    ([1.0, 2.0], [0, 0], "0 of 2 cases are bad"),
    ([1.0, np.inf], [0, 1], "infinite value"),
])  # fmt: skip
def test_odd_cases_are_refused(x: list[float], bad: list[int], says: str) -> None:
    with pytest.raises(arrears.ArrearsError, match=says):
        arrears.bin_woe(np.array(x), np.array(bad))


@pytest.fixture(scope="module")
def cards() -> pd.DataFrame:
    """A table in the layout of the UCI default data: limits, months of delay, bills, payments; a target."""
    rng = np.random.default_rng(11)
    n = 6000
    risk = rng.normal(size=n)
    table = pd.DataFrame({"LIMIT_BAL": np.round(np.exp(11.5 - 0.4 * risk + rng.normal(0, 0.6, n)), -4)})
    for name in ("PAY_0", "PAY_2", "PAY_3"):
        table[name] = np.clip(np.round(risk + rng.normal(0, 1, n)), -2, 8)
    table["BILL_AMT1"] = rng.lognormal(10, 1, n)
    table["PAY_AMT1"] = rng.lognormal(8 - 0.3 * risk, 1)
    table["EDUCATION"] = rng.choice(["school", "university", "other"], n)
    table["default.payment.next.month"] = (rng.random(n) < 1 / (1 + np.exp(1.6 - 1.1 * risk))).astype(int)
    return table


def test_scorecard_on_a_public_layout_beside_scikit_learn(cards: pd.DataFrame) -> None:
    target = "default.payment.next.month"
    train, test = cards.iloc[:4000], cards.iloc[4000:]
    card = arrears.fit_scorecard(train, target)
    # Points add up, bin by bin.
    row = test.iloc[[0]]
    points = sum(
        card.points.loc[card.points["attribute"] == name, "points"].iloc[binning.place(row[name])[0]]
        for name, binning in card.binnings.items()
    )
    assert card.score(row).iloc[0] == card.base + points
    chance = card.probability(test)
    ours = arrears.measure_auc(test[target], chance)
    woe = [np.column_stack([card.binnings[n].transform(part[n]) for n in card.binnings]) for part in (train, test)]
    peer = LogisticRegression(C=1e6).fit(woe[0], train[target])
    assert np.allclose(peer.coef_[0], card.coefficients["value"], atol=0.01)
    assert ours.value == pytest.approx(roc_auc_score(test[target], peer.predict_proba(woe[1])[:, 1]), abs=0.005)
    assert chance.mean() == pytest.approx(test[target].mean(), abs=0.02)
    # Twenty points double the odds.
    doubled = chance / (1 - chance)
    by = pd.Series(doubled.to_numpy(), card.score(test).to_numpy()).groupby(level=0).first()
    both = by.index.intersection(by.index + 20)
    assert len(both) > 10 and np.allclose(by[both - 20].to_numpy() / by[both].to_numpy(), 2.0)
    assert card.dropped["EDUCATION"] == card.dropped["BILL_AMT1"] == "tells too little"


def test_reasons_are_what_costs_most(cards: pd.DataFrame) -> None:
    target = "default.payment.next.month"
    card = arrears.fit_scorecard(cards, target)
    worst = cards.sort_values("PAY_0").iloc[[-1]]
    best = {n: card.points.loc[card.points["attribute"] == n, "points"].max() for n in card.binnings}
    lost = {
        n: best[n] - card.points.loc[card.points["attribute"] == n, "points"].iloc[b.place(worst[n])[0]]
        for n, b in card.binnings.items()
    }
    assert card.reasons(worst).iloc[0, 0] == max(lost, key=lambda n: lost[n])
    with pytest.raises(arrears.ArrearsError, match="no column PAY_0"):
        card.score(cards.drop(columns="PAY_0"))


def test_protected_attributes_are_refused(cards: pd.DataFrame) -> None:
    with pytest.raises(arrears.ArrearsError, match="settlement is protected"):
        arrears.fit_scorecard(cards.assign(settlement="urban"), "default.payment.next.month")
    with pytest.raises(arrears.ArrearsError, match="no column x"):
        arrears.fit_scorecard(cards, "x")
    nothing = pd.DataFrame({"a": np.tile([1.0, 2.0], 50), "bad": np.repeat([0, 1], 50)})
    with pytest.raises(arrears.ArrearsError, match="no attribute tells"):
        arrears.fit_scorecard(nothing, "bad")


def test_a_perfect_attribute_is_held() -> None:
    cases = pd.DataFrame({"late": np.arange(200.0), "bad": (np.arange(200) >= 150).astype(int)})
    card = arrears.fit_scorecard(cases, "bad")
    assert card.shrunk and -1.6 < card.coefficients["value"].iloc[0] < -0.4
    assert card.probability(cases).iloc[-1] > 0.9


def test_measures_beside_scikit_learn_and_scipy() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(1, 4, 3000).round(2)
    bad = rng.random(3000) < p
    auc = arrears.measure_auc(bad, p)
    assert auc.value == pytest.approx(roc_auc_score(bad, p), abs=1e-12) and auc.low < auc.value < auc.high
    drawn = [roc_auc_score(bad[i], p[i]) for i in (rng.integers(0, 3000, 3000) for _ in range(300))]
    assert auc.high - auc.low == pytest.approx(np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025), rel=0.15)
    ks = arrears.measure_ks(bad, p, seed=1)
    assert ks.value == pytest.approx(ks_2samp(p[bad], p[~bad]).statistic, abs=1e-12) and ks.low < ks.value < ks.high
    found = arrears.calibrate(bad, p).set_index("measure")
    assert found.loc["brier", "value"] == pytest.approx(brier_score_loss(bad, p))
    right = arrears.calibrate(bad, np.clip(p, 0.005, 0.995)).set_index("measure")
    assert right.loc["slope", "low"] < 1 < right.loc["slope", "high"]
    assert right.loc["intercept", "low"] < 0 < right.loc["intercept", "high"]
    sure = arrears.calibrate(bad, np.clip(p * 0.5, 0.001, 0.999)).set_index("measure")
    assert sure.loc["intercept", "low"] > 0, "half of what came was foretold"


def test_bills_of_one_customer_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(200)
    bad = rng.random(200) < p
    twice = np.repeat(np.arange(200), 5)
    alone = arrears.measure_auc(np.repeat(bad, 5), np.repeat(p, 5))
    together = arrears.measure_auc(np.repeat(bad, 5), np.repeat(p, 5), groups=pd.Series(twice))
    single = arrears.measure_auc(bad, p)
    assert together.high - together.low == pytest.approx(single.high - single.low, rel=0.03)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_two_scores_are_compared_on_the_same_cases() -> None:
    rng = np.random.default_rng(4)
    p = rng.random(2000)
    bad = rng.random(2000) < p
    same = arrears.compare_auc(bad, p, p)
    assert same.value == same.low == same.high == 0
    noisy = p + rng.normal(0, 0.5, 2000)
    worse = arrears.compare_auc(bad, p, noisy)
    assert worse.low > 0 and worse.value == pytest.approx(roc_auc_score(bad, p) - roc_auc_score(bad, noisy))
    # Paired: narrower than if the cases were not the same.
    apart = [arrears.measure_auc(bad, q) for q in (p, noisy)]
    assert worse.high - worse.low < sum(e.high - e.low for e in apart)


def test_psi_sees_a_population_that_moved() -> None:
    rng = np.random.default_rng(6)
    a = rng.normal(size=5000)
    assert arrears.measure_psi(a, rng.normal(size=5000)) < 0.02 < 0.25 < arrears.measure_psi(a, rng.normal(1, 1, 5000))


@pytest.fixture(scope="module")
def models(utility: Lab, books: arrears.Books) -> dict[int, CreditModel]:
    found, refused = arrears.fit_credits(utility, books)
    assert not refused
    return found


def test_the_score_is_tried_on_what_came_later(models: dict[int, CreditModel], books: arrears.Books) -> None:
    short, long = models[3], models[12]
    assert short.out_of_time and not long.out_of_time
    end = short.fitted["as_of"].max() + pd.DateOffset(months=3)
    assert end <= short.tested["as_of"].min(), "the outcomes of the fitting end before the day of the trial"
    assert not set(long.fitted["customer_id"]) & set(long.tested["customer_id"])
    for model in models.values():
        auc = model.measure("auc")
        assert auc.low > 0.9 and not set(model.card.binnings) & set(arrears.PROTECTED)
        assert model.grades["bad_share"].is_monotonic_increasing or model.grades["customers_count"].min() < 10
        worst = model.grades.set_index("grade").loc["E"]
        assert min(worst["expected_share"], worst["bad_share"]) > 0.5
        # Difficulty grows over the months of the sample: later ones may turn out worse than foretold, never better.
        assert worst["within"] or worst["bad_share"] > worst["expected_share"]


def test_bad_customers_are_those_in_difficulty(models: dict[int, CreditModel], payer: pd.Series) -> None:
    tested = models[3].tested
    truth = tested["customer_id"].map(payer)
    assert (truth[tested["bad"]] == "cannot").all(), "only they stay open for sixty days"
    assert tested.loc[truth == "cannot", "score"].mean() < tested.loc[truth == "forgot", "score"].mean() - 60


def test_outcomes_by_hand() -> None:
    days = pd.to_datetime
    late = pd.DataFrame({
        "customer_id": ["a", "b", "c", "d"], "due_on": days(["2025-01-01"] * 4),
        "settled_on": days(["2025-02-20", "2025-03-15", None, "2025-03-02"]),
    })  # fmt: skip
    # Sixty days after 1 January is 2 March.
    assert arrears.outcomes(late, dt.date(2025, 2, 28), 3) == ({"b", "c"}, set())
    bad, already = arrears.outcomes(late, dt.date(2025, 3, 10), 3)
    assert bad == set() and already == {"b", "c"}
    assert arrears.outcomes(late, dt.date(2024, 11, 30), 3)[0] == set(), "the window ends on 28 February"


def test_too_short_or_too_quiet_data_are_refused(utility: Lab, books: arrears.Books) -> None:
    with pytest.raises(arrears.ArrearsError, match="end after the data"):
        arrears.credit_cases(utility, books, dt.date(2025, 11, 30), 3)
    with pytest.raises(arrears.ArrearsError, match="no bill fell due"):
        arrears.payment_behaviour(books, dt.date(2023, 1, 1))


def test_fairness_by_hand() -> None:
    groups = pd.Series(["x"] * 20 + ["y"] * 20)
    trusted = np.r_[np.ones(20), np.ones(12), np.zeros(8)].astype(bool)
    bad = np.r_[np.zeros(18), np.ones(2), np.zeros(16), np.ones(4)].astype(bool)
    table = arrears.check_fairness(groups, trusted, bad, np.full(40, 0.1)).set_index("group")
    assert table.loc["y", "impact_ratio"] == 0.6 and not table.loc["y", "four_fifths"] and table.loc["x", "four_fifths"]
    assert table.loc["y", "payers_trusted_share"] == 12 / 16


def test_leaving_class_and_place_out_costs_little_here(models: dict[int, CreditModel]) -> None:
    price = arrears.price_of_fairness(models[3])
    assert price.low <= price.value <= price.high and abs(price.value) < 0.01


def test_grades_have_their_limits() -> None:
    assert arrears.grade(np.array([0.02, 0.0201, 1.0])).tolist() == ["A", "B", "E"]
    with pytest.raises(arrears.ArrearsError, match="must rise"):
        arrears.grade(np.array([0.1]), {"A": 0.5, "B": 0.4})
