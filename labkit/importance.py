"""What moves a figure: the part of its variation that belongs to each of several drivers that move together."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import Literal

import numpy as np
import pandas as pd

from labkit.estimates import Estimate
from labkit.refusals import RefusalError

Method = Literal["lmg", "johnson"]
#: More drivers than this have too many subsets.
MOST_DRIVERS = 18
#: A pivot below this says nothing that the drivers before it have not said.
_NOTHING = 1e-10
_NUMBERS_AT_ONCE = 8_000_000


@dataclass(frozen=True, eq=False)
class Importance:
    """Drivers by the part of R² that belongs to each.

    Attributes
    ----------
    table : DataFrame
        Largest first: ``driver``, ``importance`` (part of R²) with ``low``, ``high``; ``share`` of R² with ``share_low``,
        ``share_high``; ``rank`` with ``rank_low``, ``rank_high``; ``first_share``: share of the draws in which it
        comes first; ``correlation`` with y, for the direction.
    r_squared : Estimate
        Of all drivers together.
    method : {"lmg", "johnson"}
    """

    table: pd.DataFrame
    r_squared: Estimate
    method: Method

    @property
    def weights(self) -> pd.Series:
        """Shares by driver, in the order they were given; they add up to 1."""
        return self.table.sort_values("position").set_index("driver")["share"]


def driver_importance(
    y: pd.Series | np.ndarray,
    X: pd.DataFrame,  # noqa: N803 - the name by which statistics knows it
    method: Method = "lmg",
    *,
    weights: np.ndarray | pd.Series | None = None,
    groups: np.ndarray | pd.Series | None = None,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Importance:
    """How much of what y varies belongs to each driver, where drivers move together.

    Parameters
    ----------
    y : array_like, shape (n,)
        Such as overall satisfaction; rows with anything missing are left out.
    X : DataFrame, shape (n, p)
        A column a driver.
    method : {"lmg", "johnson"}
        ``lmg``: mean gain in R² over all orders in which drivers can be added (Lindeman, Merenda and Gold;
        exact, up to `MOST_DRIVERS`). ``johnson``: relative weights, close to it and cheap for any number.
    weights : array_like, optional
        Of the survey.
    groups : array_like, optional
        Customer of each row; draws are of customers.
    draws, seed, level
        Bootstrap.

    Raises
    ------
    RefusalError
        If y or a driver does not vary, or rows are too few.

    Notes
    -----
    Parts are never negative and add up to R², so that a driver that does nothing has a small part too, and the
    lower end of an interval is above 0 for any: judge by size and by ranks. Grömping (2007),
    doi:10.1198/000313007X188252; Johnson (2000), doi:10.1207/S15327906MBR3501_1.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = pd.DataFrame(rng.normal(size=(400, 2)), columns=["supply", "channel"])
    >>> found = driver_importance(2 * x["supply"] + x["channel"] + rng.normal(size=400), x)
    >>> found.table["driver"].tolist(), bool(found.table["share"].iloc[0] > 0.7)
    (['supply', 'channel'], True)
    """
    if method not in ("lmg", "johnson"):
        raise RefusalError(f"method is {method!r}, expected 'lmg' or 'johnson'")
    names = [str(c) for c in X.columns]
    data = np.column_stack([np.asarray(X, dtype=float), np.asarray(y, dtype=float)])
    w = np.ones(len(data)) if weights is None else np.asarray(weights, dtype=float)
    whole = np.isfinite(data).all(axis=1) & np.isfinite(w) & (w > 0)
    _refuse(data[whole], names, method)
    data, w = data[whole], w[whole]
    if groups is not None and pd.isna(np.asarray(groups, dtype=object)[whole]).any():
        raise RefusalError("a group is missing; give each row its customer, its own if it has none")
    who = np.arange(len(data)) if groups is None else pd.factorize(np.asarray(groups)[whole])[0]
    moments = product_sums(data - np.average(data, axis=0, weights=w), w, who)
    split = _split_lmg if method == "lmg" else _split_johnson
    parts = split(correlations_of(moments.sum(axis=0)[None]))[0]
    rng = np.random.default_rng(seed)
    n = len(moments)
    step = max(1, _NUMBERS_AT_ONCE // max(n, 2 ** len(names) if method == "lmg" else 1))
    flat = moments.reshape(n, -1)
    drawn = []
    for start in range(0, draws, step):
        count = rng.multinomial(n, np.full(n, 1 / n), size=min(step, draws - start)).astype(float)
        drawn.append(split(correlations_of((count @ flat).reshape(len(count), *moments.shape[1:]))))
    return _tell(names, parts, np.concatenate(drawn), correlations_of(moments.sum(axis=0)[None])[0], n, method, level)


def split_r_squared(correlations: np.ndarray, method: Method = "lmg") -> np.ndarray:
    """Parts of R² of each driver, shape (draws, p), from correlations of drivers and y (last)."""
    return _split_lmg(correlations) if method == "lmg" else _split_johnson(correlations)


def _refuse(data: np.ndarray, names: list[str], method: Method) -> None:
    p = len(names)
    if len(data) < p + 10:
        raise RefusalError(f"{len(data)} whole rows are too few for {p} drivers; bring {p + 10} or more")
    still = [name for name, spread in zip([*names, "y"], np.ptp(data, axis=0)) if spread == 0]
    if still:
        raise RefusalError(f"{still[0]} has the same value everywhere: what does not vary moves nothing; leave it out")
    if method == "lmg" and p > MOST_DRIVERS:
        raise RefusalError(f"{p} drivers have too many subsets, at most {MOST_DRIVERS}; take method='johnson'")


def product_sums(data: np.ndarray, w: np.ndarray, who: np.ndarray, groups: int | None = None) -> np.ndarray:
    """Sums of w z z' with z = (1, drivers, y), one matrix a group, for draws of groups."""
    z = np.column_stack([np.ones(len(data)), data])
    n, q = groups or int(who.max()) + 1, z.shape[1]
    out = np.empty((n, q, q))
    for i in range(q):
        for j in range(i, q):
            out[:, i, j] = out[:, j, i] = np.bincount(who, w * z[:, i] * z[:, j], n)
    return out


