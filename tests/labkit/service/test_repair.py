"""Repairs and charts against numbers worked out by hand and published ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from labkit import service
from labkit.service import ServiceError

LIMITS = {"urban": 45.0, "rural": 90.0}


def jobs(n: int = 200, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D")
    frame = pd.DataFrame(
        {
            "ticket_id": [f"T{i:04d}" for i in range(n)],
            "received_at": start,
            "settlement": rng.choice(["urban", "rural"], n),
            "centre_id": rng.choice(["S1", "S2"], n),
        }
    )
    at = frame["received_at"]
    for stage, mean in (
        ("dispatched_at", 3),
        ("accepted_at", 4),
        ("departed_at", 6),
        ("arrived_at", 30),
        ("restored_at", 60),
    ):
        at = at + pd.to_timedelta(rng.exponential(mean, n).round(2), "min")
        frame[stage] = at
    return frame


def test_stages_add_up_and_what_is_odd_is_counted() -> None:
    table = jobs(50)
    table.loc[0, "departed_at"] = pd.NaT
    table.loc[1, "accepted_at"] = table.loc[1, "received_at"] - pd.Timedelta(minutes=5)
    table.loc[2, "restored_at"] = pd.NaT
    times = service.time_stages(table)
    found = {(r.problem, r.stage): r.jobs_count for r in times.problems.itertuples()}
    assert found == {("missing", "departed_at"): 1, ("open", "restored_at"): 1, ("impossible", "accept"): 1}
    assert len(times.complete) == 48 and len(times.jobs) == 50 and times.jobs["to_site_min"].notna().all()
    parts = times.complete[list(service.ON_SITE)].sum(axis=1)
    assert (parts - times.complete["to_site_min"]).abs().max() < 1e-6
    graph = service.process_graph(times)
    assert graph.edges["accepted_at", "arrived_at"]["jobs_count"] == 1 and graph.nodes["arrived_at"]["jobs_count"] == 50


def test_promises_are_judged_by_settlement() -> None:
    times = service.time_stages(jobs())
    table = service.promises_kept(times, LIMITS).set_index("settlement")
    urban = times.jobs[times.jobs["settlement"] == "urban"]
    assert table.loc["urban", "kept_share"] == pytest.approx((urban["to_site_min"] <= 45).mean())
    assert table.loc["urban", "low_share"] < table.loc["urban", "kept_share"] < table.loc["urban", "high_share"]
    mixed = service.promises_kept(times, LIMITS, by="centre_id")
    assert mixed["limit_min"].isna().all() and mixed["jobs_count"].sum() == 200
    assert service.share_kept(times, LIMITS).value == pytest.approx(
        (table["kept_share"] * table["jobs_count"]).sum() / 200
    )
    with pytest.raises(ServiceError, match="no job has a settlement among moon"):
        service.promises_kept(times, {"moon": 10.0})


def test_the_bottleneck_and_what_changes_gain() -> None:
    times = service.time_stages(jobs())
    slow = service.find_bottleneck(times, LIMITS, seed=1)
    assert slow["stage"].iloc[0] == "travel" and (slow["low_share"] <= slow["saved_share"]).all()
    late = 1 - service.share_kept(times, LIMITS).value
    assert slow["late_then_share"].iloc[0] == pytest.approx(late - slow["saved_share"].iloc[0])
    gains = service.simulate_change(
        times,
        LIMITS,
        {"none": {}, "locator": {"travel": ("times", 0.5)}, "quick": {"dispatch": ("at_most", 0.0)}},
        seed=1,
    ).set_index("change")
    assert gains.loc["none", "gain_share"] == 0 == gains.loc["none", "minutes_saved"]
    assert gains.loc["locator", "minutes_saved"] == pytest.approx(times.complete["travel"].mean() / 2)
    with pytest.raises(ServiceError, match="wait at_most"):
        service.simulate_change(times, LIMITS, {"x": {"wait": ("at_most", 1.0)}}, seed=1)


def test_budgets_of_the_stages_add_up_to_the_promise() -> None:
    goals = service.decompose_goal(service.time_stages(jobs()), LIMITS)
    assert goals.groupby("settlement")["budget_min"].sum().to_dict() == pytest.approx(LIMITS)
    assert goals["within_share"].between(0, 1).all() and (goals["factor"] <= 1).all()


def test_repairs_without_what_is_needed_are_refused() -> None:
    with pytest.raises(ServiceError, match="no column arrived_at"):
        service.time_stages(jobs(5).drop(columns="arrived_at"))
    with pytest.raises(ServiceError, match="no job"):
        service.time_stages(jobs(5).head(0))
    bare = service.time_stages(jobs(5)[["ticket_id", "received_at", "arrived_at", "settlement"]])
    assert bare.jobs["to_site_min"].notna().all() and bare.complete.empty
    with pytest.raises(ServiceError, match="every timestamp up to arrival"):
        service.find_bottleneck(bare, LIMITS, seed=1)


# -- charts ----------------------------------------------------------------------------


def months(n: int) -> list[str]:
    return [str(p) for p in pd.period_range("2023-01", periods=n, freq="M")]


def test_false_alarms_come_as_often_as_stated() -> None:
    rng = np.random.default_rng(1)
    n = pd.Series(200, months(400))
    chart = service.p_chart(pd.Series(rng.binomial(200, 0.85, 400), n.index), n)
    assert 200 < chart.periods_between < 1000 and len(chart.alarms) <= 5
    rates = service.u_chart(pd.Series(rng.poisson(30, 400), n.index), n / n)
    assert rates.false_alarm_share == pytest.approx(0.0027, abs=0.0012) and len(rates.alarms) <= 5
    values = service.individuals_chart(pd.Series(rng.normal(10, 2, 400), n.index))
    assert values.false_alarm_share == 0.0027 and values.centre == pytest.approx(10, abs=0.4)


def test_a_change_is_seen() -> None:
    n = pd.Series(100, months(24))
    chart = service.p_chart(pd.Series([90] * 20 + [70] * 4, n.index), n, baseline=20)
    assert chart.alarms == months(24)[20:]
    rng = np.random.default_rng(2)
    drift = pd.Series(np.r_[rng.normal(0, 1, 30), rng.normal(1.2, 1, 20)], months(50))
    sums = service.cusum_chart(drift, baseline=30)
    assert sums.alarms and sums.alarms[0] > months(50)[29] and sums.periods_between == pytest.approx(370, rel=0.02)


@pytest.mark.parametrize(
    ("k", "h", "drift", "published"),
    [(0.5, 4, 0, 168), (0.5, 5, 0, 465), (0.5, 4, 1, 8.38), (0.5, 5, 1, 10.4), (0.25, 8, 0, 368)],
)
def test_run_lengths_are_those_of_the_tables(k: float, h: float, drift: float, published: float) -> None:
    assert service.run_length(k, h, drift) == pytest.approx(published, rel=0.01)


def test_charts_need_enough_periods() -> None:
    with pytest.raises(ServiceError, match="at least 8 periods"):
        service.individuals_chart(pd.Series([1.0, 2.0]))
    with pytest.raises(ServiceError, match="do not vary"):
        service.cusum_chart(pd.Series(1.0, months(12)))
    assert service.dispersion(pd.Series([5, 50, 5, 50]), pd.Series([1, 1, 1, 1]))[1] < 1e-6
