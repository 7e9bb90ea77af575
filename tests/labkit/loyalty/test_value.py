from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

from labkit import loyalty

#: Fader and Hardie (2007): customers left of 1,000 at the end of years 0 to 12.
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]


@pytest.mark.parametrize(("survivors", "alpha", "beta", "likelihood"), [
    (HIGH_END[:8], 0.668, 3.806, -1611.2), (REGULAR[:8], 0.704, 1.182, -1680.3),
])  # fmt: skip
def test_the_beta_geometric_is_that_of_the_paper(
    survivors: list[int], alpha: float, beta: float, likelihood: float
) -> None:
    model = loyalty.fit_sbg(survivors)
    assert (round(model.alpha, 3), round(model.beta, 3)) == (alpha, beta)
    assert model.log_likelihood == pytest.approx(likelihood, abs=0.06)
    shares = loyalty.fit_sbg([n / 1000 for n in survivors])
    assert shares.alpha == pytest.approx(model.alpha, rel=1e-4) and shares.log_likelihood == pytest.approx(
        model.log_likelihood / 1000
    )
    with pytest.raises(loyalty.LoyaltyError, match="give counts"):
        shares.draw(10)


def test_the_beta_discrete_weibull_is_that_of_its_replication() -> None:
    model = loyalty.fit_bdw(HIGH_END[:5])
    assert [model.alpha, model.beta, model.c] == pytest.approx([0.2593, 1.7225, 1.5844], abs=2e-3)
    told = loyalty.compare_renewals(HIGH_END[:5]).set_index("model")
    assert told.loc["bdw", "log_likelihood"] == pytest.approx(-1222.7493, abs=1e-3)
    assert told.loc["sbg", "log_likelihood"] == pytest.approx(-1225.1349, abs=1e-3)
    assert told.loc["bdw", "p_value"] == pytest.approx(0.029, abs=1e-3)
    assert loyalty.fit_sbg(HIGH_END[:5]).residual_lifetime(5, 0.1) == pytest.approx(5.87, abs=0.006)
    assert model.residual_lifetime(5, 0.1) == pytest.approx(7.32, abs=0.006)


def test_cohorts_share_the_parameters_of_the_papers_example() -> None:
    whole = [10_000, 8000, 6480, 5307, 4391]
    model = loyalty.fit_sbg({str(k): whole[:n] for k, n in enumerate((5, 4, 3, 2))})
    assert (round(model.alpha, 2), round(model.beta, 2), model.cohorts_count) == (3.80, 15.19, 4)
    assert any("fewer than 7" in note for note in model.notes)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_residual_lifetime_is_the_sum_it_stands_for(n: int) -> None:
    model = loyalty.fit_sbg(HIGH_END[:8])
    t = np.arange(n, 4000)
    assert model.residual_lifetime(n, 0.1) == pytest.approx(
        float((model.survival(t) / model.survival(n - 1) / 1.1 ** (t - n)).sum()), rel=1e-9
    )


def test_retention_and_survival_fit_together_and_cover_what_came() -> None:
    model = loyalty.fit_sbg(HIGH_END[:8])
    assert np.cumprod(model.retention(np.arange(1, 9))) == pytest.approx(model.survival(np.arange(1, 9)))
    assert model.retention(1) == pytest.approx(model.beta / (model.alpha + model.beta))
    told = model.to_frame(12)
    assert (told["survival_low"] < told["survival"]).all() and (told["survival"] < told["survival_high"]).all()
    assert told["survival_low"].iloc[11] < 0.394 < told["survival_high"].iloc[11]
    alike = loyalty.fit_sbg([round(1000 * 0.9**t) for t in range(8)])
    assert alike.retention(5) == pytest.approx(0.9, abs=2e-3) and any("all alike" in note for note in alike.notes)


