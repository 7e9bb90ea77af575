"""Bills of a whole lab: against the bills there are, and against one bill at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labkit
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS
from labkit.tariffs import Tariff, TariffError, bill_many, read_tariffs


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
