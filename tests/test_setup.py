"""What a fresh machine may lack is said in one sentence each."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "dirname", "mktemp", "rm", "grep", "sed", "tail", "touch", "mkdir", "cat", "chmod")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout and a PATH without any Python."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    (tmp_path / "project" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "setup.sh", tmp_path / "project" / ".ci")
    shutil.copy(ROOT / "requirements.lock", tmp_path / "project")
    return tmp_path


def set_up(machine: Path, python: str = "") -> tuple[int, str]:
    if python:
        path = machine / "bin" / "python3"
        path.write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
        path.chmod(0o755)
    done = subprocess.run(
        ["sh", str(machine / "project" / ".ci" / "setup.sh")],
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


IS_NEW = 'case "$*" in *version_info*) exit 0;; esac'


def test_no_python_and_an_old_one(machine: Path) -> None:
    for python in ("", "exit 1"):
        code, said = set_up(machine, python)
        assert code == 1
        assert said == (
            "setup: Python 3.11 or newer is needed and was not found; "
            "install it, or name it: make setup PYTHON=/path/to/python3.12\n"
        )


def test_venv_without_its_package(machine: Path) -> None:
    code, said = set_up(machine, f'{IS_NEW}\necho "ensurepip is not available" >&2; exit 1')
    assert code == 1 and said.count("\n") == 1 and "apt-get install python3-venv" in said
    assert not (machine / "project" / ".venv").exists()


def test_no_network(machine: Path) -> None:
    inner = "#!/bin/sh\\necho ERROR: Failed to establish a new connection: Temporary failure in name resolution >&2\\nexit 1\\n"
    fake = f'{IS_NEW}\nmkdir -p .venv/bin; printf "{inner}" > .venv/bin/python; chmod +x .venv/bin/python'
    code, said = set_up(machine, fake)
    assert code == 1 and said.count("\n") == 1 and "check the network" in said
    assert not (machine / "project" / ".venv" / ".ready").exists()
