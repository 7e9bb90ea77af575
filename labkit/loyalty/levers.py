"""Where effort is best spent: what moves satisfaction, what only avoids anger, what a yuan buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm
import yaml
from scipy.stats import norm

from labkit.calendar import DATA
from labkit.importance import correlations_of, driver_importance, product_sums, split_r_squared
from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.moments import item_moments, survey_weights
from labkit.loyalty.risk_sets import group_codes
from labkit.loyalty.satisfaction import dimension_scores

QUADRANTS = ("improve_first", "keep_up", "low_priority", "possible_overkill")


def importance_performance(
    surveys: pd.DataFrame, scales: Mapping[str, Sequence[str]], y: str = "overall", *, weights: str | None = "weight",
    clusters: str = "customer_id", draws: int = 400, seed: int = 0, level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Drivers by how much they matter and how well they are done, and how sure the quadrant is.

    Parameters
    ----------
    surveys : DataFrame
    scales : mapping
        Driver -> items.
    y : str
        Overall answer.
    weights, clusters : str
        Columns.
    draws, seed, level
        Bootstrap over customers, of both coordinates together: the same people rate all drivers.

    Returns
    -------
    DataFrame
        Most important first: ``driver``, ``share`` (part of R², LMG) with ``share_low``, ``share_high``; ``index``
        (0..100) with ``low``, ``high``; ``quadrant`` against the means of both: `QUADRANTS`; ``quadrant_share``: of the
        draws in which it lies there.

    Raises
    ------
    RefusalError
        As of `labkit.importance.driver_importance`.

    Notes
    -----
    Martilla and James (1977), doi:10.1177/002224297704100112; axes at the means, so quadrants are relative: there is always
    something to improve.
    """
    scores = dimension_scores(surveys, scales)
    importance = driver_importance(
        surveys[y], scores, weights=survey_weights(surveys, weights), groups=surveys[clusters], draws=1
    )
    who, w = group_codes(surveys, clusters), survey_weights(surveys, weights).to_numpy()
    n, x = int(who.max()) + 1, scores.to_numpy()
    whole = np.isfinite(x).all(axis=1) & surveys[y].notna().to_numpy()
    data = np.column_stack([x[whole], surveys.loc[whole, y].astype(float)])
    products = product_sums(data - data.mean(axis=0), w[whole], who[whole], n)
    known = np.isfinite(x)
    top = np.column_stack(
        [np.bincount(who, np.where(known[:, k], w * (x[:, k] - 1) / 9, 0.0), n) for k in range(x.shape[1])]
    )
    bottom = np.column_stack([np.bincount(who, np.where(known[:, k], w, 0.0), n) for k in range(x.shape[1])])
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(float)
    sums = (counts @ products.reshape(n, -1)).reshape(draws, *products.shape[1:])
    parts = split_r_squared(correlations_of(sums))
    share, index = parts / parts.sum(axis=1, keepdims=True), (counts @ top) / (counts @ bottom) * 100
    middle = importance.weights.to_numpy(), top.sum(axis=0) / bottom.sum(axis=0) * 100
    seen = _quadrant(middle[0][None], middle[1][None])[0]
    ends = [0.5 - level / 2, 0.5 + level / 2]
    (share_low, share_high), (low, high) = np.quantile(share, ends, axis=0), np.quantile(index, ends, axis=0)
    table = pd.DataFrame(
        {
            "driver": list(scales), "share": middle[0], "share_low": share_low, "share_high": share_high, "index": middle[1],
            "low": low, "high": high, "quadrant": np.array(QUADRANTS)[seen],
            "quadrant_share": (_quadrant(share, index) == seen).mean(axis=0),
        }
    )  # fmt: skip
    return table.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _quadrant(share: np.ndarray, index: np.ndarray) -> np.ndarray:
    matters = share >= share.mean(axis=1, keepdims=True)
    good = index >= index.mean(axis=1, keepdims=True)
    return np.where(matters, np.where(good, 1, 0), np.where(good, 3, 2))


