"""A scorecard: points for each bin of each attribute, that add up to the odds of paying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import expit
from scipy.stats import norm

from labkit import terms
from labkit.arrears.errors import ArrearsError
from labkit.arrears.woe import LEAST_SHARE, Binning, bin_woe
from labkit.scores import ScoreError, fit_logit

#: Left out of every score: what a customer is, or where, is no reason to trust it less.
PROTECTED = ("customer_class", "settlement", "area_id", "industry_code", "name", "longitude", "latitude", "important")
#: An attribute that tells less is left out.
LEAST_VALUE = 0.02
#: An attribute whose weights of evidence go with another's more closely than this says the same.
MOST_ALIKE = 0.8
#: Spread of slopes where nothing but what weights of evidence should come to, -1 in sum, holds them.
HELD = 0.5
#: Bad cases for each attribute of a score, or more.
BAD_PER_ATTRIBUTE = 10


@dataclass(frozen=True, eq=False)
class Scorecard:
    """Points that add up.

    Attributes
    ----------
    binnings : mapping
        Attribute -> `Binning`, of those that count.
    points : DataFrame
        ``attribute``, ``bin``, ``count``, ``bad_rate``, ``woe``, ``points`` (whole numbers).
    base : int
        Points everybody starts with.
    coefficients : DataFrame
        ``attribute``, ``value``, ``low``, ``high`` (95 %), ``information_value``: of ln odds of bad on
        the weight of evidence; below 0 where an attribute works as it should.
    dropped : mapping
        Attribute -> why it is not in the score.
    factor, offset : float
        Score = offset + factor x ln(odds of good).
    shrunk : bool
        Whether attributes tell good from bad without fail, so that their slopes are held near -1 in sum.
    """

    binnings: Mapping[str, Binning]
    points: pd.DataFrame
    base: int
    coefficients: pd.DataFrame
    dropped: Mapping[str, str]
    factor: float
    offset: float
    shrunk: bool = False

    def _placed(self, table: pd.DataFrame) -> pd.DataFrame:
        missing = [name for name in self.binnings if name not in table]
        if missing:
            raise ArrearsError(f"the table has no column {missing[0]}, which the scorecard needs")
        columns = {}
        for name, binning in self.binnings.items():
            own = self.points.loc[self.points["attribute"] == name, "points"].to_numpy()
            row = binning.place(table[name])
            columns[name] = np.where(row >= 0, own[row], 0)
        return pd.DataFrame(columns, index=table.index)

    def score(self, table: pd.DataFrame) -> pd.Series:
        """Points of each case: the base and those of its bins, nothing else."""
        return (self._placed(table).sum(axis=1) + self.base).astype("int64").rename("score")

    def probability(self, table: pd.DataFrame) -> pd.Series:
        """Chance of turning bad, from the score itself, so that equal scores have equal chances."""
        return pd.Series(
            expit(-(self.score(table) - self.offset) / self.factor), table.index, name="default_probability"
        )

    def recalibrate(self, table: pd.DataFrame, bad: pd.Series) -> Scorecard:
        """The same card with its base moved so that on these cases as many bad are foretold as there are."""
        odds = -(self.score(table).to_numpy() - self.offset) / self.factor
        gap = brentq(lambda a: float((expit(odds + a) - bad.to_numpy(dtype=float)).sum()), -60, 60)
        return replace(self, base=self.base - round(self.factor * gap))

    def reasons(self, table: pd.DataFrame, count: int = 3) -> pd.DataFrame:
        """What costs each case most points against the best bin of the attribute.

        Returns
        -------
        DataFrame
            ``reason_1``, ``reason_2`` …: attributes, the most costly first; missing where
            nothing is lost.
        """
        placed = self._placed(table)
        best = self.points.groupby("attribute")["points"].max()
        lost = placed.rsub(best[list(placed)], axis=1).to_numpy()
        order = np.argsort(-lost, axis=1, kind="stable")[:, :count]
        names = np.array(list(placed), dtype=object)[order]
        names[np.take_along_axis(lost, order, axis=1) <= 0] = None
        return pd.DataFrame(names, table.index, [f"reason_{i + 1}" for i in range(names.shape[1])])

    def tell_reasons(self, table: pd.DataFrame, language: terms.Language, count: int = 3) -> pd.Series:
        """The reasons in words, as they may be told to the customer."""
        found = self.reasons(table, count)
        joint, none = ("；", "无扣分项") if language == "zh" else ("; ", "nothing counted against")
        told = [
            joint.join(_named(name, language) for name in row if isinstance(name, str)) or none
            for row in found.to_numpy()
        ]
        return pd.Series(told, table.index, name="reasons")


def _named(attribute: str, language: terms.Language) -> str:
    """Title of an attribute; its own name where it is none of the glossary's."""
    return terms.label(attribute, language) if attribute in terms.glossary() else attribute


