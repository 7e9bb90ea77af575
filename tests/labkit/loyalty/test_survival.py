from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labkit import loyalty
from tests.labkit.loyalty.cases import make_customers, spread_times

TIMES = [6, 12, 24, 36, 48]
#: Edmonson et al. (1979): days, died, age, performance status of 26 patients; R's cox.zph prints its test.
OVARIAN = [
    (59, 1, 72.3315, 1), (115, 1, 74.4932, 1), (156, 1, 66.4658, 2), (421, 0, 53.3644, 1), (431, 1, 50.3397, 1),
    (448, 0, 56.4301, 2), (464, 1, 56.937, 2), (475, 1, 59.8548, 2), (477, 0, 64.1753, 1), (563, 1, 55.1781, 2),
    (638, 1, 56.7562, 2), (744, 0, 50.1096, 1), (769, 0, 59.6301, 2), (770, 0, 57.0521, 1), (803, 0, 39.2712, 1),
    (855, 0, 43.1233, 2), (1040, 0, 38.8932, 2), (1106, 0, 44.6, 1), (1129, 0, 53.9068, 1), (1206, 0, 44.2055, 1),
    (1227, 0, 59.589, 2), (268, 1, 74.5041, 2), (329, 1, 43.137, 1), (353, 1, 63.2192, 2), (365, 1, 64.4247, 1),
    (377, 0, 58.3096, 1),
]  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_customers()


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("expected.json").read_text())


def test_curves_are_those_of_lifelines(table: pd.DataFrame, expected: dict[str, Any]) -> None:
    late = loyalty.survival_curve(table["months"], table["left"], table["entry"]).at(TIMES)
    assert late["survival"].to_numpy() == pytest.approx(expected["survival_late"], abs=1e-12)
    plain = loyalty.survival_curve(table["months"], table["left"]).at(TIMES)
    assert plain["survival"].to_numpy() == pytest.approx(expected["survival"], abs=1e-12)
    assert plain[["low", "high"]].to_numpy() == pytest.approx(np.array(expected["survival_ends"]), abs=1e-12)


def test_incidences_are_those_of_lifelines(table: pd.DataFrame, expected: dict[str, Any]) -> None:
    spread = spread_times(table)
    found = loyalty.cumulative_incidence(spread["months"], spread["reason"].where(spread["left"], ""))
    own = found.at(TIMES).query("reason == 'retailer'")
    assert own["incidence"].to_numpy() == pytest.approx(expected["incidence"], abs=1e-12)
    assert own[["low", "high"]].to_numpy() == pytest.approx(np.array(expected["incidence_ends"]), abs=1e-12)


def test_incidences_of_the_worked_example_of_survival() -> None:
    # testci.R of the R package survival, worked by hand there.
    time, seen = [1, 2, 2, 3, 3, 3, 5, 6], [0, 1, 0, 1, 0, 1, 0, 1]
    kind = [1, 1, 2, 2, 1, 2, 3, 2]
    found = loyalty.cumulative_incidence(time, [k if s else None for k, s in zip(kind, seen, strict=True)])
    at = found.at([2, 3, 6]).pivot(index="time", columns="reason", values="incidence")
    assert at["1"].tolist() == pytest.approx([1 / 7, 1 / 7, 1 / 7])
    assert at["2"].tolist() == pytest.approx([0, 12 / 35, 6 / 7])


@pytest.mark.parametrize(("how", "options"), [
    ("cox_late", {"entry": "entry"}), ("cox", {}), ("cox_strata", {"strata": "area"}),
])  # fmt: skip
def test_coefficients_are_those_of_lifelines(
    table: pd.DataFrame, expected: dict[str, Any], how: str, options: dict[str, str]
) -> None:
    model = loyalty.fit_cox(table, "months", "left", ["price", "contract"], **options)
    assert model.params.to_dict() == pytest.approx(expected[how]["params"], abs=3e-6)
    errors = model.summary.set_index("covariate")["standard_error"].to_dict()
    assert errors == pytest.approx(expected[how]["errors"], rel=1e-5)


