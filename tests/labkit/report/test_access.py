"""Pages for everybody: screen reader, keyboard only, twice the size, light and dark, on paper."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from labkit import figures
from labkit.report.run import Run

from .conftest import in_a_browser
from .test_pages import ALL

LISTS = ["accounts/en/index.html", "accounts/zh/index.html"]
EVERY = [*ALL, *LISTS]
#: Held back because figures say their words in the alternative text: what axe would look for inside is not read out.
WITHOUT_DRAWINGS = "{exclude: ['figure svg']}"

pytestmark = in_a_browser


def open_page(browser: Any, path: Path, width: int = 1280, **options: Any) -> Any:
    # The pages allow no script; axe is one.
    page = browser.new_context(bypass_csp=True, viewport={"width": width, "height": 900}, **options).new_page()
    page.goto(path.as_uri())
    return page


def find_violations(page: Any) -> list[str]:
    """What axe-core calls serious or critical, with everything unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(f"axe.run({WITHOUT_DRAWINGS}, {{resultTypes: ['violations']}})")["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("name", EVERY)
def test_axe_finds_nothing_serious(browser: Any, run: Run, name: str) -> None:
    page = open_page(browser, run.folder / name)
    assert find_violations(page) == []
    page.context.close()


@pytest.mark.parametrize("name", [name for name in EVERY if not name.startswith(("en/", "accounts/en/"))])
def test_axe_finds_nothing_serious_in_the_dark_on_a_phone(browser: Any, run: Run, name: str) -> None:
    page = open_page(browser, run.folder / name, 390, color_scheme="dark")
    assert find_violations(page) == []
    page.context.close()


@pytest.mark.parametrize("name", EVERY)
def test_twice_and_four_times_as_large_there_is_no_sideways_scroll(browser: Any, run: Run, name: str) -> None:
    page = open_page(browser, run.folder / name)
    for width in (640, 320):  # 1280 dots at 200 % and at 400 %
        page.set_viewport_size({"width": width, "height": 450})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("name", EVERY)
def test_on_paper_nothing_is_cut_and_all_is_unfolded(browser: Any, run: Run, name: str) -> None:
    page = open_page(browser, run.folder / name, 673)  # A4 less the margins, at 96 dots an inch
    page.emulate_media(media="print")
    beyond = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(part => !part.closest('svg')"
        " && part.getBoundingClientRect().right > innerWidth + 1).map(part => part.outerHTML.slice(0, 100))"
    )
    assert beyond == []
    heights = page.evaluate("[...document.querySelectorAll('figure')].map(part => part.offsetHeight)")
    assert all(height < 980 for height in heights)
    folded = page.evaluate(
        "[...document.querySelectorAll('details > :not(summary)')].filter(part => !part.checkVisibility()).length"
    )
    assert folded == 0
    page.context.close()


def walk(page: Any, steps: int) -> list[str]:
    """What the tabulator key reaches, as tag and class, until it leaves the page."""
    reached = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "(e => e === document.body ? '' : e.tagName + '.' + e.className + '#' + e.id)(document.activeElement)"
        )
        if not at:
            break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", f"{at} does not show that it has the focus"
        reached.append(at)
    return reached


def test_the_keyboard_reaches_everything_on_a_page(browser: Any, run: Run) -> None:
    page = open_page(browser, run.folder / "zh/01_data_and_portraits.html")
    reached = walk(page, 200)
    assert reached[0] == "A.skip#" and len(reached) < 200
    for kind, selector in (
        ("DIV.wide", "main .wide"),
        ("DIV.draw", "figure .draw"),
        ("SUMMARY", "summary"),
        ("A", "a"),
    ):
        assert (
            sum(at.startswith(f"{kind}.") or at.startswith(f"{kind}#") for at in reached)
            == page.locator(selector).count()
        )
    page.locator("details.made summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("details.made").get_attribute("open") is not None
    page.context.close()


def test_the_keyboard_searches_and_skips(browser: Any, run: Run) -> None:
    page = open_page(browser, run.folder / "zh/index.html")
    reached = walk(page, 12)
    assert reached[0] == "A.skip#" and "INPUT.#asked" in reached
    page.keyboard.press("Home")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "asked"
    page.keyboard.type("逾期")
    assert page.locator(".found li:visible").count() > 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.list') !== null")
    page.context.close()


def luminance(colour: str) -> float:
    full = colour if len(colour) == 7 else "#" + "".join(c * 2 for c in colour[1:])
    parts = [int(full[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_colours_of_words_stand_out_in_light_dark_and_print() -> None:
    palettes = [dict(re.findall(r"--(\w+):(#\w+)", part)) for part in figures.page_colours().split(":root")[1:]]
    assert len(palettes) == 3
    for palette in palettes:
        for name in {"ink", "soft", "brand", "warn", "s1", "s2", "s3", "s4", "s5"} & set(palette):
            for ground in ("paper", "wash"):
                assert contrast(palette[name], palette[ground]) >= (
                    4.5 if name in ("ink", "soft", "brand", "warn") else 3.9
                )
