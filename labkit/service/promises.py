"""Whether the service promises are kept, as far as the tables show; and one index of service quality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.importance import driver_importance
from labkit.lab import Lab
from labkit.service.repair import time_stages
from labkit.service.shares import share_in_clusters
from labkit.service.tickets import Contacts

_PER = {"min": 1.0, "h": 60.0, "day": 1440.0}


def check_promises(lab: Lab, promises: pd.DataFrame, contacts: Contacts | None = None) -> pd.DataFrame:
    """Each promise against the cases of the tables there are.

    Parameters
    ----------
    lab : Lab
    promises : DataFrame
        Of `read_promises`.
    contacts : Contacts, optional
        Of the lab's tickets.

    Returns
    -------
    DataFrame
        ``id``, ``limit``, ``unit``, ``cases_count``, ``kept_share`` with ``low_share``, ``high_share`` (cases of a customer, centre-day or area
        hang together), ``median`` and ``mean`` in the unit, ``open_count``: cases not ended yet and past their time, which count as not
        kept. A promise for which there is no table has no cases.

    Notes
    -----
    Only cases since the promise holds are judged. Working days are counted as calendar days. Of the reconnection the
    time from the last payment of the bill to the step "reconnection" is taken.
    """
    rows = []
    for promise in promises.itertuples():
        cases = _cases(lab, str(promise.id), contacts)
        row = {"id": promise.id, "limit": float(promise.limit), "unit": promise.unit, "cases_count": 0, "open_count": 0}
        if cases is not None:
            cases = cases[cases["begun"] >= pd.Timestamp(promise.since)]
        if cases is not None and len(cases):
            scale = _PER[str(promise.unit)]
            minutes = cases["minutes"]
            late_open = minutes.isna() & (cases["waited"] > promise.limit * scale)
            known = minutes.notna() | late_open
            kept = (
                (minutes <= promise.limit * scale)
                if promise.id != "outage_notice"
                else (minutes >= promise.limit * scale)
            )
            share = share_in_clusters(kept[known], cases.loc[known, "cluster"])
            row |= {
                "cases_count": int(known.sum()),
                "kept_share": share.value,
                "low_share": share.low,
                "high_share": share.high,
                "median": float(minutes.median() / scale),
                "mean": float(minutes.mean() / scale),
                "open_count": int(late_open.sum()),
            }
        rows.append(row)
    columns = [
        "id",
        "limit",
        "unit",
        "cases_count",
        "kept_share",
        "low_share",
        "high_share",
        "median",
        "mean",
        "open_count",
    ]
    return pd.DataFrame(rows, columns=columns)


def _cases(lab: Lab, id: str, contacts: Contacts | None) -> pd.DataFrame | None:
    """``begun``, ``minutes`` (missing while open), ``waited`` to the end of the data, ``cluster``; None without its table."""
    if id.startswith("on_site"):
        if not lab.has("repairs"):
            return None
        jobs = time_stages(lab.run(lab.repairs)).jobs
        jobs = jobs[jobs["settlement"] == id.removeprefix("on_site_")]
        return _frame(jobs["received_at"], jobs["to_site_min"], jobs["received_at"].max(), jobs["cluster"])
    if id == "outage_notice":
        if not lab.has("outages"):
            return None
        found = lab.run(lab.outages.filter(lab.outages.planned))
        start, told = pd.to_datetime(found["started_at"]), pd.to_datetime(found["announced_on"])
        ahead = (start.dt.normalize() - told).dt.total_seconds() / 60
        # A planned outage that nobody was told of was announced no time ahead.
        return _frame(start, ahead.fillna(0.0), start.max(), found["area_id"])
    if id == "reconnection":
        return _reconnections(lab) if lab.has("collections", "payments", "bills") else None
    if contacts is None:
        return None
    table = contacts.table
    kinds = {
        "complaint_contact": ["complaint"],
        "complaint_answer": ["complaint"],
        "enquiry_answer": ["enquiry", "billing"],
        "connection": ["connection"],
    }
    if id not in kinds:
        return None
    mine = table[table["category"].isin(kinds[id])]
    minutes = mine["answer_min"] if id == "complaint_contact" else mine["open_h"] * 60
    return _frame(mine["opened_at"], minutes, contacts.last, mine["customer_id"].fillna("?"))


def _frame(begun: pd.Series, minutes: pd.Series, last: pd.Timestamp, cluster: pd.Series) -> pd.DataFrame:
    waited = (last - begun).dt.total_seconds() / 60
    frame = pd.DataFrame({"begun": begun, "minutes": minutes, "waited": waited, "cluster": cluster})
    return frame.dropna(subset=["begun"]).sort_values(["begun", "cluster", "minutes"], ignore_index=True)


def _reconnections(lab: Lab) -> pd.DataFrame:
    steps = lab.run(lab.collections.filter(lab.collections.action == "reconnection").select("bill_id", "at"))
    paid = lab.payments.group_by("bill_id").aggregate(paid_on=lab.payments.paid_on.max())
    who = lab.run(paid.inner_join(lab.bills.select("bill_id", "customer_id"), "bill_id"))
    joined = steps.merge(who, on="bill_id")
    at, paid_on = pd.to_datetime(joined["at"]), pd.to_datetime(joined["paid_on"])
    # Payments have a day and no hour: at the latest they came at its end, so time is counted from there.
    minutes = ((at - (paid_on + pd.Timedelta(days=1))).dt.total_seconds() / 60).clip(lower=0)
    known = at >= paid_on
    return _frame(paid_on[known], minutes[known], at.max(), joined.loc[known, "customer_id"])


@dataclass(frozen=True, eq=False)
class QualityIndex:
    """One figure of service quality, 0 to 100.

    Attributes
    ----------
    weights : DataFrame
        ``dimension``, ``weight`` (they add up to 1) with ``low``, ``high``.
    by_period : DataFrame
        ``period``, ``index``, ``low``, ``high``, ``interviews_count``.
    fit_share : float
        R² of the regression.
    """

    weights: pd.DataFrame
    by_period: pd.DataFrame
    fit_share: float


def quality_index(surveys: pd.DataFrame, *, draws: int = 300, seed: int = 0) -> QualityIndex | None:
    """An index whose weights come from what moves satisfaction.

    Parameters
    ----------
    surveys : DataFrame
        The table `surveys`: items ``supply_1`` … and ``overall``, ``weight``, ``surveyed_on``, ``customer_id``.
    draws, seed : int
        Bootstrap over customers of the index by half-year.

    Returns
    -------
    QualityIndex or None
        None with fewer than 50 whole interviews, or where an answer is the same in all of them.

    Notes
    -----
    Means of three items a dimension; weights are the parts of what the overall answer varies that belong to each
    (`labkit.importance`, LMG), as in notebook 06: slopes of dimensions that move together would be unsure one by one.
    """
    names = ("supply", "attitude", "channel", "effort", "arrears")
    # In one order whatever the engine's, so that sums are the same to the last digit.
    order = [c for c in ("survey_id", "customer_id", "surveyed_on") if c in surveys]
    table = surveys.sort_values(order, ignore_index=True)
    for name in names:
        table[name] = table[[f"{name}_{i}" for i in (1, 2, 3)]].astype(float).mean(axis=1)
    table = table.dropna(subset=[*names, "overall"])
    if len(table) < 50 or (table[[*names, "overall"]].nunique() < 2).any():
        return None
    w = table["weight"].fillna(1.0).to_numpy(dtype=float) if "weight" in table else np.ones(len(table))
    groups = pd.factorize(table["customer_id"])[0]
    found = driver_importance(table["overall"], table[list(names)], weights=w, groups=groups, draws=draws, seed=seed)
    weight = found.weights.reindex(names).to_numpy()
    ends = found.table.set_index("driver").loc[list(names), ["share_low", "share_high"]].to_numpy()
    weights = pd.DataFrame({"dimension": names, "weight": weight, "low": ends[:, 0], "high": ends[:, 1]})
    score = (table[list(names)].to_numpy() - 1) / 9 * 100 @ weight
    half = pd.to_datetime(table["surveyed_on"])
    period = half.dt.year.astype(str) + np.where(half.dt.month <= 6, " H1", " H2")
    rng, rows = np.random.default_rng(seed), []
    for name, at in pd.Series(score).groupby(period.to_numpy()).indices.items():
        x, ww, who = score[at], w[at], pd.factorize(groups[at])[0]
        n = int(who.max()) + 1
        top, bottom = np.bincount(who, x * ww, n), np.bincount(who, ww, n)
        drawn = [(top[i].sum() / bottom[i].sum()) for i in (rng.integers(0, n, n) for _ in range(draws))]
        low, high = np.quantile(drawn, [0.025, 0.975])
        rows.append((name, float(np.average(x, weights=ww)), float(low), float(high), len(at)))
    by_period = pd.DataFrame(rows, columns=["period", "index", "low", "high", "interviews_count"]).sort_values(
        "period", ignore_index=True
    )
    return QualityIndex(weights, by_period, found.r_squared.value)