def test_predictions_are_those_of_lifelines(table: pd.DataFrame, expected: dict[str, Any]) -> None:
    model = loyalty.fit_cox(table, "months", "left", ["price", "contract"])
    assert model.concordance.value == pytest.approx(expected["cox"]["concordance"], abs=1e-6)
    assert model.predict_survival(table.head(4), TIMES).to_numpy() == pytest.approx(
        np.array(expected["predicted"]), abs=1e-5
    )
    given = model.predict_survival(table.head(4), [18, 30], alive_until=6)
    assert given.to_numpy() == pytest.approx(np.array(expected["predicted_given"]), abs=1e-5)
    low, high = model.predict_interval(table.head(4), TIMES)
    assert ((low < given.iloc[0, 0]) | (high > 0)).all(axis=None) and (low < high).all(axis=None)


def test_errors_by_cluster_are_those_of_leaving_clusters_out(table: pd.DataFrame, expected: dict[str, Any]) -> None:
    model = loyalty.fit_cox(table, "months", "left", ["price", "contract"], clusters="entity")
    told = model.summary["standard_error"].to_numpy()
    # lifelines goes by Breslow's weights within ties: a part in three hundred apart.
    assert told == pytest.approx([expected["cox_clusters"]["errors"][c] for c in ("price", "contract")], rel=4e-3)
    whole = model.params.to_numpy()
    entities = table["entity"].unique()[::6]
    moved = [
        loyalty.fit_cox(table[table["entity"] != g], "months", "left", ["price", "contract"]).params.to_numpy() - whole
        for g in entities
    ]
    assert np.sqrt((np.square(moved)).sum(axis=0) * 6) == pytest.approx(told, rel=0.25)


def test_concordance_counts_pairs_one_by_one(table: pd.DataFrame, expected: dict[str, Any]) -> None:
    score = table["price"].round(1)
    assert loyalty.concordance(table["months"], table["left"], score).value == pytest.approx(
        expected["concordance_price"], abs=1e-12
    )
    t, e, left, s = (table[c].to_numpy() for c in ("months", "entry", "left", "price"))
    s = s.round(1)
    good = pairs = 0.0
    for i in np.flatnonzero(left):
        other = (e < t[i]) & ((t > t[i]) | ((t == t[i]) & ~left))
        pairs += other.sum()
        good += (s[i] > s[other]).sum() + 0.5 * (s[i] == s[other]).sum()
    late = loyalty.concordance(t, left, s, e)
    assert late.value == pytest.approx(good / pairs, abs=1e-12) and late.low < late.value < late.high


def test_concordance_interval_covers() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        x = rng.normal(size=120)
        t = np.ceil(rng.exponential(10 * np.exp(-x)))
        found = loyalty.concordance(np.minimum(t, 30), t <= 30, x)
        inside += found.low <= 0.754 <= found.high  # of 4 million pairs
    assert 0.90 <= inside / 200 <= 0.99


def test_uno_does_not_hang_on_how_long_customers_were_watched() -> None:
    rng = np.random.default_rng(4)
    n = 30_000
    # Crossing: x tells the early departures only, so a short watch makes Harrell's figure look better.
    x = rng.normal(size=n)
    t = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * x)), rng.exponential(5, n), 10 + rng.exponential(30, n))
    watched = rng.exponential(12, n)
    whole = loyalty.concordance(np.minimum(t, 20), t < 20, x).value
    harrell = loyalty.concordance(np.minimum(t, watched), t <= watched, x).value
    uno = loyalty.concordance(np.minimum(t, watched), t <= watched, x, weighting="uno", tau=20).value
    assert abs(uno - whole) < 0.006 < abs(harrell - whole)


def test_the_test_of_proportionality_is_that_of_r() -> None:
    table = pd.DataFrame(OVARIAN, columns=["days", "died", "age", "ecog"])
    told = loyalty.fit_cox(table, "days", "died", ["age", "ecog"]).check_proportional("km").set_index("covariate")
    # survival-Ex.Rout.save: age 0.698 (p 0.40), ecog.ps 2.371 (0.12), GLOBAL 3.633 (0.16)
    assert told["statistic"].tolist() == pytest.approx([0.698, 2.371, 3.633], abs=6e-4)
    assert told["p_value"].tolist() == pytest.approx([0.40, 0.12, 0.16], abs=5e-3)


