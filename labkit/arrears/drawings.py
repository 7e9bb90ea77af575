"""Drawings of arrears: how late bills come in, how grades turn out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures


def plot_recovery(
    curves: pd.DataFrame, *, names: Mapping[str, str], x_label: str, y_label: str, ax: Axes | None = None
) -> Axes:
    """Share of late bills settled over the days since they fell due, a line a group with its band.

    Parameters
    ----------
    curves : DataFrame
        Of `recovery_curve`.
    names : mapping
        Group -> its name; drawn in this order.
    x_label, y_label : str
        With their units.
    """
    with figures.style():
        ax = ax or figures.new_axes()
        for k, (group, label) in enumerate(names.items()):
            part = curves[curves["group"] == group]
            if part.empty:
                continue
            x = np.r_[0.0, part["day"]]
            share = np.r_[0.0, 100 * part["recovered_share"]]
            ax.step(x, share, where="post", color=figures.SERIES[k], linewidth=1.8, label=label)
            ax.fill_between(
                x,
                np.r_[0.0, 100 * part["low"]],
                np.r_[0.0, 100 * part["high"]],
                step="post",
                color=figures.SERIES[k],
                alpha=0.15,
                linewidth=0,
            )
        ax.set_ylim(0, 100)
        ax.set_xlim(0, None)
        ax.set_xlabel(x_label, loc="right")
        ax.set_title(y_label, loc="left")
        ax.legend(loc="lower right")
    return ax


def plot_grades(grades: pd.DataFrame, *, x_label: str, seen: str, foretold: str, ax: Axes | None = None) -> Axes:
    """Share that turned bad in each grade with its interval, beside what was foretold.

    Parameters
    ----------
    grades : DataFrame
        Of `grade_table`.
    x_label : str
        Of the share, with its unit.
    seen, foretold : str
        Names of the two marks.
    """
    with figures.style():
        ax = ax or figures.new_axes(height_in=0.9 + 0.4 * len(grades))
        y = np.arange(len(grades))
        value, low, high, expected = (
            100 * grades[c].to_numpy() for c in ("bad_share", "low_share", "high_share", "expected_share")
        )
        ax.hlines(y, low, high, color=figures.SERIES[0], linewidth=1.6)
        ax.plot(value, y, "o", color=figures.SERIES[0], markersize=6, label=seen)
        ax.plot(expected, y, "D", color=figures.SERIES[1], markersize=5, label=foretold)
        ax.set_yticks(y, grades["grade"])
        ax.set_ylim(len(grades) - 0.5, -0.5)
        ax.set_xlim(left=-1)
        ax.set_xlabel(x_label, loc="right")
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        ax.legend(loc="upper right")
    return ax