def fit_scorecard(
    table: pd.DataFrame,
    target: str,
    *,
    attributes: Sequence[str] | None = None,
    groups: pd.Series | None = None,
    base_score: float = 600.0,
    base_odds: float = 20.0,
    double_points: float = 20.0,
    least_share: float = LEAST_SHARE,
    level: float = 0.95,
) -> Scorecard:
    """A logistic scorecard on weights of evidence.

    Parameters
    ----------
    table : DataFrame
        A row a case: attributes known before the outcome, and the outcome.
    target : str
        Its column, True or 1 for bad.
    attributes : sequence of str, optional
        All columns but the target where left out.
    groups : Series, optional
        Customer of each row where one has several: errors are clustered by it, and it counts once
        among the bad cases that allow attributes.
    base_score, base_odds, double_points : float
        Score at odds of good of `base_odds` : 1, and points that double the odds.
    least_share : float
        Of the cases in each bin, see `bin_woe`.

    Returns
    -------
    Scorecard
        Attributes in the order of their information value; without those below 0.02,
        those that say the same as a better one (correlation above 0.8), those beyond one for
        10 bad cases, and those whose sign turns beside the others: each named in ``dropped``.

    Raises
    ------
    ArrearsError
        If an attribute is protected, a column is missing, or no attribute tells anything.

    Notes
    -----
    Logit by maximum likelihood (statsmodels); where that has no top, since good and bad
    are told apart without fail, slopes are held near -1 in sum and ``shrunk`` says so. Points are rounded to whole ones bin
    by bin: the score is their sum exactly, and chances are read from the score.

    References
    ----------
    Siddiqi, Credit Risk Scorecards (2006).

    Examples
    --------
    >>> cases = pd.DataFrame({"late": [0, 1] * 50, "bad": [0, 0, 0, 1] * 25})
    >>> card = fit_scorecard(cases, "bad")
    >>> card.score(cases.head(2)).tolist() == [card.base + p for p in card.points["points"]]
    True
    """
    if target not in table:
        raise ArrearsError(f"the table has no column {target}; give the name of the outcome")
    names = [name for name in (attributes or table.columns) if name != target]
    for name in names:
        if name not in table:
            raise ArrearsError(f"the table has no column {name}")
        if name in PROTECTED:
            raise ArrearsError(f"{name} is protected: a score must not use it; leave it out of attributes")
    bad = table[target].to_numpy(dtype=float)
    binnings = {name: bin_woe(table[name], bad, least_share=least_share) for name in names}
    cases = int(bad.sum()) if groups is None else int(groups[bad > 0].nunique())
    kept, dropped = _choose(table, binnings, cases)
    clusters = None if groups is None else pd.factorize(groups)[0]
    shrunk = False
    while True:
        if not kept:
            raise ArrearsError("no attribute tells good from bad; bring others, or more cases")
        x = np.column_stack([np.ones(len(bad)), *(binnings[name].transform(table[name]) for name in kept)])
        try:
            params, covariance = fit_logit(bad, x, clusters)
        except ScoreError:
            shrunk = True
            params, covariance = _fit_shrunk(bad, x)
        wrong = params[1:] >= 0
        if not wrong.any():
            break
        worst = kept[int(np.argmax(params[1:]))]
        dropped[worst] = "turns its sign beside the others"
        kept.remove(worst)
    factor = double_points / np.log(2)
    offset = base_score - factor * np.log(base_odds)
    rows = []
    for name, slope in zip(kept, params[1:]):
        own = binnings[name].table
        rows.append(
            own[["bin", "count", "bad_rate", "woe"]].assign(
                attribute=name, points=np.round(-factor * slope * own["woe"]).astype("int64")
            )
        )
    reach = norm.ppf(0.5 + level / 2) * np.sqrt(np.diag(covariance))[1:]
    values = [binnings[name].information_value for name in kept]
    return Scorecard(
        {name: binnings[name] for name in kept},
        pd.concat(rows, ignore_index=True)[["attribute", "bin", "count", "bad_rate", "woe", "points"]],
        round(offset - factor * float(params[0])),
        pd.DataFrame({"attribute": kept, "value": params[1:], "low": params[1:] - reach, "high": params[1:] + reach, "information_value": values}),
        dropped, float(factor), float(offset), shrunk,
    )  # fmt: skip


