"""A place taken by a finished folder: whole at every moment, and swept by the next run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.store import swap, swap_in, sweep_unfinished


def make(folder: Path, content: str) -> Path:
    folder.mkdir()
    (folder / "what.txt").write_text(content, encoding="utf-8")
    return folder


def content(folder: Path) -> str:
    return (folder / "what.txt").read_text(encoding="utf-8")


@pytest.fixture
def dead() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize("in_one_step", [True, False])
def test_the_new_takes_the_place_of_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool) -> None:
    if not in_one_step:
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    for text in ("first", "second"):
        swap_in(make(tmp_path / "work", text), tmp_path / "store")
        assert content(tmp_path / "store") == text
        assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges two names in one step")
def test_no_moment_without_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "store", "old")

    def never(*names: object) -> None:
        raise AssertionError("a kill between two renames would leave nothing there")

    monkeypatch.setattr(os, "rename", never)
    swap_in(make(tmp_path / "work", "new"), tmp_path / "store")
    assert content(tmp_path / "store") == "new"


def test_the_next_run_puts_back_what_a_kill_left_aside(tmp_path: Path, dead: int) -> None:
    make(tmp_path / f".store.replaced-{dead}", "old")
    sweep_unfinished(tmp_path, ".store.writing-")
    assert content(tmp_path / "store") == "old"


def test_the_next_run_sweeps_what_a_kill_left_over(tmp_path: Path, dead: int) -> None:
    make(tmp_path / "store", "new")
    make(tmp_path / f".store.replaced-{dead}", "old")
    make(tmp_path / f".store.writing-{dead}", "half")
    make(tmp_path / ".store.writing-1", "of another run")
    sweep_unfinished(tmp_path, ".store.writing-")
    assert content(tmp_path / "store") == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"store", ".store.writing-1"}


def test_what_cannot_be_put_in_place_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "store", "old")
    work, rename = make(tmp_path / "work", "new"), os.rename

    def refuse(one: Path, other: Path) -> None:
        if Path(one).name == "work":
            raise PermissionError(13, "Permission denied")
        rename(one, other)

    monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(PermissionError):
        swap_in(work, tmp_path / "store")
    assert content(tmp_path / "store") == "old"
    with pytest.raises(PermissionError):
        swap_in(work, tmp_path / "elsewhere")
    assert {path.name for path in tmp_path.iterdir()} == {"store", "work"}


def test_between_two_renames_the_old_lies_where_the_next_run_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "store", "old")
    seen: list[set[str]] = []
    rename = os.rename

    def look(one: Path, other: Path) -> None:
        rename(one, other)
        seen.append({path.name for path in tmp_path.iterdir()})

    monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    monkeypatch.setattr(os, "rename", look)
    swap_in(make(tmp_path / "work", "new"), tmp_path / "store")
    assert seen[0] == {f".store.replaced-{os.getpid()}", "work"}
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_is_another_runs_or_nobodys_stays(tmp_path: Path, dead: int) -> None:
    names = {
        ".store.replaced-1",
        ".store.writing-1",
        ".store.writing-",
        ".store.writing-mine",
        ".store.replaced-x",
        ".replaced-7",
    }
    for name in names:
        make(tmp_path / name, "not ours")
    make(tmp_path / f".a.b.replaced-{dead}", "with a dot")
    make(tmp_path / f".store.writing-{os.getpid()}", "of ourselves, broken off")
    sweep_unfinished(tmp_path, ".store.writing-")
    assert {path.name for path in tmp_path.iterdir()} == names | {"a.b"}


def test_a_system_that_cannot_exchange_two_names_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make(tmp_path / "one", "1"), make(tmp_path / "other", "2")
    assert not swap._exchange(one, tmp_path / "nothing")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not swap._exchange(one, other)
    assert (content(one), content(other)) == ("1", "2")


@pytest.mark.parametrize("in_one_step", [True, False])
def test_another_run_may_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool) -> None:
    if not in_one_step:
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    rename, late = os.rename, []

    def rename_late(source: Path, target: Path) -> None:
        if not late and target.name == "store":  # just before, the other run puts its own there
            late.append(make(tmp_path / "store", "theirs"))
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename_late)
    swap_in(make(tmp_path / "work", "ours"), tmp_path / "store")
    assert late and content(tmp_path / "store") == "ours"
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
