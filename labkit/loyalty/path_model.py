"""From what customers perceive to whether they stay: a path model by partial least squares (ECSI, ACSI)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.moments import item_moments

Scheme = Literal["centroid", "factorial", "path"]
_MOST_STEPS, _CLOSE = 500, 1e-9


@dataclass(frozen=True, eq=False)
class PathModel:
    """Blocks of items, what each stands for, and the paths between them.

    Attributes
    ----------
    weights : DataFrame
        ``block``, ``item``, ``weight`` (of centred items, scaled if asked for, to a score of variance 1) and ``loading``
        (correlation with the score), each with ``_low``, ``_high``; ``communality``.
    paths : DataFrame
        ``source``, ``target``, ``coefficient`` with ``low``, ``high``, ``sure``: whether 0 is outside.
    effects : DataFrame
        ``source``, ``target``, ``direct``, ``indirect``, ``total`` with ``low``, ``high``.
    r_squared : DataFrame
        ``block``, ``r_squared`` with ``low``, ``high``, of the blocks that have a source.
    reliability : DataFrame
        ``block``, ``items_count``, ``alpha``, ``composite``, ``average_variance``, ``holds``,
        ``apart``: average variance above the squared correlation with every other block (Fornell and Larcker).
    steps, interviews_count, left_out_count : int
        Until it settled; whole interviews; those with a missing answer.
    fit : float
        Geometric mean of mean communality and mean R² (goodness of fit of Tenenhaus): describes, tests nothing.
    """

    weights: pd.DataFrame
    paths: pd.DataFrame
    effects: pd.DataFrame
    r_squared: pd.DataFrame
    reliability: pd.DataFrame
    steps: int
    interviews_count: int
    left_out_count: int
    fit: float
    _centre: pd.Series
    _blocks: dict[str, tuple[str, ...]]

    def scores(self, items: pd.DataFrame) -> pd.DataFrame:
        """Score of each block for interviews, mean 0 and variance 1 where the model was fitted; missing where an answer is."""
        w = self.weights.set_index("item")["weight"]
        return pd.DataFrame(
            {
                b: (items[list(own)].astype(float) - self._centre[list(own)]) @ w[list(own)]
                for b, own in self._blocks.items()
            }
        )


@dataclass(frozen=True, eq=False)
class _Solution:
    weight: np.ndarray
    loading: np.ndarray
    correlation: np.ndarray
    coefficient: np.ndarray
    r_squared: np.ndarray
    steps: int


def path_model(
    items: pd.DataFrame,
    blocks: Mapping[str, Sequence[str]],
    paths: Mapping[str, Sequence[str]] | Iterable[tuple[str, str]],
    scheme: Scheme = "centroid",
    *,
    modes: Mapping[str, Literal["A", "B"]] | None = None,
    scaled: bool = True,
    weights: str | None = None,
    clusters: str | None = None,
    draws: int = 300,
    seed: int = 0,
    level: float = 0.95,
) -> PathModel:
    """How perceptions become satisfaction, and satisfaction loyalty.

    Parameters
    ----------
    items : DataFrame
        Answers; interviews with a missing one are left out and counted.
    blocks : mapping of str to sequence of str
        Items of each block.
    paths : mapping or iterable
        Target -> its sources, or pairs (source, target); no circles.
    scheme : {"centroid", "factorial", "path"}
        How blocks weigh each other while weights are found: by sign, by correlation, by regression on sources.
    modes : mapping, optional
        ``A`` (items reflect the block, the default) or ``B`` (items form it).
    scaled : bool
        Items with variance 1 first; False where all have the same scale and their spread is to count.
    weights, clusters : str, optional
        Columns: weight of an interview; customer, drawn as a whole in the bootstrap.
    draws, seed, level
        Bootstrap over customers; signs are turned to agree with the whole.

    Raises
    ------
    LoyaltyError
        If a block or path names what is not there, paths go round, an item does not vary, or the weights do not settle.

    Notes
    -----
    Wold's algorithm on covariances; paths are regressions of block scores, so that their size is attenuated by what
    items measure badly: partial least squares favours forecasts over unbiased paths. Tenenhaus et al. (2005),
    doi:10.1016/j.csda.2004.03.005; goodness of fit is no test (Henseler and Sarstedt 2013, doi:10.1007/s00180-012-0317-1).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> a = rng.normal(size=400)
    >>> b = 0.8 * a + 0.6 * rng.normal(size=400)
    >>> frame = pd.DataFrame({f"{n}{i}": v + 0.3 * rng.normal(size=400) for n, v in (("a", a), ("b", b)) for i in (1, 2)})
    >>> model = path_model(frame, {"A": ["a1", "a2"], "B": ["b1", "b2"]}, {"B": ["A"]}, draws=50)
    >>> bool(0.7 < model.paths["coefficient"].iloc[0] < 0.8)
    True
    """
    names = list(blocks)
    columns = [item for own in blocks.values() for item in own]
    into = _read_paths(names, paths)
    if len(set(columns)) < len(columns):
        raise LoyaltyError("an item belongs to two blocks; give it to one")
    if scheme not in ("centroid", "factorial", "path"):
        raise LoyaltyError(f"scheme is {scheme!r}, expected centroid, factorial or path")
    places, at = [], 0
    for own in blocks.values():
        places.append(np.arange(at, at + len(own)))
        at += len(own)
    moments = item_moments(items, columns, weights, clusters)
    n = len(moments.sums)
    mode = [(modes or {}).get(name, "A") for name in names]
    whole = moments.covariances(np.ones((1, n)))[0]
    sd = np.sqrt(np.diag(whole)) if scaled else np.ones(len(whole))
    base = _solve(whole / np.outer(sd, sd), places, into, mode, scheme, None)
    rng = np.random.default_rng(seed)
    drawn = []
    for matrix in moments.covariances(rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(float)):
        spread = np.sqrt(np.diag(matrix)) if scaled else np.ones(len(matrix))
        if (np.diag(matrix) > 0).all():
            drawn.append(_solve(matrix / np.outer(spread, spread), places, into, mode, scheme, base.weight))
    present = items[columns].astype(float)
    centre = _weighted_mean(present, items, weights)
    return _tell(
        names,
        columns,
        places,
        into,
        whole / np.outer(sd, sd),
        sd,
        base,
        drawn,
        moments.rows,
        len(items) - moments.rows,
        centre,
        level,
    )


def _weighted_mean(present: pd.DataFrame, items: pd.DataFrame, weights: str | None) -> pd.Series:
    whole = present.notna().all(axis=1)
    w = (
        items.loc[whole, weights].astype(float).fillna(1.0)
        if weights and weights in items
        else pd.Series(1.0, present.index[whole])
    )
    return present[whole].mul(w, axis=0).sum() / w.sum()


def _read_paths(names: list[str], paths: Mapping[str, Sequence[str]] | Iterable[tuple[str, str]]) -> np.ndarray:
    """Whether block j is a source of block i, shape (blocks, blocks)."""
    pairs = (
        [(s, t) for t, own in paths.items() for s in own] if isinstance(paths, Mapping) else [tuple(p) for p in paths]
    )
    into = np.zeros((len(names), len(names)), dtype=bool)
    for source, target in pairs:
        for name in (source, target):
            if name not in names:
                raise LoyaltyError(
                    f"a path names the block {name!r}, which is not there; blocks are {', '.join(names)}"
                )
        into[names.index(target), names.index(source)] = True
    if not pairs:
        raise LoyaltyError("there is no path; give one at least")
    reach = into.copy()
    for _ in names:
        reach = reach | (reach.astype(int) @ into.astype(int) > 0)
    if np.diag(reach).any():
        raise LoyaltyError(f"the paths go round through {names[int(np.argmax(np.diag(reach)))]}; take one of them out")
    alone = ~(into.any(axis=0) | into.any(axis=1))
    if alone.any():
        raise LoyaltyError(f"block {names[int(np.argmax(alone))]} has no path; give it one or leave it out")
    return into


def _solve(
    s: np.ndarray, places: list[np.ndarray], into: np.ndarray, mode: Sequence[str], scheme: str, like: np.ndarray | None
) -> _Solution:
    """Weights until they settle, then loadings, correlations of scores and regressions between them."""
    k = len(places)
    w = np.zeros((len(s), k))
    for b, own in enumerate(places):
        w[own, b] = 1.0
    w /= np.sqrt(np.einsum("ib,ij,jb->b", w, s, w))
    linked = into | into.T
    steps = 0
    while True:
        steps += 1
        correlation = w.T @ s @ w
        if scheme == "centroid":
            inner = np.sign(correlation) * linked
        elif scheme == "factorial":
            inner = correlation * linked
        else:
            inner = correlation * into.T
            for b in range(k):
                own = np.flatnonzero(into[b])
                if len(own):
                    inner[b, own] = np.linalg.solve(correlation[np.ix_(own, own)], correlation[own, b])
        proxies = s @ w @ inner.T
        new = np.zeros_like(w)
        for b, own in enumerate(places):
            pull = proxies[own, b]
            try:
                new[own, b] = pull if mode[b] == "A" else np.linalg.solve(s[np.ix_(own, own)], pull)
            except np.linalg.LinAlgError as error:
                raise LoyaltyError(
                    "items that form a block follow from each other; leave one of them out, or take mode A"
                ) from error
        new /= np.sqrt(np.einsum("ib,ij,jb->b", new, s, new))
        moved = np.abs(np.abs(new) - np.abs(w)).max()
        w = new
        if moved < _CLOSE:
            break
        if steps == _MOST_STEPS:
            raise LoyaltyError(
                f"the weights do not settle in {_MOST_STEPS} steps; try scheme='factorial', or blocks that hang together"
            )
    # A score points the way most of its items do; in a draw, the way it did in the whole.
    towards = like if like is not None else np.where(w != 0, s @ w, 0)
    turn = np.sign(np.einsum("ib,ib->b", w if like is not None else np.sign(w) ** 2, towards))
    w = w * np.where(turn == 0, 1, turn)
    correlation = w.T @ s @ w
    loading = s @ w / np.sqrt(np.diag(s))[:, None]
    coefficient, r2 = np.zeros((k, k)), np.full(k, np.nan)
    for b in range(k):
        own = np.flatnonzero(into[b])
        if len(own):
            coefficient[b, own] = np.linalg.solve(correlation[np.ix_(own, own)], correlation[own, b])
            r2[b] = coefficient[b, own] @ correlation[own, b]
    return _Solution(w, loading, correlation, coefficient, r2, steps)


def _total(coefficient: np.ndarray) -> np.ndarray:
    total, power = np.zeros_like(coefficient), coefficient.copy()
    for _ in range(len(coefficient)):
        total, power = total + power, power @ coefficient
    return total


def _tell(
    names: list[str], columns: list[str], places: list[np.ndarray], into: np.ndarray, s: np.ndarray, sd: np.ndarray,
    base: _Solution, drawn: list[_Solution], rows: int, left_out: int, centre: pd.Series, level: float,
) -> PathModel:  # fmt: skip
    ends = [0.5 - level / 2, 0.5 + level / 2]

    def interval(values: list[np.ndarray], like: np.ndarray) -> np.ndarray:
        told = len(values) >= 20  # fewer draws have no ends to speak of
        return np.quantile(np.array(values), ends, axis=0) if told else np.full((2, *like.shape), np.nan)

    block_of = np.concatenate([np.full(len(own), b) for b, own in enumerate(places)])
    at = np.arange(len(columns)), block_of
    w_ends, l_ends = (
        interval([d.weight[at] for d in drawn], base.weight[at]),
        interval([d.loading[at] for d in drawn], base.loading[at]),
    )
    weights = pd.DataFrame(
        {
            "block": np.array(names)[block_of], "item": columns, "weight": base.weight[at] / sd, "weight_low": w_ends[0] / sd,
            "weight_high": w_ends[1] / sd, "loading": base.loading[at], "loading_low": l_ends[0], "loading_high": l_ends[1],
            "communality": base.loading[at] ** 2,
        }
    )  # fmt: skip
    c_ends = interval([d.coefficient for d in drawn], base.coefficient)
    targets, sources = np.nonzero(into)
    paths = pd.DataFrame(
        {
            "source": np.array(names)[sources], "target": np.array(names)[targets], "coefficient": base.coefficient[targets, sources],
            "low": c_ends[0][targets, sources], "high": c_ends[1][targets, sources],
        }
    )  # fmt: skip
    paths["sure"] = (paths["low"] > 0) | (paths["high"] < 0)
    total, t_ends = _total(base.coefficient), interval([_total(d.coefficient) for d in drawn], base.coefficient)
    to, of = np.nonzero(total)
    effects = pd.DataFrame(
        {
            "source": np.array(names)[of], "target": np.array(names)[to], "direct": base.coefficient[to, of],
            "indirect": (total - base.coefficient)[to, of], "total": total[to, of], "low": t_ends[0][to, of], "high": t_ends[1][to, of],
        }
    )  # fmt: skip
    r_ends = interval([d.r_squared for d in drawn], base.r_squared)
    inner = ~np.isnan(base.r_squared)
    r_squared = pd.DataFrame({"block": names, "r_squared": base.r_squared, "low": r_ends[0], "high": r_ends[1]})[
        inner
    ].reset_index(drop=True)
    communality = [float(np.mean(base.loading[own, b] ** 2)) for b, own in enumerate(places)]
    many = [c for c, own in zip(communality, places) for _ in own if len(own) > 1]
    fit = float(np.sqrt(np.mean(many or [1.0]) * np.nanmean(base.r_squared)))
    reliability = pd.DataFrame([_reliable(name, own, b, s, base) for b, (name, own) in enumerate(zip(names, places))])
    return PathModel(
        weights, paths, effects, r_squared, reliability, base.steps, rows, left_out, fit, centre,
        {name: tuple(columns[i] for i in own) for name, own in zip(names, places)},
    )  # fmt: skip


def _reliable(name: str, own: np.ndarray, b: int, s: np.ndarray, base: _Solution) -> dict[str, object]:
    k, loading = len(own), base.loading[own, b]
    variance = float((loading**2).mean())
    others = np.delete(base.correlation[b] ** 2, b)
    sd = np.sqrt(np.diag(s)[own])
    block = s[np.ix_(own, own)] / np.outer(sd, sd)
    alpha = k / (k - 1) * (1 - k / block.sum()) if k > 1 else np.nan
    composite = loading.sum() ** 2 / (loading.sum() ** 2 + (1 - loading**2).sum()) if k > 1 else np.nan
    return {
        "block": name, "items_count": k, "alpha": alpha, "composite": composite, "average_variance": variance,
        "holds": bool(k == 1 or (composite >= 0.7 and variance >= 0.5)), "apart": bool(variance > others.max()),
    }  # fmt: skip
