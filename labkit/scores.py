"""How good a score of chance is: separation, calibration, stability, each with its interval; and the logit behind one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm, rankdata

from labkit.estimates import Estimate, estimate_share
from labkit.refusals import RefusalError


class ScoreError(RefusalError):
    """Cases or scores that cannot be judged; says what is wrong and what to do."""


def _two(bad: np.ndarray | pd.Series, chance: np.ndarray | pd.Series) -> tuple[np.ndarray, np.ndarray]:
    b, p = np.asarray(bad, dtype=bool), np.asarray(chance, dtype=float)
    if len(b) != len(p):
        raise ScoreError(f"there are {len(b)} outcomes and {len(p)} chances; give one of each a case")
    if np.isnan(p).any():
        raise ScoreError("a chance is missing; score every case first")
    if b.sum() < 2 or (~b).sum() < 2:
        raise ScoreError(f"{int(b.sum())} of {len(b)} cases are bad; separation needs two good and two bad at least")
    return b, p


def _by_group(parts: np.ndarray, groups: pd.Series) -> float:
    """Variance of a sum whose parts hang together within groups."""
    sums = np.bincount(pd.factorize(groups)[0], parts)
    return float(len(sums) / max(len(sums) - 1, 1) * (sums**2).sum())


def measure_auc(
    bad: np.ndarray | pd.Series, chance: np.ndarray | pd.Series, level: float = 0.95, groups: pd.Series | None = None
) -> Estimate:
    """Chance that a bad case has a higher score of badness than a good one.

    Parameters
    ----------
    bad, chance : array_like, shape (n,)
    groups : Series, optional
        Customer of each case where one has several; they are taken together.

    Notes
    -----
    Interval after DeLong et al. (1988), doi:10.2307/2531595, on the logit scale; with
    `groups` the parts of a customer are added first (Obuchowski 1997, doi:10.2307/2533958).

    Examples
    --------
    >>> found = measure_auc([0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.7])
    >>> round(found.value, 4)
    0.8889
    """
    b, p = _two(bad, chance)
    v10, v01 = _placements(b, p)
    value = float(v10.mean())
    if groups is None:
        variance = v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)
    else:
        own = np.zeros(len(b))
        own[b], own[~b] = (v10 - value) / len(v10), (v01 - value) / len(v01)
        variance = _by_group(own, groups)
    inside = min(max(value, 1e-6), 1 - 1e-6)
    reach = norm.ppf(0.5 + level / 2) * np.sqrt(variance) / (inside * (1 - inside))
    centre = np.log(inside / (1 - inside))
    low, high = (float(1 / (1 + np.exp(-(centre + side * reach)))) for side in (-1, 1))
    if value in (0.0, 1.0):  # told apart without fail, which has no spread: as a share of the rarer cases
        few = int(min(b.sum(), (~b).sum()))
        edge = estimate_share(few if value else 0, few, level)
        low, high = edge.low, edge.high
    return Estimate(value, low, high, len(b), level)


def _placements(b: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ranks = rankdata(p)
    v10 = (ranks[b] - rankdata(p[b])) / (~b).sum()
    v01 = 1 - (ranks[~b] - rankdata(p[~b])) / b.sum()
    return v10, v01


def compare_auc(
    bad: np.ndarray | pd.Series,
    one: np.ndarray,
    other: np.ndarray,
    level: float = 0.95,
    groups: pd.Series | None = None,
) -> Estimate:
    """How much higher the AUC of one score is than that of another on the same cases (DeLong; by `groups` as `measure_auc`)."""
    b, p = _two(bad, one)
    _, q = _two(bad, other)
    first, second = _placements(b, p), _placements(b, q)
    d10, d01 = first[0] - second[0], first[1] - second[1]
    value = float(d10.mean())
    variance = d10.var(ddof=1) / len(d10) + d01.var(ddof=1) / len(d01)
    if groups is not None:
        own = np.zeros(len(b))
        own[b], own[~b] = (d10 - value) / len(d10), (d01 - value) / len(d01)
        variance = _by_group(own, groups)
    reach = norm.ppf(0.5 + level / 2) * np.sqrt(variance)
    return Estimate(value, value - float(reach), value + float(reach), len(b), level)


def measure_ks(
    bad: np.ndarray | pd.Series, chance: np.ndarray | pd.Series, *, draws: int = 500, seed: int = 0
) -> Estimate:
    """Largest distance between the shares of bad and good above a cut-off (Kolmogorov-Smirnov).

    The interval is a bootstrap over cases; it leans upwards a little, as a largest distance must.
    """
    b, p = _two(bad, chance)
    codes = pd.factorize(p, sort=True)[0]
    k = codes.max() + 1
    bads, goods = np.bincount(codes[b], minlength=k), np.bincount(codes[~b], minlength=k)
    rng = np.random.default_rng(seed)

    def distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        gap = x.cumsum(axis=-1) / x.sum(axis=-1, keepdims=True) - y.cumsum(axis=-1) / y.sum(axis=-1, keepdims=True)
        return np.asarray(np.abs(gap).max(axis=-1))

    drawn = np.concatenate(
        [
            distance(
                rng.multinomial(b.sum(), bads / bads.sum(), size=1).astype(float),
                rng.multinomial((~b).sum(), goods / goods.sum(), size=1).astype(float),
            )
            for _ in range(draws)
        ]
    )
    low, high = np.quantile(drawn, [0.025, 0.975])
    if len(np.unique(drawn)) == 1:
        few = int(min(b.sum(), (~b).sum()))
        low, high = estimate_share(few, few).low, 1.0
    return Estimate(float(distance(bads.astype(float), goods.astype(float))), float(low), float(high), len(b))


def measure_psi(expected: pd.Series | np.ndarray, actual: pd.Series | np.ndarray, bins: int = 10) -> float:
    """Population stability index of a score between two samples: below 0.1 stable, above 0.25 moved.

    Bins are the deciles of the expected scores; half a case is added to empty bins.

    Examples
    --------
    >>> measure_psi(np.arange(100), np.arange(100))
    0.0
    """
    before, after = np.asarray(expected, dtype=float), np.asarray(actual, dtype=float)
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf"))
    shares = []
    for values in (before, after):
        n = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).astype(float)
        shares.append(np.where(n == 0, 0.5, n) / len(values))
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def calibrate(
    bad: np.ndarray | pd.Series, chance: np.ndarray | pd.Series, groups: pd.Series | None = None
) -> pd.DataFrame:
    """Whether chances come true: ``measure``, ``value``, ``low``, ``high`` (95 %).

    ``slope`` of ln odds observed on ln odds foretold (1 where right; below 1: too sure),
    ``intercept`` at slope 1 (0 where right; above 0: more bad cases than foretold), and
    ``brier``, the mean squared error. With `groups`, errors by group. The slope is missing where good and bad are told apart without fail. Cox (1958), doi:10.1093/biomet/45.3-4.562.
    """
    b, p = _two(bad, chance)
    p = np.clip(p, 1e-6, 1 - 1e-6)
    odds = np.log(p / (1 - p))
    rows = []
    shift = brentq(lambda a: float((expit(odds + a) - b).sum()), -60, 60)
    q = expit(odds + shift)
    information = float((q * (1 - q)).sum())
    spread = 1.959964 / np.sqrt(information)
    if groups is not None:
        spread = 1.959964 * np.sqrt(_by_group(b - q, groups)) / information
    rows.append(("intercept", shift, shift - spread, shift + spread))
    try:
        params, covariance = fit_logit(
            b.astype(float), sm.add_constant(odds), None if groups is None else pd.factorize(groups)[0]
        )
        spread = 1.959964 * np.sqrt(covariance[1, 1])
        rows.append(("slope", params[1], params[1] - spread, params[1] + spread))
    except (ScoreError, IndexError):  # all chances alike, or told apart without fail: no slope
        rows.append(("slope", np.nan, np.nan, np.nan))
    error = (p - b) ** 2
    reach = 1.959964 * error.std(ddof=1) / np.sqrt(len(b))
    if groups is not None:
        reach = 1.959964 * np.sqrt(_by_group((error - error.mean()) / len(b), groups))
    rows.append(("brier", error.mean(), error.mean() - reach, error.mean() + reach))
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high"])


def fit_logit(bad: np.ndarray, x: np.ndarray, clusters: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and covariance of a logit, errors by cluster where there are any; refused where it does not settle."""
    options = {} if clusters is None else {"cov_type": "cluster", "cov_kwds": {"groups": clusters}}
    try:
        with np.errstate(over="ignore"):  # a trial step may go far; it is stepped back from
            fit = sm.Logit(bad, x).fit(disp=0, maxiter=100, warn_convergence=False, **options)
    except (np.linalg.LinAlgError, sm.tools.sm_exceptions.PerfectSeparationError) as error:
        raise ScoreError(
            "good and bad are told apart without fail, or two attributes say the same; look for what is known only afterwards"
        ) from error
    if not fit.mle_retvals["converged"]:
        raise ScoreError(
            "the score does not settle: too few bad cases for its attributes; give fewer attributes or more cases"
        )
    return np.asarray(fit.params), np.asarray(fit.cov_params())
