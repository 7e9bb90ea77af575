"""Two runs into one place, and what dead and living runs have left there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .conftest import Commands, content, hidden


def test_two_intakes_at_once_leave_one_whole_store(commands: Commands, exports: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "store"
    assert commands.run("intake", exports, "--out", tmp_path / "alone" / "store")[0] == 0
    for _ in range(3):  # into an empty place at first, then over a store
        two = [commands.start("intake", exports, "--out", out) for _ in range(2)]
        assert [commands.end(one)[0] for one in two] == [0, 0]
        assert content(out) == content(tmp_path / "alone" / "store")
        assert hidden(out.parent) == [] and list(commands.spill.iterdir()) == []


def test_two_reports_at_once_leave_one_whole_run(
    commands: Commands, small_store: Path, notebooks: Path, tmp_path: Path
) -> None:
    def start(out: str) -> int:
        return commands.start(
            "report", "--data", small_store, "--out", tmp_path / out, "--no-progress", notebooks=notebooks
        )

    assert commands.end(start("alone"))[0] == 0
    two = [start("out"), start("out")]
    assert [commands.end(one)[0] for one in two] == [0, 0]
    assert content(tmp_path / "out") == content(tmp_path / "alone") != {}
    assert hidden(tmp_path / "out") == [] and list(commands.spill.iterdir()) == []


def test_what_the_dead_left_is_swept_and_what_the_living_use_is_not(
    commands: Commands, exports: Path, small_store: Path, notebooks: Path, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead, alive = process.pid, os.getpid()
    out, reports = tmp_path / "out", tmp_path / "reports"
    left = {
        owner: [
            out / f".store.writing-{owner}", reports / f".writing-{owner}", commands.spill / f"labkit-spill-{owner}-abc",
        ]
        for owner in (dead, alive)
    }  # fmt: skip
    for folder in (*left[dead], *left[alive]):
        folder.mkdir(parents=True)
        (folder / "half.parquet").write_bytes(b"PAR1")
    (out / f".old.replaced-{dead}").mkdir()  # killed between two renames, where a system cannot exchange two names
    assert commands.run("intake", exports, "--out", out / "store")[0] == 0
    code, said = commands.run("report", "--data", small_store, "--out", reports, "--no-progress", notebooks=notebooks)
    assert code == 0, said
    assert not any(folder.exists() for folder in left[dead]) and (out / "old").is_dir()
    assert all((folder / "half.parquet").is_file() for folder in left[alive])
    (left[alive][2] / "half.parquet").unlink()
    left[alive][2].rmdir()
