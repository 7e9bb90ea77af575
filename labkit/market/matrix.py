"""Where segments stand: attractiveness against own strength (GE-McKinsey), and how far weights decide it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures
from labkit.market.errors import MarketError
from labkit.market.factors import SIDES, Factors

#: Thirds of the scale of 1 to 5.
CUTS = (1 + 4 / 3, 1 + 8 / 3)
ZONES = ("grow", "select", "harvest")
_ENDS = (2.5, 97.5)
_Part = tuple[list[str], np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Positions:
    """Where segments stand, with how sure that is.

    Attributes
    ----------
    table : DataFrame
        Best first: ``segment``; ``attractiveness`` and ``strength`` (1..5) with ``_low``, ``_high``; ``zone``, ``zone_share``
        (draws that agree); ``rank`` by the mean of the two, with ``rank_low``, ``rank_high``, ``first_share``;
        ``known_share``: weight of the factors that have a figure.
    scores : DataFrame
        Of `measure_factors`.
    turns : DataFrame
        ``factor``, ``side``, ``weight``, ``turns_at``: the nearest weight at which another segment comes first, all else in
        proportion (missing: none does), and ``then_first``.
    agreement : float
        Mean Kendall tau between the ranking by stated weights and by drawn ones.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    turns: pd.DataFrame
    agreement: float


def place_segments(scores: pd.DataFrame, factors: Factors, *, draws: int = 2000, seed: int = 0) -> Positions:
    """Attractiveness and strength of each segment, with what uncertain weights and figures do to them.

    Parameters
    ----------
    scores : DataFrame
        Of `measure_factors`.
    factors : Factors
    draws, seed : int
        Weights are drawn as Dirichlet around those stated, figures as normal by their errors.

    Raises
    ------
    MarketError
        If a segment has no figure at all on a side.

    Notes
    -----
    A factor without a figure is left out for that segment and the other weights keep their
    proportions. The 95 % intervals hold weights and figures together.
    """
    rng = np.random.default_rng(seed)
    segments = list(dict.fromkeys(scores["segment"]))
    middle, drawn, known, parts = {}, {}, [], {}
    for side in SIDES:
        own = scores[scores["side"] == side]
        names = [f.id for f in factors.of(side)]
        stated = np.array([f.weight for f in factors.of(side)])
        cells = own.set_index(["segment", "factor"]).reindex(pd.MultiIndex.from_product([segments, names]))
        value, error, score = (
            cells[c].to_numpy(dtype=float).reshape(len(segments), len(names)) for c in ("value", "error", "score")
        )
        if np.isnan(value).all(axis=1).any():
            lost = segments[int(np.isnan(value).all(axis=1).argmax())]
            raise MarketError(f"{lost} has no figure for any factor of {side}; leave it out, or bring one")
        noise = rng.normal(size=(draws, *value.shape)) * np.where(_logs(factors, side), value * error, error)
        drawn_scores = np.stack([f.score(value[:, j] + noise[:, :, j]) for j, f in enumerate(factors.of(side))], axis=2)
        weights = rng.dirichlet(stated * factors.votes, draws)
        middle[side] = _mean(score[None], stated[None])[0]
        drawn[side] = _mean(drawn_scores, weights)
        known.append((~np.isnan(value) * stated).sum(axis=1))
        parts[side] = (names, stated, score)
    table = _tell(segments, middle, drawn)
    table["known_share"] = np.min(known, axis=0)
    overall, of_draws = (middle[SIDES[0]] + middle[SIDES[1]]) / 2, (drawn[SIDES[0]] + drawn[SIDES[1]]) / 2
    turns = _turns(segments, parts, overall)
    ordered = table.sort_values("rank", kind="stable", ignore_index=True)
    return Positions(ordered, scores, turns, float(np.mean([_tau(overall, d) for d in of_draws])))


def _logs(factors: Factors, side: str) -> np.ndarray:
    """Errors of logarithmic factors are shares of the figure."""
    return np.array([f.log for f in factors.of(side)])


