from __future__ import annotations

import io
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from labkit import figures


def svg_of(ax: mpl.axes.Axes) -> str:
    out = io.StringIO()
    with figures.style():
        ax.get_figure().savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def bars(**more: object) -> mpl.axes.Axes:
    return figures.plot_bars(["工业 A", "居民 B"], [3.0, 1.0], unit="兆瓦 MW", **more)  # type: ignore[arg-type]


def test_chinese_is_drawn_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = bars(low=[2.5, 0.5], high=[3.5, 1.5])
        with figures.style():
            ax.get_figure().canvas.draw()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["工业 A", "居民 B"]


def test_nothing_is_left_behind() -> None:
    before = dict(mpl.rcParams)
    bars()
    assert dict(mpl.rcParams) == before


def test_axes_in_axes_out() -> None:
    ax = figures.new_axes()
    assert figures.plot_bars(["a"], [1.0], unit="x", ax=ax) is ax
    load = pd.Series(np.ones(24))
    assert figures.plot_day_profiles({"a": load}, unit="kW", hour_label="h", ax=ax) is ax


def test_same_figure_same_bytes() -> None:
    assert svg_of(bars()) == svg_of(bars())


def test_a_hidden_value_is_a_dash_not_a_bar() -> None:
    texts = [text.get_text() for text in figures.plot_bars(["a", "b"], [1.0, np.nan], unit="x").texts]
    assert texts == ["1.0", "–"]


def luminance(colour: str) -> float:
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", [*figures.SERIES, figures.INK, figures.SOFT])
def test_colours_that_carry_words_can_be_read_on_white(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
        [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        np.eye(3).tolist(),
    ],
    ids=["deuteranopia", "protanopia", "all cones"],
)
def test_series_keep_apart_for_every_eye(matrix: list[list[float]]) -> None:
    # Green- and red-blind sight by Viénot, Brettel & Mollon (1999), in linear RGB; distance in CIE Lab.
    sight = np.array(matrix)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    lab = []
    for colour in figures.SERIES:
        rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        x, y, z = np.cbrt(to_xyz @ np.clip(sight @ linear, 0, 1) / [0.9505, 1, 1.089])
        lab.append((116 * y - 16, 500 * (x - y), 200 * (y - z)))
    distances = [np.linalg.norm(np.subtract(a, b)) for i, a in enumerate(lab) for b in lab[:i]]
    assert min(distances) > 10


def test_an_svg_becomes_part_of_the_page() -> None:
    themed = figures.theme_svg(svg_of(bars()), 'Bars: "a" < b', "f7")
    assert 'role="img"' in themed and 'aria-label="Bars: &quot;a&quot; &lt; b"' in themed
    assert "var(--ink)" in themed and figures.INK not in themed and "#ffffff" not in themed
    assert "http" not in themed.replace("http://www.w3.org/2000/svg", "") and "font-family" not in themed
    assert 'id="f7-' in themed and 'href="#f7-' in themed
