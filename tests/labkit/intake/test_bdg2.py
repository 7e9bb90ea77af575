"""The layout of Building Data Genome 2: a column a building, sites in several time zones."""

from __future__ import annotations

from pathlib import Path

import pytest

import labkit
from labkit.intake.findings import IntakeError
from labkit.intake.formats.bdg2 import intake_bdg2

METADATA = """building_id,site_id,primaryspaceusage,timezone
Panther_lodging_Dean,Panther,Lodging/residential,US/Eastern
Panther_office_Karla,Panther,Office,US/Eastern
Fox_food_Lulu,Fox,Food sales and service,US/Mountain
"""
HEAD = "timestamp,Panther_lodging_Dean,Panther_office_Karla,Fox_food_Lulu"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "bdg2"
    (path / "meters").mkdir(parents=True)
    (path / "metadata").mkdir()
    (path / "metadata" / "metadata.csv").write_text(METADATA)
    lines = [f"2016-01-{1 + h // 24:02d} {h % 24:02d}:00:00,{h}.5,{'' if h == 3 else h},0.1" for h in range(48)]
    (path / "meters" / "electricity.csv").write_text("\n".join([HEAD, *lines, ""]))
    return path


def test_a_column_is_a_building(folder: Path, tmp_path: Path) -> None:
    result = intake_bdg2(folder, tmp_path / "store")
    (count,) = (c for c in result.counts if c.table == "readings")
    assert (count.read, count.good) == (3 * 48 - 1, 3 * 48 - 1), "an empty cell is no reading"
    told = {f.rule: f.message_en for f in result.findings}
    assert "US/Eastern (2), US/Mountain (1)" in told["about.timezone.several"]
    with labkit.open(tmp_path / "store") as lab:
        people = lab.run(lab.customers).set_index("customer_id")
        days = lab.run(lab.readings).set_index("customer_id")
        assert lab.manifest.about.timezone == "US/Eastern"
    assert people["customer_class"].to_dict() == {
        "Panther_lodging_Dean": "residential",
        "Panther_office_Karla": "commercial",
        "Fox_food_Lulu": "commercial",
    }
    assert people.loc["Fox_food_Lulu", "area_id"] == "Fox"
    assert days.loc["Panther_lodging_Dean", "p01"].tolist() == [1500, 25_500]
    assert days.loc["Panther_office_Karla", "p03"].isna().tolist() == [True, False]


def test_a_bad_cell_costs_its_reading_and_no_other(folder: Path, tmp_path: Path) -> None:
    path = folder / "meters" / "electricity.csv"
    text = path.read_text().replace("10.5,10,0.1", "10.5,-10,oops").replace("2016-01-01 05:00:00", "2016-01-01 5 am")
    path.write_text(text + "2016-01-03 00:00:00,1\n")
    result = intake_bdg2(path, tmp_path / "store")
    (count,) = (c for c in result.counts if c.table == "readings")
    aside = result.quarantine["readings"]
    # Three cells of a time that is none, a negative one, a word, and a line cut short.
    assert (count.read, count.quarantined, count.good) == (144, 6, 138)
    assert aside["line"].tolist() == [7, 7, 7, 12, 12, 50]
    assert aside["original"].iloc[3] == "Panther_office_Karla,2016-01-01 10:00:00,-10"
    assert {f.first_line for f in result.findings if f.rule == "readings.kwh.range"} == {12}


def test_other_meters_and_pointers_are_refused(folder: Path, tmp_path: Path) -> None:
    meters = folder / "meters"
    (meters / "steam.csv").write_text(f"{HEAD}\n")
    with pytest.raises(IntakeError, match="hold no electricity used"):
        intake_bdg2(meters / "steam.csv", tmp_path / "store")
    (meters / "electricity.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(IntakeError, match="Git LFS pointer"):
        intake_bdg2(folder, tmp_path / "store")
    (meters / "electricity.csv").write_text("timestamp,A_b_C,A_b_C\n2016-01-01 00:00:00,1,2\n")
    with pytest.raises(IntakeError, match="in the header twice"):
        intake_bdg2(folder, tmp_path / "store")
