"""The layout of Ausgrid's solar homes: three categories, ends of half-hours, dates with the day first."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import labkit
from labkit.intake.findings import IntakeError
from labkit.intake.formats.ausgrid import FIRST, SLOTS, intake_ausgrid

TITLE = "2012-2013 Solar home electricity data - Before using this data, please read the notes" + "," * 53
HEAD = ",".join([*FIRST, *SLOTS, "Row Quality"])


def row(home: int, category: str, date: str, kwh: float, quality: str = "") -> str:
    return ",".join([str(home), "3.78", "2076", category, date, *[f"{kwh:.3f}"] * 47, "0.009", quality])


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\r\n".join([TITLE, HEAD, *rows, ""]), encoding="utf-8", newline="")
    return path


def test_consumption_is_gc_with_cl_and_generation_stays_out(tmp_path: Path) -> None:
    rows = [row(1, "GC", "1/07/2012", 0.2), row(1, "CL", "1/07/2012", 0.5), row(1, "GG", "1/07/2012", 0.9, "NA")]
    rows += [row(2, "CL", "2-Jul-12", 0.4), row(2, "GC", "2-Jul-12", 0.1), row(2, "GG", "2-Jul-12", 0.9)]
    result = intake_ausgrid(write(tmp_path / "2012.csv", rows), tmp_path / "store")
    assert {f.rule: f.rows for f in result.findings} == {
        "readings.category.generation": 2, "readings.category.controlled_load": 2, "readings.category.quality": 1,
    }  # fmt: skip
    with labkit.open(tmp_path / "store") as lab:
        days = lab.run(lab.readings.order_by("customer_id"))
        people = lab.run(lab.customers)
    assert days["day"].astype(str).str[:10].tolist() == ["2012-07-01", "2012-07-02"]
    # 0:30 is the end of the first half-hour, 0:00 the end of the last one of the same day.
    assert (
        days["p00"].tolist() == [700, 500]
        and days["p47"].tolist() == [18, 18]
        and days["interval_min"].tolist() == [30, 30]
    )
    assert people["area_id"].tolist() == ["2076", "2076"] and set(people["customer_class"]) == {"residential"}


def test_odd_rows_are_set_aside_with_their_line(tmp_path: Path) -> None:
    rows = [
        row(1, "GC", "1/07/2012", 0.2), row(1, "XX", "1/07/2012", 0.2), row(1, "CL", "3/07/2012", 0.2),
        row(1, "GC", "31/02/2012", 0.2), row(1, "GC", "4/07/2012", -0.2), row(1, "GC", "5/07/2012", 0.2).replace("0.009", "n/a"),
        row(1, "CL", "1/07/2012", 0.3), row(1, "CL", "1/07/2012", 0.4),
    ]  # fmt: skip
    result = intake_ausgrid(write(tmp_path / "2012.csv", rows), tmp_path / "store")
    aside = result.quarantine["readings"]
    assert dict(zip(aside["line"], aside["rules"])) == {
        4: "readings.category.known", 5: "readings.category.alone", 6: "readings.day.type", 7: "readings.slots.range",
        8: "readings.slots.type", 10: "readings.category.twice",
    }  # fmt: skip
    with labkit.open(tmp_path / "store") as lab:
        assert lab.run(lab.readings)["p00"].tolist() == [500]


def test_a_spoilt_controlled_load_leaves_its_slot_empty(tmp_path: Path) -> None:
    rows = [row(1, "GC", "1/07/2012", 0.2), row(1, "CL", "1/07/2012", 0.5).replace("0.009", "-1")]
    result = intake_ausgrid(write(tmp_path / "2012.csv", rows), tmp_path / "store")
    assert result.quarantine["readings"]["line"].tolist() == [4]
    with labkit.open(tmp_path / "store") as lab:
        (day,) = lab.run(lab.readings).to_dict("records")
    assert day["p46"] == 700 and pd.isna(day["p47"])


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{TITLE}\n{HEAD.replace('0:30', '0:15')}\n")
    with pytest.raises(IntakeError, match=r"a\.csv:2: expected the half-hours"):
        intake_ausgrid(tmp_path / "a.csv", tmp_path / "store")
    (tmp_path / "b.csv").write_text("x,y\n1,2\n")
    with pytest.raises(IntakeError, match="not the layout of Ausgrid"):
        intake_ausgrid(tmp_path / "b.csv", tmp_path / "store")
