"""Lines cite findings, ratings follow from bounds, options from lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labkit import market
from labkit.findings import Finding, Findings
from labkit.market.swot import Line, Option, SwotRules

RULES = SwotRules(
    (
        Line("kept", "internal", "07.kept_share", 0.95, 0.75, 3, "Promises kept", "承诺兑现"),
        Line("late", "internal", "09.late_share", 0.02, 0.10, 1, "Paid late", "逾期"),
        Line("lost", "external", "11.lost_share", 0.01, 0.05, 2, "Lost", "流失"),
        Line("grow", "external", "11.growth", 0.04, 0.0, 2, "Growth", "增长"),
    ),
    (
        Option("defend", {"kept": "strength", "lost": "threat"}, "Defend", "防守"),
        Option("mend", {"late": "weakness", "grow": "opportunity"}, "Mend", "整改"),
        Option("attack", {"kept": "strength", "grow": "opportunity"}, "Attack", "进攻"),
    ),
    40.0,
)


def figure(id: str, value: float, low: float | None = None, high: float | None = None) -> Finding:
    return Finding(id, value, "%", "%", id, id, low, high)


@pytest.mark.parametrize(
    ("low", "high", "rating"),
    [(0.96, 0.99, 4), (0.90, 0.97, 3), (0.80, 0.90, None), (0.70, 0.84, 2), (0.60, 0.74, 1), (0.80, 0.849, 2)],
)
def test_a_rating_follows_from_where_the_interval_lies(low: float, high: float, rating: int | None) -> None:
    assert RULES.lines[0].rate(figure("07.kept_share", (low + high) / 2, low, high)) == rating


def test_where_less_is_better_the_sides_change_over() -> None:
    late = RULES.lines[1]
    assert late.rate(figure("x", 0.01, 0.005, 0.015)) == 4 and late.rate(figure("x", 0.2, 0.15, 0.25)) == 1
    assert late.rate(figure("x", 0.05, 0.04, 0.055)) == 3 and late.rate(figure("x", 0.06, 0.04, 0.08)) is None


def test_lines_options_and_evaluation_follow() -> None:
    found = Findings(
        [
            figure("07.kept_share", 0.97, 0.96, 0.98),
            figure("09.late_share", 0.06, 0.04, 0.08),
            figure("11.lost_share", 0.06, 0.052, 0.07),
        ]
    )
    judged = market.judge_lines(found, RULES)
    assert judged.set_index("line")["kind"].to_dict() == {
        "kept": "strength",
        "late": "open",
        "lost": "threat",
        "grow": "missing",
    }
    assert market.choose_options(judged, RULES)["option"].tolist() == ["defend"]
    assert market.choose_options(judged, RULES)["kind"].tolist() == ["ST"]
    inside = market.evaluate_factors(judged, RULES, "internal")
    assert inside.value == pytest.approx((3 * 4 + 1 * 2.5) / 4) and inside.n == 2  # the open line is middling
    told = market.tell_lines(judged, found, RULES, "zh")
    assert (
        told.loc[0, "line"] == "承诺兑现"
        and told.loc[0, "figure"].startswith("07.kept_share：97.0%（95% 区间")
        and told.loc[0, "notebook"] == "07"
    )
    options = market.tell_options(market.choose_options(judged, RULES), judged, RULES, "en")
    assert options.loc[0, "because"] == "Promises kept; Lost"


def test_the_evaluation_is_a_weighted_mean_with_the_weights_drawn() -> None:
    found = Findings([figure("07.kept_share", 0.97, 0.96, 0.98), figure("09.late_share", 0.2, 0.15, 0.25)])
    told = market.evaluate_factors(market.judge_lines(found, RULES), RULES, "internal", draws=20_000, seed=1)
    assert told.value == pytest.approx((3 * 4 + 1 * 1) / 4)
    from scipy import stats

    low, high = 1 + 3 * stats.beta(30, 10).ppf([0.025, 0.975])
    assert told.low == pytest.approx(low, abs=0.02) and told.high == pytest.approx(high, abs=0.02)


def test_nothing_to_judge_is_said() -> None:
    judged = market.judge_lines(Findings(), RULES)
    assert (judged["kind"] == "missing").all() and judged["rating"].isna().all()
    unsure = market.judge_lines(Findings([figure("11.lost_share", 0.03, 0.02, 0.04)]), RULES)
    for nothing_told in (judged, unsure):
        with pytest.raises(market.MarketError, match="no external line could be judged"):
            market.evaluate_factors(nothing_told, RULES, "external")
    with pytest.raises(market.MarketError, match="no external line could be judged"):
        market.evaluate_factors(judged, RULES, "external")
    assert market.choose_options(judged, RULES).empty
    nothing = market.judge_lines(Findings([figure("07.kept_share", np.nan)]), RULES)
    assert nothing.loc[0, "kind"] == "open"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("satisfied: strength, switching: threat", "satisfied: threat, switching: threat"),
            "satisfied can not be a threat",
        ),
        (
            ("satisfied: strength, switching: threat", "satisfied: strength, losses: strength"),
            "one kind from inside and one from outside",
        ),
        (("good: 80, bad: 65", "good: 80, bad: 80"), "good differs from bad"),
        (("good: 80, bad: 65, ", "good: 80, "), "bad is missing"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (market.swot.DATA / "market" / "swot.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "swot.yaml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(market.MarketError, match=said):
        market.read_swot(tmp_path / "swot.yaml")
