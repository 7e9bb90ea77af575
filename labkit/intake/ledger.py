"""What becomes of each row of a file: good, set aside with its rules, or repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from labkit import privacy
from labkit.intake import values
from labkit.intake.findings import FileCount, Finding
from labkit.intake.lines import split_cells
from labkit.intake.match import extra_columns
from labkit.intake.rows import Judge, Judged
from labkit.intake.sources import Source, TextSource
from labkit.schema import TABLES, Rule


class BadRows:
    """Lines set aside and the rules each breaks; as arrays, since it may be every line of a file."""

    def __init__(self) -> None:
        self.rules: dict[tuple[str, str], Rule] = {}
        self._lines: list[np.ndarray] = []
        self._broken: list[np.ndarray] = []

    def add(self, lines: np.ndarray, rule: Rule) -> None:
        """Enter lines that break a rule."""
        if len(lines):
            # The same fault with other figures in its text is the same fault.
            key = rule.id, re.sub(r"\d+", "#", rule.en)
            self.rules.setdefault(key, rule)
            self._lines.append(np.asarray(lines, np.int64))
            self._broken.append(np.full(len(lines), list(self.rules).index(key), np.int16))

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Lines in order, and with each the place in `rules` of the rule it breaks."""
        if not self._lines:
            return np.empty(0, np.int64), np.empty(0, np.int16)
        lines, broken = np.concatenate(self._lines), np.concatenate(self._broken)
        order = np.argsort(lines, kind="stable")
        return lines[order], broken[order]

    def __len__(self) -> int:
        return len(np.unique(np.concatenate(self._lines))) if self._lines else 0


