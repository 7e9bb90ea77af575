"""The layout of the CER trial: codes for times, days when clocks change, lines that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

import labkit
from labkit.intake.findings import IntakeError
from labkit.intake.formats.cer import intake_cer

#: 25 October 2009 is day 298, clocks went back; 28 March 2010 is day 452, they went forward.
DAYS = [(297, 48), (298, 50), (299, 48), (452, 46), (453, 48)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two meters in two files, energy of a half-hour is its code's last two digits in Wh."""
    path = tmp_path / "cer"
    path.mkdir()
    for number, meter in ((1, 1392), (2, 1951)):
        lines = [f"{meter} {day}{code:02d} {code / 1000:.3f}\r\n" for day, last in DAYS for code in range(1, last + 1)]
        (path / f"File{number}.txt").write_bytes("".join(lines).encode())
    return path


def test_codes_become_local_half_hours(folder: Path, tmp_path: Path) -> None:
    result = intake_cer(folder, tmp_path / "store")
    files = [c for c in result.counts if c.table == "readings"]
    assert [(c.file, c.read, c.good, c.quarantined) for c in files] == [
        ("File1.txt", 240, 238, 2),
        ("File2.txt", 240, 238, 2),
    ]
    with labkit.open(tmp_path / "store") as lab:
        assert lab.run(lab.customers)["customer_id"].tolist() == ["1392", "1951"]
        rows = lab.run(lab.readings.filter(lab.readings.customer_id == "1392")).set_index("day")
    rows.index = rows.index.astype(str).str[:10]
    assert rows.loc["2009-10-24", "p00"] == 1 and rows.loc["2009-10-24", "p47"] == 48
    # The long day: 01:30 is kept from its first pass, what follows has moved on by two codes.
    assert (
        rows.loc["2009-10-25", "p03"] == 4
        and rows.loc["2009-10-25", "p04"] == 7
        and rows.loc["2009-10-25", "p47"] == 50
    )
    # The short day: the hour from 01:00 does not exist.
    assert rows.loc["2010-03-28", ["p02", "p03"]].isna().all() and rows.loc["2010-03-28", "p04"] == 3


def test_what_is_no_half_hour_is_set_aside_with_its_line(folder: Path, tmp_path: Path) -> None:
    with (folder / "File1.txt").open("a") as file:
        file.write(
            "1392 45247 0.1\n1392 29700 0.1\n1392 29751 0.1\n1392 2991 0.1\n1392 30001 x\n1392 30002 -1\n1392 30003\n"
        )
    result = intake_cer(folder, tmp_path / "store")
    rows = result.quarantine["readings"].query("file == 'File1.txt'")
    assert rows["line"].tolist() == [53, 54, 241, 242, 243, 244, 245, 246, 247]
    assert rows["rules"].tolist() == [
        *["readings.ts.repeated_hour"] * 2, *["readings.ts.code"] * 4,
        "readings.kwh.type", "readings.kwh.range", "readings.line.readable",
    ]  # fmt: skip
    assert rows["original"].iloc[2] == "1392 45247 0.1"


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "File1.txt").write_text("meter,code,kwh\n")
    with pytest.raises(IntakeError, match=r"File1\.txt:1: not the layout of the CER trial"):
        intake_cer(tmp_path / "File1.txt", tmp_path / "store")
    (tmp_path / "empty").mkdir()
    with pytest.raises(IntakeError, match=r"holds no \.txt file"):
        intake_cer(tmp_path / "empty", tmp_path / "store")
    assert not (tmp_path / "store").exists()
