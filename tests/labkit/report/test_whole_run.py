"""A whole run, from exports to pages, on customers that can be told anywhere and words that are hostile."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from labkit.report.compare_page import Comparison
from labkit.report.frame import PageFacts
from labkit.report.handouts import write_account_sheets
from labkit.report.naming import Naming
from labkit.report.run import run_report
from labkit.report.scrub import hide_personal

from .conftest import in_a_browser
from .marked import HOSTILE, MARKS, texts_in, write_exports
from .test_run import notebook

NOTEBOOKS = ("01", "03", "05", "07", "09")
ABOUT = "about:\n  name_en: '<script>alert(1)</script>'\n  name_zh: '\"><img src=x onerror=alert(1)>'\n"
#: Columns that count customers, in both languages.
COUNTS = {"Customers", "户数", "Customers without it", "无此结果的户数", "Listed", "Key accounts"}


@dataclass
class Whole:
    """A run and all that was seen of it."""

    work: Path
    folder: Path
    customers: pd.DataFrame
    printed: list[str]
    temporary: dict[str, int]
    before: set[Path]

    @property
    def pages(self) -> list[Path]:
        return sorted(self.folder.rglob("*.html"))


@pytest.fixture(scope="module")
def whole(small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    work = tmp_path_factory.mktemp("whole")
    people = write_exports(small_sample, work / "exports")
    (work / "exports" / "mapping.yaml").write_text(ABOUT, encoding="utf-8")
    for name in ("tmp", "home", "here"):
        (work / name).mkdir()
    before, temporary, printed = set(work.rglob("*")), dict[str, int](), list[str]()
    reports = ["report", "--data", str(work / "store"), "--out", str(work / "reports"), "--only", *NOTEBOOKS]
    for arguments in (["intake", str(work / "exports"), "--out", str(work / "store")], reports):
        printed.append(watch(arguments, work, temporary))
    (folder,) = (work / "reports").iterdir()
    return Whole(work, folder, people, printed, temporary, before)


def watch(arguments: list[str], work: Path, temporary: dict[str, int]) -> str:
    """Run a command with folders of its own; note what it keeps in them while it runs, and what it prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LABKIT")}
    environment |= {"TMPDIR": str(work / "tmp"), "HOME": str(work / "home"), "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(work / "home" / "mpl"))}  # fmt: skip
    for name in ("JUPYTER_RUNTIME_DIR", "XDG_RUNTIME_DIR", "IPYTHONDIR"):
        environment.pop(name, None)
    with subprocess.Popen(
        [sys.executable, "-m", "labkit.cli", *arguments], cwd=work / "here", env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        while process.poll() is None:
            for root, pattern in (("tmp", "*"), ("tmp", "*/kernel*.json"), ("home", "**/kernel-*.json")):
                try:  # what is looked at may be gone by now
                    for path in (work / root).glob(pattern):
                        temporary[path.name] = stat.S_IMODE(path.stat().st_mode) | temporary.get(path.name, 0)
                except FileNotFoundError:
                    continue
            time.sleep(0.1)
        assert process.stdout is not None
        printed = process.stdout.read()
    assert process.returncode in (0, 1), printed
    return printed


def find_marks(text: str) -> list[str]:
    return sorted(set(MARKS.findall(text)))


def test_intake_prints_no_value_of_a_bad_row(whole: Whole) -> None:
    printed = whole.printed[0]
    assert "bills.csv" in printed and "3 rows" in printed, "the bad rows are told"
    assert "Traceback" not in printed and not find_marks(printed)
    aside = whole.work / "store" / "quarantine"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700, "bad rows with their text are the owner's alone"
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in aside.iterdir())
    assert any(find_marks(path.read_text(encoding="utf-8")) for path in aside.iterdir()), "the marks do mark"
    for path in (whole.work / "store").glob("*.json"):
        assert not find_marks(path.read_text(encoding="utf-8")), path.name


def test_nothing_a_run_leaves_or_prints_tells_a_customer(whole: Whole) -> None:
    assert len(whole.pages) > 2 * (len(NOTEBOOKS) + 3), "pages and account sheets"
    assert "failed" not in whole.printed[1] and not find_marks(whole.printed[1])
    places = {f"{value:.5f}" for column in ("longitude", "latitude") for value in whole.customers[column]}
    own = re.compile(rf"(?<![\d.])(?:{'|'.join(map(re.escape, sorted(places)))})(?!\d)")
    kept = (whole.folder, whole.work / "tmp", whole.work / "home", whole.work / "here")
    for path in (path for root in kept for path in root.rglob("*") if path.is_file()):
        assert not find_marks(str(path)), path
        for name, text in texts_in(path):
            assert not find_marks(text), (path, name, find_marks(text))
            assert not own.search(text), (path, name)


def test_what_was_kept_meanwhile_was_the_owners_alone_and_is_gone(whole: Whole) -> None:
    assert any(name.startswith("labkit-spill-") for name in whole.temporary), "the engine's folder was seen"
    assert any(name.endswith(".json") for name in whole.temporary), "connections to kernels were seen"
    opened = {name: oct(mode) for name, mode in whole.temporary.items() if mode & 0o077}
    assert not opened, "others could read these"
    assert not list((whole.work / "tmp").iterdir())
    assert not list((whole.work / "home").rglob("kernel-*.json"))


def test_nothing_is_written_outside_the_folders_asked_for(whole: Whole) -> None:
    allowed = [whole.work / name for name in ("store", "reports", "home")]
    new = set(whole.work.rglob("*")) - whole.before
    assert not [path for path in new if not any(path.is_relative_to(root) for root in allowed)]
    assert {path.name for path in (whole.work / "reports").iterdir()} == {whole.folder.name}


def tables_of(page: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Name and rows of each table to take along."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    import base64

    for link in soup.select('a[href^="data:text/csv;base64,"]'):
        raw = base64.b64decode(str(link["href"]).partition(",")[2]).decode("utf-8-sig")
        yield str(link["download"]).removesuffix(".csv"), list(csv.reader(io.StringIO(raw, newline="")))


def audit(page: Path) -> int:
    """Tables of a page: no count of few customers, none that follows from a share and the other rows."""
    seen = 0
    for name, (head, *rows) in tables_of(page):
        for column in [i for i, title in enumerate(head) if title in COUNTS]:
            counts = np.array([float(row[column]) if row[column] else np.nan for row in rows])
            assert not ((counts > 0) & (counts < 10)).any(), (page.name, name, "a count of few")
            seen += 1
            # Which rows are parts of a whole: several whose share is their count of one and the same number.
            shares = [i for i, title in enumerate(head) if title in ("Share [%]", "占比 [%]", "份额 [%]")]
            whole = {round(n / float(row[shares[0]]) * 100, 2) for n, row in zip(counts, rows) if n > 0 and shares and row[shares[0]]}  # fmt: skip
            several = (counts > 0).sum() > 1
            rest = next(iter(whole)) - np.nansum(counts) if several and len(whole) == 1 else 0.0
            if rest > 0.5:
                hidden = int(np.isnan(counts).sum())
                assert rest >= 10, (page.name, name, f"{rest:.0f} more follow from the whole")
                assert hidden != 1, (page.name, name, "the one hidden follows from the whole")
    return seen


def test_no_table_of_a_small_utility_tells_of_few(whole: Whole) -> None:
    seen = [audit(page) for page in whole.pages if page.parent.name in ("en", "zh") and page.name[:2].isdigit()]
    assert sum(seen) >= 10, "tables that count customers were looked at"


def test_no_table_of_the_sample_tells_of_few(run: Any) -> None:
    seen = [audit(page) for page in sorted((run.folder / "en").glob("[0-9]*.html"))]
    assert sum(seen) >= 30


def test_no_cell_to_take_along_is_a_formula(whole: Whole) -> None:
    cells = [
        cell for page in whole.pages for _, rows in tables_of(page) for row in rows for cell in row if not is_number(cell)
    ]  # fmt: skip
    assert len(cells) > 500
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r", "＝", "＋", "－", "＠"))]
    assert not [cell for cell in cells if cell.startswith("-") and len(cell) > 1]


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_hostile_words_are_words(whole: Whole) -> None:
    shown = " ".join(BeautifulSoup(p.read_text(encoding="utf-8"), "html.parser").get_text() for p in whole.pages)
    assert "<script>alert(1)</script>" in shown, "the name of the utility stands there as it is"
    for page in whole.pages:
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        assert all(script.string and "alert(" not in script.string for script in soup.find_all("script"))
        assert not soup.select("[onerror], [onload], [onmouseover], iframe, object, embed, form")
        links = [str(tag.get(name, "")) for tag in soup.find_all(True) for name in ("href", "src", "xlink:href")]
        assert not [link for link in links if re.match(r"\s*(javascript|vbscript|https?|//)", link, re.IGNORECASE)]
        assert not [link for link in links if link.startswith("data:") and not link.startswith(("data:text/csv", "data:image/png"))]  # fmt: skip


@in_a_browser
def test_no_page_asks_for_anything_or_runs_what_data_say(whole: Whole, browser: Any, tmp_path: Path) -> None:
    comparison = Comparison.read(whole.folder, whole.folder)
    for language in ("en", "zh"):
        (tmp_path / f"{language}.html").write_text(comparison.to_page(language), encoding="utf-8")
    page, troubles = browser.new_page(), list[str]()
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: troubles.append(request.url) if not request.url.startswith(("file:", "data:")) else None)  # fmt: skip
    opened = 0
    for path in [*whole.pages, *sorted(tmp_path.glob("*.html"))]:
        loads: list[str] = []
        note = loads.append
        page.on("request", lambda request, note=note: note(request.url))
        page.goto(path.as_uri())
        assert troubles == [], path
        assert [url for url in loads if url.startswith("file:")][:1] == [path.as_uri()]
        opened += 1
    page.goto((whole.folder / "en" / "index.html").as_uri())
    page.fill("#asked", HOSTILE[1])
    page.fill("#asked", HOSTILE[0])
    assert troubles == [] and opened > 10
    page.close()


def test_a_failure_is_told_without_what_it_quotes(
    whole: Whole, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "notebooks"
    quote = "import labkit\nlab = labkit.open(data)\nwho = lab.run(lab.customers).iloc[0]\n"
    quote += "print(who['name'], who['phone'])\nraise ValueError(f'cannot digest {who.customer_id} {who[\"name\"]!s} {who.phone}')"
    notebook(folder, "01_good", "1 + 1")
    notebook(folder, "02_bad", quote)
    run = run_report(whole.work / "store", tmp_path / "out", notebooks=folder, progress=False, languages=("en",))
    assert len(run.failures) == 1 and "ValueError: cannot digest Q" in str(run.failures[0])
    told = " ".join(map(str, run.failures)) + "".join(capfd.readouterr())
    told += " ".join(text for path in run.folder.rglob("*") if path.is_file() for _, text in texts_in(path))
    assert not find_marks(told) and "139****" in told
    assert hide_personal("nothing of anybody", whole.work / "store") == "nothing of anybody"


def test_only_a_named_run_names_and_it_says_so_on_every_page(whole: Whole, tmp_path: Path) -> None:
    store, out = whole.work / "store", tmp_path / "out"
    folder = tmp_path / "notebooks"
    notebook(folder, "01_good", "1 + 1")
    naming = Naming(named=True, purpose="visit of <b>key</b> accounts in May")
    run = run_report(store, out, notebooks=folder, progress=False, naming=naming)
    assert run.folder.name.endswith("-named") and stat.S_IMODE(run.folder.stat().st_mode) == 0o700
    facts = {"zh": PageFacts("zh", "U", "2025", "0" * 12, "0", stamp=naming.stamp("zh"))}
    handed = write_account_sheets(store, run.folder, ("zh",), facts, naming)
    assert handed.sheets_count > 0
    pages = sorted(run.folder.rglob("*.html"))
    for page in pages:
        stamp = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select_one("p.stamp")
        assert stamp is not None and "visit of <b>key</b> accounts in May" in stamp.get_text(), page
    sheets = [page for page in pages if page.parent.parent.name == "accounts" and page.stem != "index"]
    ids = set(pd.read_parquet(store / "customers.parquet")["customer_id"])
    assert {page.stem for page in sheets} <= ids and all(
        find_marks(page.read_text(encoding="utf-8")) for page in sheets
    )
    again = write_account_sheets(store, tmp_path / "keyed", ("zh",), facts, Naming(key=b"k" * 32)) if (tmp_path / "keyed").mkdir() is None else None  # fmt: skip
    keyed = [page for page in (tmp_path / "keyed").rglob("*.html") if page.stem != "index"]
    assert again is not None and len(keyed) == len(sheets) and all(page.stem.startswith("P-") for page in keyed)
    assert not any(find_marks(page.read_text(encoding="utf-8")) for page in keyed)


@pytest.mark.parametrize(
    ("naming", "says"),
    [
        ({"named": True}, "needs --purpose TEXT"),
        ({"named": True, "purpose": "visits in May", "key": b"k" * 32}, "not both"),
        ({"purpose": "visits in May"}, "goes with --named"),
    ],
)
def test_a_named_run_has_a_purpose_and_no_key(naming: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Naming(**naming)
