from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import labkit
from labkit.lab import Lab


@pytest.fixture(scope="session")
def sample_lab(sample: Path) -> Iterator[Lab]:
    with labkit.open(sample, verify=False) as lab:
        yield lab
