"""Advice: each item against a case in which the right answer is known."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit.accounts import advise, read_assumptions
from labkit.accounts.advice import Advice
from labkit.accounts.case import estimate_year
from labkit.tariffs import TariffError, power_factor_adjustment, read_tariffs
from tests.labkit.accounts.conftest import make_account

KNOWN = read_tariffs()


def by_kind(advice: Advice, kind: str, worth_it: bool = True) -> list:
    return [item for item in advice.items if item.kind == kind and item.worth_it is worth_it]


def test_a_badly_loaded_transformer_should_pay_by_demand(shift_worker: np.ndarray) -> None:
    advice = advise(make_account(shift_worker), KNOWN.values())
    (item,) = by_kind(advice, "tariff")
    # 1,000 kVA at 26 against about 400 kW at 39, twelve times; funds and energy stay.
    assert item.saving.value == pytest.approx(12 * (26_000 - 39 * 400), rel=0.02)
    assert item.saving.low <= item.saving.value <= item.saving.high
    assert "actual maximum demand" in item.title.en and "按实际最大需量" in item.title.zh
    bill = KNOWN["TWO_PART_CAPACITY"].bill(shift_worker, "2025-01-01", 60, capacity_kva=1000)
    assert advice.bill_yuan == pytest.approx(bill.total, abs=0.01)


def test_a_well_loaded_one_is_left_alone(shift_worker: np.ndarray) -> None:
    advice = advise(make_account(shift_worker, capacity_kva=500.0), KNOWN.values())
    assert not by_kind(advice, "tariff")
    assert all(item.saving.value < 0 for item in by_kind(advice, "tariff", worth_it=False))


def test_a_contract_too_high_is_lowered_and_one_too_low_is_warned_of(shift_worker: np.ndarray) -> None:
    account = make_account(shift_worker, tariff_id="TWO_PART_CONTRACT", contract_kw=700.0, capacity_kva=600.0)
    (item,) = by_kind(advise(account, [KNOWN["TWO_PART_CONTRACT"]]), "contract")
    assert item.saving.value == pytest.approx(12 * 39 * (700 - np.ceil(shift_worker.max() / 1.05)), rel=0.01)
    (warned,) = by_kind(advise(account, [KNOWN["TWO_PART_CONTRACT"]]), "contract", worth_it=False)
    assert warned.saving.value < 0 and warned.saving.high < 0


def test_capacitors_earn_the_adjustment_and_no_more(shift_worker: np.ndarray) -> None:
    kvar = shift_worker * np.tan(np.arccos(0.80))
    account = make_account(shift_worker, kvar=kvar, capacity_kva=500.0)
    (item,) = by_kind(advise(account, [KNOWN["TWO_PART_CAPACITY"]]), "capacitor")
    rule = KNOWN["TWO_PART_CAPACITY"]
    today = rule.bill(shift_worker, "2025-01-01", 60, kvarh=kvar, capacity_kva=500, pf_standard=0.9)
    size = item.cost_yuan / read_assumptions().capacitor_yuan_per_kvar
    then = rule.bill(
        shift_worker, "2025-01-01", 60, kvarh=np.maximum(kvar - size, 0), capacity_kva=500, pf_standard=0.9
    )
    running = np.minimum(kvar, size).sum() * 0.003 * today.total / shift_worker.sum()
    assert item.saving.value == pytest.approx(today.total - then.total - running, rel=1e-3)
    assert size % 30 == 0 and item.payback_years.low <= item.payback_years.value <= item.payback_years.high
    assert item.payback_years.value == pytest.approx(item.cost_yuan / item.saving.value)
    assert power_factor_adjustment(0.80, 0.90) == 5.0
    larger = by_kind(advise(account, [rule]), "capacitor", worth_it=False)
    assert len(larger) == 1 and larger[0].saving.value < 0


def test_a_good_power_factor_needs_no_capacitors(shift_worker: np.ndarray) -> None:
    account = make_account(shift_worker, kvar=shift_worker * 0.1, capacity_kva=500.0)
    advice = advise(account, [KNOWN["TWO_PART_CAPACITY"]])
    assert not by_kind(advice, "capacitor")
    assert "no size earns what it costs" in by_kind(advice, "capacitor", worth_it=False)[0].detail.en


def test_moving_hours_is_priced_by_the_bill_and_keeps_within_caps(shift_worker: np.ndarray) -> None:
    account = make_account(shift_worker, capacity_kva=500.0)
    (item,) = by_kind(advise(account, [KNOWN["TWO_PART_CAPACITY"]]), "hours")
    # At best 10 % of what is used at peak goes from 0.96 (1.152 sharp) to 0.24, at 0.05 a kWh.
    peak = KNOWN["TWO_PART_CAPACITY"].energy.periods
    codes = peak.codes(60)[account.load.index.month - 1, 0, account.load.index.hour]
    dear = shift_worker[np.isin(codes, [peak.names.index("peak"), peak.names.index("sharp")])].sum()
    assert 0 < item.saving.value < 0.1 * dear * (1.152 - 0.24 - 0.05)
    assert item.saving.value > 0.5 * 0.1 * dear * (0.96 - 0.24 - 0.05)
    assert item.title.en.endswith("to 00–04")


def test_the_demand_charge_keeps_moved_use_from_making_a_new_peak(shift_worker: np.ndarray) -> None:
    for tariff, contract in (("TWO_PART_DEMAND", np.nan), ("TWO_PART_CONTRACT", 390.0)):
        account = make_account(shift_worker, tariff_id=tariff, contract_kw=contract, capacity_kva=600.0)
        for item in by_kind(advise(account, [KNOWN[tariff]]), "hours"):
            before, after = (
                float(x.replace(",", ""))
                for x in item.detail.en.split("highest demand ")[1].rstrip(" kW.").split(" to ")
            )
            # A contract is paid in full up to 105 % of it, so that may be used.
            assert after <= max(before, contract * 1.05 if tariff.endswith("CONTRACT") else 0) + 1


def test_a_quiet_week_is_the_one_to_stop_in(shift_worker: np.ndarray) -> None:
    load = shift_worker.copy()
    load[24 * 120 : 24 * 127] *= 0.3  # from 1 May
    (item,) = by_kind(advise(make_account(load), [KNOWN["TWO_PART_CAPACITY"]]), "maintenance")
    assert item.title.en == "Stop for maintenance around 1 May to 7 May" and "5 月 1 日至 5 月 7 日" in item.title.zh


def test_who_stands_still_most_of_the_year_is_not_told_when_to_stop(shift_worker: np.ndarray) -> None:
    load = shift_worker.copy()
    load[24 * 100 :] = 0  # cut off for arrears, say
    advice = advise(make_account(load), [KNOWN["TWO_PART_CAPACITY"]])
    assert len(advice.to_frame()) and not by_kind(advice, "maintenance") and not by_kind(advice, "maintenance", False)


@pytest.mark.parametrize(("growth", "start", "worth_it"), [(0.20, 500, True), (0.0, 300, False), (0.0, 850, True)])
def test_expansion_follows_the_growth_of_demand(
    shift_worker: np.ndarray, growth: float, start: float, worth_it: bool
) -> None:
    account = make_account(shift_worker, kvar=shift_worker * 0.2)
    months = pd.period_range("2024-01", periods=24, freq="M")
    noise = np.random.default_rng(3).normal(0, 0.02, 24)
    demand = start * np.exp(np.log1p(growth) * np.arange(24) / 12 + noise)
    bills = pd.DataFrame({"period": months.astype(str), "max_demand_kw": demand})
    account = type(account)(**{**account.__dict__, "bills": bills})
    advice = advise(account, [KNOWN["TWO_PART_CAPACITY"]])
    (item,) = by_kind(advice, "expansion", worth_it)
    if growth:
        # 80 % of 1,000 kVA at a power factor of 0.98 is reached 0.6 years after the last month.
        assert "2026" in item.title.en and "80% is expected in 2026-0" in item.detail.en
    elif worth_it:
        assert item.title.en == "Prepare an expansion, now"


def test_what_is_not_known_is_said_or_left_out(shift_worker: np.ndarray) -> None:
    advice = advise(make_account(shift_worker[: 24 * 80]), KNOWN.values())
    assert not by_kind(advice, "maintenance") and not by_kind(advice, "expansion") and not by_kind(advice, "capacitor")
    assert all(np.isnan(item.saving.low) for item in advice.items if item.saving is not None)
    assert "2 whole months" in advice.notes[0].en
    with pytest.raises(TariffError, match="tariff of today, OLD, is not among"):
        advise(make_account(shift_worker, tariff_id="OLD"), KNOWN.values())
    with pytest.raises(TariffError, match="the load has no whole month"):
        advise(make_account(shift_worker[:200]), KNOWN.values())


def test_the_frame_has_a_row_an_item(shift_worker: np.ndarray) -> None:
    advice = advise(make_account(shift_worker), KNOWN.values())
    frame = advice.to_frame()
    assert len(frame) == len(advice.items) and set(frame["customer_id"]) == {"K1"}
    savings = [item.saving.value for item in advice.to_do if item.saving is not None]
    assert savings == sorted(savings, reverse=True)


def test_a_year_from_months_has_an_interval() -> None:
    found = estimate_year(np.arange(12.0))
    assert found.value == 66 and found.low < 66 < found.high
    assert np.isnan(estimate_year(np.ones(3)).low)


def test_assumptions_are_checked(tmp_path: Path) -> None:
    text = Path("data/accounts/assumptions.yaml").read_text(encoding="utf-8")
    assert read_assumptions().effective_from == dt.date(2024, 1, 1)
    for wrong, says in (
        (text + "colour: 3\n", "colour is unknown"),
        (text.replace("movable_share: 0.10", "movable_share: -1"), "movable_share is -1"),
    ):
        path = tmp_path / f"{len(wrong)}.yaml"
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(ValueError, match=says):
            read_assumptions(path)
