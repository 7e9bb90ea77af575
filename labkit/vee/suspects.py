"""All checks: what is suspected, row by row, and what it comes to, check by check."""

from __future__ import annotations

import contextlib
import datetime as dt

import pandas as pd

from labkit import terms
from labkit.estimates import estimate_share
from labkit.lab import Lab
from labkit.vee.coverage import count_days, cover_customers
from labkit.vee.cut_off import days_of_cuts, read_cuts, spans_without_supply
from labkit.vee.day_checks import SUSPECT, check_cut_off, check_days, check_runs
from labkit.vee.day_facts import day_facts
from labkit.vee.declared import checks
from labkit.vee.intake_record import count_set_aside
from labkit.vee.period_checks import check_clock, check_gaps, check_intervals, check_sufficiency
from labkit.vee.registers import check_bills, check_registers
from labkit.vee.thresholds import Thresholds, read_thresholds


def find_suspects(lab: Lab, limits: Thresholds | None = None) -> pd.DataFrame:
    """What the checks of meter data find, customer by customer.

    Parameters
    ----------
    lab : Lab
        With readings, bills or both; what neither has is not checked.
    limits : Thresholds, optional
        Of `read_thresholds`.

    Returns
    -------
    DataFrame
        ``check``, ``customer_id``, ``from_day``, ``to_day``, ``cases_count`` (days, months or bills; hours of a gap), ``value``
        what was seen and ``limit`` what it was held against, in the unit of the check; sorted by check, customer and day.

    Notes
    -----
    One pass over the readings a bucket: the facts of days are whole numbers kept on the engine, and every check asks them.
    A suspect is no proof. Rows name customers: they belong to who mends the data, not into a report.

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> find_suspects(lab).groupby("check")["customer_id"].nunique()  # doctest: +SKIP
    """
    limits = limits or read_thresholds()
    found = check_bills(lab, limits)
    if lab.has("readings"):
        found += _check_readings(lab, limits)
    every = [frame for frame in found if len(frame)]
    if not every:
        return pd.DataFrame(columns=SUSPECT)
    order = {name: at for at, name in enumerate(checks())}
    table = pd.concat(every, ignore_index=True).astype({"cases_count": "int64", "value": float, "limit": float})
    table = table.drop_duplicates(["check", "customer_id", "from_day", "to_day"])
    table["place"] = table["check"].map(order)
    return table.sort_values(["place", "customer_id", "from_day", "to_day"], ignore_index=True)[SUSPECT]


def _check_readings(lab: Lab, limits: Thresholds) -> list[pd.DataFrame]:
    cuts, found, counted = read_cuts(lab), [], []
    cut_off, dark = spans_without_supply(lab, cuts), days_of_cuts(cuts, dt.date.fromisoformat(lab.period[1]))
    with contextlib.ExitStack() as kept:
        parts = [kept.enter_context(lab.kept(day_facts(lab, rows, limits))) for rows in lab.parts()]
        for facts in parts:
            found += check_days(lab, facts, limits, dark)
            found += check_runs(lab, facts, limits, cut_off)
            found += check_cut_off(lab, facts, cut_off)
            found += check_registers(lab, facts, limits)
            found += [check_gaps(lab, facts), check_intervals(lab, facts)]
            counted.append(count_days(lab, facts, limits))
        found += check_clock(lab, parts, limits)
    found.append(check_sufficiency(lab, cover_customers(lab, pd.concat(counted), limits), limits))
    return found


def check(lab: Lab, limits: Thresholds | None = None, *, suspects: pd.DataFrame | None = None) -> pd.DataFrame:
    """What the checks of meter data come to, a row a check.

    Parameters
    ----------
    lab : Lab
    limits : Thresholds, optional
    suspects : DataFrame, optional
        Of `find_suspects`, where it is at hand.

    Returns
    -------
    DataFrame
        ``check``, ``severity``, ``counted_as`` (what is counted), ``cases_count``, ``set_aside_count`` (rows the intake refused or
        dropped; missing where there is no record or the check is none of the intake's), ``customers_count``, and of the
        ``of_count`` customers in the data ``share``, ``low_share``, ``high_share`` (Wilson); ``finding_en``, ``finding_zh``, ``fix_en``,
        ``fix_zh``. Checks whose table is not there are left out.

    Notes
    -----
    Duplicates, times off the grid and negative readings never come into a store made by `labkit intake`: they are counted from
    its record, and negative readings in the store too, which may have been made otherwise.
    """
    found = find_suspects(lab, limits) if suspects is None else suspects
    customers = int(lab.backend.to_pyarrow(lab.customers.count()).as_py())
    aside, by_check = count_set_aside(lab.intake_record), dict(tuple(found.groupby("check")))
    rows = []
    for one in checks().values():
        if one.looks_at in ("readings", "bills") and not lab.has(one.looks_at):
            continue
        mine = by_check.get(one.id, found.iloc[:0])
        hit = mine["customer_id"].nunique()
        share = estimate_share(hit, customers) if customers and one.looks_at != "intake" else None
        ends = (share.value, share.low, share.high) if share else (None, None, None)
        counted = mine["cases_count"].sum() if one.id != "gap" else len(mine)
        rows.append(
            (one.id, one.severity, one.level, int(counted), aside.get(one.id), hit, customers, *ends, one.en, one.zh, one.fix_en, one.fix_zh)
        )  # fmt: skip
    names = [
        "check",
        "severity",
        "counted_as",
        "cases_count",
        "set_aside_count",
        "customers_count",
        "of_count",
        "share",
        "low_share",
    ]
    names += ["high_share", "finding_en", "finding_zh", "fix_en", "fix_zh"]
    table = pd.DataFrame(rows, columns=names)
    return table.astype({"set_aside_count": "Int64", "share": float, "low_share": float, "high_share": float})


def tabulate(found: pd.DataFrame, language: terms.Language, fewest: int) -> pd.DataFrame:
    """The findings as a table for a page: nobody is singled out.

    Parameters
    ----------
    found : DataFrame
        Of `check`.
    language : {"en", "zh"}
    fewest : int
        Fewest customers in a cell, `Lab.fewest_customers`.

    Returns
    -------
    DataFrame
        ``finding``, ``severity``, ``counted_as``, ``cases_count`` (those the intake took out included), ``customers_count``,
        ``share``, ``low_share``, ``high_share``; missing where fewer customers, or all but fewer, have it.

    Examples
    --------
    >>> found = pd.DataFrame({"finding_en": ["a spike"], "severity": ["warning"], "counted_as": ["day"], "cases_count": [4],
    ...     "set_aside_count": [None], "customers_count": [3], "of_count": [50], "share": [0.06], "low_share": [0.02], "high_share": [0.16]})
    >>> tabulate(found, "en", 10)["customers_count"].isna().tolist()
    [True]
    """
    n, rest = found["customers_count"], found["of_count"] - found["customers_count"]
    hidden = n.between(1, fewest - 1) | ((n > 0) & rest.between(1, fewest - 1))
    aside, known = found["set_aside_count"].astype(float), found["share"].notna()
    shown = found.rename(columns={f"finding_{language}": "finding"})
    # What never came into the data is not known without a record of the intake, and nobody knows whose it was.
    shown["cases_count"] = (found["cases_count"] + aside.fillna(0)).where(known | aside.notna())
    shown["customers_count"] = n.where(known)
    counts = ["cases_count", "customers_count", "share", "low_share", "high_share"]
    shown[counts] = shown[counts].astype(float).where(~hidden)
    return shown[["finding", "severity", "counted_as", *counts]]