@dataclass
class Taken:
    """A source that has found its table, with the ledger of its rows.

    Attributes
    ----------
    bad : BadRows
    warned : dict
        Rule id -> rule, first line, rows; these rows stay.
    """

    source: Source
    table: str
    judge: Judge
    number: int
    count: FileCount
    bad: BadRows = field(default_factory=BadRows)
    warned: dict[str, tuple[Rule, int, int]] = field(default_factory=dict)

    def note(self, judged: Judged) -> np.ndarray:
        """Enter a batch; gives which of its rows break no rule that costs them their place."""
        self.count.read += len(judged.lines)
        fine = judged.broken & self.judge.errors == 0
        if judged.broken.any():
            for i, rule in enumerate(self.judge.rules):
                hit = judged.broken >> i & 1 == 1
                if rule.severity == "error":
                    self.bad.add(judged.lines[hit], rule)
                elif (hit & fine).any():
                    mine = judged.lines[hit & fine]
                    _, first, rows = self.warned.get(rule.id, (rule, int(mine.min()), 0))
                    self.warned[rule.id] = (rule, min(first, int(mine.min())), rows + len(mine))
        return np.asarray(fine)

    def set_aside(self, lines: list[int], rule: Rule) -> None:
        """Enter rows that break a rule which needs other rows."""
        self.bad.add(np.asarray(lines, np.int64), rule)

    def note_invalid(self) -> None:
        """Enter the lines that the source itself has set aside."""
        by_rule: dict[str, tuple[Rule, list[int]]] = {}
        for line, text, reason in self.source.invalid:
            if text.strip():
                rule = reason if isinstance(reason, Rule) else line_rule(self.table, reason)
                by_rule.setdefault(f"{rule.id} {rule.en}", (rule, []))[1].append(line)
        for rule, lines in by_rule.values():
            self.count.read += len(lines)
            self.set_aside(lines, rule)

    def close(self) -> tuple[list[Finding], pd.DataFrame]:
        """Findings, and the rows set aside with their original text.

        Raises
        ------
        AssertionError
            If the rows do not add up: nothing may be published then.
        """
        c = self.count
        if c.read != c.good + c.quarantined + c.duplicates:
            parts = f"{c.good} + {c.quarantined} + {c.duplicates}"
            raise AssertionError(f"{c.file}: {c.read} rows read, but {parts}; nothing is published")
        lines, broken = self.bad.pairs()
        single, starts = np.unique(lines, return_index=True)
        wanted = np.union1d(single, [first for _, first, _ in self.warned.values()]).astype(np.int64)
        texts = self.source.originals(wanted) if len(wanted) else {}
        ids = np.array([rule.id for rule in self.bad.rules.values()] or [""], object)[broken]
        ends = np.append(starts[1:], len(lines))[: len(starts)]
        rows = {
            "file": self.source.name,
            "line": [self.source.line_of(number) for number in single.tolist()],
            "rules": [" ".join(dict.fromkeys(ids[a:b])) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)],
            "original": [texts.get(line, "") for line in single.tolist()],
        }
        return self._findings(texts, lines, broken), pd.DataFrame(rows, columns=list(rows))

    def _findings(self, texts: dict[int, str], lines: np.ndarray, broken: np.ndarray) -> list[Finding]:
        found = [*self.warned.values()]
        for i, rule in enumerate(self.bad.rules.values()):
            mine = np.unique(lines[broken == i])
            found.append((rule, int(mine[0]), len(mine)))
        findings = [self._finding(rule, first, rows, texts.get(first, "")) for rule, first, rows in found]
        if unnamed := sorted(self.source.unnamed):
            findings.append(extra_columns(self.source.name, self.table, unnamed, self.source.header))
        if self.source.above:
            findings.append(title_rows(self.source.name, self.table, self.source.above))
        return findings

    def _finding(self, rule: Rule, first: int, rows: int, text: str) -> Finding:
        written = [(column, self._written(column, text)) for column in rule.columns]
        column, value = written[0]
        fix = rule.fix_en, rule.fix_zh
        if rule.id.endswith(".type") and column in self.judge.match.positions:
            fix = values.explain(value, self.judge.column(column))
        shown = ", ".join(privacy.mask(value) for _, value in written if value)
        return Finding(
            rule.id,
            rule.severity,
            self.source.name,
            self.table,
            rule.columns,
            rows,
            self.source.line_of(first),
            shown,
            rule.en,
            rule.zh,
            *fix,
        )

    def _written(self, column: str, text: str) -> str:
        """What stands in a column of an original line."""
        at = self.judge.match.positions.get(column)
        if at is None or not text:
            return ""
        delimiter = self.source.delimiter if isinstance(self.source, TextSource) else ","
        cells = split_cells(text, delimiter)
        return cells[at] if at < len(cells) else ""


def reference_rule(table: str, column: str, parent: str) -> Rule:
    """A number that the parent table does not have."""
    return Rule(
        f"{table}.{column}.reference",
        (column,),
        lambda t: t[column].isnull(),
        f"not found among the good rows of {parent}",
        f"在 {parent} 的有效行中找不到",
        f"add it to {parent}, or correct the number; where a spreadsheet has eaten leading zeros, export it as text",
        f"在 {parent} 中补充，或更正编号；若前导零被表格软件去掉，请按文本重新导出",
    )


def daily_rule() -> Rule:
    """Totals of days among interval readings."""
    return Rule(
        "readings.ts.daily",
        ("ts",),
        lambda t: t.ts.isnull(),
        "one value a day at midnight: totals of days, not readings of intervals",
        "每日仅零点一个数值，应为日电量而非时段读数",
        "bring readings of 15, 30 or 60 minutes; totals belong into bills",
        "请提供 15、30 或 60 分钟读数；日、月合计请归入账单",
    )


def interval_rule(interval_min: int) -> Rule:
    """A time between the intervals that the mapping names."""
    return Rule(
        "readings.ts.interval",
        ("ts",),
        lambda t: t.ts.isnull(),
        f"the time is no multiple of the {interval_min} minutes that the mapping names",
        f"时刻不在映射文件所列 {interval_min} 分钟间隔上",
        "correct `interval_min` in the mapping, or leave it out",
        "更正映射文件中的 interval_min，或删去该项",
    )


