"""The recovery plan: for each account the next step and the way of payment, within capacity and the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from labkit.arrears.behaviour import late_bills
from labkit.arrears.errors import ArrearsError
from labkit.arrears.kinds import KINDS, Kinds, mark_disputed, tell_kinds
from labkit.arrears.ledger import Books, open_books
from labkit.arrears.procedure import procedure
from labkit.arrears.rules import read_rule_book
from labkit.arrears.ways import CHECKPOINTS, PRIOR_BILLS, Ways, payment_rates, read_ways
from labkit.lab import Lab

_DAY_END = pd.Timedelta(hours=17)
#: Plans that are compared.
PLANS = ("plan", "cut_everyone", "nothing")
#: Index of going on as today, after the last of the ways: rate of payment unchanged, no cost.
AS_IS = -1


@dataclass(frozen=True, eq=False)
class RecoveryPlan:
    """What to do about each account that owes, and what it brings.

    Attributes
    ----------
    accounts : DataFrame
        ``customer_id``, ``open_yuan`` (overdue), ``days_overdue`` of the oldest bill, ``bills_count``,
        ``kind``, ``way``, ``next_step``, ``next_from``, ``expected_recovered_yuan``, ``cost_yuan``,
        ``loyalty_cost_yuan``, ``net_yuan``; the largest gain first.
    comparison : DataFrame
        ``plan`` (the plan, cutting everyone off, doing nothing), ``recovered_yuan``, ``cost_yuan``,
        ``loyalty_cost_yuan``, ``net_yuan`` with ``net_low_yuan``, ``net_high_yuan`` (95 % of drawn rates
        and effects), ``cut_off_count``, ``wronged_count`` (expected number cut off who
        forgot, cannot or dispute), ``unlawful_count``.
    gain : DataFrame
        ``against``, ``net_yuan``, ``low``, ``high``: of the plan, in the same draws.
    capacity : DataFrame
        ``way``, ``accounts_count``, ``capacity``.
    """

    date: dt.date
    accounts: pd.DataFrame
    comparison: pd.DataFrame
    gain: pd.DataFrame
    capacity: pd.DataFrame
    kinds: Kinds
    rates: pd.DataFrame


def plan(
    lab: Lab,
    date: dt.date | str | None = None,
    *,
    ways: Ways | None = None,
    capacity: Mapping[str, float] | None = None,
    region: str = "CN",
    draws: int = 1000,
    seed: int = 0,
) -> RecoveryPlan:
    """The recovery plan of a day.

    Parameters
    ----------
    lab : Lab
        With bills, payments and steps of collection.
    date : date, optional
        The last day of the books where left out; what came later is not looked at.
    ways : Ways, optional
    capacity : mapping, optional
        Way -> most accounts, instead of those of `ways`.
    region : str
        Whose rules hold.
    draws, seed : int

    Returns
    -------
    RecoveryPlan

    Raises
    ------
    ArrearsError
        If nobody owes anything, too few pay late to tell kinds, or a capacity is odd.

    Notes
    -----
    Chosen to bring in most, less cost and loss of loyalty, in expectation over the
    kinds: an assignment with capacities (integer programme, HiGHS). Rates of
    payment under today's practice come from the bills seen so far, effects of ways
    are assumptions. A disputed bill is answered or waits. Disconnection only where it would be lawful that day; no step of the
    procedure, prepayment or load-controlled purchase for important users, while a bill is disputed
    or paid by instalments, or before a person has looked at an unclear account; prepayment for
    small, load-controlled purchase for large accounts. Doing nothing and cutting everyone
    off leave those as they are who are cut off already.
    """
    known, books = ways or read_ways(), open_books(lab)
    day = pd.Timestamp(date or books.last_day).date()
    limits = {name: way.capacity for name, way in known.ways.items()} | dict(capacity or {})
    odd = [name for name, most in limits.items() if name not in known.ways or most < 0]
    if odd:
        raise ArrearsError(
            f"capacity: {odd[0]} is no way, or its capacity is below 0; ways are {', '.join(known.ways)}"
        )
    late = late_bills(books, day)
    kinds = tell_kinds(late, mark_disputed(late, lab))
    owing = _owing(late, kinds, lab, books, day, region)
    if owing.empty:
        raise ArrearsError(f"nobody owes anything overdue on {day}")
    rates = payment_rates(late, kinds, day, known.horizon_days)
    table = rates.pivot_table(index="days_overdue", columns="kind", values="share")[list(KINDS)].to_numpy()
    at = np.searchsorted(CHECKPOINTS, owing["days_overdue"].to_numpy(), side="right") - 1
    chance, names = owing[list(KINDS)].to_numpy(), list(known.ways)
    parts = _value(chance, owing["open_yuan"].to_numpy(), table[at], known, np.ones((len(names), len(KINDS))))
    net = (parts[0] - parts[1] - parts[2])[:, : len(names)]
    choice = _assign(net, _allowed(owing, known), [limits[n] for n in names])
    accounts = _tell(owing, choice, names, parts)
    # Who is cut off already is not cut off again: nothing changes, nothing is spent.
    off = owing["cut_off"].to_numpy(dtype=bool)
    picks = {
        "plan": choice, "cut_everyone": np.where(off, AS_IS, names.index("disconnection")),
        "nothing": np.where(off, AS_IS, names.index("nothing")),
    }  # fmt: skip
    drawn = _draw(chance, owing["open_yuan"].to_numpy(), rates, at, known, picks, draws, seed)
    comparison, gain = _compare(owing, parts, picks, drawn, names)
    used = pd.Series(np.array(names)[choice]).value_counts().reindex(names, fill_value=0)
    room = pd.DataFrame({"way": names, "accounts_count": used.to_numpy(), "capacity": [limits[n] for n in names]})
    return RecoveryPlan(day, accounts, comparison, gain, room, kinds, rates)


def _owing(late: pd.DataFrame, kinds: Kinds, lab: Lab, books: Books, day: dt.date, region: str) -> pd.DataFrame:
    """Accounts with overdue bills, their kind and what the law allows on the oldest of them."""
    wanted = ["customer_id", "customer_class", "important", "capacity_kva"]
    customers = lab.run(lab.customers.select(*[c for c in wanted if c in lab.customers.columns]))
    open_ = late[late["open_yuan"] > 0].merge(customers, on="customer_id", how="left")
    for name in wanted[1:]:
        if name not in open_:
            open_[name] = None
    moment = pd.Timestamp(day) + _DAY_END
    actions = pd.DataFrame({"bill_id": [], "action": [], "at": pd.to_datetime([])})
    if books.collections is not None:
        actions = lab.run(books.collections.select("bill_id", "action", "at"))
        actions = actions[actions["bill_id"].isin(set(open_["bill_id"]))]
    legal = procedure(actions, read_rule_book(region), bills=open_, on=moment)
    open_ = open_.merge(legal[["bill_id", "lawful", "reason", "next_step", "next_from"]], on="bill_id")
    open_ = open_.sort_values(["customer_id", "due_on"])
    by = open_.groupby("customer_id")
    # A bill that can lawfully be cut off for, or else the one that waits longest for its next step.
    ripe = open_.sort_values(["customer_id", "lawful", "days_late"], ascending=[True, False, False])
    first = ripe.drop_duplicates("customer_id").set_index("customer_id")
    owing = first[["customer_class", "important", "capacity_kva", "lawful", "reason", "next_step", "next_from"]].copy()
    owing["cut_off"] = by["reason"].agg(lambda r: bool((r == "disconnected").any()))
    owing["on_plan"] = by["reason"].agg(lambda r: bool((r == "instalment_plan").any()))
    owing["open_yuan"], owing["bills_count"] = by["open_yuan"].sum().round(2), by.size()
    owing["days_overdue"] = by["days_late"].max()
    own = kinds.table.set_index("customer_id")
    return owing.join(own[[*KINDS, "kind", "treatment"]]).reset_index()


def _allowed(owing: pd.DataFrame, ways: Ways) -> np.ndarray:
    """Which way each account may be given, (accounts, ways)."""
    home = (owing["customer_class"] == "residential").to_numpy()
    business = owing["customer_class"].notna().to_numpy() & ~home
    vip = owing["important"].astype(object).map(lambda v: v is True or v == 1).to_numpy(dtype=bool)
    kva = pd.to_numeric(owing["capacity_kva"]).to_numpy(dtype=float)
    disputed = (owing["disputes"] >= 0.5).to_numpy()
    unclear = ((owing["treatment"] == "review") | (owing["kind"] == "unclear")).to_numpy()
    off, deal = (owing[c].to_numpy(dtype=bool) for c in ("cut_off", "on_plan"))
    hard = ~vip & ~disputed & ~unclear & ~deal
    masks = {
        "direct_debit": ~disputed,
        "instalments": ~disputed,
        "prepayment": hard & (home | (kva < ways.prepay_kva)),
        "load_controlled": hard & business & (kva >= ways.large_kva),
        "procedure": hard & owing["next_step"].notna().to_numpy() & ~owing["lawful"].to_numpy(dtype=bool) & ~off,
        "disconnection": hard & owing["lawful"].to_numpy(dtype=bool) & ~off,
    }
    return np.column_stack([masks.get(name, np.ones(len(owing), dtype=bool)) for name in ways.ways])


def _value(
    chance: np.ndarray, owed: np.ndarray, base: np.ndarray, ways: Ways, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected money recovered, cost and loss of loyalty of each way for each account [yuan]."""
    # The last column is going on as today.
    effect = np.vstack(
        [np.array([[way.effect[k] for k in KINDS] for way in ways.ways.values()]) * noise, np.ones(len(KINDS))]
    )
    loyal = np.vstack([[[way.loyalty_yuan[k] for k in KINDS] for way in ways.ways.values()], np.zeros((1, len(KINDS)))])
    paid = np.einsum("awk,ak->aw", 1 - (1 - base[:, None, :]) ** effect, chance)
    cost = np.broadcast_to([*(way.cost_yuan for way in ways.ways.values()), 0.0], paid.shape)
    return paid * owed[:, None], cost, chance @ loyal.T


