"""What a notebook says: answer, key figures, figures, tables, notes.

Each display carries text for Jupyter and nbval, and a ``labkit`` entry in its
metadata from which the page is made. Text that comes from data is escaped here.
"""

from __future__ import annotations

import base64
import html
import io
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from IPython.display import display
from matplotlib.axes import Axes
from PIL import Image

from labkit import figures, privacy, terms
from labkit.estimates import Estimate
from labkit.findings import HIDDEN as _HIDDEN
from labkit.findings import Finding, keep_finding

#: Set by the report: figures as SVG.
FIGURES_VARIABLE = "LABKIT_FIGURES"


def finding(
    id: str,
    value: float | Estimate,
    *,
    en: str,
    zh: str,
    unit: tuple[str, str] = ("", ""),
    digits: int = 1,
    subject: str = "",
    subject_names: tuple[str, str] = ("", ""),
    change: Estimate | None = None,
    since: tuple[str, str] = ("", ""),
) -> Finding:
    """Keep a headline figure for other notebooks, and give it back.

    Parameters
    ----------
    id : str
        ``notebook.name``; with ``@segment`` for one segment of the customers.
    value : float or Estimate
        An estimate brings its interval.
    en, zh : str
        What the figure is.
    unit : (str, str)
        English and Chinese; ``("%", "%")`` for a share 0..1.
    digits : int
    subject : str
        A code it is about, such as ``channel=online``.
    subject_names : (str, str)
        The same in English and Chinese, where the glossary does not have it.
    change : Estimate, optional
        Against the time before.
    since : (str, str)
        Which times the change is between, in English and Chinese.
    """
    kept = Finding(
        id,
        value.value if isinstance(value, Estimate) else float(value),
        unit_en=unit[0],
        unit_zh=unit[1],
        en=en,
        zh=zh,
        low=value.low if isinstance(value, Estimate) else None,
        high=value.high if isinstance(value, Estimate) else None,
        digits=digits,
        subject=subject,
        subject_en=subject_names[0],
        subject_zh=subject_names[1],
        change=change.value if change else None,
        change_low=change.low if change else None,
        change_high=change.high if change else None,
        since_en=since[0],
        since_zh=since[1],
    )
    return keep_finding(kept)


def findings_by_segment(
    id: str,
    frame: pd.DataFrame,
    *,
    value: str,
    en: str,
    zh: str,
    by: str = "segment",
    low: str = "",
    high: str = "",
    subject: str = "",
    subject_names: Mapping[str, tuple[str, str]] | None = None,
    unit: tuple[str, str] = ("", ""),
    digits: int = 1,
) -> list[Finding]:
    """Keep a figure of each segment; rows whose figure is hidden or missing are left out.

    Parameters
    ----------
    id : str
        ``notebook.name``; each finding is ``notebook.name@segment``.
    frame : DataFrame
        A row a segment.
    value, low, high : str
        Columns of the figure and of its interval's ends.
    by : str
        Column of the segment.
    subject : str
        Column of codes, such as ``channel=online``.
    subject_names : mapping, optional
        Names in English and Chinese of codes the glossary does not have.
    """
    kept = []
    for row in frame.to_dict("records"):
        if pd.isna(row[value]):
            continue
        number = Estimate(row[value], row[low], row[high], 0) if low else float(row[value])
        about = str(row[subject]) if subject else ""
        names = (subject_names or {}).get(about, ("", ""))
        name = f"{id}@{row[by]}"
        kept.append(finding(name, number, en=en, zh=zh, unit=unit, digits=digits, subject=about, subject_names=names))
    return kept


def _show(data: dict[str, str], kind: str, **more: Any) -> None:
    display(data, raw=True, metadata={"labkit": {"kind": kind, **more}})


def answer(*sentences: str) -> None:
    """The answer, in about three sentences (Markdown: figures in bold)."""
    safe = [html.escape(sentence, quote=False) for sentence in sentences]
    _show({"text/markdown": "\n\n".join(safe), "text/plain": "\n".join(sentences)}, "answer")


def note(sentence: str) -> None:
    """A sentence in small print, such as what is missing."""
    _show({"text/markdown": html.escape(sentence, quote=False), "text/plain": sentence}, "note")


def show_key_figures(findings: Sequence[Finding], language: terms.Language) -> None:
    """Key figures in a row, each with its interval and, where one is known, its change."""
    cells, plain = [], []
    for item in findings:
        text = (item.label(language), item.shown(language), item.interval(language), item.changed_since(language))
        plain.append(": ".join(text[:2]) + "".join(f" ({t})" for t in text[2:] if t))
        l, n, i, c = map(html.escape, text)
        moved = f'<span class="i">{c}</span>' if c else ""
        cells.append(f'<li><span class="l">{l}</span><span class="n">{n}</span><span class="i">{i}</span>{moved}</li>')
    _show({"text/html": f'<ul class="kpis">{"".join(cells)}</ul>', "text/plain": "\n".join(plain)}, "key_figures")