@pytest.mark.parametrize("alive", [HIGH_END[:8], [492, 482, 471, 460, 444, 441, 426], [60, 55, 52]])
def test_drawn_models_are_spread_as_the_likelihood_is(alive: list[int]) -> None:
    # The same by brute force: every model of a fine grid, weighed by its likelihood.
    a, b = (g.ravel() for g in np.meshgrid(*[np.exp(np.linspace(-10, 10, 1201))] * 2))
    survival = [np.exp(special.betaln(a, b + t) - special.betaln(a, b)) for t in range(13)]
    steps = zip(-np.diff(alive), survival, survival[1:], strict=False)
    fits = sum(lost * np.log(np.maximum(s - after, 1e-300)) for lost, s, after in steps)
    fits = fits + alive[-1] * np.log(survival[len(alive) - 1])
    order = np.argsort(survival[12])
    share = np.cumsum(np.exp(fits - fits.max())[order])
    expected = survival[12][order][np.searchsorted(share / share[-1], [0.025, 0.25, 0.5, 0.75, 0.975])]
    found = [model.survival(12) for model in loyalty.fit_sbg(alive).draw(4000, seed=1)]
    assert np.quantile(found, [0.025, 0.25, 0.5, 0.75, 0.975]) == pytest.approx(expected, abs=0.012)


def test_the_interval_covers_where_customers_are_all_alike() -> None:
    rng, hits = np.random.default_rng(5), 0
    for _ in range(40):
        lives = rng.geometric(0.035, 500)
        told = loyalty.fit_sbg([int((lives > t).sum()) for t in range(7)]).to_frame(12).iloc[-1]
        hits += told["survival_low"] <= (1 - 0.035) ** 12 <= told["survival_high"]
    assert hits >= 35, hits


@pytest.mark.parametrize(("survivors", "says"), [
    ([100, 100, 100], "nobody left"), ([100, 0, 0], "all left at the first"), ([100, 80, 90], "more are alive in a later"),
    ([100], "two or more numbers"), ([100, np.nan], "two or more numbers"),
])  # fmt: skip
def test_counts_that_cannot_be_are_refused(survivors: list[float], says: str) -> None:
    with pytest.raises(loyalty.LoyaltyError, match=says):
        loyalty.fit_sbg(survivors)


@pytest.fixture(scope="module")
def departures() -> loyalty.HazardModel:
    rng = np.random.default_rng(21)
    n = 4000
    kind = np.array(["supplier", "other", ""])[rng.choice(3, n, p=[0.10, 0.04, 0.86])]
    months = np.where(kind == "", 12, rng.integers(1, 13, n))
    return loyalty.fit_hazard(pd.DataFrame({"t": months, "kind": kind}), "t", "kind", bands=(0,))


def _customers(n: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in range(n)], "customer_class": ["industrial", "commercial"] * (n // 2),
            "energy_kwh": 1e6, "alive_until": 12,
        }
    )  # fmt: skip


def test_values_are_margins_times_chances(departures: loyalty.HazardModel) -> None:
    margins = loyalty.read_margins()
    values = loyalty.value_customers(_customers(), departures, margins, draws=60)
    rate = {r: float(np.exp(departures.params.loc["const", r])) for r in ("supplier", "other")}
    months = np.arange(1, 121)
    discount = (1 / 1.08) ** (months / 12)
    stays, flows = np.exp(-sum(rate.values()) * months), np.exp(-rate["other"] * months)
    row = values.table.iloc[0]
    energy, wires = 1e6 * 0.022, 1e6 * 0.050 - 240
    assert row["at_stake_yuan"] == pytest.approx(energy / 12 * (stays * discount).sum())
    # Who changes the supplier goes on paying for the wires.
    assert row["value_yuan"] == pytest.approx(row["at_stake_yuan"] + wires / 12 * (flows * discount).sum())
    year = 1 - np.exp(-12 * sum(rate.values()))
    assert row["leaves_in_year_share"] == pytest.approx(year)
    assert row["market_share"] == pytest.approx(year * rate["supplier"] / sum(rate.values()))
    seg = values.by_segment.set_index("segment").loc["industrial"]
    assert seg["at_stake_low_yuan"] < seg["at_stake_yuan"] < seg["at_stake_high_yuan"] and seg["point_yuan"] > 0
    # A point more retention, by hand: yearly shares raised by 0.01.
    yearly = np.exp(-12 * sum(rate.values()))
    raised = (yearly + 0.01) ** (months / 12)
    assert seg["point_yuan"] == pytest.approx(energy / 12 * ((raised - stays) * discount).sum(), rel=1e-6)


