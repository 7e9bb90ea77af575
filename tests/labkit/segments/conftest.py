from __future__ import annotations

from pathlib import Path

import pytest

import labkit
from labkit.segments.shapes import Shapes, read_shapes


@pytest.fixture(scope="session")
def sample_shapes(sample: Path) -> Shapes:
    return read_shapes(labkit.open(sample, verify=False))
