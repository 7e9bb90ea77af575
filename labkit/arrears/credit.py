"""Who will not pay: outcomes defined, a scorecard fitted, tried on what came later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm

from labkit.arrears.behaviour import late_bills, payment_behaviour
from labkit.arrears.errors import ArrearsError
from labkit.arrears.ledger import Books
from labkit.arrears.scorecard import GRADES, Scorecard, fit_scorecard, grade
from labkit.arrears.validation import grade_table
from labkit.arrears.woe import bin_woe
from labkit.estimates import Estimate
from labkit.lab import Lab
from labkit.scores import ScoreError, calibrate, compare_auc, measure_auc, measure_ks, measure_psi

#: A customer turns bad on the day a bill is so many days overdue.
BAD_DAYS = 60
#: Worse than good, not yet bad: such cases are left out of fitting, and counted when tried.
BETWEEN_DAYS = 30
LEAST_HISTORY_DAYS = 180
#: Customers that turned bad, for a score to be fitted and to be tried.
LEAST_BAD = 10
#: Share of the cases in each bin: one customer in fifty or so turns bad, so bins of a twentieth would hide them all.
SMALLEST_BIN = 0.01
#: Attributes of the score, all known on the day it is given.
ATTRIBUTES = (
    "late_share", "mean_days_late", "max_days_late", "part_share", "notice_share", "promises_broken_count",
    "overdue_months", "bill_change", "late_change", "tenure_years",
)  # fmt: skip


def outcomes(late: pd.DataFrame, on: dt.date, months: int, days: int = BAD_DAYS) -> tuple[set[str], set[str]]:
    """Customers with a bill that passed so many days overdue after a day and within some months; and before it.

    Parameters
    ----------
    late : DataFrame
        Of `late_bills` as known at the end of the data.
    """
    passed = late["due_on"] + pd.Timedelta(days=days)
    passed = passed[late["settled_on"].isna() | (late["settled_on"] > passed)]
    start, end = pd.Timestamp(on), pd.Timestamp(on) + pd.DateOffset(months=months)
    after = passed[(passed > start) & (passed <= end)].index
    # Still open and past the limit on the day: bad already, nothing to foretell.
    owed = late["settled_on"].isna() | (late["settled_on"] > start)
    already = late.index[owed & (late["due_on"] + pd.Timedelta(days=days) <= start)]
    return set(late.loc[after, "customer_id"]), set(late.loc[already, "customer_id"])


def credit_cases(lab: Lab, books: Books, on: dt.date, months: int) -> pd.DataFrame:
    """Cases of a day: what was known of each customer, and whether it turned bad afterwards.

    Returns
    -------
    DataFrame
        ``customer_id``, ``as_of``, the attributes of `ATTRIBUTES` there are, ``bad``,
        ``between`` (30 to 60 days overdue at worst), ``mean_bill_yuan``, ``overdue_yuan`` and the
        protected ``customer_class``, ``settlement`` for the test of fairness.
        Customers already bad on the day are left out, and prepaying ones without bills.

    Raises
    ------
    ArrearsError
        If the data end before the months are over.
    """
    end = pd.Timestamp(on) + pd.DateOffset(months=months)
    if end > pd.Timestamp(books.last_day):
        raise ArrearsError(f"{months} months from {on} end after the data ({books.last_day}); choose an earlier day")
    late = late_bills(books)
    bad, already = outcomes(late, on, months)
    worse, _ = outcomes(late, on, months, BETWEEN_DAYS)
    cases = known_on(lab, books, on)
    cases = cases[~cases["customer_id"].isin(already)].reset_index(drop=True)
    cases["bad"] = cases["customer_id"].isin(bad)
    cases["between"] = cases["customer_id"].isin(worse) & ~cases["bad"]
    return cases


def known_on(lab: Lab, books: Books, on: dt.date) -> pd.DataFrame:
    """What is known of each customer with bills on a day: attributes of the score, and who it is."""
    told = payment_behaviour(books, on)
    told["overdue_months"] = told["overdue_yuan"] / told["mean_bill_yuan"]
    customers = lab.customers
    wanted = ["customer_id", "connected_on", "left_on", "customer_class", "settlement"]
    who = lab.run(customers.select(*[c for c in wanted if c in customers.columns]))
    frame = told.merge(who, on="customer_id", how="left")
    day = pd.Timestamp(on)
    if "left_on" in frame:  # who has left by then is no customer to be graded
        left = pd.to_datetime(frame["left_on"])
        frame = frame[left.isna() | (left > day)].reset_index(drop=True)
    if "connected_on" in frame:
        frame["tenure_years"] = (day - pd.to_datetime(frame["connected_on"])).dt.days / 365.25
    # Seasons move most bills alike; what is left is the customer's own. Not by class: that is protected.
    frame["bill_change"] = (1 + frame["bill_change"]) / (1 + frame["bill_change"].median()) - 1
    frame["as_of"] = day
    keep = [
        "customer_id",
        "as_of",
        *ATTRIBUTES,
        "bills_count",
        "mean_bill_yuan",
        "overdue_yuan",
        "customer_class",
        "settlement",
    ]
    return frame[[c for c in keep if c in frame]]


@dataclass(frozen=True, eq=False)
class CreditModel:
    """A scorecard with how it did on cases it had not seen.

    Attributes
    ----------
    card : Scorecard
    tested : DataFrame
        The cases it was tried on, with ``score``, ``default_probability``, ``grade``, ``boosted_probability``.
    out_of_time : bool
        Whether they come after the end of all that it was fitted on; otherwise they
        are other customers of the same day.
    measures : DataFrame
        ``measure`` (auc, ks, auc_boosted, auc_gain of the boosted trees, auc_rule: of the longest
        delay alone, auc_clear: among those who owed nothing overdue that day, missing where fewer than
        10 of them turned bad, brier, slope, intercept, psi where out of time), ``value``, ``low``, ``high``.
    grades : DataFrame
        Of `grade_table`.
    fitted : DataFrame
        The cases it was fitted on.
    """

    card: Scorecard
    tested: pd.DataFrame
    months: int
    out_of_time: bool
    measures: pd.DataFrame
    grades: pd.DataFrame
    fitted: pd.DataFrame

    def measure(self, name: str) -> Estimate:
        """One of the measures."""
        row = self.measures.set_index("measure").loc[name]
        return Estimate(float(row["value"]), float(row["low"]), float(row["high"]), len(self.tested))


def fit_credit(lab: Lab, books: Books, months: int = 3, *, seed: int = 0) -> CreditModel:
    """Chance that a customer has a bill 60 days overdue within some months.

    Parameters
    ----------
    months : int
        Such as 3 or 12.
    seed : int
        Of the split and of the boosted trees.

    Returns
    -------
    CreditModel
        Out of time where the data are long enough: fitted on days whose months are over
        before the day it is tried on. Otherwise fitted on two thirds of the customers
        and tried on the others, which flatters it.

    Raises
    ------
    ArrearsError
        If the data are too short, or too few customers turned bad.

    Notes
    -----
    Bad: a bill 60 days overdue; in between (30 to 60) is left out of fitting, and counted as not
    bad in setting the level of the chances. Beside
    it, boosted trees (scikit-learn) on the same attributes say what a model that
    explains itself less would add.
    """
    last = pd.Timestamp(books.last_day)
    test_day = (last - pd.DateOffset(months=months)).date()
    first = pd.Timestamp(str(books.run(books.bills.aggregate(d=books.bills.due_on.min()))["d"].iloc[0]))
    test = credit_cases(lab, books, test_day, months)
    days = _fitting_days(pd.Timestamp(test_day) - pd.DateOffset(months=months), first)
    out_of_time = bool(days)
    train = pd.concat(
        [credit_cases(lab, books, d, months) for d in days or _fitting_days(pd.Timestamp(test_day), first)],
        ignore_index=True,
    )
    if not out_of_time:
        ids = np.sort(test["customer_id"].unique())
        chosen = set(ids[np.random.default_rng(seed).random(len(ids)) < 2 / 3])
        train = train[train["customer_id"].isin(chosen)].reset_index(drop=True)
        test = test[~test["customer_id"].isin(chosen)].reset_index(drop=True)
    everybody, train = train, train[~train["between"]].reset_index(drop=True)
    for name, part in (("fitted on", train), ("tried on", test)):
        n = part.loc[part["bad"], "customer_id"].nunique()
        if n < LEAST_BAD:
            raise ArrearsError(f"{n} customers of those {name} turned bad; a score needs {LEAST_BAD} at least")
    attributes = [c for c in ATTRIBUTES if c in train and train[c].notna().any()]
    card = fit_scorecard(train, "bad", attributes=attributes, groups=train["customer_id"], least_share=SMALLEST_BIN)
    card = card.recalibrate(everybody, everybody["bad"])
    tested = test.assign(
        score=card.score(test), default_probability=card.probability(test),
        boosted_probability=_boost(train, test, attributes, seed),
    )  # fmt: skip
    tested["grade"] = grade(tested["default_probability"], _limits(months))
    bad, p = tested["bad"].to_numpy(), tested["default_probability"].to_numpy()
    found = [("auc", measure_auc(bad, p)), ("ks", measure_ks(bad, p, seed=seed))]
    q = tested["boosted_probability"].to_numpy()
    found += [("auc_boosted", measure_auc(bad, q)), ("auc_gain", compare_auc(bad, q, p))]
    found.append(("auc_rule", measure_auc(bad, tested["max_days_late"])))
    clear = (tested["overdue_yuan"] == 0).to_numpy()
    rows = [(name, e.value, e.low, e.high) for name, e in found]
    # Who is overdue already need only go on; to foretell it of those who owe nothing is another matter.
    if bad[clear].sum() >= LEAST_BAD:
        early = measure_auc(bad[clear], p[clear])
        rows.append(("auc_clear", early.value, early.low, early.high))
    else:
        rows.append(("auc_clear", np.nan, np.nan, np.nan))
    if out_of_time:
        rows.append(("psi", measure_psi(card.score(train), tested["score"]), np.nan, np.nan))
    measures = pd.concat(
        [pd.DataFrame(rows, columns=["measure", "value", "low", "high"]), calibrate(bad, p)], ignore_index=True
    )
    table = grade_table(tested["grade"].to_numpy(), bad, p)
    return CreditModel(card, tested, months, out_of_time, measures, table, train)


def fit_credits(
    lab: Lab, books: Books, months: Sequence[int] = (3, 12)
) -> tuple[dict[int, CreditModel], dict[int, str]]:
    """A score for each number of months, and why there is none for others."""
    models, refused = {}, {}
    for count in months:
        try:
            models[count] = fit_credit(lab, books, count)
        except (ArrearsError, ScoreError) as error:
            refused[count] = str(error)
    return models, refused


def _fitting_days(last: pd.Timestamp, first: pd.Timestamp) -> list[dt.date]:
    """Up to four days, three months apart, with half a year of bills before each."""
    days = [last - pd.DateOffset(months=3 * k) for k in (3, 2, 1, 0)]
    return [day.date() for day in days if (day - first).days >= LEAST_HISTORY_DAYS]


def _limits(months: int) -> dict[str, float]:
    """Grades are set for twelve months; for fewer, the chance that leads to it at an even rate."""
    ends = {name: 1 - (1 - end) ** (months / 12) for name, end in GRADES.items()}
    return ends | {"E": 1.0}


def _boost(train: pd.DataFrame, test: pd.DataFrame, attributes: list[str], seed: int) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    def plain(frame: pd.DataFrame) -> np.ndarray:
        return frame[attributes].to_numpy(dtype=float)

    model = HistGradientBoostingClassifier(max_depth=3, learning_rate=0.05, max_iter=150, random_state=seed)
    # Threads of several notebooks at once wait for one another longer than they work.
    with threadpool_limits(1):
        return np.asarray(model.fit(plain(train), train["bad"]).predict_proba(plain(test))[:, 1])


def grades_for(model: CreditModel, known: pd.DataFrame) -> np.ndarray:
    """Grade of each customer of `known_on` by a score, with the limits of its months."""
    return grade(model.card.probability(known), _limits(model.months))


def price_of_fairness(model: CreditModel) -> Estimate:
    """What leaving class and settlement out costs: AUC with them, less that without, on the cases tried.

    Notes
    -----
    A logit whose offset is the log odds of the score, on the weights of evidence of both, fitted on the
    cases the score was fitted on.
    """
    train, tested = model.fitted, model.tested
    known = [c for c in ("customer_class", "settlement") if c in train]
    binnings = {c: bin_woe(train[c].astype(object), train["bad"]) for c in known}

    def parts(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        chance = model.card.probability(frame).to_numpy().clip(1e-9, 1 - 1e-9)
        woe = [binnings[c].transform(frame[c]) for c in known]
        return np.log(chance / (1 - chance)), np.column_stack([np.ones(len(frame)), *woe])

    odds, x = parts(train)
    fit = sm.GLM(train["bad"].astype(float), x, family=sm.families.Binomial(), offset=odds).fit()
    odds, x = parts(tested)
    return compare_auc(tested["bad"], odds + x @ np.asarray(fit.params), tested["default_probability"].to_numpy())
