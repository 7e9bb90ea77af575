"""What a run writes to hand on: a sheet for every key account, a list, and the sentence where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import labkit
from labkit.accounts import rank_accounts
from labkit.report.frame import PageFacts
from labkit.report.handouts import Handouts, write_account_sheets
from labkit.report.run import Run
from tests.labkit.report.conftest import in_a_browser


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_key_account_has_a_sheet_and_a_place_in_the_list(run: Run, sample: Path, language: str) -> None:
    with labkit.open(sample) as lab:
        ranked = rank_accounts(lab)
    wanted = set(ranked.loc[ranked["key_account"], "customer_id"])
    folder = run.folder / "accounts" / language
    # By place in the list: no account number is in a run that was not asked to name.
    assert {path.stem for path in folder.glob("*.html")} - {"index"} == {f"K{i:03d}" for i in range(1, len(wanted) + 1)}
    assert not any(name in path.read_text(encoding="utf-8") for name in wanted for path in folder.glob("*.html"))
    assert [
        a.text
        for a in BeautifulSoup((folder / "index.html").read_text(encoding="utf-8"), "html.parser").table.find_all("a")
    ] == sorted(p.stem for p in folder.glob("K*.html"))
    page = BeautifulSoup((folder / "index.html").read_text(encoding="utf-8"), "html.parser")
    links = [a["href"] for a in page.table.find_all("a")]
    assert len(links) == len(wanted) and all((folder / link).is_file() for link in links)
    savings = [float(row.find_all("td")[4].text.replace(",", "")) for row in page.tbody.find_all("tr")]
    assert savings == sorted(savings, reverse=True) and savings[0] > 0
    for link in page.find_all("a", href=True):
        assert link["href"].startswith("#") or (folder / link["href"]).resolve().is_file(), link["href"]
    index = BeautifulSoup((run.folder / language / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert any(a["href"] == f"../accounts/{language}/index.html" for a in index.find_all("a"))


def test_no_name_and_no_phone_on_a_sheet_and_nothing_is_loaded(run: Run, sample: Path) -> None:
    with labkit.open(sample) as lab:
        people = lab.run(lab.customers.filter(lab.customers.customer_class != "residential").select("name", "phone"))
    for path in (run.folder / "accounts").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not any(value in text for value in {*people["name"], *people["phone"]}), path.name
        soup = BeautifulSoup(text, "html.parser")
        assert not soup.find_all(["script", "iframe", "link", "img", "object"]) and len(text) < 200_000


@in_a_browser
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_sheet_is_one_page_of_a4(browser, run: Run, language: str, tmp_path: Path) -> None:
    folder = run.folder / "accounts" / language
    longest = sorted((p for p in folder.glob("K*.html")), key=lambda p: -p.stat().st_size)[:5]
    page = browser.new_page()
    for path in longest:
        page.goto(path.as_uri())
        content = page.pdf(path=str(tmp_path / "sheet.pdf"), prefer_css_page_size=True)
        assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") == 1, path.name
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()


def test_without_bills_or_readings_there_is_nothing_to_hand_on(small_sample: Path, tmp_path: Path) -> None:
    from labkit.lab import Lab

    facts = {"en": PageFacts("en", "U", "2025", "0" * 12, "0")}
    has = Lab.has
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lab, "has", lambda self, *names: has(self, *names) and "bills" not in names)
        assert write_account_sheets(small_sample, tmp_path, ("en",), facts) == Handouts()
    assert Handouts().section("en", "") == "" and not list(tmp_path.iterdir())


def test_why_there_is_no_sheet_is_said_on_the_index() -> None:
    told = Handouts(0, ("customer K1: today's tariff <OLD> is not among A; add it",)).section("en", "")
    assert "&lt;OLD&gt;" in told and "account sheets, one A4 page" not in told
