"""Which classifications together: one is added as long as it surely helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from labkit.estimates import Estimate
from labkit.segments.explained import Ground, Shares, Weights, explain_by, share_explained


class Gain(NamedTuple):
    """A difference of shares explained: value, draws, least standard error, outcomes behind it."""

    value: float
    drawn: np.ndarray
    least: float
    outcomes: int


@dataclass
class Trials:
    """Models tried so far, each a tuple of classifications, with what they explain of each outcome.

    Attributes
    ----------
    grounds, codes, weights
        As of `explain_outcomes`.
    counted : mapping of str to ndarray of bool
        By classification, the outcomes it may be credited with.
    value, drawn : dict
        By model: shape (outcomes,), and (draws, outcomes).
    sizes : dict
        Groups of each classification, and of the crossed ones.
    """

    grounds: Sequence[Ground]
    codes: Mapping[str, np.ndarray]
    weights: Weights
    counted: Mapping[str, np.ndarray]
    value: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict)
    drawn: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.weights.counts), len(self.grounds))
        self.value[()], self.drawn[()] = np.zeros(shape[1]), np.zeros(shape)
        self.sizes |= {name: int(code.max()) + 1 for name, code in self.codes.items()}

    def keep(self, shares: Shares, names: Sequence[str]) -> None:
        """Take over what single classifications explain."""
        for j, name in enumerate(names):
            self.value[(name,)], self.drawn[(name,)] = shares.value[:, j], shares.drawn[:, :, j]

    def credit(self, *models: tuple[str, ...]) -> np.ndarray:
        """Outcomes with which all members of all these models may be credited."""
        members = [self.counted[name] for model in models for name in model]
        return np.logical_and.reduce([np.ones(len(self.grounds), dtype=bool), *members])

    def try_model(self, model: tuple[str, ...], *, crossed: bool = False) -> tuple[str, ...]:
        """Try a model, unless it has been; crossed: with an effect of its own for each combination of groups."""
        key = (*model, _CROSSED) if crossed else model
        if key not in self.value:
            codes = [self.codes[name] for name in model]
            if crossed:
                codes.append(np.unique(np.stack(codes), axis=1, return_inverse=True)[1].ravel())
                self.sizes[_CROSSED] = int(codes[-1].max()) + 1
            found = share_explained(self.grounds, [explain_by(g, codes)[:, None] for g in self.grounds], self.weights)
            self.value[key], self.drawn[key] = found.value[:, 0], found.drawn[:, :, 0]
        return key

    def gain(self, model: tuple[str, ...], over: tuple[str, ...]) -> Gain:
        """Mean over the outcomes that count for both of what one explains beyond the other."""
        plain, base = (tuple(name for name in given if name != _CROSSED) for given in (model, over))
        where = self.credit(plain, base)
        count = int(where.sum())
        if not count:
            return Gain(np.nan, np.full(len(self.weights.counts), np.nan), np.nan, 0)
        value = float((self.value[model] - self.value[over])[where].mean())
        grain = np.array([ground.grain for ground in self.grounds])[where]
        drawn = (self.drawn[model] - self.drawn[over])[:, where].mean(axis=1)
        return Gain(value, drawn, self.least(set(model) ^ set(over)) * float(np.sqrt((grain**2).sum()) / count), count)

    def least(self, members: set[str]) -> float:
        """Least standard error of what these explain, in grains (`Ground.grain`)."""
        return float(np.sqrt(sum(self.sizes[name] for name in members)) / 2)


_CROSSED = "\x00crossed"


def simultaneous_ends(
    values: np.ndarray, drawn: np.ndarray, least: np.ndarray | float = 0.0, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Ends that hold for all of several figures at once.

    Parameters
    ----------
    values : ndarray, shape (figures,)
        Missing where there is none.
    drawn : ndarray, shape (draws, figures)
        Bootstrap draws.
    least : ndarray or float
        Standard errors are this at least: draws do not make predictions anew, and where groups say nothing these vary less
        than another sample's would. Simulated without any effect, the share of k groups out of n customers varies by
        about half the root of k over n.
    level : float

    Notes
    -----
    Value less and plus c standard errors, c the quantile of the largest standardised deviation of a draw: the bootstrap's max-t
    (Romano and Wolf 2005, doi:10.1198/016214504000000539); 1.96 at least.

    Examples
    --------
    >>> low, high = simultaneous_ends(np.array([1.0]), np.array([[0.0], [1.0], [2.0]]), least=1.0)
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([-0.96], [2.96])
    """
    error = np.maximum(drawn.std(axis=0), least)
    sure = np.isfinite(values) & (error > 1e-12)
    if not sure.any():
        return values.copy(), values.copy()
    largest = (np.abs(drawn[:, sure] - values[sure]) / error[sure]).max(axis=1)
    factor = max(float(np.quantile(largest, level)), float(norm.ppf(0.5 + level / 2)))
    reach = factor * np.where(np.isfinite(values), np.nan_to_num(error), np.nan)
    return values - reach, values + reach


