"""Conditions on findings: whether a figure surely lies above or below a bound, or cannot be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from scipy import stats

from labkit import terms
from labkit.findings import Finding, Findings
from labkit.market.errors import MarketError
from labkit.market.factors import finding_of
from labkit.market_segments import Segment

_Z = 1.959964


@dataclass(frozen=True)
class Condition:
    """What a finding must be for a choice to hold.

    Attributes
    ----------
    finding : str
        Its name; of a segment the segment's own, or that of its customer class.
    above, below : float
        The whole interval lies there (a finding without one: the figure).
    about : str
        Code the finding must be about, such as ``channel=online``.
    """

    finding: str
    above: float | None = None
    below: float | None = None
    about: str = ""

    def holds(self, item: Finding | None) -> bool | None:
        """Whether it holds; None if there is no such finding or it has no figure.

        Examples
        --------
        >>> late = Finding("09.late_share", 0.12, "%", "%", "", "", low=0.10, high=0.14)
        >>> Condition("09.late_share", above=0.05).holds(late), Condition("09.late_share", above=0.11).holds(late)
        (True, False)
        """
        if item is None or pd.isna(item.value):
            return None
        ends = item.estimate
        low, high = (ends.low, ends.high) if ends else (item.value, item.value)
        return bool(
            (self.above is None or low > self.above)
            and (self.below is None or high < self.below)
            and (not self.about or item.subject == self.about)
        )

    def tell(self, item: Finding | None, *, chinese: bool, holds: bool) -> str:
        """At what the condition would come true (``holds``) or would no longer be; it asks for an end of the interval."""
        if item is None:
            return ""
        name = item.zh if chinese else item.en[:1].lower() + item.en[1:]
        parts = []
        ends = item.estimate
        low, high = (ends.low, ends.high) if ends else (item.value, item.value)
        for bound, lower in ((self.above, True), (self.below, False)):
            if bound is None or (holds and (low > bound if lower else high < bound)):
                continue
            shown = replace(item, value=bound).shown("zh" if chinese else "en")
            rises = lower == holds
            if chinese:
                end, way = ("区间下限" if lower else "区间上限"), ("升到" if rises else "降到")
                parts.append(f"{name}的{end}{way} {shown} {'以上' if rises else '以下'}")
            else:
                end, way = ("lower" if lower else "upper"), ("rises above" if rises else "falls below")
                parts.append(f"the {end} end of {name} {way} {shown}")
        if self.about and (item.subject == self.about) != holds:
            column, _, code = self.about.partition("=")
            label = terms.category(column, code, "zh" if chinese else "en")
            parts.append(
                f"{name}{'为' if holds else '不再是'}{label}"
                if chinese
                else f"{name} is {'' if holds else 'no longer '}{label.lower()}"
            )
        return ({True: "且", False: "或"}[holds] if chinese else {True: " and ", False: " or "}[holds]).join(parts)


def read_condition(entry: Mapping[str, Any], where: str) -> Condition:
    """A condition from a file.

    Raises
    ------
    MarketError
        If a key is unknown or there is nothing to ask.
    """
    odd = sorted(set(entry) - set(Condition.__dataclass_fields__))
    if odd or "finding" not in entry:
        raise MarketError(f"{where}: {f'{odd[0]} is unknown' if odd else 'a condition needs a finding'}")
    return Condition(**entry)


def finding_for(
    found: Findings, name: str, segment: str = "", segments: Mapping[str, Segment] | None = None
) -> Finding | None:
    """Finding of a segment or its class, or of all customers where no segment is given."""
    return finding_of(found, name, segment, segments or {}) if segment else found.get(name)


def chance_above(item: Finding, bound: float = 0.0) -> float:
    """Chance that the truth lies above a bound, as the interval has it; missing without an interval.

    Examples
    --------
    >>> gain = Finding("10.society", 2.0, "", "", "", "", low=0.0, high=4.0)
    >>> round(chance_above(gain), 3)
    0.975

    Notes
    -----
    The interval is read as that of a normal estimate, a half at a time where it is lopsided.
    """
    ends = item.estimate
    if ends is None:
        return float("nan")
    half = (ends.value - ends.low) if bound < ends.value else (ends.high - ends.value)
    if half <= 0:
        return float(ends.value > bound)
    return float(stats.norm.cdf((ends.value - bound) / (half / _Z)))
