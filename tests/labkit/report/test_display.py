from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from labkit import figures, report
from labkit.estimates import Estimate
from labkit.findings import FINDINGS_VARIABLE, read_findings, with_unit
from labkit.report import display


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, str], dict[str, Any]]]:
    calls: list[tuple[dict[str, str], dict[str, Any]]] = []
    monkeypatch.setattr(display, "display", lambda data, raw, metadata: calls.append((data, metadata["labkit"])))
    return calls


def test_a_table_has_scopes_caption_units_and_a_csv(shown: list[Any]) -> None:
    frame = pd.DataFrame(
        {"customer_class": ["industrial", "=cmd()"], "energy_kwh": [1234567.0, np.nan], "share": [0.5, np.nan]}
    )
    report.show_table(frame, title="So much", language="zh", name="t")
    soup = BeautifulSoup(shown[0][0]["text/html"], "html.parser")
    assert [th["scope"] for th in soup.find_all("th")] == ["col"] * 3 + ["row"] * 2
    assert soup.caption is not None and "So much" in soup.caption.text
    assert [th.text for th in soup.thead.find_all("th")] == ["客户类别", "用电量合计 [千瓦时]", "占比 [%]"]
    assert [td.text for td in soup.tbody.find_all("td")] == ["1,234,567", "50.0", "–", "–"]
    assert soup.tbody.th.text == "工业"
    csv = base64.b64decode(soup.a["href"].split(",")[1])
    assert csv.startswith(b"\xef\xbb\xbf") and b"'=cmd()" in csv and ",50\r\n" in csv.decode("utf-8-sig")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "</caption>"]
)
def test_hostile_names_stay_text(shown: list[Any], name: str) -> None:
    report.show_table(
        pd.DataFrame({"customer_class": [name], "x": [1]}), title=name, language="en", name=name, titles={"x": name}
    )
    report.answer(f"We know **{name}**.")
    report.note(name)
    report.show_key_figures([report.finding("t.x", 1.0, en=name, zh=name)], "en")
    for data, _ in shown:
        soup = BeautifulSoup(data.get("text/html", data.get("text/markdown", "")), "html.parser")
        assert not soup.find_all(["script", "img"])


def test_a_figure_must_speak(shown: list[Any]) -> None:
    ax = figures.plot_bars(["a"], [1.0], unit="x")
    with pytest.raises(ValueError, match="alternative text"):
        report.show_figure(ax, title="x", alt=" ")
    report.show_figure(ax, title="A is one", alt="Bar: a 1")
    assert set(shown[0][0]) == {"image/png", "text/plain"} and shown[0][1]["alt"] == "Bar: a 1"


def test_findings_are_kept_for_the_summary(shown: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv(FINDINGS_VARIABLE, str(tmp_path / "f"))
    made = report.finding("01.x", Estimate(0.5, 0.4, 0.6, 100), en="Half", zh="一半", unit=("%", "%"))
    assert read_findings(tmp_path / "f")["01.x"] == made
    assert made.told("en") == "**50.0%** (95% interval 40.0% to 60.0%)"
    assert made.told("zh") == "**50.0%**（95% 区间 40.0% 至 60.0%）"
    few = report.finding("01.y", Estimate(0.5, np.nan, np.nan, 2), en="Half", zh="一半", unit=("%", "%"))
    assert few.interval("en") == "too few customers for an interval"


@pytest.mark.parametrize(
    ("value", "unit", "language", "text"),
    [
        (123_456_789, "元", "zh", "1.2 亿元"),
        (4_120_000, "元", "zh", "412.0 万元"),
        (9_876, "元", "zh", "9,876.0 元"),
        (3_200_000, "yuan", "en", "3.2 million yuan"),
        (0.031, "%", "zh", "3.1%"),
        (float("nan"), "yuan", "en", "–"),
    ],
)
def test_numbers_as_a_reader_expects_them(value: float, unit: str, language: Any, text: str) -> None:
    assert with_unit(value, unit, language) == text
