"""Drawings of schemes: a tree one can read, facets with their shares, what goes together, what methods cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from labkit import figures
from labkit.tags.errors import TagError
from labkit.tags.scheme import Scheme
from labkit.terms import Language

_MOST_DRAWN = 60


def plot_tree(
    scheme: Scheme, *, language: Language = "en", counts: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """A tree from left to right, a line a class, its name beside it.

    Parameters
    ----------
    scheme : Scheme
        At most 60 classes: take a `Scheme.subset` of larger ones.
    language : {"en", "zh"}
    counts : mapping of str to str, optional
        What to write behind a class's name.
    ax : Axes, optional

    Raises
    ------
    TagError
        If there are more classes than can be read.
    """
    if len(scheme) > _MOST_DRAWN:
        raise TagError(
            f"{len(scheme)} classes cannot be read in one drawing, at most {_MOST_DRAWN}: draw a subset of them"
        )
    if not scheme.roots:
        raise TagError("the scheme has no root: every class lies on or under a cycle, or there is none; see `check`")
    order = [(id, depth) for root in scheme.roots for id, depth in _walk(scheme, root, 0)]
    place = {id: i for i, (id, _) in enumerate(order)}
    with figures.style():
        ax = ax or figures.new_axes(height_in=0.4 + 0.27 * max(len(order), 2))
        for id, depth in order:
            y = place[id]
            below = [child for child in scheme.children[id] if child in place and place[child] > y]
            if below:
                ax.plot([depth + 0.12] * 2, [y + 0.3, place[below[-1]]], color=figures.LINE, linewidth=1.4)
            for child in below:
                ax.plot([depth + 0.12, depth + 0.86], [place[child]] * 2, color=figures.LINE, linewidth=1.4)
            strong = depth == 0
            extra = f"  {counts[id]}" if counts and id in counts else ""
            ax.plot(depth, y, "o", markersize=5, color=figures.ACCENT if below or strong else figures.MUTED)
            name = _short(scheme[id].name(language), scheme, id, language)
            ax.text(
                depth + 0.16,
                y,
                name,
                va="center",
                color=figures.INK,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
                zorder=3,
            )
            if extra:
                ax.annotate(
                    extra.strip(),
                    (1, y),
                    xycoords=("axes fraction", "data"),
                    va="center",
                    ha="right",
                    color=figures.SOFT,
                )
        ax.set_ylim(len(order) - 0.5, -0.6)
        ax.set_xlim(-0.15, max(depth for _, depth in order) + 3.2)
        ax.axis("off")
    return ax


def _walk(scheme: Scheme, id: str, depth: int, seen: frozenset[str] = frozenset()) -> Sequence[tuple[str, int]]:
    if id in seen:
        return []
    rows = [(id, depth)]
    for child in scheme.children[id]:
        rows += _walk(scheme, child, depth + 1, seen | {id})
    return rows


def _short(name: str, scheme: Scheme, id: str, language: Language) -> str:
    """The name less what it repeats of its parent's."""
    for parent in scheme[id].parents:
        if parent in scheme:
            head = scheme[parent].name(language)
            if name.startswith(head) and len(name) > len(head) + 1:
                return name[len(head) :].lstrip(",·， ")
    return name


def plot_facets(shares: pd.DataFrame, *, x_label: str, rest: str, ax: Axes | None = None) -> Axes:
    """A bar a facet, divided by the shares of its classes.

    Parameters
    ----------
    shares : DataFrame
        Of `facet_shares`: ``facet``, ``class_name``, ``share`` in order.
    x_label : str
        With its unit.
    rest : str
        Name of what no class holds, for the legend.
    """
    names = list(dict.fromkeys(shares["facet"]))
    with figures.style():
        ax = ax or figures.new_axes(height_in=0.8 + 0.33 * len(names))
        for y, name in enumerate(names):
            part, left = shares[shares["facet"] == name], 0.0
            for k, row in enumerate(part.itertuples()):
                width = 100 * row.share
                strength = 1.0 - 0.75 * k / max(len(part) - 1, 1)
                ax.barh(
                    y,
                    width,
                    left=left,
                    height=0.68,
                    color=figures.ACCENT,
                    alpha=strength,
                    edgecolor="white",
                    linewidth=0.8,
                )
                shown = str(row.class_name)
                if width > 1.15 * sum(1.9 if ord(c) > 255 else 1 for c in shown) + 1:
                    ax.text(
                        left + width / 2,
                        y,
                        shown,
                        ha="center",
                        va="center",
                        color="white" if strength > 0.6 else figures.INK,
                        fontsize=8.5,
                    )
                left += width
            if left < 99.5:
                ax.barh(y, 100 - left, left=left, height=0.68, color=figures.LINE, label=rest)
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_xlim(0, 100)
        ax.set_xlabel(x_label, loc="right")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        handles, labels = ax.get_legend_handles_labels()
        if handles:
            ax.legend(handles[:1], labels[:1], loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=9)
    return ax