def penalty_reward(
    y: pd.Series, scores: pd.DataFrame, *, weights: pd.Series | None = None, clusters: pd.Series | None = None,
    ends: tuple[float, float] = (0.2, 0.8), level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Which drivers only anger when they are bad, which only delight when they are good.

    Parameters
    ----------
    y : Series
        Overall satisfaction.
    scores : DataFrame
        A column a driver.
    weights, clusters : Series, optional
        Weight of each interview; customer.
    ends : (float, float)
        Shares of answers that count as bad (lowest) and good (highest).

    Returns
    -------
    DataFrame
        ``driver``, ``penalty`` (points lost for each point that bad answers lie below middling ones) and ``reward``
        (points gained for each that good ones lie above), each with ``_low``, ``_high``; ``asymmetry`` (reward less penalty) with ``asymmetry_low``, ``asymmetry_high``; ``kind``:
        basic (penalty surely larger), exciting (reward surely larger), one_dimensional (neither, but it moves), or
        unclear.

    Raises
    ------
    LoyaltyError
        If a driver has no bad or no good answers beside middling ones.

    Notes
    -----
    Brandt (1987); regression on two one-sided terms, errors by customer. Counted a point, since bad and good answers lie at
    unequal distances where answers are skewed. Where the scale ends, a ceiling still looks like "basic". Named after Kano et al. (1984), but of what answers go
    together with, not of what customers say they would feel.
    """
    known = (scores.notna().all(axis=1) & y.notna()).to_numpy()
    if known.sum() < 3 * (2 * scores.shape[1] + 1):
        raise LoyaltyError(
            f"{int(known.sum())} whole interviews are too few for {scores.shape[1]} drivers; ask more customers"
        )
    x, w = {}, np.ones(int(known.sum())) if weights is None else np.asarray(weights, dtype=float)[known]
    for name in scores:
        value = scores.loc[known, name].to_numpy(dtype=float)
        low, high = np.quantile(value, ends)
        bad, good = value <= low, value >= high
        if low >= high or bad.all() or good.all() or not (~bad & ~good).any():
            raise LoyaltyError(
                f"{name}: answers fall into fewer than three kinds; penalty and reward cannot be told apart"
            )
        middling = value[~bad & ~good].mean()
        x[f"{name}<"] = bad * (middling - value[bad].mean())
        x[f"{name}>"] = good * (value[good].mean() - middling)
    groups = np.arange(len(w)) if clusters is None else pd.factorize(clusters[known])[0]
    design = sm.add_constant(pd.DataFrame(x, index=y[known].index))
    fit = sm.WLS(y[known].astype(float), design, weights=w).fit(cov_type="cluster", cov_kwds={"groups": groups})
    z, rows = norm.ppf(0.5 + level / 2), []
    b, v = fit.params, fit.cov_params()
    for name in scores:
        lo, hi = f"{name}<", f"{name}>"
        penalty, reward = -b[lo], b[hi]
        error = {"penalty": np.sqrt(v.loc[lo, lo]), "reward": np.sqrt(v.loc[hi, hi])}
        gap, gap_error = reward - penalty, np.sqrt(v.loc[lo, lo] + v.loc[hi, hi] + 2 * v.loc[lo, hi])
        moves = (penalty - z * error["penalty"] > 0) or (reward - z * error["reward"] > 0)
        kind = (
            "basic"
            if gap + z * gap_error < 0
            else "exciting"
            if gap - z * gap_error > 0
            else "one_dimensional"
            if moves
            else "unclear"
        )
        rows.append(
            (name, penalty, penalty - z * error["penalty"], penalty + z * error["penalty"], reward,
             reward - z * error["reward"], reward + z * error["reward"], gap, gap - z * gap_error, gap + z * gap_error, kind)
        )  # fmt: skip
    columns = [f"{m}{e}" for m in ("penalty", "reward", "asymmetry") for e in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["driver", *columns, "kind"])


@dataclass(frozen=True)
class Measures:
    """What could raise satisfaction, as data; see ``data/loyalty/measures.yaml``."""

    table: pd.DataFrame
    spread: float
    source: str


def read_measures(path: Path = DATA / "loyalty" / "measures.yaml") -> Measures:
    """Measures with cost, reach and assumed effect.

    Raises
    ------
    LoyaltyError
        If an entry is missing or out of its range.
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    wanted = ("dimension", "points", "reach_share", "cost_yuan", "en", "zh")
    rows = []
    for name, entry in (raw or {}).get("measures", {}).items():
        odd = sorted(set(wanted) ^ set(entry))
        if odd:
            raise LoyaltyError(f"{path.name}, {name}: {odd[0]} is {'unknown' if odd[0] in entry else 'missing'}")
        if not (0 < entry["points"] <= 9 and 0 < entry["reach_share"] <= 1 and entry["cost_yuan"] > 0):
            raise LoyaltyError(f"{path.name}, {name}: expected points of 0 to 9, a reach of 0 to 1 and a cost above 0")
        rows.append((name, *(entry[key] for key in wanted)))
    if not rows or float(raw.get("spread", -1)) < 0:
        raise LoyaltyError(f"{path.name}: expected `measures` and a `spread` of 0 or more")
    return Measures(pd.DataFrame(rows, columns=["measure", *wanted]), float(raw["spread"]), str(raw["source"]))


@dataclass(frozen=True, eq=False)
class DriverSlopes:
    """Points of overall satisfaction that go with a point of each dimension, the others held.

    Attributes
    ----------
    table : DataFrame
        ``driver``, ``slope`` with ``low``, ``high``; ``plain_slope``: of a regression on the answers as they are.
    draws : ndarray, shape (draws, drivers)
    """

    table: pd.DataFrame
    draws: np.ndarray


def driver_slopes(
    surveys: pd.DataFrame, scales: Mapping[str, Sequence[str]], y: str = "overall", *, weights: str | None = "weight",
    clusters: str = "customer_id", draws: int = 400, seed: int = 0, level: float = 0.95,
) -> DriverSlopes:  # fmt: skip
    """Slopes of overall satisfaction on the dimensions, freed of what single items measure badly.

    Parameters
    ----------
    surveys : DataFrame
    scales : mapping
        Dimension -> items, two or more.
    y : str
        Overall answer.
    weights, clusters, draws, seed, level
        As of `scale_reliability`.

    Raises
    ------
    LoyaltyError
        If an item is not there or does not vary, or dimensions cannot be told apart.

    Notes
    -----
    Means of items carry error, which flattens their own slope and lends to others that move with them. The error's variance is
    that of items around their scale; it is taken off before the regression (Fuller 1987, Measurement Error Models,
    section 2.2). Errors of items are taken as independent.
    """
    items = [item for own in scales.values() for item in own]
    moments = item_moments(surveys, [*items, y], weights, clusters)
    n = len(moments.sums)
    rng = np.random.default_rng(seed)
    counts = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=draws)])
    s = moments.covariances(counts)
    k, to = len(scales), np.zeros((len(items) + 1, len(scales) + 1))
    error, at = np.zeros((len(s), k)), 0
    for j, own in enumerate(scales.values()):
        place = np.arange(at, at + len(own))
        to[place, j] = 1 / len(own)
        block = s[:, place[:, None], place]
        trace = np.einsum("bii->b", block)
        between = (block.sum(axis=(1, 2)) - trace) / (len(own) * (len(own) - 1))
        error[:, j] = np.maximum(trace / len(own) - between, 0) / len(own)
        at += len(own)
    to[-1, -1] = 1.0
    means = to.T @ s @ to
    plain = np.linalg.solve(means[0, :k, :k], means[0, :k, k])
    clean = means[:, :k, :k] - error[:, :, None] * np.eye(k)
    if (np.linalg.eigvalsh(clean)[:, 0] <= 0).mean() > 0.05:
        raise LoyaltyError(
            "the dimensions cannot be told apart beyond the error of their items; join those that go together"
        )
    kept = np.r_[True, (np.linalg.eigvalsh(clean)[1:, 0] > 0)]
    slopes = np.linalg.solve(clean[kept], means[kept][:, :k, k][..., None])[..., 0]
    low, high = np.quantile(slopes[1:], [0.5 - level / 2, 0.5 + level / 2], axis=0)
    table = pd.DataFrame({"driver": list(scales), "slope": slopes[0], "low": low, "high": high, "plain_slope": plain})
    return DriverSlopes(table, slopes[1:])


