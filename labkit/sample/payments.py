"""Payments and what is done about late ones: four kinds of late payer.

The forgetful pay at the reminder; those in difficulty pay in parts and ever
later; the unwilling pay only under notice; disputers complain of the bill and wait for an answer.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from labkit.sample.world import World

_CHANNELS = ("online", "bank", "counter", "agent")
#: Days after the due date on which a step is taken, and its hour.
_STEPS = (
    ("reminder", 5, 9.5),
    ("approval", 31, 15.0),
    ("notice", 32, 10.0),
    ("final_notice", 37, 9.0),
    ("disconnection", 37, 9.6),
)
_NEVER = 10**6


def make_payments(
    world: World, customers: pd.DataFrame, bills: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Payments and collection actions for the bills of a block.

    Returns
    -------
    payments, collections : DataFrame
        With ``_row`` and ``_day`` beside the columns of the tables.
    """
    n = len(bills)
    payer = customers["_payer"].to_numpy()[bills["_row"]]
    due = world.month_starts[1:][bills["_month"]] + 2 + 15
    settled, part_day, part_share = _when_paid(payer, due, bills["_month"].to_numpy(), rng)
    last_day = len(world.days) - 1
    cents = (bills["total_yuan"].to_numpy() * 100).round().astype(np.int64)
    part = np.where((part_day < _NEVER) & (cents > 0), (cents * part_share).astype(np.int64), 0)
    channel = rng.choice(_CHANNELS, n, p=[0.62, 0.2, 0.1, 0.08])
    first = pd.DataFrame({"_bill": np.arange(n), "_day": part_day, "_cents": part, "_n": 1})[part > 0]
    full = pd.DataFrame({"_bill": np.arange(n), "_day": settled, "_cents": cents - part, "_n": 2})[cents > part]
    paid = pd.concat([first, full])
    paid = paid[paid["_day"] <= last_day].sort_values(["_bill", "_n"], ignore_index=True)
    at = paid["_bill"].to_numpy()
    payments = pd.DataFrame(
        {
            "payment_id": "Y" + bills["bill_id"].str[1:].to_numpy()[at] + "-" + paid["_n"].astype(str),
            "bill_id": bills["bill_id"].to_numpy()[at],
            "customer_id": bills["customer_id"].to_numpy()[at],
            "paid_on": world.dates(paid["_day"].to_numpy()),
            "amount_yuan": paid["_cents"].to_numpy() / 100,
            "channel": channel[at],
            "_row": bills["_row"].to_numpy()[at],
            "_day": paid["_day"].to_numpy(),
        }
    )
    return payments, _collections(world, bills, customers, due, settled, cents, rng)


def find_disputes(
    world: World, customers: pd.DataFrame, bills: pd.DataFrame, paid: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Calls about the bills that disputers pay late: ``_row`` and ``_minute``; one in five says nothing."""
    at = bills.set_index("bill_id")["_month"].reindex(paid["bill_id"]).to_numpy()
    due = world.month_starts[1:][at] + 2 + 15
    disputed = customers["_payer"].to_numpy()[paid["_row"]] == "disputing"
    called = np.flatnonzero(disputed & (paid["_day"].to_numpy() >= due + 15) & (rng.random(len(paid)) < 0.8))
    day = due[called] + rng.integers(-8, 11, len(called))
    minute = day * 1440 + rng.integers(9 * 60, 18 * 60, len(called))
    return pd.DataFrame({"_row": paid["_row"].to_numpy()[called], "_minute": minute})


def _when_paid(
    payer: np.ndarray, due: np.ndarray, month: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Day settled in full, day of a first part payment, its share of the bill."""
    n = len(payer)
    settled = due - rng.integers(2, 14, n)
    part_day, part_share = np.full(n, _NEVER), np.zeros(n)
    chance = rng.random(n)
    late = (payer == "prompt") & (chance < 0.015)
    settled[late] = due[late] + rng.integers(1, 5, late.sum())
    late = (payer == "forgetful") & (chance < 0.35)
    settled[late] = due[late] + 5 + rng.integers(0, 7, late.sum())
    # Difficulty grows over the months, from one bill in four to seven in ten.
    late = (payer == "difficulty") & (chance < 0.25 + 0.02 * month)
    settled[late] = due[late] + rng.integers(20, 60, late.sum()) + 2 * month[late]
    in_part = late & (rng.random(n) < 0.6)
    part_day[in_part] = due[in_part] + rng.integers(-3, 12, in_part.sum())
    part_share[in_part] = rng.uniform(0.3, 0.7, in_part.sum())
    settled[late & (rng.random(n) < 0.10)] = _NEVER
    late = (payer == "unwilling") & (chance < 0.50)
    settled[late] = due[late] + rng.integers(31, 42, late.sum())
    late = (payer == "disputing") & (chance < 0.12)
    settled[late] = due[late] + rng.integers(15, 30, late.sum())
    return settled, part_day, part_share


def _collections(
    world: World,
    bills: pd.DataFrame,
    customers: pd.DataFrame,
    due: np.ndarray,
    settled: np.ndarray,
    cents: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    last_day = len(world.days) - 1
    protected = customers["important"].to_numpy()[bills["_row"]]
    parts = []
    for name, after, hour in _STEPS:
        taken = (settled >= due + after) & (due + after <= last_day) & (cents > 0)
        if name in ("approval", "notice", "final_notice", "disconnection"):
            taken &= ~protected
        at = np.flatnonzero(taken)
        parts.append(
            _actions(
                bills,
                at,
                name,
                due[at] + after,
                (due[at] + after) * 1440 + hour * 60 + rng.integers(0, 25, len(at)) * (name != "final_notice"),
            )
        )
    back = np.flatnonzero((settled >= due + 37) & (settled < last_day) & ~protected & (cents > 0))
    parts.append(
        _actions(
            bills, back, "reconnection", settled[back], settled[back] * 1440 + 16 * 60 + rng.integers(0, 400, len(back))
        )
    )
    deal = np.flatnonzero((settled < _NEVER) & (settled > due + 45) & (due + 40 <= last_day) & protected)
    parts.append(_actions(bills, deal, "instalment_plan", due[deal] + 40, (due[deal] + 40) * 1440 + 11 * 60))
    frame = pd.concat(parts).sort_values(["_bill", "_minute"], ignore_index=True)
    frame["at"] = world.times(frame["_minute"].to_numpy())
    order = frame.groupby("_bill").cumcount() + 1
    frame["action_id"] = "K" + frame["bill_id"].str[1:] + "-" + order.astype(str)
    return frame


def _actions(bills: pd.DataFrame, at: np.ndarray, name: str, day: np.ndarray, minute: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "bill_id": bills["bill_id"].to_numpy()[at],
            "action": name,
            "_bill": at,
            "_row": bills["_row"].to_numpy()[at],
            "_day": day,
            "_minute": np.asarray(minute).astype(np.int64),
        }
    )
