"""Check and intake: a folder of files to findings, quarantine and a store.

Every row read is good, quarantined or an exact duplicate; the counts are made
to agree for each file before anything is published.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labkit import engine, privacy
from labkit.intake.files import open_sources, shown_name
from labkit.intake.findings import CheckResult, Finding, IntakeError
from labkit.intake.ledger import Taken
from labkit.intake.mapping import Mapping, read_mapping
from labkit.intake.readings import READING_TABLES, take_readings
from labkit.intake.tables import customers_of_mapping, take_table
from labkit.schema import TABLES
from labkit.store import RECORD, About, Manifest, StoreWriter, buckets_for, check_replaceable, is_store, write_whole

_ORDER = {name: i for i, name in enumerate((*TABLES, "reactive"))}


def check(path: str | Path, mapping: str | Path | None = None) -> CheckResult:
    """Check a folder of files (or a store) and write nothing.

    Parameters
    ----------
    path : str or Path
        A folder of CSV, Excel or Parquet files named after their tables, or one file.
    mapping : str or Path, optional
        A mapping file; ``mapping.yaml`` in the folder is found by itself.

    Returns
    -------
    CheckResult

    Raises
    ------
    IntakeError
        If something keeps the files from being read at all.
    """
    return _take(Path(path), mapping, None)


def intake(path: str | Path, out: str | Path, mapping: str | Path | None = None) -> CheckResult:
    """Check a folder of files and make a store of its good rows.

    Parameters
    ----------
    path, mapping
        As for `check`.
    out : str or Path
        The store; written whole or not at all. Bad rows, with original text,
        line and rule, lie in its folder ``quarantine``: they are as personal as
        the source.

    See Also
    --------
    check : the same without a store.
    """
    return _take(Path(path), mapping, Path(out))


def _take(path: Path, mapping_path: str | Path | None, out: Path | None) -> CheckResult:
    if not path.exists():
        raise IntakeError(f"{path} does not exist: name a folder of files, or one file")
    if out is not None:
        check_replaceable(out.absolute())  # said before the work
    mapping = _mapping(path, mapping_path)
    about = Manifest.read(path).about if is_store(path) else mapping.about
    taken, findings = open_sources(path, mapping)
    return take_all(taken, findings, mapping, about, out)


def take_all(
    taken: list[Taken], findings: list[Finding], mapping: Mapping, about: About, out: Path | None
) -> CheckResult:
    """Judge sources whose columns are found, and make a store of their good rows.

    Parameters
    ----------
    taken, findings
        Sources by table, and what was found while they were opened.
    out : Path or None
        None to check only.
    """
    backend = engine.connect()
    try:
        good: dict[str, Path] = {}
        with ExitStack() as stack:
            _take_tables(("customers",), taken, good, mapping, backend)
            customers = _ids(good["customers"])
            writer = None
            if out is not None:
                sources = tuple(sorted({shown_name(item.source.path.name) for item in taken}))
                about = About(**(vars(about) | {"sources": sources}))
                writer = stack.enter_context(StoreWriter(out, about, buckets_for(len(customers))))
            take_readings([item for item in taken if item.table in READING_TABLES], customers, backend, writer)
            _take_tables(tuple(TABLES), taken, good, mapping, backend)
            result = _result(taken, findings)
            if writer is not None:
                _require_rows(result)
                _write(writer, good, result)
        return result
    finally:
        backend.close()


def _mapping(path: Path, given: str | Path | None) -> Mapping:
    beside = (path if path.is_dir() else path.parent) / "mapping.yaml"
    if given:
        return read_mapping(Path(given))
    return read_mapping(beside) if beside.is_file() else Mapping()


def _take_tables(
    tables: tuple[str, ...],
    taken: list[Taken],
    good: dict[str, Path],
    mapping: Mapping,
    backend: engine.StoppableBackend,
) -> None:
    for table in tables:
        mine = [item for item in taken if item.table == table]
        if table in READING_TABLES or table in good:
            continue
        if mine:
            good[table] = take_table(table, mine, good, backend)
        elif table == "customers":
            good[table] = customers_of_mapping(mapping, backend)


def _ids(customers: Path) -> pa.Array:
    ids = pq.read_table(customers, columns=["customer_id"]).column(0).combine_chunks()
    return pc.take(ids, pc.sort_indices(ids))


def _result(taken: list[Taken], findings: list[Finding]) -> CheckResult:
    quarantine: dict[str, list[pd.DataFrame]] = {}
    for item in taken:
        more, rows = item.close()
        findings += more
        if len(rows):
            quarantine.setdefault(item.table, []).append(rows)
    findings.sort(key=lambda f: (f.severity != "error", _ORDER.get(f.table, -1), f.file, f.rule))
    counts = sorted((item.count for item in taken), key=lambda count: (_ORDER[count.table], count.file))
    whole = {table: pd.concat(parts) for table, parts in quarantine.items()}
    return CheckResult(tuple(counts), tuple(findings), whole)


def _require_rows(result: CheckResult) -> None:
    """A store of nothing would only hide what went wrong."""
    good = {
        table: sum(c.good for c in result.counts if c.table == table)
        for table in ("customers", *READING_TABLES, "bills")
    }
    tables = {count.table for count in result.counts}
    empty = "customers" in tables and not good["customers"]
    if empty or not any(good[table] for table in (*READING_TABLES, "bills")):
        first = next((f.text() for f in result.findings if f.severity == "error"), "the files hold no rows")
        what = "customers" if empty else "readings or bills"
        raise IntakeError(f"no row of {what} is good, so no store is made; the first finding: {first}")


def _write(writer: StoreWriter, good: dict[str, Path], result: CheckResult) -> None:
    for table, path in good.items():
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(250_000):
                writer.write(table, pa.Table.from_batches([batch]))
    write_record(writer, result)


def write_record(writer: StoreWriter, result: CheckResult) -> None:
    """What was read and set aside, beside the tables; rows set aside for the owner's eyes only."""
    record = json.dumps(result.to_json(), ensure_ascii=False, indent=1)
    write_whole(writer.folder / RECORD, record.encode())
    if not result.quarantine:
        return
    folder = writer.folder / "quarantine"
    folder.mkdir(mode=0o700)
    for table, frame in result.quarantine.items():
        path = folder / f"{table}.csv"
        path.write_bytes(privacy.to_safe_csv(frame))
        path.chmod(0o600)
