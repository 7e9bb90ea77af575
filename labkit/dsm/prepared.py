"""What scenarios need of a lab, read once: loads, bills, prices, avoided costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit import profiles, tariffs
from labkit.dsm.errors import DsmError
from labkit.dsm.respond import Block, System, bill_year
from labkit.lab import Lab

#: Hourly loads of a year take 35 kB a customer, and some five copies while a scenario runs.
MOST_CUSTOMERS = 20_000


@dataclass(frozen=True, eq=False)
class Prepared:
    """A lab made ready for scenarios: loads, bills, prices, avoided costs; read once for all of them."""

    block: Block
    system: System
    bills_yuan: np.ndarray
    known: Mapping[str, tariffs.Tariff]


def prepare(lab: Lab, known: Mapping[str, tariffs.Tariff] | None = None) -> Prepared:
    """Read what scenarios need of a lab.

    Raises
    ------
    MissingTableError
        Without readings or avoided costs.
    DsmError
        If avoided costs do not cover the readings, or no customer has enough readings.
    """
    costs = lab.run(lab.table("avoided_costs"))
    metered = lab.table("readings")
    most = int(lab.run(metered.aggregate(n=metered.customer_id.nunique()))["n"].iloc[0])
    if most > MOST_CUSTOMERS:
        raise DsmError(
            f"scenarios hold all loads in memory, {MOST_CUSTOMERS:,} customers at most, and {most:,} have readings; "
            "make a store of a sample of them"
        )
    loads = profiles.hourly_loads(lab)
    names = ["customer_id", "customer_class", "tariff_id", "capacity_kva", "contract_kw", "important"]
    own = lab.run(lab.customers.select(*names)).set_index("customer_id").reindex(loads.customer_ids).reset_index()
    rules = dict(tariffs.read_tariffs() if known is None else known)
    own["whole"] = (loads.coverage >= profiles.LEAST_COVERAGE) & own["tariff_id"].isin(rules).to_numpy()
    if not own["whole"].any():
        raise DsmError("no customer has nine tenths of its readings and a known tariff; scenarios need both")
    shape = (len(loads.days), 24)
    by_hour = costs.set_index(pd.DatetimeIndex(costs["ts"])).drop(columns="ts")
    by_hour = by_hour.reindex(pd.date_range(loads.days[0], periods=shape[0] * 24, freq="h"))
    if by_hour["energy_yuan_per_kwh"].isna().any():
        at = by_hour.index[by_hour["energy_yuan_per_kwh"].isna()][0]
        raise DsmError(f"avoided_costs has no hour {at}; bring every hour of the readings")
    avoided = by_hour[["energy_yuan_per_kwh", "capacity_yuan_per_kw", "network_yuan_per_kw"]].fillna(0.0).sum(axis=1)
    draft = System(
        loads.days, loads.day_types, loads.kwh.sum(axis=0, dtype=float), avoided.to_numpy().reshape(shape),
        by_hour["tonnes_co2_per_kwh"].fillna(0.0).to_numpy().reshape(shape), {},
    )  # fmt: skip
    whole = np.flatnonzero(own["whole"])
    own, load = own.iloc[whole].reset_index(drop=True), loads.kwh[whole]
    bills, energy = bill_year(load, own, draft, rules)
    kwh = load.sum(axis=(1, 2), dtype=float) * 365 / shape[0]
    by_class = pd.DataFrame({"kwh": kwh, "yuan": energy}).groupby(own["customer_class"]).sum()
    mean = (by_class["yuan"] / by_class["kwh"].clip(lower=1e-9)).to_dict()
    price = {}
    for name, rows in own.groupby("tariff_id").indices.items():
        slots = tariffs.energy_prices(rules[str(name)], loads.days, loads.day_types, 60)
        use = load[rows].sum(axis=0, dtype=float)
        paid = energy[rows].sum() / max(kwh[rows].sum(), 1e-9)
        # Steps are not in the slots' prices: all are moved to the mean that is paid.
        price[str(name)] = np.maximum(slots + paid - (use * slots).sum() / max(use.sum(), 1e-9), 0.01)
    system = System(draft.days, draft.day_types, draft.load_kwh, draft.avoided_yuan, draft.tonnes_co2, mean)
    return Prepared(Block(own, load, price), system, bills, rules)
