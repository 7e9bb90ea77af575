"""Why customers pay late: forgot, cannot, will not, disputes; with chances, and with room for doubt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from labkit.arrears.errors import ArrearsError
from labkit.arrears.ledger import Books
from labkit.calendar import DATA
from labkit.lab import Lab

KINDS = ("forgot", "cannot", "will_not", "disputes")
#: Kind -> the treatment that fits it.
TREATMENTS = {"forgot": "remind", "cannot": "instalments", "will_not": "notice", "disputes": "settle"}
_BANDS = (5, 14, 30, 45)  # days late: upper ends; beyond the last, or still open beyond it
#: Cases believed in before any is seen, of slipped and each kind: with part payment or dispute, and in all. They keep
#: the kinds apart where hardly a bill is disputed or paid in parts.
_BELIEFS = ((np.array([1, 1, 4, 1, 1]), np.array([8, 8, 8, 8, 8])), (np.array([1, 1, 1, 1, 8]), np.array([10] * 5)))
#: Bills of a customer are alike beyond its kind: for the chances, each counts as so much of a bill.
TEMPER = 0.5
_SWEEPS, _CLOSE = 200, 1e-8


@dataclass(frozen=True)
class KindRules:
    """Thresholds and costs; see ``data/arrears/kinds.yaml``."""

    source: str
    effective_from: dt.date
    rules: Mapping[str, float]
    costs_yuan: Mapping[str, Mapping[str, float]]
    review_yuan: float


_RULES = ("forgets_days", "notice_days", "disputed_share", "part_share", "refused_share", "late_bills_min")


@cache
def read_kind_rules(path: Path = DATA / "arrears" / "kinds.yaml") -> KindRules:
    """Thresholds and costs from a YAML file.

    Raises
    ------
    ArrearsError
        If a figure is missing, unknown or no number of at least 0.
    """
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    wanted = {"rules": set(_RULES), "costs_yuan": set(TREATMENTS.values())}
    for part, names in wanted.items():
        odd = sorted(set(raw.get(part, {})) ^ names)
        if odd:
            raise ArrearsError(
                f"{path.name}, {part}: {odd[0]} is {'unknown' if odd[0] in raw.get(part, {}) else 'missing'}"
            )
    figures = {f"rules, {k}": v for k, v in raw["rules"].items()} | {"review_yuan": raw.get("review_yuan")}
    for treatment, costs in raw["costs_yuan"].items():
        if set(costs) != set(KINDS):
            raise ArrearsError(f"{path.name}, costs_yuan, {treatment}: expected a cost for each of {', '.join(KINDS)}")
        figures |= {f"costs_yuan, {treatment}, {kind}": value for kind, value in costs.items()}
    for where, value in figures.items():
        if not isinstance(value, int | float) or value < 0:
            raise ArrearsError(f"{path.name}, {where} is {value!r}, expected a number of at least 0")
    return KindRules(raw["source"], raw["effective_from"], raw["rules"], raw["costs_yuan"], float(raw["review_yuan"]))


def mark_disputed(late: pd.DataFrame, lab: Lab | None) -> pd.Series:
    """Whether the customer complained of its bill between its issue and its settlement.

    Tickets of the categories billing and complaint count; False everywhere without tickets.
    """
    none = pd.Series(False, late.index, name="disputed")
    if lab is None or not lab.has("tickets") or late.empty:
        return none
    tickets = lab.tickets
    asked = tickets.filter(tickets.category.isin(["billing", "complaint"]) & tickets.customer_id.notnull())
    calls = lab.run(asked.select("customer_id", opened="opened_at"))
    pairs = (
        late[["customer_id", "issued_on", "due_on", "days_late"]]
        .reset_index(names="_row")
        .merge(calls, on="customer_id")
    )
    until = pairs["due_on"] + pd.to_timedelta(pairs["days_late"], unit="D")
    since = pairs["issued_on"].fillna(pairs["due_on"] - pd.Timedelta(days=15))
    meant = pairs.loc[(pairs["opened"] >= since) & (pairs["opened"] < until + pd.Timedelta(days=1)), "_row"]
    none.loc[meant.unique()] = True
    return none


def late_habits(late: pd.DataFrame, disputed: pd.Series, rules: KindRules | None = None) -> pd.DataFrame:
    """A row a customer of what its late bills have in common.

    Returns
    -------
    DataFrame
        ``customer_id``, ``late_bills_count``, ``short_share`` (settled soon after the due date),
        ``part_share``, ``refused_share`` (settled whole, only after notice; where no notices are
        recorded at all, only so late that one would have been given), ``disputed_share``,
        ``open_share``, ``open_yuan``.
    """
    limits = (rules or read_kind_rules()).rules
    noticed = late["notice_on"].notna() if late["notice_on"].notna().any() else True
    marked = late.assign(
        short=late["settled_on"].notna() & (late["days_late"] <= limits["forgets_days"]),
        refused=(late["days_late"] > limits["notice_days"]) & late["settled_on"].notna() & ~late["part_paid"] & noticed,
        disputed=disputed, unpaid=late["open_yuan"] > 0,
    )  # fmt: skip
    by = marked.groupby("customer_id")
    told = pd.DataFrame({"late_bills_count": by.size()})
    for name, column in (
        ("short", "short"),
        ("part", "part_paid"),
        ("refused", "refused"),
        ("disputed", "disputed"),
        ("open", "unpaid"),
    ):
        told[f"{name}_share"] = by[column].mean()
    told["open_yuan"] = by["open_yuan"].sum()
    return told.reset_index()


def kind_by_rules(habits: pd.DataFrame, rules: KindRules | None = None) -> pd.Series:
    """The kind where a rule is clear; missing elsewhere.

    Rules are tried in this order: disputes, cannot (parts, or lateness that grows
    into open bills), will not, forgot. Customers with fewer late bills than
    ``late_bills_min`` are told only when they dispute.
    """
    limits = (rules or read_kind_rules()).rules
    enough = habits["late_bills_count"] >= limits["late_bills_min"]
    part = (habits["part_share"] >= limits["part_share"]) | (habits["open_share"] >= limits["refused_share"])
    tests = (
        ("disputes", habits["disputed_share"] >= limits["disputed_share"]),
        ("cannot", enough & part),
        ("will_not", enough & (habits["refused_share"] >= limits["refused_share"]) & (habits["part_share"] == 0)),
        ("forgot", enough & (habits["short_share"] == 1)),
    )
    kind = np.select([test.to_numpy() for _, test in tests], [name for name, _ in tests], default="")
    return pd.Series(kind, habits.index, name="kind").where(kind != "")


@dataclass(frozen=True, eq=False)
class Kinds:
    """Why each late payer pays late.

    Attributes
    ----------
    table : DataFrame
        ``customer_id``, ``late_bills_count``, ``refused_share``, ``part_share``, ``disputed_share``
        (see `late_habits`), ``open_yuan``, ``rule`` (kind by rules, missing where
        none is clear), the chance of each kind, ``kind`` (``unclear`` where no chance reaches
        `certain`), ``treatment`` (the cheapest at these chances, or ``review``),
        ``expected_cost_yuan``, ``review_gain_yuan``: what knowing for certain would save.
    shares : DataFrame
        ``kind``, ``share`` of late payers: of the mixture.
    """

    table: pd.DataFrame
    shares: pd.DataFrame
    rules: KindRules
    certain: float


def tell_kinds(
    late: pd.DataFrame, disputed: pd.Series, *, rules: KindRules | None = None, certain: float = 0.7
) -> Kinds:
    """Why customers pay late, from all their late bills.

    Parameters
    ----------
    late : DataFrame
        Of `late_bills`.
    disputed : Series
        Of `mark_disputed`.
    certain : float
        Least chance for a kind to be named.

    Returns
    -------
    Kinds

    Raises
    ------
    ArrearsError
        If fewer than 10 customers have a late bill.

    Notes
    -----
    Rules first, then a model: latent classes of late bills, each kind with its own
    chances of lateness (five bands), part payment and dispute, and each customer of
    one kind. Begun from the rules and fitted to all late bills by
    expectation-maximisation, with a few cases believed in beforehand (Dempster et al. 1977,
    doi:10.1111/j.2517-6161.1977.tb01600.x). Bills of a customer are alike beyond what its
    kind says, so each counts half. Where no complaint is known at all, nobody disputes.
    Nobody has said why it paid late: chances are right as far as the kinds look as
    the rules say. A person looks before anybody is listed.
    """
    known = rules or read_kind_rules()
    habits = late_habits(late, disputed, known)
    if len(habits) < 10:
        raise ArrearsError(f"{len(habits)} customers have late bills; kinds need 10 at least")
    by_rule = kind_by_rules(habits, known)
    chance, shares = _mixture(late, disputed, habits["customer_id"], by_rule)
    best = chance.max(axis=1)
    costs = np.array([[known.costs_yuan[t][k] for k in KINDS] for t in TREATMENTS.values()])
    expected = chance @ costs.T
    cheapest = expected.min(axis=1)
    # Knowing the kind, each would get its own treatment.
    gain = cheapest - chance @ costs.min(axis=0)
    kept = ["customer_id", "late_bills_count", "refused_share", "part_share", "disputed_share", "open_yuan"]
    table = habits[kept].assign(rule=by_rule)
    table[list(KINDS)] = chance
    table["kind"] = np.where(best >= certain, np.array(KINDS)[chance.argmax(axis=1)], "unclear")
    treatments = np.array(list(TREATMENTS.values()))
    table["treatment"] = np.where(gain > known.review_yuan, "review", treatments[expected.argmin(axis=1)])
    table["expected_cost_yuan"] = np.where(gain > known.review_yuan, cheapest - gain + known.review_yuan, cheapest)
    table["review_gain_yuan"] = gain
    return Kinds(table, pd.DataFrame({"kind": list(KINDS), "share": shares}), known, certain)


def _mixture(
    late: pd.DataFrame, disputed: pd.Series, ids: pd.Series, by_rule: pd.Series
) -> tuple[np.ndarray, np.ndarray]:
    """Chance of each kind for each customer, (customers, kinds), and their shares."""
    at = pd.Index(ids).get_indexer(late["customer_id"])
    band = np.searchsorted(_BANDS, late["days_late"].to_numpy(), side="left")
    # Still open within a band: it will end in this band or a later one, which is not known yet.
    open_ = late["settled_on"].isna().to_numpy() & (band < len(_BANDS))
    # Who slips by a few days, and who waits for the reminder: both forgot, but not alike.
    parts = ("slipped", *KINDS)
    traits = [late["part_paid"].to_numpy().astype(int), disputed.to_numpy().astype(int)]
    k, n, bands = len(parts), len(ids), len(_BANDS) + 1
    slipped = np.bincount(at, (band > 0) | traits[0] | traits[1], n) == 0
    seen = np.array([name != "disputes" or bool(traits[1].any()) for name in parts])
    begun = np.where(slipped, "slipped", by_rule.fillna("").to_numpy(dtype=str))
    chance = np.full((n, k), 1 / k)
    for j, kind in enumerate(parts):
        chance[begun == kind] = np.where(np.arange(k) == j, 0.94, 0.06 / (k - 1))
    chance = chance * seen / (chance * seen).sum(axis=1, keepdims=True)
    shares = chance.mean(axis=0)
    for _ in range(_SWEEPS):
        weight = chance[at]  # of each bill
        theta = np.stack([np.bincount(band[~open_], weight[~open_, j], bands) + 1 for j in range(k)])
        theta = theta / theta.sum(axis=1, keepdims=True)
        tail = theta[:, ::-1].cumsum(axis=1)[:, ::-1]
        log = np.where(open_[:, None], np.log(tail[:, band]).T, np.log(theta[:, band]).T)
        for trait, (yes, all_) in zip(traits, _BELIEFS):
            p = ((weight * trait[:, None]).sum(axis=0) + yes) / (weight.sum(axis=0) + all_)
            log = log + np.where(trait[:, None] == 1, np.log(p), np.log1p(-p))
        like = np.stack([np.bincount(at, log[:, j], n) for j in range(k)], axis=1)
        like[:, ~seen] = -np.inf
        new = _chances(np.log(shares) + like)
        moved, chance = np.abs(new - chance).max(), new
        shares = (chance.sum(axis=0) + 1) / (n + k)
        if moved < _CLOSE:
            break
    chance = _chances(TEMPER * (np.log(shares) + like))
    forgot = chance[:, 0] + chance[:, 1]
    shares = np.concatenate([[shares[0] + shares[1]], shares[2:]])
    return np.column_stack([forgot, chance[:, 2:]]), shares


def _chances(log: np.ndarray) -> np.ndarray:
    raw = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def likeliest_kind(kinds: Kinds, customer_ids: pd.Series) -> pd.Series:
    """The likeliest kind of each customer, however sure; missing for those who never paid late."""
    best = pd.Series(np.array(KINDS)[kinds.table[list(KINDS)].to_numpy().argmax(axis=1)], kinds.table["customer_id"])
    return customer_ids.map(best)


def price_errors(rules: KindRules | None = None) -> pd.DataFrame:
    """What mistaking one kind for another costs: a row a true kind, a column a treatment [yuan an account]."""
    costs = (rules or read_kind_rules()).costs_yuan
    rows = [{"kind": kind, **{t: costs[t][kind] - costs[TREATMENTS[kind]][kind] for t in costs}} for kind in KINDS]
    return pd.DataFrame(rows)


def late_payers(lab: Lab, books: Books, on: dt.date | None = None) -> Kinds:
    """`tell_kinds` for a lab, as known at the end of a day."""
    from labkit.arrears.behaviour import late_bills

    late = late_bills(books, on)
    return tell_kinds(late, mark_disputed(late, lab))
