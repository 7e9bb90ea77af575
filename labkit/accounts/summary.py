"""What many accounts come to together, as a page may show it: small cells hidden, intervals beside."""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit import privacy
from labkit.accounts.ranking import CRITERIA, count_tier_moves, tiers_by_period
from labkit.accounts.study import AccountStudy
from labkit.concentration import TIERS, Every
from labkit.estimates import Estimate, estimate_by_bootstrap, estimate_share

ADVICE = ("tariff", "contract", "capacitor", "hours", "maintenance", "expansion")


def summarise_criteria(ranked: pd.DataFrame, minimum: int = privacy.MIN_CUSTOMERS) -> pd.DataFrame:
    """How many accounts each criterion names, and what they bring.

    Returns
    -------
    DataFrame
        ``account_criterion`` (the four, and ``key_account``), ``customers_count``,
        ``share`` of revenue, hidden where few or one dominates.
    """
    rows = []
    for name in (*CRITERIA, "key_account"):
        mine = ranked[ranked[name]]
        revenue = mine["revenue_yuan"]
        share = float(revenue.sum() / ranked["revenue_yuan"].sum())
        largest = float(revenue.max() / revenue.sum()) if len(mine) else 1.0
        few = minimum > 1 and not privacy.amount_may_be_shown(len(mine), largest)
        rows.append((name, len(mine), np.nan if few else share))
    table = pd.DataFrame(rows, columns=["account_criterion", "customers_count", "share"])
    return privacy.suppress_small_cells(table, count="customers_count", values=["share"], minimum=minimum, total=False)


def tabulate_moves(bills: pd.DataFrame, every: Every = "quarter", minimum: int = privacy.MIN_CUSTOMERS) -> pd.DataFrame:
    """The migration matrix: of those in a tier, the share in each tier one period later.

    Returns
    -------
    DataFrame
        ``tier_before``, ``customers_count`` (moves seen), and a column a tier with
        the share; cells of few moves are hidden.
    """
    moves = count_tier_moves(tiers_by_period(bills, every))
    if moves.empty:
        return pd.DataFrame(columns=["tier_before", "customers_count", *TIERS])
    # The number of moves of a row is shown: a hidden share would follow from the rest of it.
    sums = [(len(moves) + i, np.flatnonzero(moves["tier_before"] == tier).tolist()) for i, tier in enumerate(TIERS)]
    cells = moves["customers_count"].to_numpy(dtype=float)
    totals = [cells[parts].sum() for _, parts in sums]
    hidden = privacy.hide_cells(np.append(cells, totals), sums, minimum=minimum)[: len(moves)]
    wide = moves.assign(share=moves["share"].where(~hidden)).set_index(["tier_before", "tier_after"])
    counts = moves.groupby("tier_before")["customers_count"].sum().astype(float)
    table = pd.DataFrame({"tier_before": list(TIERS)} | {t: [wide.loc[(b, t), "share"] for b in TIERS] for t in TIERS})
    table.insert(1, "customers_count", counts.reindex(list(TIERS)).to_numpy())
    return table


def summarise_moves(bills: pd.DataFrame, minimum: int = privacy.MIN_CUSTOMERS) -> pd.DataFrame:
    """Share of each tier that is in the same tier a month, a quarter, a year later.

    Parameters
    ----------
    bills : DataFrame
        Of `monthly_bills`, for the customers that count.

    Returns
    -------
    DataFrame
        ``every``, ``tier``, ``customers_count`` in it at first on average, ``share``
        that stays with ``low`` and ``high``: over customers (each one's share of
        moves), since one customer's months hang together.
    """
    rows = []
    every: Every
    for every in ("month", "quarter", "year"):
        tiers = tiers_by_period(bills, every)
        wide = tiers.pivot_table(index="customer_id", columns="period", values="tier", aggfunc="first")
        if wide.shape[1] < 2:
            continue
        before, after = wide.iloc[:, :-1].to_numpy(dtype=object), wide.iloc[:, 1:].to_numpy(dtype=object)
        known = pd.notna(before) & pd.notna(after)
        for tier in TIERS:
            here = known & (before == tier)
            counts = np.column_stack([(here & (after == tier)).sum(axis=1), here.sum(axis=1)])
            counts = counts[counts[:, 1] > 0]
            stays = _share_of(counts, every)
            rows.append((every, tier, len(counts), stays.value, stays.low, stays.high))
    table = pd.DataFrame(rows, columns=["every", "tier", "customers_count", "share", "low", "high"])
    return privacy.suppress_small_cells(
        table, count="customers_count", values=["share", "low", "high"], minimum=minimum, total=False
    )


def _share_of(counts: np.ndarray, every: str) -> Estimate:
    """Stays over all, a row a customer; a share of one for each customer has Wilson's interval."""
    if len(counts) < 5:
        return Estimate(np.nan, np.nan, np.nan, len(counts))
    if every == "year" or (counts[:, 0] == counts[:, 1]).all():
        hits = int((counts[:, 0] == counts[:, 1]).sum())
        return estimate_share(hits, len(counts))
    return estimate_by_bootstrap(counts, lambda x: x[..., 0].sum(axis=1) / x[..., 1].sum(axis=1), seed=5)


