"""Shared by all tests, doctests and notebooks."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent
#: Under `make test` a worker takes files one by one, a notebook or a file whole. Files of one of these
#: folders go together, because their tests share what is costly to make: a run of the report, Spark.
TOGETHER = ("tests/labkit/report/", "tests/labkit/engine/")
#: They do without it.
APART = ("tests/labkit/report/test_run.py", "tests/labkit/engine/test_duckdb.py")
#: Longest first, so that both workers end together; the rest follows.
LONGEST = (*TOGETHER, "notebooks/", *APART, "tests/labkit/loyalty/", "tests/faults/")


def pytest_collectstart(collector: Any) -> None:
    """Kernels write progress and font notices to stderr; only results are compared."""
    if getattr(collector, "path", Path()).suffix == ".ipynb":
        collector.skip_compare += ("stderr",)


def pytest_configure(config: pytest.Config) -> None:
    """Notebooks cite each other's findings: those committed to begin with, those of this session once found."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each worker has a core: more threads of linear algebra would only wait for each other.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    from labkit.findings import FINDINGS_VARIABLE, keep_finding
    from labkit.report.saved import read_committed
    from labkit.store import Manifest

    store = ROOT / "data" / "sample"
    if (store / "manifest.json").is_file():
        folder = tempfile.TemporaryDirectory(prefix="labkit-findings-")
        config.add_cleanup(folder.cleanup)
        for item in read_committed(Manifest.read(store)).values():
            keep_finding(item, Path(folder.name))
        os.environ[FINDINGS_VARIABLE] = folder.name


def _together(nodeid: str) -> str:
    """What one worker does in one go."""
    file = nodeid.split("::")[0]
    return file if file in APART else next((folder for folder in TOGETHER if file.startswith(folder)), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers take the longest first."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        groups = [_together(item.nodeid) for item in items]
        places = {g: next((i for i, start in enumerate(LONGEST) if g.startswith(start)), len(LONGEST)) for g in groups}
        items.sort(key=lambda item: places[_together(item.nodeid)])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files go to workers whole, and some folders too. (``--dist loadgroup`` does not work with pytest 9.2.)"""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _together(nodeid)

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def sample() -> Path:
    """The sample utility of 2,000 customers, as `make` has made it."""
    folder = ROOT / "data" / "sample"
    if not (folder / "manifest.json").is_file():
        pytest.fail("data/sample is missing: run the tests with `make test`")
    return folder


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample of 120 customers."""
    from labkit.sample import make_sample

    folder = tmp_path_factory.mktemp("small") / "store"
    make_sample(folder, customers=120, seed=7)
    return folder
