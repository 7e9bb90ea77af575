"""What is called about more and more, where it is hot, what it goes with, and what to do first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

from labkit.service.errors import ServiceError


def follow_topics(
    topic: pd.Series, month: pd.Series, customers: pd.Series, *, seed: int, draws: int = 300
) -> pd.DataFrame:
    """Whether topics grow or fade: the last half of the months against the same months of the half before, or the first half.

    Parameters
    ----------
    topic, month, customers : Series
        Of each ticket; months as ``YYYY-MM``.
    seed, draws : int
        Bootstrap over customers.

    Returns
    -------
    DataFrame
        ``topic``, ``before_count``, ``after_count``, ``change_share`` (after over before, less one) with
        ``low_share`` and ``high_share``; the fastest growing first. With two years of data the second is held against
        the first, so that the season falls out.
    """
    months = sorted(month.dropna().unique())
    half = len(months) // 2
    if half < 1:
        raise ServiceError("topics are followed over at least two months: bring more tickets")
    after, before = set(months[-half:]), set(months[-2 * half : -half])
    known = topic.notna() & month.isin(after | before)
    who = pd.factorize(customers[known].fillna("?").to_numpy())[0]
    late = month[known].isin(after).to_numpy()
    rng = np.random.default_rng(seed)
    n = int(who.max()) + 1
    weights: np.ndarray = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)])
    rows = []
    for name, at in topic[known].groupby(topic[known]).indices.items():
        is_late = late[at]
        a, b = np.bincount(who[at][is_late], minlength=n), np.bincount(who[at][~is_late], minlength=n)
        drawn = (weights @ a + 0.5) / (weights @ b + 0.5) - 1
        low, high = np.quantile(drawn, [0.025, 0.975])
        value = (a.sum() / b.sum() - 1) if b.sum() else np.nan
        rows.append((name, int(b.sum()), int(a.sum()), value, float(low), float(high)))
    frame = pd.DataFrame(
        rows, columns=["topic", "before_count", "after_count", "change_share", "low_share", "high_share"]
    )
    return frame.sort_values("change_share", ascending=False, kind="stable", ignore_index=True)


def count_cells(topic: pd.Series, table: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Tickets of each topic, area and month, cells of nought included, with the customers of the area.

    Parameters
    ----------
    topic : Series
        Of each ticket.
    table : DataFrame
        Tickets with ``area_id`` and ``month``.
    customers : DataFrame
        ``customer_id``, ``area_id``.
    """
    sizes = customers.groupby("area_id")["customer_id"].nunique()
    months = [str(m) for m in pd.period_range(table["month"].min(), table["month"].max(), freq="M")]
    counts = table.assign(topic=topic).groupby(["topic", "area_id", "month"]).size()
    cells = pd.MultiIndex.from_product(
        [sorted(topic.dropna().unique()), sizes.index, months], names=["topic", "area_id", "month"]
    )
    frame = counts.reindex(cells, fill_value=0).rename("tickets_count").reset_index()
    return frame.assign(customers_count=frame["area_id"].map(sizes).astype(float))


