"""When a customer had no supply: cut for arrears, or gone."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from labkit.lab import Lab

_EVER = dt.date(2200, 1, 1)
_DAY = dt.timedelta(days=1)


def read_cuts(lab: Lab) -> pd.DataFrame:
    """Cuts for arrears, by the collections.

    Returns
    -------
    DataFrame
        ``customer_id``, ``cut_on``, ``back_on`` (the next reconnection) and ``ended``: False where no reconnection follows before
        another cut. Then the supply stayed cut, or nobody wrote down that it came back, as not every system does.
    """
    if not lab.has("collections", "bills"):
        return pd.DataFrame({"customer_id": [], "cut_on": [], "back_on": [], "ended": np.array([], dtype=bool)})
    steps = lab.collections.filter(lab.collections.action.isin(["disconnection", "reconnection"]))
    owner = lab.bills.select("bill_id", "customer_id")
    table = lab.run(steps.inner_join(owner, "bill_id").select("customer_id", "action", "at"))
    table = table.sort_values(["customer_id", "at", "action"], ignore_index=True)
    table["day"] = pd.to_datetime(table["at"]).dt.normalize()
    following = table.groupby("customer_id")["action"].shift(-1)
    back = table["day"].where(table["action"] == "reconnection").groupby(table["customer_id"]).bfill()
    cuts = pd.DataFrame(
        {
            "customer_id": table["customer_id"], "cut_on": table["day"].dt.date,
            "back_on": back.dt.date.where(back.notna(), _EVER), "ended": following == "reconnection",
        }
    )  # fmt: skip
    return cuts[table["action"] == "disconnection"].reset_index(drop=True)


def spans_without_supply(lab: Lab, cuts: pd.DataFrame) -> pd.DataFrame:
    """Whole days on which nothing should be used.

    Parameters
    ----------
    cuts : DataFrame
        Of `read_cuts`.

    Returns
    -------
    DataFrame
        ``customer_id``, ``since``, ``until``: from the day after a disconnection to the day before the next reconnection, and from
        the day of leaving on; ``ended`` as of `read_cuts`, and True for who left.
    """
    left = lab.run(lab.customers.filter(lab.customers.left_on.notnull()).select("customer_id", since="left_on"))
    between = pd.DataFrame(
        {
            "customer_id": cuts["customer_id"], "since": [day + _DAY for day in cuts["cut_on"]],
            "until": [day if day == _EVER else day - _DAY for day in cuts["back_on"]], "ended": cuts["ended"],
        }
    )  # fmt: skip
    spans = pd.concat([left.assign(until=_EVER, ended=True), between], ignore_index=True)
    spans = spans.astype({"since": object, "until": object, "ended": bool})
    return spans[spans["since"] <= spans["until"]].reset_index(drop=True)


def days_of_cuts(cuts: pd.DataFrame, last: dt.date) -> pd.DataFrame:
    """Every day of each cut, those of the cut and of the reconnection included: ``customer_id``, ``day``, ``ended``.

    Parameters
    ----------
    cuts : DataFrame
        Of `read_cuts`.
    last : date
        Last day of the readings.
    """
    ends = [min(day, last) for day in cuts["back_on"]]
    spans = [pd.date_range(since, until).date for since, until in zip(cuts["cut_on"], ends, strict=True)]
    table = pd.DataFrame(
        {
            "customer_id": np.repeat(cuts["customer_id"].to_numpy(), [len(days) for days in spans]),
            "day": np.concatenate(spans) if spans else [],
            "ended": np.repeat(cuts["ended"].to_numpy(), [len(days) for days in spans]),
        }
    )
    return table.groupby(["customer_id", "day"], as_index=False)["ended"].max()
