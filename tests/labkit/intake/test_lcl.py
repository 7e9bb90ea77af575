"""The layout of Low Carbon London, its traps, and its trial verified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import dsm, profiles
from labkit.intake.findings import IntakeError
from labkit.intake.formats.lcl import intake_lcl

HEAD = "LCLid,stdorToU,DateTime,KWH/hh (per half hour) \r\n"
EFFECT = -0.08


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 households, 40 days around New Year 2013; half of them use 8 % less on the trial's days."""
    rng = np.random.default_rng(8)
    ends = pd.date_range("2012-12-12 00:30", periods=40 * 48, freq="30min")
    path = tmp_path_factory.mktemp("lcl") / "lcl.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEAD)
        for i in range(24):
            on = (ends - pd.Timedelta(minutes=30) >= "2013-01-01") & (i % 2 == 0)
            kwh = rng.lognormal(-1.5, 0.3, len(ends)) * np.where(on, 1 + EFFECT, 1.0)
            arm = "ToU" if i % 2 == 0 else "Std"
            file.writelines(
                f"MAC{i:06d},{arm},{ts:%Y-%m-%d %H:%M:%S}.0000000, {k:.3f} \r\n" for ts, k in zip(ends, kwh)
            )
        file.write("MAC000001,Std,2013-01-21 00:30:00.0000000,Null\r\n")
    return path


def test_the_trial_is_read_and_verified(published: Path, tmp_path: Path) -> None:
    result = intake_lcl(published, tmp_path / "store")
    assert sum(c.read for c in result.counts if c.table == "readings") == 24 * 40 * 48 + 1
    lab = labkit.open(tmp_path / "store")
    daily = lab.run(profiles.daily_energy(lab))
    # The label is the end of the half-hour: the first day is whole.
    assert str(daily["day"].min())[:10] == "2012-12-12" and (daily["readings_count"] == 48).mean() > 0.99
    arms = lab.run(lab.enrolments.select("customer_id", "arm"))
    assert arms["arm"].value_counts().to_dict() == {"treated": 12, "control": 12}
    found = dsm.difference_in_differences(daily.merge(arms, on="customer_id"), "2013-01-01", logs=True)
    assert found.effect.low < EFFECT < found.effect.high < 0 and found.holds


@pytest.mark.parametrize(("text", "says"), [
    ("id,arm,when,kwh\r\n", "expected the header LCLid"),
    (HEAD + "MAC1,Std,2013-01-01 00:30:00.0000000, 0.1 \r\nMAC1,ToU,2013-01-01 01:00:00.0000000, 0.1 \r\n", "as Std and as ToU"),
    (HEAD + "MAC1,Free,2013-01-01 00:30:00.0000000, 0.1 \r\n", "expected Std or ToU"),
    (HEAD + "MAC1,Std,2013-01-01 00:30:00.0000000\r\n", "3 columns where the header has 4"),
])  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "lcl.csv"
    path.write_bytes(text.encode())
    with pytest.raises(IntakeError, match=says):
        intake_lcl(path, tmp_path / "store")
    assert not (tmp_path / "store").exists()
