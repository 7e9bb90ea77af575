"""How long contracts are renewed: beta-geometric and beta-discrete-Weibull from counts of those who are left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import betaln, hyp2f1
from scipy.stats import chi2

from labkit.estimates import draw_normal
from labkit.loyalty.errors import LoyaltyError

#: With fewer observed periods a projection hangs on the model more than on the data.
FEW_PERIODS = 7
#: Sum of the parameters beyond which customers are all alike.
_ALIKE = 1e3
#: How far ln alpha, ln beta and ln c go: customers all alike would send the first two to infinity, and nothing changes any more.
_BOUNDS = np.array([10.0, 10.0, 4.0])
#: Models proposed for each that is drawn, and degrees of freedom of the proposals: tails heavier than the likelihood's.
_PROPOSED, _TAILS = 20, 5


@dataclass(frozen=True, eq=False)
class RenewalModel:
    """Customers differ in their chance not to renew (beta distributed); with ``c`` other than 1 it changes over time.

    Attributes
    ----------
    alpha, beta : float
        Of the beta distribution of the chance to leave at a renewal; mean alpha / (alpha + beta).
    c : float
        Time runs as t ** c: below 1 customers grow more loyal by themselves; 1 in the beta-geometric.
    log_likelihood : float
        In customers if counts were given, in shares otherwise.
    periods_count, cohorts_count : int
    customers_count : float
        At the beginning, over all cohorts; 1 a cohort if shares were given.
    notes : tuple of str
    """

    alpha: float
    beta: float
    c: float
    log_likelihood: float
    periods_count: int
    cohorts_count: int
    customers_count: float
    notes: tuple[str, ...]
    _covariance: np.ndarray | None
    _cohorts: tuple[np.ndarray, ...]

    def survival(self, t: ArrayLike) -> np.ndarray | float:
        """Share still there after t renewals."""
        s = _survival(np.asarray(t, dtype=float), self.alpha, self.beta, self.c)
        return float(s) if s.ndim == 0 else s

    def retention(self, t: ArrayLike) -> np.ndarray | float:
        """Of those there after t - 1 renewals, the share that renews the t-th time (t = 1, 2, ...)."""
        n = np.asarray(t, dtype=float)
        if (n < 1).any():
            raise LoyaltyError("retention begins with period 1, the first renewal; give t of 1 or more")
        r = _survival(n, self.alpha, self.beta, self.c) / _survival(n - 1, self.alpha, self.beta, self.c)
        return float(r) if r.ndim == 0 else r

    def residual_lifetime(self, n: float, discount: float) -> float:
        """Discounted expected residual lifetime [periods] of a customer in its period n, before it renews the n-th time.

        Parameters
        ----------
        n : float
            Current period, 1 for a new customer: it has renewed n - 1 times.
        discount : float
            Rate a period; the next payment, at the renewal now due, is not discounted.

        Notes
        -----
        Sum over t = n, n + 1, ... of S(t) / S(n - 1) / (1 + d) ** (t - n); for c = 1 in closed form: Fader and Hardie
        (2010), doi:10.1287/mksc.1080.0482, equation 6.
        """
        if n < 1 or discount < 0:
            raise LoyaltyError(
                f"n is {n} and discount {discount}; expected a period of 1 or more and a rate of 0 or more"
            )
        if self.c == 1.0:
            a, b = self.alpha, self.beta
            if discount == 0 and a <= 1:
                return float("inf")
            return float((b + n - 1) / (a + b + n - 1) * hyp2f1(1, b + n, a + b + n, 1 / (1 + discount)))
        if discount == 0:
            if self.alpha * self.c <= 1:
                return float("inf")
            raise LoyaltyError("without a discount the sum has no short end for this model; give a discount above 0")
        last = n + (np.ceil(np.log(1e12) / np.log1p(discount)))
        t = np.arange(n, min(last, n + 1e6))
        s = _survival(t, self.alpha, self.beta, self.c) / _survival(np.asarray(n - 1.0), self.alpha, self.beta, self.c)
        return float((s / (1 + discount) ** (t - n)).sum())

    def draw(self, draws: int = 500, seed: int = 0) -> list[RenewalModel]:
        """Models by how likely the data make them, for intervals of whatever follows.

        Notes
        -----
        From the likelihood itself, flat in ln alpha, ln beta and ln c within the bounds of the fit: by importance resampling
        (Smith and Gelfand 1992, doi:10.1080/00031305.1992.10475856) from a t distribution about the fit. Where customers are nearly alike, no
        normal distribution about the fit describes what the data leave open.

        Raises
        ------
        LoyaltyError
            If shares were given, which do not say how many customers there were.
        """
        if self._covariance is None:
            raise LoyaltyError("shares do not say how many customers there were; give counts to have intervals")
        rng, k = np.random.default_rng(seed), len(self._covariance)
        at = np.log([self.alpha, self.beta, self.c][:k])
        tails = np.sqrt(rng.chisquare(_TAILS, _PROPOSED * draws) / _TAILS)
        away = draw_normal(np.zeros(k), self._covariance, len(tails), rng) / tails[:, None]
        away = away[(np.abs(at + away) <= _BOUNDS[:k]).all(axis=1)]
        apart = (away * np.linalg.solve(self._covariance, away.T).T).sum(axis=1)
        weight = _log_likelihood(self._cohorts, at + away) + (_TAILS + k) / 2 * np.log1p(apart / _TAILS)
        share = np.cumsum(np.exp(weight - weight.max()))
        chosen = np.searchsorted(share / share[-1], (rng.random() + np.arange(draws)) / draws)
        theta = np.exp(at + away[np.minimum(chosen, len(away) - 1)])
        return [
            replace(self, alpha=row[0], beta=row[1], c=row[2] if k == 3 else 1.0, _covariance=None)
            for row in theta.tolist()
        ]

    def to_frame(self, periods: int, *, draws: int = 500, seed: int = 0) -> pd.DataFrame:
        """``period``, ``survival`` and ``retention`` with their ``_low``, ``_high`` (missing if shares were given)."""
        t = np.arange(1, periods + 1)
        table = pd.DataFrame({"period": t, "survival": self.survival(t), "retention": self.retention(t)})
        drawn = self.draw(draws, seed) if self._covariance is not None else []
        for name in ("survival", "retention"):
            ends = np.full((2, periods), np.nan)
            if drawn:
                ends = np.quantile([getattr(m, name)(t) for m in drawn], [0.025, 0.975], axis=0)
            table[f"{name}_low"], table[f"{name}_high"] = ends
        return table[["period", *(f"{n}{e}" for n in ("survival", "retention") for e in ("", "_low", "_high"))]]


def _log_likelihood(cohorts: Sequence[np.ndarray], theta: np.ndarray) -> np.ndarray:
    """Of each row of ln alpha, ln beta and, if there is a third, ln c."""
    a, b = np.exp(theta[:, [0]]), np.exp(theta[:, [1]])
    c = np.exp(theta[:, [2]]) if theta.shape[1] == 3 else np.ones_like(a)
    total = np.zeros(len(theta))
    for alive in cohorts:
        s = _survival(np.arange(len(alive), dtype=float), a, b, c)
        lost, gone = -np.diff(alive), -np.diff(s, axis=1)
        seen = lost > 0
        total += (lost[seen] * np.log(np.maximum(gone[:, seen], 1e-300))).sum(axis=1)
        if alive[-1] > 0:
            total += alive[-1] * np.log(np.maximum(s[:, -1], 1e-300))
    return total


def _survival(t: np.ndarray, a: float | np.ndarray, b: float | np.ndarray, c: float | np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(betaln(a, b + t**c) - betaln(a, b)))


def fit_sbg(survivors: Sequence[float] | Mapping[str, Sequence[float]] | Sequence[Sequence[float]]) -> RenewalModel:
    """Shifted beta-geometric: how many renew, how often, and for how much longer.

    Parameters
    ----------
    survivors : sequence, or several (mapping or sequence of sequences)
        Customers, or shares of them, alive at periods 0, 1, 2, ...; one sequence a cohort. Cohorts share the parameters.

    Raises
    ------
    LoyaltyError
        If numbers rise, are below 0, there is no period after the first, or nobody ever left or all left at once.

    Notes
    -----
    Maximum likelihood, Fader and Hardie (2007), doi:10.1002/dir.20074. Retention rises only because those likely to leave
    go first. Intervals: `RenewalModel.draw`.

    Examples
    --------
    >>> model = fit_sbg([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> round(model.alpha, 3), round(model.beta, 3), round(model.log_likelihood, 1)
    (0.668, 3.806, -1611.2)
    """
    return _fit(_read(survivors), with_c=False)


def fit_bdw(survivors: Sequence[float] | Mapping[str, Sequence[float]] | Sequence[Sequence[float]]) -> RenewalModel:
    """Beta-discrete-Weibull: as `fit_sbg`, with chances that change with a customer's own time too.

    Notes
    -----
    Fader, Hardie, Liu, Davin and Steenburgh (2018), doi:10.1287/mksc.2017.1079. Compare with `compare_renewals`.
    """
    return _fit(_read(survivors), with_c=True)


def compare_renewals(
    survivors: Sequence[float] | Mapping[str, Sequence[float]] | Sequence[Sequence[float]],
) -> pd.DataFrame:
    """Both models: ``model``, ``alpha``, ``beta``, ``c``, ``log_likelihood``, ``aic``, ``p_value`` of c = 1 (likelihood ratio)."""
    rows = []
    plain, wide = fit_sbg(survivors), fit_bdw(survivors)
    counts = plain.customers_count > plain.cohorts_count
    for name, model, k in (("sbg", plain, 2), ("bdw", wide, 3)):
        p = (
            float(chi2.sf(max(2 * (wide.log_likelihood - plain.log_likelihood), 0), 1))
            if name == "bdw" and counts
            else np.nan
        )
        rows.append((name, model.alpha, model.beta, model.c, model.log_likelihood, 2 * k - 2 * model.log_likelihood, p))
    return pd.DataFrame(rows, columns=["model", "alpha", "beta", "c", "log_likelihood", "aic", "p_value"])


def _read(survivors: Sequence[float] | Mapping[str, Sequence[float]] | Sequence[Sequence[float]]) -> list[np.ndarray]:
    raw = (
        list(survivors.values())
        if isinstance(survivors, Mapping)
        else [np.asarray(s) if np.ndim(s) else s for s in survivors]
    )
    many = len(raw) > 0 and np.ndim(raw[0]) > 0
    cohorts = [np.asarray(c, dtype=float) for c in (raw if many else [raw])]
    for i, alive in enumerate(cohorts, 1):
        if len(alive) < 2 or not np.isfinite(alive).all() or (alive < 0).any() or alive[0] <= 0:
            raise LoyaltyError(
                f"cohort {i}: expected how many are alive at periods 0, 1, ..., two or more numbers from above 0 on"
            )
        if (np.diff(alive) > 0).any():
            raise LoyaltyError(
                f"cohort {i}: more are alive in a later period than before; those who come back begin a new cohort"
            )
    left = sum(alive[0] - alive[-1] for alive in cohorts)
    if left <= 0:
        raise LoyaltyError(
            "nobody left in any period, so retention has no end that the data could tell; wait, or join cohorts"
        )
    if all(alive[1] == 0 for alive in cohorts):
        raise LoyaltyError("all left at the first renewal: how customers differ cannot be told")
    return cohorts


def _fit(cohorts: list[np.ndarray], *, with_c: bool) -> RenewalModel:
    def loss(theta: np.ndarray) -> float:
        return -float(_log_likelihood(cohorts, theta[None, :])[0])

    size = sum(float(alive[0]) for alive in cohorts)
    bounds = [(-most, most) for most in _BOUNDS[: 3 if with_c else 2]]
    starts = [[0.0, 0.5], [-0.5, 1.5], [1.0, 3.0]]
    if with_c:
        plain = _fit(cohorts, with_c=False)
        starts = [[*start, 0.0] for start in (*starts, [np.log(plain.alpha), np.log(plain.beta)])]
    best = None
    for start in starts:
        found = minimize(lambda th: loss(th) / size, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 2000})
        polished = minimize(
            lambda th: loss(th) / size, found.x, method="Nelder-Mead", bounds=bounds,
            options={"xatol": 1e-10, "fatol": 1e-15, "maxiter": 4000},
        )  # fmt: skip
        if best is None or polished.fun < best.fun:
            best = polished
    assert best is not None
    theta = best.x
    periods, counts = (
        max(len(alive) for alive in cohorts) - 1,
        all((alive % 1 == 0).all() and alive[0] > 1 for alive in cohorts),
    )
    a, b = np.exp(theta[:2])
    notes = []
    if periods < FEW_PERIODS:
        notes.append(
            f"{periods} periods: with fewer than {FEW_PERIODS} what lies beyond hangs on the model; pool cohorts, or look no further ahead."
        )
    if a + b > _ALIKE:
        notes.append("customers look all alike: alpha and beta are told only by their ratio, the chance to leave.")
    covariance = _covariance(loss, theta) if counts else None
    return RenewalModel(
        float(a), float(b), float(np.exp(theta[2])) if with_c else 1.0, -loss(theta), periods, len(cohorts),
        size if counts else float(len(cohorts)), tuple(notes), covariance, tuple(cohorts),
    )  # fmt: skip


def _covariance(loss: Callable[[np.ndarray], float], theta: np.ndarray) -> np.ndarray:
    """Inverse of the information by differences; directions the data do not tell stay wide, not endless."""
    k, h = len(theta), 1e-2  # as wide as the likelihood is smooth: rounding of its sum over all customers must not show
    hessian = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            e, f = np.eye(k)[i] * h, np.eye(k)[j] * h
            hessian[i, j] = (loss(theta + e + f) - loss(theta + e - f) - loss(theta - e + f) + loss(theta - e - f)) / (
                4 * h * h
            )
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    return np.asarray((vectors / np.maximum(values, 0.1)) @ vectors.T)
