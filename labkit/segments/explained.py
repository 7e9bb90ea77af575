"""What classifications explain of outcomes, out of sample, with draws of customers from which intervals come."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.segments.effects import deal_folds, deviance_by_customer, ideal_deviance, spread_around_mean
from labkit.segments.outcomes import Outcome

#: Customers taken together at once when draws are weighed.
_AT_ONCE = 5_000


@dataclass(frozen=True, eq=False)
class Ground:
    """An outcome made ready: whose it is, in which folds, and what the mean of all leaves.

    Attributes
    ----------
    outcome : Outcome
    places : ndarray of int
        Customers with the outcome.
    y, trials : ndarray
    folds : ndarray of int, shape (divisions, n)
    base : ndarray
        Deviance of each customer from the mean of the others.
    """

    outcome: Outcome
    places: np.ndarray
    y: np.ndarray
    trials: np.ndarray | None
    folds: np.ndarray
    base: np.ndarray

    @property
    def grain(self) -> float:
        """Share of the deviance that one more mean takes away by chance alone, about 1 / n: finer than this nothing is told."""
        return spread_around_mean(self.y, self.trials) / float(self.base.sum())


def prepare_ground(outcome: Outcome, ids: pd.Index, folds: int, divisions: int, seed: int) -> Ground:
    """Folds and baseline of an outcome; the same whatever other outcomes there are."""
    places, y, trials = outcome.cases(ids)
    rng = np.random.default_rng([seed, zlib.crc32(outcome.name.encode())])
    dealt = deal_folds(y, outcome.kind == "yes_no", folds, divisions, rng)
    base = deviance_by_customer(np.empty((0, len(y)), dtype=np.int64), (), y, trials, dealt)
    return Ground(outcome, places, y, trials, dealt, base)


def explain_by(ground: Ground, codes: Sequence[np.ndarray]) -> np.ndarray:
    """Deviance of each customer from what its groups foretell; effects of several classifications add up.

    Parameters
    ----------
    ground : Ground
    codes : sequence of ndarray of int
        Group of every customer, one array a classification.
    """
    mine = np.stack([code[ground.places] for code in codes])
    sizes = tuple(int(code.max()) + 1 for code in codes)
    return deviance_by_customer(mine, sizes, ground.y, ground.trials, ground.folds)


@dataclass(frozen=True, eq=False)
class Weights:
    """How often each customer counts in each draw, shape (draws, customers)."""

    counts: np.ndarray

    def sums(self, places: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Sum of values of some customers in each draw, shape (draws, columns)."""
        total = np.zeros((len(self.counts), values.shape[1]))
        for start in range(0, len(places), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            total += self.counts[:, places[part]].astype(float) @ values[part]
        return total


def draw_weights(n: int, draws: int, seed: int) -> Weights:
    """Customers drawn anew with replacement (Efron 1979, doi:10.1214/aos/1176344552)."""
    rng = np.random.default_rng([seed, n])
    return Weights(np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)]).astype(np.uint16))


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of deviance explained, with the same draws for all.

    Attributes
    ----------
    value : ndarray, shape (outcomes, models)
    drawn : ndarray, shape (draws, outcomes, models)
    """

    value: np.ndarray
    drawn: np.ndarray


def share_explained(grounds: Sequence[Ground], deviances: Sequence[np.ndarray], weights: Weights) -> Shares:
    """Share of the baseline's deviance that each model takes away; below 0 where it foretells worse than the mean of all.

    Parameters
    ----------
    grounds : sequence of Ground
    deviances : sequence of ndarray, shape (n, models)
        One an outcome.
    weights : Weights
    """
    value, drawn = [], []
    for ground, deviance in zip(grounds, deviances):
        value.append(_left(deviance.sum(axis=0), ground.base.sum()))
        sums = weights.sums(ground.places, np.column_stack([ground.base, deviance]))
        drawn.append(_left(sums[:, 1:], sums[:, :1]))
    return Shares(np.stack(value), np.stack(drawn, axis=1))


def _left(deviance: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Share taken away; where a model foretells the mean of all it is 0, not a rounding error."""
    return np.asarray(np.round(1 - deviance / np.maximum(base, 1e-12), 12) + 0.0)


def explain_outcomes(
    grounds: Sequence[Ground], codes: Mapping[str, np.ndarray], weights: Weights
) -> tuple[Shares, pd.DataFrame]:
    """What each classification explains of each outcome.

    Parameters
    ----------
    grounds : sequence of Ground
    codes : mapping of str to ndarray of int
        Group of every customer, by classification.
    weights : Weights

    Returns
    -------
    shares : Shares
    table : DataFrame
        ``outcome``, ``classification``, ``explained_share``, ``low``, ``high``, ``groups_count`` with customers.

    Notes
    -----
    The lower end is that of what is foretold of customers not seen. With few customers a group this falls short of what the
    groups truly explain, by the errors of their means; the upper end is the highest of that of what is foretold, that of
    the share corrected for these errors (as of the adjusted R²), and that on the scale of square roots, which near 0
    is the right one: so the interval holds what is foretold and what the groups truly explain.
    """
    names, found = list(codes), []
    for ground in grounds:
        found.append(np.column_stack([explain_by(ground, [codes[name]]) for name in names]))
    shares, rows = share_explained(grounds, found, weights), []
    for i, ground in enumerate(grounds):
        ideal = [ideal_deviance(codes[name][ground.places], ground.y, ground.trials) for name in names]
        base = ideal_deviance(np.zeros(len(ground.y), dtype=np.int64), ground.y, ground.trials)
        sums = weights.sums(ground.places, np.column_stack([base, *ideal]))
        could = 1 - sums[:, 1:] / np.maximum(sums[:, :1], 1e-12)
        root = 1.96 * np.sqrt(ground.grain)
        for j, name in enumerate(names):
            value = float(shares.value[i, j])
            low, high = np.quantile(shares.drawn[:, i, j], [0.025, 0.975])
            near = (np.sqrt(max(value, 0.0)) + root * np.sqrt(1 - max(value, 0.0))) ** 2
            most = min(max(high, float(np.quantile(could[:, j], 0.975)), near), 1.0)
            groups = len(np.unique(codes[name][ground.places]))
            rows.append((ground.outcome.name, name, value, min(float(low), value), most, groups))
    columns = ["outcome", "classification", "explained_share", "low", "high", "groups_count"]
    return shares, pd.DataFrame(rows, columns=columns)
