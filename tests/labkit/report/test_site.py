"""What makes the pages of a run one product: index with search, glossary, data card, how a page was made."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup

from labkit import schema, terms
from labkit.findings import Finding, Findings
from labkit.report import glossary
from labkit.report.data_card import render_data_card
from labkit.report.frame import PageFacts
from labkit.report.index import Entry, render_index
from labkit.report.making import Origin, describe_making, read_origin
from labkit.store import Manifest

from .conftest import in_a_browser

EN = PageFacts("en", "Utility", "2025-01-01 to 2025-12-31", "d" * 64, "0.1.0", other="../zh/x.html")
ZH = replace(EN, language="zh", utility="样例电网", other="../en/x.html")
HOSTILE = "</li><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
FOUND = Findings(
    [
        Finding("05.saving", 20_972_110.6, "yuan", "元", "Saved a year", "每年节约电费", low=14e6, high=29e6, digits=0),
        Finding("05.gini", 0.87, "", "", "Gini coefficient", "基尼系数", low=0.83, high=0.9, digits=2),
        Finding(
            "09.late@commercial",
            0.077,
            "%",
            "%",
            "Paid late",
            "逾期账单",
            low=0.07,
            high=0.083,
            subject="channel=online",
        ),
        Finding("09.price", 0.6, "", "", "", ""),
        Finding("10.bad", 1.0, "", "", HOSTILE, HOSTILE, since_en=HOSTILE, change=0.1, change_low=0.0, change_high=0.2),
        Finding("11.gone", 1.0, "", "", "Gone", "没有页面"),
    ]
)
ENTRIES = [
    Entry(
        "05",
        "05_key_accounts.html",
        "谁是大客户？",
        "<p>节约 <strong>8.1%</strong></p>",
        also="Who are the key accounts?",
    ),
    Entry("09", "09_arrears.html", "谁会欠费？", "<p>逾期</p>", also="Who will not pay?"),
    Entry("10", "10_hostile.html", HOSTILE, "<p>x</p>", also=HOSTILE),
    Entry("11", "11_failed.html", "没有运行完", failed=True),
]


def soup_of(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def test_the_index_shows_each_key_number_with_its_interval_and_page() -> None:
    soup = soup_of(render_index(ENTRIES, ZH, ["11 failed"], "zh/", found=FOUND))
    items = soup.find("ul", class_="list").find_all("li", recursive=False)
    assert len(items) == 4 and items[3].h2.a is None and items[3].details is None
    gini, saving = items[0].find("ul", class_="found").find_all("li")
    assert gini.a["href"] == "zh/05_key_accounts.html#key" and gini["data-also"] == "Gini coefficient"
    assert saving.get_text(" ").split() == [
        "每年节约电费",
        "2,097.2",
        "万元",
        "95%",
        "区间",
        "1,400.0",
        "至",
        "2,900.0",
        "万元",
    ]
    assert [a.text for a in items[1].find("ul", class_="found").find_all("a")] == ["逾期账单 · 商业 · 网上"]
    assert "没有页面" not in soup.text and soup.find("search").has_attr("hidden")


def test_hostile_words_stay_words() -> None:
    for facts in (EN, ZH):
        soup = soup_of(render_index(ENTRIES, facts, [HOSTILE], "", found=FOUND))
        assert len(soup.find_all("script")) == 1 and not soup.find_all("img")
        assert HOSTILE in soup.text and not any(
            key.startswith("on") for tag in soup.find_all(True) for key in tag.attrs
        )
    made = soup_of(describe_making(Origin(HOSTILE, {"data": HOSTILE, "x": HOSTILE}), EN))
    assert not made.find_all(["script", "img"])


@in_a_browser
@pytest.mark.parametrize(
    ("asked", "pages", "numbers"),
    [("", 4, 5 - 1), ("大客户", 1, 0), ("基尼", 1, 1), ("GINI　coef", 1, 1), ("节约 2097", 1, 1), ("key accounts", 1, 0),
     ("late", 1, 1), ("channel", 0, 0), ("<script>", 1, 1), ("没有这个词", 0, 0)],
)  # fmt: skip
def test_the_search_finds_in_both_languages(
    browser: Any,
    tmp_path: Path,
    asked: str,
    pages: int,
    numbers: int,
) -> None:
    path = tmp_path / "index.html"
    path.write_text(render_index(ENTRIES, ZH, [], "", found=FOUND), encoding="utf-8")
    page = browser.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text))
    page.on("dialog", lambda dialog: troubles.append("dialog"))
    page.goto(path.as_uri())
    page.get_by_role("searchbox", name="查找问题、结论和关键数据").fill(asked)
    assert page.locator(".list > li:visible").count() == pages
    if asked:
        assert page.locator(".found li:visible").count() == numbers
        told = page.get_by_role("status").text_content()
        assert told == (f"报告 {pages} 篇，关键数据 {numbers} 项" if pages else "没有找到，请换一个更短的词。")
    else:
        page.locator("summary").first.click()
        assert page.locator(".found li:visible").count() == 2
    assert troubles == []
    page.close()


@in_a_browser
def test_without_scripts_the_whole_list_can_be_read(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(render_index(ENTRIES, EN, [], "", found=FOUND), encoding="utf-8")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(path.as_uri())
    assert page.locator("search").is_hidden() and page.locator(".list > li:visible").count() == 4
    page.locator("summary").first.click()
    assert page.locator(".found li:visible").count() == 2
    page.context.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_term_is_in_the_glossary(language: terms.Language) -> None:
    soup = soup_of(glossary.render_glossary(replace(EN, language=language)))
    rows = {row.find_all("td")[-1].text: row for row in soup.find_all("tr") if row.td}
    assert set(rows) == set(terms.glossary())
    row = rows["max_demand_kw"]
    own, other = ("最大需量", "Maximum demand")[:: 1 if language == "zh" else -1]
    assert (row.th.text, row.td.text, row.find_all("td")[1].text) == (own, other, "千瓦" if language == "zh" else "kW")
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids)) and soup.find(attrs={"aria-current": "page"})["href"] == "glossary.html"


def test_groups_of_terms_have_names_in_both_languages() -> None:
    with Path(terms.__file__).with_name("terms.csv").open(encoding="utf-8", newline="") as file:
        headings = {row[0].strip("# -") for row in csv.reader(file) if row and row[0].startswith("#")}
    assert headings <= set(glossary._GROUPS), "name the new heading of terms.csv in labkit/report/glossary.py"


@pytest.mark.parametrize("facts", [EN, ZH])
def test_the_data_card_follows_schema_and_store(small_sample: Path, facts: PageFacts) -> None:
    manifest = Manifest.read(small_sample)
    soup = soup_of(render_data_card(manifest, facts))
    for name in manifest.tables:
        if name in schema.TABLES:
            table = soup.find(id=name).find_next("table")
            listed = [row.find("span", attrs={"translate": "no"}).text for row in table.tbody.find_all("tr")]
            assert listed == list(schema.TABLES[name].column_names)
    text = soup.get_text(" ")
    assert manifest.tables["bills"].rows and f"{manifest.tables['bills'].rows:,}" in text
    assert ("individual" not in text) and ("个人信息，不对外展示" if facts is ZH else "personal: never shown") in text
    assert "labkit sample" in text and ("受保护" if facts is ZH else "protected") in text


def test_the_data_card_tells_what_the_intake_set_aside(small_sample: Path) -> None:
    count = {"table": "bills", "read": 1200, "good": 1190, "quarantined": 7, "duplicates": 3, "file": "/x/private.csv"}
    soup = soup_of(render_data_card(Manifest.read(small_sample), ZH, {"files": [count, count]}))
    assert "电费账单 2,400 2,380 14 6" in " ".join(soup.get_text(" ").split()) and "private" not in soup.text


def test_parameters_are_told_without_where_files_lie() -> None:
    source = 'data = ""\nown = {"ours": "/srv/x/tags.xlsx"}\nrate, n = 0.1, 2\nwhen = f()\nwin = "C:\\\\a\\\\b.csv"'
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    origin = read_origin(nbformat.v4.new_notebook(cells=[cell]), "09_x.ipynb", {"data": "/srv/store", "language": "en"})
    assert origin.parameters == {"data": "store", "own": {"ours": "tags.xlsx"}, "win": "b.csv", "language": "en"}
    told = soup_of(describe_making(origin, EN)).get_text(" ")
    assert "own = {'ours': 'tags.xlsx'}; win = 'b.csv'" in told and "srv" not in told
    assert "labkit report --data store --only 09 --lang en" in told
    assert read_origin(nbformat.v4.new_notebook(), "01_x.ipynb", {}).parameters == {}
