"""Every table but readings: keys and references checked, good rows kept sorted by key."""

from __future__ import annotations

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labkit import engine
from labkit.intake import values
from labkit.intake.findings import IntakeError
from labkit.intake.ledger import Taken, conflict_rule, reference_rule
from labkit.intake.mapping import Mapping
from labkit.intake.rows import Judged
from labkit.schema import TABLES, value_rules
from labkit.store import arrow_schema

_PLACE = ("_file", "_line")


def take_table(table: str, mine: list[Taken], good: dict[str, Path], backend: engine.StoppableBackend) -> Path:
    """Judge the files of a table; gives the Parquet file of its good rows.

    Parameters
    ----------
    mine : list of Taken
        The files of the table; their ledgers are filled.
    good : dict
        Table -> good rows, of the tables it refers to.
    """
    staged = backend.spill / f"staged-{table}.parquet"
    schema = arrow_schema(table).append(pa.field("_file", pa.int16())).append(pa.field("_line", pa.int64()))
    with pq.ParquetWriter(staged, schema, compression="lz4") as writer:
        for item in mine:
            for judged in item.judge.judge(item.source, backend):
                writer.write_table(_staged(judged, item.note(judged), item.number, schema))
            item.note_invalid()
    rows = backend.read_parquet(engine.pattern_of(staged))
    ledgers = {item.number: item for item in mine}
    out = _judge_keys(table, rows, ledgers, backend)
    out |= _judge_references(table, rows, ledgers, good, backend)
    return _keep(table, _without(rows, out), ledgers, backend)


def _judge_references(
    table: str, rows: ibis.Table, ledgers: dict[int, Taken], good: dict[str, Path], backend: engine.StoppableBackend
) -> set[tuple[int, int]]:
    out: set[tuple[int, int]] = set()
    for column in (c for c in TABLES[table].columns if c.references in good):
        parent = backend.read_parquet(engine.pattern_of(good[column.references]))
        key = TABLES[column.references].key[0]
        orphans = rows.filter(rows[column.name].notnull()).anti_join(parent, [(column.name, key)]).select(*_PLACE)
        rule = reference_rule(table, column.name, column.references)
        for place in backend.to_pyarrow(orphans).to_pylist():
            ledgers[place["_file"]].set_aside([place["_line"]], rule)
            out.add((place["_file"], place["_line"]))
    return out


def _judge_keys(
    table: str, rows: ibis.Table, ledgers: dict[int, Taken], backend: engine.StoppableBackend
) -> set[tuple[int, int]]:
    """Rows whose key stands there twice: said again, or contradicted."""
    key = list(TABLES[table].key)
    twice = rows.group_by(key).aggregate(_n=rows.count()).filter(lambda t: t["_n"] > 1)
    frame: pd.DataFrame = backend.to_pyarrow(rows.semi_join(twice, key)).to_pandas()
    frame = frame.sort_values(list(_PLACE), ignore_index=True)
    if frame.empty:
        return set()
    said = frame.drop(columns=list(_PLACE)).astype(str)
    group = frame.groupby(key, sort=False).ngroup().to_numpy()
    forms = said.assign(_group=group).drop_duplicates().groupby("_group").size().to_numpy()
    alike = forms[group] == 1
    again = alike & frame.duplicated(key).to_numpy()  # the first of those alike stays
    rule = conflict_rule(table, TABLES[table].key)
    for number, item in ledgers.items():
        here = (frame["_file"] == number).to_numpy()
        item.count.duplicates += int((here & again).sum())
        item.set_aside(frame["_line"][here & ~alike].tolist(), rule)
    gone = frame[again | ~alike]
    return set(zip(gone["_file"].tolist(), gone["_line"].tolist(), strict=True))


def _without(rows: ibis.Table, out: set[tuple[int, int]]) -> ibis.Table:
    if not out:
        return rows
    files, lines = zip(*sorted(out), strict=True)
    excluded = pa.table({"_file": pa.array(files, pa.int16()), "_line": pa.array(lines, pa.int64())})
    return rows.anti_join(ibis.memtable(excluded), list(_PLACE))


def _keep(table: str, kept: ibis.Table, ledgers: dict[int, Taken], backend: engine.StoppableBackend) -> Path:
    counted = backend.to_pyarrow(kept.group_by("_file").aggregate(n=kept.count())).to_pylist()
    for item in ledgers.values():
        item.count.good = next((row["n"] for row in counted if row["_file"] == item.number), 0)
        item.count.quarantined = len(item.bad)
    path, schema = backend.spill / f"good-{table}.parquet", arrow_schema(table)
    # Sorted by key: the order of the source leaves no trace.
    ordered = kept.order_by([*TABLES[table].key, *_PLACE]).select(*TABLES[table].column_names)
    with pq.ParquetWriter(path, schema) as writer:
        for batch in backend.batches(ordered, 250_000):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
    return path


def customers_of_mapping(mapping: Mapping, backend: engine.StoppableBackend) -> Path:
    """The customers that a mapping names, as a table."""
    names = list(dict.fromkeys(name for row in mapping.customers for name in row))
    text = ibis.memtable(
        pa.table({name: pa.array([row.get(name) for row in mapping.customers], pa.string()) for name in names})
    )
    values_of = {n: values.parse(text[n], TABLES["customers"][n]) for n in names}
    typed = backend.to_pyarrow(text.select(**values_of))
    readable = backend.to_pyarrow(text.select(**{n: values.unreadable(text[n], v) for n, v in values_of.items()}))
    for name in names:
        if pc.any(readable[name]).as_py():
            raise IntakeError(
                f"mapping: customers: a value of {name} cannot be read as a {TABLES['customers'][name].type}"
            )
    if len(typed) != len(pc.unique(typed["customer_id"])):
        raise IntakeError("mapping: customers: a customer_id stands there twice; keep one")
    table = ibis.memtable(_complete(typed, arrow_schema("customers")))
    for rule in value_rules(TABLES["customers"]):
        if backend.execute(rule.bad(table).fill_null(False).any()):
            raise IntakeError(f"mapping: customers: {'/'.join(rule.columns)}: {rule.en}; {rule.fix_en}")
    path = backend.spill / "good-customers.parquet"
    pq.write_table(_complete(typed, arrow_schema("customers")), path)
    return path


def _complete(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows with every column of a schema, in its order; empty where there is none."""
    return pa.Table.from_arrays(
        [rows[f.name].cast(f.type) if f.name in rows.column_names else pa.nulls(len(rows), f.type) for f in schema],
        schema=schema,
    )


def _staged(judged: Judged, fine: np.ndarray, number: int, schema: pa.Schema) -> pa.Table:
    rows = pa.Table.from_batches([judged.rows.filter(pa.array(fine))])
    rows = rows.append_column("_file", pa.array(np.full(len(rows), number, np.int16)))
    return _complete(rows.append_column("_line", pa.array(judged.lines[fine], pa.int64())), schema)
