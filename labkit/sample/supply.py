"""Who has no supply, and when: cut off for arrears until reconnected. Loads, bills and payments fit together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from labkit.sample import billing, payments
from labkit.sample.customers import day_index
from labkit.sample.readings import Loads
from labkit.sample.world import World


def settle_accounts(
    world: World, who: pd.DataFrame, loads: list[Loads], start_rng: Callable[[], np.random.Generator]
) -> tuple[list[Loads], pd.DataFrame, pd.DataFrame, pd.DataFrame, np.random.Generator]:
    """Loads without what is not used while the supply is cut, and the bills, payments and steps that go with them.

    Parameters
    ----------
    loads : list of Loads
        As if nobody were ever cut off.
    start_rng : callable
        The same generator, from its beginning, each time.

    Returns
    -------
    loads, bills, payments, collections, rng

    Notes
    -----
    A cut makes later bills smaller, and a bill of nought brings no cut of its own; so bills and cuts are made in turn
    until neither changes. A cut only reaches later months, so that takes no more turns than there are months.
    """
    cuts = np.empty((0, 3), dtype=np.int64)
    for _ in range(len(world.months) + 2):
        used = [_without_supply(part, cuts) for part in loads]
        bills, rng = billing.make_bills(world, who, used), start_rng()
        paid, actions = payments.make_payments(world, who, bills, rng)
        found = find_cuts(world, who, bills, actions)
        if np.array_equal(found, cuts):
            return used, bills, paid, actions, rng
        cuts = found
    raise AssertionError("bills and cuts of the sample do not settle: a cut changes months before it")


def find_cuts(world: World, who: pd.DataFrame, bills: pd.DataFrame, actions: pd.DataFrame) -> np.ndarray:
    """Customer of the block, first and last minute of each cut, shape (cuts, 3): until the next reconnection, if there is one.

    Months before a connection bring none.
    """
    bill = bills.iloc[actions["_bill"].to_numpy()]
    known = day_index(who["connected_on"])[bill["_row"]] <= world.month_starts[bill["_month"]]
    steps = actions.loc[known, ["_row", "_minute", "action"]].sort_values(["_row", "_minute"], kind="stable")
    back = steps["_minute"].where(steps["action"] == "reconnection").groupby(steps["_row"]).bfill()
    cut = steps["action"] == "disconnection"
    until = back[cut].fillna(len(world.days) * 1440)
    return np.column_stack([steps.loc[cut, ["_row", "_minute"]], until]).astype(np.int64)


def _without_supply(part: Loads, cuts: np.ndarray) -> Loads:
    """Nothing in the slots that lie wholly within a cut."""
    wh = part.wh.reshape(len(part.rows), -1).copy()
    place = {row: at for at, row in enumerate(part.rows.tolist())}
    for row, since, until in cuts.tolist():
        if row in place:
            wh[place[row], -(-since // part.interval_min) : until // part.interval_min] = 0
    return replace(part, wh=wh.reshape(part.wh.shape))