def test_own_generation_takes_the_wires_with_it() -> None:
    months = pd.DataFrame(
        {"t": [12] * 900 + [6] * 100, "kind": [""] * 900 + ["supplier"] * 50 + ["own_generation"] * 50}
    )
    model = loyalty.fit_hazard(months, "t", "kind", bands=(0,))
    values = loyalty.value_customers(_customers(), model, loyalty.read_margins(), draws=20)
    row = values.table.iloc[0]
    rate = 2 * float(np.exp(model.params.loc["const", "supplier"]))
    month = np.arange(1, 121)
    discount = (1 / 1.08) ** (month / 12)
    energy = 22_000 / 12 * (np.exp(-rate * month) * discount).sum()
    wires = (50_000 - 240) / 12 * (np.exp(-rate / 2 * month) * discount).sum()
    assert row["at_stake_yuan"] == pytest.approx(energy + wires / 2, rel=1e-6)
    with pytest.raises(loyalty.LoyaltyError, match="'factory', for which there is no margin"):
        loyalty.value_customers(_customers().assign(customer_class="factory"), model, loyalty.read_margins())


def test_a_segment_of_three_has_no_interval(departures: loyalty.HazardModel) -> None:
    few = _customers().assign(segment=["small"] * 3 + ["large"] * 37)
    told = loyalty.value_customers(few, departures, loyalty.read_margins(), segment="segment", draws=20).by_segment
    small = told.set_index("segment").loc["small"]
    assert small["customers_count"] == 3 and np.isnan(small["value_low_yuan"]) and small["value_yuan"] > 0


def test_a_constant_rate_undervalues() -> None:
    # Fader and Hardie (2010): one rate for all is too low where customers differ.
    model = loyalty.fit_sbg(REGULAR[:8])
    rate = (REGULAR[7] / REGULAR[0]) ** (1 / 7)
    flat = sum(rate ** (t - 4) / 1.1 ** (t - 5) for t in range(5, 500))
    assert model.residual_lifetime(5, 0.1) > 1.12 * flat


def test_the_policy_is_the_best_that_the_budget_buys() -> None:
    rng = np.random.default_rng(22)
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in range(7)], "market_share": rng.uniform(0.02, 0.3, 7),
            "at_stake_yuan": rng.lognormal(10, 1, 7), "energy_margin_yuan": rng.lognormal(8, 1, 7),
        }
    )  # fmt: skip
    margins = loyalty.read_margins()
    p, stake, margin = (customers[c].to_numpy() for c in ("market_share", "at_stake_yuan", "energy_margin_yuan"))
    each = [loyalty.expected_gain(o, p, p * o.effect, stake, margin) for o in margins.offers.values()]
    for budget in (500.0, 2000.0, 1e6):
        best = 0.0
        for plan in product(range(-1, 3), repeat=7):
            cost = sum(each[k][1][i] for i, k in enumerate(plan) if k >= 0)
            if cost <= budget:
                best = max(best, sum(each[k][0][i] for i, k in enumerate(plan) if k >= 0))
        found = loyalty.retention_policy(customers, margins, budget, draws=50)
        told = found.comparison.set_index("policy")
        assert told.loc["uplift_times_value", "spent_yuan"] <= budget + 1e-6
        assert best - found.gap_yuan - 1e-6 <= told.loc["uplift_times_value", "gain_yuan"] <= best + 1e-6
        assert (
            told.loc["uplift_times_value", "gain_yuan"] >= told.loc["likeliest_leavers", "gain_yuan"] - found.gap_yuan
        )
        assert told.loc["nobody", "gain_yuan"] == 0 and not found.uplift_known
    assert "no experiment" in found.told("en") and "尚无随机试验" in found.told("zh")


