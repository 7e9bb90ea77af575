"""What moves an answer on steps: ordinal regression, and whether its one slope holds at every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.stats import chi2, norm
from statsmodels.miscmodels.ordinal_model import OrderedModel

from labkit.loyalty.design import refuse_doubled
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.settling import may_not_settle

#: A step needs this share of the answers on either side for a slope of its own.
_LEAST = 0.05
#: A difference between two answers of more than this on the log odds is no estimate but a separation.
_ENDLESS = 25.0


@dataclass(frozen=True, eq=False)
class OrdinalModel:
    """Proportional odds: one slope a driver for all steps of the answer.

    Attributes
    ----------
    summary : DataFrame
        ``driver``, ``coefficient``, ``standard_error``, ``odds_ratio`` with ``low``, ``high``: odds of a higher answer a point.
    check : DataFrame
        ``driver``, ``lowest_slope``, ``highest_slope`` over the steps, ``statistic``, ``p_value`` (Brant, Wald); last row ``all``.
        With many answers small differences are significant: judge by the slopes.
    interviews_count : int
    pseudo_r_squared : float
        McFadden's.
    """

    summary: pd.DataFrame
    check: pd.DataFrame
    interviews_count: int
    pseudo_r_squared: float


def fit_ordinal(
    y: pd.Series, scores: pd.DataFrame, *, clusters: pd.Series | None = None, level: float = 0.95
) -> OrdinalModel:
    """Odds of a higher answer a point of each driver, with the check of its assumption.

    Parameters
    ----------
    y : Series
        Answers on steps, such as 1..10.
    scores : DataFrame
        A column a driver; rows with anything missing are left out.
    clusters : Series, optional
        Customer, for the errors and the check.
    level : float

    Raises
    ------
    LoyaltyError
        If answers have fewer than three steps, or the model does not settle.

    Notes
    -----
    Cumulative logit, unweighted: survey weights would want a likelihood that is none. Errors and the check of
    parallel slopes from logits at every step that a twentieth of the answers lie on either side of, taken together by
    customer. McCullagh (1980), doi:10.1111/j.2517-6161.1980.tb01109.x; Brant (1990), doi:10.2307/2532457.
    """
    known = scores.notna().all(axis=1) & y.notna()
    x, answer = scores[known].astype(float), y[known].astype(float)
    steps = np.sort(answer.unique())
    if len(steps) < 3:
        raise LoyaltyError(f"the answers have {len(steps)} steps; an ordinal model wants three or more")
    centre, scale = x.mean(), x.std(ddof=0)
    if (scale == 0).any():
        raise LoyaltyError(f"{scale.index[int(np.argmin(scale))]} has the same value everywhere; leave it out")
    z = (x - centre) / scale
    if len(z) < 10 * (z.shape[1] + len(steps)):
        raise LoyaltyError(
            f"{len(z)} whole interviews are too few for {z.shape[1]} drivers and {len(steps)} steps; join steps or ask more"
        )
    refuse_doubled(z.to_numpy(), [str(c) for c in z])
    groups = np.arange(len(z)) if clusters is None else pd.factorize(clusters[known])[0]
    codes = pd.Series(np.searchsorted(steps, answer), index=z.index)
    with may_not_settle():
        fit = OrderedModel(codes, z, distr="logit").fit(method="bfgs", maxiter=500, disp=0)
    if not fit.mle_retvals["converged"]:
        raise LoyaltyError(
            "the ordinal model does not settle: too few answers for its drivers, or drivers that say the same"
        )
    b = fit.params.iloc[: z.shape[1]].to_numpy()
    spread = np.abs(b) * np.ptp(z.to_numpy(), axis=0)
    if not np.isfinite(b).all() or (spread > _ENDLESS).any():
        raise LoyaltyError(
            f"{x.columns[int(np.argmax(np.nan_to_num(spread, nan=np.inf)))]} tells the answer without fail, so its effect has no end; leave it out"
        )
    se = _robust(fit, groups)[: z.shape[1]]
    reach = norm.ppf(0.5 + level / 2) * se
    s = scale.to_numpy()
    summary = pd.DataFrame(
        {
            "driver": x.columns, "coefficient": b / s, "standard_error": se / s, "odds_ratio": np.exp(b / s),
            "low": np.exp((b - reach) / s), "high": np.exp((b + reach) / s),
        }
    )  # fmt: skip
    null = _empty_likelihood(codes.to_numpy())
    return OrdinalModel(summary, _brant(codes.to_numpy(), z, s, groups), len(z), float(1 - fit.llf / null))


def _empty_likelihood(codes: np.ndarray) -> float:
    counts = np.bincount(codes)
    return float((counts[counts > 0] * np.log(counts[counts > 0] / len(codes))).sum())


def _robust(fit: object, groups: np.ndarray) -> np.ndarray:
    """Errors by customer (sandwich), from the scores of the fit."""
    score = fit.model.score_obs(fit.params.to_numpy())  # type: ignore[attr-defined]
    sums = np.zeros((int(groups.max()) + 1, score.shape[1]))
    np.add.at(sums, groups, score)
    bread = np.linalg.inv(-fit.model.hessian(fit.params.to_numpy()))  # type: ignore[attr-defined]
    n = len(sums)
    return np.asarray(np.sqrt(np.diag(bread @ (sums.T @ sums) @ bread) * n / (n - 1)))


def _brant(codes: np.ndarray, z: pd.DataFrame, scale: np.ndarray, groups: np.ndarray) -> pd.DataFrame:
    """Whether slopes at the steps are the same: Wald test on logits at each, jointly by customer."""
    p, design = z.shape[1], sm.add_constant(z.to_numpy())
    slopes, pulls = [], []
    for step in range(1, codes.max() + 1):
        above = (codes >= step).astype(float)
        if not _LEAST <= above.mean() <= 1 - _LEAST:
            continue
        fit = sm.Logit(above, design).fit(disp=0, maxiter=100, warn_convergence=False)
        pull = (above - fit.predict())[:, None] * design @ np.asarray(fit.cov_params())
        sums = np.zeros((int(groups.max()) + 1, p))
        np.add.at(sums, groups, pull[:, 1:])
        slopes.append(fit.params[1:])
        pulls.append(sums)
    names = [*z.columns, "all"]
    empty = pd.DataFrame(
        {"driver": names, "lowest_slope": np.nan, "highest_slope": np.nan, "statistic": np.nan, "p_value": np.nan}
    )
    if len(slopes) < 2:
        return empty
    b, joint = np.array(slopes), np.hstack(pulls)
    v, k = joint.T @ joint, len(slopes)
    rows = []
    for which in [*([j] for j in range(p)), list(range(p))]:
        contrast = np.zeros(((k - 1) * len(which), k * p))
        for row, (step, j) in enumerate((s, j) for s in range(1, k) for j in which):
            contrast[row, j], contrast[row, step * p + j] = -1.0, 1.0
        gap = contrast @ b.ravel()
        wald = float(gap @ np.linalg.pinv(contrast @ v @ contrast.T) @ gap)
        own = b[:, which[0]] / scale[which[0]] if len(which) == 1 else np.array([np.nan])
        rows.append((own.min(), own.max(), wald, float(chi2.sf(wald, len(contrast)))))
    told = pd.DataFrame(rows, columns=["lowest_slope", "highest_slope", "statistic", "p_value"])
    return pd.concat([pd.DataFrame({"driver": names}), told], axis=1)
