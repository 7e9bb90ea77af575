"""The checks of meter data find the same on Spark as on DuckDB, fault by fault."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import labkit
from labkit import vee
from labkit.lab import Lab
from tests.labkit.vee.cases import faulty_meters, write_store


def test_suspects_are_the_same(tmp_path: Path, spark: Lab) -> None:
    # Hours alone: what is asked of quarters is the same with more columns, and Spark compiles long plans slowly.
    meters = {name: meter for name, meter in faulty_meters(clean=1).items() if name != "FINER"}
    store = write_store(tmp_path / "store", meters)
    session = spark.backend._session  # type: ignore[attr-defined]
    with labkit.open(store, verify=False) as one, labkit.open(store, engine=session, verify=False) as other:
        expected, found = vee.find_suspects(one), vee.find_suspects(other)
        assert expected["check"].nunique() > 15
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
