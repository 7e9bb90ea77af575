"""Bills against hand calculation, to the cent: a rule, an edge, a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.tariffs import Bill, Tariff, TariffError, read_tariffs

FLAT = {"id": "T", "energy": {"flat_yuan_per_kwh": 0.5}}


def tariff(**more: Any) -> Tariff:
    return Tariff.from_dict(FLAT | more)


def month(kw: float, days: int = 31) -> list[float]:
    return [kw] * (24 * days)


def amounts(bill: Bill, kind: str) -> list[float]:
    return bill.lines.loc[bill.lines["kind"] == kind, "amount"].tolist()


def test_contract_overrun_costs_twice_above_105_per_cent() -> None:
    rule = tariff(basic={"contract_yuan_per_kw": 38})
    load = month(600)
    load[100] = 1200
    bill = rule.bill(load, "2025-03-01", 60, contract_kw=1000)
    assert amounts(bill, "basic") == [38_000.00, 11_400.00]
    lines = bill.lines[bill.lines["kind"] == "basic"]
    assert lines["quantity"].tolist() == [1000, 150] and lines["price"].tolist() == [38, 76]
    assert "1,200 kW is above 105% of the contract" in lines["why"].iloc[1]


@pytest.mark.parametrize(("peak", "expected"), [(900, [38_000]), (1050, [38_000]), (1050.5, [38_000, 38.0])])
def test_contract_is_paid_in_full_below_and_up_to_105_per_cent(peak: float, expected: list[float]) -> None:
    load = month(600)
    load[100] = peak
    bill = tariff(basic={"contract_yuan_per_kw": 38}).bill(load, "2025-03-01", 60, contract_kw=1000)
    assert amounts(bill, "basic") == expected


def test_contract_has_a_floor_of_40_per_cent_of_the_capacity() -> None:
    rule = tariff(basic={"contract_yuan_per_kw": 38})
    bill = rule.bill(month(100), "2025-03-01", 60, contract_kw=150, capacity_kva=1000)
    assert amounts(bill, "basic") == [400 * 38]
    assert "floor: 40% of capacity" in bill.lines.query("kind == 'basic'")["why"].iloc[0]
    old = tariff(basic={"contract_yuan_per_kw": 38, "floor_share": 0.95})
    assert amounts(old.bill(month(100), "2025-03-01", 60, contract_kw=150, capacity_kva=1000), "basic") == [950 * 38]


@pytest.mark.parametrize(("kwh", "price"), [(259.999, 39.0), (260.0, 35.1), (261.0, 35.1)])
def test_from_260_kwh_per_kva_demand_costs_90_per_cent(kwh: float, price: float) -> None:
    rule = tariff(basic={"demand_yuan_per_kw": 39, "high_use": {"kwh_per_kva": 260, "multiple": 0.9}})
    bill = rule.bill([kwh * 315 / 744] * 744, "2025-03-01", 60, capacity_kva=315)
    line = bill.lines.query("kind == 'basic'").iloc[0]
    assert line["price"] == pytest.approx(price, abs=1e-12)
    assert line["amount"] == round(kwh * 315 / 744 * price + 1e-9, 2)


def test_demand_is_the_highest_15_minute_mean() -> None:
    rule = tariff(basic={"demand_yuan_per_kw": 39})
    load = [10.0] * (96 * 31)
    load[777] = 30.0
    assert amounts(rule.bill(load, "2025-03-01", 15), "basic") == [120 * 39]
    fine = [10 / 3] * (288 * 31)
    fine[600:603] = [5.0, 20.0, 5.0]  # 30 kWh within the quarter that begins at 600
    assert amounts(rule.bill(fine, "2025-03-01", 5), "basic") == [120 * 39]
    assert any("show less" in note.en for note in rule.bill(month(10), "2025-03-01", 60).notes)


def test_peak_so_far_counts_in_the_first_month_only() -> None:
    rule = tariff(basic={"demand_yuan_per_kw": 10})
    bill = rule.bill(month(100) + month(90, 30), "2025-03-01", 60, peak_so_far_kw=150)
    assert amounts(bill, "basic") == [1500, 900]


def test_hubei_bill_lines() -> None:
    # Bill of 2025-09: 30,844 kW at 39 yuan; power factor 0.91 at 0.90 on 6,137,186.50 yuan.
    rule = tariff(energy={"flat_yuan_per_kwh": 1.0}, basic={"demand_yuan_per_kw": 39}, power_factor={"standard": 0.90})
    rest = (6_137_186.50 - 1_202_916.00 - 30_844) / 719
    load = [30_844.0] + [rest] * 719
    energy = sum(load)
    bill = rule.bill(load, "2025-09-01", 60, kvarh=[energy * np.tan(np.arccos(0.91))])
    assert amounts(bill, "basic") == [1_202_916.00]
    assert amounts(bill, "power_factor") == [-9_205.78]
    line = bill.lines.query("kind == 'power_factor'").iloc[0]
    assert line["quantity"] == 6_137_186.50 and line["price"] == -0.0015


def test_funds_stay_outside_the_adjustment() -> None:
    rule = tariff(power_factor={"standard": 0.90}, funds=[{"yuan_per_kwh": 0.03}])
    bill = rule.bill(month(100), "2025-03-01", 60, kvarh=[100 * 744.0])  # power factor 0.71
    assert amounts(bill, "energy") == [37_200.00] and amounts(bill, "funds") == [2_232.00]
    assert amounts(bill, "power_factor") == [round(37_200 * 0.095, 2)]
    inside = rule.replace(
        power_factor=Tariff.from_dict(
            FLAT | {"power_factor": {"standard": 0.9, "base": ["energy", "funds"]}}
        ).power_factor
    )
    assert amounts(inside.bill(month(100), "2025-03-01", 60, kvarh=[74_400.0]), "power_factor") == [
        round(39_432 * 0.095, 2)
    ]


def test_reactive_energy_sent_back_counts_slot_by_slot() -> None:
    rule = tariff(power_factor={"standard": 0.90})
    kvarh = [75.0, -75.0] * 372
    line = rule.bill(month(100), "2025-03-01", 60, kvarh=kvarh).lines.iloc[-1]
    assert "power factor 0.80 against the standard 0.90: +5.00 %" in line["why"]


@pytest.mark.parametrize(("kwh", "expected"), [
    (180, [93.60]), (180.01, [93.60, 0.01]), (280, [93.60, 57.00]), (281, [93.60, 57.00, 0.82]),
])  # fmt: skip
def test_monthly_steps_at_their_edges(kwh: float, expected: list[float]) -> None:
    bill = read_tariffs()["RES_STEP"].bill([kwh / 744] * 744, "2025-03-01", 60)
    assert amounts(bill, "energy") == expected


def test_yearly_steps_go_on_from_month_to_month_and_begin_anew_in_january() -> None:
    rule = Tariff.from_dict(
        {"id": "Y", "energy": {}, "steps": {"per": "year", "tiers": [[2000, 0.5], [3000, 0.6], [None, 0.8]]}}
    )
    days = 31 + 30 + 31 + 31  # October to January, 1,200 kWh a month
    load = np.concatenate([np.full(24 * d, 1200 / (24 * d)) for d in (31, 30, 31, 31)])
    assert len(load) == 24 * days
    by = rule.bill(load, "2024-10-01", 60).lines.groupby("month")["amount"].apply(list).to_dict()
    assert by == {
        "2024-10": [600.00],
        "2024-11": [400.00, 240.00],
        "2024-12": [360.00, 480.00],
        "2025-01": [600.00],
    }


def test_ratchet_bills_a_share_of_the_highest_of_earlier_months() -> None:
    rule = tariff(demand=[{"prices": {"all": 10}, "ratchet": {"share": 0.8, "months_back": 2}}])
    load = month(100) + month(50, 28) + month(50) + month(50, 30)
    bill = rule.bill(load, "2025-01-01", 60)
    assert amounts(bill, "demand") == [1000, 800, 800, 500]
    assert "ratchet; measured 50 kW" in bill.lines.query("kind == 'demand'")["why"].iloc[1]
    summer = tariff(demand=[{"prices": {"all": 10}, "ratchet": {"share": 0.8, "months": [7, 8]}}])
    assert amounts(summer.bill(load, "2025-01-01", 60), "demand") == [1000, 500, 500, 500]


def test_demand_by_period_with_tiers() -> None:
    rule = tariff(
        demand=[{
            "periods": {"hours": {"on": [[15, 20]], "off": [[20, 15]]}},
            "tiers": {"on": [[50, 10], [None, 12]], "off": [[None, 3]]},
        }]
    )  # fmt: skip
    load = month(40)
    load[16], load[9] = 70, 90
    assert amounts(rule.bill(load, "2025-03-01", 60), "demand") == [500, 240, 270]


def test_leap_year_february_has_29_days() -> None:
    rule = tariff(fixed=[{"amount": 2, "per": "day"}, {"amount": 30}])
    bill = rule.bill(month(1, 29) + month(1), "2024-02-01", 60)
    assert bill.by_month()["fixed"].tolist() == [88, 92]
    assert bill.by_month()["energy"].tolist() == [29 * 12, 31 * 12]
    assert not bill.notes


def test_day_types_decide_the_price() -> None:
    # 2025-01-26 is a Sunday worked, 2025-01-28 a Tuesday off (Spring Festival).
    rule = Tariff.from_dict(
        {
            "id": "D",
            "periods": {
                "hours": {"flat": [[0, 24]]},
                "exceptions": [{"day_types": ["weekend", "holiday"], "hours": {"valley": [[0, 24]]}}],
            },
            "energy": {"prices": {"flat": 1.0, "valley": 0.1}},
        }
    )
    for day, price in (("2025-01-26", 24.0), ("2025-01-27", 24.0), ("2025-01-28", 2.4), ("2025-02-09", 2.4)):
        assert rule.bill([1.0] * 24, day, 60).total == price
    assert Tariff.from_dict({"id": "W", "calendar": None} | {"periods": {
        "hours": {"flat": [[0, 24]]}, "exceptions": [{"day_types": ["weekend"], "hours": {"valley": [[0, 24]]}}],
    }, "energy": {"prices": {"flat": 1.0, "valley": 0.1}}}).bill([1.0] * 24, "2025-01-26", 60).total == 2.4  # fmt: skip


def test_seasons_have_their_own_ratios() -> None:
    # Shanghai 2023, two-part: peak +80 % and valley -60 % in summer and winter, +60 / -50 otherwise.
    hours = {"peak": [[8, 11], [18, 21]], "flat": [[6, 8], [11, 18], [21, 22]], "valley": [[22, 6]]}
    rule = Tariff.from_dict({"id": "S", "periods": {"hours": hours}, "energy": {
        "flat_yuan_per_kwh": 0.7, "not_floating_yuan_per_kwh": 0.02, "seasons": [
            {"months": [1, 7, 8, 9, 12], "ratio": {"peak": 1.8, "flat": 1.0, "valley": 0.4}},
            {"months": [2, 3, 4, 5, 6, 10, 11], "ratio": {"peak": 1.6, "flat": 1.0, "valley": 0.5}}]}})  # fmt: skip
    august = rule.bill([100.0] * 24, "2025-08-05", 60).lines
    assert august["price"].round(6).tolist() == [1.28, 0.72, 0.30]
    assert august["amount"].tolist() == [768.0, 720.0, 240.0]
    assert rule.bill([100.0] * 24, "2025-10-14", 60).lines["price"].round(6).tolist() == [1.14, 0.72, 0.37]


def test_minimum_charge_is_made_up() -> None:
    assert amounts(tariff(minimum_per_month=500).bill(month(1), "2025-03-01", 60), "minimum") == [128.00]
    yearly = tariff(minimum_per_year=1000).bill(month(1) + month(1, 30), "2025-03-01", 60)
    assert amounts(yearly, "minimum") == [1000 - 372 - 360]


def test_tiers_filled_hour_by_hour() -> None:
    # 10 kWh an hour; peak in hours 12 to 24; 100 kWh cheap: the peak's first hours come after 120 kWh.
    rule = Tariff.from_dict({"id": "H", "periods": {"hours": {"peak": [[12, 24]], "valley": [[0, 12]]}}, "energy": {
        "tiers_of": "month", "tiers": {"peak": [[100, 1.0], [None, 2.0]], "valley": [[100, 0.1], [None, 0.2]]}}})  # fmt: skip
    lines = rule.bill([10.0] * 24, "2025-03-01", 60).lines
    assert lines[["quantity", "price", "amount"]].to_numpy().tolist() == [[120, 2.0, 240], [100, 0.1, 10], [20, 0.2, 4]]


def test_chinese_lines_say_the_same() -> None:
    bill = read_tariffs()["TWO_PART_DEMAND"].bill(
        month(100), "2025-03-01", 60, kvarh=[30_000.0], capacity_kva=250, pf_standard=0.9
    )
    chinese = bill.to_frame("zh")
    assert chinese["amount"].tolist() == bill.lines["amount"].tolist()
    assert (
        chinese["item"].tolist()[0] == "电度电费（高峰）" and "功率因数 0.93，考核标准 0.90" in chinese["why"].iloc[-1]
    )
    assert bill.lines["kind"].tolist() == chinese["kind"].tolist()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 2000), st.floats(0.2, 0.99), st.integers(0, 10**6), st.sampled_from(["TWO_PART_CAPACITY", "TWO_PART_DEMAND", "TWO_PART_CONTRACT"])
)  # fmt: skip
def test_amounts_are_quantity_times_price_and_add_up(size: int, pf: float, seed: int, which: str) -> None:
    rng = np.random.default_rng(seed)
    load = rng.uniform(0, size, 24 * 59)
    bill = read_tariffs()[which].bill(
        load,
        "2025-01-01",
        60,
        kvarh=load * np.tan(np.arccos(pf)),
        capacity_kva=2.0 * size,
        contract_kw=float(size),
        pf_standard=0.9,
    )
    lines = bill.lines
    assert ((lines["quantity"] * lines["price"] - lines["amount"]).abs() <= 0.00500001).all()
    assert bill.total == round(lines["amount"].sum(), 2) == round(bill.by_month()["total"].sum(), 2)
    energy = lines.loc[lines["kind"] == "energy", "quantity"].sum()
    assert energy == pytest.approx(load.sum(), abs=1e-4)


@pytest.mark.parametrize(("change", "says"), [
    ({"kwh": [1.0, float("nan"), float("nan")]}, "the interval at 2025-03-01 01:00 and 1 more has no reading"),
    ({"kwh": [1.0, -2.0]}, r"the interval at 2025-03-01 01:00 is negative \(-2\)"),
    ({"kwh": []}, "kwh is empty"),
    ({"interval_min": 45}, "interval_min is 45, expected 1, 5, 15, 30 or 60"),
    ({"start": "2025-03-01 00:10"}, "no full interval of 60 min"),
    ({"start": "tomorrow-ish"}, "expected a time such as 2025-01-01 00:00"),
    ({"start": "2025-03-01T00:00Z"}, "without a zone"),
    ({"start": "2023-12-31 00:00"}, "T is in force from 2024-01-01 to 2025-06-30, the load runs from 2023-12-31"),
    ({"start": "2025-07-01"}, "take the tariff of that time"),
    ({"kvarh": [1.0, 2.0]}, "kvarh has 2 values and kwh 24: give one an interval, or one a month"),
    ({"capacity_kva": None}, "T: the basic charge needs capacity_kva above 0; give it"),
    ({"capacity_kva": -5}, "capacity_kva above 0"),
    ({"pf_standard": 0.88, "kvarh": [5.0] * 24}, "standard is 0.88"),
])  # fmt: skip
def test_bad_input_says_which_and_where(change: dict[str, Any], says: str) -> None:
    rule = tariff(effective_from=__import__("datetime").date(2024, 1, 1), effective_to=__import__("datetime").date(2025, 6, 30),
                  basic={"capacity_yuan_per_kva": 26}, power_factor={})  # fmt: skip
    good: dict[str, Any] = {"kwh": [1.0] * 24, "start": "2025-03-01", "interval_min": 60, "capacity_kva": 100}
    with pytest.raises(ValueError, match=says):
        rule.bill(**good | change)
    rule.bill(**good | {"start": "2023-12-31"}, any_date=True)


def test_a_period_that_begins_within_a_slot_is_refused() -> None:
    rule = Tariff.from_dict({"id": "P", "periods": {"hours": {"peak": [[8.5, 12]], "flat": [[12, 8.5]]}}, "energy": {"prices": {"peak": 1, "flat": 0.5}}})  # fmt: skip
    with pytest.raises(
        TariffError, match="a period begins within the slot at 08:00; readings every 60 min cannot tell"
    ):
        rule.bill([1.0] * 24, "2025-03-01", 60)
    assert rule.bill([1.0] * 48, "2025-03-01", 30).total == 27.5


def test_notes_tell_what_is_left_out() -> None:
    rule = tariff(power_factor={"standard": 0.9})
    notes = [note.en for note in rule.bill([1.0] * 24, "2025-03-01", 60).notes]
    assert any("No reactive energy" in note for note in notes)
    assert any("2025-03: readings of 1 of 31 days" in note for note in notes)
