from __future__ import annotations

from pathlib import Path

import pytest

from labkit.report.run import Run, run_report


@pytest.fixture(scope="session")
def run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All notebooks on the sample, in both languages."""
    return run_report(sample, tmp_path_factory.mktemp("reports"), progress=False)