def _choose(table: pd.DataFrame, binnings: Mapping[str, Binning], bad_count: int) -> tuple[list[str], dict[str, str]]:
    """Attributes that tell something of their own, best first, and why others are left out."""
    kept: list[str] = []
    dropped: dict[str, str] = {}
    woe: dict[str, np.ndarray] = {}
    for name in sorted(binnings, key=lambda n: (-binnings[n].information_value, n)):
        if binnings[name].information_value < LEAST_VALUE:
            dropped[name] = "tells too little"
            continue
        woe[name] = binnings[name].transform(table[name])
        alike = next((k for k in kept if abs(np.corrcoef(woe[name], woe[k])[0, 1]) > MOST_ALIKE), None)
        if alike is not None:
            dropped[name] = f"says the same as {alike}"
        elif (len(kept) + 1) * BAD_PER_ATTRIBUTE > max(bad_count, BAD_PER_ATTRIBUTE):
            dropped[name] = "too few bad cases for more attributes"
        else:
            kept.append(name)
    return kept, dropped


def _fit_shrunk(bad: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes held near -1 in sum, what weights of evidence alone would give (normal, sd `HELD`), where likelihood has no top."""
    sign, centre = 2 * bad - 1, np.r_[0.0, np.full(x.shape[1] - 1, -1 / (x.shape[1] - 1))]
    pull = np.r_[0.0, np.full(x.shape[1] - 1, HELD**-2)]

    def loss(b: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (x @ b)).sum() + (pull * (b - centre) ** 2).sum() / 2)

    def slope(b: np.ndarray) -> np.ndarray:
        return np.asarray(x.T @ (expit(x @ b) - bad) + pull * (b - centre))

    start = np.r_[np.log(bad.mean() / (1 - bad.mean())), centre[1:]]
    params = minimize(loss, start, jac=slope, method="BFGS").x
    p = expit(x @ params)
    return params, np.linalg.inv((x * (p * (1 - p))[:, None]).T @ x + np.diag(pull))


#: Grades by chance of default within twelve months, best first: upper end of each.
GRADES = {"A": 0.02, "B": 0.05, "C": 0.10, "D": 0.25, "E": 1.0}
#: What each grade gets.
TERMS = {
    "A": "normal_trusted", "B": "normal", "C": "direct_debit_offered", "D": "shorter_cycle", "E": "prepayment_offered"
}  # fmt: skip


def grade(probability: pd.Series | np.ndarray, limits: Mapping[str, float] | None = None) -> np.ndarray:
    """Credit grade of a chance of default.

    Parameters
    ----------
    limits : mapping, optional
        Grade -> upper end, rising; `GRADES` where left out.

    Examples
    --------
    >>> grade(np.array([0.01, 0.03, 0.6])).tolist()
    ['A', 'B', 'E']
    """
    known = dict(GRADES if limits is None else limits)
    ends = np.array(list(known.values()))
    if (np.diff(ends) <= 0).any() or ends[-1] < 1:
        raise ArrearsError("limits of the grades must rise and end at 1")
    return np.array(list(known))[np.searchsorted(ends, np.asarray(probability, dtype=float), side="left")]