def _assign(net: np.ndarray, allowed: np.ndarray, limits: list[float]) -> np.ndarray:
    """A way for each account: the greatest sum within the capacities."""
    n, w = net.shape
    account, way = np.nonzero(allowed)
    v = np.arange(len(account))
    rows = [coo_array((np.ones(len(v)), (account, v)), shape=(n, len(v)))]
    bounded = [k for k in range(w) if np.isfinite(limits[k])]
    ones = np.isin(way, bounded)
    at = np.searchsorted(bounded, way[ones])
    rows.append(coo_array((np.ones(int(ones.sum())), (at, v[ones])), shape=(len(bounded), len(v))))
    found = milp(
        -net[account, way], integrality=np.ones(len(v)), bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(rows[0], 1, 1),
            *([LinearConstraint(rows[1], -np.inf, np.array([limits[k] for k in bounded]))] if bounded else []),
        ],
    )  # fmt: skip
    if found.x is None:
        raise ArrearsError("no plan fits the capacities; leave some way, such as normal, without one")
    picked = found.x > 0.5
    choice = np.zeros(n, dtype=int)
    choice[account[picked]] = way[picked]
    return choice


def _tell(owing: pd.DataFrame, choice: np.ndarray, names: list[str], parts: tuple[np.ndarray, ...]) -> pd.DataFrame:
    row = np.arange(len(owing))
    told = owing[["customer_id", "customer_class", "open_yuan", "days_overdue", "bills_count", "kind"]].copy()
    told["way"] = np.array(names)[choice]
    legal = told["way"].isin(["procedure", "disconnection"])
    told["next_step"] = owing["next_step"].where(legal, told["way"])
    told.loc[(owing["treatment"] == "review") | (owing["kind"] == "unclear"), "next_step"] = "review"
    told["next_from"] = owing["next_from"].where(legal)
    for name, values in zip(("expected_recovered_yuan", "cost_yuan", "loyalty_cost_yuan"), parts):
        told[name] = values[row, choice]
    told["net_yuan"] = told["expected_recovered_yuan"] - told["cost_yuan"] - told["loyalty_cost_yuan"]
    return told.sort_values(["net_yuan", "customer_id"], ascending=[False, True], ignore_index=True)


