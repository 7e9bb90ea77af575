"""Account sheets: one page, no personal data, nothing from outside, both languages."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import labkit
from labkit.accounts import rank_accounts, sheet, sheet_file_name, study_accounts, write_sheets
from labkit.lab import Lab
from labkit.tariffs import TariffError


@pytest.fixture(scope="module")
def lab(sample: Path) -> Lab:
    return labkit.open(sample)


@pytest.fixture(scope="module")
def account(lab: Lab) -> str:
    return str(rank_accounts(lab)["customer_id"].iloc[3])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_sheet_is_whole_in_itself(lab: Lab, account: str, language: str) -> None:
    html = sheet(lab, account, language)
    page = BeautifulSoup(html, "html.parser")
    assert page.html["lang"] == {"en": "en", "zh": "zh-Hans"}[language] and page.h1.text == account
    assert not page.find_all(["script", "link", "img", "iframe"]) and "http" not in html.replace(
        "http-equiv", ""
    ).replace("http://www.w3.org/2000/svg", "")
    drawings = page.find_all("svg")
    assert len(drawings) == 2 and all(len(d["aria-label"]) > 20 for d in drawings)
    assert len(page.find_all("figcaption")) == 2 and page.details.table  # the figures' table
    assert {"col"} == {th["scope"] for th in page.thead.find_all("th")}
    studies, _ = study_accounts(lab, [account])
    advice = studies[account].advice
    text = page.get_text(" ", strip=True)
    for item in advice.items:
        assert item.title.label(language) in text
    best = next(item for item in advice.to_do if item.saving is not None)
    assert f"{best.saving.value:,.0f}" in page.find(class_="answer").text and f"{best.saving.low:,.0f}" in text
    assert not re.search(r"\b(nan|inf|None)\b", text)
    who = lab.run(lab.customers.filter(lab.customers.customer_id == account)).iloc[0]
    assert who["name"] not in html and str(who["phone"]) not in html


def test_the_same_data_give_the_same_bytes(lab: Lab, account: str) -> None:
    assert sheet(lab, account, "zh") == sheet(lab, account, "zh")


def test_sheets_are_written_in_both_languages_and_link_to_each_other(lab: Lab, account: str, tmp_path: Path) -> None:
    second = str(rank_accounts(lab)["customer_id"].iloc[8])
    written, refused = write_sheets(lab, tmp_path, [account, second])
    assert written == [account, second] and not refused
    for language, other in (("en", "zh"), ("zh", "en")):
        page = BeautifulSoup((tmp_path / language / f"{account}.html").read_text(encoding="utf-8"), "html.parser")
        assert (
            tmp_path / language / page.find(class_="top").a["href"]
        ).resolve() == tmp_path / other / f"{account}.html"


def test_a_tariff_nobody_knows_is_said_and_the_rest_goes_on(lab: Lab, account: str) -> None:
    from labkit.tariffs import read_tariffs

    known = [rule for rule in read_tariffs().values() if rule.id == "RES_STEP"]
    studies, refused = study_accounts(lab, [account], known)
    assert not studies and "is not among RES_STEP; add it" in refused[account]
    with pytest.raises(TariffError, match="is not among RES_STEP"):
        sheet(lab, account, tariffs=known)


def test_file_names_are_safe_whatever_an_id_is() -> None:
    assert sheet_file_name("../../etc/passwd") == "______etc_passwd.html"
    assert sheet_file_name("客户 1") == "客户_1.html" and sheet_file_name("") == "account.html"


def test_hostile_ids_are_text(lab: Lab, account: str) -> None:
    from labkit.accounts import render_sheet

    studies, _ = study_accounts(lab, [account])
    study = studies[account]
    facts = study.data.facts.copy()
    facts["customer_id"], facts["industry_code"] = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'
    data = type(study.data)(**{**study.data.__dict__, "facts": facts})
    html = render_sheet(type(study)(data, study.load, study.advice), lab, "en")
    page = BeautifulSoup(html, "html.parser")
    assert not page.find_all(["script", "img"]) and "<script>" not in html


def test_little_data_still_make_a_sheet(lab: Lab, account: str) -> None:
    from labkit.accounts import AccountStudy, advise, analyse_load, render_sheet
    from labkit.tariffs import read_tariffs
    from tests.labkit.accounts.conftest import make_account

    data = make_account(np.full(24 * 62, 200.0))
    study = AccountStudy(data, analyse_load(data), advise(data, read_tariffs().values()))
    text = BeautifulSoup(render_sheet(study, lab, "en"), "html.parser").get_text(" ", strip=True)
    assert (
        "too few months" in text and "No lasting change of level" in text and not re.search(r"\b(nan|inf|None)\b", text)
    )
    assert pd.isna(study.data.facts["contract_kw"])
