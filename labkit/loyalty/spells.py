"""Customers as spells: from the connection, seen from the beginning of the data, until they leave or the data end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.lab import Lab
from labkit.loyalty.cells import month_number
from labkit.loyalty.errors import LoyaltyError

#: Reasons for which a customer goes to a competitor; all others are life.
MARKET_REASONS = ("direct_purchase", "retailer", "own_generation")
#: Reasons after which nothing flows through the wires any more.
WIRES_END = ("closed", "own_generation")
#: From this voltage on a customer may buy directly [kV].
DIRECT_KV = 10.0


@dataclass(frozen=True, eq=False)
class Spells:
    """One row a customer.

    Attributes
    ----------
    table : DataFrame
        ``customer_id``, ``start`` (month of the connection), ``entry_months``, ``duration_months`` (whole months, that of the
        connection is the first), ``reason`` (empty for those who stay), ``left``, ``left_to_market``,
        ``contract_end_months`` on the same clock, ``customer_class``, ``settlement``, ``voltage_kv``, ``may_buy_directly``.
    first_month, last_month : str
        Of the window in which departures are seen.
    left_out : dict of str to int
        Customers that cannot be used, by why.
    """

    table: pd.DataFrame
    first_month: str
    last_month: str
    left_out: dict[str, int]


def read_spells(lab: Lab) -> Spells:
    """Spells of all customers of a lab.

    Parameters
    ----------
    lab : Lab
        With ``connected_on`` and ``left_on`` of customers.

    Raises
    ------
    LoyaltyError
        If no customer has both ends.

    Notes
    -----
    Departures are seen from the first billed month (or the first reading) to the last whole month; who had left before
    is not in the data, which is why `entry_months` must be handed to every model. ``contract_end_on`` is today's entry: a
    renewal within the data has written over the old end.
    """
    wanted = [
        "customer_id", "connected_on", "left_on", "left_reason", "contract_end_on", "customer_class", "settlement", "voltage_kv",
    ]  # fmt: skip
    customers = lab.run(lab.customers.select(*(c for c in wanted if c in lab.customers.columns)))
    for column in wanted:
        if column not in customers:
            customers[column] = pd.NaT if column.endswith("_on") else None
    first, last = _window(lab)
    return make_spells(customers.sort_values("customer_id", ignore_index=True), first, last)


def _window(lab: Lab) -> tuple[str, str]:
    first, last = (day[:7] for day in lab.period)
    if lab.has("bills") and lab.manifest.tables["bills"].first:
        first = min(first, str(lab.manifest.tables["bills"].first)[:7])
    return first, last


def make_spells(customers: pd.DataFrame, first_month: str, last_month: str) -> Spells:
    """Spells of a table of customers; columns as of the table `customers`, months YYYY-MM."""
    table = customers.reset_index(drop=True)
    dates = {c: pd.to_datetime(table[c]) for c in ("connected_on", "left_on", "contract_end_on")}
    first, last = month_number(pd.Series([first_month, last_month]))
    unknown = dates["connected_on"].isna()
    zero = _months(dates["connected_on"], int(last) + 1)
    gone = _months(dates["left_on"], 10**6)
    before, after = (gone < first) & ~unknown, (zero > last) & ~unknown
    backwards = (dates["left_on"] < dates["connected_on"]) & ~unknown
    kept = ~(unknown | before | after | backwards).to_numpy()
    left_out = {
        "no_connection_date": int(unknown.sum()), "left_before_the_data": int((before & ~backwards).sum()),
        "connected_after_the_data": int(after.sum()), "left_before_connected": int(backwards.sum()),
    }  # fmt: skip
    if not kept.any():
        raise LoyaltyError("no customer has a connection date within the data; bring connected_on of the customers")
    left = (gone <= last) & kept
    duration = np.minimum(gone, last) - zero + 1
    reason = table["left_reason"].where(pd.Series(left), "").fillna("unknown").astype(str)
    voltage = pd.to_numeric(table["voltage_kv"])
    out = pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "start": [f"{m // 12}-{m % 12 + 1:02d}" for m in zero.tolist()],
            "entry_months": np.maximum(first - zero, 0),
            "duration_months": duration,
            "reason": reason,
            "left": left,
            "left_to_market": reason.isin(MARKET_REASONS),
            "contract_end_months": np.where(dates["contract_end_on"].notna(), _months(dates["contract_end_on"], 0) - zero + 1, np.nan),
            "customer_class": table["customer_class"],
            "settlement": table["settlement"],
            "voltage_kv": voltage,
            "may_buy_directly": (voltage >= DIRECT_KV),
        }
    )  # fmt: skip
    return Spells(out[kept].reset_index(drop=True), first_month, last_month, {k: v for k, v in left_out.items() if v})


def _months(days: pd.Series, missing: int) -> np.ndarray:
    return np.asarray((days.dt.year * 12 + days.dt.month - 1).fillna(missing).astype(np.int64))


def spells_after_answers(
    spells: Spells, surveys: pd.DataFrame, answers: list[str], *, lag_months: int = 1, valid_months: int = 12
) -> pd.DataFrame:
    """Stretches of customers after an interview, with what they said then.

    Parameters
    ----------
    spells : Spells
    surveys : DataFrame
        ``customer_id``, ``surveyed_on`` and the answers.
    answers : list of str
    lag_months : int
        Months between the interview and the first month that counts, so that no answer comes after the departure it
        is to foretell.
    valid_months : int
        Months after which an answer is too old.

    Returns
    -------
    DataFrame
        Rows of ``spells.table`` with ``entry_months`` and ``duration_months`` of the stretch and the answers, one a
        valid interview; the departure stands with the last.

    Raises
    ------
    LoyaltyError
        If no customer was seen after an answer.
    """
    asked = surveys.dropna(subset=answers)[["customer_id", "surveyed_on", *answers]]
    joined = spells.table.merge(asked, on="customer_id")
    zero = month_number(joined["start"])
    begin = _months(pd.to_datetime(joined["surveyed_on"]), 0) - zero + lag_months
    joined = joined.assign(begin=np.maximum(begin, joined["entry_months"])).sort_values(
        ["customer_id", "begin", "surveyed_on"], ignore_index=True
    )
    following = joined.groupby("customer_id")["begin"].shift(-1).fillna(10**6).to_numpy()
    stop = np.minimum(np.minimum(following, joined["begin"] + valid_months), joined["duration_months"])
    whole = stop == joined["duration_months"]
    out = joined.assign(
        entry_months=joined["begin"].astype(np.int64), duration_months=stop.astype(np.int64),
        reason=joined["reason"].where(whole, ""), left=joined["left"] & whole, left_to_market=joined["left_to_market"] & whole,
    )  # fmt: skip
    out = out[out["duration_months"] > out["entry_months"]].drop(columns=["begin", "surveyed_on"])
    if out.empty:
        raise LoyaltyError(
            "no customer was seen after an interview; the surveys come too late, or name other customers"
        )
    for name in answers:
        out[name] = out[name].astype(float)
    return out.reset_index(drop=True)
