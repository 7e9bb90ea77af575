"""No room on the disk, a place that cannot be written, too little memory: a sentence, and nothing half-made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

import labkit
from labkit import cli

from .conftest import Commands, content, hidden, make_exports, make_notebook

Mount = Callable[[Path, str], Path]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts a file system of a given size, or a folder that can only be read; needs to be root, as CI is."""
    mounted: list[Path] = []

    def one(folder: Path, how: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        steps = (
            [["mount", "--bind", folder, folder], ["mount", "-o", "remount,ro,bind", folder]]
            if how == "read-only"
            else [["mount", "-t", "tmpfs", "-o", f"size={how}", "tmpfs", folder]]
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"cannot mount here: {done.stderr.strip()}")
            if folder not in mounted:
                mounted.append(folder)
        return folder

    yield one
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def assert_said(code: int, said: str, *words: str) -> None:
    assert code == 2 and "Traceback" not in said and said.splitlines()[-1].startswith("labkit: "), said
    assert any(word in said for word in words), said


NO_SPACE = ("No space left", "File too large")


@pytest.mark.parametrize("more", [0.2, 0.6, 0.9])
def test_a_full_disk_during_intake(
    commands: Commands, exports: Path, tmp_path: Path, mount: Mount, more: float
) -> None:
    assert commands.run("intake", exports, "--out", tmp_path / "measured")[0] == 0
    disk = mount(tmp_path / "disk", f"{int(size_of(tmp_path / 'measured') * (1.3 + more)) // 1024}k")
    assert commands.run("intake", exports, "--out", disk / "store")[0] == 0
    before = content(disk)
    code, said = commands.run("intake", make_exports(tmp_path / "more", "2025-07-05"), "--out", disk / "store")
    assert_said(code, said, *NO_SPACE)
    assert content(disk) == before and hidden(disk) == [] and list(commands.spill.iterdir()) == []


def test_no_room_for_temporary_files(
    commands: Commands, small_store: Path, notebooks: Path, exports: Path, tmp_path: Path, mount: Mount
) -> None:
    mount(commands.spill, "8k").chmod(0o777)
    code, said = commands.run("intake", exports, "--out", tmp_path / "out" / "store")
    assert_said(code, said, *NO_SPACE)
    assert not (tmp_path / "out" / "store").exists() and list(commands.spill.iterdir()) == []


def test_a_full_disk_during_a_report(
    commands: Commands, small_store: Path, notebooks: Path, tmp_path: Path, mount: Mount
) -> None:
    def run(out: Path) -> tuple[int, str]:
        return commands.run("report", "--data", small_store, "--out", out, "--no-progress", notebooks=notebooks)

    assert run(tmp_path / "measured")[0] == 0
    disk = mount(tmp_path / "disk", f"{int(size_of(tmp_path / 'measured') * 1.6) // 1024}k")
    assert run(disk)[0] == 0
    before = content(disk)
    assert_said(*run(disk), *NO_SPACE)
    assert content(disk) == before and hidden(disk) == [] and list(commands.spill.iterdir()) == []


@pytest.mark.parametrize("most", [5_000, 20_000])
def test_files_that_may_not_grow(commands: Commands, exports: Path, tmp_path: Path, most: int) -> None:
    out = tmp_path / "out" / "store"
    code, said = commands.run("intake", exports, "--out", out, limits={"RLIMIT_FSIZE": most})
    assert_said(code, said, *NO_SPACE)
    assert not out.exists() and list(commands.spill.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said_before_the_work(
    commands: Commands, small_store: Path, small_sample: Path, tmp_path: Path, mount: Mount
) -> None:
    begun = tmp_path / "begun"
    notebooks = make_notebook(tmp_path / "notebooks", f"open({str(begun)!r}, 'w').close()")
    spoilt = make_exports(tmp_path / "exports")
    (spoilt / "customers.csv").write_text("not,a,table\n", encoding="utf-8")  # would be said first, were it read first
    disk = mount(tmp_path / "disk", "read-only")
    for arguments in (
        ("intake", spoilt, "--out", disk / "store"),
        ("report", "--data", small_store, "--out", disk / "reports", "--no-progress"),
        ("report", "--data", small_store, "--out", disk, "--no-progress"),
        ("lists", "--data", small_sample, "--out", disk / "lists", "--purpose", "to call them in May", "--named"),
    ):
        code, said = commands.run(*arguments, notebooks=notebooks)
        assert_said(code, said, f"{disk}")
        assert "cannot be written to" in said and len(said.splitlines()) == 1
    assert not begun.exists() and list(disk.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else(commands: Commands, tmp_path: Path) -> None:
    source = commands.folder / "exports"
    make_exports(source)
    theirs = commands.folder / "theirs"
    theirs.mkdir(mode=0o755)
    nobody = 65534
    code, said = commands.run("intake", source, "--out", theirs / "store", user=nobody)
    assert_said(code, said, "cannot be written to")
    assert list(theirs.iterdir()) == []


@pytest.mark.parametrize("more_mb", [300, 4000])
def test_little_memory_leaves_a_whole_store(commands: Commands, exports: Path, tmp_path: Path, more_mb: int) -> None:
    out, more = tmp_path / "out" / "store", make_exports(tmp_path / "more", "2025-07-05")
    assert commands.run("intake", exports, "--out", out)[0] == 0
    before = content(out)
    limits = {"RLIMIT_AS": (commands.size_mb() + more_mb) << 20}
    code, said = commands.run("intake", more, "--out", out, limits=limits)
    if code == 2:
        assert_said(code, said, "memory", "Memory", "thread")
    elif code:  # the C library or the engine could not go on at all, which is as if it had been killed
        assert (code < 0 or code == 127) and "Traceback" not in said, said
    assert (content(out) == before) == bool(code)
    assert commands.run("intake", more, "--out", out)[0] == 0
    assert content(out) != before and hidden(out.parent) == [] and list(commands.spill.iterdir()) == []


@pytest.mark.parametrize("error", [MemoryError(), duckdb.OutOfMemoryException("failed to allocate 8 MB")])
def test_too_little_memory_is_said(
    exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(sys.modules["labkit.intake.check"], "take_readings", fail)
    code = cli.main(["intake", str(exports), "--out", str(tmp_path / "out" / "store")])
    assert_said(code, capsys.readouterr().err, "not enough memory", "failed to allocate")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_memory_limit_of_the_engine_below_the_data_is_kept(sample: Path) -> None:
    from labkit import profiles

    with labkit.open(sample, memory_limit_mb=250) as lab:
        assert len(profiles.load_features(lab)) > 1500
