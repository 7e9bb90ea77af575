"""Killed, stopped, out of space, run twice: what was there before stays, nothing half-made appears."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import labkit
from labkit import intake
from labkit.store import Manifest

from ..labkit.intake.conftest import Folder

CODE = "import sys; from labkit.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def exports(tmp_path: Path) -> Folder:
    """Enough readings that an intake takes a while."""
    folder = Folder(tmp_path / "exports")
    hours = np.arange("2025-01-01", "2025-07-01", dtype="datetime64[h]").astype(str)
    rows = [
        f"{customer},{hour.replace('T', ' ')}:00:00,1.25" for customer in ("0001", "0002", "0003") for hour in hours
    ]
    folder.write("readings.csv", "customer_id,ts,kwh\n" + "\n".join(rows) + "\n")
    return folder


def start(exports: Folder, out: Path, **more: object) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", CODE, "intake", str(exports.path), "--out", str(out)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)  # type: ignore[call-overload]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_at_any_moment_the_earlier_store_is_whole(exports: Folder, tmp_path: Path, sent: signal.Signals) -> None:
    out = tmp_path / "store"
    intake.intake(exports.path, out)
    before = Manifest.read(out).digest
    exports.append("readings.csv", "0001,2025-08-01 00:00:00,1")
    rng = np.random.default_rng(1)
    finished = 0
    for delay in rng.uniform(1.0, 3.5, 6):
        with start(exports, out) as process:
            time.sleep(delay)
            os.kill(process.pid, sent)
            process.communicate(timeout=30)
        finished += process.returncode == 0
        with labkit.open(out) as lab:  # verifies every file
            assert lab.manifest.digest == before or finished or lab.period[1] == "2025-08-01"
    if sent is signal.SIGKILL:  # what a kill leaves, the next run sweeps
        intake.intake(exports.path, out)
    assert {p.name for p in tmp_path.iterdir()} == {"exports", "store"}


def test_two_runs_at_once_leave_one_whole_store(exports: Folder, tmp_path: Path) -> None:
    out = tmp_path / "store"
    with start(exports, out) as first, start(exports, out) as second:
        codes = {first.wait(timeout=60), second.wait(timeout=60)}
    assert 0 in codes
    with labkit.open(out) as lab:
        assert lab.manifest.tables["readings"].rows == 3 * 181
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_no_space_left_is_said_and_leaves_nothing(exports: Folder, tmp_path: Path) -> None:
    out = tmp_path / "store"
    intake.intake(exports.path, out)
    before = Manifest.read(out).digest
    exports.append("readings.csv", "0001,2025-08-01 00:00:00,1")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    with start(exports, out, preexec_fn=limit) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in said and "File too large" in said
    with labkit.open(out) as lab:
        assert lab.manifest.digest == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C", "TZ": "America/Los_Angeles"}, {"LC_ALL": "C.UTF-8", "TZ": "Asia/Shanghai", "PYTHONHASHSEED": "7"}],
    ids=["C", "Shanghai"],
)
def test_same_bytes_whatever_clock_and_locale(exports: Folder, tmp_path: Path, environment: dict[str, str]) -> None:
    intake.intake(exports.path, tmp_path / "here")
    with start(exports, tmp_path / "there", env=os.environ | environment) as process:
        assert process.wait(timeout=60) == 0
    assert Manifest.read(tmp_path / "here").digest == Manifest.read(tmp_path / "there").digest


def test_a_memory_limit_below_the_data_is_kept(sample: Path) -> None:
    from labkit import profiles

    with labkit.open(sample, memory_limit_mb=250) as lab:
        assert len(profiles.load_features(lab)) > 1500
