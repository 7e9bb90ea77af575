"""Figures of loyalty that no other domain has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures


def plot_index(table: pd.DataFrame, *, by: str, y_label: str, ax: Axes | None = None) -> Axes:
    """Index of 0 to 100 from period to period, with its interval.

    Parameters
    ----------
    table : DataFrame
        Of `satisfaction_index`.
    by : str
        Column of the periods.
    y_label : str
    ax : Axes, optional
    """
    with figures.style():
        ax = ax or figures.new_axes(height_in=3.0)
        x = np.arange(len(table))
        reach = np.nan_to_num([table["index"] - table["low"], table["high"] - table["index"]]).clip(0)
        ax.errorbar(
            x, table["index"], yerr=reach, color=figures.ACCENT, marker="o", linewidth=2, elinewidth=1.4, capsize=3
        )
        for at, value in zip(x.tolist(), table["index"]):
            ax.annotate(f"{value:.1f}", (at, value), xytext=(8, 6), textcoords="offset points")
        ax.set_xticks(x, [str(p) for p in table[by]])
        ax.set_title(y_label, fontsize=10, color=figures.SOFT)
        ax.margins(x=0.12, y=0.35)
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    return ax


def plot_ratios(labels: Sequence[str], table: pd.DataFrame, *, x_label: str, ax: Axes | None = None) -> Axes:
    """Hazard ratios with their intervals on a log scale; 1 is no difference.

    Parameters
    ----------
    labels : sequence of str
        From top to bottom.
    table : DataFrame
        ``hazard_ratio``, ``low``, ``high``, in the same order; a ratio of 0 is drawn by its upper end alone.
    x_label : str
    ax : Axes, optional
    """
    with figures.style():
        ax = ax or figures.new_axes(height_in=0.7 + 0.42 * max(len(labels), 2))
        y = np.arange(len(labels))
        ratio, low, high = (table[c].to_numpy(dtype=float) for c in ("hazard_ratio", "low", "high"))
        sure = (low > 1) | (high < 1)
        floor = float(np.nanmin(np.where(low > 0, low, np.nan))) / 1.5 if (low > 0).any() else 0.01
        for at in y.tolist():
            colour = figures.ACCENT if sure[at] else figures.MUTED
            ax.plot([max(low[at], floor), high[at]], [at, at], color=colour, linewidth=1.6)
            if ratio[at] > 0:
                ax.plot(ratio[at], at, "o", color=colour, markersize=7)
        ax.axvline(1.0, color=figures.SOFT, linewidth=1)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(figures.plain_numbers())
        ax.minorticks_off()
        ax.set_xticks([v for v in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if floor <= v <= float(np.nanmax(high))])
        ax.set_yticks(y, labels)
        ax.set_ylim(len(labels) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(x_label, loc="right")
        ax.grid(axis="x")
        ax.set_axisbelow(True)
    return ax


def plot_importance_performance(
    table: pd.DataFrame, *, names: Mapping[str, str], x_label: str, y_label: str, ax: Axes | None = None
) -> Axes:
    """Drivers as points with whiskers, axes at the means; the ones to improve first in the accent colour."""
    with figures.style():
        ax = ax or figures.new_axes(height_in=4.0)
        first = (table["quadrant"] == "improve_first").to_numpy()
        for own, colour in ((first, figures.ACCENT), (~first, figures.MUTED)):
            part = table[own]
            if len(part):
                x, y = part["index"], part["share"] * 100
                across = np.nan_to_num([x - part["low"], part["high"] - x]).clip(0)
                up = [y - part["share_low"] * 100, part["share_high"] * 100 - y]
                ax.errorbar(x, y, xerr=across, yerr=up, fmt="o", color=colour, elinewidth=1.2, capsize=2, markersize=7)
        for driver, x, y in zip(table["driver"], table["index"], table["share"] * 100):
            ax.annotate(names.get(driver, driver), (x, y), xytext=(6, 6), textcoords="offset points")
        ax.axvline(table["index"].mean(), color=figures.LINE, zorder=0)
        ax.axhline(table["share"].mean() * 100, color=figures.LINE, zorder=0)
        ax.set_xlabel(x_label, loc="right")
        ax.set_title(y_label, fontsize=10, color=figures.SOFT)
        ax.margins(0.12)
    return ax
