"""Effects of groups on an outcome, few customers pulled towards the mean of all: credibility, empirical Bayes."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, xlogy

#: Rounds over the classifications; one step a round for each.
_ROUNDS = 4


def fit_effects(
    codes: np.ndarray, sizes: tuple[int, ...], y: np.ndarray, trials: np.ndarray | None
) -> tuple[float, list[np.ndarray]]:
    """Mean and effects of the groups of one or several classifications that add up.

    Parameters
    ----------
    codes : ndarray of int, shape (classifications, n)
        Group of each customer.
    sizes : tuple of int
        Number of groups of each classification.
    y : ndarray, shape (n,)
        Numbers, or how many of the trials were hits.
    trials : ndarray, shape (n,), optional
        Then effects add up on the scale of ln odds.

    Returns
    -------
    mean : float
        Of all, on the scale on which effects add up.
    effects : list of ndarray
        One a group; 0 where it has no customer.

    Notes
    -----
    Effects of a classification are drawn from a normal law whose variance is estimated by moments of the groups' means
    (DerSimonian and Laird 1986, doi:10.1016/0197-2456(86)90046-2) against the spread of customers within groups, so that a
    group of few, or a classification that says nothing, stays near the mean: the credibility of actuaries (Bühlmann and
    Gisler 2005, doi:10.1007/3-540-29273-X). Trials of a customer may hang together: the spread within is measured
    between customers. Several classifications take turns, each on what the others leave.

    Examples
    --------
    >>> codes = np.array([[0, 0, 0, 1, 1, 1]])
    >>> mean, (effects,) = fit_effects(codes, (2,), np.array([1.0, 2, 3, 7, 8, 9]), None)
    >>> mean, effects.round(2).tolist()
    (5.0, [-2.94, 2.94])
    """
    n = len(y)
    whole = float(n) if trials is None else float(trials.sum())
    mean = float(y.sum()) / max(whole, 1.0)
    if trials is not None:
        edge = 0.5 / (whole + 1)
        mean = float(logit(np.clip(mean, edge, 1 - edge)))
    effects = [np.zeros(size) for size in sizes]
    pulls: list[float] = []
    for _ in range(1 if trials is None and len(sizes) == 1 else _ROUNDS):
        for j, size in enumerate(sizes):
            at = mean + sum((effects[i][codes[i]] for i in range(len(sizes))), np.zeros(n))
            rest, weight = _rest(y, trials, at)
            score, information = np.bincount(codes[j], rest, size), np.bincount(codes[j], weight, size)
            if len(pulls) <= j:
                pulls.append(_pull(codes[j], rest, weight, score, information))
            if np.isfinite(pulls[j]):
                step = (score - pulls[j] * effects[j]) / (information + pulls[j])
                effects[j] = effects[j] + np.clip(step, -3.0, 3.0) if trials is not None else effects[j] + step
    return mean, effects


def _rest(y: np.ndarray, trials: np.ndarray | None, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of the outcome, and how much each customer tells."""
    if trials is None:
        return y - at, np.ones(len(y))
    p = expit(at)
    return y - trials * p, trials * p * (1 - p)


def _pull(code: np.ndarray, rest: np.ndarray, weight: np.ndarray, score: np.ndarray, information: np.ndarray) -> float:
    """Spread within groups over the variance of their effects; infinite where the groups' means differ by chance alone."""
    there = information > 0
    count = int(there.sum())
    if count < 2 or len(rest) <= count:
        return np.inf
    raw = np.divide(score, information, out=np.zeros_like(score), where=there)
    within = float(np.sum((rest - raw[code] * weight) ** 2 / np.maximum(weight, 1e-12))) / (len(rest) - count)
    precision = information[there] / max(within, 1e-12)
    centre = float(precision @ raw[there]) / precision.sum()
    chance = float(precision @ (raw[there] - centre) ** 2) - (count - 1)
    variance = chance / (precision.sum() - (precision**2).sum() / precision.sum())
    return within / variance if variance > 0 else np.inf


