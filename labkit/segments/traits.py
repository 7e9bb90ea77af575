"""What a classification is like to work with: how much money few of its groups hold, how even they are, how readable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from labkit.estimates import Estimate
from labkit.refusals import attempt
from labkit.segments.candidates import Candidate
from labkit.segments.result import APART
from labkit.segments.surrogate import explain_segments


def gini_between(amounts: pd.Series, labels: pd.Series, *, seed: int = 0, draws: int = 500) -> Estimate:
    """Gini of the amounts if each customer had the mean of its group: what knowing the group tells of where the money is.

    Parameters
    ----------
    amounts : Series
        By customer_id, 0 or more; customers without are left out.
    labels : Series
        Group by customer_id.
    seed, draws : int
        Bootstrap over customers.

    Notes
    -----
    The part between groups of the Gini (Lambert and Aronson 1993, doi:10.2307/2234247); many groups have more of it by
    chance.

    Examples
    --------
    >>> gini_between(pd.Series([9.0, 9, 1, 1]), pd.Series(list("aabb"))).value.__round__(2)
    0.4
    """
    both = pd.concat([amounts.rename("amount"), labels.rename("group")], axis=1, join="inner").dropna()
    code = pd.factorize(both["group"], sort=True)[0]
    x, n, size = both["amount"].to_numpy(dtype=float), len(both), int(code.max()) + 1 if len(both) else 0
    if n < 2 or x.sum() <= 0:
        return Estimate(np.nan, np.nan, np.nan, n)

    def gini(at: np.ndarray) -> float:
        count, total = np.bincount(code[at], minlength=size), np.bincount(code[at], x[at], minlength=size)
        order = np.argsort(total / np.maximum(count, 1), kind="stable")
        people, money = np.cumsum(count[order]) / len(at), np.cumsum(total[order]) / max(total.sum(), 1e-12)
        steps = np.diff(people, prepend=0.0)
        return float(1 - (steps * (money + np.concatenate([[0.0], money[:-1]]))).sum())

    rng = np.random.default_rng(seed)
    drawn = [gini(rng.integers(0, n, n)) for _ in range(draws)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(gini(np.arange(n)), float(low), float(high), n)


def measure_evenness(labels: pd.Series) -> float:
    """Entropy of the sizes of groups over that of equal ones: 1 all equal, towards 0 one has all (Pielou 1966).

    Examples
    --------
    >>> measure_evenness(pd.Series(list("aabb"))), measure_evenness(pd.Series(list("aa")))
    (1.0, 0.0)
    """
    share = labels.value_counts(normalize=True).to_numpy()
    if len(share) < 2:
        return 0.0
    return float(-(share * np.log(share)).sum() / np.log(len(share)))


def describe_traits(
    candidates: Sequence[Candidate], value: pd.Series | None, features: pd.DataFrame | None, *, seed: int
) -> pd.DataFrame:
    """A row a classification: groups, evenness, concentration, readability.

    Parameters
    ----------
    candidates : sequence of Candidate
    value : Series, optional
        Money by customer_id, for the concentration.
    features : DataFrame, optional
        Numbers a reader understands, by customer_id, for the rules that say the groups again.
    seed : int

    Returns
    -------
    DataFrame
        ``classification``, ``groups_count`` (without those kept apart), ``apart_share``, ``smallest_share``, ``evenness``;
        ``gini`` with ``gini_low``, ``gini_high``; ``faithfulness`` of a tree of at most 8 leaves, out of sample, with
        ``faithfulness_low``, ``faithfulness_high``. Missing where nothing was given, or no rules could be made.
    """
    rows = []
    for candidate in candidates:
        labels = candidate.labels
        apart = labels.isin(list(APART))
        sizes = labels[~apart].value_counts(normalize=True)
        gini = faithful = Estimate(np.nan, np.nan, np.nan, 0)
        if value is not None:
            gini = gini_between(value, labels, seed=seed, draws=200)
        if features is not None:
            rules, _ = attempt(explain_segments, candidate.segmentation, features, seed=seed)
            faithful = faithful if rules is None else rules.faithfulness
        rows.append(
            (candidate.name, len(sizes), float(apart.mean()), float(sizes.min()) if len(sizes) else np.nan,
             measure_evenness(labels[~apart]), gini.value, gini.low, gini.high, faithful.value, faithful.low, faithful.high)
        )  # fmt: skip
    columns = ["classification", "groups_count", "apart_share", "smallest_share", "evenness", "gini", "gini_low", "gini_high",
               "faithfulness", "faithfulness_low", "faithfulness_high"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