def test_break_even_is_where_the_gain_is_nothing() -> None:
    margins = loyalty.read_margins()
    p, stake, margin = np.array([0.2, 0.1]), np.array([80_000.0, 60_000.0]), np.array([9000.0, 6000.0])
    for offer in margins.offers.values():
        even = loyalty.break_even_uplift(offer, p, stake, margin)
        gain, _ = loyalty.expected_gain(offer, p, even, stake, margin)
        assert gain == pytest.approx([0, 0], abs=1e-6)
    assert np.isnan(loyalty.break_even_uplift(margins.offers["energy_plan"], p, np.array([10.0, 10.0]), margin)).all()
    assert loyalty.payback_months(300, 0.0, 100) == np.inf


def test_a_measured_uplift_is_taken_with_its_errors() -> None:
    margins = loyalty.read_margins()
    customers = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "market_share": [0.2, 0.2],
            "at_stake_yuan": [50_000.0] * 2,
            "energy_margin_yuan": [9000.0] * 2,
        }
    )
    names = list(margins.offers)
    uplift = pd.DataFrame({"customer_id": ["a", "b"], **{key: [0.1, -0.02] for key in names}})
    error = uplift.assign(**dict.fromkeys(names, 0.02))
    found = loyalty.retention_policy(customers, margins, 1e6, uplift=uplift, uplift_error=error)
    assert found.uplift_known and found.plan["customer_id"].tolist() == ["a"]
    row = found.plan.iloc[0]
    assert row["low"] < row["gain_yuan"] < row["high"] and "experiment" in found.told()
    # No offer prevents more departures than there would be.
    bold = uplift.assign(**dict.fromkeys(names, 0.9))
    sure = loyalty.retention_policy(customers, margins, 1e6, uplift=bold, uplift_error=error)
    assert (sure.plan["uplift_share"] <= 0.2).all() and (sure.plan["gain_yuan"] <= sure.plan["high"] + 1e-6).all()
    with pytest.raises(loyalty.LoyaltyError, match=r"uplift_error is missing for some|have no uplift_error"):
        loyalty.retention_policy(customers, margins, 1e6, uplift=uplift, uplift_error=error.head(1))
    with pytest.raises(loyalty.LoyaltyError, match="there twice"):
        loyalty.retention_policy(pd.concat([customers, customers]), margins, 1e6)
    with pytest.raises(loyalty.LoyaltyError, match="missing for some customers"):
        loyalty.retention_policy(customers.assign(at_stake_yuan=np.nan), margins, 1e6)
    with pytest.raises(loyalty.LoyaltyError, match="wants its errors"):
        loyalty.retention_policy(customers, margins, 1e6, uplift=uplift)
    with pytest.raises(loyalty.LoyaltyError, match="1 customers have no uplift"):
        loyalty.retention_policy(customers, margins, 1e6, uplift=uplift.head(1), uplift_error=error)
    with pytest.raises(loyalty.LoyaltyError, match="within 0 and 1"):
        loyalty.retention_policy(customers.assign(market_share=2.0), margins, 1e6)