def test_a_drift_of_the_ratio_is_found_and_no_drift_is_not() -> None:
    rng = np.random.default_rng(5)
    n = 4000
    x = rng.integers(0, 2, n)
    early = rng.exponential(10 * np.exp(-1.2 * x))
    t = np.where(early < 5, early, 5 + rng.exponential(10, n))
    drifting = pd.DataFrame({"t": np.ceil(np.minimum(t, 25) * 4), "left": t <= 25, "x": x})
    found = loyalty.fit_cox(drifting, "t", "left", ["x"]).check_proportional().iloc[0]
    assert found["p_value"] < 1e-6 and found["early_ratio"] > found["late_ratio"] + 0.8
    t = rng.exponential(10 * np.exp(-0.6 * x))
    steady = pd.DataFrame({"t": np.ceil(np.minimum(t, 25) * 4), "left": t <= 25, "x": x})
    assert loyalty.fit_cox(steady, "t", "left", ["x"]).check_proportional().iloc[0]["p_value"] > 0.01


def test_late_entry_is_minded_in_the_baseline() -> None:
    # Hazard 0.02 a month: H(30) = 0.6, H(60) = 1.2; half come late, and who left before is not seen.
    rng = np.random.default_rng(6)
    n = 60_000
    t, entry = np.ceil(rng.exponential(50, n)), np.where(rng.random(n) < 0.5, rng.integers(1, 60, n), 0)
    end = np.minimum(t, 90)
    seen = end > entry
    table = pd.DataFrame({"t": end, "left": t <= 90, "entry": entry, "x": rng.normal(size=n)})[seen]
    base = loyalty.fit_cox(table, "t", "left", ["x"], entry="entry").baselines[""].set_index("time")["hazard"]
    model = loyalty.fit_cox(table, "t", "left", ["x"], entry="entry")
    at_mean = model.predict_survival(pd.DataFrame({"x": model.means}), [30]).iloc[0, 0]
    assert model.baseline.set_index("time")["survival"][30] == pytest.approx(at_mean)
    assert base[30] == pytest.approx(0.6, abs=0.02) and base[60] == pytest.approx(1.2, abs=0.03)
    naive = loyalty.fit_cox(table, "t", "left", ["x"]).baselines[""].set_index("time")["hazard"]
    assert naive[30] < 0.45
    curve = loyalty.survival_curve(table["t"], table["left"], table["entry"])
    assert curve.given(30).at(60)["survival"].iloc[0] == pytest.approx(np.exp(-0.6), abs=0.01)


def test_weights_stand_for_customers_and_widen_the_interval(table: pd.DataFrame) -> None:
    w = table["weight"].astype(int)
    many = table.loc[table.index.repeat(w)]
    weighted = loyalty.survival_curve(table["months"], table["left"], table["entry"], w).at(24).iloc[0]
    repeated = loyalty.survival_curve(many["months"], many["left"], many["entry"]).at(24).iloc[0]
    assert weighted["survival"] == pytest.approx(repeated["survival"], abs=1e-12)
    # Copies of a customer are not more customers.
    assert weighted["high"] - weighted["low"] > 1.2 * (repeated["high"] - repeated["low"])
    even = (
        loyalty.survival_curve(table["months"], table["left"], table["entry"], np.full(len(table), 3.0)).at(24).iloc[0]
    )
    plain = loyalty.survival_curve(table["months"], table["left"], table["entry"]).at(24).iloc[0]
    assert even[["survival", "low", "high"]].tolist() == pytest.approx(
        plain[["survival", "low", "high"]].tolist(), abs=6e-3
    )


def test_reasons_and_survival_add_up(table: pd.DataFrame) -> None:
    found = loyalty.cumulative_incidence(table["months"], table["reason"].where(table["left"], None), table["entry"])
    curve = loyalty.survival_curve(table["months"], table["left"], table["entry"])
    total = found.at(TIMES).groupby("time")["incidence"].sum().to_numpy() + curve.at(TIMES)["survival"].to_numpy()
    assert total == pytest.approx(np.ones(len(TIMES)), abs=1e-12)
    at = found.at(48)
    assert (at["one_minus_survival"] > at["incidence"]).all()


