"""What marketing cares about, by customer: left, paid late, satisfied; and whether a classification was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from labkit import terms
from labkit.lab import Lab
from labkit.segments.errors import SegmentError

OutcomeKind = Literal["yes_no", "share", "number", "amount"]
OUTCOME_KINDS: tuple[OutcomeKind, ...] = ("yes_no", "share", "number", "amount")
#: Of `marketing_outcomes`; the last two on request.
OUTCOMES = ("left", "late", "satisfaction", "use", "growth")
#: Fewer customers with an outcome, or fewer of yes or of no, tell nothing.
FEWEST_CUSTOMERS, FEWEST_OF_A_KIND = 30, 10
#: What a customer is, as against what it did: known at all times, so that a later period is no other evidence.
STANDING = "customers."


@dataclass(frozen=True, eq=False)
class Outcome:
    """Something that happened to customers in a period.

    Attributes
    ----------
    name : str
        Such as ``left``; named in the glossary as ``outcome=left``, or in `names`.
    values : Series
        By customer_id; missing where nothing is known of it.
    kind : {"yes_no", "share", "number", "amount"}
        ``share``: hits out of `trials`; ``amount``: money or energy, of which a few have most.
    made_of : frozenset of str
        Tables it was worked out from; ``customers.column`` for what a customer is.
    since, until : Timestamp
        First and last day of what it tells.
    trials : Series, optional
        By customer_id, for shares.
    base_since : Timestamp, optional
        Where it is a change: first day of the time before, with which it compares.
    names : (str, str), optional
        In English and Chinese, where the glossary has none.

    Raises
    ------
    SegmentError
        If kind, values, trials or period do not fit each other.

    Examples
    --------
    >>> left = Outcome("left", pd.Series([0, 1], ["a", "b"]), "yes_no", frozenset({"customers.left_on"}),
    ...                pd.Timestamp("2025-04-01"), pd.Timestamp("2025-12-31"))
    >>> left.label("zh")
    '流失'
    """

    name: str
    values: pd.Series
    kind: OutcomeKind
    made_of: frozenset[str]
    since: pd.Timestamp
    until: pd.Timestamp
    trials: pd.Series | None = None
    base_since: pd.Timestamp | None = None
    names: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.kind not in OUTCOME_KINDS:
            raise SegmentError(
                f"outcome {self.name}: kind is {self.kind!r}, expected one of {', '.join(OUTCOME_KINDS)}"
            )
        if self.values.index.has_duplicates:
            raise SegmentError(f"outcome {self.name}: a customer stands there twice; give a row a customer")
        if not self.since <= self.until:
            raise SegmentError(f"outcome {self.name}: its period ends before it begins; expected since <= until")
        if (self.kind == "share") != (self.trials is not None):
            raise SegmentError(f"outcome {self.name}: trials are wanted for a share, and for a share only")
        known = self.values.dropna().astype(float)
        if self.kind == "yes_no" and not known.isin([0, 1]).all():
            raise SegmentError(f"outcome {self.name}: expected 0 or 1 for each customer")
        if self.trials is not None:
            out_of = self.trials.reindex(known.index).fillna(0)
            if (known < 0).any() or (known > out_of).any():
                raise SegmentError(f"outcome {self.name}: expected hits from 0 to the trials of the customer")

    def label(self, language: terms.Language = "en") -> str:
        """Name of the outcome."""
        return self.names[language == "zh"] if self.names else terms.category("outcome", self.name, language)

    def cases(self, ids: pd.Index) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Places in `ids` of customers with the outcome, its values, and trials where there are such.

        Notes
        -----
        Of amounts a few customers have most, and some may be below 0, so that squared error would be about these few and
        neither logarithm nor gamma fits: they become normal scores of their ranks (Blom 1958), and what is explained
        is who brings more than whom, not by how many yuan.
        """
        y = self.values.reindex(ids).astype(float).to_numpy()
        t = None if self.trials is None else self.trials.reindex(ids).fillna(0).astype(float).to_numpy()
        there = np.isfinite(y) if t is None else np.isfinite(y) & (t > 0)
        places = np.flatnonzero(there)
        y = y[places]
        if self.kind == "yes_no":
            t = np.ones(len(y))
        elif t is not None:
            t = t[places]
        if self.kind == "amount" and len(y):
            y = norm.ppf((rankdata(y) - 0.375) / (len(y) + 0.25))
        return places, y, t

    def why_not(self, ids: pd.Index) -> str:
        """Why nothing can be said of it: ``too_few``, ``all_alike``, or empty."""
        _, y, t = self.cases(ids)
        if len(y) < FEWEST_CUSTOMERS:
            return "too_few"
        if t is not None:
            hits, misses = int(y.sum()), int((t - y).sum())
            return "" if min(hits, misses) >= FEWEST_OF_A_KIND else "too_few"
        return "" if np.ptp(y) > 0 else "all_alike"