def ends_of(found: Sequence[Gain]) -> tuple[np.ndarray, np.ndarray]:
    """`simultaneous_ends` of some gains."""
    return simultaneous_ends(
        np.array([g.value for g in found]),
        np.stack([g.drawn for g in found], axis=1),
        np.nan_to_num([g.least for g in found]),
    )


@dataclass(frozen=True, eq=False)
class Combination:
    """Classifications to use together.

    Attributes
    ----------
    table : DataFrame
        A row a step: ``step``, ``classification`` that helps most, ``gain`` in mean share explained over the outcomes with which it
        may be credited, ``low``, ``high`` (95 %, for all those tried in the step at once), ``outcomes_count``, ``added``. The
        last row is the one that was not added.
    members : tuple of str
        Those added, in their order.
    crossed : bool
        Whether each combination of groups surely has an effect of its own, so that groups are to be crossed.
    """

    table: pd.DataFrame
    members: tuple[str, ...]
    crossed: bool

    @property
    def model(self) -> tuple[str, ...]:
        """As `Trials` knows it."""
        return (*self.members, _CROSSED) if self.crossed else self.members


def combine_candidates(trials: Trials, *, most: int = 4) -> Combination:
    """Add the classification that helps most, as long as it surely helps.

    Parameters
    ----------
    trials : Trials
        Holds the single classifications already.
    most : int
        At most so many.

    Notes
    -----
    Each is judged out of sample on what it adds to those before, as effects that add up. It is added if the lower end of
    its gain is above 0, with ends that hold for all classifications tried in the step, since the best of many looks
    better than it is. The gain itself is still a little high for the same reason. Groups are crossed in the end
    if that passes the same test.
    """
    members: tuple[str, ...] = ()
    rows: list[tuple[object, ...]] = []
    while len(members) < most:
        rest = [name for name in trials.codes if name not in members]
        if not rest:
            break
        found = [trials.gain(trials.try_model((*members, name)), members) for name in rest]
        values = np.array([gain.value for gain in found])
        if not np.isfinite(values).any():
            break
        low, high = ends_of(found)
        # Over all outcomes, nothing for those with which it may not be credited.
        best = int(np.nanargmax(values * [gain.outcomes for gain in found]))
        added = bool(low[best] > 0)
        rows.append((len(rows) + 1, rest[best], values[best], low[best], high[best], found[best].outcomes, added))
        if not added:
            break
        members = (*members, rest[best])
    crossed = False
    if len(members) > 1:
        crossed = bool(ends_of([trials.gain(trials.try_model(members, crossed=True), members)])[0][0] > 0)
    columns = ["step", "classification", "gain", "low", "high", "outcomes_count", "added"]
    return Combination(pd.DataFrame(rows, columns=columns), members, crossed)


def estimate_gain(trials: Trials, model: tuple[str, ...], today: tuple[str, ...], n: int) -> Estimate:
    """What a model explains beyond today's classification, with ends that hold for all models tried.

    Parameters
    ----------
    trials : Trials
    model, today : tuple of str
    n : int
        Customers behind it.
    """
    if model == today:
        return Estimate(0.0, 0.0, 0.0, n)
    others = [key for key in trials.value if key not in ((), today)]
    found = [trials.gain(key, today) for key in others]
    low, high = ends_of(found)
    at = others.index(model)
    return Estimate(found[at].value, float(low[at]), float(high[at]), n)
