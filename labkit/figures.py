"""One style for all figures, and the charts that several notebooks share.

Nothing is set globally: a figure is made inside `style`, which brings the fonts
(Latin first, then Chinese from a package), sizes and colours. The colours keep
apart for colour-blind readers and in grey print: one accent, the rest greys.
"""

from __future__ import annotations

import html
import importlib.util
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, LINE = "#17202a", "#5b6875", "#dfe4e8"
ACCENT, MUTED = "#0b6b6b", "#8fa3ad"
#: Kept apart in hue and in lightness, also for red- and green-blind eyes; dark enough for words.
SERIES = (ACCENT, "#c8500a", "#2563eb", "#2b0a3d", "#a0408f")
_CHINESE = "Noto Sans CJK SC"


@cache
def _fonts() -> tuple[str, ...]:
    """Families for Latin and Chinese; the Chinese font file is found without importing its package."""
    found = importlib.util.find_spec("noto_cjk_sans_otc")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the package noto-cjk-sans-otc (Chinese font) is missing: run `make setup`")
    font_manager.fontManager.addfont(Path(found.origin).with_name("NotoSansCJK-Regular.ttc"))
    return "DejaVu Sans", _CHINESE


@contextmanager
def style() -> Iterator[None]:
    """Everything drawn inside has the style of the pages.

    Examples
    --------
    >>> with style():
    ...     ax = new_axes()
    >>> ax.spines["top"].get_visible()
    False
    """
    settings: dict[Any, Any] = {
        "font.family": list(_fonts()),
        "font.size": 10.5,
        "text.color": INK,
        "axes.labelcolor": SOFT,
        "axes.edgecolor": SOFT,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.titlepad": 12,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": False,
        "axes.prop_cycle": cycler(color=SERIES),
        "axes.grid": False,
        "grid.color": LINE,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "legend.frameon": False,
        "figure.dpi": 100,
        "savefig.dpi": 100,
        "figure.constrained_layout.use": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "labkit",
    }
    with mpl.rc_context(settings):
        yield


def new_axes(width_in: float = 7.2, height_in: float = 3.4) -> Axes:
    """Axes of a new figure, outside pyplot, so that no state is left behind."""
    with mpl.rc_context():
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        return figure.add_subplot()


def plain_numbers() -> mpl.ticker.Formatter:
    """Numbers of an axis as they are read: 0.5 and 2, no powers of ten."""
    return mpl.ticker.FuncFormatter(lambda value, _: f"{value:,g}")


def plot_bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    unit: str,
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    highlight: int | None = 0,
    digits: int = 1,
    ax: Axes | None = None,
) -> Axes:
    """Horizontal bars with their values, the one that matters in the accent colour.

    Parameters
    ----------
    labels, values : sequence
        From top to bottom.
    unit : str
        Unit of the values, for the axis.
    low, high : sequence of float, optional
        Ends of the intervals, drawn as whiskers.
    highlight : int, optional
        Bar in the accent colour; None for all.
    digits : int
        Decimals of the values written beside the bars.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    with style():
        ax = ax or new_axes(height_in=0.55 + 0.42 * max(len(labels), 2))
        y = np.arange(len(labels))
        colours = [ACCENT if highlight is None or i == highlight else MUTED for i in y]
        ax.barh(y, values, color=colours, height=0.62)
        ends = np.asarray(values, dtype=float)
        if low is not None and high is not None:
            reach = np.array([ends - np.asarray(low), np.asarray(high) - ends]).clip(min=0)
            ax.errorbar(ends, y, xerr=reach, fmt="none", ecolor=INK, elinewidth=1.2, capsize=3)
            ends = np.asarray(high, dtype=float)
        span = float(np.nanmax(ends)) if np.isfinite(ends).any() else 1.0
        for at, end, value in zip(y.tolist(), ends, values, strict=True):
            text = "–" if np.isnan(value) else f"{value:,.{digits}f}"
            ax.text((0 if np.isnan(end) else end) + span * 0.012, at, text, va="center", ha="left")
        ax.set_yticks(y, labels)
        ax.set_ylim(len(labels) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlim(0, span * 1.12)
        ax.set_xlabel(unit, loc="right")
        ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        ax.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,g}"))
    return ax


def plot_day_profiles(
    profiles: Mapping[str, pd.Series],
    *,
    unit: str,
    hour_label: str,
    marks: Sequence[tuple[float, float]] = (),
    ax: Axes | None = None,
) -> Axes:
    """Lines over the hours of a day, each named at its end instead of in a legend.

    Parameters
    ----------
    profiles : mapping of str to Series
        Name -> load by hour (the index, start of the slot [h]).
    unit : str
        Unit of the load.
    hour_label : str
        Title of the hours' axis.
    marks : sequence of (start, end)
        Hours to shade, such as the peak period.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    with style():
        ax = ax or new_axes(height_in=3.6)
        for start, end in marks:
            ax.axvspan(start, end, color=LINE, alpha=0.6, linewidth=0)
        ends = []
        for i, (name, load) in enumerate(profiles.items()):
            hours, kw = load.index.to_numpy(dtype=float), load.to_numpy(dtype=float)
            colour = SERIES[i % len(SERIES)]
            # The last slot lasts to midnight.
            ax.step([*hours, 24.0], [*kw, kw[-1]], where="post", color=colour, linewidth=2)
            ends.append([float(kw[-1]), name, colour])
        _name_line_ends(ax, ends)
        ax.set_xlim(0, 24)
        ax.set_ylim(bottom=0)
        ax.set_xticks(range(0, 25, 4))
        ax.set_xlabel(hour_label, loc="right")
        ax.set_title(unit, fontsize=10, color=SOFT)
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    return ax


