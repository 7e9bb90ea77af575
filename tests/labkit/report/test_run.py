from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from labkit.report.run import ReportError, new_notebook, notebook_paths, run_report
from labkit.store import StoreError

from ..intake.conftest import Folder


def notebook(folder: Path, name: str, *sources: str) -> Path:
    cells = [
        nbformat.v4.new_markdown_cell("# Does it run?", metadata={"tags": ["lang-en"]}),
        nbformat.v4.new_markdown_cell("# 能运行吗？", metadata={"tags": ["lang-zh"]}),
        nbformat.v4.new_code_cell("data, language = '', 'en'", metadata={"tags": ["parameters"]}),
        *(nbformat.v4.new_code_cell(source) for source in sources),
    ]
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_a_failing_notebook_is_named_and_the_others_finish(small_sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    notebook(folder, "01_good", "from labkit import report\nreport.answer(f'The language is {language}.')")
    notebook(folder, "02_bad", "x = 1", "1 / 0")
    notebook(folder, "03_dead", "import os; os._exit(1)")
    run = run_report(small_sample, tmp_path / "out", notebooks=folder, progress=False)
    assert [str(f).split(":")[:3] for f in run.failures[:2]] == [
        ["02_bad.ipynb (en)", " cell 4", " ZeroDivisionError"],
        ["02_bad.ipynb (zh)", " cell 4", " ZeroDivisionError"],
    ]
    assert {f.notebook for f in run.failures} == {"02_bad.ipynb", "03_dead.ipynb"}
    assert [page.name for page in run.pages] == ["01_good.html"] * 2
    text = (run.folder / "en" / "index.html").read_text(encoding="utf-8")
    assert "02_bad.ipynb (en): cell 4: ZeroDivisionError" in text and "The language is en." in text


def test_what_cannot_work_is_said_before_the_work(small_sample: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        run_report(tmp_path / "nothing", tmp_path / "out", progress=False)
    with pytest.raises(ReportError, match="no notebook 77"):
        run_report(small_sample, tmp_path / "out", only=["77"], progress=False)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written to"):
        run_report(small_sample, tmp_path / "file" / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_names_of_new_notebooks(tmp_path: Path) -> None:
    assert new_notebook("alpha", tmp_path).name == "01_alpha.ipynb"
    assert new_notebook("07_gamma", tmp_path).name == "07_gamma.ipynb"
    with pytest.raises(ReportError, match="a notebook 07 already"):
        new_notebook("07_other", tmp_path)
    with pytest.raises(ReportError, match="lower case"):
        new_notebook("../evil", tmp_path)
    assert [p.stem[:2] for p in notebook_paths(tmp_path)] == ["01", "07"]


def test_notebook_01_runs_on_data_that_miss_most_tables(tmp_path: Path) -> None:
    from labkit.intake import intake

    exports = Folder(tmp_path / "exports")
    intake(exports.path, tmp_path / "three")
    exports.write("mapping.yaml", "about: {disclosure: open, name_en: Three}\n")
    for name in ("bills.csv", "payments.csv"):
        (exports.path / name).unlink()
    intake(exports.path, tmp_path / "loads")
    for store, says in (("three", "have no table surveys"), ("loads", "have no table bills")):
        run = run_report(tmp_path / store, tmp_path / "out", only=["01"], languages=("en",), progress=False)
        assert run.failures == ()
        text = run.pages[0].read_text(encoding="utf-8")
        assert says in text and "王建国" not in text
    assert "Industrial" in text or "Residential" in text


def test_notebook_05_runs_on_data_that_miss_most_tables(small_sample: Path, tmp_path: Path) -> None:
    from labkit.intake import intake

    exports = Folder(tmp_path / "exports")
    intake(exports.path, tmp_path / "three")
    for name in ("bills.csv", "payments.csv"):
        (exports.path / name).unlink()
    intake(exports.path, tmp_path / "loads")
    for store, says in (
        (tmp_path / "three", "too few accounts with bills"),
        (tmp_path / "loads", "have no table bills"),
        (small_sample, "Revenue of the largest 20 %"),
    ):
        run = run_report(store, tmp_path / "out", only=["05"], languages=("en",), progress=False)
        assert run.failures == ()
        text = run.pages[0].read_text(encoding="utf-8")
        assert (
            says in text and "王建国" not in text and "nan" not in text.replace("maintenance", "").replace("financ", "")
        )


@pytest.mark.parametrize(("number", "thin", "enough"), [
    ("09", "nothing can be told", "balances to the cent"),
    ("10", "no scenario can be run", "over its life society gains"),
])  # fmt: skip
def test_notebooks_run_on_data_that_miss_most_tables(
    small_sample: Path, tmp_path: Path, number: str, thin: str, enough: str
) -> None:
    from labkit.intake import intake

    exports = Folder(tmp_path / "exports")
    intake(exports.path, tmp_path / "three")
    for store, says in ((tmp_path / "three", thin), (small_sample, enough)):
        run = run_report(store, tmp_path / "out", only=[number], languages=("en",), progress=False)
        assert run.failures == ()
        text = run.pages[0].read_text(encoding="utf-8")
        assert says in text and "王建国" not in text and ">nan<" not in text


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_publishes_nothing(small_sample: Path, tmp_path: Path, sent: signal.Signals) -> None:
    folder = tmp_path / "notebooks"
    notebook(folder, "01_slow", "import time; time.sleep(60)")
    code = (
        "import sys; from pathlib import Path; from labkit import cli; from labkit.report import run\n"
        "run.run_report.__kwdefaults__['notebooks'] = Path(sys.argv[3])\n"
        "sys.exit(cli.main(['report', '--data', sys.argv[1], '--out', sys.argv[2], '--no-progress']))"
    )
    arguments = [sys.executable, "-c", code, small_sample, tmp_path / "out", folder]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 150  # a busy machine may take long to begin
        while not (begun := list((tmp_path / "out").glob(".writing-*"))) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert begun, "the run has not begun"
        time.sleep(3)
        os.kill(process.pid, sent)
        _, said = process.communicate(timeout=90)
    assert process.returncode == 130 and "stopped; nothing was published" in said
    assert not list((tmp_path / "out").iterdir())