def find_overlap(made_of: frozenset[str], until: pd.Timestamp | None, outcome: Outcome) -> str:
    """Whether a classification may be credited with an outcome: ``same_data``, ``looks_ahead``, or empty if it may.

    Parameters
    ----------
    made_of : frozenset of str
        Tables the classification was made of; ``customers.column`` for what a customer is.
    until : Timestamp, optional
        Last day of the data it was made of; None for what holds at all times.
    outcome : Outcome

    Notes
    -----
    ``same_data``: both come from the same table and their times overlap, or from the same standing fact, for which another
    time is no other evidence. ``looks_ahead``: made with data of the outcome's time, when those who are to leave
    may already have changed.

    Examples
    --------
    >>> late = Outcome("late", pd.Series([1.0]), "yes_no", frozenset({"bills", "payments"}),
    ...                pd.Timestamp("2025-04-01"), pd.Timestamp("2025-12-31"))
    >>> [find_overlap(frozenset({t}), pd.Timestamp(d), late) for t, d in
    ...  (("payments", "2025-12-31"), ("payments", "2025-03-31"), ("readings", "2025-12-31"))]
    ['same_data', '', 'looks_ahead']
    """
    shared = made_of & outcome.made_of
    if any(source.startswith(STANDING) for source in shared):
        return "same_data"
    if shared and until is not None and until >= (outcome.base_since or outcome.since):
        return "same_data"
    return "looks_ahead" if until is not None and until >= outcome.since else ""


@dataclass(frozen=True)
class _Period:
    cut: pd.Timestamp
    until: pd.Timestamp
    months: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        first = (self.cut + pd.Timedelta(days=1)).to_period("M")
        whole = self.until.to_period("M") if self.until.is_month_end else self.until.to_period("M") - 1
        object.__setattr__(self, "months", (str(first), str(whole)))


def marketing_outcomes(
    lab: Lab, cut: str | pd.Timestamp, until: str | pd.Timestamp, which: Sequence[str] = OUTCOMES[:3]
) -> tuple[tuple[Outcome, ...], tuple[str, ...]]:
    """Outcomes of a lab after a day, of customers who were there that day.

    Parameters
    ----------
    lab : Lab
    cut : date
        Last day of what classifications may know, the end of a month; outcomes begin the day after.
    until : date
        Last day of the outcomes.
    which : sequence of str
        Of `OUTCOMES`. ``left``: to any end; ``late``: bills due in the period not paid in full by their day (`trials`: the bills);
        ``satisfaction``: mean of the overall answers given in the period; ``use``: kWh a billed month; ``growth``: of
        the same months a year before, in natural logarithms, so that what was made of bills of that time is not credited.

    Returns
    -------
    outcomes : tuple of Outcome
    missing : tuple of str
        Those for which a table is missing, ready for `Lab.explain_missing`: the table's name.

    Raises
    ------
    SegmentError
        If an outcome is not known, or the period is empty or no whole month.

    Notes
    -----
    Margin and response to price are made by the domains that know them and given to `compare` as `Outcome` besides.
    """
    strange = sorted(set(which) - set(OUTCOMES))
    if strange:
        raise SegmentError(f"which: there is no outcome {strange[0]!r}; expected some of {', '.join(OUTCOMES)}")
    period = _Period(pd.Timestamp(cut), pd.Timestamp(until))
    if not period.cut.is_month_end or period.months[0] > period.months[1]:
        raise SegmentError("cut: expected the last day of a month, a month or more before until")
    needs = {"left": "customers", "late": "payments", "satisfaction": "surveys", "use": "bills", "growth": "bills"}
    missing = tuple(dict.fromkeys(needs[name] for name in which if not lab.has(needs[name])))
    there = customers_at(lab, period.cut)
    return tuple(_read(lab, name, there, period) for name in which if lab.has(needs[name])), missing


