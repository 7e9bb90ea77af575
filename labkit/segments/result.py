"""One kind of result for every classification of customers: who is where, how surely, what each group looks like."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from labkit import figures, terms
from labkit.estimates import estimate_share
from labkit.segments.errors import SegmentError

#: Groups for those who belong nowhere, always last; why is said customer by customer.
OUTLIER, UNKNOWN = "outlier", "unknown"
APART: dict[str, tuple[str, str]] = {OUTLIER: ("Unlike any group", "离群"), UNKNOWN: ("Not known", "无法判断")}
#: Columns of profiles that are hours of a typical day, such as ``workday_07``.
HOUR_COLUMN = re.compile(r"^(.+)_([01]\d|2[0-3])$")

#: New customers -> code of the group, certainty (0..1), why where it is outlier or unknown; all by customer_id.
Assigner = Callable[[Any], tuple[pd.Series, pd.Series, pd.Series]]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A classification: every customer in one group, none without.

    Attributes
    ----------
    name : str
        Such as ``behaviour``; what it is called in comparisons.
    labels : Series of str
        Code of the group by customer_id; never missing: ``outlier`` and ``unknown`` are groups of their own.
    certainty : Series of float
        How sure the membership is, 0..1, by customer_id; 1 where a rule decides, 0 where nothing is known.
    names : mapping of str to (str, str)
        Code -> name in English and Chinese, in the order in which groups are shown.
    profiles : DataFrame
        A row a group (index: code): what its customers are like; hours of typical days as ``workday_00`` ….
    assigner : callable
        What `assign` asks.
    why : Series of str
        Why a customer is outlier or unknown; empty otherwise.
    settings : mapping
        Parameters and thresholds the classification rests on, to be shown beside it.
    extras : mapping
        Tables particular to the kind, such as moves between tiers.
    """

    name: str
    labels: pd.Series
    certainty: pd.Series
    names: Mapping[str, tuple[str, str]]
    profiles: pd.DataFrame
    assigner: Assigner
    why: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))
    settings: Mapping[str, object] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_partition(self.labels, self.certainty, self.names)

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the groups that have customers, in the order they are shown; those apart last."""
        there = set(self.labels)
        return tuple(c for c in self.names if c in there and c not in APART) + tuple(c for c in APART if c in there)

    @property
    def sizes(self) -> pd.DataFrame:
        """``group``, ``customers_count``, ``share`` of all customers with ``low`` and ``high`` (Wilson, 95 %)."""
        counts, n = self.labels.value_counts(), len(self.labels)
        shares = [estimate_share(int(counts[code]), n) for code in self.codes]
        return pd.DataFrame(
            {
                "group": list(self.codes),
                "customers_count": [int(counts[code]) for code in self.codes],
                "share": [s.value for s in shares],
                "low": [s.low for s in shares],
                "high": [s.high for s in shares],
            }
        )

    def label(self, code: str, language: terms.Language = "en") -> str:
        """Name of a group."""
        return {**APART, **self.names}[code][language == "zh"]

    def describe(self, language: terms.Language = "en") -> pd.DataFrame:
        """A row a group: its name, size with interval, mean certainty, and what its customers are like.

        Returns
        -------
        DataFrame
            ``group`` (name in the language), ``customers_count``, ``share``, ``low``, ``high``, ``certainty``
            and the columns of the profiles that are no hours of a day.
        """
        table = self.sizes
        table["certainty"] = self.certainty.groupby(self.labels).mean().reindex(table["group"]).to_numpy()
        kept = [c for c in self.profiles.columns if not HOUR_COLUMN.match(str(c))]
        table = table.join(self.profiles[kept], on="group")
        table["group"] = [self.label(code, language) for code in table["group"]]
        return table

    def describe_apart(self, language: terms.Language = "en") -> pd.DataFrame:
        """Customers kept apart, in words: ``group``, ``apart_reason``, ``customers_count``."""
        apart = self.labels[self.labels.isin(list(APART))]
        why = self.why.reindex(apart.index).fillna("").map(lambda code: terms.category("why", code, language))
        table = pd.DataFrame({"group": apart.map(lambda code: self.label(code, language)), "apart_reason": why})
        return (
            table.groupby(["group", "apart_reason"], as_index=False).size().rename(columns={"size": "customers_count"})
        )

    def assign(self, new_customers: Any) -> pd.DataFrame:
        """Groups of customers the classification has not seen.

        Parameters
        ----------
        new_customers
            What the classification was made of: `Shapes`, a Series of amounts, a frame of customers or features.

        Returns
        -------
        DataFrame
            By customer_id: ``group`` (code), ``certainty``, ``why``.
        """
        labels, certainty, why = self.assigner(new_customers)
        check_partition(labels, certainty, self.names)
        return pd.DataFrame({"group": labels, "certainty": certainty, "why": why})

    def plot(self, ax: Axes | None = None, *, language: terms.Language = "en", most: int = 12, fewest: int = 1) -> Axes:
        """Typical days of each group, small and side by side; bars of shares where there are no typical days.

        Parameters
        ----------
        ax : Axes, optional
            Small pictures are laid into it.
        language : {"en", "zh"}
        most : int
            Groups drawn at most, in their order.
        fewest : int
            Groups of fewer customers are not drawn.
        """
        sizes = self.sizes.set_index("group")
        enough = [code for code in self.codes if sizes.loc[code, "customers_count"] >= fewest]
        days = [c for c in self.profiles.columns if HOUR_COLUMN.match(str(c))]
        drawn = [code for code in enough if code in self.profiles.index and code != UNKNOWN][:most]
        if days and drawn:
            titles = [f"{self.label(code, language)}  {sizes.loc[code, 'share']:.0%}" for code in drawn]
            rest = [self.label(c, language) for c in self.codes if c not in drawn]
            left = sizes.drop(index=drawn)[["customers_count", "share"]].sum()
            share = float(left["share"]) if left["customers_count"] >= fewest else 0.0
            return _plot_days(self.profiles.loc[drawn, days], titles, _not_drawn(rest, share, language), language, ax)
        shown = enough[:most]
        part = sizes.loc[shown, ["share", "low", "high"]] * 100
        unit = terms.Say(language)("customers [%]", "客户占比 [%]")
        names = [self.label(code, language) for code in shown]
        return figures.plot_bars(names, part["share"].tolist(), unit=unit, low=part["low"].tolist(),
                                 high=part["high"].tolist(), highlight=None, ax=ax)  # fmt: skip


def check_partition(labels: pd.Series, certainty: pd.Series, names: Mapping[str, tuple[str, str]]) -> None:
    """Refuse what is no classification of all customers.

    Raises
    ------
    SegmentError
        If a customer stands twice, has no group or no certainty, or groups share a name.
    """
    if not labels.index.is_unique:
        twice = labels.index[labels.index.duplicated()][0]
        raise SegmentError(f"labels: customer {twice} stands there twice; give one row a customer")
    if labels.isna().any():
        raise SegmentError(
            f"labels: {int(labels.isna().sum())} customers have no group; put them into {UNKNOWN!r} and say why"
        )
    strange = sorted(set(labels) - set(names) - set(APART))
    if strange:
        raise SegmentError(f"names: group {strange[0]!r} has no name; give each code one in English and in Chinese")
    if not certainty.index.equals(labels.index) or not certainty.between(0, 1).all():
        raise SegmentError("certainty: expected a number from 0 to 1 for each customer, in the order of the labels")
    for at, language in enumerate(terms.LANGUAGES):
        given = [pair[at] for pair in names.values()]
        if len(set(given)) < len(given):
            raise SegmentError(f"names: two groups have the same name in {language}; names must tell groups apart")


def need_columns(table: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Refuse a table that lacks a column."""
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise SegmentError(f"{what}: column {absent[0]} is missing; expected {', '.join(columns)}")