def spread_around_mean(y: np.ndarray, trials: np.ndarray | None) -> float:
    """Variance around the mean of all: of numbers, or over that of independent trials (above 1: those of a customer hang together).

    Examples
    --------
    >>> spread_around_mean(np.array([0.0, 4.0, 0.0, 4.0]), np.full(4, 4.0))
    5.333333333333333
    """
    if trials is None:
        return float(np.var(y, ddof=1))
    p = float(y.sum() / trials.sum())
    return float(np.sum((y - trials * p) ** 2 / (trials * p * (1 - p))) / max(len(y) - 1, 1))


def measure_deviance(y: np.ndarray, trials: np.ndarray | None, at: np.ndarray) -> np.ndarray:
    """Deviance of each customer from a prediction on the scale of effects: squared error, or binomial.

    Examples
    --------
    >>> measure_deviance(np.array([1.0]), np.array([1.0]), np.array([0.0])).round(4).tolist()
    [1.3863]
    """
    if trials is None:
        return np.asarray((y - at) ** 2)
    p = expit(np.clip(at, -30, 30))
    misses = trials - y
    found = xlogy(y, y / (trials * p)) + xlogy(misses, misses / (trials * (1 - p)))
    return np.asarray(2 * found)


def deviance_by_customer(
    codes: np.ndarray, sizes: tuple[int, ...], y: np.ndarray, trials: np.ndarray | None, folds: np.ndarray
) -> np.ndarray:
    """Deviance of each customer from what others of its groups foretell, mean over the divisions into folds.

    Parameters
    ----------
    codes, sizes, y, trials
        As of `fit_effects`; without any classification the mean of all foretells.
    folds : ndarray of int, shape (divisions, n)

    Returns
    -------
    ndarray, shape (n,)
    """
    total = np.zeros(len(y))
    for fold in folds:
        at = np.empty(len(y))
        for k in range(int(fold.max()) + 1):
            test = fold == k
            learn = ~test
            mean, effects = fit_effects(codes[:, learn], sizes, y[learn], None if trials is None else trials[learn])
            at[test] = mean + sum((effects[j][codes[j, test]] for j in range(len(sizes))), np.zeros(int(test.sum())))
        total += measure_deviance(y, trials, at)
    return total / len(folds)


def deal_folds(y: np.ndarray, yes_no: bool, folds: int, divisions: int, rng: np.random.Generator) -> np.ndarray:
    """Folds of equal size at random, shape (divisions, n); yes and no in each as in all.

    Examples
    --------
    >>> deal_folds(np.arange(6.0), False, 3, 1, np.random.default_rng(1)).tolist()
    [[1, 0, 2, 2, 0, 1]]
    """
    out = np.empty((divisions, len(y)), dtype=np.int64)
    for division in out:
        order = rng.permutation(len(y))
        if yes_no:
            order = order[np.argsort(y[order], kind="stable")]
        division[order] = np.arange(len(y)) % folds
    return out


def ideal_deviance(code: np.ndarray, y: np.ndarray, trials: np.ndarray | None) -> np.ndarray:
    """Deviance of each customer from the mean of its own group, corrected for that the group's mean was made of it too.

    Notes
    -----
    To the deviance is added what a mean of so few takes away by chance, spread within times the customer's part of what is
    known of the group; their sum is then, in the mean, that from the true means (for numbers: the adjusted R²).

    Examples
    --------
    >>> float(ideal_deviance(np.array([0, 0, 1, 1]), np.array([1.0, 3, 5, 7]), None).sum())
    8.0
    """
    weight = np.ones(len(y)) if trials is None else trials
    mean = np.bincount(code, y) / np.maximum(np.bincount(code, weight), 1e-12)
    count = len(np.unique(code))
    if trials is None:
        deviance, tells = (y - mean[code]) ** 2, np.ones(len(y))
        spread = float(deviance.sum()) / max(len(y) - count, 1)
    else:
        p = np.clip(mean[code], 1e-12, 1 - 1e-12)
        deviance = np.asarray(2 * (xlogy(y, y / (trials * p)) + xlogy(trials - y, (trials - y) / (trials * (1 - p)))))
        tells = trials * p * (1 - p)
        spread = float(np.sum((y - trials * p) ** 2 / np.maximum(tells, 1e-9))) / max(len(y) - count, 1)
    part = tells / np.maximum(np.bincount(code, tells)[code], 1e-300)
    return np.asarray(deviance + spread * part)
