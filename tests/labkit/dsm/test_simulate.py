"""Scenarios on the sample: what must add up, what must not move, what must be repeatable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import dsm
from labkit.dsm.simulate import GAINERS
from labkit.tariffs import read_tariffs


@pytest.fixture(scope="module")
def ready(small_sample: Path) -> dsm.Prepared:
    return dsm.prepare(labkit.open(small_sample))


KNOWN = dsm.read_scenarios()


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_who_gains_adds_up(ready: dsm.Prepared, name: str) -> None:
    result = dsm.run(ready, KNOWN[name], draws=200)
    npv = result.tests["npv_yuan"]
    if not any(p.free_riders for p in KNOWN[name].programmes):
        # What customers gain and ratepayers lose is a transfer; the rest is the resource test.
        assert npv["PCT"] + npv["RIM"] == pytest.approx(npv["TRC"], rel=1e-6, abs=1.0)
    for who, test in (("customer", "PCT"), ("utility", "RIM"), ("society", "SCT")):
        assert result.segments[f"{who}_yuan"].sum() == pytest.approx(npv[test], rel=1e-9, abs=1e-3)
        assert (result.segments[f"{who}_low_yuan"] <= result.segments[f"{who}_high_yuan"]).all()
    system = result.system.set_index("measure")
    assert (system["low"] <= system["high"]).all() and np.isfinite(system.to_numpy()).all()
    assert (result.segments["joined_count"] <= result.segments["customers_count"] + 1e-9).all()
    assert result.peak_day["before_kw"].max() == pytest.approx(system.loc["system_peak_kw", "before"])


def test_shapes_move_the_system_the_way_they_say(ready: dsm.Prepared) -> None:
    table = dsm.compare([dsm.run(ready, KNOWN[name], draws=50) for name in sorted(KNOWN)]).set_index("scenario")
    energy = table["energy_change_kwh"]
    assert energy["conserve_efficiency"] < 0 < energy["grow_heat_pumps"] and energy["fill_night_charging"] > 0
    assert abs(energy["shift_industry"]) < 0.02 * ready.system.load_kwh.sum()
    assert table.loc["orderly_red", "peak_change_kw"] < table.loc["orderly_yellow", "peak_change_kw"] < 0
    assert table.loc["orderly_red", "customer_yuan"] < table.loc["orderly_yellow", "customer_yuan"]


def test_nothing_happens_where_nobody_responds(ready: dsm.Prepared) -> None:
    scenario = KNOWN["conserve_efficiency"]
    still = replace(scenario, programmes=(replace(scenario.programmes[0], response={"share": 0.0}, free_riders=False),))
    result = dsm.run(ready, still, draws=20)
    assert result.system["change"].abs().max() < 1e-6 and result.tests.loc["TRC", "benefits_yuan"] == 0


def test_a_dearer_incentive_moves_money_from_utility_to_customer(ready: dsm.Prepared) -> None:
    low, high = (
        dsm.run(ready, KNOWN["flexible_interruptible"].with_changes(incentive_yuan_per_kw=x), draws=20)
        for x in (20.0, 200.0)
    )
    assert high.segments["joined_count"].sum() > low.segments["joined_count"].sum()
    assert high.tests.loc["PCT", "npv_yuan"] > low.tests.loc["PCT", "npv_yuan"]
    assert high.tests.loc["TRC", "ratio"] > 0


def test_same_seed_same_numbers_and_a_wider_doubt_a_wider_interval(ready: dsm.Prepared) -> None:
    scenario = KNOWN["awareness"]
    one, two = dsm.run(ready, scenario, draws=100), dsm.run(ready, scenario, draws=100)
    assert one.tests.equals(two.tests) and one.segments.equals(two.segments)
    sure = replace(scenario, uncertain=dict.fromkeys(scenario.uncertain, (1.0, 1.0)))
    width = [
        r.tests.loc["SCT", "npv_high_yuan"] - r.tests.loc["SCT", "npv_low_yuan"]
        for r in (one, dsm.run(ready, sure, draws=100))
    ]
    assert width[0] > 0 and width[1] == pytest.approx(0, abs=1e-6)


def test_prices_are_neutral_before_anybody_responds(ready: dsm.Prepared) -> None:
    scenario = KNOWN["tou_sichuan"]
    deaf = replace(
        scenario.programmes[0], response={"substitution": 0.0, "daily": 0.0}, joining=None, programme_yuan=0.0
    )
    result = dsm.run(ready, replace(scenario, programmes=(deaf,)), draws=20)
    system = result.system.set_index("measure")
    assert system.loc["bills_yuan", "change"] == pytest.approx(0, abs=1e-4 * system.loc["bills_yuan", "before"])
    assert abs(system.loc["energy_kwh", "change"]) < 1


def test_what_cannot_be_run_is_said(small_sample: Path, ready: dsm.Prepared) -> None:
    with pytest.raises(dsm.DsmError, match="known tariff"):
        dsm.prepare(labkit.open(small_sample), {"other": read_tariffs()["RES_STEP"]})
    nobody = replace(KNOWN["awareness"], programmes=(replace(KNOWN["awareness"].programmes[0], classes=("mining",)),))
    with pytest.raises(dsm.DsmError, match="no customers of the classes"):
        dsm.run(ready, nobody)


def test_a_percent_of_the_bill_moves_small_and_large_alike() -> None:
    choice = dsm.Joining(-1.0, per_percent=0.5)
    bills = np.array([1_000.0, 1_000_000.0])
    small, large = choice.probability(0.03 * bills, bills)
    assert small == large == pytest.approx(1 / (1 + np.exp(1.0 - 0.5 * 3)))
    with pytest.raises(dsm.DsmError, match="needs the yearly bill"):
        choice.probability(100.0)
    riders = dsm.net_to_gross(choice, 0.03 * bills, 0.01 * bills, bill_yuan=bills).free_riders
    assert riders == pytest.approx(small / choice.probability(0.04 * bills, bills)[0])


def test_a_rebate_by_the_kwh_is_a_transfer(ready: dsm.Prepared) -> None:
    one = KNOWN["conserve_efficiency"]
    # All take part, so that the rebate changes nothing but who pays.
    fixed = replace(one, programmes=(replace(one.programmes[0], joining=None, free_riders=False),))
    low, high = (dsm.run(ready, fixed.with_changes(incentive_yuan_per_kwh=x), draws=20) for x in (0.0, 0.1))
    moved = high.tests["npv_yuan"] - low.tests["npv_yuan"]
    assert moved["PCT"] == pytest.approx(-moved["RIM"], rel=1e-9) and moved["PCT"] > 0
    annuity = sum((1 + one.discount_rate) ** -t for t in range(one.life_years))
    saved = -low.system.set_index("measure").loc["energy_kwh", "change"]
    # The rebate is paid on each kWh taken off; the rebound of a tenth comes back outside of it.
    assert moved["PCT"] / annuity / 0.1 == pytest.approx(saved, rel=0.12)


def test_too_many_customers_are_refused(small_sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.dsm.prepared.MOST_CUSTOMERS", 50)
    with pytest.raises(dsm.DsmError, match="50 customers at most"):
        dsm.prepare(labkit.open(small_sample))


def result(
    name: str, society: float, utility: tuple[float, float], customer: tuple[float, float]
) -> dsm.ScenarioResult:
    """A result as far as the summary reads it."""
    row = {"customer_class": "commercial", "customers_count": 20, "joined_count": 5.0}
    for who, (low, high) in (("customer", customer), ("utility", utility), ("society", (society - 1, society + 1))):
        row |= {f"{who}_yuan": (low + high) / 2, f"{who}_low_yuan": low, f"{who}_high_yuan": high}
    few = {**row, "customer_class": "public", "customers_count": 3}
    tests = pd.DataFrame(
        {
            test: {
                "npv_yuan": row[f"{who}_yuan"],
                "npv_low_yuan": row[f"{who}_low_yuan"],
                "npv_high_yuan": row[f"{who}_high_yuan"],
            }
            for who, test in GAINERS.items()
        }
    ).T
    one = replace(dsm.read_scenarios()["tou_sichuan"], id=name)
    return dsm.ScenarioResult(one, tests, pd.DataFrame([row, few]), pd.DataFrame(), pd.DataFrame(), {})


def test_the_best_programme_of_a_class_harms_nobody_if_one_does_not() -> None:
    harmful = result("harmful", 100.0, (-9.0, -1.0), (1.0, 2.0))
    fair, better = result("fair", 5.0, (0.5, 2.0), (1.0, 2.0)), result("better", 7.0, (-1.0, 2.0), (1.0, 2.0))
    best = dsm.best_by_class([harmful, fair, better], fewest=10)
    assert best[["customer_class", "scenario", "harmless"]].to_numpy().tolist() == [["commercial", "better", True]]
    only = dsm.best_by_class([harmful], fewest=1)
    assert only["scenario"].tolist() == ["harmful"] * 2 and not only["harmless"].any()


def test_the_best_for_all_is_one_in_which_all_surely_gain() -> None:
    unsure, fair = result("unsure", 50.0, (-1.0, 2.0), (1.0, 2.0)), result("fair", 5.0, (0.5, 2.0), (1.0, 2.0))
    found = dsm.best_for_all([unsure, fair])
    assert found is not None and found.scenario.id == "fair"
    assert dsm.best_for_all([unsure]) is None
