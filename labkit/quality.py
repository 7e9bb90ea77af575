"""Can the data be trusted: rules, completeness, bills against readings.

Looks at an opened lab, so also at data whose files are no longer there. What
the intake set aside when the store was made is in `Lab.intake_record`.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import pandas as pd

from labkit import privacy, profiles
from labkit.estimates import Estimate, estimate_share
from labkit.estimates import mean_over_customers as mean_over_customers
from labkit.lab import Lab
from labkit.schema import TABLES, value_rules
from labkit.store import DAY_TABLES, SLOT_COLUMNS
from labkit.tariffs import bill_many
from labkit.vee import compare_registers


def check_rules(lab: Lab) -> pd.DataFrame:
    """Every rule that looks at one row, on every table: one scan a table.

    Returns
    -------
    DataFrame
        ``table``, ``rules_count`` rules tried, ``rows_count``, ``rule`` (empty
        where all hold), ``column``, ``finding_en``, ``finding_zh``,
        ``broken_count`` rows that break it; a row a table, or a broken rule.
    """
    found = []
    for name in lab.tables:
        if name in DAY_TABLES:
            found += _check_day_rows(lab, name)
            continue
        table, rules = lab.table(name), value_rules(TABLES[name])
        counts = {f"r{i}": rule.bad(table).fill_null(False).sum().cast("int64") for i, rule in enumerate(rules)}
        row = lab.run(table.aggregate(n=table.count(), **counts)).iloc[0]
        broken = [(rule, int(row[f"r{i}"])) for i, rule in enumerate(rules) if row[f"r{i}"] > 0]
        base = (name, len(rules), int(row["n"]))
        found += [(*base, rule.id, ", ".join(rule.columns), rule.en, rule.zh, n) for rule, n in broken]
        found += [] if broken else [(*base, "", "", "", "", 0)]
    names = ["table", "rules_count", "rows_count", "rule", "column", "finding_en", "finding_zh", "broken_count"]
    return pd.DataFrame(found, columns=names)


def _check_day_rows(lab: Lab, name: str) -> list[tuple[object, ...]]:
    rows = lab.table(name)
    negative = ibis.least(*(rows[slot].fill_null(0) for slot in SLOT_COLUMNS)) < 0
    counted = lab.run(rows.aggregate(n=rows.count(), bad=negative.fill_null(False).sum().cast("int64"))).iloc[0]
    bad = int(counted["bad"]) if name == "readings" else 0  # reactive energy may flow back
    text = ("readings.slots.range", "kwh", "a slot is negative", "有时段为负值") if bad else ("", "", "", "")
    return [(name, 1, int(counted["n"]), *text, bad)]


def check_keys(lab: Lab) -> pd.DataFrame:
    """Keys that stand more than once, and numbers that lead nowhere, on any engine.

    The intake lets none of them in; a store that was written otherwise, or put together of
    several, may have them.

    Returns
    -------
    DataFrame
        ``table``, ``rule``, ``column``, ``finding_en``, ``finding_zh``, ``broken_count``:
        a row each that is broken.
    """
    found = []
    for name in lab.tables:
        table, key = lab.table(name), TABLES["readings" if name == "reactive" else name].key
        key = ("customer_id", "day") if name in DAY_TABLES else key
        twice = table.group_by(list(key)).aggregate(rows_count=table.count()).filter(lambda t: t.rows_count > 1)
        text = "the same key stands there several times", "同一主键出现多次"
        found.append((name, "key.unique", ", ".join(key), *text, twice.rows_count.sum()))
        for column, parent in _references(lab, name):
            lost = table.filter(table[column].notnull()).anti_join(lab.table(parent), [(column, TABLES[parent].key[0])])
            text = f"not found in {parent}", f"在 {parent} 中找不到"
            found.append((name, f"{column}.reference", column, *text, lost.count()))
    counted = [(row[0], f"{row[0]}.{row[1]}", *row[2:5], lab.backend.to_pyarrow(row[5]).as_py() or 0) for row in found]
    names = ["table", "rule", "column", "finding_en", "finding_zh", "broken_count"]
    return pd.DataFrame([row for row in counted if row[5]], columns=names)


def _references(lab: Lab, name: str) -> list[tuple[str, str]]:
    """Columns of a table that name a row of another one that is there."""
    if name in DAY_TABLES:
        return [("customer_id", "customers")]
    return [(c.name, c.references) for c in TABLES[name].columns if c.references and lab.has(c.references)]


def reconcile_bills(lab: Lab, complete: float = 0.999, tolerance: float = 0.01) -> pd.DataFrame:
    """Energy of the bill against the sum of readings, customer-months that are complete.

    Parameters
    ----------
    complete : float
        Share of a month's hours that must have a reading.
    tolerance : float
        Relative difference up to which they agree; a bill in whole kWh may
        always be 1 kWh off.

    Returns
    -------
    DataFrame
        ``customer_id``, ``period``, ``bill_kwh``, ``readings_kwh``, ``ratio``
        (missing where the bill is 0), ``agrees``.
    """
    energy = profiles.monthly_energy(profiles.monthly_sums(lab))
    return compare_registers(lab, energy, complete, tolerance)


def reprice_bills(lab: Lab, tolerance_yuan: float = 0.005) -> pd.DataFrame:
    """Bills worked out anew from the readings and the tariffs, months without a gap.

    Parameters
    ----------
    tolerance_yuan : float
        Difference up to which they agree [yuan].

    Returns
    -------
    DataFrame
        ``customer_id``, ``period``, ``tariff_id``, ``billed_yuan``,
        ``repriced_yuan``, ``agrees``.

    Raises
    ------
    TariffError
        If a customer's tariff is not known.
    """
    mine = bill_many(None, lab, any_date=True)
    bills = lab.run(lab.bills.select("customer_id", "period", billed_yuan="total_yuan"))
    whole = mine[mine["hours_missing"] == 0].rename(columns={"month": "period", "total_yuan": "repriced_yuan"})
    both = whole[["customer_id", "period", "tariff_id", "repriced_yuan"]].merge(bills, on=["customer_id", "period"])
    both["agrees"] = (both["repriced_yuan"] - both["billed_yuan"]).abs() <= tolerance_yuan
    columns = ["customer_id", "period", "tariff_id", "billed_yuan", "repriced_yuan", "agrees"]
    return both[columns].sort_values(["customer_id", "period"], ignore_index=True)


@dataclass(frozen=True)
class Trust:
    """How far the data can be relied on; a part is None where its tables are missing.

    Attributes
    ----------
    coverage : Estimate or None
        Mean over customers of the share of hours with a reading.
    agreement : Estimate or None
        Share of customers all of whose complete months agree with the bill.
    broken_count : int
        Rows that break a rule.
    rules_count : int
        Rules tried.
    """

    coverage: Estimate | None
    agreement: Estimate | None
    broken_count: int
    rules_count: int


def judge_trust(people: pd.DataFrame, rules: pd.DataFrame, reconciled: pd.DataFrame | None, *, seed: int = 1) -> Trust:
    """Completeness, agreement with bills and broken rules in one.

    Parameters
    ----------
    people : DataFrame
        Of `labkit.portrait.portrait`.
    rules : DataFrame
        Of `check_rules`.
    reconciled : DataFrame or None
        Of `reconcile_bills`.
    seed : int
        Of the bootstrap over customers.

    Notes
    -----
    Months of one customer are not independent, so agreement is counted by
    customer: one month that differs makes the customer differ.
    """
    return Trust(
        mean_over_customers(people["coverage_share"], seed=seed) if "coverage_share" in people else None,
        _agreement(reconciled) if reconciled is not None and len(reconciled) else None,
        int(rules["broken_count"].sum()),
        int(rules.drop_duplicates("table")["rules_count"].sum()),
    )


def _agreement(reconciled: pd.DataFrame) -> Estimate:
    by_customer = reconciled.groupby("customer_id")["agrees"].all()
    return estimate_share(int(by_customer.sum()), len(by_customer))


def estimate_by(people: pd.DataFrame, by: str, column: str, *, minimum: int, seed: int = 1) -> pd.DataFrame:
    """Mean of a column of the portrait in each group, highest first.

    Parameters
    ----------
    by, column : str
        Columns of the portrait.
    minimum : int
        Groups with fewer customers are left out.
    seed : int
        Of the bootstrap over customers.

    Returns
    -------
    DataFrame
        ``by``, ``customers_count``, ``column``, ``interval_low``, ``interval_high``.
    """
    rows = []
    for name, part in people.groupby(by):
        known = part[column].dropna()
        if len(known) >= max(minimum, 5):
            mean = mean_over_customers(known, seed=seed)
            rows.append((name, mean.n, mean.value, mean.low, mean.high))
    table = pd.DataFrame(rows, columns=[by, "customers_count", column, "interval_low", "interval_high"])
    return table.sort_values(column, ascending=False, ignore_index=True)


def known_by_source(
    people: pd.DataFrame, sources: dict[str, tuple[str, ...]], minimum: int = privacy.MIN_CUSTOMERS
) -> pd.DataFrame:
    """For how many customers each table says anything; hidden where that, or the rest of them, are few.

    Returns
    -------
    DataFrame
        ``table``, ``customers_count``, ``share``.
    """
    rows = []
    for table, columns in sources.items():
        there = [c for c in columns if c in people]
        if there:
            counts = [c for c in there if c.endswith("_count")]
            known = (people[counts] > 0).any(axis=1) if counts else people[there].notna().any(axis=1)
            rows.append((table, int(known.sum()), known.mean()))
    table = pd.DataFrame(rows, columns=["table", "customers_count", "share"])
    return privacy.hide_near_whole(table, len(people), count="customers_count", values=["share"], minimum=minimum)