@pytest.mark.parametrize(("old", "new", "says"), [
    ("discount_per_year: 0.08", "discount_per_year: 8", "discount of 0 to 1"), ("effect_spread: 0.5", "", "effect_spread is missing"),
    ("acceptance: 0.60", "acceptance: 60", "shares lie within 0 and 1"), ("industrial: 0.022", "factory: 0.022", "expected a figure for each"),
])  # fmt: skip
def test_margins_that_cannot_be_are_refused(old: str, new: str, says: str, tmp_path: Path) -> None:
    from labkit.calendar import DATA

    text = (DATA / "loyalty" / "margins.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "margins.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(loyalty.LoyaltyError, match=says):
        loyalty.read_margins(path)


def test_the_power_of_a_trial_is_how_often_it_shows_the_effect() -> None:
    rng = np.random.default_rng(23)
    told = loyalty.design_trial(0.10, [0.5])["customers_count"].iloc[0]
    n, shown = told // 2, 0
    for _ in range(400):
        a, b = rng.binomial(n, 0.10), rng.binomial(n, 0.05)
        pooled = (a + b) / (2 * n)
        shown += abs(a - b) / n / np.sqrt(pooled * (1 - pooled) * 2 / n) > 1.96
    assert 0.74 <= shown / 400 <= 0.86
    assert loyalty.trial_power(0.10, 0.5, int(told)) >= 0.8 > loyalty.trial_power(0.10, 0.5, int(told) - 2)
    effect = loyalty.detectable_effect(0.10, 2000)
    assert loyalty.trial_power(0.10, effect, 2000) == pytest.approx(0.8, abs=1e-6)
    assert np.isnan(loyalty.detectable_effect(0.05, 20))
    with pytest.raises(loyalty.LoyaltyError, match="between 0 and 1"):
        loyalty.trial_power(0.0, 0.5, 100)


def test_scores_with_ties_are_approached_together() -> None:
    rng = np.random.default_rng(25)
    inside = 0
    for k in range(60):
        x, treated = rng.integers(0, 2, 800), rng.random(800) < 0.5
        stays = (rng.random(800) < 0.6 + 0.2 * x * treated).astype(int)
        found = loyalty.measure_qini(stays, treated, x, draws=100, seed=k)
        assert found.low <= found.value <= found.high
        inside += found.low < 0.025 < found.high  # half of the area of a triangle of height 0.05 over all
    assert inside >= 50
    flat = loyalty.measure_qini([1] * 50 + [0] * 50, [1] * 50 + [0] * 50, [1.0] * 100, draws=20)
    assert flat.value == 0


def test_a_trial_shows_what_a_score_and_a_policy_are_worth() -> None:
    rng = np.random.default_rng(24)
    n = 20_000
    x, treated = rng.random(n), rng.random(n) < 0.5
    # Only those with a high x are moved; those with a low one are put off.
    stays = (rng.random(n) < 0.7 + 0.3 * (x - 0.4) * treated).astype(int)
    good, blind = (
        loyalty.measure_qini(stays, treated, x, draws=100),
        loyalty.measure_qini(stays, treated, rng.random(n), draws=100),
    )
    assert good.low > 0 and blind.low < 0 < blind.high
    assert good.value == pytest.approx(0.3 / 12, rel=0.25)  # the area between x - x^2 / 2 ... and a line
    told = loyalty.policy_value(stays, treated, x > 0.4, draws=100).set_index("policy")
    truth = {"this": 0.7 + 0.3 * 0.18, "everybody": 0.7 + 0.3 * 0.1, "nobody": 0.7}
    for policy, value in truth.items():
        assert told.loc[policy, "low"] < value < told.loc[policy, "high"], policy
    assert told.loc["this_less_everybody", "low"] > 0
    costly = loyalty.policy_value(stays, treated, x > 0.4, cost=0.1, draws=20).set_index("policy")
    assert costly.loc["this", "value"] == pytest.approx(told.loc["this", "value"] - 0.1 * (x > 0.4).mean())
    found = loyalty.estimate_uplift(stays, treated)
    assert found.low < 0.03 < found.high
    with pytest.raises(loyalty.LoyaltyError, match="without a control group"):
        loyalty.qini_curve(stays, np.ones(n), x)
