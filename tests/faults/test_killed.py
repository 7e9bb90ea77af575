"""kill -9 at random moments: what was published is whole, the old or the new; the next run sweeps what was left."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .conftest import Commands, content, hidden, make_exports

#: Of each command; LABKIT_FAULT_MOMENTS=200 looks closer.
MOMENTS = int(os.environ.get("LABKIT_FAULT_MOMENTS", "20"))
#: After so many kills a run is left to its end.
LEFT_ALONE = 5


def measure(work: Callable[[], tuple[int, str]]) -> float:
    """Seconds of a run that nobody disturbs."""
    began = time.monotonic()
    code, said = work()
    assert code == 0, said
    return time.monotonic() - began


def kill_after(commands: Commands, process: int, delay: float) -> None:
    time.sleep(delay)
    os.kill(process, signal.SIGKILL)
    commands.end(process)


def test_killed_intake_leaves_a_whole_store(commands: Commands, tmp_path: Path) -> None:
    out = tmp_path / "out" / "store"
    sources = [make_exports(tmp_path / "a"), make_exports(tmp_path / "b", "2025-07-02")]
    whole, lengths = [], []
    for source in sources:
        lengths.append(measure(lambda source=source: commands.run("intake", source, "--out", out)))  # type: ignore[misc]
        whole.append(content(out))
    there, seen = 1, []
    for number, delay in enumerate(np.random.default_rng(1).uniform(0, min(lengths), MOMENTS), 1):
        kill_after(commands, commands.start("intake", sources[1 - there], "--out", out), delay)
        seen.append(whole.index(content(out)))  # one of the two, byte for byte
        there = seen[-1]
        if number % LEFT_ALONE == 0:
            assert commands.run("intake", sources[1 - there], "--out", out)[0] == 0
            there = 1 - there
            assert content(out) == whole[there]
            assert hidden(out.parent) == [] and list(commands.spill.iterdir()) == []
    assert len(seen) == MOMENTS


def test_killed_report_leaves_a_whole_run_or_none(
    commands: Commands, small_store: Path, notebooks: Path, tmp_path: Path
) -> None:
    out = tmp_path / "reports"

    def start() -> int:
        return commands.start("report", "--data", small_store, "--out", out, "--no-progress", notebooks=notebooks)

    length = measure(lambda: commands.end(start()))
    whole = content(out)
    kept = shutil.copytree(out, tmp_path / "kept")
    for number, delay in enumerate(np.random.default_rng(2).uniform(0, length, MOMENTS), 1):
        for run in out.glob("run-*"):
            shutil.rmtree(run)
        first = number % 2 == 0  # in half of the cases there is no earlier run
        if not first:
            shutil.copytree(kept, out, dirs_exist_ok=True)
        kill_after(commands, start(), delay)
        published = {name: digest for name, digest in content(out).items() if not name.startswith(".")}
        assert published == whole or (first and not published)
        assert commands.wait_for_none(15), "kernels end with the run that started them"
        if number % LEFT_ALONE == 0:
            code, said = commands.end(start())
            assert code == 0, said
            assert content(out) == whole
            assert hidden(out) == [] and list(commands.spill.iterdir()) == []
