"""What would save an account money, each item with its interval, and what would not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.accounts.assumptions import Assumptions, read_assumptions
from labkit.accounts.basic_charge import advise_contract, advise_tariff
from labkit.accounts.capacitors import advise_capacitor
from labkit.accounts.case import Item, make_case
from labkit.accounts.dates import advise_expansion, advise_maintenance
from labkit.accounts.hours import advise_hours
from labkit.accounts.load import AccountData
from labkit.estimates import Estimate
from labkit.tariffs import Choice, Name, Tariff

_SUBJECTS = (advise_tariff, advise_contract, advise_capacitor, advise_hours, advise_maintenance, advise_expansion)


@dataclass(frozen=True, eq=False)
class Advice:
    """All advice to one account.

    Attributes
    ----------
    items : tuple of Item
        What to do, largest saving first; then what not to do.
    bill_yuan : float
        A year on today's tariff, without what the readings do not tell.
    choice : Choice
        All tariffs compared.
    """

    customer_id: str
    items: tuple[Item, ...]
    bill_yuan: float
    choice: Choice
    notes: tuple[Name, ...] = ()

    @property
    def to_do(self) -> tuple[Item, ...]:
        """What is worth doing."""
        return tuple(item for item in self.items if item.worth_it)

    @property
    def not_to_do(self) -> tuple[Item, ...]:
        """What is not."""
        return tuple(item for item in self.items if not item.worth_it)

    def to_frame(self) -> pd.DataFrame:
        """A row an item: ``customer_id``, ``kind``, ``worth_it``, ``saving_yuan``, ``low``, ``high``, ``cost_yuan``."""
        nothing = Estimate(np.nan, np.nan, np.nan, 0)
        rows = [
            (self.customer_id, i.kind, i.worth_it, (i.saving or nothing).value, (i.saving or nothing).low,
             (i.saving or nothing).high, i.cost_yuan)
            for i in self.items
        ]  # fmt: skip
        return pd.DataFrame(
            rows, columns=["customer_id", "kind", "worth_it", "saving_yuan", "low", "high", "cost_yuan"]
        )


def advise(
    account: AccountData,
    tariffs: Iterable[Tariff],
    assumptions: Assumptions | None = None,
    *,
    any_date: bool = False,
    seed: int = 0,
) -> Advice:
    """What would save an account money.

    Parameters
    ----------
    account : AccountData
    tariffs : iterable of Tariff
        Today's and those it might change to.
    assumptions : Assumptions, optional
        Of ``data/accounts/assumptions.yaml`` by default.

    Raises
    ------
    TariffError
        If today's tariff is not among the tariffs.

    Notes
    -----
    Only whole months count. Items are worked out one by one on today's tariff
    and overlap: capacitors, hours and contract act on the same bill, so savings
    do not simply add up. Intervals say how far an item hangs on single months of
    the year seen; they do not hold what the assumptions may be wrong by.
    """
    assume = assumptions or read_assumptions()
    case = make_case(account, list(tariffs), assume, any_date=any_date, seed=seed)
    items = [item for advise_on in _SUBJECTS for item in advise_on(case)]
    items.sort(key=lambda item: (not item.worth_it, -(item.saving.value if item.saving else 0.0)))
    bill = float(case.cost_yuan.mean() * 12)
    return Advice(account.customer_id, tuple(items), bill, case.choice, _notes(account, case.load, assume))


def _notes(data: AccountData, load: pd.Series, assume: Assumptions) -> tuple[Name, ...]:
    months = load.index.to_period("M").nunique()
    return (
        Name(
            f"Readings of {months} whole months, {data.filled_share:.1%} of the intervals filled with the mean of the "
            f"same quarter of an hour and day type.",
            f"依据 {months} 个整月的读数，其中 {data.filled_share:.1%} 的时段缺失，以同月同类日同一时段的均值补足。",
        ),
        Name(
            f"Assumed: {assume.capacitor_yuan_per_kvar:g} yuan per kvar, {assume.movable_share:.0%} of the load movable within the "
            f"day at {assume.moving_yuan_per_kwh:g} yuan per kWh.",
            f"假设：电容补偿每千乏 {assume.capacitor_yuan_per_kvar:g} 元；日内可移动负荷 {assume.movable_share:.0%}，每千瓦时移动成本 {assume.moving_yuan_per_kwh:g} 元。",
        ),
        Name(
            "Each item stands by itself on today's tariff; savings overlap and do not simply add up.",
            "各项均按现行电价单独测算，相互重叠，不能简单相加。",
        ),
    )
