"""The account sheet: one A4 page an account manager can hand over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader

import labkit
from labkit import figures, terms
from labkit.accounts.assumptions import Assumptions
from labkit.accounts.case import Item
from labkit.accounts.load import NO_READINGS, AccountError
from labkit.accounts.sheet_drawings import draw_sheet, hours_table
from labkit.accounts.study import AccountStudy, study_accounts
from labkit.estimates import Estimate
from labkit.lab import Lab
from labkit.tariffs import Tariff, TariffError, power_factor_of
from labkit.terms import Language

_HERE = Path(__file__).parent
_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "sheet": "Account sheet", "other": "中文", "other_lang": "zh-Hans", "table": "The figures behind the drawings",
        "do": "What saves money", "dont": "What not to do", "changed": "What changed", "what": "Advice",
        "saving": "Saving, yuan a year (95% interval)", "cost": "Cost (yuan)", "payback": "Payback (years)",
        "colon": ": ", "hour": "Hour", "to": " to ",
    },
    "zh": {
        "sheet": "大客户服务单", "other": "English", "other_lang": "en", "table": "图中数据",
        "do": "可以节约的", "dont": "不宜做的", "changed": "用电变化", "what": "建议",
        "saving": "年节约，元（95% 区间）", "cost": "投资（元）", "payback": "回收期（年）",
        "colon": "：", "hour": "时刻", "to": " 至 ",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """Lines under a heading that others add to a sheet, in its language."""

    title: str
    lines: tuple[str, ...]


def sheet(
    lab: Lab,
    customer_id: str,
    language: Language = "en",
    *,
    tariffs: Iterable[Tariff] | None = None,
    assumptions: Assumptions | None = None,
) -> str:
    """One A4 page about an account: its load, what would save it money, what not to do.

    Parameters
    ----------
    lab : Lab
    customer_id : str
    language : {"en", "zh"}
    tariffs : iterable of Tariff, optional
        Today's and those it might change to; those in ``data/tariffs`` by default.
    assumptions : Assumptions, optional

    Returns
    -------
    str
        A page of HTML: one file, no script, no network, no name or phone number.

    Raises
    ------
    AccountError
        If there is no such customer, or no readings of it.
    TariffError
        If its tariff is not known.

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> html = sheet(lab, "C0000034", "zh")  # doctest: +SKIP
    """
    studies, refused = study_accounts(lab, [customer_id], tariffs, assumptions)
    if NO_READINGS in refused.values():
        raise AccountError(NO_READINGS)
    if refused:
        raise TariffError(refused[customer_id])
    return render_sheet(studies[customer_id], lab, language)


def render_sheet(
    study: AccountStudy,
    lab: Lab,
    language: Language,
    other: str = "",
    more: Sequence[Section] = (),
    title: str = "",
    stamp: str = "",
) -> str:
    """A study as a page; ``other`` is the address of the page in the other language, ``more`` what others add.

    ``title`` is what the customer is called (its number by default), ``stamp`` what must be read first.
    """
    data, about, words = study.data, lab.manifest.about, _WORDS[language]
    first, last = data.load.index[0].date(), data.load.index[-1].date()
    return (
        _environment()
        .get_template("sheet.html.j2")
        .render(
            lang={"en": "en", "zh": "zh-Hans"}[language],
            w=words,
            css=figures.page_colours() + (_HERE / "sheet.css").read_text(encoding="utf-8"),
            customer_id=title or data.customer_id,
            stamp=stamp,
            utility=about.name_zh if language == "zh" else about.name_en,
            period=f"{first}{words['to']}{last}",
            other=other,
            who=_who(study, language),
            answer=_answer(study, language),
            figures=_key_figures(study, language),
            drawings=draw_sheet(study, language),
            hours=hours_table(study, language, words["hour"]),
            to_do=[_item(item, language) for item in study.advice.to_do],
            not_to_do=[_item(item, language) for item in study.advice.not_to_do],
            changed=_changed(study, language),
            more=more,
            notes=[note.label(language) for note in study.advice.notes],
            footer=f"labkit {labkit.__version__} · {lab.manifest.digest[:12]}",
        )
    )


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_HERE), autoescape=True)


def _who(study: AccountStudy, language: Language) -> str:
    facts = study.data.facts
    name = study.advice.choice.table.set_index("tariff_id")[f"name_{language}"].get(
        facts["tariff_id"], facts["tariff_id"]
    )
    parts = [terms.category("customer_class", facts["customer_class"], language)]
    if pd.notna(facts["industry_code"]):
        parts.append(str(facts["industry_code"]))
    for column, unit in (("voltage_kv", "kV"), ("capacity_kva", "kVA")):
        if pd.notna(facts[column]):
            parts.append(f"{facts[column]:,g} {unit}")
    return " · ".join([*parts, str(name)])


def _answer(study: AccountStudy, language: Language) -> str:
    best = [item for item in study.advice.to_do if item.saving is not None][:1]
    zh = language == "zh"
    if not best:
        return (
            "没有发现值得做的节费措施；现行方式已属经济。"
            if zh
            else "Nothing found that is worth changing: what is in place is economical."
        )
    item = best[0]
    assert item.saving is not None
    share = item.saving.value / study.advice.bill_yuan if study.advice.bill_yuan else np.nan
    low, high = _money(item.saving.low), _money(item.saving.high)
    if zh:
        return (
            f"收益最大的一项：{item.title.zh}。每年约节约 {_money(item.saving.value)} 元（95% 区间 {low} 至 {high} 元），"
            f"占年电费的 {share:.1%}。"
        )
    return (
        f"The largest saving: {item.title.en[0].lower()}{item.title.en[1:]}. About {_money(item.saving.value)} yuan a year "
        f"(95% interval {low} to {high}), {share:.1%} of the bill."
    )


def _money(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:,.0f}"


def _key_figures(study: AccountStudy, language: Language) -> list[tuple[str, str, str]]:
    load, zh, data = study.load, language == "zh", study.data
    days = len(data.load) * data.interval_min / 1440
    pf = None
    if data.kvarh is not None:
        pf = float(power_factor_of(np.array([data.load.sum()]), np.array([data.kvarh.abs().sum()]))[0])
    bill, standard = study.advice.bill_yuan, data.facts["pf_standard"]
    energy = f"{load.energy_kwh / 1e4:,.1f} 万千瓦时" if zh else f"{load.energy_kwh / 1000:,.0f} MWh"
    cost = f"{bill / 1e4:,.1f} 万元" if zh else f"{bill / 1e6:,.2f} million yuan"
    at = load.maximum_demand_at
    when = f"{at.month} 月 {at.day} 日 {at:%H:%M}" if zh else f"{at.day} {at:%b %H:%M}"
    factor = f"{load.base_load_kw:,.0f} kW"
    coincidence, ends = "–", ""
    if load.coincidence is not None:
        coincidence = f"{load.coincidence.value:.0%}"
        ends = f"{load.coincidence.low:.0%}–{load.coincidence.high:.0%}" + (
            "（系统最高 40 小时）" if zh else " in the top 40 h"
        )
    told = "" if pd.isna(standard) else f"{'标准' if zh else 'standard'} {standard:.2f}"
    return [
        ("用电量" if zh else "Energy", energy, f"{days:.0f} 天" if zh else f"{days:.0f} days"),
        ("年电费" if zh else "Bill a year", cost, "按现行电价测算" if zh else "on today's tariff"),
        ("最大需量" if zh else "Maximum demand", f"{load.maximum_demand_kw:,.0f} kW", when),
        (
            "负荷率" if zh else "Load factor",
            f"{load.load_factor:.0%}",
            f"基荷 {factor}" if zh else f"base load {factor}",
        ),
        ("与系统高峰同时率" if zh else "At the system's peak", coincidence, ends),
        ("功率因数" if zh else "Power factor", "–" if pf is None else f"{pf:.2f}", told),
    ]


def _item(item: Item, language: Language) -> dict[str, Any]:
    saving, payback = item.saving, item.payback_years
    return {
        "title": item.title.label(language),
        "detail": item.detail.label(language),
        "saving": "–" if saving is None else _money(saving.value),
        "interval": "" if saving is None else _interval(saving, language),
        "cost": _money(item.cost_yuan) if item.cost_yuan else "–",
        "payback": "–" if payback is None else f"{payback.value:.1f}",
        "payback_interval": "" if payback is None else f"{payback.low:.1f}–{payback.high:.1f}",
    }


def _interval(value: Estimate, language: Language) -> str:
    if not np.isfinite(value.low):
        return "月数太少" if language == "zh" else "too few months"
    return f"{_money(value.low)}{_WORDS[language]['to']}{_money(value.high)}"


def _changed(study: AccountStudy, language: Language) -> list[str]:
    zh, lines = language == "zh", []
    if study.trend is not None and study.trend["direction"] != "unknown":
        change, low, high = (f"{study.trend[name]:+.0%}" for name in ("change_share", "low", "high"))
        direction = terms.category("direction", study.trend["direction"], language)
        lines.append(
            f"与上年同月相比电量 {change}（{low} 至 {high}）：{direction}。"
            if zh
            else f"Energy against the same months a year before {change} ({low} to {high}): {direction.lower()}."
        )
    for row in study.load.changes.itertuples():
        day = row.day.date()
        lines.append(
            f"自 {day} 起用电水平变化 {row.change_share:+.0%}（{row.low:+.0%} 至 {row.high:+.0%}），已扣除气温与日类型影响。"
            if zh
            else f"From {day} the level changed by {row.change_share:+.0%} ({row.low:+.0%} to {row.high:+.0%}), weather and type of day apart."
        )
    odd = study.load.unusual
    if len(odd):
        days = ("、" if zh else ", ").join(f"{r.day.date()} ({r.ratio:.0%})" for r in odd.head(4).itertuples())
        more = "" if len(odd) <= 4 else (f"，等 {len(odd)} 天" if zh else f" and {len(odd) - 4} more")
        lines.append(
            f"异常日（实际占应有）：{days}{more}。" if zh else f"Unusual days (actual over expected): {days}{more}."
        )
    if study.load.changes.empty and odd.empty:
        lines.append("用电水平没有持续变化，也没有异常日。" if zh else "No lasting change of level, no unusual day.")
    return lines


def write_sheets(
    lab: Lab,
    folder: Path,
    customer_ids: Sequence[str],
    languages: Sequence[Language] = terms.LANGUAGES,
    tariffs: Iterable[Tariff] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Sheets of some accounts, ``folder/<language>/<customer_id>.html``.

    Returns
    -------
    written, refused
        Ids with a sheet; and why there is none for the others.
    """
    studies, refused = study_accounts(lab, customer_ids, tariffs)
    for language in languages:
        write_studies(studies, lab, folder, language, languages)
    return list(studies), refused


def write_studies(
    studies: dict[str, AccountStudy],
    lab: Lab,
    folder: Path,
    language: Language,
    languages: Sequence[Language],
    more: Mapping[str, Sequence[Section]] | None = None,
    titles: Mapping[str, tuple[str, str]] | None = None,
    stamp: str = "",
) -> None:
    """Studies as sheets of one language, with links to another where there is one.

    By customer: ``more`` is what others add; ``titles`` what the file and the customer are called, the number by default.
    """
    (folder / language).mkdir(parents=True, exist_ok=True)
    other = next((lang for lang in languages if lang != language), None)
    for name, study in studies.items():
        label, title = (titles or {}).get(name, (name, name))
        file = sheet_file_name(label)
        link = f"../{other}/{file}" if other else ""
        page = render_sheet(study, lab, language, link, (more or {}).get(name, ()), title, stamp)
        (folder / language / file).write_text(page, encoding="utf-8")


def sheet_file_name(customer_id: str) -> str:
    """A safe file name; an id is data."""
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in customer_id)
    return f"{safe or 'account'}.html"
