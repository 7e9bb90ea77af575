"""What runs again in another language: told from the text, and compared with runs of their own."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from labkit.report.frame import PageFacts
from labkit.report.page import render_page
from labkit.report.reuse import names_read, names_set, parts_to_repeat
from labkit.report.run import Run, notebook_paths


@pytest.mark.parametrize(
    ("source", "read", "written"),
    [
        ("a = [x for x in b if x > c]", {"b", "c"}, {"a"}),
        ("a, b = f(c), 2", {"f", "c"}, {"a", "b"}),
        ("t['x'] = 1", {"t"}, {"t"}),
        ("t.loc[m, 'x'] += y", {"t", "m", "y"}, {"t"}),
        ("t.drop(columns='x', inplace=True)", {"t"}, {"t"}),
        ("names.append(x)", {"names", "x"}, {"names"}),
        ("for row in rows:\n    total += row", {"rows", "total", "row"}, {"row", "total"}),
        ("from m import a as b\nimport os.path", set(), {"b", "os"}),
        ("g = (lambda v: v + k)(2)", {"k"}, {"g"}),
        ("with f(x) as y:\n    z = y", {"f", "x", "y"}, {"y", "z"}),
        ("if (n := g(q)):\n    pass", {"g", "q"}, {"n"}),
    ],
)
def test_what_code_reads_and_sets(source: str, read: set[str], written: set[str]) -> None:
    assert read <= names_read(source) and names_set(source) == written


def test_only_what_hangs_on_the_language_runs_again() -> None:
    cells = [
        "import lab\nsay, few = lab.Say(language), lab.few",
        "big = lab.work(few)",
        "words = say(big)",
        "plain = big + 1",
        "lab.show(plain)",
    ]
    assert parts_to_repeat(cells, "language") == [
        "say, few = lab.Say(language), lab.few",
        "",
        "words = say(big)",
        "",
        "lab.show(plain)",
    ]


def test_what_displays_within_an_expression_runs_again() -> None:
    cells = ["rows = read()", "shown = [report.note(r) for r in rows]", "out = show_table(rows)"]
    assert parts_to_repeat(cells, "language") == ["", *cells[1:]]


def test_a_name_set_twice_is_made_anew_from_the_beginning() -> None:
    cells = ["table = read()", "show(table, language)", "table = table.head()", "other = table.sum()"]
    assert parts_to_repeat(cells, "language") == [*cells[:3], "other = table.sum()"]
    changed = ["table = read()", "show(table, language)", "table['x'] = 1"]
    assert parts_to_repeat(changed, "language") == changed


def said(page: str) -> list[str]:
    """Answer, key figures, tables and notes of a page, without its foot."""
    soup = BeautifulSoup(page, "html.parser")
    parts = soup.select("section.answer, ul.kpis, table, div.note, figcaption")
    return ["".join(part.get_text().split()) for part in parts]  # links stand apart by spaces


@pytest.mark.parametrize("path", notebook_paths(), ids=lambda p: p.stem)
def test_a_language_that_used_work_again_says_what_a_run_of_its_own_says(run: Run, path: Path) -> None:
    committed = nbformat.read(path, as_version=4)  # a run of its own, in English
    facts = PageFacts("en", "", "", "", "")
    page = (run.folder / "en" / f"{path.stem}.html").read_text(encoding="utf-8")
    mine, alone = said(page), said(render_page(committed, facts, path.stem[:2]))
    assert committed.metadata["labkit"]["reuse"] and len(alone) > 5
    assert mine[: len(alone)] == alone
