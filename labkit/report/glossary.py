"""The glossary as a page: every term with its unit and its counterpart in the other language."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

from labkit import terms
from labkit.report.frame import HTML_LANGUAGE, PageFacts, fill_page

#: Headings of terms.csv, as a page says them.
_GROUPS: dict[str, tuple[str, str]] = {
    "tables": ("Tables", "数据表"),
    "columns": ("Columns of the tables", "数据字段"),
    "categories": ("Categories", "分类取值"),
    "portrait and profile columns": ("Customer portrait and load", "客户画像与负荷特性"),
    "words of pages and figures": ("Words of pages and figures", "页面与图表用语"),
    "key accounts": ("Key accounts", "大客户"),
    "demand-side management": ("Demand-side management", "需求侧管理"),
    "arrears and credit": ("Arrears and credit", "欠费与信用"),
    "tags": ("Tags", "标签"),
    "service": ("Service", "服务"),
    "loyalty": ("Satisfaction and loyalty", "满意度与忠诚度"),
    "market": ("Market", "市场"),
    "segments": ("Customer segments", "客户细分"),
    "meter data checks": ("Meter data checks", "电量数据校核"),
}
_OTHER = ("Other terms", "其他用语")


def group_terms(language: terms.Language) -> dict[str, list[terms.Term]]:
    """Terms by group, in the order of ``terms.csv``.

    Examples
    --------
    >>> groups = group_terms("zh")
    >>> next(iter(groups)), groups["数据表"][0].en
    ('数据表', 'Customers')
    """
    groups: dict[str, list[terms.Term]] = {}
    for heading, name in _read_headings():
        title = _GROUPS.get(heading, _OTHER)[language == "zh"]
        groups.setdefault(title, []).append(terms.glossary()[name])
    return groups


def _read_headings() -> Iterator[tuple[str, str]]:
    """Heading and name of each term, as they stand in the file."""
    path = Path(terms.__file__).with_name("terms.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    heading = ""
    for name, *_ in rows[1:]:
        if name.startswith("#"):
            heading = name.strip("# -")
        else:
            yield heading, name


def render_glossary(facts: PageFacts) -> str:
    """The glossary page of a language."""
    language = facts.language
    groups = group_terms(language)
    note = (
        f"共 {sum(map(len, groups.values()))} 条，中英对照。按 Ctrl+F（苹果电脑按 ⌘F）查找，中文、英文、数据中的名称均可。"
        if language == "zh"
        else f"{sum(map(len, groups.values()))} terms in English and Chinese. "
        "Press Ctrl+F (⌘F on a Mac) to find one by either, or by its name in the data."
    )
    links = "".join(f'<li><a href="#g{i}">{escape(title)}</a></li>' for i, title in enumerate(groups, 1))
    contents = "目录" if language == "zh" else "Contents"
    parts = [f'<p class="note">{note}</p><nav aria-label="{contents}"><h2>{contents}</h2><ol>{links}</ol></nav>']
    for i, (title, members) in enumerate(groups.items(), 1):
        parts.append(f'<h2 id="g{i}">{escape(title)}</h2>{_table(members, title, language)}')
    return fill_page(
        replace(facts, here="glossary.html"),
        title="术语表" if language == "zh" else "Glossary",
        eyebrow=f"{facts.utility} · {facts.period}",
        body="\n".join(parts),
    )


def _table(members: Sequence[terms.Term], title: str, language: terms.Language) -> str:
    other: terms.Language = "en" if language == "zh" else "zh"
    heads = (
        ("术语", "英文", "单位", "数据中的名称")
        if language == "zh"
        else ("Term", "Chinese", "Unit", "Name in the data")
    )
    head = "".join(f'<th scope="col" class="t">{text}</th>' for text in heads)
    rows = "".join(_row(term, language, other) for term in members)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(title)}"><table class="terms">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(term: terms.Term, language: terms.Language, other: terms.Language) -> str:
    column, _, value = term.name.partition("=")
    unit = "" if value else terms.unit(term.name, language)
    within = _within(column, language) if value else ""
    return (
        f'<tr><th scope="row">{escape(term.title(language))}{within}</th>'
        f'<td class="t" lang="{HTML_LANGUAGE[other]}">{escape(term.title(other))}</td>'
        f'<td class="t">{escape(unit)}</td><td class="t" translate="no">{escape(term.name)}</td></tr>'
    )


def _within(column: str, language: terms.Language) -> str:
    """Of which column a category is, where the glossary names it."""
    term = terms.glossary().get(column)
    return f' <span class="i">{escape(term.title(language))}</span>' if term else ""
