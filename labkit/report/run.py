"""Run notebooks on a data folder and publish their pages, whole or not at all."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

import labkit
from labkit import terms
from labkit.findings import keep_finding, read_findings
from labkit.report.execute import Execution, Failure, Job, execute_in_place
from labkit.report.frame import PageFacts
from labkit.report.handouts import Handouts, write_account_sheets
from labkit.report.naming import Naming
from labkit.report.page import question
from labkit.report.run_facts import facts_of, write_run_facts
from labkit.report.saved import read_committed, run_name, write_committed
from labkit.report.scrub import hide_personal
from labkit.report.site import Site
from labkit.store import Manifest, StoreError, swap_in, unfinished

NOTEBOOKS = Path(labkit.__file__).parents[1] / "notebooks"
_AT_ONCE = 2
#: The notebook on key accounts: with it come the account sheets.
_ACCOUNTS = "05"
#: The one that says what should be decided.
_SUMMARY = "12"


class ReportError(Exception):
    """A report that cannot be made; says why and what to do."""


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
    naming: Naming = Naming(),  # noqa: B008 - it is frozen
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
    naming : Naming
        What customers are called in what is handed on. A named run has a folder of its own,
        ``run-<digest>-named``, that only its owner can open, and a stamp on every page.

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
    target = out / (run_name(manifest) + naming.suffix)
    with unfinished(out) as work:
        if naming.named:
            work.chmod(0o700)
        if only and (target / "findings").is_dir():  # what the others found in the run before
            shutil.copytree(target / "findings", work / "findings")
            for stale in [f for n in only for f in (work / "findings").glob(f"{n}.*.json")]:
                stale.unlink()
        executions = [Execution([Job(path, language) for language in languages]) for path in paths]
        jobs = [job for one in executions for job in one.jobs]
        failures = _execute_all(executions, data, work, progress)
        failures = [replace(failure, error=hide_personal(failure.error, data)) for failure in failures]
        if len(failures) == len(jobs):
            raise ReportError("no notebook ran to its end, nothing is published: " + "; ".join(map(str, failures)))
        handouts, site = (
            Handouts(),
            Site(work, data, manifest, languages, [j.path.name for j in jobs if j.notebook is not None], naming),
        )
        if any(path.stem[:2] == _ACCOUNTS for path in paths):
            facts = {language: _sheet_facts(site, language) for language in languages}
            handouts = write_account_sheets(data, work, languages, facts, naming)
        pages = _write_pages(jobs, site, failures, handouts)
        swap_in(work, target)
    return Run(target, tuple(target / page for page in pages), tuple(failures))


def _execute_all(executions: list[Execution], data: Path, work: Path, progress: bool) -> list[Failure]:
    bar = tqdm(total=sum(len(one.jobs) for one in executions), unit=" pages", disable=not progress)
    failures: list[Failure] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures: dict[Future[list[Failure]], Execution] = {}
        try:
            for stage in sorted({one.metadata("stage", 0) for one in executions}):
                # Later notebooks build on more and take longer: first, so that none is left alone at the end.
                own = [one for one in executions[::-1] if one.metadata("stage", 0) == stage]
                futures |= {pool.submit(one.run, data, work / "findings"): one for one in own}
                pending = {future for future in futures if not future.done()}
                while pending:
                    done, pending = wait(pending, 0.2, return_when="FIRST_COMPLETED")
                    for future in done:
                        failures += future.result()
                        bar.update(len(futures[future].jobs))
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            for one in executions:
                one.kill()
            raise
        finally:
            bar.close()
    return sorted(failures, key=str)


def _write_pages(jobs: list[Job], site: Site, failures: list[Failure], handouts: Handouts) -> list[Path]:
    pages: list[Path] = []
    found = read_findings(site.folder / "findings")
    for language in site.languages:
        entries = []
        for job in sorted((job for job in jobs if job.language == language), key=_summary_first):
            if job.notebook is None:
                entries.append(site.entry(nbformat.read(job.path, 4), job.path.name, language))
                continue
            entries.append(site.write_page(job.notebook, job.path.name, language))
            pages.append(Path(language) / entries[-1].file)
        mine = [str(failure) for failure in failures if failure.language == language]
        site.write_rest(entries, language, mine, handouts, found)
    write_run_facts(facts_of(site.manifest, run_name(site.manifest) + site.naming.suffix), site.folder)
    return pages


def _summary_first(job: Job) -> tuple[bool, str]:
    """Place on the index: the summary is what a manager opens first."""
    return job.path.stem[:2] != _SUMMARY, job.path.stem


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
        for path in sorted(paths, key=lambda path: (Execution([Job(path, "en")]).metadata("stage", 0), path.name)):
            try:
                execute_in_place(path, Path(folder))
            except CellExecutionError as error:
                raise ReportError(f"{path.name}: {error.ename}: {error.evalue}") from error
            write_committed(read_findings(Path(folder)), manifest)


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
