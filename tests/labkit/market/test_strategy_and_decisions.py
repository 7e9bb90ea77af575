"""Cards and decisions follow from findings, and every finding a file cites is there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from labkit import market
from labkit.findings import Finding, Findings
from labkit.market.judging import Condition, chance_above
from labkit.market_segments import read_segments
from labkit.report.saved import COMMITTED, read_committed
from labkit.store import Manifest

SEGMENTS = read_segments()


def figure(id: str, value: float, low: float | None = None, high: float | None = None, **more: object) -> Finding:
    return Finding(id, value, "%", "%", f"Figure {id[:2]}", f"指标{id[:2]}", low, high, **more)  # type: ignore[arg-type]


def card(*found: Finding, language: str = "en") -> dict[str, dict[str, str]]:
    told = market.make_cards(Findings(found), market.read_strategy(), SEGMENTS, language)  # type: ignore[arg-type]
    return {row["field"]: row for row in told.to_dict("records")}


def test_the_first_choice_whose_conditions_hold_is_taken() -> None:
    late = figure("09.late_share@commercial", 0.15, 0.12, 0.18)
    forgot = figure("09.kind@commercial", 0.7, 0.6, 0.8, subject="kind=forgot")
    cannot = figure("09.kind@commercial", 0.7, 0.6, 0.8, subject="kind=cannot")
    assert card(late, forgot)["Credit terms"]["choice"].startswith("Remind before the due date")
    assert card(late, cannot)["Credit terms"]["choice"].startswith("Grade by score")
    assert card(figure("09.late_share@commercial", 0.05, 0.03, 0.07))["Credit terms"]["choice"].startswith(
        "Post-payment"
    )
    open_ = card(figure("09.late_share@commercial", 0.08, 0.03, 0.12))["Credit terms"]
    assert open_["choice"].startswith("Not sure yet")
    assert open_["change_when"].startswith("if the upper end of figure 09 falls below 9.0%: post-payment")


def test_a_card_says_why_when_it_changes_and_what_is_missing() -> None:
    told = card(figure("09.late_share@commercial", 0.05, 0.03, 0.07))
    assert told["Credit terms"]["because"] == "Figure 09: 5.0% (95% interval 3.0% to 7.0%)"
    assert told["Credit terms"]["change_when"] == "the upper end of figure 09 rises above 9.0%"
    assert told["Programme"]["choice"].startswith("No figure, or hidden for privacy: 10.programme")
    chinese = card(figure("09.late_share@commercial", 0.05, 0.03, 0.07), language="zh")
    assert chinese["信用政策"]["change_when"] == "指标09的区间上限升到 9.0% 以上"
    assert card() == {}


def test_the_class_stands_in_and_the_subject_is_put_in() -> None:
    own = figure("09.late_share@industrial_large", 0.05, 0.03, 0.07)
    both = figure(
        "10.programme@industrial", 5.0, 1.0, 9.0, subject="scenario=x", subject_en="Night tariff", subject_zh="夜间电价"
    )
    told = market.make_cards(Findings([own, both]), market.read_strategy(), SEGMENTS, "en")
    row = told[(told["segment"] == "industrial_large") & (told["field"] == "Programme")].iloc[0]
    assert row["choice"] == "Invite to the programme best for this class: night tariff" and row["notebook"] == "10"
    effects = market.expect_effects(Findings([own, both]), market.read_strategy(), SEGMENTS, "en")
    assert effects["told_of"].tolist() == ["customer_class"] and effects["low"].tolist() == [1.0]
    assert market.tell_values(effects, "en") == ["500.0% (100.0% to 900.0%)"]


def test_only_what_is_chosen_is_expected() -> None:
    unsure = figure("10.programme@commercial", 5.0, -1.0, 9.0, subject="scenario=x")
    assert market.expect_effects(Findings([unsure]), market.read_strategy(), SEGMENTS, "en").empty
    both = [figure(f"09.late_share@industrial_{size}", 0.05, 0.03, 0.07) for size in ("large", "small")]
    sure = figure("10.programme@industrial", 5.0, 1.0, 9.0, subject="scenario=x")
    told = market.expect_effects(Findings([*both, sure]), market.read_strategy(), SEGMENTS, "en")
    assert told["segment"].tolist() == ["industrial_large"]  # of the class, once


def test_no_card_without_a_figure_it_could_rest_on() -> None:
    own = [figure("11.strength@charging_stations", 2.0), figure("09.late_share@public", 0.05, 0.03, 0.07)]
    cards = market.make_cards(Findings(own), market.read_strategy(), SEGMENTS, "en")
    assert set(cards["segment"]) == {"public"}


def test_a_decision_judged_by_another_figure() -> None:
    found = Findings([yuan("10.all_gain", 5.0, 1.0, 9.0), yuan("10.least_gain", 1.0, -1.0, 3.0)])
    ranked = market.rank_decisions(found, market.read_decisions()).set_index("decision")
    assert ranked.loc["demand_side", "verdict"] == "try" and ranked.loc["demand_side", "value"] == 5.0


def test_a_figure_that_is_not_a_number_is_missing_everywhere() -> None:
    found = Findings([yuan("05.saving", float("nan"))])
    ranked = market.rank_decisions(found, market.read_decisions())
    told = market.tell_decisions(ranked, market.read_decisions(), found, "en")
    assert len(told) == (ranked["verdict"] != "missing").sum() == 0


def test_conditions_ask_for_the_whole_interval() -> None:
    item = figure("x", 0.5, 0.4, 0.6)
    assert Condition("x", above=0.39).holds(item) and not Condition("x", above=0.45).holds(item)
    assert Condition("x", below=0.61).holds(item) and not Condition("x", below=0.55).holds(item)
    assert Condition("x", above=0.39).holds(None) is None and Condition("x").holds(figure("x", np.nan)) is None
    assert Condition("x", above=0.39, about="kind=forgot").holds(item) is False


def test_chances_are_those_of_the_interval() -> None:
    assert chance_above(figure("x", 1.96, 0.0, 3.92)) == pytest.approx(0.975, abs=1e-4)
    assert chance_above(figure("x", -1.0, -2.0, 0.0)) == pytest.approx(0.025, abs=1e-4)
    assert np.isnan(chance_above(figure("x", 1.0)))


def yuan(id: str, value: float, low: float | None = None, high: float | None = None) -> Finding:
    return Finding(id, value, "yuan", "元", id, id, low, high, 0)


def test_decisions_are_ranked_by_what_one_may_count_on() -> None:
    found = Findings(
        [
            yuan("05.saving", 100.0, 10.0, 200.0),
            yuan("08.policy_gain_yuan", 60.0, 50.0, 70.0),
            yuan("09.plan_gain_yuan", 500.0, -100.0, 900.0),
            yuan("07.saved_yuan", 40.0),
            yuan("10.all_gain", 5.0, 1.0, 9.0),
            yuan("10.least_gain", -5.0, -9.0, -1.0),
            figure("02.gain", 0.2, 0.1, 0.3),
        ]
    )
    ranked = market.rank_decisions(found, market.read_decisions()).set_index("decision")
    assert ranked.index.tolist()[:6] == [
        "retention_plan",  # the utility's own, 50 can be counted on
        "key_account_visits",  # customers', 10
        "tag_method",  # sure, but no money
        "recovery_plan",  # may lie below 0
        "move_online",  # nobody has measured it
        "demand_side",  # does not pay
    ]
    assert ranked["verdict"].tolist()[:6] == ["do", "do", "do", "try", "assumed", "leave"]
    assert np.isnan(ranked.loc["retention_plan", "chance"]) and ranked.loc["key_account_visits", "chance"] > 0.97
    assert ranked.loc["segment_method", "verdict"] == "missing" and "04.gain" in ranked.loc["segment_method", "missing"]
    assert ranked.loc["key_account_visits", "missing"] == "05.other_tariff, 05.key_accounts"
    told = market.tell_decisions(ranked.reset_index(), market.read_decisions(), found, "zh")
    assert "segment_method" not in told["decision"].tolist() and len(told) == 6
    assert told.loc[0, "decision"].startswith("投入 –用于客户保有") and told.loc[0, "figure"] == "60 元"
    assert told.loc[5, "verdict"] == "暂不实施" and told.loc[5, "decision"] == "暂不实施需求侧项目"


def test_a_figure_that_moved_is_judged_by_its_direction() -> None:
    down, up, neither = (market.KeyFigure("x", d) for d in ("down", "up", "neither"))
    rose = Finding("x", 1, "", "", "", "", change=0.2, change_low=0.1, change_high=0.3)
    assert (down.judge(rose), up.judge(rose), neither.judge(rose)) == ("worse", "better", "plain")
    unsure = Finding("x", 1, "", "", "", "", change=0.2, change_low=-0.1, change_high=0.3)
    assert up.judge(unsure) == "not_sure" and up.judge(Finding("x", 1, "", "", "", "")) == "unknown"


def test_key_figures_in_words() -> None:
    item = Finding(
        "09.late_share",
        0.077,
        "%",
        "%",
        "Late",
        "逾期",
        0.07,
        0.083,
        change=0.01,
        change_low=0.005,
        change_high=0.015,
        since_en="the year before",
        since_zh="上年",
    )
    told = market.tell_key_figures(Findings([item]), market.read_key_figures(), "en").iloc[0]
    assert told["change_text"] == "the year before: +1.0 points (+0.5 to +1.5)" and told["moved"] == "worse"
    zh = market.tell_key_figures(Findings([item]), market.read_key_figures(), "zh").iloc[0]
    assert zh["change_text"] == "上年：+1.0 个百分点（+0.5 至 +1.5）" and zh["moved"] == "变差"


def cited() -> set[str]:
    folder = market.decisions.DATA / "market"
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")]
    return {name for text in texts for name in re.findall(r"\b(\d\d\.[a-z][a-z0-9_]*)", text)}


def test_every_finding_a_file_cites_is_there(sample: Path) -> None:
    found = read_committed(Manifest.read(sample))
    assert len(found) > 100, f"{COMMITTED.name} is not of this sample: run `labkit notebook refresh`"
    names = {id.partition("@")[0] for id in found}
    assert cited() <= names


@pytest.mark.parametrize(
    ("file", "read", "change", "said"),
    [
        ("decisions", market.read_decisions, ("whose: society", "whose: nobody"), "whose is"),
        ("decisions", market.read_decisions, ("over: life", "over: night"), "over a_year, life, once or plain"),
        ("decisions", market.read_decisions, ("rests: data", "reste: data"), "is unknown"),
        (
            "strategy",
            market.read_strategy,
            ("{when: [{finding: 10.programme, above: 0}], ", "{"),
            "only the last choice",
        ),
        (
            "strategy",
            market.read_strategy,
            ("finding: 10.programme, above: 0", "finding: 10.programme, over: 0"),
            "over is unknown",
        ),
        ("key_figures", market.read_key_figures, ("better: up", "better: left"), "better: up, down, neither"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, file: str, read: object, change: tuple[str, str], said: str) -> None:
    text = (market.decisions.DATA / "market" / f"{file}.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / f"{file}.yaml").write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(market.MarketError, match=said):
        read(tmp_path / f"{file}.yaml")  # type: ignore[operator]


def test_money_is_drawn_from_its_lower_to_its_upper_end() -> None:
    found = Findings([yuan("05.saving", 100.0, 10.0, 200.0), yuan("07.saved_yuan", 40.0)])
    ranked = market.rank_decisions(found, market.read_decisions())
    ranked = ranked[ranked["verdict"] != "missing"].reset_index(drop=True)
    ax = market.plot_decisions(ranked, labels=["a", "b"], x_label="yuan", size=1.0)
    assert ax.get_xscale() == "log" and list(ax.lines[0].get_xdata()) == [10.0, 200.0]
