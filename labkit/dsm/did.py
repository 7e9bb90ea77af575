"""Difference in differences: the effect of a programme against a control group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.dsm.effects import fit_panel
from labkit.dsm.errors import DsmError
from labkit.estimates import Estimate


@dataclass(frozen=True, eq=False)
class DidEffect:
    """Effect of a programme and what speaks against it.

    Attributes
    ----------
    effect : Estimate
        In the unit of `outcome`, a day and customer; a share where logs were taken.
    total : Estimate
        Effect times the treated customer-days.
    placebo : DataFrame
        ``starts_on`` of made-up starts before the real one, ``effect`` with ends,
        and whether the interval ``holds_zero``.
    pretrend : Estimate
        Difference of the arms' daily trend before the start.
    """

    effect: Estimate
    total: Estimate
    placebo: pd.DataFrame
    pretrend: Estimate

    @property
    def holds(self) -> bool:
        """Whether the arms went alike before: the pretrend and at least all but one placebo hold 0."""
        return bool(self.pretrend.low <= 0 <= self.pretrend.high and (~self.placebo["holds_zero"]).sum() <= 1)


def difference_in_differences(
    table: pd.DataFrame, starts_on: object, *, outcome: str = "kwh", logs: bool = False, placebos: int = 4
) -> DidEffect:
    """Effect of a programme, with customer and day effects and errors by customer.

    Parameters
    ----------
    table : DataFrame
        A row a customer and day: ``customer_id``, ``day``, ``arm`` (treated or
        control) and `outcome`.
    starts_on : date
        First day of the programme.
    outcome : str
    logs : bool
        Take logs of the outcome (rows at 0 or below are left out); the effect is
        then a share, exp(b) - 1.
    placebos : int
        Made-up starts, evenly over the days before.

    Raises
    ------
    DsmError
        Without a control group, or without days before the start.

    Notes
    -----
    Sound where both arms would have gone alike without the programme, which the
    placebos test on the days before and never prove on the days after. All treated
    begin on one day: with several, two-way effects mix them (Goodman-Bacon 2021,
    doi:10.1016/j.jeconom.2021.03.014).
    """
    data = _check(table, starts_on, outcome)
    if logs:
        data = data[data[outcome] > 0]
    y = np.log(data[outcome].to_numpy(dtype=float)) if logs else data[outcome].to_numpy(dtype=float)
    start = pd.Timestamp(starts_on)
    effect = _effect(data, y, start, logs)
    active = int(((data["arm"] == "treated") & (data["day"] >= start)).sum())
    total = Estimate(effect.value * active, effect.low * active, effect.high * active, effect.n)
    before = (data["day"] < start).to_numpy()
    first = data["day"].min()
    rows = []
    for k in range(1, placebos + 1):
        made_up = first + (start - first) * k / (placebos + 1)
        made_up = made_up.normalize()
        one = _effect(data[before], y[before], made_up, logs)
        rows.append((made_up.date(), one.value, one.low, one.high, bool(one.low <= 0 <= one.high)))
    placebo = pd.DataFrame(rows, columns=["starts_on", "effect", "low", "high", "holds_zero"])
    past = data[before]
    number = (past["day"] - first).dt.days.to_numpy(dtype=float) * (past["arm"] == "treated").to_numpy()
    trend = fit_panel(y[before], number[:, None], ("trend",), past["customer_id"].to_numpy(), past["day"].to_numpy())
    return DidEffect(effect, total, placebo, trend.estimate("trend"))


def _check(table: pd.DataFrame, starts_on: object, outcome: str) -> pd.DataFrame:
    for name in ("customer_id", "day", "arm", outcome):
        if name not in table:
            raise DsmError(f"the table has no column {name}; it needs customer_id, day, arm and {outcome}")
    data = table.dropna(subset=[outcome]).copy()
    data["day"] = pd.to_datetime(data["day"])
    start = pd.Timestamp(starts_on)
    for arm in ("treated", "control"):
        mine = data[data["arm"] == arm]
        if mine.empty:
            raise DsmError(f"there are no customers in the arm {arm!r}: without a control group nothing can be said")
        if not (mine["day"] < start).any() or not (mine["day"] >= start).any():
            raise DsmError(f"the arm {arm!r} has no days before or none after {start:%Y-%m-%d}; bring both")
    return data


def _effect(data: pd.DataFrame, y: np.ndarray, start: pd.Timestamp, logs: bool) -> Estimate:
    active = ((data["arm"] == "treated") & (data["day"] >= start)).to_numpy(dtype=float)
    fit = fit_panel(y, active[:, None], ("effect",), data["customer_id"].to_numpy(), data["day"].to_numpy())
    found = fit.estimate("effect")
    if not logs:
        return found
    value, low, high = (float(np.expm1(v)) for v in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.n)
