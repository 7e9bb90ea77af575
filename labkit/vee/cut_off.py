"""When a customer had no supply: cut for arrears, or gone."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from labkit.lab import Lab

_EVER = dt.date(2200, 1, 1)


def spans_without_supply(lab: Lab) -> pd.DataFrame:
    """Whole days on which nothing should be used.

    Returns
    -------
    DataFrame
        ``customer_id``, ``since``, ``until``: from the day after a disconnection to the day before the next reconnection,
        where the collections say so, and from the day of leaving on. A cut whose end is not known counts for nothing: not
        every system writes down that supply came back.
    """
    customers = lab.run(lab.customers.filter(lab.customers.left_on.notnull()).select("customer_id", since="left_on"))
    found = [customers.assign(until=_EVER)]
    if lab.has("collections", "bills"):
        found.append(_cuts(lab))
    spans = pd.concat(found, ignore_index=True).astype({"since": object, "until": object})
    return spans[spans["since"] <= spans["until"]].reset_index(drop=True)


def _cuts(lab: Lab) -> pd.DataFrame:
    steps = lab.collections.filter(lab.collections.action.isin(["disconnection", "reconnection"]))
    owner = lab.bills.select("bill_id", "customer_id")
    table = lab.run(steps.inner_join(owner, "bill_id").select("customer_id", "action", "at"))
    table = table.sort_values(["customer_id", "at", "action"], ignore_index=True)
    day = pd.to_datetime(table["at"]).dt.normalize()
    following = table.groupby("customer_id")[["action"]].shift(-1)["action"]
    until = day.groupby(table["customer_id"]).shift(-1)
    cut = (table["action"] == "disconnection") & (following == "reconnection")
    one = pd.Timedelta(days=1)
    return pd.DataFrame(
        {
            "customer_id": table.loc[cut, "customer_id"],
            "since": (day[cut] + one).dt.date,
            "until": (until[cut] - one).dt.date,
        }
    )