def _draw(
    chance: np.ndarray, owed: np.ndarray, rates: pd.DataFrame, at: np.ndarray, ways: Ways,
    picks: Mapping[str, np.ndarray], draws: int, seed: int,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Net gain of each plan in each draw of rates and effects."""
    rng = np.random.default_rng(seed)
    wide = rates.set_index(["days_overdue", "kind"])
    index = pd.MultiIndex.from_product([CHECKPOINTS, KINDS])
    shape = (len(CHECKPOINTS), len(KINDS))
    n, x, prior = (wide[c].reindex(index).to_numpy().reshape(shape) for c in ("bills_count", "paid", "prior"))
    row = np.arange(len(owed))
    found: dict[str, list[float]] = {name: [] for name in picks}
    for _ in range(draws):
        base = rng.beta(x + PRIOR_BILLS * prior, np.maximum(n - x, 0) + PRIOR_BILLS * (1 - prior))
        noise = np.exp(rng.normal(0, ways.effect_spread, (len(ways.ways), len(KINDS))))
        parts = _value(chance, owed, base[at], ways, noise)
        net = parts[0] - parts[1] - parts[2]
        for name, pick in picks.items():
            found[name].append(float(net[row, pick].sum()))
    return {name: np.array(values) for name, values in found.items()}


def _compare(
    owing: pd.DataFrame, parts: tuple[np.ndarray, ...], picks: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray],
    names: list[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    row, rows = np.arange(len(owing)), []
    for name in PLANS:
        recovered, cost, loyal = (float(part[row, picks[name]].sum()) for part in parts)
        cut = picks[name] == names.index("disconnection")
        fresh = cut & ~owing["cut_off"].to_numpy(dtype=bool)
        low, high = np.quantile(drawn[name], [0.025, 0.975])
        rows.append(
            {
                "plan": name, "recovered_yuan": recovered, "cost_yuan": cost, "loyalty_cost_yuan": loyal,
                "net_yuan": recovered - cost - loyal, "net_low_yuan": low, "net_high_yuan": high,
                "cut_off_count": int(fresh.sum()),
                "wronged_count": float((1 - owing["will_not"].to_numpy())[fresh].sum()),
                "unlawful_count": int((fresh & ~owing["lawful"].to_numpy(dtype=bool)).sum()),
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    net = table.set_index("plan")["net_yuan"]
    gains = [
        (other, net["plan"] - net[other], *np.quantile(drawn["plan"] - drawn[other], [0.025, 0.975]))
        for other in PLANS[1:]
    ]
    return table, pd.DataFrame(gains, columns=["against", "net_yuan", "low", "high"])
