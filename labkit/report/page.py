"""From an executed notebook to a page for management: one file, no script, no network."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import nbformat
from bs4 import BeautifulSoup, Tag
from nbconvert.filters import markdown2html_mistune

from labkit import figures, terms
from labkit.report.frame import PageFacts, fill_page, words
from labkit.report.making import Origin, describe_making


class PageError(Exception):
    """A notebook that cannot become a page; names the cell and what it lacks."""


def question(notebook: nbformat.NotebookNode, language: terms.Language) -> str:
    """The notebook's question: its title in a language."""
    for cell in notebook.cells:
        found = re.match(r"#\s+(.+)", cell.source)
        if cell.cell_type == "markdown" and found and f"lang-{language}" in _tags(cell):
            return found.group(1).strip()
    raise PageError(f"the notebook has no title cell tagged lang-{language} that begins with '# '")


def answer_of(notebook: nbformat.NotebookNode) -> str:
    """The answer as safe HTML, for the index."""
    for _, output in _outputs(notebook):
        if _said(output).get("kind") == "answer":
            return _markdown(output["data"]["text/markdown"])
    return ""


def render_page(
    notebook: nbformat.NotebookNode,
    facts: PageFacts,
    number: str,
    origin: Origin | None = None,
    pages: Mapping[str, str] | None = None,
) -> str:
    """The page of an executed notebook.

    Parameters
    ----------
    notebook : NotebookNode
        With the outputs of its run.
    facts : PageFacts
    number : str
        Its number, such as ``05``.
    origin : Origin, optional
        What the page is made of, told at its end.
    pages : mapping, optional
        Number of a notebook -> its page beside this one, for links.

    Raises
    ------
    PageError
        If it has no title in the language or a figure has no alternative text.
    """
    language, drawings = facts.language, list[str]()
    parts = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown" and f"lang-{language}" in _tags(cell):
            parts.append(_prose(cell, language))
        elif cell.cell_type == "code":
            parts += [_output(output, index, drawings, language) for output in cell.get("outputs", [])]
    if origin is not None:
        parts.append(describe_making(origin, facts))
    soup = BeautifulSoup("\n".join(filter(None, parts)), "html.parser")
    if soup.h1:
        soup.h1.decompose()
    _lead(soup, language)
    _number(soup, language)
    _link_reports(soup, pages or {}, language)
    body = str(soup)
    for i, drawing in enumerate(drawings):
        body = body.replace(f"<!--drawing {i}-->", drawing)
    title = question(notebook, language)
    eyebrow = f"{number} · {facts.utility} · {facts.period}"
    return fill_page(facts, title=title, eyebrow=eyebrow, body=body)


def _tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _said(output: Any) -> dict[str, Any]:
    said: dict[str, Any] = output.get("metadata", {}).get("labkit", {})
    return said


def _outputs(notebook: nbformat.NotebookNode) -> list[tuple[int, Any]]:
    return [
        (i, o)
        for i, c in enumerate(notebook.cells)
        if c.cell_type == "code"
        for o in c.get("outputs", [])
        if "data" in o
    ]


def _markdown(text: str) -> str:
    """Markdown that holds data: nothing but plain paragraphs and emphasis comes through."""
    soup = BeautifulSoup(str(markdown2html_mistune(text)), "html.parser")
    for tag in soup.find_all(True):
        if tag.name in ("p", "strong", "em"):
            tag.attrs = {}
        else:
            tag.unwrap()
    return str(soup)


def _prose(cell: nbformat.NotebookNode, language: terms.Language) -> str:
    made = re.sub(r'<a class="anchor-link"[^>]*>[^<]*</a>', "", str(markdown2html_mistune(cell.source)))
    if "method" in _tags(cell):
        return f"<details><summary>{words(language)['method']}</summary>{made}</details>"
    return f'<div class="note">{made}</div>' if "limits" in _tags(cell) else made