def summarise_trends(trends: pd.DataFrame, minimum: int = privacy.MIN_CUSTOMERS) -> pd.DataFrame:
    """How many accounts grow, shrink and stay.

    Parameters
    ----------
    trends : DataFrame
        Of `find_trends`.

    Returns
    -------
    DataFrame
        ``direction``, ``customers_count``, ``share`` with ``low`` and ``high``
        (Wilson), ``change_share``: the median change a year.
    """
    rows = []
    for name in ("growing", "steady", "shrinking", "unknown"):
        mine = trends[trends["direction"] == name]
        share = estimate_share(len(mine), len(trends)) if len(trends) else Estimate(np.nan, np.nan, np.nan, 0)
        rows.append((name, len(mine), share.value, share.low, share.high, mine["change_share"].median()))
    table = pd.DataFrame(rows, columns=["direction", "customers_count", "share", "low", "high", "change_share"])
    table = table[table["customers_count"] > 0].reset_index(drop=True)
    hidden = ["share", "low", "high", "change_share"]
    return privacy.suppress_small_cells(table, count="customers_count", values=hidden, minimum=minimum)


def largest_savings(studies: dict[str, AccountStudy]) -> pd.DataFrame:
    """The largest single saving of each account.

    Returns
    -------
    DataFrame
        ``customer_id``, ``advice``, ``saving_yuan`` (0 where nothing is worth
        doing), ``bill_yuan``. Items overlap, so only one of each account is
        counted: what is found is the least that can be had.
    """
    rows = []
    for name, study in studies.items():
        best = next((item for item in study.advice.to_do if item.saving is not None), None)
        value = best.saving.value if best is not None and best.saving is not None else 0.0
        rows.append((name, best.kind if best else None, value, study.advice.bill_yuan))
    return pd.DataFrame(rows, columns=["customer_id", "advice", "saving_yuan", "bill_yuan"])


def may_show_total(largest: pd.DataFrame, minimum: int = privacy.MIN_CUSTOMERS) -> bool:
    """Whether the sum of the savings may be shown: enough accounts, none that dominates."""
    total = largest["saving_yuan"].sum()
    if minimum <= 1:
        return len(largest) > 0
    return total > 0 and privacy.amount_may_be_shown(len(largest), float(largest["saving_yuan"].max() / total))


def estimate_total_saving(largest: pd.DataFrame, seed: int = 5) -> tuple[Estimate, Estimate]:
    """Sum of the largest savings [yuan a year], and its share of the bills; intervals over accounts."""
    values = largest[["saving_yuan", "bill_yuan"]].to_numpy()
    if len(values) < 5:
        total, share = float(values[:, 0].sum()), float(values[:, 0].sum() / values[:, 1].sum())
        return Estimate(total, np.nan, np.nan, len(values)), Estimate(share, np.nan, np.nan, len(values))
    return (
        estimate_by_bootstrap(values, lambda x: x[..., 0].sum(axis=1), seed=seed),
        estimate_by_bootstrap(values, lambda x: x[..., 0].sum(axis=1) / x[..., 1].sum(axis=1), seed=seed),
    )


def savings_by_segment(
    largest: pd.DataFrame, segment: pd.Series, minimum: int = privacy.MIN_CUSTOMERS, seed: int = 5
) -> pd.DataFrame:
    """What the largest savings come to in each segment.

    Parameters
    ----------
    largest : DataFrame
        Of `largest_savings`.
    segment : Series
        Segment by customer_id.
    minimum : int
        Segments of fewer accounts are left out, and those one account dominates.

    Returns
    -------
    DataFrame
        ``segment``, ``customers_count``, ``share`` saved of the bills with ``low_share``, ``high_share``, ``advice`` most often best.
    """
    rows = []
    known = largest.assign(segment=largest["customer_id"].map(segment)).dropna(subset=["segment"])
    for name, part in known.groupby("segment", sort=True):
        if len(part) < max(minimum, 5) or not may_show_total(part, minimum):
            continue
        _, share = estimate_total_saving(part, seed)
        named = part["advice"].dropna().value_counts().sort_index()
        most = f"advice={named.idxmax()}" if len(named) else ""
        rows.append((name, len(part), share.value, share.low, share.high, most))
    return pd.DataFrame(rows, columns=["segment", "customers_count", "share", "low_share", "high_share", "advice"])


