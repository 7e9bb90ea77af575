"""What is owed by age, how debts grow older, and how much comes in with time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import statsmodels.api as sm

from labkit.arrears.errors import ArrearsError
from labkit.arrears.ledger import Books, ledger
from labkit.estimates import Estimate, estimate_ratio, estimate_share

#: Ages by days overdue: upper end of each.
AGES = {"not_due": 0, "days_1_30": 30, "days_31_60": 60, "days_61_90": 90, "days_over_90": np.inf}
#: A debt in a state at a month's end; ``paid`` is where nothing is overdue.
STATES = ("paid", *list(AGES)[1:])


def age_of(days_overdue: np.ndarray | pd.Series) -> np.ndarray:
    """The age of debts by their days overdue.

    Examples
    --------
    >>> age_of(np.array([-3, 0, 1, 30, 31, 400])).tolist()
    ['not_due', 'not_due', 'days_1_30', 'days_1_30', 'days_31_60', 'days_over_90']
    """
    at = np.searchsorted(list(AGES.values()), np.asarray(days_overdue, dtype=float), side="left")
    return np.array(list(AGES))[at]


def age_receivables(books: Books, on: dt.date | None = None) -> pd.DataFrame:
    """What is owed at the end of a day, by age.

    Returns
    -------
    DataFrame
        ``age``, ``customers_count``, ``bills_count``, ``open_yuan``, ``share`` of it,
        ``largest_share``: that of the largest debtor of the age (for suppression).
        A row each age, counted on the engine.
    """
    rows = ledger(books, on).filter(lambda t: t.open_fen > 0)
    day = rows.days_overdue
    aged = rows.mutate(
        age=(day > 0).cast("int8") + (day > 30).cast("int8") + (day > 60).cast("int8") + (day > 90).cast("int8")
    )
    each = aged.group_by(["age", "customer_id"]).aggregate(n=aged.count(), fen=aged.open_fen.sum())
    total = each.group_by("age").aggregate(
        customers_count=each.count(), bills_count=each.n.sum(), fen=each.fen.sum(), top=each.fen.max()
    )
    found = books.run(total).set_index("age").reindex(range(len(AGES))).fillna(0)
    fen = found["fen"].astype("int64")
    return pd.DataFrame(
        {
            "age": list(AGES), "customers_count": found["customers_count"].astype("int64").to_numpy(),
            "bills_count": found["bills_count"].astype("int64").to_numpy(), "open_yuan": (fen / 100).to_numpy(),
            "share": (fen / max(fen.sum(), 1)).to_numpy(), "largest_share": (found["top"] / fen.clip(lower=1)).to_numpy(),
        }
    )  # fmt: skip


def roll_rates(late: pd.DataFrame, last_day: dt.date, *, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """How debts move between ages from one month's end to the next.

    Parameters
    ----------
    late : DataFrame
        Of `late_bills`.
    last_day : date
        Of the books.
    draws, seed : int
        Of the bootstrap over customers.

    Returns
    -------
    DataFrame
        ``age`` at a month's end (of the oldest overdue bill of a customer), ``next_age``,
        ``customers_count``, ``moves_count``, ``share`` of the moves from that age, ``low``,
        ``high`` (95 %: customers drawn anew, all their months together).

    Raises
    ------
    ArrearsError
        If the late bills span fewer than two month ends.

    Notes
    -----
    ``paid`` is what leaves the ages altogether. New debts of customers who owed
    nothing are not moves. A bill written off or of a customer who left looks like
    one that stays.
    """
    ends = pd.date_range(late["due_on"].min(), pd.Timestamp(last_day), freq="ME") if len(late) else []
    if len(ends) < 2:
        raise ArrearsError("late bills span fewer than two month ends; a move needs two")
    state = np.stack([_oldest(late, end) for end in ends], axis=1)  # bills x ends: days overdue, 0 if none
    who, names = pd.factorize(late["customer_id"])
    oldest = np.zeros((len(names), len(ends)))
    np.maximum.at(oldest, who, state)
    at = np.searchsorted(list(AGES.values()), oldest, side="left")
    k = len(STATES)
    row, month = np.nonzero(at[:, :-1] > 0)
    code = at[row, month] * k + at[row, month + 1]
    counts = np.zeros((len(names), k * k))
    np.add.at(counts, (row, code), 1)
    active = counts.sum(axis=1) > 0
    counts = counts[active]
    if not len(counts):
        raise ArrearsError("no debt was open at a month's end; there are no moves to count")
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(counts), np.full(len(counts), 1 / max(len(counts), 1)), size=draws)
    drawn = (weights @ counts).reshape(draws, k, k)
    total = counts.sum(axis=0).reshape(k, k)
    with np.errstate(invalid="ignore"):
        shares = drawn / drawn.sum(axis=2, keepdims=True)
        share = total / total.sum(axis=1, keepdims=True)
    rows = []
    for i in range(1, k):
        for j in range(k):
            own = shares[:, i, j][~np.isnan(shares[:, i, j])]
            members = int((counts.reshape(-1, k, k)[:, i].sum(axis=1) > 0).sum())
            low, high = np.quantile(own, [0.025, 0.975]) if len(own) else (np.nan, np.nan)
            if members and share[i, j] in (0.0, 1.0):  # drawing anew never finds what was not seen: Wilson, by customer
                edge = estimate_share(members if share[i, j] else 0, members)
                low, high = edge.low, edge.high
            rows.append((STATES[i], STATES[j], members, int(total[i, j]), share[i, j], low, high))
    return pd.DataFrame(rows, columns=["age", "next_age", "customers_count", "moves_count", "share", "low", "high"])


def _oldest(late: pd.DataFrame, end: pd.Timestamp) -> np.ndarray:
    owed = (late["due_on"] < end) & (late["settled_on"].isna() | (late["settled_on"] > end))
    return np.where(owed, (end - late["due_on"]).dt.days, 0)


def days_sales_outstanding(books: Books, on: dt.date | None = None, window_days: int = 90) -> Estimate:
    """Days of billing that are owed: receivables over what is billed a day.

    Parameters
    ----------
    window_days : int
        Days of billing to compare with; a season of its own where it is short.

    Returns
    -------
    Estimate
        [days] With an interval over customers.

    Raises
    ------
    ArrearsError
        If nothing was billed in the window.
    """
    day = on or books.last_day
    since = (pd.Timestamp(day) - pd.Timedelta(days=window_days)).date()
    rows = ledger(books, day)
    each = rows.group_by("customer_id").aggregate(
        open_fen=rows.open_fen.sum(), fen=rows.billed_fen.sum(where=rows.issued_on.fill_null(rows.due_on) > since)
    )
    frame = books.run(each.order_by("customer_id")).fillna(0)
    found = estimate_ratio(frame["open_fen"].to_numpy() * window_days, frame["fen"].to_numpy())
    if np.isnan(found.value):
        raise ArrearsError(f"nothing was billed in the {window_days} days before {day}; choose a longer window")
    return found


def recovery_curve(late: pd.DataFrame, by: pd.Series | None = None, until: int = 180) -> pd.DataFrame:
    """Share of late bills settled by the days since they fell due.

    Parameters
    ----------
    late : DataFrame
        Of `late_bills`; open bills count up to the last day known.
    by : Series, optional
        Group of each row of `late`.
    until : int
        Days shown.

    Returns
    -------
    DataFrame
        ``group``, ``day``, ``recovered_share``, ``low``, ``high`` (95 %, Greenwood on the
        log-log scale), ``bills_count``.

    Notes
    -----
    Kaplan and Meier (1958), doi:10.1080/01621459.1958.10501452: bills still open at
    the end of the data are censored, not lost. Bills of a customer are taken as
    independent, so the bands are somewhat too narrow.
    """
    groups = pd.Series("all", late.index) if by is None else by
    found = []
    for name, part in late.groupby(groups):
        if len(part) < 2 or not part["settled_on"].notna().any():
            continue
        curve = sm.SurvfuncRight(part["days_late"].clip(upper=10_000), part["settled_on"].notna().to_numpy())
        days = np.asarray(curve.surv_times, dtype=float)
        s = np.clip(np.asarray(curve.surv_prob), 1e-12, 1 - 1e-12)
        spread = 1.959964 * np.asarray(curve.surv_prob_se) / (s * np.abs(np.log(s)))
        low, high = 1 - s ** np.exp(-spread), 1 - s ** np.exp(spread)
        # All settled: the spread says nothing; so many in a row bound it from below (exact).
        done = np.asarray(curve.surv_prob) <= 0
        low, high = np.where(done, 0.025 ** (1 / len(part)), low), np.where(done, 1.0, high)
        keep = days <= until
        found.append(
            pd.DataFrame(
                {
                    "group": name, "day": days[keep], "recovered_share": 1 - np.asarray(curve.surv_prob)[keep],
                    "low": low[keep], "high": high[keep],
                    "bills_count": len(part),
                }
            )
        )  # fmt: skip
    columns = ["group", "day", "recovered_share", "low", "high", "bills_count"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