def conflict_rule(table: str, key: tuple[str, ...]) -> Rule:
    """A key that stands there again with other values."""
    return Rule(
        f"{table}.key.unique",
        key,
        lambda t: t[key[0]].isnull(),
        "the same key stands there again with other values; none of them is taken",
        "同一主键出现多次且内容不同，均未采用",
        "keep the right row at the source",
        "在源系统保留正确的一行",
    )


#: How a reason why a line is no row begins -> the same in Chinese.
_REASONS_ZH = {
    "a quote": "引号未闭合",
    "quotes": "引号内又有引号",
    "characters": "含无法识别的字符",
    "longer": "行过长",
}


def line_rule(table: str, reason: str) -> Rule:
    """A line that is no row of the table."""
    width = re.fullmatch(r"(\d+) columns where the header has (\d+)", reason)
    begins = next((zh for en, zh in _REASONS_ZH.items() if reason.startswith(en)), "列数不符")
    reason_zh = f"有 {width[1]} 列，表头为 {width[2]} 列" if width else begins
    return Rule(
        f"{table}.line.readable",
        ("line",),
        lambda t: t.line.isnull(),
        f"the line cannot be split into columns: {reason}",
        f"该行无法按列拆分：{reason_zh}",
        "correct quotes, delimiters or characters in this line",
        "检查该行的引号、分隔符与字符",
    )


def repeated_file(name: str, earlier: str, table: str | None) -> Finding:
    """A file whose content was read before."""
    return Finding(
        "file.repeated", "warning", name, table or "", ("file",), 0, None, "",
        f"the same content as {earlier}; read once", f"与 {earlier} 内容相同，只读入一次", "remove one of the two", "删除其中一个",
    )  # fmt: skip


def unknown_file(name: str) -> Finding:
    """A file named after no table."""
    tables = ", ".join(TABLES)
    return Finding(
        "file.unknown", "warning", name, "", ("file",), 0, None, "",
        "named after no table; not read", "文件名与任何数据表不符，未读入",
        f"name it after its table ({tables}), or say so in mapping.yaml", "按数据表命名，或在 mapping.yaml 中说明",
    )  # fmt: skip


def irregular_file(name: str) -> Finding:
    """A folder, pipe or broken link with the name of a file."""
    return Finding(
        "file.irregular", "warning", name, "", ("file",), 0, None, "",
        "a folder, pipe or broken link, not a file; not opened", "不是普通文件（文件夹、管道或失效链接），未打开",
        "put a file of its own in its place", "请换成普通文件",
    )  # fmt: skip


def unread_ending(name: str) -> Finding:
    """A file whose ending says that it holds no table, or a program."""
    return Finding(
        "file.ending", "warning", name, "", ("file",), 0, None, "",
        "not of a kind that is read; not opened", "不支持的文件类型，未打开",
        "unpack it, or export it as CSV, Excel or Parquet", "请解压，或导出为 CSV、Excel 或 Parquet",
    )  # fmt: skip


def hidden_sheet(name: str) -> Finding:
    """A sheet that Excel does not show."""
    return Finding(
        "file.hidden", "warning", name, "", ("file",), 0, None, "",
        "a hidden sheet; not read", "隐藏的工作表，未读入",
        "show it in Excel if it is meant to be read", "如需读入，请在 Excel 中取消隐藏",
    )  # fmt: skip


def title_rows(name: str, table: str, rows: int) -> Finding:
    """Rows above the header."""
    return Finding(
        f"{table}.header.above", "warning", name, table, ("line",), rows, None, "",
        "rows above the header are taken for a title; not read", "表头以上的行视为标题，未读入",
        "move the header to the first line if they are data", "若为数据行，请将表头移到首行",
    )  # fmt: skip
