"""US rates: monthly bills against NREL's PySAM, and fields that cannot be used."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labkit.tariffs import Tariff, TariffError

REFERENCE = json.loads(Path(__file__).with_name("pysam_reference.json").read_text(encoding="utf-8"))
#: The load the reference was computed for.
LOAD = [
    round(50 + 30 * max(0.0, math.sin(2 * math.pi * (h % 24 - 6) / 24)) * (1 + 0.3 * math.sin(2 * math.pi * h / 8760)) + (h * 7919 % 23), 4)
    for h in range(8760)
]  # fmt: skip


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["rate"]["label"])
def test_bills_equal_the_peer_month_by_month(case: dict[str, Any]) -> None:
    bill = Tariff.from_urdb(case["rate"]).bill(LOAD, "2018-01-01", 60)
    by_month, lines = bill.by_month(), bill.lines.groupby("month").size()
    # The peer does not round; ours differs by half a cent a line at most.
    for column, expected in (("total", case["total"]), ("energy", case["energy"]), ("demand", case["demand"])):
        room = 0.005 * lines.to_numpy() + 1e-4
        assert (np.abs(by_month[column].to_numpy() - expected) <= room).all(), column
    assert bill.currency == "USD" and bill.total == pytest.approx(sum(case["total"]), abs=0.2)


def rate(**more: Any) -> dict[str, Any]:
    base = {"label": "r", "energyratestructure": [[{"rate": 0.1}]], "energyweekdayschedule": [[0] * 24] * 12}
    return base | {"energyweekendschedule": [[0] * 24] * 12} | more


def test_rates_come_as_mapping_text_file_or_answer(tmp_path: Path) -> None:
    path = tmp_path / "rate.json"
    path.write_text(json.dumps({"items": [rate(startdate=1356998400, name="Small", utility="U")]}), encoding="utf-8")
    for given in (rate(), json.dumps(rate()), path, str(path)):
        assert Tariff.from_urdb(given).bill([1.0] * 24, "2018-01-01", 60).total == 2.4
    told = Tariff.from_urdb(path)
    assert "2013-01-01" in told.source and told.name.en == "Small" and told.region == "U"
    assert "Energy: 0.1 USD/kWh" in told.describe()


def test_fixed_and_least_charges_by_their_units() -> None:
    load = [1.0] * (24 * 59)
    by = (
        Tariff.from_urdb(rate(fixedchargefirstmeter=2, fixedchargeunits="$/day"))
        .bill(load, "2018-01-01", 60)
        .by_month()
    )
    assert by["fixed"].tolist() == [62, 56]
    by = (
        Tariff.from_urdb(rate(fixedchargefirstmeter=120, fixedchargeunits="$/year"))
        .bill(load, "2018-01-01", 60)
        .by_month()
    )
    assert by["fixed"].tolist() == [10, 10]
    by = Tariff.from_urdb(rate(mincharge=100, minchargeunits="$/month")).bill(load, "2018-01-01", 60).by_month()
    assert by["total"].tolist() == [100, 100]
    assert Tariff.from_urdb(rate(mincharge=300, minchargeunits="$/year")).bill(load, "2018-01-01", 60).total == 300


def test_fuel_adjustments_and_lookback() -> None:
    load = [100.0] * 744 + [10.0] * (24 * 28)
    told = rate(
        fueladjustmentsmonthly=[0.01] + [0.02] * 11, flatdemandstructure=[[{"rate": 5.0, "adj": 1.0}]],
        flatdemandmonths=[0] * 12, lookbackPercent=0.5, lookbackRange=3,
    )  # fmt: skip
    bill = Tariff.from_urdb(told).bill(load, "2018-01-01", 60)
    assert bill.by_month()["demand"].tolist() == [600, 300]
    assert bill.by_month()["funds"].tolist() == [744, 134.4]
    hours = rate(energyratestructure=[[{"rate": 0.2, "max": 100, "unit": "kWh/kW"}, {"rate": 0.1, "unit": "kWh/kW"}]])
    assert Tariff.from_urdb(hours).bill([10.0] * 744, "2018-01-01", 60).total == 1000 * 0.2 + 6440 * 0.1


def test_what_is_not_billed_is_said() -> None:
    bill = Tariff.from_urdb(rate(coincidentratestructure=[[{"rate": 3}]])).bill([1.0] * 24, "2018-01-01", 60)
    assert any("demand at the system's peak, which is not billed" in note.en for note in bill.notes)


@pytest.mark.parametrize(("given", "says"), [
    ({"label": "x"}, "URDB rate x: it has neither energyratestructure nor a demand structure"),
    ("{not json", "the rate is not JSON: line 1"),
    ("no_such_file.json", "no_such_file.json: not readable"),
    ([], "the answer holds 0 rates"),
    (rate(energyweekdayschedule=[[0] * 23] * 12), "energyweekdayschedule is not a table of 12 months x 24 hours"),
    (rate(energyweekdayschedule=[[0] * 24] * 11 + [[0] * 23 + [1]]), "month 12, hour 23 names period 1; the structure has periods 0 to 0"),
    (rate(energyratestructure=[[{"rate": 1, "max": 10}, {"rate": 2, "max": 10}, {"rate": 3}]]), "period 0, tier 2: max is 10, the tier before ends at 10: they overlap"),
    (rate(energyratestructure=[[{"rate": "a"}]]), "period 0, tier 1: rate is 'a', expected a number"),
    (rate(energyratestructure=[[{"rate": 1, "unit": "therm"}]]), "has units"),
    (rate(flatdemandstructure=[[{"rate": 1}]], flatdemandmonths=[3] * 12), "flatdemandmonths is"),
    (rate(flatdemandstructure=[[{"rate": 1}]], flatdemandunit="hp"), "flatdemandunit is 'hp'"),
    (rate(fixedchargefirstmeter=1, fixedchargeunits="$/week"), "expected \\$/month, \\$/day or \\$/year"),
])  # fmt: skip
def test_fields_that_cannot_be_used_are_named(given: Any, says: str) -> None:
    with pytest.raises(TariffError, match=says):
        Tariff.from_urdb(given)
