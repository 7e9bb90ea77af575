"""How many groups there are: several indices together, what comes again first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures, terms
from labkit.segments.behaviour import Method, group_points, without_strangers
from labkit.segments.errors import SegmentError
from labkit.segments.indices import (
    STABLE,
    STRONG,
    bootstrap_jaccard,
    measure_cdi,
    measure_davies_bouldin,
    measure_mia,
    measure_silhouette,
    prediction_strength,
)
from labkit.segments.shapes import Shapes, View, need_shapes

#: Customers the indices are worked out on at most, drawn at random.
MOST_CUSTOMERS = 4000


@dataclass(frozen=True, eq=False)
class NumberChoice:
    """The number of groups and what speaks for it.

    Attributes
    ----------
    table : DataFrame
        A row a number: ``groups_count``, ``silhouette``, ``davies_bouldin``, ``cdi``, ``mia``, ``prediction_strength``,
        ``jaccard_weakest``, ``jaccard_mean`` (over customers), ``smallest_share``.
    k : int
    stable : bool
        Whether even the weakest group comes again (Jaccard of 0.85 or more); otherwise `k` is the least unstable.
    preferred : dict
        Number that each index alone would have taken.
    """

    table: pd.DataFrame
    k: int
    stable: bool
    preferred: dict[str, int]

    def verdict(self, language: terms.Language = "en") -> str:
        """The choice in a sentence or two."""
        row = self.table.set_index("groups_count").loc[self.k]
        weakest, sil, db = row["jaccard_weakest"], self.preferred["silhouette"], self.preferred["davies_bouldin"]
        if language == "zh":
            head = (
                f"取{self.k}组：这是每一组在重抽样中都能重现的最大组数（最弱一组Jaccard {weakest:.2f}，不低于{STABLE}）。"
                if self.stable
                else f"取{self.k}组，但并不稳定：没有一个组数能让每组都重现，此时最弱一组Jaccard {weakest:.2f}（要求{STABLE}）。"
            )
            return f"{head}仅看轮廓系数会取{sil}组，仅看DB指数会取{db}组。"
        head = (
            f"{self.k} groups: the most of which each comes again when customers are drawn anew "
            f"(weakest Jaccard {weakest:.2f}, at least {STABLE})."
            if self.stable
            else f"{self.k} groups, but they are not stable: with no number does each group come again; "
            f"here the weakest has a Jaccard of {weakest:.2f} (wanted {STABLE})."
        )
        return f"{head} The silhouette alone would take {sil}, Davies-Bouldin {db}."

    def plot(self, ax: Axes | None = None, *, language: terms.Language = "en") -> Axes:
        """Jaccard of the weakest group and prediction strength over the number of groups, with their thresholds."""
        say = terms.Say(language)
        with figures.style():
            ax = ax or figures.new_axes()
            k = self.table["groups_count"]
            for column, limit, colour in (
                ("jaccard_weakest", STABLE, figures.ACCENT),
                ("prediction_strength", STRONG, figures.MUTED),
            ):
                name = terms.label(column, language)
                ax.plot(k, self.table[column], color=colour, linewidth=2, marker="o", markersize=4, label=name)
                ax.axhline(limit, color=colour, linewidth=1, linestyle=":")
            ax.axvline(self.k, color=figures.LINE, linewidth=6, zorder=0)
            ax.set_ylim(0, 1.02)
            ax.set_xticks(k)
            ax.set_xlabel(say("number of groups", "组数"), loc="right")
            ax.legend(loc="lower left")
        return ax


def choose_number(
    shapes: Shapes,
    ks: Iterable[int] = range(2, 15),
    seed: int = 0,
    *,
    method: Method = "ward",
    view: View = "cumulated",
    draws: int = 20,
) -> NumberChoice:
    """How many groups of shapes: all indices for each number, and a choice by what comes again.

    Parameters
    ----------
    shapes : Shapes
    ks : iterable of int
        Numbers tried, 2 or more each.
    seed : int
    method, view
        As of `classify_shapes`.
    draws : int
        Bootstrap draws for the Jaccard.

    Notes
    -----
    The rule: the largest number at which even the weakest group has a bootstrap Jaccard of `STABLE` or more; if there is
    none, the number whose weakest group has the highest. Silhouette and Davies-Bouldin, which reward few and far groups,
    are shown and do not decide: on data with known groups they preferred wrong numbers.
    """
    need_shapes(shapes)
    numbers = sorted(set(ks))
    points = shapes.points(view)
    if len(points) > MOST_CUSTOMERS:
        points = points[np.random.default_rng(seed).choice(len(points), MOST_CUSTOMERS, replace=False)]
    if not numbers or numbers[0] < 2 or numbers[-1] * 5 > len(points):
        raise SegmentError(
            f"ks: expected numbers from 2 to {len(points) // 5} for {len(points)} customers with a shape (5 a group), "
            f"but they are {numbers}"
        )
    rows = []
    for k in numbers:
        kept = points[without_strangers(points, k, method, seed)]
        labels = group_points(kept, k, method, seed=seed).labels
        jaccard = bootstrap_jaccard(kept, labels, method, seed=seed, draws=draws)
        sizes = pd.Series(labels).value_counts()
        rows.append(
            {
                "groups_count": k,
                "silhouette": measure_silhouette(kept, labels, seed=seed),
                "davies_bouldin": measure_davies_bouldin(kept, labels),
                "cdi": measure_cdi(kept, labels),
                "mia": measure_mia(kept, labels),
                "prediction_strength": prediction_strength(kept, k, method, seed=seed),
                "jaccard_weakest": jaccard.min(),
                "jaccard_mean": float(np.average(jaccard, weights=sizes[jaccard.index])),
                "smallest_share": sizes.min() / sizes.sum(),
            }
        )
    table = pd.DataFrame(rows)
    by_k = table.set_index("groups_count")
    stable = by_k.index[by_k["jaccard_weakest"] >= STABLE]
    k = int(stable.max()) if len(stable) else int(by_k["jaccard_weakest"].idxmax())
    strong = by_k.index[by_k["prediction_strength"] >= STRONG]
    preferred = {
        "silhouette": int(by_k["silhouette"].idxmax()),
        **{name: int(by_k[name].idxmin()) for name in ("davies_bouldin", "cdi", "mia")},
        "prediction_strength": int(strong.max()) if len(strong) else 1,
        "jaccard_weakest": k,
    }
    return NumberChoice(table, k, bool(len(stable)), preferred)