def test_calibration_and_brier_know_a_good_forecast_from_a_bad_one() -> None:
    rng = np.random.default_rng(7)
    n = 5000
    x = rng.normal(size=n)
    t = rng.exponential(20 * np.exp(-x))
    watched = rng.uniform(10, 60, n)
    d, left = np.minimum(t, watched), t <= watched
    truth = np.exp(-12 / (20 * np.exp(-x)))
    good, bad = loyalty.calibration(d, left, truth, 12), loyalty.calibration(d, left, truth**2, 12)
    assert good["within"].mean() >= 0.8 and bad["within"].mean() <= 0.3
    flat = np.full(n, truth.mean())
    scores = [loyalty.brier_score(d, left, s, 12) for s in (truth, flat)]
    assert scores[0].high < scores[1].low
    uncensored = np.mean(np.where(t <= 12, truth**2, (1 - truth) ** 2))
    assert scores[0].low < uncensored < scores[0].high
    auc = loyalty.auc_at(d, left, x, 12, draws=50)
    pairs = x[t <= 12][:, None] > x[t > 12][None, :]
    assert auc.low < pairs.mean() < auc.high


def test_nobody_leaves() -> None:
    curve = loyalty.survival_curve([12] * 40, [0] * 40)
    row = curve.at(12).iloc[0]
    assert row["survival"] == 1 and 0.90 < row["low"] < 0.92 and row["high"] == 1
    assert np.isnan(curve.median.value)
    with pytest.raises(loyalty.LoyaltyError, match="nobody left"):
        loyalty.cumulative_incidence([12] * 40, [""] * 40)
    with pytest.raises(loyalty.LoyaltyError, match="nobody left"):
        loyalty.fit_cox(pd.DataFrame({"t": [12] * 40, "e": 0, "x": range(40)}), "t", "e", ["x"])
    with pytest.raises(loyalty.LoyaltyError, match="nobody left"):
        loyalty.fit_hazard(pd.DataFrame({"t": [12] * 40, "e": 0, "x": range(40)}), "t", "e", ["x"])


def test_everybody_leaves_in_the_first_month() -> None:
    curve = loyalty.survival_curve([1] * 30, [1] * 30)
    row = curve.at(1).iloc[0]
    assert row["survival"] == 0 and row["low"] == 0 and 0.10 < row["high"] < 0.13
    with pytest.raises(loyalty.LoyaltyError, match="at one time"):
        loyalty.fit_cox(pd.DataFrame({"t": [1] * 30, "e": 1, "x": np.arange(30) % 7}), "t", "e", ["x"])


@pytest.mark.parametrize(("change", "says"), [
    ({"entry": [5, 0, 0]}, "1 rows end at or before their entry"),
    ({"months": [np.nan, 5, 6]}, "1 rows have no duration"),
    ({"months": [-1, 5, 6]}, "below 0"),
    ({"left": [2, 0, 1]}, "other than 0 and 1"),
])  # fmt: skip
def test_times_that_cannot_be_are_refused(change: dict[str, list[float]], says: str) -> None:
    table = pd.DataFrame({"months": [5, 5, 6], "left": [1, 0, 1], "entry": [0, 1, 2]}).assign(**change)
    with pytest.raises(loyalty.LoyaltyError, match=says):
        loyalty.survival_curve(table["months"], table["left"], table["entry"])


def test_covariates_that_cannot_be_are_refused(table: pd.DataFrame) -> None:
    def fit(**columns: Any) -> loyalty.CoxModel:
        return loyalty.fit_cox(table.assign(**columns), "months", "left", ["price", "extra"])

    with pytest.raises(loyalty.LoyaltyError, match="extra has the same value everywhere"):
        fit(extra=1.0)
    with pytest.raises(loyalty.LoyaltyError, match="extra follows from the other covariates"):
        fit(extra=2 * table["price"] + 1)
    with pytest.raises(loyalty.LoyaltyError, match="extra is missing in 3 rows"):
        fit(extra=table["price"].where(table.index > 2))
    with pytest.raises(loyalty.LoyaltyError, match="extra 1, so it tells those who leave without fail"):
        fit(extra=table["left"].astype(int))
    with pytest.raises(loyalty.LoyaltyError, match="has no column extra"):
        loyalty.fit_cox(table, "months", "left", ["extra"])
    first = pd.DataFrame({"t": np.arange(1, 41.0), "e": 1, "x": -np.arange(40.0)})
    with pytest.raises(loyalty.LoyaltyError, match="x tells those who leave"):
        loyalty.fit_cox(first, "t", "e", ["x"])


