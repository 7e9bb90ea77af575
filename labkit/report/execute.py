"""Execute a notebook in its languages: in one kernel, and what does not hang on the language only once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from labkit import terms
from labkit.engine import private_spill_folder
from labkit.findings import FINDINGS_VARIABLE
from labkit.report.display import FIGURES_VARIABLE
from labkit.report.reuse import parts_to_repeat

_TIMEOUT_S = 1800


@dataclass(frozen=True)
class Failure:
    """A notebook that did not run to its end."""

    notebook: str
    language: terms.Language
    cell: int
    error: str

    def __str__(self) -> str:
        return f"{self.notebook} ({self.language}): cell {self.cell}: {self.error}"


@dataclass
class Job:
    """A notebook to be executed in one language; afterwards with its outputs, unless it failed."""

    path: Path
    language: terms.Language
    notebook: nbformat.NotebookNode | None = None


@dataclass
class Execution:
    """A notebook in all languages of a run."""

    jobs: list[Job]
    client: NotebookClient | None = None
    stopped: bool = False

    @property
    def path(self) -> Path:
        """The notebook."""
        return self.jobs[0].path

    def metadata(self, name: str, default: Any) -> Any:
        """What the notebook says of itself: ``stage`` (those that cite findings run later), ``reuse``."""
        return nbformat.read(self.path, as_version=4).metadata.get("labkit", {}).get(name, default)

    def run(self, data: Path, findings: Path) -> list[Failure]:
        """Execute it; a failure is a result, not an exception.

        The last language runs in full. If the notebook says that its work may be used again, the
        others run in the same kernel, and only what of it hangs on the language.
        """
        environment = os.environ | {FIGURES_VARIABLE: "svg", FINDINGS_VARIABLE: str(findings), "PYTHONHASHSEED": "0"}
        ordered = self.jobs[::-1]
        if self.metadata("reuse", False):
            failures = asyncio.run(self._run_together(ordered, data, environment))
            if failures is not None:
                return failures
        failures = list[Failure]()
        for job in (job for job in ordered if job.notebook is None):
            if not self.stopped:
                failed = asyncio.run(self._run_together([job], data, environment))
                failures.extend(failed or [])
        return failures

    def kill(self) -> None:
        """End its kernel at once; the notebook then ends by itself, and no other language begins."""
        self.stopped = True
        manager = self.client.km if self.client else None
        pid = getattr(getattr(manager, "provisioner", None), "pid", None)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def _run_together(self, jobs: list[Job], data: Path, environment: dict[str, str]) -> list[Failure] | None:
        """Run languages in one kernel; None where one of several fails, so that what is missing is tried by itself."""
        notebooks = [_prepare(job, data) for job in jobs]
        folder = {"metadata": {"path": str(self.path.parent)}}
        self.client = NotebookClient(notebooks[0], timeout=_TIMEOUT_S, kernel_name="python3", resources=folder)
        # Its temporary files, and where it is reached, lie where a next run sweeps what a killed one left.
        private = private_spill_folder()
        environment = environment | {"TMPDIR": str(private)}
        self.client.create_kernel_manager().connection_file = str(private / "kernel.json")
        at = 0
        try:
            async with self.client.async_setup_kernel(env=environment, stderr=subprocess.DEVNULL):
                for number, (job, notebook) in enumerate(zip(jobs, notebooks, strict=True)):
                    self.client.nb = notebook
                    sources = [cell.source for cell in notebook.cells]
                    parts = _again(notebook, job.language) if number else sources
                    for at, cell in enumerate(notebook.cells):
                        if self.stopped:
                            raise InterruptedError("stopped")
                        if cell.cell_type == "code":
                            cell.outputs = []
                        if cell.cell_type == "code" and parts[at]:
                            cell.source = parts[at]
                            await self.client.async_execute_cell(cell, at)
                            cell.source = sources[at]
                    job.notebook = notebook
        except CellExecutionError as error:
            told = f"{error.ename}: {error.evalue}"
        except Exception as error:  # a kernel can die in many ways; each costs one notebook, not the run
            at, told = 0, f"{type(error).__name__}: {error}"
        else:
            return []
        finally:
            shutil.rmtree(private, ignore_errors=True)
        if len(jobs) > 1 and not self.stopped:
            return None
        # The injected cell is not the reader's: count without it.
        return [Failure(job.path.name, job.language, at - 1, told) for job in jobs if job.notebook is None]


def _prepare(job: Job, data: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(job.path, as_version=4)
    inject_parameters(notebook, {"data": str(data), "language": job.language})
    return notebook


def _again(notebook: nbformat.NotebookNode, language: terms.Language) -> list[str]:
    """What of each cell runs again in another language, first of all the language itself."""
    at = _parameters_at(notebook)
    code = [cell.source if cell.cell_type == "code" else "" for cell in notebook.cells]
    for i in range(max(at, 0), at + 2):
        code[i] = ""
    parts = parts_to_repeat(code, "language")
    parts[at + 1] = f"language = {language!r}"
    return parts


def _parameters_at(notebook: nbformat.NotebookNode) -> int:
    """Place of the cell that names the parameters; -1 without one."""
    at = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    return at[0] if at else -1


def inject_parameters(notebook: nbformat.NotebookNode, parameters: dict[str, str]) -> None:
    """Put a cell that sets parameters after the one that names them."""
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    notebook.cells.insert(_parameters_at(notebook) + 1, nbformat.v4.new_code_cell(source))


def execute_in_place(path: Path, findings: Path) -> None:
    """Run a notebook on its own parameters and keep its outputs in it.

    Raises
    ------
    CellExecutionError
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=_TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    environment = os.environ | {"PYTHONHASHSEED": "0", FINDINGS_VARIABLE: str(findings)}
    asyncio.run(client.async_execute(env=environment, stderr=subprocess.DEVNULL))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of the run
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)
