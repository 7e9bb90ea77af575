"""The index of a run: every question with its answer and its figures, to be searched; and what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from pathlib import Path

from labkit import market_segments, terms
from labkit.findings import Finding, Findings
from labkit.report.frame import PageFacts, fill_page

_SEARCH = Path(__file__).with_name("search.js")


@dataclass(frozen=True)
class Entry:
    """A notebook on the index.

    Attributes
    ----------
    number, file, question : str
    answer : str
        Safe HTML.
    failed : bool
        It did not run to its end: there is no page.
    also : str
        The question in the other language: it is found in both.
    """

    number: str
    file: str
    question: str
    answer: str = ""
    failed: bool = False
    also: str = ""


def render_index(
    entries: Sequence[Entry],
    facts: PageFacts,
    failures: Sequence[str],
    prefix: str,
    more: str = "",
    found: Findings | None = None,
) -> str:
    """The index page.

    Parameters
    ----------
    entries : sequence of Entry
    facts : PageFacts
    failures : sequence of str
        What to say of notebooks that did not run.
    prefix : str
        Path from the index to the pages, such as ``zh/``.
    more : str
        What stands below the list (safe HTML).
    found : Findings, optional
        Figures of the run, shown with their notebooks.
    """
    say = terms.Say(facts.language)
    parts = []
    if failures:
        title = say("These notebooks did not run to their end", "以下笔记本未能运行完毕")
        listed = "".join(f"<li>{escape(text)}</li>" for text in failures)
        parts.append(f'<section class="failed"><p><b>{title}</b></p><ul>{listed}</ul></section>')
    items = [_item(entry, _figures_of(entry, found), facts.language, prefix) for entry in entries]
    parts += [_search(say), f'<ul class="list">{"".join(items)}</ul>', more]
    return fill_page(
        replace(facts, here="index.html"),
        title=say("Reports on electricity customers", "电力客户研究报告"),
        eyebrow=f"{facts.utility} · {facts.period}",
        body="\n".join(parts),
        script=_SEARCH.read_text(encoding="utf-8"),
    )


def name_finding(item: Finding, language: terms.Language) -> str:
    """What a finding is, with whom it is about.

    Examples
    --------
    >>> name_finding(Finding("07.used@public", 1, "%", "%", "Used most", "最常用", subject="channel=online"), "zh")
    '最常用 · 公共机构 · 网上'
    """
    about = (_name_segment(item.segment, language), item.subject_label(language))
    return " · ".join(dict.fromkeys(filter(None, (item.label(language), *about))))


@cache
def _segments() -> dict[str, market_segments.Segment]:
    return market_segments.read_segments()


def _name_segment(segment: str, language: terms.Language) -> str:
    known = _segments().get(segment)
    return known.label(language) if known else terms.category("customer_class", segment, language)


def _figures_of(entry: Entry, found: Findings | None) -> list[Finding]:
    """Figures without a page to stand on are left out, and those without words, kept for other notebooks only."""
    if found is None or entry.failed:
        return []
    return [item for item in found.values() if item.notebook == entry.number and item.en and item.zh]


def _search(say: terms.Say) -> str:
    """The search box; its script shows it, since without the script it could do nothing."""
    label = say("Search questions, answers and key numbers", "查找问题、结论和关键数据")
    hits = say("Reports: {pages}. Key numbers: {figures}.", "报告 {pages} 篇，关键数据 {figures} 项")
    nothing = say("Nothing found. Try a shorter word.", "没有找到，请换一个更短的词。")
    return (
        f'<search id="search" hidden><label for="asked">{label}</label>'
        f'<input id="asked" type="search" autocomplete="off" spellcheck="false">'
        f'<output for="asked" aria-live="polite" data-found="{hits}" data-nothing="{nothing}"></output></search>'
    )


def _item(entry: Entry, figures: Sequence[Finding], language: terms.Language, prefix: str) -> str:
    path, asked = escape(prefix + entry.file), escape(entry.question)
    title = asked if entry.failed else f'<a href="{path}">{asked}</a>'
    fold = _fold(figures, language, path) if figures else ""
    return (
        f'<li data-also="{escape(entry.also)}"><p class="no">{escape(entry.number)}</p>'
        f'<div class="said"><h2>{title}</h2>{entry.answer}</div>{fold}</li>'
    )


def _fold(figures: Sequence[Finding], language: terms.Language, path: str) -> str:
    title = f"关键数据 {len(figures)} 项" if language == "zh" else f"Key numbers: {len(figures)}"
    listed = "".join(_figure(item, language, path) for item in figures)
    return f'<details><summary>{title}</summary><ul class="found">{listed}</ul></details>'


def _figure(item: Finding, language: terms.Language, path: str) -> str:
    other: terms.Language = "en" if language == "zh" else "zh"
    since = item.since_zh if language == "zh" else item.since_en
    changed = f"{since} {item.changed(language)}".strip() if item.changed(language) else ""
    ends = " · ".join(filter(None, (item.interval(language), changed)))
    return (
        f'<li data-also="{escape(name_finding(item, other))}"><a href="{path}#key">{escape(name_finding(item, language))}</a>'
        f' <b>{escape(item.shown(language))}</b> <span class="i">{escape(ends)}</span></li>'
    )
