"""Bills of all customers of a lab: energy and demand on the engine, prices in array code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from labkit import calendar
from labkit.lab import Lab
from labkit.store import SLOT_COLUMNS
from labkit.tariffs.charges import charge
from labkit.tariffs.determinants import (
    Determinants,
    as_load,
    check_validity,
    make_grid,
    measure,
    refuse_gaps,
    refuse_negative,
)
from labkit.tariffs.lines import KINDS, Account
from labkit.tariffs.rule import ContractCharge, DemandCharge, TariffError, TariffRule
from labkit.tariffs.tariff import Tariff, read_tariffs

#: Customers of a block, and blocks at once.
_BLOCK, _AT_ONCE = 500, 2
_MONEY = tuple(f"{kind}_yuan" for kind in KINDS)


def bill_many(
    tariff: Tariff | Mapping[str, Tariff] | None,
    lab: Lab,
    customers: Sequence[str] | None = None,
    *,
    any_date: bool = False,
) -> pd.DataFrame:
    """Bills of all customers of a lab, a row a customer and month with readings.

    Parameters
    ----------
    tariff : Tariff, mapping of str to Tariff, or None
        One for all; or by ``tariff_id`` of the customers table; None for the
        tariffs in ``data/tariffs``.
    lab : Lab
    customers : sequence of str, optional
        Only these.
    any_date : bool
        Price the readings as if the tariff were in force on their days.

    Returns
    -------
    DataFrame
        ``customer_id``, ``month``, ``tariff_id``, ``kwh``, ``kwh_…`` by period of
        the trade, ``kvarh``, ``max_demand_kw``, ``energy_yuan``, ``basic_yuan``,
        ``demand_yuan``, ``power_factor_yuan``, ``funds_yuan``, ``fixed_yuan``,
        ``minimum_yuan``, ``total_yuan``, ``hours_missing``: of the month, without
        a reading; such a bill is of what was metered. Money to the cent.

    Raises
    ------
    TariffError
        If a customer's tariff is not known, or readings lie outside its dates.

    Notes
    -----
    Reactive energy comes from its own readings, or else from the month's bill;
    without either, and without a standard, nothing is adjusted.

    Examples
    --------
    >>> import labkit
    >>> lab = labkit.open("data/sample")  # doctest: +SKIP
    >>> bill_many(None, lab)["total_yuan"].sum()  # doctest: +SKIP
    """
    who = _accounts(lab, customers)
    by_id = _chosen(tariff, who)
    parts = []
    for rules in _same_periods(by_id.values()):
        ids = {rule.id for rule in rules}
        mine = (
            who
            if isinstance(tariff, Tariff)
            else who[who["tariff_id"].isin([k for k, v in by_id.items() if v.id in ids])]
        )
        if mine.empty:
            continue
        everyone = len(mine) == len(who) and customers is None
        measured = _measure(lab, rules[0], None if everyone else list(mine["customer_id"]))
        for rule in rules:
            own = mine if isinstance(tariff, Tariff) else mine[mine["tariff_id"].map(lambda k, r=rule: by_id[k] is r)]
            parts.append(_price(rule, own, measured, any_date))
    if not parts:
        raise TariffError("no customer of the lab has one of these tariffs; compare their ids with tariff_id")
    return pd.concat(parts).sort_values(["customer_id", "month"], ignore_index=True)


def bill_loads(
    tariff: Tariff,
    kwh: np.ndarray,
    start: str | dt.date | pd.Timestamp,
    interval_min: int,
    *,
    kvarh: np.ndarray | None = None,
    capacity_kva: np.ndarray | float | None = None,
    contract_kw: np.ndarray | float | None = None,
    pf_standard: np.ndarray | float | None = None,
    any_date: bool = False,
) -> pd.DataFrame:
    """Bills of many loads held in memory: all customers at once, in blocks.

    Parameters
    ----------
    kwh : ndarray, shape (customers, intervals)
        Energy of each interval [kWh], without gaps.
    start, interval_min, kvarh, any_date
        As in `Tariff.bill`.
    capacity_kva, contract_kw, pf_standard : float or ndarray, shape (customers,)
        One for all, or one each.

    Returns
    -------
    DataFrame
        ``row`` (place of the customer in `kwh`), ``month``, and energy, demand and
        money as `bill_many` gives them.

    Examples
    --------
    >>> from labkit.tariffs import read_tariffs
    >>> loads = np.full((2, 744), 100.0)
    >>> bill_loads(read_tariffs()["TWO_PART_CAPACITY"], loads, "2025-03-01", 60, capacity_kva=315)["basic_yuan"].tolist()
    [8190.0, 8190.0]
    """
    load = np.atleast_2d(np.asarray(kwh))
    grid = make_grid(start, interval_min, load.shape[1], tariff.calendar)
    if not any_date:
        check_validity(tariff, grid)
    if kvarh is not None and np.shape(kvarh) != load.shape:
        raise TariffError(f"kvarh has the shape {np.shape(kvarh)} and kwh {load.shape}: give one for each interval")
    known = [
        None if value is None else np.broadcast_to(np.asarray(value, dtype=float), (len(load),))
        for value in (capacity_kva, contract_kw, pf_standard)
    ]

    def bill_block(low: int) -> pd.DataFrame:
        part = as_load("kwh", load[low : low + _BLOCK])
        refuse_gaps("kwh", part, grid, low)
        refuse_negative("kwh", part, grid, low)
        reactive = None if kvarh is None else as_load("kvarh", kvarh[low : low + _BLOCK])
        account = Account(*(None if value is None else value[low : low + _BLOCK] for value in known))
        table = _amounts(tariff, measure(tariff, part, grid, reactive), account)
        table.insert(0, "month", np.tile(grid.months, len(part)))
        table.insert(0, "row", np.repeat(np.arange(low, low + len(part)), len(grid.months)))
        return table

    # Sums over arrays leave the interpreter free, so two blocks go on at once.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return pd.concat(pool.map(bill_block, range(0, len(load), _BLOCK)), ignore_index=True)


def _accounts(lab: Lab, customers: Sequence[str] | None) -> pd.DataFrame:
    columns = ["customer_id", "tariff_id", "capacity_kva", "contract_kw", "pf_standard"]
    table = lab.customers.select(*columns)
    if customers is not None:
        table = table.filter(table.customer_id.isin(list(customers)))
    return lab.run(table)


def _chosen(tariff: Tariff | Mapping[str, Tariff] | None, who: pd.DataFrame) -> dict[str, Tariff]:
    if isinstance(tariff, Tariff):
        return {tariff.id: tariff}
    known = dict(read_tariffs() if tariff is None else tariff)
    wanted = set(who["tariff_id"].dropna())
    unknown = sorted(wanted - set(known))
    if unknown or who["tariff_id"].isna().any():
        what = f"tariff {unknown[0]!r} is not among {', '.join(sorted(known))}" if unknown else "some have no tariff_id"
        raise TariffError(f"customers of the lab cannot be billed: {what}; give a tariff for each id")
    return {name: known[name] for name in sorted(wanted)}


def _same_periods(rules: Iterable[Tariff]) -> list[list[Tariff]]:
    """Tariffs that need the same sums, so that the readings are passed over once for them."""
    groups: dict[tuple[object, ...], list[Tariff]] = {}
    for rule in rules:
        charges = tuple((c.periods.schedule.tobytes(), c.window_min, c.unit) for c in rule.demand)
        groups.setdefault((rule.calendar, rule.energy.periods.schedule.tobytes(), charges), []).append(rule)
    return list(groups.values())


def _measure(lab: Lab, rule: Tariff, customers: list[str] | None) -> pd.DataFrame:
    """Whole Wh by period, highest W, minutes with a reading: a row a customer and month."""
    if rule.energy.fills_by_hour:
        raise TariffError(f"{rule.id}: tiers filled hour by hour are billed a customer at a time, with Tariff.bill")
    if any(charge.unit == "kVA" for charge in rule.demand_charges):
        raise TariffError(f"{rule.id}: demand per kVA is billed a customer at a time, with Tariff.bill")
    rows = lab.readings
    if customers is not None:
        wanted = ibis.memtable(pa.table({"customer_id": pa.array(customers, pa.string())}))
        rows = rows.semi_join(wanted, "customer_id")
    parts = []
    for minutes in lab.intervals():
        days = _plan_days(lab, rule)
        mine = rows.filter(rows.interval_min == minutes).inner_join(days, "day")
        parts.append(_sums(mine, rule, minutes))
    table = reduce(lambda a, b: a.union(b), parts)
    sums = {name: table[name].sum().cast("int64") for name in table.columns if name.startswith(("wh_", "minutes"))}
    tops = {name: table[name].max() for name in table.columns if name.startswith("w_")}
    frames = []
    for bucket in range(lab.manifest.buckets):
        mine = table.filter(table.bucket == bucket)
        frames.append(lab.run(mine.group_by(["customer_id", "month"]).aggregate(**sums, **tops)))
    found = pd.concat(frames, ignore_index=True)
    return found.merge(_reactive(lab, customers), on=["customer_id", "month"], how="left")


def _plan_days(lab: Lab, rule: Tariff) -> ir.Table:
    """Each day with its place in the tariff's schedule: month x 3 + day type."""
    first, last = (pd.Timestamp(day) for day in lab.period)
    days = pd.date_range(first, last)
    if rule.calendar is None:
        kinds = (days.day_of_week >= 5).astype(int)
    else:
        names = calendar.day_types([day.date() for day in days], rule.calendar)
        kinds = np.array([calendar.DAY_TYPES.index(name) for name in names])
    plan = (days.month.to_numpy() - 1) * 3 + np.asarray(kinds)
    return ibis.memtable(pa.table({"day": pa.array(days.date, pa.date32()), "plan": pa.array(plan, pa.int32())}))


