"""What keeping the promise asks of each stage: where time is lost, what stages may take, what changes gain."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from labkit.estimates import Estimate
from labkit.service.errors import ServiceError
from labkit.service.repair import ON_SITE, RepairTimes


def find_bottleneck(
    times: RepairTimes, limits_min: Mapping[str, float], *, seed: int, draws: int = 500
) -> pd.DataFrame:
    """How much lateness each stage is behind: what if it never took longer than it does in half of the jobs?

    Returns
    -------
    DataFrame
        ``stage``, ``late_then_share`` if no job took longer than the stage's median (by settlement), ``saved_share``
        (of all jobs, late ones that would be in time), ``low_share``, ``high_share`` (bootstrap over centre-days), the largest first.
    """
    jobs = _with_limits(times, limits_min)
    middle = jobs.groupby("settlement")[list(ON_SITE)].transform("median")
    late = jobs["total"] > jobs["limit"]
    rows = []
    for stage in ON_SITE:
        total = jobs["total"] - jobs[stage] + np.minimum(jobs[stage], middle[stage])
        still = total > jobs["limit"]
        saved = _bootstrap(jobs["cluster"], (late & ~still).astype(float), seed, draws)
        rows.append((stage, float(still.mean()), saved.value, saved.low, saved.high))
    frame = pd.DataFrame(rows, columns=["stage", "late_then_share", "saved_share", "low_share", "high_share"])
    return frame.sort_values("saved_share", ascending=False, ignore_index=True)


def _with_limits(times: RepairTimes, limits_min: Mapping[str, float]) -> pd.DataFrame:
    jobs = times.complete
    jobs = jobs.assign(limit=jobs["settlement"].map(dict(limits_min)), total=jobs[list(ON_SITE)].sum(axis=1))
    jobs = jobs.dropna(subset=["limit"]).reset_index(drop=True)
    if jobs.empty:
        raise ServiceError("no job has all its stages and a promise: bring jobs with every timestamp up to arrival")
    return jobs


def _bootstrap(cluster: pd.Series, value: pd.Series, seed: int, draws: int) -> Estimate:
    """Mean over jobs with a percentile interval that draws clusters."""
    by = value.groupby(cluster.to_numpy()).agg(["sum", "count"]).to_numpy(dtype=float)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(by), np.full(len(by), 1 / len(by)), size=draws)
    drawn = (weights @ by[:, 0]) / (weights @ by[:, 1])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(by[:, 0].sum() / by[:, 1].sum()), float(low), float(high), len(by))


def decompose_goal(times: RepairTimes, limits_min: Mapping[str, float], share: float = 0.95) -> pd.DataFrame:
    """What each stage may take so that the promise is kept in so many cases.

    Parameters
    ----------
    times : RepairTimes
    limits_min : mapping of str to float
    share : float
        Of the cases in which the promise is to be kept.

    Returns
    -------
    DataFrame
        ``settlement``, ``stage``, ``budget_min`` (they add up to the promise), ``within_share`` of today's jobs,
        ``p_share_min``: what the stage takes at most in that share today; ``factor``: by which all stages would
        have to shrink alike.

    Notes
    -----
    A job is divided as slow jobs are: budgets follow the mean shares of the stages in jobs whose total lies in
    the slowest fifth. If every stage keeps its budget the promise is kept; the factor is the promise over the
    total's own quantile, since quantiles of stages do not add up.
    """
    jobs = _with_limits(times, limits_min)
    rows = []
    for settlement, part in jobs.groupby("settlement", sort=True):
        slow = part[part["total"] >= part["total"].quantile(0.8)]
        split = slow[list(ON_SITE)].sum() / slow["total"].sum()
        limit = float(part["limit"].iloc[0])
        factor = min(1.0, limit / float(part["total"].quantile(share)))
        for stage in ON_SITE:
            budget = limit * float(split[stage])
            rows.append(
                (
                    settlement,
                    stage,
                    budget,
                    float((part[stage] <= budget).mean()),
                    float(part[stage].quantile(share)),
                    factor,
                )
            )
    return pd.DataFrame(rows, columns=["settlement", "stage", "budget_min", "within_share", "p_share_min", "factor"])


def simulate_change(
    times: RepairTimes,
    limits_min: Mapping[str, float],
    changes: Mapping[str, Mapping[str, tuple[str, float]]],
    *,
    seed: int,
    draws: int = 500,
) -> pd.DataFrame:
    """What a change of the workflow would gain, on the jobs as they were.

    Parameters
    ----------
    times : RepairTimes
    limits_min : mapping of str to float
    changes : mapping
        Name -> stage -> how: ``("at_most", minutes)`` or ``("times", factor)``.
    seed, draws : int
        Of the bootstrap over centre-days.

    Returns
    -------
    DataFrame
        ``change``, ``kept_share`` with ends, ``gain_share`` over today with ends, ``minutes_saved`` a job.

    Raises
    ------
    ServiceError
        If a stage or a kind of change is not known.

    Notes
    -----
    The stages that are not changed stay as they were: an earlier dispatch does not make
    crews free sooner. Effects are assumed, not measured.
    """
    jobs = _with_limits(times, limits_min)
    before = (jobs["total"] <= jobs["limit"]).astype(float)
    rows = []
    for name, steps in changes.items():
        total = jobs["total"].copy()
        for stage, (how, amount) in steps.items():
            if stage not in ON_SITE or how not in ("at_most", "times"):
                raise ServiceError(
                    f"change {name}: {stage} {how} is not known; stages are {', '.join(ON_SITE)}, changes at_most and times"
                )
            new = np.minimum(jobs[stage], amount) if how == "at_most" else jobs[stage] * amount
            total += new - jobs[stage]
        after = (total <= jobs["limit"]).astype(float)
        kept, gain = (_bootstrap(jobs["cluster"], x, seed, draws) for x in (after, after - before))
        rows.append(
            (
                name,
                kept.value,
                kept.low,
                kept.high,
                gain.value,
                gain.low,
                gain.high,
                float((jobs["total"] - total).mean()),
            )
        )
    return pd.DataFrame(
        rows,
        columns=[
            "change",
            "kept_share",
            "low",
            "high",
            "gain_share",
            "gain_low_share",
            "gain_high_share",
            "minutes_saved",
        ],
    )
