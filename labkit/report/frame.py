"""The frame of every page: head with the way to all others, foot with what it was made of, styles."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from labkit import figures, terms

_HERE = Path(__file__).parent
HTML_LANGUAGE: dict[terms.Language, str] = {"en": "en", "zh": "zh-Hans"}

_WORDS: dict[terms.Language, dict[str, str]] = {
    "en": {
        "skip": "Skip to content",
        "brand": "Electricity customer research",
        "site": "All pages",
        "index.html": "All reports",
        "glossary.html": "Glossary",
        "data.html": "Data card",
        "other": "中文",
        "other_lang": "zh-Hans",
        "contents": "Contents",
        "method": "How this was worked out",
        "figure": "Figure",
        "report": "Report",
        "table": "Table",
        "answer": "Answer",
        "stop": ". ",
        "see": "See table {}",
    },
    "zh": {
        "skip": "跳到正文",
        "brand": "电力客户研究",
        "site": "各页",
        "index.html": "全部报告",
        "glossary.html": "术语表",
        "data.html": "数据说明",
        "other": "English",
        "other_lang": "en",
        "contents": "目录",
        "method": "怎样算出来的",
        "figure": "图",
        "report": "报告",
        "table": "表",
        "answer": "结论",
        "stop": "　",
        "see": "数据见表 {}",
    },
}


#: Pages every run has besides those of its notebooks, in each language.
SITE = ("index.html", "glossary.html", "data.html")


@dataclass(frozen=True)
class PageFacts:
    """What a page says of itself.

    Attributes
    ----------
    home : str
        Path to the index of the language; empty for a page that stands alone.
    other : str
        Path to the same page in the other language; empty if there is none.
    here : str
        File name of the page if it is one of those in the head of every page.
    stamp : str
        What must be read first, as in a run that names customers.
    """

    language: terms.Language
    utility: str
    period: str
    digest: str
    version: str
    home: str = "index.html"
    other: str = ""
    here: str = ""
    stamp: str = ""

    @property
    def links(self) -> list[tuple[str, str, bool]]:
        """Path, name and whether it is this page, of the pages in the head of every page."""
        if not self.home:
            return []
        folder = self.home.removesuffix("index.html")
        return [(f"{folder}{name}", words(self.language)[name], name == self.here) for name in SITE]

    @property
    def footer(self) -> str:
        """Period, digest of the data, version of the package."""
        if self.language == "zh":
            return f"数据 {self.period} · 数据指纹 {self.digest[:12]} · labkit {self.version}"
        return f"Data {self.period} · data digest {self.digest[:12]} · labkit {self.version}"


def words(language: terms.Language) -> dict[str, str]:
    """Words every page has."""
    return _WORDS[language]


@cache
def _environment() -> Environment:
    # Jinja's own choice by file ending would leave *.j2 unescaped.
    return Environment(loader=FileSystemLoader(_HERE), autoescape=True)


def fill_page(facts: PageFacts, *, title: str, eyebrow: str, body: str, script: str = "") -> str:
    """A whole page around a body that is already safe HTML.

    The page names in its own head what a browser may do with it: show its styles
    and drawings, fetch nothing, run nothing but the script given here, if any.
    """
    # A browser runs an inline script only if the page names its digest.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            lang=HTML_LANGUAGE[facts.language],
            title=title,
            eyebrow=eyebrow,
            body=body,
            utility=facts.utility,
            css=figures.page_colours() + (_HERE / "page.css").read_text(encoding="utf-8"),
            words=words(facts.language),
            links=facts.links,
            other=facts.other,
            script=script,
            digest=digest,
            footer=facts.footer,
            stamp=facts.stamp,
        )
    )
