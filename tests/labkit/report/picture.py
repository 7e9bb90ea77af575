"""Draw the two pictures of a page that the README shows: ``python -m tests.labkit.report.picture RUN``."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[3]


def draw_pages(run: Path, out: Path) -> list[Path]:
    """Top of the summary page of a run, in each language."""
    drawn = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for language in ("en", "zh"):
            page = browser.new_page(viewport={"width": 1040, "height": 1000})
            page.goto((run / language / "12_management_summary.html").resolve().as_uri())
            drawn.append(out / f"page_{language}.png")
            page.screenshot(path=drawn[-1])
        browser.close()
    return drawn


if __name__ == "__main__":
    for path in draw_pages(Path(sys.argv[1]), ROOT / "reports"):
        print(path.name)
