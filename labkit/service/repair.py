"""Repair jobs from hotline to restored supply: times of stages, where they are lost, whether the promise is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd

from labkit.estimates import Estimate
from labkit.service.errors import ServiceError
from labkit.service.shares import share_in_clusters

#: Stage -> the timestamps it lies between. The promise is about arrival on site.
STAGES: dict[str, tuple[str, str]] = {
    "dispatch": ("received_at", "dispatched_at"),
    "accept": ("dispatched_at", "accepted_at"),
    "depart": ("accepted_at", "departed_at"),
    "travel": ("departed_at", "arrived_at"),
    "restore": ("arrived_at", "restored_at"),
}
ON_SITE = ("dispatch", "accept", "depart", "travel")
MOMENTS = ("received_at", *(end for _, end in STAGES.values()))


@dataclass(frozen=True, eq=False)
class RepairTimes:
    """Repair jobs with the minutes of each stage.

    Attributes
    ----------
    jobs : DataFrame
        ``ticket_id``, ``settlement``, ``centre_id``, ``received_at``, a column of minutes
        a stage (missing where a timestamp is missing or impossible), ``to_site_min``,
        ``to_supply_min``, ``cluster`` (jobs of a centre and day, which hang together).
    problems : DataFrame
        ``problem``, ``stage``, ``jobs_count``: missing and impossible timestamps, and
        jobs still open.
    known : dict of str to int
        Jobs that have each timestamp.
    """

    jobs: pd.DataFrame
    problems: pd.DataFrame
    known: dict[str, int]

    @property
    def complete(self) -> pd.DataFrame:
        """Jobs with all stages up to arrival."""
        return self.jobs.dropna(subset=list(ON_SITE))


def time_stages(repairs: pd.DataFrame) -> RepairTimes:
    """Minutes of each stage; what is missing or impossible is counted, never made up.

    Parameters
    ----------
    repairs : DataFrame
        The table `repairs`; timestamps may be missing.

    Returns
    -------
    RepairTimes
        A stage that ends before it begins is missing; the time to arrival counts where
        receipt and arrival are known and in order, whatever lies between.

    Raises
    ------
    ServiceError
        If ``ticket_id``, ``received_at`` or ``arrived_at`` is not a column, or there is no job.

    Examples
    --------
    >>> one = pd.DataFrame({"ticket_id": ["T1"], "received_at": ["2025-01-01 08:00"], "arrived_at": ["2025-01-01 08:40"]})
    >>> time_stages(one).jobs["to_site_min"].tolist()
    [40.0]
    """
    lacking = [c for c in ("ticket_id", "received_at", "arrived_at") if c not in repairs]
    if lacking:
        raise ServiceError(f"repairs has no column {lacking[0]}: expected {', '.join(('ticket_id', *MOMENTS))}")
    if repairs.empty:
        raise ServiceError("repairs has no job: bring at least one")
    table = repairs.sort_values("ticket_id", ignore_index=True)
    at = {name: pd.to_datetime(table[name]) if name in table else pd.Series(pd.NaT, table.index) for name in MOMENTS}
    jobs = pd.DataFrame({"ticket_id": table["ticket_id"], "received_at": at["received_at"]})
    for name in ("settlement", "centre_id"):
        jobs[name] = table.get(name)
    problems = [("missing", moment, int(at[moment].isna().sum())) for moment in MOMENTS if moment != "restored_at"]
    problems.append(("open", "restored_at", int(at["restored_at"].isna().sum())))
    spans = {**STAGES, "to_site_min": ("received_at", "arrived_at"), "to_supply_min": ("received_at", "restored_at")}
    for stage, (start, end) in spans.items():
        minutes = (at[end] - at[start]).dt.total_seconds() / 60
        problems.append(("impossible", stage, int((minutes < 0).sum())))
        jobs[stage] = minutes.where(minutes >= 0)
    day = at["received_at"].dt.strftime("%Y-%m-%d")
    jobs["cluster"] = jobs["centre_id"].astype(str) + " " + day.astype(str)
    found = pd.DataFrame(problems, columns=["problem", "stage", "jobs_count"])
    return RepairTimes(
        jobs, found[found["jobs_count"] > 0].reset_index(drop=True), {m: int(at[m].notna().sum()) for m in MOMENTS}
    )


def summarise_stages(times: RepairTimes) -> pd.DataFrame:
    """How long stages take.

    Returns
    -------
    DataFrame
        ``stage`` (the way to the site as a whole last), ``jobs_count``, ``median_min``, ``mean_min``,
        ``p90_min``. Quantiles of a sum are not sums of quantiles: the whole has its own.
    """
    rows = []
    for stage in (*STAGES, "to_site_min", "to_supply_min"):
        x = times.jobs[stage].dropna()
        if len(x):
            rows.append((stage, len(x), x.median(), x.mean(), x.quantile(0.9)))
    return pd.DataFrame(rows, columns=["stage", "jobs_count", "median_min", "mean_min", "p90_min"])


def promises_kept(times: RepairTimes, limits_min: Mapping[str, float], by: str = "settlement") -> pd.DataFrame:
    """Share of the jobs whose crew was on site within the promise.

    Parameters
    ----------
    times : RepairTimes
    limits_min : mapping of str to float
        Settlement -> minutes promised.
    by : str
        Column of the jobs: ``settlement``, ``centre_id``.

    Returns
    -------
    DataFrame
        ``by``, ``jobs_count``, ``limit_min`` (missing where groups mix them), ``kept_share`` with ``low_share``
        and ``high_share`` (jobs of a centre and day hang together), ``mean_min``.

    Raises
    ------
    ServiceError
        If no job has a settlement with a promise.
    """
    jobs = times.jobs.assign(limit_min=times.jobs["settlement"].map(dict(limits_min)))
    jobs = jobs.dropna(subset=["to_site_min", "limit_min"])
    if jobs.empty:
        raise ServiceError(
            f"no job has a settlement among {', '.join(limits_min)} and an arrival: promises cannot be judged"
        )
    jobs["kept"] = jobs["to_site_min"] <= jobs["limit_min"]
    rows = []
    for name, part in jobs.groupby(by, sort=True):
        share = _share(part, "kept")
        limit = part["limit_min"].iloc[0] if len(part["limit_min"].unique()) == 1 else np.nan
        rows.append((name, len(part), limit, share.value, share.low, share.high, part["to_site_min"].mean()))
    return pd.DataFrame(
        rows, columns=[by, "jobs_count", "limit_min", "kept_share", "low_share", "high_share", "mean_min"]
    )


def share_kept(times: RepairTimes, limits_min: Mapping[str, float]) -> Estimate:
    """Share of all jobs within the promise of their settlement."""
    jobs = times.jobs.assign(limit=times.jobs["settlement"].map(dict(limits_min))).dropna(
        subset=["to_site_min", "limit"]
    )
    return _share(jobs.assign(kept=jobs["to_site_min"] <= jobs["limit"]), "kept")


def _share(part: pd.DataFrame, column: str) -> Estimate:
    return share_in_clusters(part[column], part["cluster"])


def process_graph(times: RepairTimes) -> nx.DiGraph:
    """The workflow as it ran: moments as nodes, stages as edges with how often and how long.

    Returns
    -------
    DiGraph
        Nodes ``jobs_count``; edges ``stage``, ``jobs_count``, ``median_min``, ``p90_min``. Where a moment is
        missing the next known one follows directly, so skipped stages show as edges of their own.
    """
    graph = nx.DiGraph()
    here = times.jobs[list(STAGES)].notna()
    graph.add_node("received_at", jobs_count=len(times.jobs))
    for stage, (start, end) in STAGES.items():
        x = times.jobs[stage].dropna()
        if len(x):
            graph.add_node(end, jobs_count=times.known[end])
            graph.add_edge(
                start, end, stage=stage, jobs_count=len(x), median_min=float(x.median()), p90_min=float(x.quantile(0.9))
            )
    names = list(STAGES)
    for first, second in pairwise(names):
        skipped = int((~here[first] & ~here[second] & times.jobs["to_site_min"].notna()).sum())
        if skipped and first != "travel":
            graph.add_edge(STAGES[first][0], STAGES[second][1], stage="skipped", jobs_count=skipped)
    return graph
