"""Shared by all tests, doctests and notebooks."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent


def pytest_collectstart(collector: Any) -> None:
    """Kernels write progress and font notices to stderr; only results are compared."""
    if getattr(collector, "path", Path()).suffix == ".ipynb":
        collector.skip_compare += ("stderr",)


def pytest_configure(config: pytest.Config) -> None:
    """Notebooks cite each other's findings: those committed to begin with, those of this session once found."""
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
