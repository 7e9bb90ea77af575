"""Commands as a shell starts them, small data, and a look at what is left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import numpy as np
import pytest

from labkit.intake import intake

from ..labkit.intake.conftest import Folder

CELLS = (
    "import labkit\nfrom labkit import figures, report",
    "lab = labkit.open(data)\nday = lab.readings\nrows = lab.run(day.group_by('customer_id').agg(days=day.count()).order_by('customer_id'))",
    "count = report.finding('01.customers', len(rows), en='Customers', zh='客户数', unit=('', '户'), digits=0)",
    "report.answer(f'{count.told(language)}')",
    "ax = figures.plot_bars(list(rows['customer_id']), list(rows['days']), unit='d')\n"
    "report.show_figure(ax, title='Days', alt='Bars: each customer has 181 days of readings')",
    "report.show_table(lab.summary(), title='Tables', language=language, name='01_tables')",
)


@dataclass
class Commands:
    """Runs ``labkit`` commands in children of a process that has imported it (see nursery.py)."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Commands:
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.spill.mkdir()
        self.spill.chmod(0o777)
        quiet = {"TMPDIR": str(self.spill), "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
        environment = os.environ | quiet | dict(self.environment)
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert self._answer() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def spill(self) -> Path:
        """Where temporary files of the commands lie."""
        return self.folder / "temporary"

    def start(
        self, *arguments: object, notebooks: Path | None = None, limits: Mapping[str, int] | None = None,
        umask: int | None = None, cores: int | None = None, user: int | None = None,
    ) -> int:  # fmt: skip
        """Number of the process that runs a command."""
        asked = {
            "arguments": [str(argument) for argument in arguments], "folder": str(self.folder), "umask": umask,
            "notebooks": str(notebooks) if notebooks else None, "limits": dict(limits or {}), "cores": cores, "user": user,
        }  # fmt: skip
        return int(self._ask(asked))

    def end(self, process: int) -> tuple[int, str]:
        """Exit code and what was said, once the command has ended."""
        code, said = int(self._ask({"wait": process})), self.folder / f"said-{process}"
        return code, said.read_text(encoding="utf-8", errors="replace") if said.exists() else ""

    def run(self, *arguments: object, **how: object) -> tuple[int, str]:
        """Start a command and wait for its end."""
        return self.end(self.start(*arguments, **how))  # type: ignore[arg-type]

    def size_mb(self) -> int:
        """Address space of a command before its work [MB]."""
        said = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(said.partition("VmSize:")[2].split()[0]) // 1024

    def others(self) -> set[int]:
        """Commands and kernels that are still there: by what their environment says of temporary files."""
        found = set[int]()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.spill).encode() in (path / "environ").read_bytes():
                    found.add(int(path.name))
        return found - {self._process.pid}

    def wait_for_none(self, most_s: float) -> bool:
        """Whether all commands and kernels have ended within a time."""
        deadline = time.monotonic() + most_s
        while self.others() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.others()

    def _ask(self, asked: Mapping[str, object]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def content(folder: Path) -> dict[str, str]:
    """Every file below a folder with a digest of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def hidden(folder: Path) -> list[str]:
    """What is half-made in a folder."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    # Not below pytest's own folder, which only its owner may enter: some commands run as somebody else.
    with tempfile.TemporaryDirectory(prefix="labkit-faults-") as folder:
        Path(folder).chmod(0o755)
        with Commands(Path(folder) / "commands") as running:
            yield running


def make_exports(folder: Path, last: str = "2025-07-01") -> Path:
    """Three customers with readings from January on."""
    made = Folder(folder)
    hours = np.arange("2025-01-01", last, dtype="datetime64[h]").astype(str)
    rows = [
        f"{customer},{hour.replace('T', ' ')}:00:00,1.25" for customer in ("0001", "0002", "0003") for hour in hours
    ]
    made.write("readings.csv", "customer_id,ts,kwh\n" + "\n".join(rows) + "\n")
    return folder


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    return make_exports(tmp_path / "exports")


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the three customers."""
    folder = tmp_path_factory.mktemp("faults")
    intake(make_exports(folder / "exports"), folder / "store")
    return folder / "store"


def make_notebook(folder: Path, *cells: str) -> Path:
    """A folder with one quick notebook."""
    made = [
        nbformat.v4.new_markdown_cell("# How many are there?", metadata={"tags": ["lang-en"]}),
        nbformat.v4.new_markdown_cell("# 有多少客户？", metadata={"tags": ["lang-zh"]}),
        nbformat.v4.new_code_cell("data, language = '', 'en'", metadata={"tags": ["parameters"]}),
        *(nbformat.v4.new_code_cell(cell) for cell in cells or CELLS),
    ]
    folder.mkdir(exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=made, metadata={"labkit": {"reuse": True}})
    nbformat.write(notebook, folder / "01_quick.ipynb")
    return folder


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    return make_notebook(tmp_path / "notebooks")
