"""The sample utility: believable customers whose truth is known.

Everything follows from the seed and the number of customers, byte for byte.
Customers are made in blocks, so that memory does not grow with their number.
The truth (who behaves how, why who leaves, what moves satisfaction) lies in
``truth/`` beside the tables; only tests read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from labkit.sample import billing, customers, departures, market, payments, programmes, readings, service, supply
from labkit.sample.world import World
from labkit.store import About, StoreWriter, arrow_schema, bucket_of, buckets_for, write_whole

BLOCK = 250
_ABOUT = About("Sample utility", "样例电网", sources=("labkit sample",))


def make_sample(folder: Path, customers: int = 2000, seed: int = 2025, *, progress: bool = False) -> None:
    """Write the sample utility as a store, with its truth apart.

    Parameters
    ----------
    folder : Path
        Where the store goes; an earlier store there is replaced.
    customers : int
        Number of customers, at least 50.
    seed : int
        Same seed and number, same bytes.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        If the number of customers is below 50 or the seed is negative.
    """
    if customers < 50:
        raise ValueError(
            f"customers is {customers}, expected at least 50: with fewer some kinds of customer are missing"
        )
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected 0 or more")
    world = World(seed, customers)
    buckets = buckets_for(customers)
    with StoreWriter(folder, _ABOUT, buckets) as writer:
        _write_shared(writer, world)
        truth = writer.folder / "truth"
        truth.mkdir()
        truth_writer: pq.ParquetWriter | None = None
        bar = tqdm(total=customers, unit=" customers", disable=not progress)
        for bucket in range(buckets):
            for block, numbers in enumerate(_blocks(customers, bucket, buckets)):
                known = _write_block(writer, world, bucket, numbers, (10, bucket, block))
                truth_writer = truth_writer or pq.ParquetWriter(
                    truth / "customers.parquet", known.schema, compression="zstd"
                )
                truth_writer.write_table(known)
                bar.update(len(numbers))
            for table in ("readings", "reactive"):
                writer.close_files(table)
        bar.close()
        assert truth_writer is not None
        truth_writer.close()
        write_whole(truth / "parameters.json", json.dumps(_parameters(), indent=1).encode() + b"\n")


def _blocks(customers: int, bucket: int, buckets: int) -> Iterator[np.ndarray]:
    """Numbers of the customers of a bucket, in blocks."""
    mine = [n for n in range(customers) if buckets == 1 or bucket_of(f"C{n + 1:07d}", buckets) == bucket]
    for start in range(0, len(mine), BLOCK):
        yield np.array(mine[start : start + BLOCK])


def _write_shared(writer: StoreWriter, world: World) -> None:
    tables = {
        "outages": market.make_outages(world),
        "programmes": programmes.PROGRAMMES,
        "events": programmes.make_events(),
        "avoided_costs": market.make_avoided_costs(world),
        "sites": market.make_sites(world),
        "market": market.make_market(),
        "weather": market.make_weather(world),
    }
    for name, frame in tables.items():
        _write(writer, name, frame)


def _write(writer: StoreWriter, table: str, frame: pd.DataFrame) -> None:
    schema = arrow_schema(table)
    names = [name for name in schema.names if name in frame.columns]
    wanted = pa.schema([schema.field(name) for name in names])
    writer.write(table, pa.Table.from_pandas(frame[names], schema=wanted, preserve_index=False))


def _write_block(writer: StoreWriter, world: World, bucket: int, numbers: np.ndarray, key: tuple[int, ...]) -> pa.Table:
    """Make and write one block of customers; what only the truth knows comes back.

    Everything is made as if nobody left, then cut off at the day of leaving:
    so satisfaction may depend on payments, and leaving on satisfaction.
    """
    rng = {i: world.rng(*key, i) for i in range(9)}
    who = customers.make_customers(world, numbers, rng[0])
    enrolments = programmes.draw_enrolments(who, numbers, rng[1])
    on_trial = programmes.rows_on_trial_prices(enrolments)
    loads = readings.make_loads(world, who, programmes.responses(world, who, enrolments), on_trial, rng[2])
    who["contract_kw"] = billing.draw_contracts(world, who, loads, rng[8])
    loads, bills, paid, actions, after = supply.settle_accounts(world, who, loads, lambda: world.rng(*key, 3))
    disputes = payments.find_disputes(world, who, bills, paid, after)
    tickets, repairs = service.make_tickets(world, who, disputes, rng[4])
    perception = service.satisfaction(world, who, tickets, actions, rng[5])
    satisfied = service.overall_satisfaction(perception)
    left = departures.draw_departures(world, who, satisfied, rng[6])
    surveys = service.make_surveys(world, who, perception, rng[5])
    taggings = market.make_taggings(who, rng[7])

    first, last = customers.day_index(who["connected_on"]), left["day"].to_numpy()
    last = np.where(last > first, last, 10**6)  # nobody leaves before being connected
    who["left_on"] = np.where(last < 10**6, world.dates(np.minimum(last, 10**5)), np.datetime64("NaT"))
    who["left_reason"] = left["reason"].where(last < 10**6, None)
    days = np.arange(len(world.days))
    present = (days >= first[:, None]) & (days < last[:, None])

    month_start, month_end = world.month_starts[:-1][bills["_month"]], world.month_starts[1:][bills["_month"]]
    # Only whole months are billed, so that a bill is the sum of its readings.
    billed = (first[bills["_row"]] <= month_start) & (last[bills["_row"]] >= month_end)
    billed &= bills["issued_on"].to_numpy() <= world.dates(np.array([len(days) - 1]))[0]
    kept = set(bills["bill_id"][billed])
    frames = {
        "customers": who,
        "bills": bills[billed],
        "payments": paid[paid["bill_id"].isin(kept)],
        "collections": actions[actions["bill_id"].isin(kept)],
    }
    for name, frame in (
        ("tickets", tickets),
        ("repairs", repairs),
        ("surveys", surveys),
        ("taggings", taggings),
        ("enrolments", enrolments),
    ):
        row, day = frame["_row"].to_numpy(), frame["_day"].to_numpy()
        frames[name] = frame[(day >= first[row]) & (day < last[row])]
    for name, frame in frames.items():
        _write(writer, name, frame)
    for table, by_month in readings.reading_rows(world, who, loads, present, rng[2]).items():
        for month, rows in by_month.items():
            writer.write_day_rows(table, month, bucket, rows)
    return _known(who, satisfied)


def _known(who: pd.DataFrame, satisfied: np.ndarray) -> pa.Table:
    frame = who[["customer_id"]].assign(
        key_account=who["_key"],
        behaviour=who["_behaviour"],
        payer=who["_payer"],
        mean_kw=who["_mean_kw"],
        price_sensitivity=who["_price_sensitivity"],
        base_satisfaction=who["_base_satisfaction"],
        mean_satisfaction=satisfied.mean(axis=1),
        trend_per_year=who["_trend_per_year"],
        power_factor=who["_pf"],
    )
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


def _parameters() -> dict[str, object]:
    return {
        "driver_weights": service.DRIVER_WEIGHTS,
        "outage_hour_effect": service.OUTAGE_HOUR_EFFECT,
        "slow_ticket_effect": service.SLOW_TICKET_EFFECT,
        "disconnection_effect": service.DISCONNECTION_EFFECT,
        "satisfaction_effect_on_log_hazard": departures.SATISFACTION_EFFECT,
        "price_effect_on_log_hazard": departures.PRICE_EFFECT,
        "contract_effect_on_log_hazard": departures.CONTRACT_EFFECT,
        "substitution_elasticity": programmes.SUBSTITUTION_ELASTICITY,
        "daily_elasticity": programmes.DAILY_ELASTICITY,
        "interrupted_share": programmes.INTERRUPTED_SHARE,
    }
