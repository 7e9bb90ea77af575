"""The trials of the sample, whose truth is known, and what a manager is told of them."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import labkit
from labkit import dsm
from labkit.estimates import Estimate
from labkit.lab import Lab
from labkit.sample import programmes


@pytest.fixture(scope="module")
def lab(sample: Path) -> Lab:
    return labkit.open(sample)


def test_the_trial_of_the_sample_gives_back_its_truth(lab: Lab) -> None:
    trial = dsm.read_trial(lab)
    assert trial is not None and not trial.too_small(lab.fewest_customers)
    assert trial.peak > trial.base > trial.off_peak
    found = trial.fit()
    assert found.substitution.low < programmes.SUBSTITUTION_ELASTICITY < found.substitution.high
    assert found.daily.low < programmes.DAILY_ELASTICITY < found.daily.high
    assert found.substitution.high < 0 and found.pretrend.low < 0 < found.pretrend.high
    # Arms exchanged before the trial began: nothing may be found where nothing was done.
    before = trial.table[pd.to_datetime(trial.table["day"]) < trial.starts_on]
    middle = trial.starts_on - (trial.starts_on - pd.to_datetime(before["day"]).min()) / 2
    placebo = dsm.fit_response(before, trial.base, (trial.peak, trial.off_peak), middle.normalize())
    assert placebo.substitution.low < 0 < placebo.substitution.high


def test_rows_in_another_order_give_the_same_digits(lab: Lab) -> None:
    one, two = dsm.read_trial(lab), dsm.read_trial(lab)
    assert one is not None and two is not None
    pd.testing.assert_frame_equal(one.table, two.table)
    assert one.fit().substitution == two.fit().substitution


def test_the_events_of_the_sample_give_back_their_truth(lab: Lab) -> None:
    events = dsm.read_events(lab)
    assert events is not None and not events.too_small(5) and events.too_small(10_000)
    effect = events.measure()
    assert effect.reduction.low < programmes.INTERRUPTED_SHARE < effect.reduction.high
    assert effect.control.low < 0 < effect.control.high
    told = dsm.summarise_trials(None, effect)
    assert told["trial"].tolist() == ["reduction", "reduction_controls"]
    assert told["value"].iloc[0] == effect.reduction.value and dsm.summarise_trials(None, None).empty


def test_a_lab_without_trials_says_none(lab: Lab) -> None:
    class Bare:
        def __init__(self, kind: str) -> None:
            self.programmes = kind

        def run(self, kind: str) -> pd.DataFrame:
            prices = dict.fromkeys(("base_yuan_per_kwh", "peak_yuan_per_kwh", "off_peak_yuan_per_kwh"), np.nan)
            return pd.DataFrame([{"programme_id": "P", "kind": kind, "starts_on": "2025-01-01"} | prices])

        def has(self, *tables: str) -> bool:
            return False

    assert dsm.read_trial(Bare("interruptible")) is None  # type: ignore[arg-type]
    assert dsm.read_trial(Bare("time_of_use")) is None  # type: ignore[arg-type]  # no prices
    assert dsm.read_events(Bare("interruptible")) is None  # type: ignore[arg-type]


@pytest.fixture
def table() -> pd.DataFrame:
    rows = []
    for name, at in (("good", (3.0, 2.0, 5.0)), ("doubtful", (3.0, 0.5, 4.0)), ("bad", (-3.0, -2.0, -5.0))):
        row: dict[str, object] = {"scenario": name}
        for who, value in zip(("customer", "utility", "society"), at):
            row |= {
                f"{who}_yuan": value * 1e6,
                f"{who}_low_yuan": (value - 1) * 1e6,
                f"{who}_high_yuan": (value + 1) * 1e6,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def test_all_gain_only_where_no_interval_reaches_nought(table: pd.DataFrame) -> None:
    assert dsm.who_all_gain(table) == ["good"]


def test_gains_are_told_in_the_units_of_the_language(table: pd.DataFrame) -> None:
    assert dsm.tell_gains(table, "en")["customer_gain"].iloc[0] == "3,000 (2,000 to 4,000)"
    assert dsm.tell_gains(table, "zh")["utility_gain"].iloc[1] == "50（-50 至 150）"
    assert "customer_yuan" in table, "the table itself is left as it was"


def test_gains_are_drawn_where_they_are(table: pd.DataFrame) -> None:
    ax = dsm.plot_gains(table, names={n: n.title() for n in table["scenario"]}, labels=["C", "U", "S"], unit="M yuan")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Good", "Doubtful", "Bad"]
    assert ax.lines[0].get_xdata().tolist() == [3.0, 3.0, -3.0] and ax.get_xlabel() == "M yuan"
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first scenario stands on top"
    plt.close(ax.figure)


def test_gain_is_the_test_of_who_gains(small_sample: Path) -> None:
    result = dsm.run(labkit.open(small_sample), dsm.read_scenarios()["awareness"], draws=20)
    found = dsm.gain(result, "society")
    row = result.tests.loc["SCT"]
    assert isinstance(found, Estimate) and (found.value, found.low) == (row["npv_yuan"], row["npv_low_yuan"])
    assert dsm.check_transfers([result])["adds_up"].all()


def made_trial(elasticity: np.ndarray, season: np.ndarray, seed: int = 1) -> dsm.PriceTrial:
    """A trial of homes with a response and a season of their own; half are controls."""
    rng, days = np.random.default_rng(seed), pd.date_range("2025-02-01", periods=120)
    n, after = len(elasticity), np.arange(120) >= 60
    treated = np.arange(n) % 2 == 1
    ratio = -0.7 + 0.5 * season[:, None] + 0.3 * season[:, None] * after + rng.normal(0, 0.1, (n, 120))
    ratio += np.log(2) * elasticity[:, None] * treated[:, None] * after
    who, day = np.repeat(np.arange(n), 120), np.tile(days, n)
    table = pd.DataFrame(
        {
            "customer_id": [f"C{i:04d}" for i in who],
            "arm": np.where(treated[who], "treated", "control"),
            "day": day,
            "peak_kwh": 3 * np.exp(ratio.ravel()),
            "other_kwh": 3.0,
        }
    )
    return dsm.PriceTrial(table, 0.55, 0.8, 0.4, days[60])


def test_each_customers_response_is_found_and_its_season_is_not_taken_for_it() -> None:
    rng = np.random.default_rng(2)
    strong, season = rng.random(300) < 0.5, rng.normal(0, 1, 300)
    found = dsm.individual_response(made_trial(np.where(strong, -0.2, -0.05), season)).set_index("customer_id")
    strong_of = pd.Series(strong, [f"C{i:04d}" for i in range(300)])
    mean = found.groupby(["arm", strong_of.reindex(found.index)])["response"].mean()
    assert mean["treated", True] == pytest.approx(-0.2, abs=0.02)
    assert mean["treated", False] == pytest.approx(-0.05, abs=0.02)
    assert abs(mean["control"]).max() < 0.02
    # Without the controls' help the season is most of the change.
    seasons = pd.Series(season, strong_of.index).reindex(found.index)
    assert abs(np.corrcoef(found["change"], seasons)[0, 1]) > 0.9
    assert abs(np.corrcoef(found["response"], seasons)[0, 1]) < 0.15


def test_what_else_is_known_helps_to_foretell_the_season() -> None:
    rng = np.random.default_rng(3)
    hidden = rng.normal(0, 1, 300)
    trial = made_trial(np.full(300, -0.1), np.zeros(300))
    at = trial.table["customer_id"].str[1:].astype(int).to_numpy()
    later = pd.to_datetime(trial.table["day"]) >= trial.starts_on
    moved = trial.table.assign(peak_kwh=trial.table["peak_kwh"] * np.exp(0.2 * hidden[at] * later))
    trial = dsm.PriceTrial(moved, trial.base, trial.peak, trial.off_peak, trial.starts_on)
    known = pd.DataFrame({"a": hidden, "b": rng.normal(size=300)}, [f"C{i:04d}" for i in range(300)])
    without, with_it = dsm.individual_response(trial), dsm.individual_response(trial, known)
    assert with_it["response"].std() < without["response"].std() / 3


def test_individual_responses_of_the_sample_have_its_elasticity(lab: Lab) -> None:
    trial = dsm.read_trial(lab)
    assert trial is not None
    found = dsm.individual_response(trial)
    treated = found.loc[found["arm"] == "treated", "response"]
    error = treated.std() / np.sqrt(len(treated)) + found.loc[found["arm"] == "control", "response"].std() / 12
    assert treated.mean() == pytest.approx(programmes.SUBSTITUTION_ELASTICITY, abs=3 * error)
    small = dsm.PriceTrial(trial.table.head(500), trial.base, trial.peak, trial.off_peak, trial.starts_on)
    with pytest.raises(dsm.DsmError, match="20 are wanted"):
        dsm.individual_response(small)
    with pytest.raises(dsm.DsmError, match="two prices"):
        dsm.individual_response(dsm.PriceTrial(trial.table, 0.5, 0.5, 0.5, trial.starts_on))
