"""Bills of a whole lab: against the bills there are, and against one bill at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labkit
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS
from labkit.tariffs import Tariff, TariffError, bill_loads, bill_many, read_tariffs
from labkit.tariffs.determinants import make_grid, measure


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample)


def test_every_bill_of_whole_readings_is_reproduced_to_the_cent(lab: Lab) -> None:
    mine = bill_many(None, lab)
    both = mine.merge(
        lab.run(lab.bills),
        left_on=["customer_id", "month"],
        right_on=["customer_id", "period"],
        suffixes=("", "_billed"),
    )
    whole = both[both["hours_missing"] == 0]
    assert len(whole) > 500 and set(whole["tariff_id"]) >= {"RES_STEP", "SINGLE_PART_TOU", "TWO_PART_CONTRACT"}
    for ours, billed in (("energy_yuan", "energy_yuan_billed"), ("basic_yuan", "basic_yuan_billed"), ("power_factor_yuan", "pf_yuan"),
                         ("funds_yuan", "funds_yuan_billed"), ("total_yuan", "total_yuan_billed"), ("kwh", "kwh_billed"),
                         ("max_demand_kw", "max_demand_kw_billed")):  # fmt: skip
        assert (whole[ours] - whole[billed]).abs().max() < 0.001, ours
    tou = whole[whole["kwh_peak"].notna()]
    for period in ("sharp", "peak", "flat", "valley"):
        assert (tou[f"kwh_{period}"] - tou[f"kwh_{period}_billed"]).abs().max() < 0.001
    # Where readings are missing, less is billed than was, and it is said.
    gaps = both[both["hours_missing"] > 0]
    assert len(gaps) and (gaps["kwh"] <= gaps["kwh_billed"] + 1e-6).all()


def us_rate() -> Tariff:
    week, rest = [[1 if 15 <= h < 20 else 0 for h in range(24)]] * 12, [[0] * 24] * 12
    return Tariff.from_urdb({
        "label": "us", "energyratestructure": [[{"rate": 0.06}], [{"rate": 0.11}]], "energyweekdayschedule": week,
        "energyweekendschedule": rest, "demandratestructure": [[{"rate": 2, "max": 20}, {"rate": 3}], [{"rate": 9}]],
        "demandweekdayschedule": week, "demandweekendschedule": rest, "fixedchargefirstmeter": 30,
    })  # fmt: skip


@pytest.mark.parametrize("which", ["us", "TWO_PART_DEMAND", "SINGLE_PART_TOU", "yearly"])
def test_the_engine_bills_as_one_at_a_time(lab: Lab, which: str) -> None:
    yearly = {"id": "yearly", "energy": {}, "steps": {"per": "year", "tiers": [[2000, 0.5], [None, 0.8]]}}
    rule = us_rate() if which == "us" else Tariff.from_dict(yearly) if which == "yearly" else read_tariffs()[which]
    table = bill_many(rule, lab)
    checked = 0
    for minutes in (15, 60):
        rows = lab.run(lab.readings.filter(lab.readings.interval_min == minutes)).sort_values(["customer_id", "day"])
        slots = list(SLOT_COLUMNS[: 1440 // minutes])
        for customer, mine in list(rows.groupby("customer_id"))[:20]:
            months = ["2025-01", "2025-02"] if which == "yearly" else ["2025-03", "2025-04"]
            day = mine[mine["month"].isin(months)]
            whole = len(day) == (59 if which == "yearly" else 61) and day[slots].notna().all(axis=None)
            if not whole:
                continue
            known = lab.run(lab.customers.filter(lab.customers.customer_id == customer)).iloc[0]
            capacity = float(known["capacity_kva"])
            bill = rule.bill(
                day[slots].to_numpy(dtype=float).reshape(-1) / 1000, day["day"].iloc[0], minutes, capacity_kva=capacity
            )
            expected = bill.by_month().drop(columns=["total", "power_factor"], errors="ignore")
            ours = table[(table["customer_id"] == customer) & table["month"].isin(expected.index)].set_index("month")
            for kind in expected:
                assert np.allclose(ours[f"{kind}_yuan"], expected[kind], atol=0.001), (customer, kind)
            checked += 1
    assert checked >= (1 if which == "yearly" else 4)


@pytest.mark.parametrize("minutes", [15, 30, 60])
@pytest.mark.parametrize("which", ["us", "TWO_PART_DEMAND", "TWO_PART_CONTRACT"])
def test_loads_in_memory_are_billed_as_one_at_a_time(which: str, minutes: int) -> None:
    rule = us_rate() if which == "us" else read_tariffs()[which]
    rng = np.random.default_rng(minutes)
    loads = rng.uniform(0, 50, (7, 91 * 1440 // minutes))
    capacity, contract = rng.uniform(100, 400, 7), rng.uniform(50, 200, 7)
    table = bill_loads(
        rule,
        loads,
        "2025-01-01",
        minutes,
        kvarh=loads * 0.6,
        capacity_kva=capacity,
        contract_kw=contract,
        pf_standard=0.9,
    )
    assert table["month"].tolist() == ["2025-01", "2025-02", "2025-03", "2025-04"] * 7
    for i in range(7):
        bill = rule.bill(
            loads[i], "2025-01-01", minutes, loads[i] * 0.6, float(capacity[i]), float(contract[i]), pf_standard=0.9
        ).by_month()  # fmt: skip
        mine = table[table["row"] == i].set_index("month")
        for kind in bill.columns:
            assert (mine[f"{kind}_yuan"] - bill[kind]).abs().max() < 0.001, kind


def test_whole_days_and_single_intervals_measure_the_same() -> None:
    rule = us_rate()
    load = np.random.default_rng(1).uniform(0, 50, (1, 24 * 40))
    whole = measure(rule, load, make_grid("2025-01-20", 60, load.shape[1], None))
    # The same load with an hour of nothing before it goes the other way.
    shifted = np.concatenate([np.zeros((1, 1)), load], axis=1)
    single = measure(rule, shifted, make_grid("2025-01-19 23:00", 60, shifted.shape[1], None))
    assert np.allclose(whole.kwh, single.kwh) and np.allclose(whole.max_kw, single.max_kw)
    assert all(np.allclose(a, b) for a, b in zip(whole.peaks, single.peaks))


def test_loads_in_memory_say_which_customer_is_wrong() -> None:
    loads = np.ones((3, 48))
    loads[2, 5] = np.nan
    with pytest.raises(TariffError, match="kwh of customer 2: the interval at 2025-01-01 05:00 has no reading"):
        bill_loads(read_tariffs()["RES_STEP"], loads, "2025-01-01", 60)
    with pytest.raises(TariffError, match="kvarh has the shape"):
        bill_loads(read_tariffs()["RES_STEP"], np.ones((3, 48)), "2025-01-01", 60, kvarh=np.ones((2, 48)))


def test_repriced_bills_agree_with_those_that_were_sent(lab: Lab) -> None:
    from labkit.quality import reprice_bills

    table = reprice_bills(lab)
    assert len(table) > 500 and table["agrees"].all()


def test_only_some_customers(lab: Lab) -> None:
    ids = ["C0000001", "C0000002"]
    some, everyone = bill_many(None, lab, ids), bill_many(None, lab)
    assert set(some["customer_id"]) <= set(ids)
    mine = everyone[everyone["customer_id"].isin(ids)].reset_index(drop=True)
    assert some["total_yuan"].tolist() == mine["total_yuan"].tolist()


def test_what_cannot_be_billed_is_named(lab: Lab) -> None:
    known = read_tariffs()
    with pytest.raises(TariffError, match="tariff 'AGRICULTURE' is not among TWO_PART_DEMAND"):
        bill_many({"TWO_PART_DEMAND": known["TWO_PART_DEMAND"]}, lab)
    import datetime as dt

    late = known["RES_STEP"].replace(effective_from=dt.date(2025, 6, 1))
    with pytest.raises(
        TariffError, match="RES_STEP is in force from 2025-06-01 to 9999-12-31, the readings run from 2025-01"
    ):
        bill_many(late, lab)
    assert len(bill_many(late, lab, any_date=True))
    with pytest.raises(TariffError, match=r"TWO_PART_CONTRACT: the basic charge needs contract_kw above 0; give it"):
        bill_many(known["TWO_PART_CONTRACT"], lab)
