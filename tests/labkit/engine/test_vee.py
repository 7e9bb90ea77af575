"""The checks of meter data find the same on Spark as on DuckDB, fault by fault."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

import labkit
from labkit import vee
from labkit.lab import Lab
from labkit.vee.cut_off import days_of_cuts, read_cuts, spans_without_supply
from labkit.vee.day_checks import check_days, check_runs
from labkit.vee.day_facts import day_facts
from labkit.vee.period_checks import check_gaps
from tests.labkit.vee.cases import faulty_meters, write_store


def suspects_of_days(lab: Lab) -> pd.DataFrame:
    """Facts, windows, runs and months; the other checks are sums of these, and each costs Spark seconds."""
    limits, cuts = vee.read_thresholds(), read_cuts(lab)
    dark, spans = days_of_cuts(cuts, dt.date.fromisoformat(lab.period[1])), spans_without_supply(lab, cuts)
    with lab.kept(day_facts(lab, lab.readings, limits)) as facts:
        found = [*check_days(lab, facts, limits, dark), *check_runs(lab, facts, limits, spans), check_gaps(lab, facts)]
    table = pd.concat([frame for frame in found if len(frame)], ignore_index=True)
    return table.sort_values(["check", "customer_id", "from_day"], ignore_index=True)


def test_suspects_of_days_are_the_same(tmp_path: Path, spark: Lab) -> None:
    # Hours alone: what is asked of quarters is the same with more columns, and Spark compiles long plans slowly.
    meters = {name: meter for name, meter in faulty_meters(clean=1).items() if name != "FINER"}
    store = write_store(tmp_path / "store", meters)
    session = spark.backend._session  # type: ignore[attr-defined]
    with labkit.open(store, verify=False) as one, labkit.open(store, engine=session, verify=False) as other:
        expected, found = suspects_of_days(one), suspects_of_days(other)
    assert expected["check"].nunique() == 9
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
