"""Cost tests, shared benefit, joining, orderly use: hand calculation and identities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import dsm

WORKED = pd.DataFrame(
    {"year": [1, 2, 3], "uac": 450e3, "br": 650e3, "rl": 650e3, "prc": [100e3, 0, 0], "inc": [300e3, 0, 0], "pc": [900e3, 0, 0],
     "externality": 50e3}
)  # fmt: skip


def test_the_worked_example_to_four_digits() -> None:
    table = dsm.cost_tests(WORKED, 0.08, 0.05)
    assert table["ratio"].round(4).to_dict() == {
        "PCT": 2.3435,
        "RIM": 0.5670,
        "PAC": 3.1312,
        "TRC": 1.2525,
        "SCT": 1.4297,
    }
    assert table.loc["TRC", "npv_yuan"] == pytest.approx(450e3 * (1 + 1 / 1.08 + 1 / 1.08**2) - 1e6)
    # Out: 1,000,000 at once, in: 450,000, 416,667, 385,802; made up for in the third year.
    assert table.loc["TRC", "payback_years"] == pytest.approx(2 + (1e6 - 450e3 - 450e3 / 1.08) / (450e3 / 1.08**2))
    assert np.isnan(table.loc["RIM", "payback_years"]) and table["levelised_yuan_per_kwh"].isna().all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.floats(0, 0.3))
def test_participant_and_ratepayer_make_up_the_resource_test(seed: int, years: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    flows = pd.DataFrame(rng.uniform(0, 1e6, (years, 8)), columns=["uac", "uic", "br", "bi", "tc", "inc", "prc", "pc"])
    flows["rl"], flows["rg"] = flows["br"], flows["bi"]
    npv = dsm.cost_tests(flows, rate)["npv_yuan"]
    assert npv["PCT"] + npv["RIM"] == pytest.approx(npv["TRC"], rel=1e-9, abs=1e-3)
    # Net of free riders it no longer holds: the costs of some are no cost of the programme.
    flows["pcn"] = flows["pc"] * 0.5
    assert dsm.cost_tests(flows, rate)["npv_yuan"]["TRC"] > npv["TRC"]


def test_load_increase_is_a_cost_or_a_negative_benefit() -> None:
    flows = pd.DataFrame({"uac": [100.0], "uic": [40.0], "prc": [20.0], "saved_kwh": [300.0]})
    manual, other = dsm.cost_tests(flows, 0.08), dsm.cost_tests(flows, 0.08, convention="flexvalue")
    assert manual.loc["TRC", "ratio"] == pytest.approx(100 / 60) and other.loc["TRC", "ratio"] == pytest.approx(3.0)
    assert (manual["npv_yuan"] - other["npv_yuan"]).abs().max() < 1e-9
    assert manual.loc["TRC", "levelised_yuan_per_kwh"] == pytest.approx(0.2)


@pytest.mark.parametrize(("flows", "says"), [
    (pd.DataFrame({"avoided": [1.0]}), "column 'avoided'"),
    (pd.DataFrame({"uac": []}), "no rows"),
    (pd.DataFrame({"uac": [1.0, np.nan]}), "row 2, uac"),
    (pd.DataFrame({"year": [1, 1], "uac": [1.0, 2.0]}), "each once"),
])  # fmt: skip
def test_flows_that_cannot_be_valued_are_named(flows: pd.DataFrame, says: str) -> None:
    with pytest.raises(dsm.DsmError, match=says):
        dsm.cost_tests(flows, 0.08)


def test_years_may_stand_in_any_order() -> None:
    assert dsm.cost_tests(WORKED.iloc[::-1], 0.08).equals(dsm.cost_tests(WORKED.set_index("year"), 0.08))


@pytest.mark.parametrize("fixed", [0.0, 20_000.0, 60_000.0])
def test_all_gain_inside_the_range_and_somebody_loses_outside(fixed: float) -> None:
    joining = dsm.Joining(-2.0, 0.006)
    found = dsm.shared_benefit_range(-200.0, 500.0, 350.0, customers=1000, fixed_yuan=fixed, joining=joining)

    def worst(incentive: float) -> float:
        n = 1000 * float(joining.probability(incentive - 200.0))
        return min(incentive - 200.0, n * (500.0 - incentive) - fixed, n * 350.0 - fixed)

    grid = np.arange(0.0, 600.0, 0.25)
    good = grid[[worst(i) >= 0 for i in grid]]
    if found.empty:
        assert not len(good) and "lack" in found.advice("en") and "还差" in found.advice("zh")
    else:
        assert good.min() == pytest.approx(found.low, abs=0.26) and good.max() == pytest.approx(found.high, abs=0.26)
        assert f"{found.low:,.0f}" in found.advice("zh")


def test_where_society_loses_no_incentive_helps() -> None:
    found = dsm.shared_benefit_range(100.0, 100.0, -5.0)
    assert found.empty and "Society loses 5 yuan" in found.advice("en")


def test_joining_rises_with_gain_and_free_riders_follow_from_it() -> None:
    choice = dsm.Joining(-1.0, 0.01, 30.0)
    assert (np.diff(choice.probability(np.arange(0.0, 500.0))) > 0).all()
    net = dsm.net_to_gross(choice, np.zeros(10), 100.0, spillover=0.1)
    assert net.free_riders == pytest.approx(float(choice.probability(0.0) / choice.probability(100.0)))
    assert net.ratio == pytest.approx(1.1 - net.free_riders)


def test_the_choice_is_found_again_from_offers() -> None:
    rng = np.random.default_rng(2)
    gain = rng.uniform(0, 400, 6000)
    homes = rng.random(6000) < 0.5
    chance = np.where(homes, dsm.Joining(-2.0, 0.01).probability(gain), dsm.Joining(-1.0, 0.01).probability(gain))
    offers = pd.DataFrame(
        {"joined": rng.random(6000) < chance, "gain_yuan": gain, "class": np.where(homes, "home", "shop")}
    )
    table = dsm.fit_joining(offers, "class").set_index("term")
    for term, truth in (("per_yuan", 0.01), ("intercept home", -2.0), ("intercept shop", -1.0)):
        assert table.loc[term, "low"] < truth < table.loc[term, "high"], term
    with pytest.raises(dsm.DsmError, match="all or none joined"):
        dsm.fit_joining(offers.assign(joined=True))


USERS = pd.DataFrame({
    "customer_id": ["A", "B", "C", "H"], "stagger_kw": [100.0, 200.0, 50.0, 400.0], "avoid_kw": [50.0, 0.0, 100.0, 100.0],
    "cut_kw": [200.0, 300.0, 100.0, 900.0], "protected": [False, False, False, True],
})  # fmt: skip


def test_means_come_in_order_and_the_protected_are_spared() -> None:
    plan = dsm.orderly_plan(USERS, [0.0, 300.0, 450.0, 5000.0], 4000.0)
    days = plan.days.set_index("day")
    assert days["level"].tolist() == ["none", "III", "II", "I"]
    assert days.loc[1, ["stagger_kw", "avoid_kw", "cut_kw"]].tolist() == [300, 0, 0]
    assert days.loc[2, ["stagger_kw", "avoid_kw", "cut_kw"]].tolist() == pytest.approx([350, 100, 0])
    assert days.loc[3, "uncovered_kw"] == 5000 - 350 - 150 - 600
    assert "H" not in set(plan.steps["customer_id"]) and plan.steps["share"].max() <= 1 + 1e-12


def test_burden_is_levelled_over_time() -> None:
    plan = dsm.orderly_plan(USERS.assign(given_before=[0.0, 0.5, 0.0, 0.0]), [60.0] * 6, 4000.0)
    relative = plan.burden.set_index("customer_id")["relative"]
    assert plan.steps.query("day == 0")["customer_id"].tolist() == ["A", "C"], "who gave before is asked later"
    assert plan.days["stagger_kw"].tolist() == pytest.approx([60.0] * 6) and relative["H"] == 0
    alike = dsm.orderly_plan(USERS.iloc[:2].assign(avoid_kw=0.0), [30.0] * 9, 4000.0).burden["relative"]
    assert alike[0] == pytest.approx(alike[1])


@pytest.mark.parametrize(("change", "says"), [
    ({"stagger_kw": -1.0}, "row 1, stagger_kw"), ({"cut_kw": np.nan}, "row 1, cut_kw"), ({"customer_id": "A"}, "twice"),
])  # fmt: skip
def test_users_that_cannot_be_planned_for(change: dict[str, Any], says: str) -> None:
    with pytest.raises(dsm.DsmError, match=says):
        dsm.orderly_plan(USERS.assign(**change), 100.0, 4000.0)
