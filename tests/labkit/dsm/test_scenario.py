"""Scenarios: those that come along, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit import dsm
from labkit.dsm.scenario import FOLDER


def test_every_shape_prices_and_the_last_resort_have_a_scenario() -> None:
    known = dsm.read_scenarios()
    kinds = {p.kind for s in known.values() for p in s.programmes}
    assert len(known) >= 8
    assert kinds == {"clip", "fill", "shift", "conserve", "grow", "flexible", "time_of_use", "critical_peak", "orderly"}
    assert len(known["combined"].programmes) == 3
    levels = [
        dsm.warning_level(p.response["gap_share"], 1.0).id
        for s in known.values()
        for p in s.programmes
        if p.kind == "orderly"
    ]
    assert sorted(levels) == ["I", "III"]
    for scenario in known.values():
        assert scenario.name.zh and scenario.about.en and scenario.source


def test_numbers_can_be_changed_and_others_stay() -> None:
    scenario = dsm.read_scenarios()["clip_air_conditioning"]
    dearer = scenario.with_changes(incentive_yuan=500.0, discount_rate=0.1)
    assert dearer.programmes[0].incentive_yuan == 500 and dearer.discount_rate == 0.1 and scenario.discount_rate == 0.08
    assert dearer.programmes[0].response == scenario.programmes[0].response
    with pytest.raises(dsm.DsmError, match="a scenario has no price"):
        scenario.with_changes(price=1.0)


def test_a_programme_acts_in_its_months_and_hours() -> None:
    mask = dsm.read_scenarios()["grow_heat_pumps"].programmes[0].mask(pd.date_range("2025-01-01", "2025-12-31"))
    assert mask[0].tolist() == [h < 9 or h >= 21 for h in range(24)] and not mask[180].any()
    assert np.isclose(mask.any(axis=1).sum(), 31 + 28 + 30 + 31)


@pytest.mark.parametrize(("old", "new", "says"), [
    ("kind: clip", "kind: peak", "kind is 'peak'"),
    ("down_share: 0.20, ", "", "down_share is missing"),
    ("down_share: 0.20", "down_share: 1.20", "down_share: 1.2 is outside"),
    ("rebound: 0.4", "rebounds: 0.4", "unknown key 'rebounds'"),
    ("incentive_yuan: 120", "incentive_yuan: much", "incentive_yuan: 'much' is no number"),
    ("programmes:", "offers:", "unknown key 'offers'"),
])  # fmt: skip
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (FOLDER / "clip_air_conditioning.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "common.yaml").write_text((FOLDER / "common.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(dsm.DsmError, match=f"mine.yaml.*{says}"):
        dsm.read_scenario(tmp_path / "mine.yaml")