def plot_dependence(pairs: pd.DataFrame, *, names: Mapping[str, str], label: str, ax: Axes | None = None) -> Axes:
    """Facets against each other, darker the more they tell the same.

    Parameters
    ----------
    pairs : DataFrame
        Of `compare_facets`.
    names : mapping of str to str
        Facet -> its name, in the order to be drawn.
    label : str
        Of the measure.
    """
    place = {name: i for i, name in enumerate(names)}
    grid = np.full((len(names), len(names)), np.nan)
    for row in pairs.itertuples():
        if row.facet in place and row.other_facet in place:
            i, j = sorted((place[row.facet], place[row.other_facet]))
            grid[j, i] = row.cramers_v
    with figures.style():
        ax = ax or figures.new_axes(height_in=1.6 + 0.2 * len(names))
        for j, i in np.argwhere(np.isfinite(grid)):
            v = float(grid[j, i])
            ax.add_patch(_square(i, j, v))
            if v >= 0.5:
                ax.text(
                    i,
                    j,
                    f"{v:.1f}".removeprefix("0"),
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if v >= 0.7 else figures.INK,
                )
        ax.set_xlim(-0.5, len(names) - 0.5)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_yticks(range(len(names)), list(names.values()), fontsize=8)
        ax.set_xticks(range(len(names)), list(names.values()), fontsize=8, rotation=90)
        ax.tick_params(length=0)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)
        ax.set_title(label, fontsize=10, color=figures.SOFT)
    return ax


def _square(x: int, y: int, strength: float) -> Rectangle:
    return Rectangle(
        (x - 0.48, y - 0.48),
        0.96,
        0.96,
        color=figures.ACCENT,
        alpha=0.04 + 0.96 * min(strength, 1.0) ** 1.3,
        linewidth=0,
    )


def plot_growth(
    growth: pd.DataFrame,
    *,
    names: Mapping[str, str],
    x_label: str,
    y_label: str,
    until: int = 12,
    ax: Axes | None = None,
) -> Axes:
    """Classes each method needs as attributes are added, on a logarithmic scale.

    Parameters
    ----------
    growth : DataFrame
        Of `grow_marks`.
    names : mapping of str to str
        Column (``enumerative_count``, ``needed_count``, ``faceted_count``) -> name.
    x_label, y_label : str
    until : int
        Attributes to draw.
    """
    part = growth[growth["attributes_count"] <= until]
    with figures.style():
        ax = ax or figures.new_axes(height_in=3.6)
        for k, (column, name) in enumerate(names.items()):
            ax.plot(part["attributes_count"], part[column], "o-", color=figures.SERIES[k], linewidth=2, markersize=4)
            ax.annotate(
                name,
                (part["attributes_count"].iloc[-1], part[column].iloc[-1]),
                xytext=(8, 0),
                textcoords="offset points",
                color=figures.SERIES[k],
                va="center",
                annotation_clip=False,
            )
        ax.set_yscale("log")
        ax.set_xticks(part["attributes_count"])
        ax.set_xlabel(x_label, loc="right")
        ax.set_title(y_label, fontsize=10, color=figures.SOFT)
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    return ax


def plot_retrieval(by_cost: Mapping[str, pd.DataFrame], *, x_label: str, y_label: str, ax: Axes | None = None) -> Axes:
    """F1 over the marks a query may use, a line a method with its interval.

    Parameters
    ----------
    by_cost : mapping of str to DataFrame
        Name -> `Retrieval.by_cost`.
    x_label, y_label : str
    """
    with figures.style():
        ax = ax or figures.new_axes(height_in=3.6)
        ends = sorted((table["f1"].iloc[-1], name) for name, table in by_cost.items())
        at, height = {}, -1.0
        for value, name in ends:  # names are pushed apart
            height = max(value, height + 0.075)
            at[name] = height
        for k, (name, table) in enumerate(by_cost.items()):
            colour = figures.SERIES[k % len(figures.SERIES)]
            ax.fill_between(table["marks_count"], table["low"], table["high"], color=colour, alpha=0.14, linewidth=0)
            ax.plot(table["marks_count"], table["f1"], "o-", color=colour, linewidth=2, markersize=4)
            ax.annotate(
                name,
                (table["marks_count"].iloc[-1], table["f1"].iloc[-1]),
                xytext=(table["marks_count"].iloc[-1] + 0.08, at[name]),
                color=colour,
                va="center",
                annotation_clip=False,
            )
        ax.set_ylim(0, 1)
        ax.set_xticks(next(iter(by_cost.values()))["marks_count"])
        ax.set_xlabel(x_label, loc="right")
        ax.set_title(y_label, fontsize=10, color=figures.SOFT)
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    return ax