def test_before_anybody_was_seen_nothing_is_known(table: pd.DataFrame) -> None:
    late = table.assign(entry=table["entry"] + 50, months=table["months"] + 50)
    curve = loyalty.survival_curve(late["months"], late["left"], late["entry"])
    assert np.isnan(curve.at([10, 49])["survival"]).all() and curve.at(50)["survival"].iloc[0] == 1
    model = loyalty.fit_cox(late, "months", "left", ["price"], entry="entry")
    assert model.predict_survival(late.head(1), [40, 60]).isna().all(axis=None)
    assert model.predict_survival(late.head(1), [60], alive_until=52).notna().all(axis=None)
    few = loyalty.survival_curve([2, 20, 20, 20, 20], [1, 0, 0, 0, 0]).given(10).at(15).iloc[0]
    assert few["survival"] == 1 and few["low"] < 0.6


def test_strata_without_pairs_do_not_spoil_the_concordance(table: pd.DataFrame) -> None:
    lone = pd.concat([table, table.head(1).assign(area="alone", left=True)], ignore_index=True)
    whole = loyalty.fit_cox(table, "months", "left", ["price"], strata="area").concordance
    found = loyalty.fit_cox(lone, "months", "left", ["price"], strata="area").concordance
    assert found.value == pytest.approx(whole.value, abs=0.01) and found.low < found.value < found.high


@pytest.mark.parametrize(
    ("since", "says"), [(np.nan, "alive_until is missing"), ([1, 2, 3], "3 values for 4"), ("soon", "words")]
)
def test_clocks_that_cannot_be_are_refused(table: pd.DataFrame, since: Any, says: str) -> None:
    cox = loyalty.fit_cox(table, "months", "left", ["price"])
    hazard = loyalty.fit_hazard(table.assign(months=table["months"].astype(int)), "months", "left", ["contract"])
    for model in (cox, hazard):
        with pytest.raises(loyalty.LoyaltyError, match=says):
            model.predict_survival(table.head(4), [12], alive_until=since)


@pytest.mark.parametrize(("change", "says"), [
    ({"months": pd.Timestamp("2024-01-01")}, "duration holds dates"), ({"months": "long"}, "duration holds words"),
    ({"left": "yes"}, "other than 0 and 1"),
])  # fmt: skip
def test_values_that_are_no_numbers_are_refused(table: pd.DataFrame, change: dict[str, Any], says: str) -> None:
    odd = table.assign(**change)
    with pytest.raises(loyalty.LoyaltyError, match=says):
        loyalty.survival_curve(odd["months"], odd["left"])


def test_scores_that_cannot_be_are_refused(table: pd.DataFrame) -> None:
    d, left, n = table["months"], table["left"], len(table)
    with pytest.raises(loyalty.LoyaltyError, match="risk must be one number"):
        loyalty.auc_at(d, left, [0.1, 0.2], 12)
    with pytest.raises(loyalty.LoyaltyError, match="not per cent"):
        loyalty.brier_score(d, left, np.full(n, 50.0), 12)
    with pytest.raises(loyalty.LoyaltyError, match="watched until 600"):
        loyalty.calibration(d, left, np.full(n, 0.5), 600)
    with pytest.raises(loyalty.LoyaltyError, match="when holds dates"):
        loyalty.fit_cox(table.assign(when=pd.date_range("2024-01-01", periods=n)), "months", "left", ["price", "when"])
    with pytest.raises(loyalty.LoyaltyError, match="entity is missing in 2 rows"):
        loyalty.fit_cox(
            table.assign(entity=table["entity"].where(table.index > 1)), "months", "left", ["price"], clusters="entity"
        )


def test_words_compare_with_the_most_frequent(table: pd.DataFrame) -> None:
    model = loyalty.fit_cox(table, "months", "left", ["price", "area"])
    most = table["area"].value_counts().index[0]
    assert model.design.base == {"area": most} and len(model.params) == 2
    with pytest.raises(loyalty.LoyaltyError, match="never seen"):
        model.predict_survival(pd.DataFrame({"price": [0.0], "area": ["west"]}), [12])


def test_figures_are_drawn(table: pd.DataFrame) -> None:
    curve = loyalty.survival_curve(table["months"], table["left"], table["entry"])
    assert curve.plot().get_xlim()[0] == 0
    found = loyalty.cumulative_incidence(table["months"], table["reason"].where(table["left"], ""))
    ax = found.plot(names={"moved": "Moved"}, x_label="months", y_label="left [%]")
    assert "Moved" in [t.get_text() for t in ax.get_legend().get_texts()] and ax.get_xlabel() == "months"