def hot_topics(counts: pd.DataFrame, *, level: float = 0.05, last_months: int = 3) -> pd.DataFrame:
    """Topics and areas that are called about more than season and trend explain.

    Parameters
    ----------
    counts : DataFrame
        ``topic``, ``area_id``, ``month`` (YYYY-MM), ``tickets_count``, ``customers_count``: one row a cell, cells of nought included.
    level : float
        False discovery rate over topics and areas.
    last_months : int
        Months that are held against all before.

    Returns
    -------
    DataFrame
        ``topic``, ``area_id``, ``seen_count``, ``expected_count``, ``ratio`` with ``low`` and ``high``, ``p_value``, ``hot``; hottest first.

    Raises
    ------
    ServiceError
        If there are not at least six months before.

    Notes
    -----
    For each topic a Poisson regression of the months before (area, calendar quarter, customers as exposure), its
    dispersion by Pearson; where counts vary more than by chance the expected number is negative binomial of that
    dispersion. Benjamini and Hochberg over all cells.
    """
    months = sorted(counts["month"].unique())
    if len(months) < last_months + 6:
        raise ServiceError(f"hot topics need {last_months + 6} months, there are {len(months)}")
    recent = set(months[-last_months:])
    table = counts.assign(quarter=(counts["month"].str[5:7].astype(int) - 1) // 3, recent=counts["month"].isin(recent))
    rows = []
    for topic, part in table.groupby("topic"):
        design = pd.get_dummies(part[["area_id", "quarter"]].astype(str), drop_first=True, dtype=float)
        design.insert(0, "const", 1.0)
        old = ~part["recent"].to_numpy()
        if part["tickets_count"][old].sum() < 10:
            continue
        used = design.loc[:, (design[old] != 0).any().to_numpy()]
        fit = sm.GLM(
            part["tickets_count"][old], used[old], family=sm.families.Poisson(), exposure=part["customers_count"][old]
        ).fit_regularized(alpha=1e-4, L1_wt=0.0)
        mean = np.exp(np.clip(used.to_numpy() @ fit.params.to_numpy(), -30, 30)) * part["customers_count"].to_numpy()
        free = max(int(old.sum()) - used.shape[1], 1)
        spread = max(1.0, float((((part["tickets_count"] - mean) ** 2 / mean)[old]).sum() / free))
        now = part[part["recent"]].assign(expected=mean[part["recent"].to_numpy()])
        for area, cell in now.groupby("area_id"):
            rows.append((topic, area, *_judge(int(cell["tickets_count"].sum()), float(cell["expected"].sum()), spread)))
    frame = pd.DataFrame(
        rows, columns=["topic", "area_id", "seen_count", "expected_count", "ratio", "low", "high", "p_value"]
    )
    frame["hot"] = multipletests(frame["p_value"], level, "fdr_bh")[0] if len(frame) else False
    return frame.sort_values("p_value", kind="stable", ignore_index=True)


def _judge(seen: int, expected: float, spread: float) -> tuple[int, float, float, float, float, float]:
    """Ratio with its exact Poisson interval widened by the dispersion, and the chance of as many or more."""
    if spread > 1.0:
        size = expected / (spread - 1)
        p = float(stats.nbinom.sf(seen - 1, size, 1 / spread))
    else:
        p = float(stats.poisson.sf(seen - 1, expected))
    scaled = seen / spread
    low = stats.chi2.ppf(0.025, 2 * scaled) / 2 * spread if seen else 0.0
    high = stats.chi2.ppf(0.975, 2 * (scaled + 1)) / 2 * spread
    return seen, expected, seen / expected, float(low / expected), float(high / expected), p


def satisfaction_lost(
    topic: pd.Series, tickets: pd.DataFrame, surveys: pd.DataFrame, *, within_days: int = 90
) -> pd.DataFrame:
    """Points of overall satisfaction (1 to 10) that go with having called about a topic before an interview.

    Parameters
    ----------
    topic : Series
        Of each ticket.
    tickets : DataFrame
        ``customer_id``, ``opened_at``; the index of ``topic``.
    surveys : DataFrame
        ``customer_id``, ``surveyed_on``, ``overall``, and ``weight`` if drawn with unequal chances.
    within_days : int
        Days before the interview in which a contact counts.

    Returns
    -------
    DataFrame
        ``topic``, ``interviews_count`` (with such a contact), ``lost_points`` with ``low``, ``high``. A regression on all
        topics at once; errors by customer. Who calls may differ in other ways: this is not an effect.
    """
    # In one order whatever the engine's, so that sums are the same to the last digit.
    order = [c for c in ("survey_id", "customer_id", "surveyed_on") if c in surveys]
    asked = surveys.dropna(subset=["overall"]).sort_values(order, ignore_index=True)
    asked["surveyed_on"] = pd.to_datetime(asked["surveyed_on"])
    calls = tickets.assign(topic=topic)[["customer_id", "opened_at", "topic"]].dropna()
    pairs = asked.reset_index()[["index", "customer_id", "surveyed_on"]].merge(calls, on="customer_id")
    ago = (pairs["surveyed_on"] - pairs["opened_at"]).dt.days
    near = pairs[(ago >= 0) & (ago <= within_days)]
    had = pd.crosstab(near["index"], near["topic"]).clip(upper=1).reindex(asked.index, fill_value=0)
    had = had.loc[:, had.sum() >= 5]
    columns = ["topic", "interviews_count", "lost_points", "low", "high"]
    if had.empty or not had.shape[1]:
        return pd.DataFrame(columns=columns)
    design = sm.add_constant(had.astype(float))
    weights = asked["weight"].fillna(1.0) if "weight" in asked else np.ones(len(asked))
    fit = sm.WLS(asked["overall"].astype(float), design, weights=weights).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(asked["customer_id"])[0]}
    )
    ends = fit.conf_int()
    rows = [(t, int(had[t].sum()), -fit.params[t], -ends.loc[t, 1], -ends.loc[t, 0]) for t in had.columns]
    return pd.DataFrame(rows, columns=columns).sort_values(
        "lost_points", ascending=False, kind="stable", ignore_index=True
    )


def rank_remedies(counts: pd.DataFrame, lost: pd.DataFrame, remedies: pd.DataFrame) -> pd.DataFrame:
    """What to do first: customers affected times satisfaction lost, times feasibility, over cost.

    Parameters
    ----------
    counts : DataFrame
        ``topic``, ``customers_count``.
    lost : DataFrame
        Of `satisfaction_lost`; topics without it, or with a gain, count as no loss.
    remedies : DataFrame
        Of `read_remedies`.

    Returns
    -------
    DataFrame
        ``topic``, ``customers_count``, ``lost_points`` with ends, ``cost_yuan``, ``feasibility``, ``points_for_money`` with ends
        (customer-points a 10,000 yuan), ``rank_best`` and ``rank_worst`` over the ends; best first.
    """
    table = remedies.merge(counts[["topic", "customers_count"]], on="topic").merge(lost, on="topic", how="left")
    for name in ("lost_points", "low", "high"):
        table[name] = table[name].fillna(0.0)
    each = table["customers_count"] * table["feasibility"] / (table["cost_yuan"] / 10_000)
    for name, source in (("points_for_money", "lost_points"), ("points_low", "low"), ("points_high", "high")):
        table[name] = each * table[source].clip(lower=0)
    # A topic may stand as high as when it does its best and all others their worst, and the other way round.
    best, worst, value = (table[c].to_numpy() for c in ("points_high", "points_low", "points_for_money"))
    table["rank_best"] = [1 + int((np.delete(worst, i) > best[i]).sum()) for i in range(len(table))]
    table["rank_worst"] = [1 + int((np.delete(best, i) > worst[i]).sum()) for i in range(len(table))]
    order = np.lexsort((table["topic"], -value))
    return table.iloc[order].reset_index(drop=True)