def tariffs_by_segment(
    studies: dict[str, AccountStudy], segment: pd.Series, minimum: int = privacy.MIN_CUSTOMERS
) -> pd.DataFrame:
    """Share of the key accounts of each segment that would pay less on another tariff or basic charge.

    Returns
    -------
    DataFrame
        ``segment``, ``customers_count``, ``share`` with ``low_share``, ``high_share`` (Wilson); segments of fewer
        accounts are left out, and those where fewer, but some, are of one kind.
    """
    better = pd.Series(
        {name: any(i.kind == "tariff" for i in s.advice.to_do) for name, s in studies.items()}, dtype=bool
    )
    rows = []
    for name, part in better.groupby(better.index.map(segment)):
        hits, n = int(part.sum()), len(part)
        if n < minimum or 0 < hits < minimum:
            continue
        share = estimate_share(hits, n)
        rows.append((name, n, share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["segment", "customers_count", "share", "low_share", "high_share"])


def summarise_advice(studies: dict[str, AccountStudy], minimum: int = privacy.MIN_CUSTOMERS) -> pd.DataFrame:
    """What each kind of advice brings over all accounts.

    Returns
    -------
    DataFrame
        Largest median first: ``advice``, ``customers_count`` for whom it is worth
        it, ``share`` of accounts, ``median_share``: the median account's saving as
        a share of its bill, with ``low`` and ``high`` (bootstrap over accounts);
        kinds without money come last.
    """
    rows = []
    for kind in ADVICE:
        shares, count = [], 0
        for study in studies.values():
            items = [item for item in study.advice.to_do if item.kind == kind]
            count += bool(items)
            shares += [item.saving.value / study.advice.bill_yuan for item in items if item.saving is not None]
        found = Estimate(float(np.median(shares)) if shares else np.nan, np.nan, np.nan, len(shares))
        if len(shares) >= 5:
            found = estimate_by_bootstrap(np.array(shares), lambda x: np.median(x, axis=1), seed=5)
        rows.append((kind, count, count / max(len(studies), 1), found.value, found.low, found.high))
    columns = ["advice", "customers_count", "share", "median_share", "low", "high"]
    table = privacy.suppress_small_cells(
        pd.DataFrame(rows, columns=columns), count="customers_count", values=columns[2:], minimum=minimum, total=False
    )
    # What is hidden stands last, so that its place tells nothing.
    table["_hidden"] = table["customers_count"].isna()
    table = table.sort_values(["_hidden", "median_share"], ascending=[True, False], ignore_index=True, kind="stable")
    return table.drop(columns="_hidden")


def summarise_modes(studies: dict[str, AccountStudy], minimum: int = privacy.MIN_CUSTOMERS) -> pd.DataFrame:
    """Today's tariffs of the accounts, and how many would do better with another.

    Returns
    -------
    DataFrame
        ``tariff_id``, ``name_en``, ``name_zh``, ``customers_count``, ``share``
        better off with another, with ``low`` and ``high`` (Wilson).
    """
    rows = []
    for study in studies.values():
        choice = study.advice.choice
        names = choice.table.set_index("tariff_id").loc[str(choice.current)]
        changes = any(item.kind == "tariff" for item in study.advice.to_do)
        rows.append((choice.current, names["name_en"], names["name_zh"], changes))
    table = pd.DataFrame(rows, columns=["tariff_id", "name_en", "name_zh", "changes"])
    found = []
    for key, mine in table.groupby(["tariff_id", "name_en", "name_zh"]):
        share = estimate_share(int(mine["changes"].sum()), len(mine))
        found.append((*key, len(mine), share.value, share.low, share.high))
    columns = ["tariff_id", "name_en", "name_zh", "customers_count", "share", "low", "high"]
    out = pd.DataFrame(found, columns=columns).sort_values("customers_count", ascending=False, ignore_index=True)
    return privacy.suppress_small_cells(out, count="customers_count", values=columns[4:], minimum=minimum)


def describe_loads(studies: dict[str, AccountStudy], minimum: int = privacy.MIN_CUSTOMERS) -> pd.DataFrame:
    """Medians of the load figures over the accounts, with intervals and quartiles.

    Returns
    -------
    DataFrame
        ``figure``, ``median`` with ``low`` and ``high`` (bootstrap over accounts),
        ``lower_quartile``, ``upper_quartile``; empty with fewer than `minimum`.
    """
    if len(studies) < max(minimum, 5):
        return pd.DataFrame(columns=["figure", "median", "low", "high", "lower_quartile", "upper_quartile"])
    loads = [study.load for study in studies.values()]
    values = {
        "load_factor": [x.load_factor for x in loads],
        "base_share": [x.base_load_kw / x.maximum_demand_kw if x.maximum_demand_kw else np.nan for x in loads],
        "weekend_ratio": [x.weekend_ratio for x in loads],
        "coincidence": [x.coincidence.value if x.coincidence else np.nan for x in loads],
    }
    rows = []
    for name, column in values.items():
        x = np.array(column, dtype=float)
        x = x[np.isfinite(x)]
        if len(x) >= 5:
            middle = estimate_by_bootstrap(x, lambda d: np.median(d, axis=1), seed=5)
            rows.append((name, middle.value, middle.low, middle.high, *np.quantile(x, [0.25, 0.75])))
    return pd.DataFrame(rows, columns=["figure", "median", "low", "high", "lower_quartile", "upper_quartile"])
