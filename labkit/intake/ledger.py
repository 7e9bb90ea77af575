"""What becomes of each row of a file: good, set aside with its rules, or repeated."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from labkit import privacy
from labkit.intake import values
from labkit.intake.findings import FileCount, Finding
from labkit.intake.rows import Judge, Judged
from labkit.intake.sources import Source, TextSource
from labkit.schema import TABLES, Rule


@dataclass
class Taken:
    """A source that has found its table, with the ledger of its rows.

    Attributes
    ----------
    bad : dict
        Line -> rules it breaks.
    warned : dict
        Rule id -> rule, first line, rows; these rows stay.
    """

    source: Source
    table: str
    judge: Judge
    number: int
    count: FileCount
    bad: dict[int, list[Rule]] = field(default_factory=dict)
    warned: dict[str, tuple[Rule, int, int]] = field(default_factory=dict)

    def note(self, judged: Judged) -> np.ndarray:
        """Enter a batch; gives which of its rows break no rule that costs them their place."""
        self.count.read += len(judged.lines)
        suspects = np.flatnonzero(judged.broken)
        for line, broken in zip(judged.lines[suspects].tolist(), judged.broken[suspects].tolist(), strict=True):
            rules = [rule for i, rule in enumerate(self.judge.rules) if broken >> i & 1]
            errors = [rule for rule in rules if rule.severity == "error"]
            if errors:
                self.bad[line] = errors
                continue
            for rule in rules:
                _, first, rows = self.warned.get(rule.id, (rule, line, 0))
                self.warned[rule.id] = (rule, first, rows + 1)
        return np.asarray(judged.broken & self.judge.errors == 0)

    def set_aside(self, lines: list[int], rule: Rule) -> None:
        """Enter rows that break a rule which needs other rows."""
        for line in lines:
            self.bad.setdefault(line, []).append(rule)

    def note_invalid(self) -> None:
        """Enter the lines that the source itself has set aside."""
        for line, text, reason in self.source.invalid:
            if text.strip():
                self.count.read += 1
                self.bad[line] = [reason if isinstance(reason, Rule) else line_rule(self.table, reason)]

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
        wanted = set(self.bad) | {first for _, first, _ in self.warned.values()}
        texts = self.source.originals(wanted) if wanted else {}
        rows = [
            (
                self.source.name,
                self.source.line_of(line),
                " ".join(dict.fromkeys(rule.id for rule in rules)),
                texts.get(line, ""),
            )
            for line, rules in sorted(self.bad.items())
        ]
        return self._findings(texts), pd.DataFrame(rows, columns=["file", "line", "rules", "original"])

    def _findings(self, texts: dict[int, str]) -> list[Finding]:
        by_rule = dict(self.warned)
        for line in sorted(self.bad):
            for rule in self.bad[line]:
                _, first, rows = by_rule.get(rule.id, (rule, line, 0))
                by_rule[rule.id] = (rule, first, rows + 1)
        return [self._finding(rule, first, rows, texts.get(first, "")) for rule, first, rows in by_rule.values()]

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
        cells = next(csv.reader([text], delimiter=delimiter), [])
        return cells[at] if at < len(cells) else ""


def reference_rule(table: str, column: str, parent: str) -> Rule:
    """A number that the parent table does not have."""
    return Rule(
        f"{table}.{column}.reference",
        (column,),
        lambda t: t[column].isnull(),
        f"not found among the good rows of {parent}",
        f"在 {parent} 的有效行中找不到",
        f"add it to {parent}, or correct the number",
        f"在 {parent} 中补充，或更正编号",
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


def line_rule(table: str, reason: str) -> Rule:
    """A line that is no row of the table."""
    return Rule(
        f"{table}.line.readable",
        ("line",),
        lambda t: t.line.isnull(),
        f"the line cannot be split into columns: {reason}",
        "该行无法按列拆分",
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