def customers_at(lab: Lab, day: pd.Timestamp) -> pd.DataFrame:
    """Customers connected and not yet gone on a day, by customer_id in order, with all columns."""
    frame = lab.run(lab.customers.order_by("customer_id"))
    gone = pd.to_datetime(frame["left_on"]) if "left_on" in frame else pd.Series(pd.NaT, frame.index)
    here = ~(gone <= day)
    if "connected_on" in frame:
        here &= ~(pd.to_datetime(frame["connected_on"]) > day)
    return frame[here].reset_index(drop=True)


def _read(lab: Lab, name: str, there: pd.DataFrame, period: _Period) -> Outcome:
    ids = pd.Index(there["customer_id"], name="customer_id")
    since, until = period.cut + pd.Timedelta(days=1), period.until
    if name == "left":
        gone = pd.to_datetime(there["left_on"]).to_numpy()
        left = (gone <= np.datetime64(until)).astype(float)
        return Outcome(name, pd.Series(left, ids), "yes_no", frozenset({"customers.left_on"}), since, until)
    if name == "late":
        table = _late_bills(lab, since, until).reindex(ids)
        return Outcome(name, table["late"], "share", frozenset({"bills", "payments"}), since, until, table["bills"])
    if name == "satisfaction":
        asked = lab.run(lab.surveys.select("customer_id", "surveyed_on", "overall"))
        asked = asked[pd.to_datetime(asked["surveyed_on"]).between(since, until)]
        mean = asked.groupby("customer_id")["overall"].mean().reindex(ids)
        return Outcome(name, mean, "number", frozenset({"surveys"}), since, until)
    first, last = (pd.Period(month, "M") for month in period.months)
    own = monthly_amount(lab, "kwh", str(first), str(last))
    if name == "use":
        return Outcome(name, own.reindex(ids), "amount", frozenset({"bills"}), since, until)
    before = monthly_amount(lab, "kwh", str(first - 12), str(last - 12))
    ratio = (own / before).reindex(ids)
    growth = np.log(ratio.where(ratio > 0)).replace([np.inf, -np.inf], np.nan)
    base = since - pd.DateOffset(years=1)
    return Outcome(name, growth, "number", frozenset({"bills"}), since, until, base_since=base)


def _late_bills(lab: Lab, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
    """``late`` and ``bills`` by customer, of bills that fell due in the period."""
    bills = lab.run(lab.bills.select("bill_id", "customer_id", "due_on", "total_yuan").order_by("bill_id"))
    bills = bills.assign(due_on=pd.to_datetime(bills["due_on"]))
    due = bills[bills["due_on"].between(since, until) & (bills["total_yuan"] > 0)]
    paid = lab.run(lab.payments.select("payment_id", "bill_id", "paid_on", "amount_yuan").order_by("payment_id"))
    every = paid.merge(due[["bill_id", "due_on"]], on="bill_id")
    by_day = every[pd.to_datetime(every["paid_on"]) <= every["due_on"]].groupby("bill_id")["amount_yuan"].sum()
    late = due["bill_id"].map(by_day).fillna(0.0) < due["total_yuan"] - 0.005
    return pd.DataFrame(
        {"late": late.groupby(due["customer_id"]).sum().astype(float), "bills": due.groupby("customer_id").size()}
    )


def monthly_amount(lab: Lab, column: str, first: str, last: str) -> pd.Series:
    """Mean a billed month of a column of the bills, months ``first`` to ``last``, by customer_id."""
    rows = lab.bills.filter((lab.bills.period >= first) & (lab.bills.period <= last))
    table = lab.run(rows.select("bill_id", "customer_id", "period", amount=rows[column]).order_by("bill_id"))
    months = table.groupby("customer_id")["period"].nunique()
    return (table.groupby("customer_id")["amount"].sum() / months).rename(column)
