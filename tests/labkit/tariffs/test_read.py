"""Tariff files: what is there reads, what is wrong is named with its rule and place."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from labkit.calendar import DATA
from labkit.tariffs import Tariff, TariffError, read_tariffs

HOURS = {"peak": [[8, 12]], "flat": [[12, 22]], "valley": [[22, 8]]}
GOOD: dict[str, Any] = {
    "id": "G",
    "periods": {"hours": HOURS},
    "energy": {"prices": {"peak": 1.0, "flat": 0.6, "valley": 0.3}},
    "basic": {"contract_yuan_per_kw": 38},
}


@pytest.mark.parametrize("path", sorted((DATA / "tariffs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_tariff_of_the_project_reads_and_can_be_told(path: Path) -> None:
    if "energy:" not in path.read_text(encoding="utf-8"):
        pytest.skip("periods or power-factor rule")
    rule = Tariff.read(path)
    assert rule.source and rule.region and rule.effective_from.year > 1980
    assert path.stem == rule.id
    for language in ("en", "zh"):
        told = rule.describe(language)
        assert rule.name.label(language) in told and len(told.splitlines()) >= 4


def test_read_tariffs_takes_each_id_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    with pytest.raises(TariffError, match=r"b.yaml: there is a tariff G already"):
        read_tariffs(tmp_path)
    assert {"RES_STEP", "TWO_PART_DEMAND", "TWO_PART_CONTRACT"} <= set(read_tariffs())


def changed(path: str, value: Any) -> dict[str, Any]:
    raw = copy.deepcopy(GOOD)
    at = raw
    *keys, last = path.split(".")
    for key in keys:
        at = at.setdefault(key, {})
    at[last] = value
    return raw


@pytest.mark.parametrize(("path", "value", "says"), [
    ("periods.hours.peak", [[8, 11]], "periods, month 1, workday: 11:00 belongs to no period"),
    ("periods.hours.peak", [[8, 13]], "periods, hours: 12:00 belongs to peak and to flat"),
    ("periods.hours.peak", [[8, 25]], r"peak \[8, 25\] is no span of hours"),
    ("periods.exceptions", [{"months": [13], "hours": {"peak": [[1, 2]]}}], "exception 1: months are 1 to 12"),
    ("periods", "nowhere.yaml", "there is no file nowhere.yaml beside the tariff"),
    ("periods", 7, "periods: expected hours"),
    ("energy.prices", {"peak": 1.0, "flat": 0.6}, r"G\), energy: valley has no price"),
    ("energy.prices", {"peak": "dear", "flat": 0.6, "valley": 0.3}, "peak is 'dear', expected a number of at least 0"),
    ("energy.tier_unit", "therm", "tier_unit is 'therm'"),
    ("energy.tiers", {"peak": [[100, 1], [90, 2], [None, 3]]}, "tiers of peak, tier 2: begins at 90, but the tier before ends at 100: they overlap"),
    ("energy.tiers", {"peak": [{"to": 100, "price": 1}, {"from": 90, "to": 200, "price": 2}, {"from": 200, "price": 3}]}, "tier 2: begins at 90, .* they overlap"),
    ("energy.tiers", {"peak": [{"to": 100, "price": 1}, {"from": 110, "price": 2}]}, "begins at 110, the tier before ends at 100: close the gap"),
    ("energy.tiers", {"peak": [[100, 1]]}, "nothing is said above 100"),
    ("energy.tiers", {"peak": [[None, "x"]]}, "tier 1: price is 'x'"),
    ("energy.seasons", [{"months": [0], "prices": {"peak": 1, "flat": 1, "valley": 1}}], "season 1: month 0 is not 1 to 12"),
    ("steps", {"per": "week", "tiers": [[None, 1]]}, "steps: per is 'week'"),
    ("steps", {"tiers": [[200, 1], [100, 2], [None, 3]]}, r"G\), steps, tier 2: begins at 100"),
    ("basic.capacity_yuan_per_kva", 26, "basic: give one of"),
    ("basic.tolerance", 0.9, "tolerance is 0.9, expected a number of at least 1"),
    ("basic.high_use", {"kwh_per_kva": 260}, "high_use: multiple is None"),
    ("basic.price", 3, "basic: unknown key 'price'"),
    ("demand", [{"prices": {"all": 3}, "ratchet": {"share": 1.5}}], "demand 1, ratchet: give one share"),
    ("demand", [{"prices": {"all": 3}, "unit": "hp"}], "demand 1: unit is 'hp'"),
    ("power_factor", {"standard": 0.88}, "power_factor: standard is 0.88"),
    ("power_factor", {"base": ["levy"]}, r"base is \['levy'\]"),
    ("funds", [{"yuan_per_kwh": None}], "funds 1: yuan_per_kwh is None"),
    ("fixed", [{"amount": 3, "per": "week"}], "fixed 1: per is 'week'"),
    ("effective_from", "soon", "effective_from is 'soon', expected a day"),
    ("changes", {"basic": "daily"}, "changes: basic is 'daily'"),
    ("colour", "red", "unknown key 'colour'"),
    ("id", None, "id is missing"),
])  # fmt: skip
def test_what_is_wrong_is_named_with_rule_and_place(path: str, value: Any, says: str) -> None:
    with pytest.raises(TariffError, match=says):
        Tariff.from_dict(changed(path, value))


def test_dates_in_the_wrong_order_are_refused() -> None:
    import datetime as dt

    raw = GOOD | {"effective_from": dt.date(2025, 1, 1), "effective_to": dt.date(2024, 1, 1)}
    with pytest.raises(TariffError, match="effective_from 2025-01-01 is after effective_to 2024-01-01"):
        Tariff.from_dict(raw)


def test_files_that_are_no_tariff(tmp_path: Path) -> None:
    with pytest.raises(TariffError, match="does not exist; tariffs are YAML files"):
        Tariff.read(tmp_path / "x.yaml")
    for content, says in ((b"- 1\n- 2\n", "expected keys such as id"), (b"a: [1\n", r"bad.yaml, line \d"), ("名: 价".encode("gb18030"), "UTF-8")):  # fmt: skip
        (tmp_path / "bad.yaml").write_bytes(content)
        with pytest.raises(TariffError, match=says):
            Tariff.read(tmp_path / "bad.yaml")


def test_periods_of_a_season_lay_over_the_others() -> None:
    raw = changed("periods.exceptions", [{"months": [7], "hours": {"sharp": [[10, 11]]}}])
    raw["energy"]["prices"]["sharp"] = 2.0
    rule = Tariff.from_dict(raw)
    assert rule.energy.periods.names == ("sharp", "peak", "flat", "valley")
    assert rule.bill([1.0] * 24, "2025-07-01", 60, contract_kw=10).by_month()["energy"].tolist() == [2 + 3 + 6 + 3]
    assert "Jul: sharp (10–11) 2 yuan/kWh" in rule.describe("en") and "7 月：尖峰" in rule.describe("zh")
