"""The index of a run: every question with its answer, and what failed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from labkit.report.page import PageFacts, fill_page

#: Number, file name, question, answer (safe HTML), whether it failed.
Entry = tuple[str, str, str, str, bool]


def render_index(
    entries: Sequence[Entry], facts: PageFacts, failures: Sequence[str], prefix: str, more: str = ""
) -> str:
    """The index page.

    Parameters
    ----------
    entries : sequence of Entry
    failures : sequence of str
        What to say of notebooks that did not run.
    prefix : str
        Path from the index to the pages, such as ``zh/``.
    more : str
        What stands below the list (safe HTML).
    """
    chinese = facts.language == "zh"
    parts = []
    if failures:
        title = "以下笔记本未能运行完毕" if chinese else "These notebooks did not run to their end"
        listed = "".join(f"<li>{escape(text)}</li>" for text in failures)
        parts.append(f'<section class="failed"><p><b>{title}</b></p><ul>{listed}</ul></section>')
    items = []
    for number, name, question, answer, failed in entries:
        asked = escape(question) if failed else f'<a href="{escape(prefix + name)}">{escape(question)}</a>'
        items.append(f'<li><p class="i">{number}</p><h2>{asked}</h2>{answer}</li>')
    parts += [f'<ul class="list">{"".join(items)}</ul>', more]
    title = "电力客户研究报告" if chinese else "Reports on electricity customers"
    home = PageFacts(
        facts.language, facts.utility, facts.period, facts.digest, facts.version, home="", other=facts.other
    )
    return fill_page(home, title=title, eyebrow=f"{facts.utility} · {facts.period}", body="\n".join(parts))
