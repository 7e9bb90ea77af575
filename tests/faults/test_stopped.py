"""Ctrl-C and SIGTERM end a command at once, and nothing is published."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from .conftest import Commands, content, hidden, make_exports, make_notebook

STOPPED = "stopped; nothing was published"
SIGNALS = [signal.SIGINT, signal.SIGTERM]


def assert_stops_at(
    commands: Commands, start: Callable[[], int], moments: list[float], sent: signal.Signals, same: Callable[[], bool]
) -> None:
    """Stops runs after some seconds; the first that ends by itself ends this too."""
    took: list[float] = []
    for delay in sorted(moments):
        process = start()
        time.sleep(delay)
        began = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, sent)
        code, said = commands.end(process)
        if code == 0 and took:
            break  # a quicker run than the one that was measured
        took.append(time.monotonic() - began)
        assert code == 130 and said.rstrip().endswith(STOPPED) and "Traceback" not in said, said
        assert same() and commands.wait_for_none(15), "a kernel goes on"
        assert list(commands.spill.iterdir()) == []
    # Nothing is waited for. That it takes less than a second is a matter of `make bench`: here other tests run beside it.
    assert max(took) <= 20, took


def moments_of(work: Callable[[], tuple[int, str]], seed: int, number: int = 3) -> list[float]:
    """Moments within a run that nobody disturbs, not so late that a quicker one would have ended."""
    began = time.monotonic()
    code, said = work()
    assert code == 0, said
    length = time.monotonic() - began
    return list(np.random.default_rng(seed).uniform(0.1 * length, 0.6 * length, number))


@pytest.mark.parametrize("sent", SIGNALS)
def test_intake(commands: Commands, tmp_path: Path, sent: signal.Signals) -> None:
    out = tmp_path / "out" / "store"
    before, after = make_exports(tmp_path / "a"), make_exports(tmp_path / "b", "2025-12-01")
    assert commands.run("intake", before, "--out", out)[0] == 0
    whole = content(out.parent)
    moments = moments_of(lambda: commands.run("intake", after, "--out", tmp_path / "measured"), sent)
    assert_stops_at(
        commands,
        lambda: commands.start("intake", after, "--out", out),
        moments,
        sent,
        lambda: content(out.parent) == whole,
    )


@pytest.mark.parametrize("sent", SIGNALS)
def test_report(commands: Commands, small_store: Path, notebooks: Path, tmp_path: Path, sent: signal.Signals) -> None:
    def start(out: Path = tmp_path / "out") -> int:
        return commands.start("report", "--data", small_store, "--out", out, "--no-progress", notebooks=notebooks)

    moments = moments_of(lambda: commands.end(start(tmp_path / "measured")), sent, 4)
    assert_stops_at(commands, start, moments, sent, lambda: content(tmp_path / "out") == {})
    assert hidden(tmp_path / "out") == []


def test_report_in_the_middle_of_a_long_cell(commands: Commands, small_store: Path, tmp_path: Path) -> None:
    """One that neither Python nor a signal handler of the kernel would leave."""
    notebooks = make_notebook(
        tmp_path / "notebooks",
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass",
    )
    assert_stops_at(
        commands,
        lambda: commands.start(
            "report", "--data", small_store, "--out", tmp_path / "out", "--no-progress", notebooks=notebooks
        ),
        [4.0],
        signal.SIGINT,
        lambda: content(tmp_path / "out") == {},
    )


def test_lists(commands: Commands, sample: Path, tmp_path: Path) -> None:
    def start(out: Path = tmp_path / "out") -> int:
        about = ("--purpose", "to call them in May", "--key", tmp_path / "key")
        return commands.start("lists", "--data", sample, "--out", out, *about)

    moments = moments_of(lambda: commands.end(start(tmp_path / "measured")), 3, 4)
    lists = {f"{name}.{ending}" for name in ("vip", "bad_payers") for ending in ("csv", "xlsx")}
    assert set(content(tmp_path / "measured")) == lists
    for sent in SIGNALS:
        assert_stops_at(
            commands, start, moments[sent == signal.SIGINT :: 2], sent, lambda: not content(tmp_path / "out")
        )
