"""How a page was made: the notebook, its parameters, the data and the version, and how to make it again."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import PurePath
from typing import Any

import nbformat

from labkit import terms
from labkit.report.frame import PageFacts


@dataclass(frozen=True)
class Origin:
    """What a page is made of.

    Attributes
    ----------
    notebook : str
        File name of the notebook.
    parameters : mapping
        Values of the run, by name; files and folders by their names only.
    """

    notebook: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def read_origin(notebook: nbformat.NotebookNode, file: str, given: Mapping[str, Any]) -> Origin:
    """Where the page of a notebook comes from.

    Parameters
    ----------
    notebook : NotebookNode
        Its cell tagged ``parameters`` holds plain values.
    file : str
        File name of the notebook.
    given : mapping
        Values the run has given instead.

    Examples
    --------
    >>> cell = nbformat.v4.new_code_cell('data = ""\\nmonths = 12', metadata={"tags": ["parameters"]})
    >>> read_origin(nbformat.v4.new_notebook(cells=[cell]), "05_key_accounts.ipynb", {"data": "/a/sample"}).parameters
    {'data': 'sample', 'months': 12}
    """
    sources = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    values = (_read_values(sources[0]) if sources else {}) | dict(given)
    return Origin(file, {name: _without_folders(value) for name, value in values.items()})


def _read_values(source: str) -> dict[str, Any]:
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a command of Jupyter's own, such as %run
        return {}
    values = {}
    for statement in statements:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                values[statement.targets[0].id] = ast.literal_eval(statement.value)
            except ValueError:  # worked out, not given: the reader finds it in the notebook
                continue
    return values


def _without_folders(value: Any) -> Any:
    """Where a file lies is the maker's own affair."""
    if isinstance(value, str):
        return PurePath(value.replace("\\", "/")).name if "/" in value or "\\" in value else value
    if isinstance(value, dict):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_without_folders(item) for item in value)
    return value


def describe_making(origin: Origin, facts: PageFacts) -> str:
    """The end of a page, folded (safe HTML): what it was made of, and how to make it again."""
    say = terms.Say(facts.language)
    given = {name: value for name, value in origin.parameters.items() if name not in ("data", "language")}
    folder = str(origin.parameters.get("data", "")) or say("DATA", "数据文件夹")
    rows = [
        (say("Notebook", "笔记本"), origin.notebook),
        (say("Data folder", "数据文件夹"), folder),
        (say("Data digest", "数据指纹"), facts.digest),
        (say("Period", "数据期间"), facts.period),
        (say("Parameters", "参数"), _list_values(given) or say("none of its own", "无专用参数")),
        (say("Version", "软件版本"), f"labkit {facts.version}"),
    ]
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    command = f"labkit report --data {folder} --only {origin.notebook[:2]} --lang {facts.language}"
    told = say(
        "To make it again, run {} with the same version; data of the same digest give the same figures.",
        "复现方法：使用同一版本执行 {}。数据指纹相同，计算结果即完全一致。",
    ).format(f"<kbd>{escape(command)}</kbd>")
    title = say("How this page was made", "本页的生成方式")
    return f'<details class="made"><summary>{title}</summary><dl>{listed}</dl><p>{told}</p></details>'


def _list_values(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} = {value!r}" for name, value in values.items())
