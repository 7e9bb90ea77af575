"""Response, baselines and effects: second implementations, and the sample's truth inside the intervals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

import labkit
from labkit import calendar, dsm
from labkit.dsm.effects import fit_panel
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS

DAYS = pd.date_range("2024-01-02", periods=365)
WARM = pd.Series(
    16 - 11 * np.cos((np.arange(365) - 20) * 2 * np.pi / 365) + np.random.default_rng(1).normal(0, 3, 365), DAYS
)


@pytest.fixture(scope="module")
def lab(sample: Path) -> Lab:
    return labkit.open(sample)


@pytest.fixture(scope="module")
def truth(sample: Path) -> dict[str, float]:
    return json.loads((sample / "truth" / "parameters.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def trial(lab: Lab) -> pd.DataFrame:
    arms = lab.enrolments.filter(lab.enrolments.programme_id == "TOU2025").select("customer_id", "arm")
    rows = lab.run(lab.readings.inner_join(arms, "customer_id"))
    peak = np.array([p in ("sharp", "peak") for p in calendar.read_periods().slots(60, 4)])
    kwh = rows[list(SLOT_COLUMNS[:24])].to_numpy(dtype=float) / 1000
    return (
        rows[["customer_id", "day", "arm"]]
        .assign(peak_kwh=kwh[:, peak].sum(axis=1), other_kwh=kwh[:, ~peak].sum(axis=1))
        .dropna()
    )


def test_the_trial_of_the_sample_tells_its_elasticities(trial: pd.DataFrame, truth: dict[str, float]) -> None:
    half = trial["customer_id"].str[-1].isin(list("13579"))
    found = dsm.fit_response(
        trial.assign(part=np.where(half, "odd", "even")), 0.55, (0.80, 0.40), "2025-04-01", segment="part"
    )
    assert found.substitution.low < truth["substitution_elasticity"] < found.substitution.high
    assert found.daily.low < truth["daily_elasticity"] < found.daily.high
    assert found.substitution.high - found.substitution.low < 0.03
    assert found.pretrend.low < 0 < found.pretrend.high
    parts = found.by_segment.set_index("segment")
    assert (parts["substitution_low"] < truth["substitution_elasticity"]).all() and parts[
        "customers_count"
    ].sum() == found.substitution.n


def test_a_trial_without_controls_or_days_before_says_nothing(trial: pd.DataFrame) -> None:
    with pytest.raises(dsm.DsmError, match="no customers in the arm 'control'"):
        dsm.fit_response(trial[trial["arm"] == "treated"], 0.55, (0.8, 0.4), "2025-04-01")
    with pytest.raises(dsm.DsmError, match="days before and after"):
        dsm.fit_response(trial, 0.55, (0.8, 0.4), "2024-04-01")
    with pytest.raises(dsm.DsmError, match="no column arm"):
        dsm.fit_response(trial.drop(columns="arm"), 0.55, (0.8, 0.4), "2025-04-01")


def test_peak_use_falls_by_what_the_elasticities_say(trial: pd.DataFrame) -> None:
    found = dsm.difference_in_differences(trial, "2025-04-01", outcome="peak_kwh", logs=True)
    assert found.effect.high < 0 and found.holds and found.total.low < found.total.value
    assert found.effect.value == pytest.approx(-0.043, abs=0.02)


def test_interrupted_load_is_found_and_controls_show_none(lab: Lab, truth: dict[str, float]) -> None:
    arms = lab.run(lab.enrolments.filter(lab.enrolments.programme_id == "INT2025")).set_index("customer_id")["arm"]
    rows = lab.run(
        lab.readings.filter(
            lab.readings.customer_id.isin(list(arms.index))
            & (lab.readings.month >= "2025-06")
            & (lab.readings.month <= "2025-08")
        )
    )
    rows = rows[rows["interval_min"] == 15]
    ids, days = sorted(rows["customer_id"].unique()), pd.date_range("2025-06-01", "2025-08-31")
    load = np.full((len(ids), len(days), 24), np.nan)
    at = [ids.index(c) for c in rows["customer_id"]], (pd.DatetimeIndex(rows["day"]) - days[0]).days
    load[at] = rows[list(SLOT_COLUMNS)].to_numpy(dtype=float).reshape(-1, 24, 4).sum(axis=2) / 1000
    events = lab.run(lab.events)
    on = sorted({ts.normalize() for ts in pd.to_datetime(events["starts_at"])})
    kinds = calendar.day_types([d.date() for d in days])
    made = [
        dsm.event_baseline(load, days, day, [16, 17, 18], event_days=on, day_types=kinds, adjust_slots=[12, 13, 14])
        for day in on
    ]
    effect = dsm.measure_events(made, (arms.reindex(ids) == "treated").to_numpy())
    assert effect.reduction.low < truth["interrupted_share"] < effect.reduction.high
    assert effect.control.low < 0.02 and effect.reduction.low > 0.1 and len(effect.by_event) == len(on)


def test_panel_equals_dummies_for_all_customers_and_days() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"who": np.repeat(np.arange(12), 10), "day": np.tile(np.arange(10), 12)})
    table["x"] = ((table["who"] < 6) & (table["day"] > 4)).astype(float)
    table["y"] = table["x"] * 2 + table["who"] + table["day"] ** 0.5 + rng.normal(0, 1, 120)
    table = table.drop(index=[3, 17, 55])  # not balanced
    peer = smf.ols("y ~ x + C(who) + C(day)", table).fit(cov_type="cluster", cov_kwds={"groups": table["who"]})
    mine = fit_panel(
        table["y"].to_numpy(), table[["x"]].to_numpy(), ("x",), table["who"].to_numpy(), table["day"].to_numpy()
    )
    assert mine.params[0] == pytest.approx(peer.params["x"], rel=1e-8)
    # The peer counts 21 dummies against the degrees of freedom, which clusters absorb anyway.
    assert np.sqrt(mine.covariance[0, 0]) == pytest.approx(peer.bse["x"], rel=0.12)


def brute_force(use: pd.Series, warm_f: pd.Series) -> tuple[float, tuple[int, ...]]:
    """Every pair of balance points by statsmodels, in steps of 3 °F."""
    best: tuple[float, tuple[int, ...]] = (0.0, ())
    for h in range(30, 91, 3):
        for c in range(h, 91, 3):
            x = np.column_stack([np.maximum(h - warm_f, 0), np.maximum(warm_f - c, 0)])
            if ((x > 0).sum(axis=0) < 10).any() or (x.sum(axis=0) < 20).any():
                continue
            fit = sm.OLS(use.to_numpy(), sm.add_constant(x)).fit()
            if (fit.params >= 0).all() and fit.rsquared_adj > best[0]:
                best = (float(fit.rsquared_adj), (h, c))
    return best


def test_the_daily_baseline_is_the_best_of_all_models() -> None:
    use = (
        8 + 1.1 * np.maximum(13 - WARM, 0) + 1.7 * np.maximum(WARM - 22, 0) + np.random.default_rng(2).normal(0, 2, 365)
    )
    found = dsm.baseline_daily(use, WARM, "C")
    peer, points = brute_force(use, WARM * 1.8 + 32)
    assert found.kind == "both" and found.r_squared_adjusted >= peer
    assert (
        abs(found.heating_balance * 1.8 + 32 - points[0]) <= 4
        and abs(found.cooling_balance * 1.8 + 32 - points[1]) <= 4
    )
    # Its own numbers, by another least squares.
    x = sm.add_constant(
        np.column_stack([np.maximum(found.heating_balance - WARM, 0), np.maximum(WARM - found.cooling_balance, 0)])
    )
    fit = sm.OLS(use.to_numpy(), x).fit()
    assert found.params == pytest.approx(fit.params) and found.r_squared_adjusted == pytest.approx(fit.rsquared_adj)
    in_f = dsm.baseline_daily(use, WARM * 1.8 + 32, "F")
    assert in_f.heating_kwh_per_degree * 1.8 == pytest.approx(found.heating_kwh_per_degree)
    assert in_f.predict(WARM * 1.8 + 32).to_numpy() == pytest.approx(found.predict(WARM).to_numpy())


def test_savings_lie_inside_their_intervals_nineteen_times_in_twenty() -> None:
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        noise = np.zeros(730)
        for t in range(1, 730):
            noise[t] = 0.5 * noise[t - 1] + rng.normal(0, 2)
        use = 12 + 1.2 * np.maximum(14 - np.tile(WARM, 2), 0) + noise
        before, after = pd.Series(use[:365], DAYS), pd.Series(use[365:] * 0.9, DAYS + pd.Timedelta(days=365))
        truth = use[365:].sum() * 0.1
        saved = dsm.baseline_daily(before, WARM, "C").saving(after, WARM.set_axis(after.index))
        inside += saved.low <= truth <= saved.high
    assert inside >= 88


def test_flat_heating_and_cooling_meters_are_told_apart() -> None:
    assert dsm.baseline_daily(pd.Series(5.0, DAYS), WARM, "C").kind == "mean"
    noise = np.random.default_rng(5).normal(0, 0.1, 365)
    assert dsm.baseline_daily(9 + np.maximum(12 - WARM, 0) + noise, WARM, "C").kind in ("heating", "both")
    cold = dsm.baseline_daily(9 + np.maximum(WARM - 20, 0) + noise, WARM, "C")
    assert cold.cooling_balance == pytest.approx(20, abs=0.6) and cold.cooling_kwh_per_degree == pytest.approx(
        1, abs=0.05
    )


def test_a_baseline_with_too_few_days_is_refused() -> None:
    use = pd.Series(5.0, DAYS)
    assert dsm.baseline_daily(use.iloc[:328], WARM, "C").missing == 37
    with pytest.raises(dsm.DsmError, match="327 days have use and temperature, 328 of 365 are needed"):
        dsm.baseline_daily(use.iloc[:327], WARM, "C")
    with pytest.raises(dsm.DsmError, match="twice"):
        dsm.baseline_daily(pd.concat([use, use.iloc[:1]]), WARM, "C")
    with pytest.raises(dsm.DsmError, match="spans 400 days"):
        dsm.baseline_daily(pd.Series(5.0, pd.date_range("2024-01-01", periods=400)), WARM, "C")
    with pytest.raises(dsm.DsmError, match="unit is 'K'"):
        dsm.baseline_daily(use, WARM, "K")  # type: ignore[arg-type]


def event_load() -> tuple[np.ndarray, pd.DatetimeIndex]:
    days = pd.date_range("2025-06-02", periods=40)  # a Monday first
    return np.arange(40.0)[None, :, None] + np.ones((2, 40, 24)), days


def test_event_baselines_take_the_days_the_rules_name() -> None:
    load, days = event_load()
    day, other = days[37], days[35]  # Wednesday; Monday was an event as well
    ten = dsm.event_baseline(load, days, day, [17], event_days=[other])
    work = [d for d in days[:37] if d.weekday() < 5 and d != other][-10:]
    assert ten.days.tolist() == work
    assert ten.baseline_kwh[0, 0] == pytest.approx(np.mean([(d - days[0]).days + 1 for d in work]))
    five = dsm.event_baseline(load, days, day, [17], event_days=[other], method="high-5-of-10")
    assert five.baseline_kwh[0, 0] == pytest.approx(np.mean([(d - days[0]).days + 1 for d in work[-5:]]))
    # The morning of the day was higher by more than the cap lets through.
    moved = dsm.event_baseline(load, days, day, [17], event_days=[other], adjust_slots=[9, 10])
    assert moved.factor[0] == pytest.approx(1.2) and moved.baseline_kwh[0, 0] == pytest.approx(
        ten.baseline_kwh[0, 0] * 1.2
    )


def test_events_without_days_or_controls_are_refused() -> None:
    load, days = event_load()
    with pytest.raises(dsm.DsmError, match="3 eligible workdays"):
        dsm.event_baseline(load, days, days[3], [17])
    with pytest.raises(dsm.DsmError, match="not among the days"):
        dsm.event_baseline(load, days, "2026-01-01", [17])
    one = dsm.event_baseline(load, days, days[37], [17])
    with pytest.raises(dsm.DsmError, match="an event without a control"):
        dsm.measure_events([one], np.array([True, True]))


def test_prices_move_use_as_the_formula_says() -> None:
    peak = np.arange(24) >= 19
    load = np.where(peak, 2.0, 1.2)
    after = dsm.price_response(load, 0.15, np.where(peak, 0.20, 0.13), peak)
    assert after[-1] == pytest.approx(1.943036, abs=1e-6) and after[0] == pytest.approx(1.214637, abs=1e-6)
    assert dsm.price_response(load, 0.15, 0.15, peak) == pytest.approx(load)
    small = 1.0001
    matrix = dsm.elasticity_matrix(np.array([10.0, 22.8]), np.array([0.15, 0.15]), -0.09522, -0.02302)
    moved = dsm.price_response(load, 0.15, np.where(peak, 0.15 * small, 0.15), peak)
    assert np.log(moved[-1] / 2.0) / np.log(small) == pytest.approx(matrix.iloc[0, 0], rel=1e-3)
    assert np.log(moved[0] / 1.2) / np.log(small) == pytest.approx(matrix.iloc[1, 0], rel=1e-3)
    with pytest.raises(dsm.DsmError, match=r"price_after \(slot 3\) is missing"):
        dsm.price_response(load, 0.15, np.where(np.arange(24) == 3, np.nan, 0.2), peak)
    with pytest.raises(dsm.DsmError, match="above 0"):
        dsm.price_response(load, 0.15, 0.2, peak, substitution=0.1)