def _mean(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean over the factors that have a score; shapes (draws, segments, factors), (draws, factors)."""
    there = ~np.isnan(scores)
    w = weights[:, None, :] * there
    with np.errstate(invalid="ignore"):  # a segment without any figure has no mean
        return (w * np.where(there, scores, 0.0)).sum(axis=2) / w.sum(axis=2)


def zone_of(attractiveness: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Zone of the nine fields: grow, select or harvest.

    Examples
    --------
    >>> zone_of(np.array([4.5, 3.0, 1.5]), np.array([3.0, 3.0, 2.9])).tolist()
    ['grow', 'select', 'harvest']
    """
    steps = np.digitize(attractiveness, CUTS) + np.digitize(strength, CUTS)
    return np.array(ZONES)[np.select([steps >= 3, steps == 2], [0, 1], 2)]


def _tell(segments: list[str], middle: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray]) -> pd.DataFrame:
    table = pd.DataFrame({"segment": segments})
    for side in SIDES:
        low, high = np.percentile(drawn[side], _ENDS, axis=0)
        table[side], table[f"{side}_low"], table[f"{side}_high"] = middle[side], low, high
    table["zone"] = zone_of(middle[SIDES[0]], middle[SIDES[1]])
    table["zone_share"] = (zone_of(drawn[SIDES[0]], drawn[SIDES[1]]) == table["zone"].to_numpy()).mean(axis=0)
    overall = middle[SIDES[0]] + middle[SIDES[1]]
    ranks = _ranks(drawn[SIDES[0]] + drawn[SIDES[1]])
    low, high = np.percentile(ranks, _ENDS, axis=0, method="nearest")
    table["rank"], table["rank_low"], table["rank_high"] = _ranks(overall[None])[0], low, high
    table["first_share"] = (ranks == 1).mean(axis=0)
    return table


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places, 1 the highest, a row a draw; ties by order."""
    return np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1, kind="stable") + 1


def _tau(a: np.ndarray, b: np.ndarray) -> float:
    i, j = np.triu_indices(len(a), 1)
    return float(np.mean(np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]))) if len(i) else 1.0


def _turns(segments: list[str], parts: Mapping[str, _Part], overall: np.ndarray) -> pd.DataFrame:
    """Nearest weight of each factor at which another segment comes first, found on a grid and then between two of its points."""
    first, rows = int(overall.argmax()), list[tuple[str, str, float, float, str | None]]()
    for side, (names, stated, score) in parts.items():
        other = next(s for s in SIDES if s != side)
        fixed = _mean(parts[other][2][None], parts[other][1][None])[0]
        for j, name in enumerate(names):

            def leader(weight: float, j: int = j, stated: np.ndarray = stated, score: np.ndarray = score) -> int:
                moved = stated * (1 - weight) / (1 - stated[j])
                moved[j] = weight
                total = fixed + _mean(score[None], moved[None])[0]  # noqa: B023
                return int(np.nanargmax(np.where(np.isnan(total), -np.inf, total)))

            grid = np.linspace(0.001, 0.999, 500)
            others = [] if stated[j] >= 1 else list(grid[np.argsort(np.abs(grid - stated[j]), kind="stable")])
            there = next((float(w) for w in others if leader(w) != first), None)
            if there is None:
                rows.append((name, side, stated[j], np.nan, None))
                continue
            near, far = float(stated[j]), there
            for _ in range(40):
                middle = (near + far) / 2
                near, far = (middle, far) if leader(middle) == first else (near, middle)
            rows.append((name, side, stated[j], far, segments[leader(far)]))
    return pd.DataFrame(rows, columns=["factor", "side", "weight", "turns_at", "then_first"])


def plot_positions(
    table: pd.DataFrame, *, names: Mapping[str, str], x_label: str, y_label: str, ax: Axes | None = None
) -> Axes:
    """Segments in the nine fields, with whiskers; the first is in the accent colour."""
    with figures.style():
        ax = figures.new_axes(6.4, 5.2) if ax is None else ax
        for cut in CUTS:
            ax.axhline(cut, color=figures.LINE, linewidth=0.8, zorder=0)
            ax.axvline(cut, color=figures.LINE, linewidth=0.8, zorder=0)
        for i, row in enumerate(table.to_dict("records")):
            colour = figures.ACCENT if i == 0 else figures.MUTED
            x, y = row["strength"], row["attractiveness"]
            ax.errorbar(
                x,
                y,
                xerr=[[max(x - row["strength_low"], 0)], [max(row["strength_high"] - x, 0)]],
                yerr=[[max(y - row["attractiveness_low"], 0)], [max(row["attractiveness_high"] - y, 0)]],
                fmt="o",
                color=colour,
                linewidth=1,
                markersize=6,
            )
        _name_points(ax, table, names)
        ax.set(xlim=(1, 5), ylim=(1, 5), xlabel=x_label, ylabel=y_label)
    return ax


def _name_points(ax: Axes, table: pd.DataFrame, names: Mapping[str, str]) -> None:
    """A name at each point, on the side where it covers least of the other names and points."""
    taken: list[tuple[float, float, float, float]] = []
    points = list(zip(table["strength"], table["attractiveness"], strict=True))
    for segment, (x, y) in zip(table["segment"], points, strict=True):
        name = names[segment]
        # A Latin letter takes about 0.055 of the scale's unit, a Chinese sign about twice that.
        wide = sum(0.11 if ord(c) > 0x2E7F else 0.06 for c in name)

        def box(
            side: int, above: int, x: float = x, y: float = y, wide: float = wide
        ) -> tuple[float, float, float, float]:
            left = x + 0.06 if side > 0 else x - 0.06 - wide
            bottom = y + 0.04 if above > 0 else y - 0.19
            return left, bottom, left + wide, bottom + 0.15

        def covered(side: int, above: int) -> float:
            own = box(side, above)
            names_hit = sum(_overlap(own, other) for other in taken)
            return 10 * names_hit + sum(own[0] <= px <= own[2] and own[1] <= py <= own[3] for px, py in points)

        side, above = min(((1, 1), (1, -1), (-1, 1), (-1, -1)), key=lambda at: covered(*at))
        taken.append(box(side, above))
        ax.annotate(
            name,
            (x, y),
            xytext=(6 * side, 6 * above),
            textcoords="offset points",
            fontsize=9,
            ha="left" if side > 0 else "right",
            va="bottom" if above > 0 else "top",
        )


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)
