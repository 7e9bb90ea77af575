"""The load explained: figures worked out by hand, changes put in and found again."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import calendar
from labkit.accounts import AccountError, analyse_load, read_accounts
from labkit.accounts.load import find_changes
from labkit.profiles import system_load
from labkit.store import SLOT_COLUMNS
from tests.labkit.accounts.conftest import make_account


def ar_load(seed: int, change: float = 0.0, at: int = 200, days: int = 365) -> np.ndarray:
    """Hourly load whose daily level wanders (lag-1 correlation 0.6) and may change for good."""
    rng = np.random.default_rng(seed)
    level, state = np.empty(days), 0.0
    for day in range(days):
        state = 0.6 * state + 0.8 * rng.normal()
        level[day] = 0.05 * state
    level[at:] += np.log1p(change)
    dates = [dt.date(2025, 1, 1) + dt.timedelta(day) for day in range(days)]
    off = np.array(calendar.day_types(dates)) != "workday"
    return np.repeat(300 * np.exp(level) * np.where(off, 0.6, 1.0), 24) * rng.uniform(0.95, 1.05, days * 24)


def test_figures_of_a_simple_load(shift_worker: np.ndarray) -> None:
    found = analyse_load(make_account(shift_worker))
    assert found.energy_kwh == pytest.approx(shift_worker.sum())
    assert found.maximum_demand_kw == shift_worker.max()
    assert found.load_factor == pytest.approx(shift_worker.mean() / shift_worker.max())
    assert 97 <= found.base_load_kw <= 100 and found.weekend_ratio == pytest.approx(100 / 250, rel=0.06)
    assert found.duration["kw"].iloc[0] == shift_worker.max() and found.duration["kw"].iloc[-1] == shift_worker.min()
    assert found.duration["kw"].is_monotonic_decreasing
    assert found.coincidence is None
    noon = found.typical.set_index(["day_type", "hour"])["mean_kw"]
    assert noon["workday", 12] > 380 and noon["weekend", 12] < 130


def test_coincidence_is_the_own_load_when_the_system_is_highest(shift_worker: np.ndarray) -> None:
    account = make_account(shift_worker)
    system = pd.Series(1.0, account.load.index)
    system.loc["2025-07-02 13:00"] = 9.0
    nights = account.load.index[(account.load.index.hour == 2)][:39]
    system.loc[nights] = 5.0
    found = analyse_load(account, system).coincidence
    assert (
        found is not None and found.value == pytest.approx(1, abs=0.04) and found.low == pytest.approx(0.25, abs=0.02)
    )


def test_a_lasting_change_is_found_where_it_was_put() -> None:
    hits = 0
    for seed in range(20):
        changes, _ = find_changes(make_account(ar_load(seed, change=-0.25)))
        near = changes[(changes["day"] - pd.Timestamp("2025-07-20")).abs() <= pd.Timedelta(days=5)]
        hits += len(near) == 1 and near["low"].iloc[0] <= -0.25 <= near["high"].iloc[0]
    assert hits >= 17


def test_a_wandering_level_is_seldom_taken_for_a_change() -> None:
    false = sum(len(find_changes(make_account(ar_load(seed)))[0]) > 0 for seed in range(60))
    assert false <= 6  # one in ten at most; stated on the page


def test_single_days_are_unusual_and_no_change() -> None:
    load = ar_load(1)
    load[24 * 100 : 24 * 101] *= 0.2
    load[24 * 250 : 24 * 252] = 0.0
    changes, unusual = find_changes(make_account(load))
    assert changes.empty
    assert set(unusual["day"].dt.strftime("%m-%d")) >= {"04-11", "09-08", "09-09"} and len(unusual) <= 6


def test_short_flat_and_empty_loads_are_no_error() -> None:
    for load in (np.full(24 * 20, 50.0), np.full(8760, 50.0), np.zeros(8760)):
        changes, unusual = find_changes(make_account(load))
        assert changes.empty and unusual.empty
    found = analyse_load(make_account(np.zeros(24 * 60)))
    assert np.isnan(found.load_factor) and found.maximum_demand_kw == 0


def test_accounts_are_read_with_gaps_filled_and_counted(small_sample: Path) -> None:
    lab = labkit.open(small_sample)
    ids = [str(name) for name in lab.run(lab.reactive.select("customer_id").distinct())["customer_id"]]
    for name, account in read_accounts(lab, ids).items():
        rows = lab.run(lab.readings.filter(lab.readings.customer_id == name)).sort_values("day")
        wh = rows[list(SLOT_COLUMNS)].to_numpy(dtype=float)
        assert account.interval_min == 15 and account.load.notna().all()
        days = (rows["day"].max() - rows["day"].min()).days + 1
        assert len(account.load) == days * 96
        assert account.filled_share == pytest.approx(1 - np.isfinite(wh).sum() / (days * 96))
        known = np.isfinite(wh)
        at = pd.DatetimeIndex(rows["day"]).repeat(96) + pd.to_timedelta(
            np.tile(np.arange(96) * 15, len(rows)), unit="min"
        )
        assert np.allclose(account.load.reindex(at).to_numpy()[known.ravel()] * 1000, wh[known])
        assert "name" not in account.facts and "phone" not in account.facts
    with pytest.raises(AccountError, match=r"the lab has no customer N\*\*\*\*\*;"):
        read_accounts(lab, ["NOBODY"])


def test_the_system_is_the_sum_of_all(small_sample: Path) -> None:
    lab = labkit.open(small_sample)
    total = system_load(lab)
    rows = lab.run(lab.readings)
    assert total.sum() == pytest.approx(rows[list(SLOT_COLUMNS)].sum().sum() / 1000)
    assert len(total) == 8760 and total.index[0] == pd.Timestamp("2025-01-01")
