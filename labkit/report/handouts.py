"""What a run writes besides pages: the account sheets, with a list for account managers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import labkit
from labkit import accounts, loyalty, terms
from labkit.accounts import AccountStudy, Section
from labkit.loyalty import RetentionCard
from labkit.report.frame import PageFacts, fill_page
from labkit.report.naming import Naming

_FOLDER = "accounts"


@dataclass(frozen=True)
class Handouts:
    """Files to hand on.

    Attributes
    ----------
    sheets_count : int
        Accounts that have a sheet, in each language.
    refused : tuple of str
        Why there is none for others, a sentence each.
    """

    sheets_count: int = 0
    refused: tuple[str, ...] = ()

    def section(self, language: terms.Language, prefix: str) -> str:
        """What the index says of them (safe HTML); empty if there is nothing."""
        if not self.sheets_count and not self.refused:
            return ""
        zh = language == "zh"
        parts = [f"<h2>{'供下发的文件' if zh else 'To hand on'}</h2>"]
        if self.sheets_count:
            link = f"{prefix}{_FOLDER}/{language}/index.html"
            words = (
                f"{self.sheets_count} 份大客户服务单，每户一页 A4，供客户经理使用"
                if zh
                else f"{self.sheets_count} account sheets, one A4 page each, for account managers"
            )
            parts.append(f'<p><a href="{link}">{words}</a></p>')
        parts += [f'<p class="note">{escape(text)}</p>' for text in self.refused]
        return "\n".join(parts)


def write_account_sheets(
    data: Path,
    folder: Path,
    languages: Sequence[terms.Language],
    facts: dict[terms.Language, PageFacts],
    naming: Naming = Naming(),  # noqa: B008 - it is frozen
) -> Handouts:
    """Sheets of the key accounts of a data folder, with a list of them in each language.

    Parameters
    ----------
    data : Path
        A store; without readings or bills there is nothing to write.
    folder : Path
        Of the run.
    facts : dict
        What the list says of itself, by language.
    naming : Naming
        What customers are called; by default no account number and no name is written.
    """
    with labkit.open(data, verify=False) as lab:
        if not lab.has("readings", "bills"):
            return Handouts()
        ranked = accounts.rank_accounts(lab)
        metered = set(lab.run(lab.readings.select("customer_id").distinct())["customer_id"])
        ids = [str(name) for name in ranked.loc[ranked["key_account"], "customer_id"] if name in metered]
        if not ids:
            return Handouts()
        studies, refused = accounts.study_accounts(lab, ids)
        cards = loyalty.retention_cards(lab, list(studies))
        if naming.named and "name" in lab.customers.columns:
            who = lab.run(lab.customers.filter(lab.customers.customer_id.isin(ids)).select("customer_id", "name"))
            naming = replace(naming, names=dict(who.dropna().itertuples(index=False)))
        titles = _titles(studies, naming)
        # Single customers can be told by what a sheet shows: the folder is its owner's alone.
        (folder / _FOLDER).mkdir(mode=0o700)
        for language in languages:
            more = {name: (_section(card, language),) for name, card in cards.items()}
            stamp = naming.stamp(language)
            accounts.write_studies(studies, lab, folder / _FOLDER, language, languages, more, titles, stamp)
            page = _list_page(studies, language, facts[language], titles)
            (folder / _FOLDER / language / "index.html").write_text(page, encoding="utf-8")
    return Handouts(len(studies), tuple(dict.fromkeys(refused.values())))


def _titles(studies: dict[str, AccountStudy], naming: Naming) -> dict[str, tuple[str, str]]:
    """What file and customer are called, by customer; places are those of the list, the largest saving first."""
    order = sorted(studies, key=lambda name: (-_best_yuan(studies[name]), name))
    return {name: (naming.label(name, i), naming.title(name, i)) for i, name in enumerate(order, 1)}


def _best_yuan(study: AccountStudy) -> float:
    best = next((item.saving for item in study.advice.to_do if item.saving is not None), None)
    return best.value if best is not None else 0.0


def _section(card: RetentionCard, language: terms.Language) -> Section:
    """What loyalty knows of an account, as part of its sheet."""
    if language == "zh":
        return Section(card.title_zh, card.lines_zh)
    return Section(card.title_en, card.lines_en)


def _list_page(
    studies: dict[str, AccountStudy],
    language: terms.Language,
    facts: PageFacts,
    titles: dict[str, tuple[str, str]],
) -> str:
    zh = language == "zh"
    heads = (
        ("客户", "用电类别", "年电费（元）", "电量走势", "收益最大的一项", "年节约（元）", "95% 区间")
        if zh
        else ("Account", "Class", "Bill a year (yuan)", "Energy", "Largest saving", "Yuan a year", "95% interval")
    )
    rows = []
    for name, (label, called) in titles.items():
        study = studies[name]
        best = next((item for item in study.advice.to_do if item.saving is not None), None)
        kind = terms.category("customer_class", study.data.facts["customer_class"], language)
        value = best.saving.value if best and best.saving else 0.0
        ends = f"{best.saving.low:,.0f} – {best.saving.high:,.0f}" if best and best.saving else "–"
        title = best.title.label(language) if best else "–"
        link = f'<a href="{escape(accounts.sheet_file_name(label))}">{escape(called)}</a>'
        trend = "–" if study.trend is None else terms.category("direction", study.trend["direction"], language)
        cells = (kind, f"{study.advice.bill_yuan:,.0f}", trend, title, f"{value:,.0f}", ends)
        classes = (' class="t"', "", ' class="t"', ' class="t"', "", "")
        told = "".join(f"<td{c}>{escape(t)}</td>" for t, c in zip(cells, classes, strict=True))
        rows.append(f'<tr><th scope="row">{link}</th>{told}</tr>')
    aligned = ("", ' class="t"', "", ' class="t"', ' class="t"', "", "")
    head = "".join(f'<th scope="col"{c}>{escape(h)}</th>' for h, c in zip(heads, aligned, strict=True))
    body = "".join(rows)
    note = (
        "每户一页，供客户经理上门时使用；内容涉及单个客户，请勿对外公开。按年节约由大到小排列。"
        if zh
        else "One page an account, for the account manager's visit; single customers can be seen here, so keep it inside. "
        "Largest saving first."
    )
    title = "大客户服务单" if zh else "Account sheets"
    return fill_page(
        facts,
        title=title,
        eyebrow=f"{facts.utility} · {facts.period}",
        body=f'<p class="note">{note}</p><div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>',
    )