def plot_lorenz(curve: pd.DataFrame, *, x_label: str, y_label: str, ax: Axes | None = None) -> Axes:
    """Share of the total over share of customers, with the line on which all bring the same.

    Parameters
    ----------
    curve : DataFrame
        ``customers_share`` and ``value_share``.
    x_label, y_label : str
        With their units, per cent.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    with style():
        ax = ax or new_axes(height_in=3.6)
        x, y = curve["customers_share"] * 100, curve["value_share"] * 100
        ax.fill_between(x, y, x, color=ACCENT, alpha=0.12, linewidth=0)
        ax.plot([0, 100], [0, 100], color=MUTED, linewidth=1.2)
        ax.plot(x, y, color=ACCENT, linewidth=2)
        ax.set_xlim(0, 100)
        ax.set_ylim(0, 101)
        ax.set_xlabel(x_label, loc="right")
        ax.set_title(y_label, fontsize=10, color=SOFT)
        ax.grid(axis="y")
        ax.set_axisbelow(True)
    return ax


def _name_line_ends(ax: Axes, ends: list[list[Any]]) -> None:
    """Names at the right-hand ends, pushed apart where lines end close together."""
    low, high = ax.get_ylim()
    figure = ax.get_figure(root=True)
    assert figure is not None
    # A line of words is 0.19 in high; about 0.9 in of the figure is title and axis.
    room = (high - min(low, 0)) * 0.19 / max(figure.get_figheight() - 0.9, 0.5)
    ends.sort(key=lambda end: end[0])
    at = -np.inf
    for value, name, colour in ends:
        at = max(value, at + room)
        ax.annotate(name, (24, value), xytext=(24.3, at), color=colour, va="center", annotation_clip=False)


#: Colour of a figure -> colour of the page, so that figures follow dark mode and print.
_COLOURS = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    MUTED: "var(--muted)",
    **{colour: f"var(--s{i})" for i, colour in enumerate(SERIES, 1)},
}


def theme_svg(svg: str, alt: str, prefix: str) -> str:
    """An SVG of matplotlib's as part of a page: its colours, its font, an accessible name.

    Parameters
    ----------
    prefix : str
        Made part of every id, since a page holds several drawings.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    # The white ground goes; the page's own shows through.
    body = re.sub(r'<g id="patch_1">.*?</g>', "", body, count=1, flags=re.DOTALL)
    body = re.sub(r'<g id="patch_2">\s*<path[^>]*style="fill: #ffffff"/>\s*</g>', "", body, count=1)
    body = re.sub(r"font-family: [^;\"]+;?", "", body)
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    for colour, variable in _COLOURS.items():
        body = body.replace(colour, variable)
    body = re.sub(r'id="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    body = re.sub(r'\s+xmlns:xlink="[^"]+"', "", body)
    box = re.search(r'viewBox="[^"]+"', body)
    view = box.group(0) if box else ""
    head = f'<svg {view} role="img" aria-label="{html.escape(alt)}" xmlns="http://www.w3.org/2000/svg">'
    return head + body[body.index(">") + 1 :]


def page_colours() -> str:
    """The colours of the pages as CSS: light, dark and print."""
    return Path(__file__).with_name("colours.css").read_text(encoding="utf-8")


def to_page_svg(ax: Axes, alt: str, prefix: str = "f0") -> str:
    """The figure of some axes as part of a page."""
    out, figure = io.StringIO(), ax.get_figure(root=True)
    assert figure is not None
    with style():
        figure.savefig(out, format="svg", metadata={"Date": None})
    return theme_svg(out.getvalue(), alt, prefix)
