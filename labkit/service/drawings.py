"""Drawings of service: the workflow, control charts, agents through the day, a map of sites."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures
from labkit.service.repair import MOMENTS
from labkit.service.watch import ControlChart


def plot_process(
    graph: nx.DiGraph, *, names: Mapping[str, str], minutes: str, jobs: str, ax: Axes | None = None
) -> Axes:
    """The workflow from left to right; arrows as thick as stages are long, with median and nine tenths.

    Parameters
    ----------
    graph : DiGraph
        Of `process_graph`.
    names : mapping of str to str
        Moment -> name.
    minutes, jobs : str
        Units, to be written.
    """
    order = [m for m in MOMENTS if m in graph]
    longest = max((d.get("median_min", 0) for _, _, d in graph.edges(data=True)), default=1) or 1
    with figures.style():
        ax = ax or figures.new_axes(height_in=2.3)
        for x, moment in enumerate(order):
            ax.plot(x, 0, "o", markersize=13, color=figures.ACCENT, zorder=3)
            ax.text(x, -0.34, names.get(moment, moment), ha="center", va="top", fontsize=9)
            ax.text(
                x,
                -0.62,
                f"{graph.nodes[moment]['jobs_count']:,} {jobs}",
                ha="center",
                va="top",
                fontsize=8,
                color=figures.SOFT,
            )
        for a, b, data in graph.edges(data=True):
            if a not in order or b not in order:
                continue
            i, j = order.index(a), order.index(b)
            if "median_min" in data:
                width = 1 + 7 * data["median_min"] / longest
                ax.plot([i + 0.12, j - 0.12], [0, 0], color=figures.MUTED, linewidth=width, solid_capstyle="butt")
                ax.text(
                    (i + j) / 2,
                    0.2,
                    f"{data['median_min']:.0f} / {data['p90_min']:.0f} {minutes}",
                    ha="center",
                    fontsize=8.5,
                )
            else:
                ax.annotate(
                    "",
                    (j, 0.12),
                    (i, 0.12),
                    arrowprops={"arrowstyle": "->", "color": figures.SERIES[1], "connectionstyle": "arc3,rad=-0.5"},
                )
                ax.text(
                    (i + j) / 2,
                    0.78,
                    f"{data['jobs_count']:,} {jobs}",
                    ha="center",
                    fontsize=8,
                    color=figures.SERIES[1],
                )
        ax.set_xlim(-0.6, len(order) - 0.4)
        ax.set_ylim(-0.95, 1.05)
        ax.axis("off")
    return ax


def plot_control(chart: ControlChart, *, y_label: str, scale: float = 1.0, ax: Axes | None = None) -> Axes:
    """A figure over time within its limits, alarms marked.

    Parameters
    ----------
    chart : ControlChart
    y_label : str
        With its unit.
    scale : float
        100 for shares told in per cent.
    """
    points = chart.points
    x = np.arange(len(points))
    with figures.style():
        ax = ax or figures.new_axes(width_in=6.6, height_in=2.6)
        ax.fill_between(
            x, points["low"] * scale, points["high"] * scale, step="mid", color=figures.ACCENT, alpha=0.12, linewidth=0
        )
        ax.axhline(chart.centre * scale, color=figures.MUTED, linewidth=1.2)
        ax.plot(x, points["value"] * scale, "o-", color=figures.ACCENT, markersize=4, linewidth=1.6)
        alarm = points["alarm"].to_numpy()
        ax.plot(
            x[alarm],
            points["value"][alarm] * scale,
            "o",
            color=figures.SERIES[1],
            markersize=9,
            fillstyle="none",
            markeredgewidth=2,
        )
        every = max(1, len(points) // 8)
        ax.set_xticks(x[::every], [str(p) for p in points["period"][::every]])
        ax.set_title(y_label, fontsize=10, color=figures.SOFT)
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    return ax


def plot_changes(changes: pd.DataFrame, *, x_label: str, ax: Axes | None = None) -> Axes:
    """A point and its interval a subject, growing ones on top.

    Parameters
    ----------
    changes : DataFrame
        ``name``, ``change_share``, ``low_share``, ``high_share``.
    x_label : str
    """
    y = np.arange(len(changes))
    with figures.style():
        ax = ax or figures.new_axes(width_in=6.4, height_in=0.6 + 0.2 * len(changes))
        ax.axvline(0, color=figures.MUTED, linewidth=1.2)
        ax.hlines(y, 100 * changes["low_share"], 100 * changes["high_share"], color=figures.ACCENT, linewidth=1.6)
        ax.plot(100 * changes["change_share"], y, "o", color=figures.ACCENT, markersize=6)
        ax.set_yticks(y, changes["name"])
        ax.set_ylim(len(changes) - 0.5, -0.5)
        ax.set_xlabel(x_label, loc="right")
        ax.grid(axis="x")
        ax.set_axisbelow(True)
    return ax


def plot_staff(
    plan: pd.DataFrame, *, names: Mapping[str, str], x_label: str, y_label: str, ax: Axes | None = None
) -> Axes:
    """Agents through the day, a line a kind of day.

    Parameters
    ----------
    plan : DataFrame
        Of `plan_staff`.
    names : mapping of str to str
        Day type -> name, in the order to be drawn.
    """
    with figures.style():
        ax = ax or figures.new_axes(height_in=2.8)
        for k, (kind, name) in enumerate(names.items()):
            part = plan[plan["day_type"] == kind].sort_values("hour")
            if len(part):
                ax.step(
                    np.append(part["hour"], 24),
                    np.append(part["agents_count"], part["agents_count"].iloc[-1]),
                    where="post",
                    color=figures.SERIES[k],
                    linewidth=2,
                    label=name,
                )
        ax.set_xlim(0, 24)
        ax.set_ylim(bottom=0)
        ax.set_xticks(range(0, 25, 4))
        ax.set_xlabel(x_label, loc="right")
        ax.set_title(y_label, fontsize=10, color=figures.SOFT)
        ax.legend(loc="upper left")
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    return ax


def plot_map(
    areas: pd.DataFrame,
    sites: pd.DataFrame,
    *,
    names: Mapping[str, str],
    x_label: str,
    y_label: str,
    ax: Axes | None = None,
) -> Axes:
    """Areas as large as their demand, sites as marks.

    Parameters
    ----------
    areas : DataFrame
        ``longitude``, ``latitude``, ``demand``.
    sites : DataFrame
        ``longitude``, ``latitude``, ``kind``.
    names : mapping of str to str
        Kind of site -> name.
    """
    marks = ("^", "D", "s", "P")
    with figures.style():
        ax = ax or figures.new_axes(width_in=6.2, height_in=3.3)
        size = 40 + 900 * areas["demand"] / areas["demand"].max()
        ax.scatter(areas["longitude"], areas["latitude"], s=size, color=figures.ACCENT, alpha=0.25, linewidth=0)
        for k, (kind, name) in enumerate(names.items()):
            part = sites[sites["kind"] == kind]
            ax.plot(
                part["longitude"],
                part["latitude"],
                marks[k % 4],
                color=figures.SERIES[(k + 1) % len(figures.SERIES)],
                markersize=9 - 2 * k,
                label=name,
                fillstyle="none" if k == 0 else "full",
                markeredgewidth=1.8,
            )
        ax.set_xlabel(x_label, loc="right")
        ax.set_title(y_label, fontsize=10, color=figures.SOFT)
        ax.margins(0.18)
        ax.set_aspect(1 / np.cos(np.radians(areas["latitude"].mean())), adjustable="datalim")
        ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0))
    return ax
