"""A card of one customer for JupyterLab: who it is, its figures beside those of its class, what is not known.

For colleagues at work only: a card is about one customer, so pages for management leave it out.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from labkit import figures, privacy, profiles, terms
from labkit.lab import Lab
from labkit.portrait.card_day import compare_days, plot_day, tell_day
from labkit.portrait.card_page import CardRow, PortraitCard
from labkit.portrait.card_values import list_doubts, list_missing, show_value
from labkit.portrait.columns import SEGMENT_PREFIX, column_of, group_columns
from labkit.portrait.errors import PortraitError
from labkit.portrait.standing import LEAST_PEERS, find_customer, stand_among
from labkit.portrait.whole import portrait
from labkit.terms import Language, Say

_HEAD = ("customer_class", "industry_code", "settlement", "area_id", "voltage_kv", "capacity_kva")


def card(
    people: pd.DataFrame | Lab,
    customer_id: str,
    language: Language = "en",
    *,
    typical_day: pd.DataFrame | None = None,
    tag_names: Mapping[str, str] | None = None,
    columns: Sequence[str] | None = None,
    words: Sequence[str] = (),
    key: bytes | None = None,
) -> PortraitCard:
    """A card of one customer: its figures beside those of its class, its workday, tags and segments.

    Parameters
    ----------
    people : DataFrame or Lab
        Of `labkit.portrait.portrait`, perhaps with tags and segments; or a lab, which is read whole for
        it: for several cards make the portrait once.
    customer_id : str
    language : {"en", "zh"}
    typical_day : DataFrame, optional
        Of `labkit.profiles.typical_days`; worked out where a lab is given.
    tag_names : mapping of str to str, optional
        Id -> name, in the language, of the tags to show, such as the leaves of a scheme; all by their id by default.
    columns : sequence of str, optional
        Columns of the portrait to show; those marked in ``columns.csv`` by default.
    words : sequence of str
        People's own tags of the customer; read where a lab is given.
    key : bytes, optional
        Then a pseudonym stands for the customer number (`labkit.privacy.read_key`).

    Returns
    -------
    PortraitCard
        Without name, telephone and place: the portrait has none. A notebook keeps what it shows: clear
        its outputs before it is handed on; pages of `labkit report` leave cards out by themselves.

    Raises
    ------
    PortraitError
        If there is no such customer or column.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["A"], "customer_class": ["public"], "bills_count": [0], "billed_kwh": [None]})
    >>> print(card(people, "A", columns=["billed_kwh"]).missing[-1])
    No bills: Energy billed
    """
    if isinstance(people, Lab):
        lab, people = people, portrait(people)
        words = words or _words_of(lab, customer_id)
        if typical_day is None and lab.has("readings"):
            typical_day = profiles.typical_days(lab)
    row, shown = find_customer(people, customer_id), _columns_of(people, columns)
    standing, alike = stand_among(people, customer_id), _alike(people, row)
    kept = [name for name in shown if pd.notna(row[name])]
    rows = {name: _row(name, row[name], standing, language) for name in kept}
    day = None if typical_day is None else compare_days(typical_day, customer_id, alike)
    told = "" if day is None else tell_day(day, language)
    return PortraitCard(
        customer=privacy.pseudonym(customer_id, key) if key else customer_id,
        language=language,
        head=tuple(show_value(n, row[n], language) for n in _HEAD if n in row and pd.notna(row[n])),
        groups=_grouped(rows, language),
        segments=_segments_of(row, language),
        tags=_tags_of(row, tag_names),
        words=tuple(words),
        doubts=tuple(list_doubts(row, language)),
        missing=tuple(list_missing(people, row, shown, language)),
        peers=_peers(row, len(alike), language),
        day="" if day is None else figures.to_page_svg(plot_day(day, language), told, f"d{zlib.crc32(told.encode())}"),
        day_told=told or _no_day(typical_day, language),
    )


def _columns_of(people: pd.DataFrame, columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return [name for name in people.columns if column_of(name).on_card]
    absent = [name for name in columns if name not in people]
    if absent:
        raise PortraitError(f"the portrait has no column {absent[0]}: see describe_columns for those there are")
    return list(columns)


def _alike(people: pd.DataFrame, row: pd.Series) -> pd.Index:
    """The others of a customer's class."""
    own = row["customer_class"]
    same = people["customer_class"].isna() if pd.isna(own) else people["customer_class"] == own
    return pd.Index(people.loc[same & (people["customer_id"] != row["customer_id"]), "customer_id"])


def _segments_of(row: pd.Series, language: Language) -> dict[str, str]:
    names = [str(name) for name in row.index if str(name).startswith(SEGMENT_PREFIX) and pd.notna(row[name])]
    return {column_of(name).title(language): str(row[name]) for name in names}


def _tags_of(row: pd.Series, tag_names: Mapping[str, str] | None) -> tuple[str, ...]:
    ids = str(row["tag_ids"]).split() if pd.notna(row.get("tag_ids")) else []
    return tuple(ids) if tag_names is None else tuple(tag_names[tag] for tag in ids if tag in tag_names)


def _row(name: str, value: Any, standing: pd.DataFrame, language: Language) -> CardRow:
    title, shown = column_of(name).title(language), show_value(name, value, language)
    number = name in standing.index
    # A place among all is a place already.
    if not number or name == "value_rank" or pd.isna(standing.loc[name, "below_share"]):
        return CardRow(name, title, shown, number)
    place = standing.loc[name]
    median = show_value(name, float(place["peers_median"]), language)
    return CardRow(
        name, title, shown, number, median, round(place["below_share"] * 100), bool(place["alike_share"] > 0.5)
    )


def _grouped(rows: Mapping[str, CardRow], language: Language) -> dict[str, tuple[CardRow, ...]]:
    return {
        terms.category("attribute_group", group, language): tuple(rows[name] for name in names)
        for group, names in group_columns(rows).items()
    }


def _peers(row: pd.Series, others: int, language: Language) -> str:
    say = Say(language)
    own = row["customer_class"]
    name = say("no class", "类别未登记") if pd.isna(own) else terms.category("customer_class", own, language)
    if others < LEAST_PEERS:
        return say(
            f"Only {others} other{'s' * (others != 1)} of its class ({name.lower()}): too few to compare.",
            f"同类（{name}）其他客户仅 {others} 户，不作比较。",
        )
    return say(
        f"P and bar: percentile among the {others:,} others of its class ({name.lower()}) that have a value; 0 lowest, 100 highest.",
        f"P 与横条：在同类（{name}）其他 {others:,} 户有值客户中的百分位，0 最低，100 最高。",
    )


def _no_day(typical_day: pd.DataFrame | None, language: Language) -> str:
    if typical_day is None:
        return ""
    return Say(language)(
        "No picture of a day: hours of workdays without readings, or all nought.",
        "无日负荷曲线：工作日有时刻没有读数，或读数全为零。",
    )


def _words_of(lab: Lab, customer_id: str) -> list[str]:
    """People's own tags of a customer, each once."""
    if not lab.has("taggings"):
        return []
    own = lab.taggings.filter(lab.taggings.customer_id == customer_id).select("tag").distinct().order_by("tag")
    return [str(word) for word in lab.run(own)["tag"]]