def show_figure(ax: Axes, *, title: str, alt: str, caption: str = "") -> None:
    """A figure with what it says, what it shows, and the same in words.

    Parameters
    ----------
    title : str
        What the figure says, as a sentence.
    alt : str
        The figure in words, with its main numbers, for those who cannot see it.
    caption : str
        What is drawn: quantity, period, meaning of marks.

    Raises
    ------
    ValueError
        If the title or the alternative text is empty.
    """
    if not title.strip() or not alt.strip():
        raise ValueError("a figure needs a title that says something and an alternative text; give both")
    svg = os.environ.get(FIGURES_VARIABLE) == "svg"
    out = io.BytesIO()
    figure = ax.get_figure(root=True)
    assert figure is not None
    with figures.style():
        figure.savefig(out, format="svg" if svg else "png", metadata={"Date": None} if svg else {"Software": None})
    image = {"image/svg+xml": out.getvalue().decode()} if svg else {"image/png": _small_png(out)}
    _show({**image, "text/plain": f"Figure: {title}"}, "figure", title=title, alt=alt, caption=caption)


def _small_png(drawn: io.BytesIO) -> str:
    """A drawing of few colours as a PNG with a palette, a third of the size: notebooks are committed with it."""
    small = io.BytesIO()
    Image.open(drawn).convert("RGB").quantize(64).save(small, format="png", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


def show_table(
    frame: pd.DataFrame,
    *,
    title: str,
    language: terms.Language,
    name: str,
    digits: Mapping[str, int] | None = None,
    titles: Mapping[str, str] | None = None,
    caption: str = "",
) -> None:
    """A table with titles, units and a CSV to take along.

    Parameters
    ----------
    frame : DataFrame
        Columns named as in the glossary; the first names the row. Missing values
        are shown as a dash; numbers of notebooks in a column ``notebook`` become links.
    title : str
        What the table says.
    name : str
        Name of the CSV file, without ending.
    digits : mapping, optional
        Decimals of a column; otherwise by its unit.
    titles : mapping, optional
        Titles of columns the glossary does not have.
    """
    heads = {c: (titles or {}).get(c) or terms.label(str(c), language, with_unit=True) for c in frame.columns}
    cells = [[_cell(c, v, language, digits) for v in frame[c]] for c in frame.columns]
    # Two columns may have the same title, such as the lower ends of two figures.
    text = pd.DataFrame(list(zip(*cells)), columns=[heads[c] for c in frame.columns])
    csv = base64.b64encode(privacy.to_safe_csv(_named(frame, heads, language))).decode()
    rows = "".join(_row(cells, frame, language) for cells in text.itertuples(index=False, name=None))
    head = "".join(f'<th scope="col"{_align(frame[c])}>{html.escape(heads[c])}</th>' for c in frame.columns)
    link = "下载 CSV" if language == "zh" else "Download CSV"
    small = f" {html.escape(caption)}" if caption else ""
    table = (
        f'<div class="wide"><table><caption><b>{html.escape(title)}</b>{small} '
        f'<a download="{html.escape(name)}.csv" href="data:text/csv;base64,{csv}">{link}</a></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    _show({"text/html": table, "text/plain": text.to_string(index=False)}, "table", name=name)


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _align(column: pd.Series) -> str:
    return "" if _is_number(column) else ' class="t"'


def _row(cells: tuple[str, ...], frame: pd.DataFrame, language: terms.Language) -> str:
    first, *rest = cells
    tail = "".join(
        f"<td{_align(frame.iloc[:, i])}{_foreign(cell, language)}>"
        f"{_linked(cell) if frame.columns[i] == 'notebook' else html.escape(cell)}</td>"
        for i, cell in enumerate(rest, 1)
    )
    named = _linked(first) if frame.columns[0] == "notebook" else html.escape(first)
    return f'<tr><th scope="row"{_foreign(first, language)}>{named}</th>{tail}</tr>'


def _linked(cell: str) -> str:
    """Numbers of notebooks, each a link that a page fills in; plain words elsewhere."""
    return re.sub(r"\b(\d\d)\b", r'<a data-notebook="\1">\1</a>', html.escape(cell))


def _foreign(cell: str, language: terms.Language) -> str:
    """Says of words in Chinese on an English page, such as customers' own, that they are."""
    return ' lang="zh-Hans"' if language == "en" and any("\u4e00" <= c <= "\u9fff" for c in cell) else ""


def _cell(column: str, value: object, language: terms.Language, digits: Mapping[str, int] | None) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return _HIDDEN
    if isinstance(value, bool) or (not isinstance(value, (int, float)) and not hasattr(value, "dtype")):
        return terms.category(column, value, language)
    number = float(value)  # type: ignore[arg-type]
    if pd.isna(number):
        return _HIDDEN
    scale, default = _scale(column, number)
    return f"{number * scale:,.{(digits or {}).get(column, default)}f}"


def _scale(column: str, number: float) -> tuple[float, int]:
    if terms.unit(column).startswith("%") or column == "share":
        return 100.0, 1
    if float(number).is_integer() and not terms.unit(column):
        return 1.0, 0
    return (1.0, 0) if terms.unit(column) in ("kWh", "yuan", "kvarh") else (1.0, 2)


def _named(frame: pd.DataFrame, heads: Mapping[str, str], language: terms.Language) -> pd.DataFrame:
    """For the CSV: whole numbers as they are, categories in words, shares in per cent as the head says."""
    named = frame.copy()
    for column in named.columns:
        if not _is_number(named[column]):
            named[column] = [terms.category(column, value, language) for value in named[column]]
        elif _scale(column, 0.5)[0] == 100.0:
            named[column] = (named[column] * 100).round(4)
    titles: list[str] = []
    for column in named.columns:
        title = heads[column]
        # In a file a title stands alone: the end of an interval says of what.
        if list(heads.values()).count(title) > 1:
            title = f"{next((t for t in reversed(titles) if ': ' not in t), '')}: {title}"
        titles.append(title)
    return named.set_axis(titles, axis=1)
