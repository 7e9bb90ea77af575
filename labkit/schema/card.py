"""What others read of the tables: ``data/datapackage.json`` and the data card."""

from __future__ import annotations

from typing import Any

from labkit import terms
from labkit.schema.model import STORAGE, Column, Table, Type
from labkit.schema.tables import TABLES

_PERSONAL = {"none": "", "identifier": "identifier 编号", "direct": "personal 个人信息"}


def data_package() -> dict[str, Any]:
    """The tables as a Frictionless data package (https://datapackage.org, version 2).

    Examples
    --------
    >>> data_package()["resources"][0]["name"]
    'customers'
    """
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "labkit-utility",
        "title": "Tables of an electricity utility's customers · 电力客户数据表",
        "licenses": [{"name": "MIT", "title": "MIT License"}],
        "resources": [_resource(table) for table in TABLES.values()],
    }


def _resource(table: Table) -> dict[str, Any]:
    keys = [
        {"fields": [c.name], "reference": {"resource": c.references, "fields": [TABLES[c.references].key[0]]}}
        for c in table.columns
        if c.references
    ]
    schema: dict[str, Any] = {
        "fields": [_field(column) for column in table.columns],
        "primaryKey": list(table.key),
    }
    if keys:
        schema["foreignKeys"] = keys
    return {
        "name": table.name,
        "path": f"sample/{table.name}" + ("" if table.name == "readings" else ".parquet"),
        "title": f"{terms.label(table.name)} · {terms.label(table.name, 'zh')}",
        "description": f"{table.about_en} {table.about_zh}",
        "schema": schema,
    }


def _field(column: Column) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.values:
        constraints["enum"] = list(column.values)
    if column.low is not None:
        constraints["minimum"] = column.low
    if column.high is not None:
        constraints["maximum"] = column.high
    field: dict[str, Any] = {
        "name": column.name,
        "type": STORAGE[column.type][1],
        "title": f"{terms.label(column.name)} · {terms.label(column.name, 'zh')}",
    }
    if column.unit:
        field["unit"] = column.unit
    if column.personal != "none":
        field["personalData"] = column.personal
    if constraints:
        field["constraints"] = constraints
    return field


def data_card() -> str:
    """The tables as one Markdown page for people, English and Chinese side by side."""
    lines: list[str] = []
    for table in TABLES.values():
        need = "required 必需" if table.required else "optional 可选"
        lines += [
            f"### `{table.name}` · {terms.label(table.name)} · {terms.label(table.name, 'zh')}",
            "",
            f"{table.about_en} {table.about_zh}",
            "",
            f"Key 主键: {', '.join(f'`{k}`' for k in table.key)} · {need} · "
            f"notebooks 笔记本: {', '.join(table.wanted_by)}",
            "",
            "| column 字段 | title 名称 | 类型 type | unit 单位 | allowed 取值 | personal data 个人信息 |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_card_row(column) for column in table.columns]
        if table.rules:
            lines += ["", "Rules 规则:", ""]
            lines += [f"- `{rule.id}` ({rule.severity}): {rule.en}. {rule.zh}。" for rule in table.rules]
        lines.append("")
    return "\n".join(lines)


def _card_row(column: Column) -> str:
    allowed = ", ".join(column.values)
    if column.low is not None or column.high is not None:
        low = "" if column.low is None else f"{column.low:g}"
        high = "" if column.high is None else f"{column.high:g}"
        allowed = f"{low} … {high}" if low and high else (f"≥ {low}" if low else f"≤ {high}")
    name = f"`{column.name}`" + (" (required)" if column.required else "")
    title = f"{terms.label(column.name)} · {terms.label(column.name, 'zh')}"
    kind = "month 月份" if column.type is Type.MONTH else str(column.type)
    return f"| {name} | {title} | {kind} | {column.unit} | {allowed} | {_PERSONAL[column.personal]} |"
