"""Five conditions: on customers made so that each holds or not, and against scipy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from labkit import market, portrait
from labkit.lab import Lab
from labkit.market.conditions import Thresholds, _between, _spread_within, _standard_ranks

LIMITS = Thresholds(0.05, 0.95, 0.95, 0.5, 0.9, 30, 1000.0, "made up")


def made(n: int = 900, seed: int = 1, apart: float = 2.0, spoilt: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    again = np.where(rng.random(n) < spoilt, (kind + 1) % 3, kind)
    names = np.array(["a", "b", "c"], dtype=object)
    return pd.DataFrame(
        {
            "segment": names[kind],
            "again": names[again],
            "x": apart * kind + rng.normal(size=n),
            "y": -apart * kind + rng.normal(size=n),
            "reached": rng.random(n) < 0.8,
            "revenue": rng.lognormal(5, 1, n),
        }
    )


def check(people: pd.DataFrame, limits: Thresholds = LIMITS) -> pd.DataFrame:
    told = market.check_conditions(
        people,
        limits,
        segment="segment",
        again="again",
        measures=["x", "y"],
        reached="reached",
        revenue="revenue",
        seed=1,
    )
    assert told["condition"].tolist() == list(market.CONDITIONS)
    return told.set_index("condition")


def test_segments_that_differ_meet_all_five() -> None:
    told = check(made())
    assert (told["verdict"] == "met").all()
    assert ((told["low"] <= told["value"] + 1e-9) & (told["value"] <= told["high"] + 1e-9)).all()


def test_random_segments_are_neither_distinct_nor_homogeneous() -> None:
    told = check(made(apart=0.0))
    assert told.loc["distinct", "verdict"] == "not_met" and abs(told.loc["distinct", "value"]) < 0.01
    assert told.loc["homogeneous", "verdict"] != "met" and told.loc["homogeneous", "value"] == pytest.approx(1, abs=0.1)


def test_each_of_the_other_conditions_can_fail() -> None:
    assert check(made(spoilt=0.2)).loc["measurable", "verdict"] == "not_met"
    assert check(made(spoilt=0.2)).loc["measurable", "value"] == pytest.approx(0.8, abs=0.04)
    people = made()
    deaf = people.assign(reached=people["reached"] & (people["segment"] != "b"))
    assert check(deaf).loc["reachable", ["verdict", "weakest"]].tolist() == ["not_met", "b"]
    assert check(people, replace(LIMITS, fewest_customers=1000)).loc["actionable", "value"] == 0.0
    unknown = check(people.assign(segment=people["segment"].where(people.index % 5 > 0)))
    assert unknown.loc["measurable", "value"] == pytest.approx(0.8, abs=0.01)
    assert check(people.assign(again=None)).loc["measurable", "verdict"] == "unknown"


def test_distinct_is_epsilon_squared_of_ranks() -> None:
    people = made(apart=0.5)
    ranks = _standard_ranks(people["x"])[:, None]
    codes = people["segment"].map({"a": 0, "b": 1, "c": 2}).to_numpy()
    n, k = len(people), 3
    h = stats.kruskal(*(people.loc[codes == i, "x"] for i in range(k))).statistic
    # Kruskal and Wallis: H / (n - 1) is eta squared of the ranks; epsilon squared corrects it.
    eta = h / (n - 1)
    assert _between(ranks, codes, k) == pytest.approx(1 - (1 - eta) * (n - 1) / (n - k))
    within = _spread_within(ranks, codes, k)
    assert within[0] == pytest.approx(ranks[codes == 0].var(ddof=1) / ranks.var(ddof=1))


def test_missing_measures_are_left_out_customer_by_customer() -> None:
    people = made()
    holes = people.assign(x=people["x"].where(people.index % 3 > 0))
    assert check(holes).loc["distinct", "value"] == pytest.approx(check(people).loc["distinct", "value"], abs=0.05)


def test_what_cannot_be_tested_is_said() -> None:
    people = made(60)
    with pytest.raises(market.MarketError, match="no column revenue"):
        check(people.drop(columns="revenue"))
    with pytest.raises(market.MarketError, match="fewer than two segments"):
        check(people.assign(segment="a"))


def test_proposals_of_the_sample(sample_lab: Lab) -> None:
    told = market.propose_segmentations(sample_lab, portrait.portrait(sample_lab))
    assert set(told["by_use"].dropna()) <= {"A", "B", "C"} and told["by_place"].notna().all()
    agree = told["by_place"] == told["by_place_again"]
    assert agree[told["by_place_again"].notna()].all()  # crews note the settlement of the customer
    assert set(market.known_measures(told)) <= set(market.MEASURES) and "revenue_yuan" not in market.MEASURES


@pytest.mark.parametrize(
    ("change", "said"),
    [(("distinct: 0.05", "distinct: 5"), "shares above 0"), (("reachable: 0.50\n", ""), "reachable is missing")],
)
def test_a_wrong_file_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (market.conditions.DATA / "market" / "conditions.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "conditions.yaml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(market.MarketError, match=said):
        market.read_thresholds(tmp_path / "conditions.yaml")