def rank_measures(slopes: DriverSlopes, measures: Measures, customers_count: int, *, seed: int = 0) -> pd.DataFrame:
    """Points of overall satisfaction that 10,000 yuan a year buy, measure by measure.

    Parameters
    ----------
    slopes : DriverSlopes
    measures : Measures
    customers_count : int
        Of the utility.
    seed : int
        For the assumed effects, which are drawn from their spread; slopes come with their draws.

    Returns
    -------
    DataFrame
        ``measure``, ``dimension``, ``cost_yuan``, ``points_gained`` (mean over all customers) and ``points_for_money``
        (customer-points a 10,000 yuan) with ``low``, ``high``; ``rank_low``, ``rank_high``, ``first_share``. Best first.

    Notes
    -----
    The slope says what goes together with a better answer in the dimension, not what raising it would cause.
    """
    table = measures.table.reset_index(drop=True)
    names = slopes.table["driver"].tolist()
    unknown = sorted(set(table["dimension"]) - set(names))
    if unknown:
        raise LoyaltyError(f"the measures name the dimension {unknown[0]}, of which there is no score")
    rng = np.random.default_rng(seed)
    at = [names.index(d) for d in table["dimension"]]
    gained = (table["points"] * table["reach_share"]).to_numpy()
    each = customers_count / (table["cost_yuan"].to_numpy() / 10_000)
    effect = np.exp(measures.spread * rng.normal(size=(len(slopes.draws), len(table))))
    drawn = slopes.draws[:, at] * effect * gained * each
    ranks = (-drawn).argsort(axis=1, kind="stable").argsort(axis=1) + 1
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    rank_low, rank_high = np.quantile(ranks, [0.025, 0.975], axis=0, method="nearest")
    value = slopes.table["slope"].to_numpy()[at] * gained
    out = table.assign(
        points_gained=value, points_for_money=value * each, low=low, high=high, rank_low=rank_low, rank_high=rank_high,
        first_share=(ranks == 1).mean(axis=0),
    )  # fmt: skip
    return out.sort_values("points_for_money", ascending=False, kind="stable", ignore_index=True)