def _output(output: Any, index: int, drawings: list[str], language: terms.Language) -> str:
    said, data = _said(output), output.get("data", {})
    kind = said.get("kind")
    if kind == "internal":
        # A card about one customer (`labkit.portrait.card`) is for JupyterLab: it never leaves with a page.
        return ""
    if kind == "answer":
        return f'<section class="answer" aria-label="{words(language)["answer"]}">{_markdown(data["text/markdown"])}</section>'
    if kind == "note":
        return f'<div class="note">{_markdown(data["text/markdown"])}</div>'
    if kind in ("table", "key_figures"):
        return str(data["text/html"])
    if kind == "figure":
        if not said.get("alt", "").strip():
            raise PageError(f"cell {index}: a figure without alternative text")
        return _figure(said, data, drawings)
    return ""


def _figure(said: dict[str, Any], data: dict[str, str], drawings: list[str]) -> str:
    escape = html.escape
    if "image/svg+xml" in data:
        drawings.append(figures.theme_svg(data["image/svg+xml"], said["alt"], f"f{len(drawings)}"))
    else:
        drawings.append(f'<img alt="{escape(said["alt"])}" src="data:image/png;base64,{data["image/png"].strip()}">')
    caption = f"<b>{escape(said['title'])}</b> {escape(said.get('caption', ''))}"
    return (
        f'<figure><div class="draw"><!--drawing {len(drawings) - 1}--></div><figcaption>{caption}</figcaption></figure>'
    )


def _lead(soup: BeautifulSoup, language: terms.Language) -> None:
    """Answer and key figures first, then the contents."""
    answer, key = soup.find("section", class_="answer"), soup.find("ul", class_="kpis")
    for heading in soup.find_all("h2"):
        follow = heading.find_next(["section", "h2", "h3", "p", "figure", "table"])
        if answer is not None and follow is answer:
            heading.decompose()
            break
    nav = _contents(soup, language)
    if key is not None:
        key["id"] = "key"
    for part in (nav, key, answer):
        if part is not None:
            soup.insert(0, part.extract())


def _contents(soup: BeautifulSoup, language: terms.Language) -> Tag | None:
    headings = soup.find_all("h2")
    if not headings:
        return None
    nav = soup.new_tag("nav", attrs={"aria-label": words(language)["contents"]})
    title = soup.new_tag("h2")
    title.string = words(language)["contents"]
    listed = soup.new_tag("ol")
    for i, heading in enumerate(headings, 1):
        heading["id"] = f"s{i}"
        item, link = soup.new_tag("li"), soup.new_tag("a", href=f"#s{i}")
        link.string = heading.get_text().strip()
        item.append(link)
        listed.append(item)
    nav.extend([title, listed])
    return nav


def _number(soup: BeautifulSoup, language: terms.Language) -> None:
    """Figures and tables numbered in order; wide ones can be reached by keyboard, a figure's table from the figure."""
    said = words(language)
    for kind, tag in (("figure", "figcaption"), ("table", "caption")):
        for i, caption in enumerate(soup.find_all(tag), 1):
            if caption.b is not None:
                caption.b.insert(0, f"{said[kind]} {i}{said['stop']}")
    for i, box in enumerate(soup.select("figure > .draw"), 1):
        box.attrs |= {"tabindex": "0", "role": "group", "aria-label": f"{said['figure']} {i}"}
    for i, box in enumerate(soup.find_all("div", class_="wide"), 1):
        box.attrs |= {"id": f"t{i}", "tabindex": "0", "role": "region", "aria-label": f"{said['table']} {i}"}
    for figure in soup.find_all("figure"):
        table = _table_of(figure)
        if table is not None and figure.figcaption is not None:
            link = soup.new_tag("a", href=f"#{table['id']}")
            link.string = said["see"].format(str(table["id"])[1:])
            figure.figcaption.extend([" ", link])


def _link_reports(soup: BeautifulSoup, pages: Mapping[str, str], language: terms.Language) -> None:
    """Numbers of reports lead to their pages; those without one are plain text."""
    for link in soup.select("a[data-notebook]"):
        number = str(link["data-notebook"])
        if number in pages:
            link.attrs = {"href": pages[number], "aria-label": f"{words(language)['report']} {number}"}
        else:
            link.unwrap()


def _table_of(figure: Tag) -> Tag | None:
    """The table with a figure's numbers: the next one of its section, or else the one before."""
    near = ["h2", "figure", "div"]
    for step in (figure.find_all_next, figure.find_all_previous):
        for tag in step(near):
            if tag.name == "div" and "wide" in tag.get_attribute_list("class"):
                return tag
            if tag.name != "div":
                break
    return None
