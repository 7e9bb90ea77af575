"""Readings of any order and form into day rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labkit import engine
from labkit.intake.ledger import Taken, conflict_rule, daily_rule, interval_rule, reference_rule
from labkit.intake.records import NOTHING, Records
from labkit.intake.rows import Judged
from labkit.intake.spool import Spool, daily_totals, judge_duplicates, to_day_rows
from labkit.store import StoreWriter, bucket_of, buckets_for

READING_TABLES = ("readings", "reactive")


def take_readings(
    mine: list[Taken], customers: pa.Array, backend: engine.StoppableBackend, writer: StoreWriter | None
) -> None:
    """Judge all readings and write their day rows.

    Parameters
    ----------
    mine : list of Taken
        The files with readings; their ledgers are filled.
    customers : Array of str
        Sorted ids that readings may belong to.
    writer : StoreWriter or None
        None to check only.
    """
    if not mine:
        return
    buckets = buckets_for(len(customers))
    spool = Spool(backend.spill, customers, np.array([bucket_of(c, buckets) for c in customers.to_pylist()]))
    for item in mine:
        for judged in item.judge.judge(item.source, backend):
            item.count.good += _spool(spool, item, judged)
        item.note_invalid()
    repeated_rows = dict.fromkeys((item.number for item in mine), 0)
    for bucket, month, records in spool.sorted_parts():
        kept = _without_duplicates(records, mine, repeated_rows)
        for item in mine:
            item.count.good += _count_lines(kept, item)
        if writer is not None:
            _write(writer, month, bucket, kept, customers)
    for item in mine:
        item.count.duplicates = repeated_rows[item.number]
        item.count.quarantined = len(item.bad)


def _spool(spool: Spool, item: Taken, judged: Judged) -> int:
    """Keep the readings of a batch; gives how many of its good rows hold none."""
    fine = item.note(judged)
    codes = pc.index_in(judged.rows["customer_id"], spool.customers)
    if codes.null_count:
        unknown = codes.is_null().to_numpy(zero_copy_only=False)
        item.set_aside(judged.lines[fine & unknown].tolist(), reference_rule(item.table, "customer_id", "customers"))
        fine &= ~unknown
    rows, lines = judged.rows, judged.lines
    if not fine.all():
        rows, codes, lines = rows.filter(pa.array(fine)), codes.filter(pa.array(fine)), lines[fine]
    if not len(rows):
        return 0
    make = _wide_records if item.judge.match.slots else _long_records
    records = make(item, rows, codes.to_numpy(), lines)
    spool.add(records)
    return len(rows) - len(np.unique(records["line"])) if item.judge.match.slots else 0


def _count_lines(kept: Records, item: Taken) -> int:
    """Rows of a file that stay, each of them whole in one part."""
    mine = kept["file"] == item.number
    return len(np.unique(kept["line"][mine])) if item.judge.match.slots else int(np.count_nonzero(mine))


def _without_duplicates(records: Records, mine: list[Taken], repeated_rows: dict[int, int]) -> Records:
    """Records that stay; rows of which none stays are counted or set aside."""
    records = _without_daily_totals(records, mine)
    repeated, conflicting = judge_duplicates(records)
    if not (repeated | conflicting).any():
        return records
    rule = conflict_rule("readings", ("customer_id", "ts"))
    out = repeated | conflicting
    for item in mine:
        here = records["file"] == item.number
        lines = np.unique(records["line"][here & conflicting])
        item.set_aside(lines.tolist(), rule)
        # A wide row goes whole: what is left of it would be a day nobody wrote.
        out |= here & np.isin(records["line"], lines)
        suspects = np.unique(records["line"][here & repeated & ~np.isin(records["line"], lines)])
        still = np.unique(records["line"][here & ~out])
        repeated_rows[item.number] += len(np.setdiff1d(suspects, still))
    return records[~out]


def _without_daily_totals(records: Records, mine: list[Taken]) -> Records:
    """Customers with one value a day, at midnight, bring totals of days, not readings of intervals."""
    alone = daily_totals(records)
    if not alone.any():
        return records
    rule = daily_rule()
    for item in mine:
        here = alone & (records["file"] == item.number)
        item.set_aside(np.unique(records["line"][here]).tolist(), rule)
    return records[~alone]


def _write(writer: StoreWriter, month: str, bucket: int, kept: Records, customers: pa.Array) -> None:
    for table, value in (("readings", "wh"), ("reactive", "varh")):
        rows = to_day_rows(kept, customers, value)
        if rows is not None:
            writer.write_day_rows(table, month, bucket, rows)
            writer.close_files(table)


def _long_records(item: Taken, rows: pa.RecordBatch, codes: np.ndarray, lines: np.ndarray) -> Records:
    mapping = item.judge.mapping
    interval_min = (mapping.interval_min or 0) if mapping else 0
    minute = rows["ts"].cast(pa.int64()).to_numpy() // 60_000_000
    varh = _varh(rows["kvarh"]) if "kvarh" in rows.schema.names else NOTHING
    records = Records.of(
        len(rows),
        customer=codes,
        minute=minute,
        wh=np.rint(rows["kwh"].to_numpy() * 1000),
        varh=varh,
        line=lines,
        file=item.number,
        interval=interval_min,
    )
    off = minute % interval_min != 0 if interval_min else np.zeros(0, bool)
    if not off.any():
        return records
    # Two of them would share a slot, and one be lost.
    item.set_aside(lines[off].tolist(), interval_rule(interval_min))
    return records[~off]


def _varh(kvarh: pa.Array) -> np.ndarray:
    values = kvarh.to_numpy(zero_copy_only=False).astype(float)
    return np.where(np.isfinite(values), np.rint(np.nan_to_num(values) * 1000), NOTHING)


def _wide_records(item: Taken, rows: pa.RecordBatch, codes: np.ndarray, lines: np.ndarray) -> Records:
    """A record a slot of wide readings."""
    slots = len(item.judge.match.slots)
    if not item.judge.match.stored or "interval_min" not in item.source.header:
        return _slot_records(item, rows, codes, lines, 1440 // slots)
    interval = _stored_interval(item, lines)
    parts = [
        _slot_records(item, rows.filter(pa.array(mine)), codes[mine], lines[mine], int(minutes))
        for minutes in np.unique(interval)
        for mine in [interval == minutes]
    ]
    return Records.joined(parts)


def _slot_records(
    item: Taken, rows: pa.RecordBatch, codes: np.ndarray, lines: np.ndarray, interval_min: int
) -> Records:
    columns = [rows[f"s{i:02d}"] for i in range(1440 // interval_min)]
    table = np.column_stack([column.to_numpy(zero_copy_only=False).astype(float) for column in columns])
    row, slot = np.nonzero(np.isfinite(table))
    day = rows["day"].cast(pa.int32()).to_numpy()
    energy = np.rint(table[row, slot] * (1 if item.judge.match.stored else 1000))
    return Records.of(
        len(row),
        customer=codes[row],
        minute=day[row] * 1440 + slot * interval_min,
        line=lines[row],
        file=item.number,
        interval=interval_min,
        **{"varh" if item.table == "reactive" else "wh": energy},
    )


def _stored_interval(item: Taken, lines: np.ndarray) -> np.ndarray:
    """Interval of the day rows of a store [min]."""
    column = pq.read_table(item.source.path, columns=["interval_min"], partitioning=None).column(0)
    return column.to_numpy()[lines - 1].astype(int)
