"""Every notebook has the form of notebooks/README.md."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
import pytest

from labkit.report.run import notebook_paths

PATHS = [*notebook_paths(), Path(__file__).parents[2] / "labkit" / "report" / "form.ipynb"]
COMMITTED = notebook_paths()


def tags(cell: Any) -> set[str]:
    return set(cell.metadata.get("tags", []))


@pytest.fixture(params=PATHS, ids=lambda p: p.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    return nbformat.read(request.param, as_version=4)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_prose_comes_as_twins_english_first(notebook: Any) -> None:
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for english, chinese in zip(prose[::2], prose[1::2], strict=True):
        assert "lang-en" in tags(english) and "lang-zh" in tags(chinese)
        assert tags(english) - {"lang-en"} == tags(chinese) - {"lang-zh"}
        levels = [re.findall(r"^#+", cell.source, re.MULTILINE) for cell in (english, chinese)]
        assert levels[0] == levels[1]
        assert len(re.findall(r"^- ", english.source, re.MULTILINE)) == len(
            re.findall(r"^- ", chinese.source, re.MULTILINE)
        )
        assert not re.search(r"[\u4e00-\u9fff]", english.source) and re.search(r"[\u4e00-\u9fff]", chinese.source)


def test_title_asks_and_parts_are_there(notebook: Any) -> None:
    first, second = notebook.cells[:2]
    assert first.source.startswith("# ") and first.source.split("\n")[0].endswith("?")
    assert second.source.split("\n")[0].endswith("？")
    headings = [cell.source.split("\n")[0] for cell in notebook.cells if "lang-en" in tags(cell)]
    order = ["## Answer", "## Data used", "## Checks", "## What this does not show"]
    assert [h for h in headings if h in order] == order
    assert sum("parameters" in tags(cell) for cell in notebook.cells) == 1
    assert sum("answer" in tags(cell) for cell in notebook.cells) == 1
    assert "limits" in tags(notebook.cells[-1]) and any("method" in tags(cell) for cell in notebook.cells)


def test_cells_are_thin(notebook: Any) -> None:
    lengths = [cell.source.count("\n") + 1 for cell in code(notebook)]
    assert max(lengths) <= 20 and median(lengths) <= 5
    for cell in code(notebook):
        assert not re.search(r"^\s*(def|class) |lambda|filterwarnings|^\s*try:", cell.source, re.MULTILINE)
        assert "random" not in cell.source or "seed" in cell.source


@pytest.mark.parametrize("path", COMMITTED, ids=lambda p: p.stem)
def test_outputs_are_committed_whole_and_small(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert outputs and not any(output.output_type == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert path.stat().st_size <= 300_000


@pytest.mark.parametrize("path", COMMITTED, ids=lambda p: p.stem)
def test_figures_speak_and_their_tables_are_compared(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    kinds = []
    for cell in code(notebook):
        for output in cell.outputs:
            said = output.get("metadata", {}).get("labkit", {})
            if said.get("kind") == "figure":
                assert said["alt"] and said["title"]
            if said.get("kind") in ("answer", "key_figures"):
                assert "nbval-check-output" in tags(cell)
            if said.get("kind") in ("figure", "table"):
                kinds.append((said["kind"], "nbval-check-output" in tags(cell)))
    for (kind, _), (following, compared) in pairwise(kinds):
        if kind == "figure":
            assert following == "table" and compared, "a figure's table stands right behind it, compared"
