"""DuckDB beside Spark of this machine: the same features of the same store, the time of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import labkit
from labkit import profiles
from labkit.lab import Lab
from tests.benchmarks.peers import Beside


def compare_engines(store: Path, engine: str = "spark") -> Beside:
    """Load features of a store by either engine, both warm; results are the same to the last bit."""
    with labkit.open(store) as duck, labkit.open(store, engine=engine, verify=False) as spark:
        expected, ours = time_second(profiles.load_features, duck)
        found, theirs = time_second(profiles.load_features, spark)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    return Beside(
        f"load features of the store {store.name}, DuckDB beside Spark of this machine", ours, theirs, 0.0, 0, 0
    )


def time_second(work: Callable[[Lab], pd.DataFrame], lab: Lab) -> tuple[pd.DataFrame, float]:
    """Result, and milliseconds of the second time: the first one starts and compiles."""
    work(lab)
    started = time.perf_counter()
    found = work(lab)
    return found, (time.perf_counter() - started) * 1000
