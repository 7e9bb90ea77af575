"""The pages in a real browser: no error, no sideways scroll, wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit.report.run import Run

from .conftest import in_a_browser

PAGES = (
    "index.html", "en/01_data_and_portraits.html", "zh/01_data_and_portraits.html", "zh/glossary.html", "en/data.html",
)  # fmt: skip

pytestmark = in_a_browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_stands(browser: Any, run: Run, name: str, width: int, scheme: str, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append("dialog"))
    page.on("request", lambda request: troubles.append(request.url) if request.url.startswith("http") else None)
    page.goto((run.folder / name).as_uri())
    assert troubles == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 10_000
    page.close()


def test_the_other_language_is_one_click_away_and_keyboard_reaches_the_text(browser: Any, run: Run) -> None:
    page = browser.new_page()
    page.goto((run.folder / PAGES[1]).as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.click("a.other")
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    page.click("text=全部报告")
    assert page.title().startswith("电力客户研究报告")
    page.close()


def test_a_table_can_be_taken_along(browser: Any, run: Run, tmp_path: Path) -> None:
    page = browser.new_page(accept_downloads=True)
    page.goto((run.folder / PAGES[2]).as_uri())
    with page.expect_download() as download:
        page.click("caption a >> nth=1")
    target = tmp_path / "table.csv"
    download.value.save_as(target)
    assert target.read_text(encoding="utf-8-sig").startswith("客户类别,户数")
    page.close()


def test_printed_it_fits_the_paper(browser: Any, run: Run, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto((run.folder / PAGES[2]).as_uri())
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 673, "height": 950})  # A4 less the margins, at 96 dots an inch
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert page.pdf(path=str(tmp_path / "page.pdf"), format="A4")[:5] == b"%PDF-"
    page.close()
