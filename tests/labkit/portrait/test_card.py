"""Cards of one customer: what they say, what they never say, and that no page holds one."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from IPython.core.formatters import DisplayFormatter

import labkit
from labkit import portrait, profiles
from labkit.lab import Lab
from labkit.report import page
from labkit.terms import LANGUAGES, Language
from tests.labkit.portrait.cases import bills, customers, make_lab


@pytest.fixture(scope="module")
def lab(small_sample: Path) -> Lab:
    return labkit.open(small_sample, verify=False)


@pytest.fixture(scope="module")
def people(lab: Lab) -> pd.DataFrame:
    return portrait.portrait(lab)


@pytest.fixture(scope="module")
def days(lab: Lab) -> pd.DataFrame:
    return profiles.typical_days(lab)


def resident(people: pd.DataFrame) -> str:
    there = people[(people["customer_class"] == "residential") & (people["days_metered"] > 300)]
    return str(there["customer_id"].iloc[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_shows_figures_places_and_the_day(people: pd.DataFrame, days: pd.DataFrame, language: Language) -> None:
    who = resident(people)
    card = portrait.card(people, who, language, typical_day=days)
    soup = BeautifulSoup(card._repr_html_(), "html.parser")
    assert soup.article["lang"] == {"en": "en", "zh": "zh-Hans"}[language]
    assert not soup.find_all(["script", "link", "img", "iframe", "h1", "h2"]), "no heading of a notebook's contents"
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", str(soup))
    assert (
        soup.select_one(".mark").text
        == {"en": "Internal: about one customer, not for reports", "zh": "内部资料：涉及单个客户，不得写入报告"}[
            language
        ]
    )
    drawing = soup.find("svg")
    assert drawing["role"] == "img" and drawing["aria-label"] == card.day_told
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    places = portrait.stand_among(people, who)
    for row in soup.select("tbody tr"):
        assert row.th["scope"] == "row" and row.select_one(".v").text
    frame = card.to_frame().set_index("column")
    shown = frame["below_share"].dropna()
    assert len(shown) > 15 and (shown - places.loc[shown.index, "below_share"]).abs().max() < 0.00501
    assert card.missing == () or all(("：" if language == "zh" else ":") in line for line in card.missing)
    if language == "zh":
        assert not re.search(r"[a-z]{3,}", " ".join(card.to_frame()["attribute"]))


def test_a_card_never_names_anybody(lab: Lab, people: pd.DataFrame) -> None:
    who = resident(people)
    row = lab.run(lab.customers.filter(lab.customers.customer_id == who)).iloc[0]
    key = b"0123456789abcdef"
    for card in (portrait.card(lab, who), portrait.card(people, who, "zh", key=key)):
        text = card._repr_html_() + repr(card)
        assert row["name"] not in text and row["phone"] not in text
        assert f"{row['longitude']:.3f}" not in text and f"{row['latitude']:.3f}" not in text
    assert who not in text and card.customer.startswith("P-")


def test_from_a_lab_comes_the_same_card(lab: Lab, people: pd.DataFrame, days: pd.DataFrame) -> None:
    tagged = str(lab.run(lab.taggings.limit(1))["customer_id"].iloc[0])
    one, other = portrait.card(lab, tagged), portrait.card(people, tagged, typical_day=days)
    assert one.groups == other.groups and one.day == other.day
    assert one.words and not other.words


def test_hostile_text_stays_text(people: pd.DataFrame) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    who = resident(people)
    bad = people.copy()
    for column in ("tariff_id", "area_id", "settlement", "main_payment_channel"):
        bad.loc[bad["customer_id"] == who, column] = evil
    bad = portrait.with_segments(bad, {evil: pd.Series({who: evil})})
    bad = portrait.with_tags(bad, pd.DataFrame({"customer_id": [who], "tag": ["<svg/onload=alert(3)>"]}))
    html = portrait.card(bad, who, words=[evil])._repr_html_()
    soup = BeautifulSoup(html, "html.parser")
    assert not soup.find_all(["script", "img"]) and not soup.find_all(onerror=True) and not soup.find_all(onload=True)
    assert soup.text.count("<script>alert(2)</script>") >= 5
    with pytest.raises(portrait.PortraitError) as refused:
        portrait.card(bad, evil)
    assert evil not in str(refused.value)


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    tables = {"customers": customers("A", "B"), "bills": bills([("A", "2025-03", 10.0, 5.0)])}
    readings: list[tuple[str, str, list[float | None]]] = [
        ("A", "2025-03-03", [500.0] + [None] * 23),
        ("B", "2025-03-03", [0.0] * 24),
    ]
    lab = make_lab(tmp_path / "s", tables, readings)
    a, b = portrait.card(lab, "A"), portrait.card(lab, "B", "zh")
    assert "Load rests on 1 day of readings: take it as a hint." in a.doubts
    assert "Figures of 12 months rest on 1 bill." in a.doubts and "读数全为零。" in b.doubts
    assert a.peers == "Only 1 other of its class (residential): too few to compare."
    assert a.missing[0].startswith("Not in the data: Payments") and any("没有账单" in line for line in b.missing)
    assert not a.compared and "P and bar" not in a._repr_html_() and b.day == "" and "读数全为零" in b.day_told
    assert not re.search(r"\bnan\b|None|NaT|<NA>", a._repr_html_() + b._repr_html_() + repr(a) + repr(b))


def test_a_page_leaves_cards_out(people: pd.DataFrame, days: pd.DataFrame) -> None:
    who = resident(people)
    data, metadata = DisplayFormatter().format(portrait.card(people, who, typical_day=days))
    assert who in data["text/html"] and metadata["labkit"] == {"kind": "internal"}
    output = nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1)
    shown = nbformat.v4.new_code_cell("card", outputs=[output])
    title = nbformat.v4.new_markdown_cell("# Who?", metadata={"tags": ["lang-en"]})
    facts = page.PageFacts("en", "U", "p", "d" * 64, "0")
    made = page.render_page(nbformat.v4.new_notebook(cells=[title, shown]), facts, "99")
    assert who not in made and "labkit-card" not in made and "Who?" in made


def test_columns_can_be_chosen(people: pd.DataFrame) -> None:
    who = resident(people)
    card = portrait.card(people, who, columns=["load_factor", "customer_class"])
    assert list(card.to_frame()["column"]) == ["customer_class", "load_factor"]
    with pytest.raises(portrait.PortraitError, match="no column nonsense: see describe_columns"):
        portrait.card(people, who, columns=["nonsense"])
