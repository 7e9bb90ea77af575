"""The rules of collection as dated data, and late fees to the cent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from labkit.arrears.errors import ArrearsError
from labkit.calendar import DATA
from labkit.tariffs import Name

FOLDER = DATA / "arrears" / "rules"
_BY_CLASS = ("notice_days", "final_notice_min", "reconnect_hours")


@dataclass(frozen=True)
class Rules:
    """What has to come before a disconnection, and what being late costs; see ``data/arrears/rules``.

    Attributes
    ----------
    overdue_days : int
        A supply is cut off only when a bill is overdue for more days than this.
    notice_days : mapping
        ``residential``, ``other`` -> least and most days between notice and disconnection.
    final_notice_min : mapping
        Minutes before disconnection by which it is told once more; 0 where it need not be.
    reconnect_hours : mapping
        After payment.
    late_fee_per_mille : mapping
        A day: ``residential``, ``other``, and ``other_after_year_end`` from the 1 January
        after the first day overdue on.
    """

    id: str
    region: str
    name: Name
    source: str
    effective_from: dt.date
    effective_to: dt.date | None
    overdue_days: int
    notice_days: Mapping[str, tuple[int, int]]
    final_notice_min: Mapping[str, int]
    important_needs_authority: bool
    reconnect_hours: Mapping[str, int]
    late_fee_per_mille: Mapping[str, int]
    late_fee_minimum_yuan: float

    def in_force(self, on: dt.date) -> bool:
        """Whether they hold on a day."""
        return self.effective_from <= on and (self.effective_to is None or on <= self.effective_to)


def read_rules(path: Path) -> Rules:
    """Rules from a YAML file.

    Raises
    ------
    ArrearsError
        If an entry is missing, unknown or no sensible figure.
    """
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    names = set(Rules.__dataclass_fields__)
    odd = sorted(set(raw) - names) or sorted(names - set(raw) - {"effective_to"})
    if odd:
        raise ArrearsError(f"{path.name}: {odd[0]} is {'unknown' if odd[0] in raw else 'missing'}")
    for name in _BY_CLASS:
        if set(raw[name]) != {"residential", "other"}:
            raise ArrearsError(f"{path.name}, {name}: expected residential and other")
    for kind, ends in raw["notice_days"].items():
        if len(ends) != 2 or not 0 <= ends[0] <= ends[1]:
            raise ArrearsError(f"{path.name}, notice_days, {kind} is {ends}, expected least and most days")
    figures = [raw["overdue_days"], raw["late_fee_minimum_yuan"], *raw["late_fee_per_mille"].values()]
    figures += [*raw["final_notice_min"].values(), *raw["reconnect_hours"].values()]
    if any(not isinstance(value, int | float) or value < 0 for value in figures):
        raise ArrearsError(f"{path.name}: a figure is below 0 or no number")
    if set(raw["late_fee_per_mille"]) != {"residential", "other", "other_after_year_end"}:
        raise ArrearsError(f"{path.name}, late_fee_per_mille: expected residential, other and other_after_year_end")
    notice = {kind: (int(a), int(b)) for kind, (a, b) in raw["notice_days"].items()}
    return Rules(
        **(raw | {"name": Name(**raw["name"]), "notice_days": notice, "effective_to": raw.get("effective_to")})
    )


@cache
def read_rule_book(region: str = "CN", folder: Path = FOLDER) -> tuple[Rules, ...]:
    """All rules of a region, oldest first.

    Raises
    ------
    ArrearsError
        If there are none, or two hold on the same day.
    """
    known = sorted((read_rules(path) for path in sorted(folder.glob("*.yaml"))), key=lambda r: r.effective_from)
    own = tuple(rules for rules in known if rules.region == region)
    if not own:
        regions = sorted({rules.region for rules in known})
        raise ArrearsError(f"there are no rules for region {region!r}; there are for {', '.join(regions)}")
    for old, new in pairwise(own):
        if old.effective_to is None or old.effective_to >= new.effective_from:
            raise ArrearsError(f"{old.id} and {new.id} both hold on {new.effective_from}; end the older one")
    return own


def rules_on(on: dt.date, region: str = "CN") -> Rules:
    """The rules that hold in a region on a day.

    Examples
    --------
    >>> rules_on(dt.date(2025, 3, 1)).id, rules_on(dt.date(2020, 3, 1)).id
    ('cn_2024', 'cn_1996')
    """
    for rules in read_rule_book(region):
        if rules.in_force(on):
            return rules
    raise ArrearsError(f"no rules of region {region!r} hold on {on}")


def late_fee(
    unpaid_yuan: float,
    due_on: dt.date,
    on: dt.date,
    customer_class: str,
    rules: Rules | Sequence[Rules],
    payments: Sequence[tuple[dt.date, float]] = (),
) -> float:
    """Late fee of a bill up to a day, to the cent [yuan].

    Parameters
    ----------
    unpaid_yuan : float
        Owed at the end of the due date.
    due_on, on : date
        The fee runs from the day after the due date to `on`, both counted.
    customer_class : str
        ``residential`` or any other.
    rules : Rules or sequence of Rules
        Each day is charged by those that hold on it.
    payments : sequence of (date, yuan)
        Part payments after the due date, below 0 where one was taken back; the day on which one
        is made still counts in full.

    Returns
    -------
    float
        0 where nothing is overdue; else at least the minimum.

    Raises
    ------
    ArrearsError
        If what is owed is below 0, more is paid than owed, or no rules hold on a day.

    Notes
    -----
    Simple, not compound: a share of what is owed, a day. Counted in whole cents and
    per mille; half a cent is rounded up. Of other than homes, days after the
    31 December that follows the first day overdue cost more.

    Examples
    --------
    >>> late_fee(1000.0, dt.date(2024, 12, 20), dt.date(2025, 1, 10), "commercial", read_rule_book())
    52.0
    >>> late_fee(100.0, dt.date(2025, 3, 18), dt.date(2025, 3, 20), "residential", read_rule_book())
    1.0
    """
    book = [rules] if isinstance(rules, Rules) else list(rules)
    owed = round(unpaid_yuan * 100)
    if owed < 0:
        raise ArrearsError(f"unpaid_yuan is {unpaid_yuan}, expected 0 or more")
    steps = sorted((max(day, due_on), round(amount * 100)) for day, amount in payments if day <= on)
    left = owed
    for _, fen in steps:
        left -= fen
        if left < 0:
            raise ArrearsError("payments are more than is owed; book what is paid too much as credit")
    if on <= due_on or owed == 0:
        return 0.0
    home = customer_class == "residential"
    first = due_on + dt.timedelta(days=1)
    day, total, last = first, 0, None
    cuts = sorted(
        {on, dt.date(first.year, 12, 31), *(d for d, _ in steps), *(r.effective_to for r in book if r.effective_to)}
    )
    for cut in cuts:
        if cut < day:
            owed -= sum(fen for d, fen in steps if d == cut)
            continue
        end = min(cut, on)
        last = next((r for r in book if r.in_force(day)), None)
        if last is None:
            raise ArrearsError(f"no rules hold on {day}; add those of that time to data/arrears/rules")
        key = "residential" if home else "other" if day.year == first.year else "other_after_year_end"
        total += owed * last.late_fee_per_mille[key] * ((end - day).days + 1)
        owed -= sum(fen for d, fen in steps if d == cut)
        day = end + dt.timedelta(days=1)
        if day > on:
            break
    fen = (total + 500) // 1000
    least = round(last.late_fee_minimum_yuan * 100) if last else 0
    return max(fen, least) / 100 if total else 0.0


def late_fees(
    late: pd.DataFrame, payments: pd.DataFrame, classes: pd.Series, on: dt.date, rules: Sequence[Rules] | None = None
) -> pd.Series:
    """Late fee of each late bill up to the day it was settled, or a day [yuan].

    Parameters
    ----------
    late : DataFrame
        Of `late_bills`.
    payments : DataFrame
        ``bill_id``, ``paid_on``, ``amount_yuan``; a payment taken back is below 0.
    classes : Series
        Customer -> class; other than homes where it is not known.
    rules : sequence of Rules, optional
        National ones where left out.
    """
    book = read_rule_book() if rules is None else rules
    paid = payments[payments["bill_id"].isin(set(late["bill_id"]))]
    days = pd.to_datetime(paid["paid_on"]).dt.date
    by_bill = {
        name: sorted(zip(days[part.index], part["amount_yuan"])) for name, part in paid.groupby("bill_id")
    }  # fmt: skip
    found = []
    for row in late.itertuples():
        due = row.due_on.date()
        until = on if pd.isna(row.settled_on) else min(row.settled_on.date(), on)
        mine = by_bill.get(row.bill_id, [])
        left = owed = max(round(row.billed_yuan - sum(amount for day, amount in mine if day <= due), 2), 0.0)
        after = []
        for day, amount in mine:
            if due < day <= until:
                after.append((day, min(amount, left)))
                left = round(left - min(amount, left), 2)
        found.append(late_fee(owed, due, until, str(classes.get(row.customer_id, "other")), book, after))
    return pd.Series(found, late.index, name="late_fee_yuan", dtype=float)
