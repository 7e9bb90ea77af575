"""Attractiveness and strength: scores by hand, draws, and the weights at which the first place changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit import market
from labkit.findings import Finding, Findings
from labkit.market.factors import Factor, Factors
from labkit.market.matrix import CUTS, _mean


def two_sides(votes: float = 50.0) -> Factors:
    made = (
        Factor("size", "attractiveness", 0.6, 10, 1000, "Size", "规模", column="size_gwh", log=True, error=0.1),
        Factor("growth", "attractiveness", 0.4, 0.0, 0.1, "Growth", "增长", column="growth_share", error=0.01),
        Factor("standing", "strength", 0.5, -4, 4, "Standing", "评分", column="lead_score", error=0.5),
        Factor("happy", "strength", 0.5, 50, 90, "Satisfaction", "满意度", finding="06.index"),
    )
    return Factors(made, votes, "made up")


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "segment": ["a", "b", "c"],
            "size_gwh": [100.0, 1000.0, 10.0],
            "growth_share": [0.10, 0.0, 0.05],
            "own_score": [8.0, 5.0, 6.0],
            "rival_a_score": [4.0, 6.0, 6.0],
            "rival_b_score": [2.0, 9.0, 1.0],
        }
    )


@pytest.fixture
def found() -> Findings:
    return Findings(
        [Finding("06.index@a", 70, "", "", "", "", 66, 74), Finding("06.index@b", 90, "", "", "", "", 88, 92)]
    )


def test_scores_are_those_worked_out_by_hand(table: pd.DataFrame, found: Findings) -> None:
    told = market.measure_factors(table, found, two_sides(), {}).set_index(["segment", "factor"])
    assert told.loc[("a", "size"), "score"] == pytest.approx(3.0)  # 100 lies half-way between 10 and 1000, by logarithm
    assert told.loc[("a", "growth"), "score"] == 5.0 and told.loc[("c", "growth"), "score"] == pytest.approx(3.0)
    assert told.loc[("b", "standing"), "value"] == -4.0 and told.loc[("a", "standing"), "score"] == 5.0
    assert (
        told.loc[("a", "happy"), "score"] == pytest.approx(3.0) and told.loc[("a", "happy"), "source"] == "06.index@a"
    )
    assert told.loc[("a", "happy"), "error"] == pytest.approx(4 / 1.96, rel=1e-3)
    assert np.isnan(told.loc[("c", "happy"), "value"])


def test_the_class_stands_in_for_a_segment_without_a_figure() -> None:
    table = pd.DataFrame(
        {
            "segment": ["industrial_large"],
            "own_score": [5.0],
            "rival_a_score": [5.0],
            "size_gwh": [100.0],
            "growth_share": [0.0],
        }
    )
    found = Findings([Finding("06.index@industrial", 70, "", "", "", "", 66, 74)])
    told = market.measure_factors(table, found, two_sides())
    assert told.loc[told["factor"] == "happy", "source"].item() == "06.index@industrial"


def test_positions_are_weighted_means_and_hold_in_their_intervals(table: pd.DataFrame, found: Findings) -> None:
    scores = market.measure_factors(table, found, two_sides(), {})
    places = market.place_segments(scores, two_sides(), draws=4000, seed=1)
    told = places.table.set_index("segment")
    assert told.loc["a", "attractiveness"] == pytest.approx(0.6 * 3 + 0.4 * 5)
    assert told.loc["a", "strength"] == pytest.approx(0.5 * 5 + 0.5 * 3)
    assert told.loc["c", "strength"] == pytest.approx(3.0)  # only one factor has a figure
    assert told.loc["c", "known_share"] == pytest.approx(0.5)
    assert places.table["segment"].tolist() == ["a", "b", "c"] and places.table["rank"].tolist() == [1, 2, 3]
    for side in ("attractiveness", "strength"):
        assert ((told[f"{side}_low"] <= told[side] + 1e-9) & (told[side] <= told[f"{side}_high"] + 1e-9)).sum() >= 2
    assert told["first_share"].sum() == pytest.approx(1.0)
    assert 0 < places.agreement <= 1


def test_surer_weights_and_figures_give_narrower_intervals(table: pd.DataFrame, found: Findings) -> None:
    wide, narrow = (
        market.place_segments(market.measure_factors(table, found, f, {}), f, seed=2).table.set_index("segment")
        for f in (two_sides(5), two_sides(5000))
    )
    spans = [t["attractiveness_high"] - t["attractiveness_low"] for t in (wide, narrow)]
    assert (spans[1] < spans[0]).all()


def test_the_interval_is_that_of_the_drawn_weights_where_figures_are_exact(found: Findings) -> None:
    exact = Factors(
        (
            Factor("x", "attractiveness", 0.3, 0, 1, "", "", column="size_gwh"),
            Factor("y", "attractiveness", 0.7, 0, 1, "", "", column="growth_share"),
            Factor("z", "strength", 1.0, -4, 4, "", "", column="lead_score"),
        ),
        20.0,
        "",
    )
    table = pd.DataFrame(
        {"segment": ["a"], "size_gwh": [1.0], "growth_share": [0.0], "own_score": [5.0], "rival_a_score": [5.0]}
    )
    told = market.place_segments(
        market.measure_factors(table, found, exact, {}), exact, draws=20_000, seed=3
    ).table.iloc[0]
    # the score is 1 + 4 w, and w is Beta(6, 14)
    from scipy import stats

    low, high = 1 + 4 * stats.beta(6, 14).ppf([0.025, 0.975])
    assert told["attractiveness"] == pytest.approx(2.2)
    assert told["attractiveness_low"] == pytest.approx(low, abs=0.03)
    assert told["attractiveness_high"] == pytest.approx(high, abs=0.03)


def test_at_the_turning_weight_another_segment_comes_first(table: pd.DataFrame, found: Findings) -> None:
    factors = two_sides()
    scores = market.measure_factors(table, found, factors, {})
    places = market.place_segments(scores, factors, draws=200)
    first = places.table["segment"].iloc[0]
    turned = places.turns.dropna(subset=["turns_at"])
    assert len(turned)
    wide = scores.set_index(["segment", "factor"])["score"].unstack()
    for row in turned.itertuples():

        def overall(weight: float, row: object = row) -> pd.Series:
            total = pd.Series(0.0, wide.index)
            for side in ("attractiveness", "strength"):
                own = list(factors.of(side))
                w = np.array([f.weight for f in own])
                if row.side == side:  # type: ignore[attr-defined]
                    j = [f.id for f in own].index(row.factor)  # type: ignore[attr-defined]
                    w = w * (1 - weight) / (1 - w[j])
                    w[j] = weight
                total += _mean(wide[[f.id for f in own]].to_numpy()[None], w[None])[0] / 2
            return total

        assert overall(row.weight).idxmax() == first
        step = 1e-6 * np.sign(row.turns_at - row.weight)
        assert overall(row.turns_at + step).idxmax() == row.then_first
        assert overall(row.turns_at - step).idxmax() == first


@pytest.mark.parametrize(
    ("a", "s", "zone"), [(5, 5, "grow"), (CUTS[1], CUTS[0], "grow"), (1, 5, "select"), (2.0, 3.0, "harvest")]
)
def test_zones(a: float, s: float, zone: str) -> None:
    assert market.zone_of(np.array([a]), np.array([s]))[0] == zone


def test_what_cannot_be_judged_is_said(table: pd.DataFrame) -> None:
    with pytest.raises(market.MarketError, match="no segment"):
        market.measure_factors(table.head(0), Findings(), two_sides())
    with pytest.raises(market.MarketError, match="no column growth_share"):
        market.measure_factors(table.drop(columns="growth_share"), Findings(), two_sides())
    with pytest.raises(market.MarketError, match="rival_"):
        market.measure_factors(table.drop(columns=["rival_a_score", "rival_b_score"]), Findings(), two_sides())
    empty = market.measure_factors(table.assign(own_score=np.nan), Findings(), two_sides())
    with pytest.raises(market.MarketError, match="a has no figure for any factor of strength"):
        market.place_segments(empty, two_sides())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("weight: 0.30", "weight: 0.40"), "add up to 1.1"),
        (("column: size_gwh", "column: size_gwh, finding: 06.index"), "either a column"),
        (("worst: 10, best: 600", "worst: 0, best: 600"), "above 0 with log"),
        (("votes: 30", "votes: 0"), "votes is 0"),
        (("log: true", "logarithm: true"), "logarithm is unknown"),
    ],
)
def test_a_wrong_file_of_factors_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (market.factors.DATA / "market" / "factors.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "factors.yaml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(market.MarketError, match=said):
        market.read_factors(tmp_path / "factors.yaml")


def test_positions_are_drawn_where_they_stand(table: pd.DataFrame, found: Findings) -> None:
    factors = two_sides()
    told = market.place_segments(market.measure_factors(table, found, factors, {}), factors, draws=200).table
    ax = market.plot_positions(told, names={"a": "甲", "b": "B", "c": "C"}, x_label="x", y_label="y")
    assert [text.get_text() for text in ax.texts] == ["甲", "B", "C"]
    assert ax.texts[0].xy == (told["strength"].iloc[0], told["attractiveness"].iloc[0])