def _sums(rows: ir.Table, rule: Tariff, interval_min: int) -> ir.Table:
    slots = SLOT_COLUMNS[: 1440 // interval_min]
    whole = reduce(add, (rows[name].cast("int64") for name in slots))
    columns = {}
    for p, name in enumerate(rule.energy.periods.names):
        columns[f"wh_{name}"] = _by_plan(rows, rule.energy.periods, interval_min, p, slots, "sum")
    columns["minutes"] = (
        whole.notnull().ifelse(len(slots), reduce(add, (rows[name].notnull().cast("int64") for name in slots)))
        * interval_min
    )
    window = rule.basic.window_min if isinstance(rule.basic, ContractCharge | DemandCharge) else 15
    columns["w_max"] = _top(rows, list(slots), interval_min, window)
    for i, one in enumerate(rule.demand):
        for p in range(len(one.periods.names)):
            columns[f"w_{i}_{p}"] = _by_plan(rows, one.periods, interval_min, p, slots, "max", one.window_min)
    return rows.select("customer_id", "month", "bucket", **columns)


def _sum_known(rows: ir.Table, names: list[str]) -> ir.Value:
    """Sum of the slots there are [Wh]; the slow way only for rows where one is missing."""
    whole = reduce(add, (rows[name].cast("int64") for name in names))
    return ibis.coalesce(whole, reduce(add, (rows[name].fill_null(0).cast("int64") for name in names)))


def _top(rows: ir.Table, slots: list[str], interval_min: int, window_min: int) -> ir.Value:
    """Highest mean power [W] of the windows within some slots of a day."""
    join = max(window_min // interval_min, 1)
    if join == 1:
        return ibis.greatest(*(rows[name] for name in slots)).cast("int64") * (60 // interval_min)
    groups = [slots[i : i + join] for i in range(0, len(slots), join)]
    return ibis.greatest(*(reduce(add, (rows[name] for name in group)) for group in groups)).cast("int64") * (
        60 // window_min
    )


def _by_plan(
    rows: ir.Table,
    periods: calendar.PeriodRules,
    interval_min: int,
    period: int,
    slots: tuple[str, ...],
    what: str,
    window_min: int = 15,
) -> ir.Value:
    """Sum or highest of the slots of one period; which these are depends on the day."""
    codes = periods.codes(interval_min).reshape(36, -1)
    plans: dict[tuple[int, ...], list[int]] = {}
    for plan in range(36):
        plans.setdefault(tuple(np.flatnonzero(codes[plan] == period)), []).append(plan)
    nothing = ibis.literal(0, "int64")
    made = []
    for chosen, days in plans.items():
        names = [slots[i] for i in chosen]
        if not names:
            value: ir.Value = nothing
        elif what == "sum":
            value = _sum_known(rows, names)
        else:
            value = _top(rows, names, interval_min, window_min)
        made.append((rows.plan.isin(days), value))
    if len(made) == 1:
        return made[0][1]
    return ibis.cases(*made, else_=nothing)


def _reactive(lab: Lab, customers: list[str] | None) -> pd.DataFrame:
    """Reactive energy [kvarh] by customer and month: metered, or else billed."""
    found = pd.DataFrame(
        {"customer_id": pd.Series(dtype=str), "month": pd.Series(dtype=str), "kvarh": pd.Series(dtype=float)}
    )
    if lab.has("bills"):
        bills = lab.bills.filter(lab.bills.kvarh.notnull())
        found = lab.run(bills.group_by(["customer_id", month := "period"]).aggregate(kvarh=bills.kvarh.sum()))
        found = found.rename(columns={month: "month"})
    if lab.has("reactive"):
        rows = lab.reactive
        varh = reduce(add, (rows[name].fill_null(0).cast("int64").abs() for name in SLOT_COLUMNS))
        table = rows.select("customer_id", "month", varh=varh).group_by(["customer_id", "month"])
        metered = lab.run(table.aggregate(kvarh=lambda t: t.varh.sum().cast("int64") / 1000.0))
        found = pd.concat([metered, found]).drop_duplicates(["customer_id", "month"])
    return found if customers is None else found[found["customer_id"].isin(customers)]


def _price(rule: Tariff, who: pd.DataFrame, measured: pd.DataFrame, any_date: bool) -> pd.DataFrame:
    """Amounts by kind of one tariff, for customers and months as a table each."""
    mine = measured[measured["customer_id"].isin(who["customer_id"])]
    if mine.empty:
        return pd.DataFrame()
    months = sorted(mine["month"].unique())
    if not any_date and (
        pd.Period(months[0]).start_time.date() < rule.effective_from
        or pd.Period(months[-1]).end_time.date() > rule.effective_to
    ):
        raise TariffError(
            f"{rule.id} is in force from {rule.effective_from} to {rule.effective_to}, the readings run from {months[0]} "
            f"to {months[-1]}; take the tariff of that time, or say any_date=True"
        )
    ids = np.sort(mine["customer_id"].unique())
    row = np.searchsorted(ids, mine["customer_id"].to_numpy().astype(ids.dtype))
    column = np.searchsorted(months, mine["month"].to_numpy().astype(str))
    shape = (len(ids), len(months))

    def spread(name: str, scale: float = 1000.0) -> np.ndarray:
        out = np.zeros(shape)
        out[row, column] = mine[name].to_numpy(dtype=float) / scale
        return out

    kwh = np.stack([spread(f"wh_{name}") for name in rule.energy.periods.names], axis=2)
    peaks = [spread("w_max")[..., None]] if isinstance(rule.basic, DemandCharge) else []
    peaks += [
        np.stack([spread(f"w_{i}_{p}") for p in range(len(c.periods.names))], axis=2) for i, c in enumerate(rule.demand)
    ]
    found = Determinants(tuple(months), kwh, spread("w_max"), tuple(peaks), spread("kvarh", 1.0))
    known = who.set_index("customer_id").reindex(ids)
    account = Account(*(known[name].to_numpy(dtype=float) for name in ("capacity_kva", "contract_kw", "pf_standard")))
    table = _amounts(rule, found, account)
    table.insert(0, "month", np.tile(months, len(ids)))
    table.insert(0, "customer_id", np.repeat(ids, len(months)))
    table.insert(2, "tariff_id", rule.id)
    here = np.zeros(shape, dtype=bool)
    here[row, column] = True
    hours = found.days * 24.0
    table["hours_missing"] = (hours - spread("minutes", 60.0)).reshape(-1).clip(min=0)
    return table[here.reshape(-1)]


def _amounts(rule: TariffRule, found: Determinants, account: Account) -> pd.DataFrame:
    money = {name: np.zeros(found.max_kw.shape) for name in _MONEY}
    for line in charge(rule, found, account):
        money[f"{line.kind}_yuan"] += line.amount
    total = np.sum(list(money.values()), axis=0)
    by_period = {
        f"kwh_{name}": found.kwh[:, :, p]
        for p, name in enumerate(rule.energy.periods.names)
        if name in calendar.PERIODS
    }
    kvarh = np.full(found.max_kw.shape, np.nan) if found.kvarh is None else found.kvarh
    columns = {"kwh": found.kwh.sum(axis=2).round(3), **by_period, "kvarh": kvarh, "max_demand_kw": found.max_kw}
    columns |= money | {"total_yuan": total}
    table = pd.DataFrame({name: np.asarray(values).reshape(-1) for name, values in columns.items()})
    table[[*_MONEY, "total_yuan"]] = table[[*_MONEY, "total_yuan"]].round(2)
    return table
