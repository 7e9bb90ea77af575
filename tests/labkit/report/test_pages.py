"""Every page as a reader and a screen reader meet it."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from pathlib import Path, PurePath

import nbformat
import pytest
from bs4 import BeautifulSoup

from labkit.findings import read_findings
from labkit.report import page
from labkit.report.run import NOTEBOOKS, Run, notebook_paths, run_report
from labkit.report.saved import read_committed
from labkit.store import Manifest

NAMES = [f"{language}/{path.stem}.html" for language in ("en", "zh") for path in notebook_paths()]
INDEXES = ["index.html", "en/index.html", "zh/index.html"]
#: Notebooks that run a second time; the quickest.
AGAIN = ("06", "07")
ALL = [*INDEXES, *(f"{lang}/{name}.html" for lang in ("en", "zh") for name in ("glossary", "data")), *NAMES]


@pytest.fixture(scope="module")
def soups(run: Run) -> dict[str, BeautifulSoup]:
    return {name: BeautifulSoup((run.folder / name).read_text(encoding="utf-8"), "html.parser") for name in ALL}


def test_every_notebook_has_its_pages_and_nothing_else_is_left(run: Run) -> None:
    assert run.failures == () and len(run.pages) == len(NAMES)
    assert sorted(p.name for p in run.folder.parent.iterdir()) == [run.folder.name]
    found = {str(path.relative_to(run.folder)) for path in run.folder.rglob("*.html")}
    assert {name for name in found if not name.startswith("accounts/")} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_one_h1_and_headings_in_order(soups: dict[str, BeautifulSoup], name: str) -> None:
    levels = [int(tag.name[1]) for tag in soups[name].find_all(re.compile(r"^h[1-6]$"))]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


@pytest.mark.parametrize("name", ALL)
def test_language_title_and_way_back(soups: dict[str, BeautifulSoup], run: Run, name: str) -> None:
    soup = soups[name]
    expected = "en" if name.startswith("en/") else "zh-Hans"
    assert soup.html["lang"] == expected and soup.title.text.strip()
    other = soup.find("a", class_="other")
    assert other["hreflang"] != expected and (run.folder / name).parent.joinpath(other["href"]).resolve().is_file()
    for link in soup.find_all("a", href=True):
        if link["href"].startswith("data:"):
            continue
        path, _, part = link["href"].partition("#")
        target = (run.folder / name).parent.joinpath(path).resolve() if path else run.folder / name
        assert target.is_file(), link["href"]
        assert not part or f'id="{part}"' in target.read_text(encoding="utf-8"), link["href"]


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_loaded_and_nothing_runs(soups: dict[str, BeautifulSoup], run: Run, name: str) -> None:
    soup = soups[name]
    assert not soup.find_all(["iframe", "link", "object", "embed", "base"])
    # The index has the script of its search, and names it to the browser; no other page has one.
    assert [script.attrs for script in soup.find_all("script")] == ([{}] if name in INDEXES else [])
    allowed = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert allowed.startswith("default-src 'none';") and ("script-src 'sha256-" in allowed) == (name in INDEXES)
    assert all(tag.get("src", "data:").startswith("data:") for tag in soup.find_all(src=True))
    assert not any(key.startswith("on") for tag in soup.find_all(True) for key in tag.attrs)
    text = (run.folder / name).read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text) and "@import" not in text
    assert len(text.encode()) < (3_000_000 if name in NAMES else 1_000_000)


@pytest.mark.parametrize("name", ALL)
def test_same_head_and_foot_on_every_page(soups: dict[str, BeautifulSoup], name: str) -> None:
    soup = soups[name]
    links = [(PurePath(a["href"]).name, a.get("aria-current")) for a in soup.header.nav.find_all("a")]
    here = PurePath(name).name
    assert links == [(page, "page" if page == here else None) for page in ("index.html", "glossary.html", "data.html")]
    assert re.search(r"2025-01-01.*2025-12-31 · .*[0-9a-f]{12} · labkit \d", soup.footer.text)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_how_it_was_made_and_a_figure_where_its_table_is(
    soups: dict[str, BeautifulSoup], name: str
) -> None:
    main = soups[name].main
    last = main.find_all(True, recursive=False)[-1]
    assert last["class"] == ["made"] and not last.has_attr("open")
    told = last.get_text(" ")
    assert PurePath(name).stem + ".ipynb" in told and re.search(r"[0-9a-f]{64}", told) and "--data sample" in told
    assert "/" not in last.dl.get_text().replace("../", "")
    for figure in main.find_all("figure"):
        link = figure.figcaption.find("a")
        assert main.find(id=link["href"][1:]).table is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_comes_first_with_figures_and_intervals(soups: dict[str, BeautifulSoup], name: str) -> None:
    main = soups[name].main
    first = next(tag for tag in main.find_all(True, recursive=False) if tag.name not in ("p", "h1"))
    assert first.name == "section" and "answer" in first["class"]
    assert len(first.find_all("p")) == 3 and len(first.find_all("strong")) >= 3
    assert re.search(r"95% (interval|区间)", first.text)
    assert main.find("ul", class_="kpis") is not None and main.nav is not None


@pytest.mark.parametrize("name", NAMES)
def test_figures_and_tables_are_numbered_and_described(soups: dict[str, BeautifulSoup], name: str) -> None:
    soup = soups[name]
    figures, tables = soup.find_all("figure"), soup.find_all("table")
    assert figures and tables
    for i, figure in enumerate(figures, 1):
        drawing = figure.find("svg")
        assert drawing["role"] == "img" and len(drawing["aria-label"]) > 20
        assert re.match(rf"(Figure|图) {i}\b", figure.figcaption.b.text)
    for i, table in enumerate(tables, 1):
        assert re.match(rf"(Table|表) {i}\b", table.caption.b.text)
        assert all(th["scope"] in ("col", "row") for th in table.find_all("th"))
        content = base64.b64decode(table.caption.a["href"].split(",", 1)[1])
        assert content.startswith(b"\xef\xbb\xbf")
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", NAMES)
def test_each_language_is_its_own(soups: dict[str, BeautifulSoup], name: str) -> None:
    soup = BeautifulSoup(str(soups[name].main), "html.parser")
    for quoted in soup.find_all(lang="zh-Hans") if name.startswith("en/") else ():
        assert quoted.name in ("td", "th"), "words of customers and of people stand in tables only"
        quoted.decompose()
    text = soup.get_text()
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text))
    assert chinese == 0 if name.startswith("en/") else chinese > 300


def test_no_code_is_shown(soups: dict[str, BeautifulSoup]) -> None:
    for name in NAMES:
        assert not soups[name].find_all(["code", "pre"]), name


def test_no_personal_value_leaves(run: Run, sample: Path) -> None:
    import labkit

    with labkit.open(sample) as lab:
        people = lab.run(lab.customers.select("customer_id", "name", "phone"))
    # Personal names of two characters stand in ordinary prose too; companies and numbers do not.
    marked = {*people["customer_id"], *people["phone"], *(name for name in people["name"] if len(name) > 4)}
    for path in run.folder.rglob("*"):
        # Account sheets name the account they are about; see test_handouts.
        if path.is_file() and "accounts" not in path.parts:
            text = path.read_text(encoding="utf-8")
            tables = [
                base64.b64decode(found).decode("utf-8") for found in re.findall(r"text/csv;base64,([^\"]+)", text)
            ]
            for content in (text, *tables):
                assert not any(value in content for value in marked), path.name


def test_same_data_same_pages(run: Run, sample: Path, tmp_path: Path) -> None:
    """Byte for byte; indexes name all that ran, see tests/faults for theirs."""
    again = run_report(sample, tmp_path, only=AGAIN, progress=False)
    found = [path.relative_to(again.folder) for path in again.folder.rglob("*") if path.is_file()]
    same = [name for name in found if name.name != "index.html"]
    assert {name.stem[:2] for name in same if name.parts[0] in ("en", "zh", "findings")} >= set(AGAIN)
    for name in same:
        assert (again.folder / name).read_bytes() == (run.folder / name).read_bytes(), name


def test_a_run_finds_what_was_found_before(run: Run, sample: Path) -> None:
    """What all notebooks found when their outputs were committed, in a run of its own."""
    before, now = read_committed(Manifest.read(sample)), read_findings(run.folder / "findings")
    assert len(before) > 100 and set(now) == set(before)
    for item in before.values():
        assert now[item.id].told("zh") == item.told("zh") and now[item.id].told("en") == item.told("en"), item.id


def test_a_figure_without_words_is_refused() -> None:
    cells = [
        nbformat.v4.new_markdown_cell("# Q?", metadata={"tags": ["lang-en"]}),
        nbformat.v4.new_code_cell(
            "x",
            outputs=[
                nbformat.v4.new_output(
                    "display_data", data={"image/png": "aaaa"}, metadata={"labkit": {"kind": "figure", "title": "t"}}
                )
            ],
        ),
    ]
    facts = page.PageFacts("en", "U", "p", "d" * 64, "0")
    with pytest.raises(page.PageError, match="cell 1: a figure without alternative text"):
        page.render_page(nbformat.v4.new_notebook(cells=cells), facts, "99")


def test_hostile_markdown_in_an_answer_is_plain() -> None:
    made = page._markdown("**a** [x](javascript:alert(1)) ![y](http://z/q.png) `c`")
    assert "href" not in made and "<img" not in made and "<strong>a</strong>" in made


def test_the_form_runs_to_a_page(sample: Path, tmp_path: Path) -> None:
    from labkit.report.run import new_notebook

    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    path = new_notebook("price_response", notebooks)
    assert path.name == "01_price_response.ipynb"
    made = run_report(sample, tmp_path / "out", notebooks=notebooks, languages=("en",), progress=False)
    assert made.failures == () and "2,000" in made.pages[0].read_text(encoding="utf-8")
    assert NOTEBOOKS.name == "notebooks"


def test_numbers_of_reports_lead_to_their_pages(soups: dict[str, BeautifulSoup], run: Run) -> None:
    soup = soups["zh/12_management_summary.html"]
    links = [str(a["href"]) for a in soup.select("table a[href$='.html']")]
    assert "05_key_accounts.html" in links and all((run.folder / "zh" / link).is_file() for link in links)
    assert not soup.select("a[data-notebook]")
