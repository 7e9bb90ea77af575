"""The data card as a page: what the store behind a run holds, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

from labkit import privacy, terms
from labkit.lab import intake_counts
from labkit.report.frame import PageFacts, fill_page
from labkit.schema import TABLES, Column, Table
from labkit.store import DAY_TABLES, Manifest

_TYPES: dict[str, str] = {
    "text": "文本",
    "integer": "整数",
    "number": "数值",
    "boolean": "是/否",
    "date": "日期",
    "timestamp": "时间",
    "month": "月份",
}
_PERSONAL: dict[str, tuple[str, str]] = {
    "none": ("", ""),
    "identifier": ("identifier of a customer", "客户标识"),
    "direct": ("personal: never shown", "个人信息，不对外展示"),
}


def render_data_card(manifest: Manifest, facts: PageFacts, record: dict[str, Any] | None = None) -> str:
    """The data card of a store.

    Parameters
    ----------
    manifest : Manifest
    facts : PageFacts
    record : dict, optional
        What the intake read and set aside (`labkit.lab.Lab.intake_record`).
    """
    say = terms.Say(facts.language)
    there = [name for name in dict.fromkeys((*TABLES, *DAY_TABLES)) if name in manifest.tables]
    absent = [table for name, table in TABLES.items() if name not in manifest.tables]
    parts = [
        _about(manifest, facts, say),
        f"<h2>{say('Tables', '数据表')}</h2>",
        _tables(manifest, there, say),
        _intake(record, say),
        _absent(absent, say),
        f"<h2>{say('Columns', '字段')}</h2>",
        *(_columns(TABLES[name], say) for name in there if name in TABLES),
    ]
    return fill_page(
        replace(facts, here="data.html"),
        title=say("The data behind these pages", "本次分析所用数据"),
        eyebrow=f"{facts.utility} · {facts.period}",
        body="\n".join(filter(None, parts)),
    )


def _about(manifest: Manifest, facts: PageFacts, say: terms.Say) -> str:
    about = manifest.about
    hidden = say(
        f"protected: figures of fewer than {privacy.MIN_CUSTOMERS} customers are hidden",
        f"受保护：不足 {privacy.MIN_CUSTOMERS} 户的数据不显示",
    )
    disclosure = say("open: nothing is hidden", "公开：不作隐藏") if about.disclosure == "open" else hidden
    rows = [
        (say("Utility", "供电企业"), facts.utility),
        (say("Period", "数据期间"), facts.period),
        (say("Data digest", "数据指纹"), facts.digest),
        (say("Source", "数据来源"), say(", ", "、").join(about.sources) or say("not recorded", "未登记")),
        (say("Disclosure", "披露方式"), disclosure),
        (say("Time zone and calendar", "时区与节假日历"), f"{about.timezone} · {about.calendar}"),
        (say("Currency", "货币"), say(about.currency, "元" if about.currency == "yuan" else about.currency)),
    ]
    listed = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f'<dl class="facts">{listed}</dl>'


def _tables(manifest: Manifest, there: Sequence[str], say: terms.Say) -> str:
    heads = (say("Table", "数据表"), say("Rows", "行数"), say("First", "起始"), say("Last", "截止"))
    rows = []
    for name in there:
        entry = manifest.tables[name]
        if name in TABLES:
            title = f'<a href="#{name}">{escape(terms.label(name, say.language))}</a>'
        else:
            title = say("Reactive readings", "无功读数")
        unit = say(" customer-days", " 户日") if name in DAY_TABLES else ""
        span = [(moment or "")[:10] for moment in (entry.first, entry.last)]
        rows.append((title, f"{entry.rows:,}{unit}", *map(escape, span)))
    return _table(heads, rows, say("Tables", "数据表"), numbers=(1,))


def _intake(record: dict[str, Any] | None, say: terms.Say) -> str:
    if record is None or not record.get("files"):
        return ""
    counts = intake_counts(record)
    heads = [say("Table", "数据表"), *(terms.label(c, say.language) for c in counts.columns[1:])]
    rows = [
        (escape(terms.label(row[0], say.language)), *(f"{count:,}" for count in row[1:]))
        for row in counts.itertuples(index=False, name=None)
    ]
    title = say("What the intake read and set aside", "数据接入：读入与隔离")
    return f"<h2>{title}</h2>{_table(heads, rows, title, numbers=(1, 2, 3, 4))}"


def _absent(absent: Sequence[Table], say: terms.Say) -> str:
    if not absent:
        return ""
    names = say(", ", "、").join(escape(terms.label(table.name, say.language)) for table in absent)
    return f'<p class="note">{say("Not in these data: ", "本次数据中没有：")}{names}{say(".", "。")}</p>'


def _columns(table: Table, say: terms.Say) -> str:
    language = say.language
    title = escape(terms.label(table.name, language))
    heads = (say("Column", "字段"), say("Name in the data", "数据中的名称"), say("Type", "类型"),
             say("Unit", "单位"), say("Key", "键"), say("Personal data", "个人信息"))  # fmt: skip
    rows = [_column(column, column.name in table.key, say) for column in table.columns]
    about = escape(say(table.about_en, table.about_zh))
    listed = _table(heads, rows, title)
    return f'<h3 id="{table.name}">{title}</h3><p>{about}</p>{listed}'


def _column(column: Column, key: bool, say: terms.Say) -> tuple[str, ...]:
    needed = f' <span class="i">{say("required", "必填")}</span>' if column.required else ""
    return (
        escape(terms.label(column.name, say.language)) + needed,
        f'<span translate="no">{column.name}</span>',
        say(str(column.type), _TYPES[column.type]),
        escape(terms.unit(column.name, say.language)),
        _key(column, key, say),
        say(*_PERSONAL[column.personal]),
    )


def _key(column: Column, key: bool, say: terms.Say) -> str:
    if key:
        return say("key", "主键")
    if not column.references:
        return ""
    title = terms.label(column.references, say.language)
    return escape(say(f"of {title.lower()}", f"关联{title}"))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], title: str, numbers: Sequence[int] = ()) -> str:
    """A table of safe HTML; columns of words stand left."""
    aligned = ["" if i in numbers else ' class="t"' for i in range(len(heads))]
    head = "".join(f'<th scope="col"{a}>{h}</th>' for h, a in zip(heads, aligned, strict=True))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td{a}>{cell}</td>" for cell, a in zip(row[1:], aligned[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{title}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
