"""Run notebooks on a data folder and publish their pages, whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

import labkit
from labkit import terms
from labkit.findings import FINDINGS_VARIABLE, keep_finding, read_findings
from labkit.report.display import FIGURES_VARIABLE
from labkit.report.frame import PageFacts
from labkit.report.handouts import Handouts, write_account_sheets
from labkit.report.page import question
from labkit.report.run_facts import facts_of, write_run_facts
from labkit.report.saved import read_committed, run_name, write_committed
from labkit.report.site import Site
from labkit.store import Manifest, StoreError, swap_in, sweep_unfinished

NOTEBOOKS = Path(labkit.__file__).parents[1] / "notebooks"
_AT_ONCE = 2
#: The notebook on key accounts: with it come the account sheets.
_ACCOUNTS = "05"
_TIMEOUT_S = 1800


class ReportError(Exception):
    """A report that cannot be made; says why and what to do."""


@dataclass(frozen=True)
class Failure:
    """A notebook that did not run to its end."""

    notebook: str
    language: terms.Language
    cell: int
    error: str

    def __str__(self) -> str:
        return f"{self.notebook} ({self.language}): cell {self.cell}: {self.error}"


@dataclass(frozen=True)
class Run:
    """A published run."""

    folder: Path
    pages: tuple[Path, ...]
    failures: tuple[Failure, ...]

    @property
    def index(self) -> Path:
        """The page to open first."""
        return self.folder / "index.html"


@dataclass
class _Job:
    path: Path
    language: terms.Language
    client: NotebookClient | None = None
    notebook: nbformat.NotebookNode | None = None

    @property
    def number(self) -> str:
        return self.path.stem[:2]

    @property
    def stage(self) -> int:
        """Notebooks that cite findings of others say in their metadata that they run after them."""
        said = nbformat.read(self.path, as_version=4).metadata.get("labkit", {})
        return int(said.get("stage", 0))


def notebook_paths(folder: Path = NOTEBOOKS, only: Sequence[str] = ()) -> list[Path]:
    """Numbered notebooks, or those of the given numbers.

    Raises
    ------
    ReportError
        If there is none of a number.
    """
    paths = sorted(path for path in folder.glob("[0-9][0-9]_*.ipynb"))
    known = {path.stem[:2] for path in paths}
    for number in only:
        if number not in known:
            raise ReportError(f"there is no notebook {number}: there are {', '.join(sorted(known))}")
    return [path for path in paths if not only or path.stem[:2] in only]


def run_report(
    data: str | Path,
    out: str | Path = "reports",
    *,
    only: Sequence[str] = (),
    languages: Sequence[terms.Language] = terms.LANGUAGES,
    notebooks: Path = NOTEBOOKS,
    progress: bool = True,
) -> Run:
    """Run the notebooks on a data folder and write their pages.

    Parameters
    ----------
    data : str or Path
        A store.
    out : str or Path
        Folder that gets ``run-<digest>/{en,zh}/NN_name.html`` and an index.
    only : sequence of str
        Numbers of notebooks; all by default.
    languages : sequence of {"en", "zh"}
    notebooks : Path
        Folder of the numbered notebooks.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Run
        Failures are named in it and on the index; other pages are there.

    Raises
    ------
    ReportError, StoreError
        Before any work: no data, nothing to run, or a folder that cannot be written.
    """
    data, out = Path(data).resolve(), Path(out).resolve()
    paths = notebook_paths(notebooks, only)
    if not data.exists():
        raise StoreError(
            f"{data.name} does not exist: make the sample with `labkit sample data/sample`, or name your own store"
        )
    manifest = Manifest.read(data)
    manifest.verify(data)
    work, target = _work_folder(out), out / run_name(manifest)
    if only and (target / "findings").is_dir():  # what the others found in the run before
        shutil.copytree(target / "findings", work / "findings")
    try:
        jobs = [_Job(path, language) for path in paths for language in languages]
        failures = _run_jobs(jobs, data, work, progress)
        if len(failures) == len(jobs):
            raise ReportError("no notebook ran to its end, nothing is published: " + "; ".join(map(str, failures)))
        handouts, site = Handouts(), Site(work, data, manifest, languages)
        if any(path.stem[:2] == _ACCOUNTS for path in paths):
            facts = {language: _sheet_facts(site, language) for language in languages}
            handouts = write_account_sheets(data, work, languages, facts)
        pages = _write_pages(jobs, site, failures, handouts)
        swap_in(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Run(target, tuple(target / page for page in pages), tuple(failures))


def _work_folder(out: Path) -> Path:
    """A folder beside the target, made first: what cannot be written is said before the work."""
    work = out / f".writing-{os.getpid()}"
    try:
        sweep_unfinished(out, ".writing-")
        work.mkdir(parents=True)
    except OSError as error:
        raise ReportError(f"{out} cannot be written to ({error.strerror}): name another folder with --out") from error
    return work


def _run_jobs(jobs: list[_Job], data: Path, work: Path, progress: bool) -> list[Failure]:
    bar = tqdm(total=len(jobs), unit=" pages", disable=not progress)
    failures: list[Failure] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures: list[Future[Failure | None]] = []
        try:
            for stage in sorted({job.stage for job in jobs}):
                pending = {pool.submit(_run_job, job, data, work) for job in jobs if job.stage == stage}
                futures += pending
                while pending:
                    done, pending = wait(pending, 0.2, return_when="FIRST_COMPLETED")
                    for future in done:
                        failure = future.result()
                        failures += [failure] if failure else []
                        bar.update()
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            for job in jobs:
                _kill(job)
            raise
        finally:
            bar.close()
    return sorted(failures, key=str)


def _run_job(job: _Job, data: Path, work: Path) -> Failure | None:
    """Execute one notebook in one language; a failure is a result, not an exception."""
    notebook = nbformat.read(job.path, as_version=4)
    _inject(notebook, {"data": str(data), "language": job.language})
    failed: dict[str, Any] = {}
    job.client = NotebookClient(
        notebook, timeout=_TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(job.path.parent)}}
    )
    job.client.on_cell_error = lambda cell, cell_index, execute_reply: failed.update(index=cell_index)
    environment = os.environ | {
        FIGURES_VARIABLE: "svg",
        FINDINGS_VARIABLE: str(work / "findings"),
        "PYTHONHASHSEED": "0",
    }
    try:
        asyncio.run(job.client.async_execute(env=environment, stderr=subprocess.DEVNULL))
    except CellExecutionError as error:
        # The injected cell is not the reader's: count without it.
        return Failure(job.path.name, job.language, failed.get("index", 1) - 1, f"{error.ename}: {error.evalue}")
    except Exception as error:  # a kernel can die in many ways; each costs one notebook, not the run
        return Failure(job.path.name, job.language, -1, f"{type(error).__name__}: {error}")
    job.notebook = notebook
    return None


def _inject(notebook: nbformat.NotebookNode, parameters: dict[str, str]) -> None:
    at = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])]
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    notebook.cells.insert((at[0] if at else -1) + 1, nbformat.v4.new_code_cell(source))


def _kill(job: _Job) -> None:
    """End a kernel at once; its notebook then ends by itself."""
    manager = job.client.km if job.client else None
    pid = getattr(getattr(manager, "provisioner", None), "pid", None)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _write_pages(jobs: list[_Job], site: Site, failures: list[Failure], handouts: Handouts) -> list[Path]:
    pages: list[Path] = []
    found = read_findings(site.folder / "findings")
    for language in site.languages:
        entries = []
        for job in (job for job in jobs if job.language == language):
            if job.notebook is None:
                entries.append(site.entry(nbformat.read(job.path, 4), job.path.name, language))
                continue
            entries.append(site.write_page(job.notebook, job.path.name, language))
            pages.append(Path(language) / entries[-1].file)
        mine = [str(failure) for failure in failures if failure.language == language]
        site.write_rest(entries, language, mine, handouts, found)
    write_run_facts(facts_of(site.manifest, run_name(site.manifest)), site.folder)
    return pages


def _sheet_facts(site: Site, language: terms.Language) -> PageFacts:
    """What the list of sheets says of itself; it stands two folders below the index."""
    return replace(site.facts(language, "index.html"), home=f"../../{language}/index.html")


def refresh_notebooks(paths: Sequence[Path], data: Path) -> None:
    """Run notebooks on their own parameters; keep their outputs in them and their findings beside them.

    Parameters
    ----------
    paths : sequence of Path
    data : Path
        The store they run on.

    Raises
    ------
    ReportError
        Naming the cell and the error.
    """
    manifest = Manifest.read(data)
    with tempfile.TemporaryDirectory() as folder:
        numbers = {path.stem[:2] for path in paths}
        for item in read_committed(manifest).values():
            if item.notebook not in numbers:
                keep_finding(item, Path(folder))
        for path in sorted(paths, key=lambda path: (_Job(path, "en").stage, path.name)):
            _refresh(path, Path(folder))
            write_committed(read_findings(Path(folder)), manifest)


def _refresh(path: Path, findings: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=_TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    environment = os.environ | {"PYTHONHASHSEED": "0", FINDINGS_VARIABLE: str(findings)}
    try:
        asyncio.run(client.async_execute(env=environment, stderr=subprocess.DEVNULL))
    except CellExecutionError as error:
        raise ReportError(f"{path.name}: {error.ename}: {error.evalue}") from error
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of the run
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


def notebook_table(folder: Path = NOTEBOOKS) -> str:
    """The index table of ``notebooks/README.md``."""
    rows = ["| no | notebook | question | 问题 |", "|---|---|---|---|"]
    for path in notebook_paths(folder):
        notebook = nbformat.read(path, as_version=4)
        asked = " | ".join(question(notebook, language) for language in terms.LANGUAGES)
        rows.append(f"| {path.stem[:2]} | [{path.stem[3:]}]({path.name}) | {asked} |")
    return "\n".join(rows)


def new_notebook(name: str, folder: Path = NOTEBOOKS) -> Path:
    """A notebook from the form, numbered after the last.

    Raises
    ------
    ReportError
        If the name is not in lower case with underscores, or is taken.
    """
    if not re.fullmatch(r"(\d\d_)?[a-z][a-z0-9_]*", name):
        raise ReportError(f"the name is {name!r}, expected lower case with underscores, such as price_response")
    taken = {path.stem[:2] for path in folder.glob("[0-9][0-9]_*.ipynb")}
    number = name[:2] if name[:2].isdigit() else next(f"{n:02d}" for n in range(1, 100) if f"{n:02d}" not in taken)
    if number in taken:
        raise ReportError(f"there is a notebook {number} already: choose another number")
    stem = name if name[:2].isdigit() else f"{number}_{name}"
    path = folder / f"{stem}.ipynb"
    form = nbformat.read(Path(__file__).parent / "form.ipynb", as_version=4)
    for cell in form.cells:
        cell.source = cell.source.replace("NN.", f"{number}.")
    nbformat.write(form, path)
    return path
