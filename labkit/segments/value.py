"""Customers by what they are worth: tiers, growth, and how they move between tiers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import chi2

from labkit.concentration import (
    TIERS,
    Every,
    assign_deciles,
    assign_tiers,
    count_moves,
    estimate_gini,
    estimate_top_share,
    lorenz_curve,
    period_of,
)
from labkit.estimates import Estimate
from labkit.segments.errors import SegmentError
from labkit.segments.result import UNKNOWN, Assigner, Segmentation, by_rule, need_columns

_TIER_NAMES = {
    "A": ("A: the first 80 % of the money", "A类：前80%金额"),
    "B": ("B: up to 95 %", "B类：80%～95%"),
    "C": ("C: the rest", "C类：其余"),
}


def classify_tiers(
    amounts: pd.Series, *, cuts: tuple[float, float] = (0.80, 0.95), name: str = "value"
) -> Segmentation:
    """Tiers A, B, C by amount, with Lorenz curve, Gini and the share of the largest fifth.

    Parameters
    ----------
    amounts : Series
        Money (or energy) by customer_id; missing is ``unknown``, below 0 refused.
    cuts : (float, float)
        Shares of the total at which A and B end.

    Returns
    -------
    Segmentation
        Rules decide, so certainty is 1. Profiles: ``total_yuan``, ``mean_yuan``, ``amount_share``. Settings: the amounts from
        which A and B begin, by which new customers are given a tier. Extras: ``lorenz``, ``gini``, ``top_fifth``.

    Examples
    --------
    >>> found = classify_tiers(pd.Series([80.0, 12, 5, 2, 1, None], list("abcdef")))
    >>> found.labels.tolist(), round(found.extras["top_fifth"].value, 2)
    (['A', 'B', 'B', 'C', 'C', 'unknown'], 0.8)
    """
    known = _known(amounts)
    tiers = assign_tiers(known, cuts)
    starts = {tier: float(known[tiers == tier].min()) for tier in ("A", "B") if (tiers == tier).any()}
    names = _TIER_NAMES if cuts == (0.80, 0.95) else {t: (f"Tier {t}", f"{t}类") for t in TIERS}

    def place(new: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
        code = np.select([new >= starts.get(tier, np.inf) for tier in ("A", "B")], ["A", "B"], "C")
        return by_rule(pd.Series(code, new.index), new.notna(), "no_amount")

    labels, certainty, why = by_rule(tiers.reindex(amounts.index), amounts.notna(), "no_amount")
    settings = {"cuts": cuts, **{f"{tier}_from_yuan": round(start, 2) for tier, start in starts.items()}}
    extras = {"lorenz": lorenz_curve(known.to_numpy())}
    if len(known) >= 5:
        extras |= {"gini": estimate_gini(known.to_numpy()), "top_fifth": estimate_top_share(known.to_numpy(), 0.2)}
    return _result(name, labels, certainty, why, names, known, place, settings, extras)


def classify_deciles(amounts: pd.Series, *, name: str = "deciles") -> Segmentation:
    """Tenths of the customers by amount, the largest first (``d01``)."""
    known = _known(amounts)
    decile = assign_deciles(known)
    starts = known.groupby(decile).min().sort_index()

    def place(new: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
        at = [next((d for d, start in starts.items() if v >= start), starts.index[-1]) for v in new.fillna(0)]
        return by_rule(pd.Series([f"d{d:02d}" for d in at], new.index), new.notna(), "no_amount")

    code = decile.map("d{:02d}".format).reindex(amounts.index)
    names = {f"d{d:02d}": (f"Tenth {d}", f"第{d}个十分位") for d in range(1, 11)}
    settings = {f"d{d:02d}_from_yuan": round(float(start), 2) for d, start in starts.items()}
    return _result(name, *by_rule(code, amounts.notna(), "no_amount"), names, known, place, settings, {})  # fmt: skip


def classify_tiers_over_time(
    bills: pd.DataFrame, every: Every = "quarter", *, amount: str = "total_yuan", seed: int = 0
) -> Segmentation:
    """Tiers period by period: those of the last whole period, and how customers moved.

    Parameters
    ----------
    bills : DataFrame
        ``customer_id``, ``period`` (month, YYYY-MM) and the amount; corrections below 0 are netted within a period.
    every : {"month", "quarter", "year"}
    amount : str
    seed : int
        Of the interval of the mobility.

    Returns
    -------
    Segmentation
        Certainty: the share of a customer's periods that it was in its present tier. Extras: ``tiers`` (customer x period),
        besides those of `classify_tiers`; where there are two whole periods or more, of the last two ``moves`` (`count_moves`),
        ``mobility`` (`measure_mobility`) and ``balance`` (`check_moves`).
    """
    need_columns(bills, ["customer_id", "period", amount], "bills")
    months = bills["period"].astype(str)
    label = period_of(months, every)
    wanted = {"month": 1, "quarter": 3, "year": 12}[every]
    whole = months.groupby(label).nunique()
    whole = whole[whole == wanted].index
    if not len(whole):
        raise SegmentError(f"bills: no {every} has all its {wanted} months; bring more months or take a shorter period")
    table = bills.assign(when=label)[label.isin(whole)].pivot_table(
        index="customer_id", columns="when", values=amount, aggfunc="sum"
    )
    table = table.clip(lower=0).reindex(pd.Index(bills["customer_id"].unique()).sort_values().rename("customer_id"))
    tiers = table.apply(lambda column: assign_tiers(column.dropna()).reindex(column.index))
    last = classify_tiers(table.iloc[:, -1], name=f"value by {every}")
    same = tiers.eq(last.labels, axis=0).sum(axis=1) / tiers.notna().sum(axis=1).clip(lower=1)
    extras = {**last.extras, "tiers": tiers}
    if len(whole) > 1:
        before, after = tiers.iloc[:, -2], tiers.iloc[:, -1]
        extras |= {"moves": count_moves(before, after), "mobility": measure_mobility(before, after, seed=seed),
                   "balance": check_moves(before, after)}  # fmt: skip
    certainty = same.where(last.labels != UNKNOWN, 0.0).rename("certainty")
    return Segmentation(
        last.name, last.labels, certainty, last.names, last.profiles, last.assigner, last.why,
        {**last.settings, "every": every, "period": str(whole[-1])}, extras,
    )  # fmt: skip


def measure_mobility(before: pd.Series, after: pd.Series, *, seed: int = 0, draws: int = 1000) -> Estimate:
    """Shorrocks mobility: 0 where all stay in their tier, 1 where the tier before says nothing (for three tiers).

    Notes
    -----
    (K - trace of the shares of moves) / (K - 1) over the tiers that occur before; Shorrocks (1978), doi:10.2307/1913852.
    Interval by bootstrap over customers; tiers by customer, customers in both only.

    Examples
    --------
    >>> tiers = pd.Series(list("AABBCC"))
    >>> measure_mobility(tiers, tiers).value
    0.0
    """
    both = pd.concat([before.rename("before"), after.rename("after")], axis=1).dropna()
    codes = sorted(set(both["before"]) | set(both["after"]))
    counts = (
        pd.crosstab(both["before"], both["after"]).reindex(index=codes, columns=codes, fill_value=0).to_numpy(float)
    )
    n, k = len(both), int((counts.sum(axis=1) > 0).sum())
    if k < 2:
        raise SegmentError(f"tiers: {n} customers in {k} tiers before; mobility wants two tiers or more")

    def mobility(c: np.ndarray) -> np.ndarray:
        rows = c.sum(axis=2)
        stay = np.einsum("bii->bi", c) / np.maximum(rows, 1)
        there = (rows > 0).sum(axis=1)
        return np.asarray((there - stay.sum(axis=1)) / np.maximum(there - 1, 1))

    rng = np.random.default_rng(seed)
    drawn = mobility(rng.multinomial(n, counts.ravel() / n, size=draws).reshape(draws, *counts.shape).astype(float))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(mobility(counts[None])[0]), float(low), float(high), n)


def check_moves(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """Whether moves between tiers balance: as many up as down (Bowker), as large tiers as before (Stuart and Maxwell).

    Parameters
    ----------
    before, after : Series
        Tier by customer_id; customers in both count.

    Returns
    -------
    DataFrame
        ``balance`` (``bowker``: each pair of tiers changes as many customers one way as the other; ``stuart_maxwell``: the tiers
        keep their sizes), ``statistic`` (chi-square), ``freedom_count``, ``p_value`` (1 where nobody moved), ``moved_count``.

    Notes
    -----
    Customers are independent of each other under the tests; tiers by share of the total are not quite, since one who grows
    moves the cut for all. The chi-square is rough with fewer than some 10 moves a pair. Pairs of tiers without a move give
    no degree of freedom. Bowker (1948), doi:10.2307/2280710; Maxwell (1970), doi:10.1192/bjp.116.535.651.

    Examples
    --------
    >>> moved = check_moves(pd.Series(list("AAAABBBB")), pd.Series(list("AABBABBB")))
    >>> moved["statistic"].round(2).tolist(), moved["moved_count"].tolist()
    ([0.33, 0.33], [3, 3])
    """
    both = pd.concat([before.rename("before"), after.rename("after")], axis=1).dropna()
    codes = sorted(set(both["before"]) | set(both["after"]))
    n = pd.crosstab(both["before"], both["after"]).reindex(index=codes, columns=codes, fill_value=0).to_numpy(float)
    pairs = np.triu_indices(len(codes), 1)
    up, down = n[pairs], n.T[pairs]
    any_move = up + down > 0
    bowker = float(((up - down)[any_move] ** 2 / (up + down)[any_move]).sum())
    d = n.sum(axis=1) - n.sum(axis=0)
    spread = np.diag(n.sum(axis=1) + n.sum(axis=0)) - n - n.T
    # The rows of the spread add up to nothing, so it is inverted on what it spans.
    maxwell = float(d @ np.linalg.pinv(spread, hermitian=True) @ d) if len(d) else 0.0
    freedom = (int(any_move.sum()), int(np.linalg.matrix_rank(spread, hermitian=True)) if len(d) else 0)
    rows = [
        (name, value, df, float(chi2.sf(value, df)) if df else 1.0, int((up + down).sum()))
        for name, value, df in zip(("bowker", "stuart_maxwell"), (bowker, maxwell), freedom)
    ]
    return pd.DataFrame(rows, columns=["balance", "statistic", "freedom_count", "p_value", "moved_count"])


def classify_growth(before: pd.Series, after: pd.Series, *, top: float = 0.2, steady: float = 0.05) -> Segmentation:
    """Contribution and growth: the largest part of the customers and the rest, growing, steady or shrinking.

    Parameters
    ----------
    before, after : Series
        Amounts of two periods of the same length by customer_id; who has none in the first is ``unknown``.
    top : float
        Share of the customers that counts as large.
    steady : float
        Change within this part of the amount before is none.

    Returns
    -------
    Segmentation
        Profiles: ``amount_share`` before, ``group_change_share`` of the group's amount, ``contribution_share``: the group's change over
        what all brought before, so that groups, and those not there before (in the settings), add up to the growth of all.

    Notes
    -----
    Who was large by chance tends to shrink (regression to the mean), so large customers shrink a little without any cause.
    """
    both = pd.DataFrame({"before": before, "after": after}).rename_axis("customer_id")
    if not 0 < top < 1 or steady < 0 or not (both["before"] > 0).any():
        raise SegmentError("growth: expected top between 0 and 1, steady of 0 or more, and amounts above 0 before")
    limit = float(both.loc[both["before"] > 0, "before"].quantile(1 - top))

    def place(new: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
        growth = new["after"].fillna(0.0) / new["before"].where(new["before"] > 0) - 1
        size = np.where(new["before"] >= limit, "large", "small")
        way = np.select([growth > steady, growth < -steady], ["growing", "shrinking"], "steady")
        code = pd.Series([f"{s}_{w}" for s, w in zip(size, way)], new.index, dtype=object)
        return by_rule(code, growth.notna(), "not_there_before")

    words = {"large": ("Large", "大户"), "small": ("Small", "小户"), "growing": ("growing", "增长"),
             "steady": ("steady", "平稳"), "shrinking": ("shrinking", "下降")}  # fmt: skip
    pairs = product(("large", "small"), ("growing", "steady", "shrinking"))
    names = {f"{s}_{w}": (f"{words[s][0]}, {words[w][0]}", f"{words[s][1]}·{words[w][1]}") for s, w in pairs}
    labels, certainty, why = place(both)
    every = both.fillna(0.0).groupby(labels).sum()
    sums, whole = every.drop(index=UNKNOWN, errors="ignore"), float(every["before"].sum())
    profiles = pd.DataFrame({
        "amount_share": sums["before"] / whole, "group_change_share": sums["after"] / sums["before"] - 1,
        "contribution_share": (sums["after"] - sums["before"]) / whole,
    })  # fmt: skip
    new = float(every["after"].get(UNKNOWN, 0.0))
    settings = {"top": top, "steady": steady, "large_from_yuan": round(limit, 2), "not_there_before_yuan": round(new, 2),
                "not_there_before_contribution_share": round(new / whole, 4)}  # fmt: skip
    return Segmentation("growth", labels, certainty, names, profiles, place, why, settings)


def _known(amounts: pd.Series) -> pd.Series:
    known = amounts.dropna().astype(float)
    if (known < 0).any():
        raise SegmentError(
            f"amounts: {int((known < 0).sum())} are below 0; net them within the period or leave them out"
        )
    if not known.sum() > 0:
        raise SegmentError("amounts: all are 0 or missing, there is nothing to share out; bring bills of some months")
    return known


def _result(
    name: str, labels: pd.Series, certainty: pd.Series, why: pd.Series, names: Mapping[str, tuple[str, str]], known: pd.Series,
    place: Assigner, settings: Mapping[str, object], extras: Mapping[str, object],
) -> Segmentation:  # fmt: skip
    group = known.groupby(labels[known.index])
    profiles = pd.DataFrame(
        {"total_yuan": group.sum(), "mean_yuan": group.mean(), "amount_share": group.sum() / known.sum()}
    )
    return Segmentation(name, labels, certainty, names, profiles, place, why, settings, extras)