def correlations_of(sums: np.ndarray) -> np.ndarray:
    """Correlations of drivers and y from sums of products, one matrix a draw."""
    mean = sums[:, 0, 1:] / sums[:, 0, :1]
    covariance = sums[:, 1:, 1:] / sums[:, 0, 0][:, None, None] - mean[:, :, None] * mean[:, None, :]
    sd = np.sqrt(np.maximum(np.einsum("bii->bi", covariance), 1e-300))
    return np.asarray(covariance / sd[:, :, None] / sd[:, None, :])


def _split_lmg(correlation: np.ndarray) -> np.ndarray:
    """Mean gain in R² over all orders, shape (draws, p)."""
    b, p = len(correlation), correlation.shape[1] - 1
    # Level by level every driver is left out or swept out; what remains at the end is 1 - R² of each subset.
    level = correlation[:, None]
    for _ in range(p):
        pivot = level[..., 0, 0]
        scale = np.where(pivot > _NOTHING, 1 / np.where(pivot > _NOTHING, pivot, 1), 0.0)
        row = level[..., 0, 1:]
        rest = level[..., 1:, 1:]
        swept = rest - row[..., :, None] * row[..., None, :] * scale[..., None, None]
        level = np.stack([rest, swept], axis=2).reshape(b, -1, *rest.shape[-2:])
    r2 = (1 - level[..., 0, 0]).reshape((b, *(2,) * p))
    size = sum(np.arange(2).reshape((2,) + (1,) * (p - 1 - j)) for j in range(p))
    chance = np.array([factorial(k) * factorial(p - k - 1) / factorial(p) for k in range(p)])
    parts = np.empty((b, p))
    for j in range(p):
        gain = np.take(r2, 1, axis=j + 1) - np.take(r2, 0, axis=j + 1)
        before = np.take(np.broadcast_to(size, (2,) * p), 0, axis=j)
        parts[:, j] = (gain * chance[before]).reshape(b, -1).sum(axis=1)
    return parts


def _split_johnson(correlation: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(correlation[:, :-1, :-1])
    root = np.sqrt(np.maximum(values, 0))
    half = (vectors * root[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    back = (vectors * np.where(root > 1e-6, 1 / np.where(root > 1e-6, root, 1), 0)[:, None, :]) @ np.swapaxes(
        vectors, 1, 2
    )
    slopes = np.einsum("bij,bj->bi", back, correlation[:, :-1, -1])
    return np.asarray(np.einsum("bij,bj->bi", half**2, slopes**2))


def _tell(
    names: list[str],
    parts: np.ndarray,
    drawn: np.ndarray,
    correlation: np.ndarray,
    n: int,
    method: Method,
    level: float,
) -> Importance:
    ends = [0.5 - level / 2, 0.5 + level / 2]
    low, high = np.quantile(drawn, ends, axis=0)
    share = drawn / drawn.sum(axis=1, keepdims=True)
    share_low, share_high = np.quantile(share, ends, axis=0)
    ranks = (-drawn).argsort(axis=1, kind="stable").argsort(axis=1) + 1
    rank_low, rank_high = np.quantile(ranks, ends, axis=0, method="nearest")
    table = pd.DataFrame(
        {
            "driver": names,
            "importance": parts,
            "low": low,
            "high": high,
            "share": parts / parts.sum(),
            "share_low": share_low,
            "share_high": share_high,
            "rank": (-parts).argsort(kind="stable").argsort() + 1,
            "rank_low": rank_low,
            "rank_high": rank_high,
            "first_share": (ranks == 1).mean(axis=0),
            "correlation": correlation[:-1, -1],
            "position": np.arange(len(names)),
        }
    )
    whole = drawn.sum(axis=1)
    bottom, top = np.quantile(whole, ends)
    r2 = Estimate(float(parts.sum()), float(bottom), float(top), n, level)
    return Importance(table.sort_values("rank", ignore_index=True), r2, method)