def by_rule(code: pd.Series, known: pd.Series, reason: str) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Labels, certainty and why where a rule decides."""
    labels = code.astype(object).where(known, UNKNOWN).rename("group")
    return (
        labels,
        known.astype(float).rename("certainty"),
        pd.Series(np.where(known, "", reason), code.index, dtype=object),
    )


def _not_drawn(names: list[str], share: float, language: terms.Language) -> str:
    """Who is in no picture, so that shares add up; groups are counted where they are many."""
    if not names:
        return ""
    say = terms.Say(language)
    who = say(", ", "、").join(names) if len(names) <= 2 else say(f"{len(names)} more groups", f"另外{len(names)}组")
    part = say("few", "户数很少") if share < 0.01 else f"{share:.1%}"
    return say(f"Not drawn: {who} ({part}).", f"未绘出：{who}（{part}）。")


def _plot_days(days: pd.DataFrame, titles: list[str], rest: str, language: terms.Language, ax: Axes | None) -> Axes:
    """A small picture a group: the first kind of day in the accent colour, the others in grey and broken."""
    across = min(3, len(days))
    down = -(-len(days) // across)
    blocks = list(dict.fromkeys(HOUR_COLUMN.sub(r"\1", c) for c in days.columns))
    top = float(np.nanmax(days.to_numpy(dtype=float))) * 1.08
    with figures.style():
        ax = ax or figures.new_axes(7.2, 0.5 + 1.7 * down)
        ax.set_axis_off()
        for i, (title, (_, row)) in enumerate(zip(titles, days.iterrows())):
            r, c = divmod(i, across)
            width, height = 1 / across, 1 / down
            box = (
                c * width + 0.025,
                1 - (r + 1) * height + 0.25 / (1.7 * down),
                width - 0.05,
                height - 0.72 / (1.7 * down),
            )
            small = ax.inset_axes(box)
            for b, block in reversed(list(enumerate(blocks))):
                load = row[[f"{block}_{h:02d}" for h in range(24)]].to_numpy(dtype=float)
                colour, dash = (figures.ACCENT, "-") if b == 0 else (figures.MUTED, ("--", ":", "-.")[(b - 1) % 3])
                small.step([*range(25)], [*load, load[-1]], where="post", color=colour, linestyle=dash, linewidth=1.6)
            small.set_xlim(0, 24)
            small.set_ylim(0, top)
            small.set_xticks([0, 8, 16, 24])
            marks = [*range(0, int(top) + 1, 1 if top < 5 else 2 if top < 10 else 5)]
            small.set_yticks(marks, [str(mark) if c == 0 else "" for mark in marks])
            small.tick_params(labelsize=8)
            small.grid(axis="y")
            small.set_title(textwrap.fill(title, 17 if language == "zh" else 34), fontsize=8.5, pad=4)
        say = terms.Say(language)
        kinds = say(", ", "、").join(
            f"{name} {mark}" for name, mark in zip((_block_name(b, language) for b in blocks), ("━", "╌", "┈", "─ ·"))
        )
        head = say(
            f"Load over the hours of a day, mean of each customer = 1; {kinds}.\nPer cent: of all customers. {rest}",
            f"一日各时刻负荷（以每户平均负荷为1）；{kinds}。\n百分数为户数占比。{rest}",
        )
        ax.set_title(head, fontsize=9, color=figures.SOFT)
    return ax


def _block_name(block: str, language: terms.Language) -> str:
    """Name of a kind of day, such as ``workday`` or ``summer_workday``."""
    parts = [terms.category("day_type" if p in ("workday", "weekend", "holiday") else "season", p, language)
             for p in block.split("_")]  # fmt: skip
    return ("" if language == "zh" else " ").join(parts)
