"""The pages of a run as one: those of the notebooks, and the index, glossary and data card they all lead to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat

from labkit import terms
from labkit.findings import Findings
from labkit.report.data_card import render_data_card
from labkit.report.frame import PageFacts
from labkit.report.glossary import render_glossary
from labkit.report.handouts import Handouts
from labkit.report.index import Entry, render_index
from labkit.report.making import read_origin
from labkit.report.naming import Naming
from labkit.report.page import PageError, answer_of, question, render_page
from labkit.report.run_facts import facts_of
from labkit.store import RECORD, Manifest


@dataclass(frozen=True)
class Site:
    """The pages of a run in the making.

    Attributes
    ----------
    folder : Path
        Of the run.
    data : Path
        The store.
    manifest : Manifest
        Of the store.
    languages : sequence of {"en", "zh"}
    notebooks : sequence of str
        File names of those that have a page.
    naming : Naming
    """

    folder: Path
    data: Path
    manifest: Manifest
    languages: Sequence[terms.Language]
    notebooks: Sequence[str] = ()
    naming: Naming = field(default_factory=Naming)

    def facts(self, language: terms.Language, page: str) -> PageFacts:
        """What a page of a language's folder says of itself."""
        other = self.other(language)
        run = facts_of(self.manifest, "")
        return PageFacts(
            language,
            run.utility(language),
            run.period(language),
            run.digest,
            run.version,
            other=f"../{other}/{page}" if other else "",
            stamp=self.naming.stamp(language),
        )

    def other(self, language: terms.Language) -> terms.Language | None:
        """The other language of the run, if it has one."""
        return next((known for known in self.languages if known != language), None)

    def write_page(self, notebook: nbformat.NotebookNode, file: str, language: terms.Language) -> Entry:
        """Write the page of an executed notebook; give its place on the index."""
        name = f"{Path(file).stem}.html"
        origin = read_origin(notebook, file, {"data": self.data.name, "language": language})
        pages = {known[:2]: f"{Path(known).stem}.html" for known in self.notebooks if known != file}
        self._write(language, name, render_page(notebook, self.facts(language, name), file[:2], origin, pages))
        return replace(self.entry(notebook, file, language), answer=answer_of(notebook), failed=False)

    def entry(self, notebook: nbformat.NotebookNode, file: str, language: terms.Language) -> Entry:
        """Place on the index of a notebook that has no page."""
        also = _question_if_any(notebook, "en" if language == "zh" else "zh")
        return Entry(file[:2], f"{Path(file).stem}.html", question(notebook, language), failed=True, also=also)

    def write_rest(
        self,
        entries: Sequence[Entry],
        language: terms.Language,
        failures: Sequence[str],
        handouts: Handouts,
        found: Findings,
    ) -> None:
        """Write index, glossary and data card of a language; the last language's index also on top of the run."""
        self._write(language, "glossary.html", render_glossary(self.facts(language, "glossary.html")))
        card = render_data_card(self.manifest, self.facts(language, "data.html"), _read_record(self.data))
        self._write(language, "data.html", card)
        facts = self.facts(language, "index.html")
        index = render_index(entries, facts, failures, "", handouts.section(language, "../"), found)
        self._write(language, "index.html", index)
        if language == self.languages[-1]:
            other = self.other(language)
            top = replace(facts, home=f"{language}/index.html", other=f"{other}/index.html" if other else "")
            index = render_index(entries, top, failures, f"{language}/", handouts.section(language, ""), found)
            self._write("", "index.html", index)

    def _write(self, folder: str, name: str, text: str) -> None:
        path = self.folder / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _question_if_any(notebook: nbformat.NotebookNode, language: terms.Language) -> str:
    try:
        return question(notebook, language)
    except PageError:
        return ""


def _read_record(data: Path) -> dict[str, Any] | None:
    path = data / RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
