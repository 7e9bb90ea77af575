"""The sample is deterministic, believable, and consistent with its own truth."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import portrait, profiles
from labkit.lab import Lab
from labkit.sample import make_sample
from labkit.sample.programmes import trial_factors
from labkit.sample.world import World
from labkit.store import Manifest


@pytest.fixture(scope="module")
def lab(sample: Path) -> Lab:
    return labkit.open(sample)


@pytest.fixture(scope="module")
def truth(sample: Path) -> pd.DataFrame:
    return pd.read_parquet(sample / "truth" / "customers.parquet").set_index("customer_id")


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_same_bytes_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        make_sample(tmp_path / name, customers=60, seed=seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert Manifest.read(tmp_path / "a").digest != Manifest.read(tmp_path / "c").digest


def test_too_few_customers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 50"):
        make_sample(tmp_path / "x", customers=10)
    with pytest.raises(ValueError, match="seed is -1"):
        make_sample(tmp_path / "x", customers=60, seed=-1)


def test_size_and_period_are_those_of_the_design(lab: Lab, truth: pd.DataFrame) -> None:
    assert len(truth) == 2000 and truth["key_account"].sum() == 60
    assert lab.period == ("2025-01-01", "2025-12-31")
    assert (lab.manifest.tables["bills"].first, lab.manifest.tables["bills"].last) == ("2024-01", "2025-11")
    key = set(truth.index[truth["key_account"]])
    fine = lab.run(lab.readings.filter(lab.readings.interval_min == 15).select("customer_id").distinct())
    assert set(fine["customer_id"]) <= key
    assert set(lab.run(lab.reactive.select("customer_id").distinct())["customer_id"]) <= key


def test_truth_is_apart(lab: Lab, sample: Path) -> None:
    assert not any("truth" in file["path"] for entry in lab.manifest.tables.values() for file in entry.files)
    parameters = json.loads((sample / "truth" / "parameters.json").read_text(encoding="utf-8"))
    assert sum(parameters["driver_weights"].values()) == pytest.approx(1)


def test_homes_peak_in_the_evening_and_shifts_at_their_hours(lab: Lab, truth: pd.DataFrame) -> None:
    days = profiles.typical_days(lab)
    work = days[days["day_type"] == "workday"].merge(truth["behaviour"], left_on="customer_id", right_index=True)
    relative = work["mean_kw"] / work.groupby("customer_id")["mean_kw"].transform("mean")
    shape = relative.groupby([work["behaviour"], work["hour"].astype(int)]).mean().unstack()
    assert 18 <= shape.loc["evening_family"].idxmax() <= 21
    assert shape.loc["office", 10] > 3 * shape.loc["office", 3]
    assert shape.loc["continuous"].max() < 1.25
    assert shape.loc["night_valley"].idxmax() in (23, 0, 1, 2, 3, 4, 5)


def test_holidays_and_weather_show(lab: Lab, truth: pd.DataFrame) -> None:
    daily = lab.run(profiles.daily_energy(lab)).merge(truth["behaviour"], left_on="customer_id", right_index=True)
    daily["month"] = pd.to_datetime(daily["day"]).dt.month
    office = daily[daily["behaviour"] == "one_shift"].groupby("day")["kwh"].sum()
    assert office[pd.Timestamp("2025-10-02").date()] < 0.5 * office[pd.Timestamp("2025-10-16").date()]
    assert office[pd.Timestamp("2025-09-28").date()] > 1.5 * office[pd.Timestamp("2025-09-21").date()], (
        "make-up workday"
    )
    homes = daily[daily["behaviour"] == "home_all_day"].groupby("month")["kwh"].mean()
    assert homes[7] > 1.15 * homes[4] and homes[1] > 1.05 * homes[4]


def test_bills_are_their_readings_and_add_up(lab: Lab) -> None:
    bills = lab.run(lab.bills)
    parts = bills[["kwh_sharp", "kwh_peak", "kwh_flat", "kwh_valley"]].sum(axis=1)
    assert np.allclose(parts, bills["kwh"], atol=0.005)
    charges = bills[["energy_yuan", "basic_yuan", "pf_yuan", "funds_yuan"]].sum(axis=1)
    assert np.allclose(charges, bills["total_yuan"], atol=0.005)


def test_three_kinds_of_late_payers_pay_as_they_are(lab: Lab, truth: pd.DataFrame) -> None:
    bills = lab.run(portrait.settled_bills(lab)).merge(truth["payer"], left_on="customer_id", right_index=True)
    late = bills.groupby("payer")["late"].mean()
    assert late["prompt"] < 0.03 < 0.25 < late["forgetful"] < 0.45
    days = bills[bills["late"]].groupby("payer")["days_late"].mean()
    assert days["forgetful"] < 15 < days["unwilling"]
    owed = bills[bills["settled_on"].isna() & (bills["paid_yuan"] > 0)]
    assert set(owed["payer"]) <= {"difficulty"}, "only those in difficulty pay in part and owe the rest"


def test_nobody_uses_power_while_cut_off_and_later_bills_say_so(lab: Lab) -> None:
    steps = lab.run(lab.collections.inner_join(lab.bills.select("bill_id", "customer_id"), "bill_id"))
    steps = steps.sort_values(["customer_id", "at"], ignore_index=True)
    steps["back"] = steps["at"].where(steps["action"] == "reconnection").groupby(steps["customer_id"]).bfill()
    cuts = steps.loc[steps["action"] == "disconnection", ["customer_id", "at", "back"]].fillna(
        pd.Timestamp("2200-01-01")
    )
    daily = lab.run(profiles.daily_energy(lab))
    days = daily.merge(cuts, on="customer_id")
    day = pd.to_datetime(days["day"])
    dark = day.gt(days["at"].dt.normalize()) & day.lt(days["back"].dt.normalize())
    assert dark.sum() > 3000 and days["customer_id"][dark].nunique() > 100
    assert days["kwh"][dark].max() == 0
    known = days[dark][["customer_id", "day"]].drop_duplicates()
    light = daily.merge(known, how="left", indicator=True)
    light = light[(light["_merge"] == "left_only") & light["customer_id"].isin(cuts["customer_id"])]
    assert (light["kwh"] > 0).mean() > 0.99, "they use power on their other days"
    # A month that lies within a cut bills no energy, and a bill of nought brings no step of its own.
    bills = lab.run(lab.bills)
    months = bills.merge(cuts, on="customer_id")
    begin = pd.to_datetime(months["period"] + "-01")
    within = (begin > months["at"]) & (begin + pd.offsets.MonthBegin() <= months["back"])
    assert within.sum() > 300 and months["kwh"][within].max() == 0
    assert not set(bills["bill_id"][bills["total_yuan"] == 0]) & set(steps["bill_id"])


def test_tickets_follow_outages(lab: Lab) -> None:
    faults = lab.run(
        lab.tickets.filter(lab.tickets.category == "fault").inner_join(
            lab.customers.select("customer_id", "area_id"), "customer_id"
        )
    )
    outages = lab.run(lab.outages)
    within = sum(
        ((faults["area_id"] == o.area_id) & faults["opened_at"].between(o.started_at, o.restored_at)).sum()
        for o in outages.itertuples()
    )
    hours = (outages["restored_at"] - outages["started_at"]).dt.total_seconds().sum() / 3600
    elsewhere = len(faults) - within
    rate_within = within / hours
    rate_elsewhere = elsewhere / (World(2025, 2000).areas.shape[0] * 731 * 24)
    assert rate_within > 50 * rate_elsewhere


def test_satisfaction_follows_service_and_departure_follows_satisfaction(lab: Lab, truth: pd.DataFrame) -> None:
    surveys = lab.run(lab.surveys).merge(truth["mean_satisfaction"], left_on="customer_id", right_index=True)
    assert surveys[["overall", "mean_satisfaction"]].corr().iloc[0, 1] > 0.6
    left = lab.run(lab.customers).set_index("customer_id")["left_reason"].isin(["retailer", "direct_purchase"])
    assert truth["mean_satisfaction"][left].mean() < truth["mean_satisfaction"][~left].mean() - 0.1


def test_the_trial_changes_peak_use_by_its_elasticity(lab: Lab) -> None:
    arms = lab.enrolments.filter(lab.enrolments.programme_id == "TOU2025").select("customer_id", group="arm")
    rows = lab.readings.filter(lab.readings.day >= "2025-05-01")
    sums = lab.run(profiles.monthly_sums(lab, day_rows=rows).inner_join(arms, "customer_id"))
    share = (
        sums.groupby(["customer_id", "group"])[["peak_wh", "wh"]]
        .sum()
        .eval("peak_wh / (wh - peak_wh)")
        .groupby("group")
        .agg(["mean", "sem"])
    )
    peak, off_peak = trial_factors(np.array(0.38))  # their ratio does not hang on the share
    measured = share.loc["treated", "mean"] / share.loc["control", "mean"]
    error = measured * np.hypot(*(share["sem"] / share["mean"]))
    assert abs(measured - peak / off_peak) < 3 * error


def test_nobody_acts_before_joining_or_after_leaving(lab: Lab) -> None:
    people = lab.run(lab.customers).set_index("customer_id")
    for table, column in (("tickets", "opened_at"), ("surveys", "surveyed_on"), ("taggings", "tagged_at")):
        rows = lab.run(lab.table(table))
        at = pd.to_datetime(rows[column])
        since = pd.to_datetime(people["connected_on"]).reindex(rows["customer_id"]).to_numpy()
        until = pd.to_datetime(people["left_on"]).reindex(rows["customer_id"]).to_numpy()
        assert (at.to_numpy() >= since).all(), table
        assert ~(at.to_numpy() >= until).any(), table


def test_no_phone_in_the_sample_can_be_anybodys(lab: Lab) -> None:
    phones = lab.run(lab.customers.select("phone"))["phone"]
    assert phones.str.fullmatch(r"12\d{9}").all()
