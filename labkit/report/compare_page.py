"""A comparison of two runs, told: as lines for a terminal, as a page, as JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

import labkit
from labkit import privacy, terms
from labkit.findings import HIDDEN, Finding, Findings, with_unit
from labkit.report.compare import compare_runs, count_moves, read_run
from labkit.report.frame import PageFacts, fill_page
from labkit.report.index import name_finding
from labkit.report.run_facts import RunFacts, read_run_facts

_STATUS: dict[str, tuple[str, str]] = {
    "same": ("the same", "相同"),
    "withheld": ("withheld: fewer than ten customers apart", "不予显示：相差不足十户"),
    "hidden": ("no value in one run", "有一次无数值"),
    "unit_changed": ("unit changed", "单位不同，不可比"),
    "only_old": ("in the old run only", "仅旧报告有"),
    "only_new": ("in the new run only", "仅新报告有"),
}


@dataclass(frozen=True)
class Comparison:
    """Two runs and what moved between them.

    Attributes
    ----------
    old, new : RunFacts
    old_findings, new_findings : Findings
    frame : DataFrame
        Of `labkit.report.compare.compare_runs`.
    """

    old: RunFacts
    new: RunFacts
    old_findings: Findings
    new_findings: Findings
    frame: pd.DataFrame

    @classmethod
    def read(cls, old: Path, new: Path) -> Comparison:
        """Compare two published runs.

        Raises
        ------
        CompareError
            If one is no run or has no findings.
        """
        before, after = read_run(old), read_run(new)
        was, is_ = read_run_facts(old), read_run_facts(new)
        fewest = 1 if was.disclosure == is_.disclosure == "open" else privacy.MIN_CUSTOMERS
        return cls(was, is_, before, after, compare_runs(before, after, fewest))

    @property
    def withheld_count(self) -> int:
        """Findings that the two runs, held side by side, tell of fewer than ten customers by."""
        return count_moves(self.frame)["withheld"]

    def rows(self, language: terms.Language) -> list[tuple[str, ...]]:
        """Finding, old, new, difference, standard errors, verdict: in words."""
        return [self._row(row, language) for row in self.frame.to_dict("records")]

    def _row(self, row: dict[Any, Any], language: terms.Language) -> tuple[str, ...]:
        old, new = self.old_findings.get(row["id"]), self.new_findings.get(row["id"])
        shown = new or old
        assert shown is not None
        if row["status"] == "withheld":
            old = new = None
        errors = "" if pd.isna(row["standard_errors"]) else f"{row['standard_errors']:.1f}".replace("inf", "∞")
        return (
            name_finding(shown, language) or shown.id,
            old.shown(language) if old else HIDDEN,
            new.shown(language) if new else HIDDEN,
            _difference(row, shown, language),
            errors,
            _verdict(row, language),
        )

    def notes(self, language: terms.Language) -> list[str]:
        """What to know before reading the table."""
        say, counts = terms.Say(language), count_moves(self.frame)
        told = [say(
            "Of {compared} findings in both runs, {judged} have intervals; {beyond_chance} of these moved by more than chance allows.",
            "两次报告共有的数据 {compared} 项，其中 {judged} 项有区间，{beyond_chance} 项的变化超出随机波动。",
        ).format(**counts)]  # fmt: skip
        if self.withheld_count:
            told.append(say(
                f"The runs differ by fewer than ten customers in {self.withheld_count} findings, which are withheld here. Whoever holds "
                "both runs can work these customers out: do not give both to the same reader.",
                f"两次报告有 {self.withheld_count} 项相差不足十户，此处不予显示。同时持有两份报告即可推算出这些客户，请勿将两份报告交给同一读者。",
            ))  # fmt: skip
        told.append(_origin(self.old, self.new, say))
        told.append(say(
            f"A difference is judged as one of two independent estimates, at 95 %; by chance alone about one in twenty "
            f"would pass, here {counts['judged'] * 0.05:.0f} or so.",
            f"判断时把两次结果视为相互独立的估计，置信水平 95%；仅因随机，平均每二十项约有一项超出，此处约 {counts['judged'] * 0.05:.0f} 项。",
        ))  # fmt: skip
        return told

    def to_lines(self, language: terms.Language) -> list[str]:
        """A table for a terminal, with what to know below it."""
        say = terms.Say(language)
        rows = [_heads(say), *self.rows(language)]
        widths = [max(map(_width, column)) for column in zip(*rows)]
        lines = [
            "  ".join(_pad(cell, widths[i], left=i in (0, 5)) for i, cell in enumerate(row)).rstrip() for row in rows
        ]
        return [
            *lines,
            "",
            *(f"{name}: {_describe(run, language)}" for name, run in self._runs(say)),
            *self.notes(language),
        ]

    def to_json(self) -> dict[str, Any]:
        """Runs, counts and findings."""
        return {
            "old": asdict(self.old),
            "new": asdict(self.new),
            **count_moves(self.frame),
            "findings": json.loads(self.frame.to_json(orient="records", double_precision=12)),
        }

    def to_page(self, language: terms.Language) -> str:
        """A page of its own in the look of the reports."""
        say = terms.Say(language)
        head = "".join(
            f'<th scope="col"{_align(i)}>{escape(text)}</th>' for i, text in enumerate(_heads(say))
        )  # fmt: skip
        body = "".join(_table_row(row) for row in self.rows(language))
        runs = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(_describe(run, language))}</dd></div>"
            for name, run in self._runs(say)
        )
        first, *rest = self.notes(language)
        title = say("What moved between two runs", "两次报告之间的变化")
        facts = PageFacts(
            language, self.new.utility(language) or self.new.name, self.new.period(language), self.new.digest,
            self.new.version or labkit.__version__, home="",
        )  # fmt: skip
        return fill_page(
            facts,
            title=title,
            eyebrow=f"{self.old.name} → {self.new.name}",
            body=f'<section class="answer" aria-label="{say("Answer", "结论")}"><p>{escape(first)}</p></section>'
            f'<dl class="facts">{runs}</dl>'
            f'<div class="wide" tabindex="0" role="region" aria-label="{title}"><table class="moves">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
            + "".join(f'<p class="note">{escape(text)}</p>' for text in rest),
        )

    def _runs(self, say: terms.Say) -> list[tuple[str, RunFacts]]:
        return [(say("Old", "旧报告"), self.old), (say("New", "新报告"), self.new)]


def _heads(say: terms.Say) -> tuple[str, ...]:
    if say.language == "zh":
        return ("指标", "旧值", "新值", "变化（95% 区间）", "标准误倍数", "判断")
    return ("Finding", "Old", "New", "Difference (95% interval)", "Standard errors", "Verdict")


def _difference(row: dict[Any, Any], item: Finding, language: terms.Language) -> str:
    if row["difference"] is None or pd.isna(row["difference"]):
        return HIDDEN
    value = _signed(row["difference"], item, language)
    if pd.isna(row["difference_low"]):
        return value
    low, high = (_signed(row[f"difference_{end}"], item, language, unit=False) for end in ("low", "high"))
    return f"{value}（{low} 至 {high}）" if language == "zh" else f"{value} ({low} to {high})"


def _signed(value: float, item: Finding, language: terms.Language, unit: bool = True) -> str:
    """A difference with its sign; of shares, in points."""
    name, size, digits = item.unit(language), abs(value), item.digits
    if item.unit_en == "%":
        name, size, digits = ("个百分点" if language == "zh" else "points"), size * 100, max(digits, 1)
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return sign + with_unit(size, name if unit else "", language, digits)


def _verdict(row: dict[Any, Any], language: terms.Language) -> str:
    say = terms.Say(language)
    if row["status"] in _STATUS:
        return say(*_STATUS[row["status"]])
    if pd.isna(row["beyond_chance"]):
        return say("no interval to judge by", "无区间，不作判断")
    if not row["beyond_chance"]:
        return say("within chance", "在随机波动之内")
    if row["overlap"]:
        return say("beyond chance, though intervals overlap", "超出随机波动（区间仍有重叠）")
    return say("beyond chance, intervals apart", "超出随机波动（区间不重叠）")


def _origin(old: RunFacts, new: RunFacts, say: terms.Say) -> str:
    if not (old.digest and new.digest):
        return say("A run does not say what it was made of.", "有一次报告未记录所用数据和版本。")
    if old.digest == new.digest and old.version == new.version:
        return say(
            "Same data, same version: what moved is due to parameters or notebooks.",
            "数据相同、版本相同：变化来自参数或笔记本的改动。",
        )
    if old.digest == new.digest:
        return say(
            f"Same data; labkit {old.version} and {new.version}: what moved is due to the version, "
            "and the verdict on chance is too lenient.",
            f"数据相同，labkit 版本由 {old.version} 变为 {new.version}：变化来自软件版本；两次估计并不独立，随机波动判断偏宽。",
        )
    if old.version != new.version:
        return say(
            f"Both the data and the version differ ({old.version}, {new.version}): a move can come from either.",
            f"数据和版本均不同（{old.version}、{new.version}）：变化可能来自其中任一方面。",
        )
    return say("The data differ, the version is the same.", "数据不同，软件版本相同。")


def _describe(run: RunFacts, language: terms.Language) -> str:
    parts = (
        run.name,
        run.utility(language),
        run.period(language),
        run.digest[:12],
        run.version and f"labkit {run.version}",
    )
    return " · ".join(filter(None, parts))


def _align(i: int) -> str:
    return ' class="t"' if i in (0, 5) else ""


def _table_row(row: Sequence[str]) -> str:
    first, *rest = row
    cells = "".join(f"<td{_align(i)}>{escape(cell)}</td>" for i, cell in enumerate(rest, 1))
    return f'<tr><th scope="row" class="t">{escape(first)}</th>{cells}</tr>'


def _width(text: str) -> int:
    """Columns of a terminal a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _width(text))
    return text + space if left else space + text
