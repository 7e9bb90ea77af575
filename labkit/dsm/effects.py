"""Regression with an effect for each customer and each day, errors clustered by customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats

from labkit.dsm.errors import DsmError
from labkit.estimates import Estimate

_SWEEPS, _CLOSE = 200, 1e-10


def absorb(values: np.ndarray, *groups: np.ndarray) -> np.ndarray:
    """Values less the effects of groups, each column by itself.

    Parameters
    ----------
    values : ndarray, shape (n,) or (n, k)
    groups : ndarray of int, shape (n,)
        A number each group, from 0.

    Notes
    -----
    Means of each grouping are taken out in turn until nothing moves: with a
    balanced table once is enough, with gaps some ten rounds.

    Examples
    --------
    >>> absorb(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1])).tolist()
    [-0.5, 0.5, -0.5, 0.5]
    """
    left = np.array(values, dtype=float)
    one = left.ndim == 1
    left = left.reshape(len(left), -1)
    counts = [np.bincount(group) for group in groups]
    scale = np.maximum(np.abs(left).max(axis=0), 1e-12)
    for _ in range(_SWEEPS):
        moved = np.zeros(left.shape[1])
        for group, count in zip(groups, counts):
            for k in range(left.shape[1]):
                mean = np.bincount(group, left[:, k], len(count)) / np.maximum(count, 1)
                left[:, k] -= mean[group]
                moved[k] = max(moved[k], np.abs(mean).max())
        if (moved <= _CLOSE * scale).all() or len(groups) == 1:
            break
    return left[:, 0] if one else left


@dataclass(frozen=True, eq=False)
class PanelFit:
    """Coefficients of a panel, with intervals by customer."""

    names: tuple[str, ...]
    params: np.ndarray
    covariance: np.ndarray
    customers: int
    rows: int

    def estimate(self, name: str, level: float = 0.95) -> Estimate:
        """A coefficient with its interval (t with as many degrees as customers, less one)."""
        at = self.names.index(name)
        reach = stats.t.ppf(0.5 + level / 2, self.customers - 1) * np.sqrt(self.covariance[at, at])
        value = float(self.params[at])
        return Estimate(value, value - float(reach), value + float(reach), self.customers, level)


def fit_panel(y: np.ndarray, x: np.ndarray, names: tuple[str, ...], customer: np.ndarray, day: np.ndarray) -> PanelFit:
    """Least squares with customer and day effects, errors clustered by customer.

    Parameters
    ----------
    y : ndarray, shape (n,)
    x : ndarray, shape (n, k)
    names : tuple of str
    customer, day : ndarray, shape (n,)
        What each row belongs to.

    Raises
    ------
    DsmError
        If a column has no variation left within customers and days, or there are
        fewer than 3 customers.
    """
    who, when = pd.factorize(np.asarray(customer))[0], pd.factorize(np.asarray(day))[0]
    if who.max(initial=-1) < 2:
        raise DsmError(f"there are {who.max(initial=-1) + 1} customers; an interval by customer needs 3 at least")
    inside = absorb(np.column_stack([y, x]), who, when)
    spread = np.abs(inside[:, 1:]).max(axis=0)
    flat = spread <= 1e-8 * np.maximum(np.abs(np.asarray(x)).max(axis=0), 1e-12)
    if flat.any():
        raise DsmError(
            f"{names[int(np.argmax(flat))]} does not vary within customers and days: "
            "the trial needs days before it and customers outside it (a control group)"
        )
    fit = sm.OLS(inside[:, 0], inside[:, 1:]).fit(cov_type="cluster", cov_kwds={"groups": who})
    return PanelFit(names, np.asarray(fit.params), np.asarray(fit.cov_params()), int(who.max()) + 1, len(who))
