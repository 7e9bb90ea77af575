"""The choice between tariffs: regret, break-even, contract, dates, how sure."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from labkit.tariffs import Tariff, TariffError, best_contract, break_even, change_dates, choose, read_tariffs
from labkit.tariffs.determinants import make_grid, measure

KNOWN = read_tariffs()
MODES = [KNOWN["TWO_PART_CAPACITY"], KNOWN["TWO_PART_DEMAND"], KNOWN["TWO_PART_CONTRACT"]]


def year(kw: float = 100.0, peak: float = 100.0, seed: int = 0) -> np.ndarray:
    load = np.full(8760, kw) * np.random.default_rng(seed).uniform(0.9, 1.0, 8760)
    load[500::730] = peak
    return load


def told(load: Any, modes: Any = MODES, **more: Any) -> Any:
    return choose(load, modes, **{"start": "2025-01-01", "interval_min": 60, "capacity_kva": 400} | more)


@pytest.mark.parametrize(("ratio", "best"), [(0.60, "TWO_PART_DEMAND"), (0.70, "TWO_PART_CAPACITY")])
def test_the_break_even_decides_between_capacity_and_demand(ratio: float, best: str) -> None:
    low, high = break_even(MODES[0], MODES[1])
    assert low == pytest.approx(26 / 39) and high == pytest.approx(26 / 39 / 0.9)
    choice = choose(year(60, 400 * ratio), MODES[:2], start="2025-01-01", interval_min=60, capacity_kva=400)
    assert choice.best == best
    assert choice.table["regret_yuan"].iloc[0] == 0 and (choice.table["regret_yuan"].iloc[1:] > 0).all()


def test_high_use_moves_the_break_even() -> None:
    # 0.70 kW a kVA lies between 0.667 and 0.741: demand is cheaper from 260 kWh per kVA on only.
    busy = choose(year(200, 280), MODES[:2], start="2025-01-01", interval_min=60, capacity_kva=400)
    assert busy.best == "TWO_PART_DEMAND"


def test_regret_is_the_difference_of_bills() -> None:
    load = year(80, 150)
    choice = told(load, contract_kw=120)
    for rule in MODES:
        bill = rule.bill(load, "2025-01-01", 60, capacity_kva=400, contract_kw=120)
        assert choice.by_month[rule.id].sum() == pytest.approx(bill.total, abs=0.001)
    costs = choice.table.set_index("tariff_id")
    assert (costs["year_yuan"] - costs["year_yuan"].min()).round(2).tolist() == costs["regret_yuan"].tolist()
    assert costs["cheapest_share"].sum() == pytest.approx(1)
    assert (costs["regret_low"] <= costs["regret_yuan"]).all() and (costs["regret_yuan"] <= costs["regret_high"]).all()


def test_the_contract_is_the_optimum_of_the_linear_programme() -> None:
    rng = np.random.default_rng(4)
    rule = MODES[2]
    for _ in range(20):
        load = rng.uniform(0, 300, 8760) * np.repeat(rng.uniform(0.5, 1, 12), 730)
        grid = make_grid("2025-01-01", 60, 8760, "CN")
        found = measure(rule, load[None], grid)
        contract = best_contract(rule, found, 400)
        peaks, n = found.max_kw[0], 12
        use = found.kwh[0].sum(axis=1) / 400
        price = np.where(use >= 260, 0.9, 1.0)
        # min sum price (c + 2 e_m), e_m >= peak_m - 1.05 c, c >= 0.4 x 400
        solved = linprog(
            [price.sum(), *(2 * price)],
            A_ub=np.c_[-1.05 * np.ones(n), -np.eye(n)],
            b_ub=-peaks,
            bounds=[(160, None)] + [(0, None)] * n,
        )
        cost = (price * (contract + 2 * np.clip(peaks - 1.05 * contract, 0, None))).sum()
        assert cost <= solved.fun + price.sum()  # a whole kW at most
        assert cost >= solved.fun - 1e-6


def test_today_against_the_best_with_interval_and_day() -> None:
    choice = told(year(60, 240), current="TWO_PART_CAPACITY")
    assert choice.best in ("TWO_PART_DEMAND", "TWO_PART_CONTRACT")
    assert choice.saving is not None and choice.saving.low <= choice.saving.value <= choice.saving.high
    assert choice.change_on[0] == dt.date(2026, 1, 1)
    assert "possible from 2026-01-01 on" in choice.sentence("en") and "最早可自 2026-01-01 起变更" in choice.sentence(
        "zh"
    )
    stays = told(year(60, 390), current="TWO_PART_CAPACITY")
    assert stays.best == "TWO_PART_CAPACITY" and stays.sentence("en").startswith("Stay with Two-part, by capacity")


def test_drawn_years_are_the_same_for_the_same_seed() -> None:
    one, two = told(year(60, 270), seed=3), told(year(60, 270), seed=3)
    pd.testing.assert_frame_equal(one.table, two.table)


def test_an_uncertain_choice_is_told_as_one() -> None:
    load = year(60, 60)
    for month, peak in enumerate([390] * 6 + [140] * 6):
        load[month * 730 + 20] = peak
    share = choose(load, MODES[:2], start="2025-01-01", interval_min=60, capacity_kva=400).table["cheapest_share"]
    assert 0.5 < share.iloc[0] < 0.97


def test_tariffs_not_allowed_are_shown_and_not_advised() -> None:
    offered = [*MODES, KNOWN["SINGLE_PART_TOU"]]
    peaky = year(2, 60)
    row = told(peaky, modes=offered).table.set_index("tariff_id").loc["SINGLE_PART_TOU"]
    assert not row["allowed"] and "400 kVA" in row["why_not_en"] and "适用于" in row["why_not_zh"]
    assert row["cheapest_share"] == 0 and row["regret_yuan"] < 0
    # Who has it may keep it.
    kept = told(peaky, modes=offered, current="SINGLE_PART_TOU")
    assert kept.best == "SINGLE_PART_TOU" and kept.sentence("en").startswith("Stay with")
    with pytest.raises(
        TariffError, match="none of SINGLE_PART_TOU may be chosen: for below 315 kVA; this one has 400 kVA"
    ):
        choose([1.0] * 8760, [KNOWN["SINGLE_PART_TOU"]], start="2025-01-01", interval_min=60, capacity_kva=400)


def test_series_bring_their_times_and_parts_of_a_year_are_told() -> None:
    index = pd.date_range("2025-01-01", periods=24 * 59, freq="h")
    choice = choose(pd.Series(100.0, index), MODES[:2], capacity_kva=400)
    assert choice.notes[0][0] == "2 months are brought to a year."
    assert choice.table["year_yuan"].iloc[0] == pytest.approx(choice.by_month[choice.best].sum() * 6)
    with pytest.raises(TariffError, match="do not follow each other evenly at 2025-01-01 06:00:00"):
        choose(pd.Series(100.0, index.delete(5)), MODES, capacity_kva=400)


@pytest.mark.parametrize(("more", "says"), [
    ({"start": None}, "start and interval_min are missing"),
    ({"current": "X"}, "current is 'X', which is not among TWO_PART_CAPACITY"),
    ({"capacity_kva": None}, "needs capacity_kva above 0"),
    ({"kvarh": [1.0]}, "kvarh has gaps, or not one value"),
])  # fmt: skip
def test_bad_input_is_named(more: dict[str, Any], says: str) -> None:
    with pytest.raises(TariffError, match=says):
        told(year(), **more)
    with pytest.raises(TariffError, match="there is no tariff to choose from"):
        choose(year(), [], start="2025-01-01", interval_min=60)


def test_days_of_change() -> None:
    assert change_dates("month", dt.date(2025, 1, 31), 2) == (dt.date(2025, 2, 1), dt.date(2025, 3, 1))
    assert change_dates("quarter", dt.date(2025, 12, 31), 1) == (dt.date(2026, 1, 1),)
    assert change_dates("year", dt.date(2025, 12, 31), 2) == (dt.date(2026, 1, 1), dt.date(2027, 1, 1))
    with pytest.raises(TariffError, match="one by demand"):
        break_even(Tariff.from_dict({"id": "x", "energy": {}}), MODES[1])
