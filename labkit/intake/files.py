"""Which files a folder has, and which table each is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from labkit.intake.findings import FileCount, Finding, IntakeError, LayoutError
from labkit.intake.ledger import Taken, repeated_file, unknown_file
from labkit.intake.mapping import FileMapping, Mapping
from labkit.intake.match import Match, is_data_file, known_headers, match_columns, table_of
from labkit.intake.rows import Judge
from labkit.intake.sources import Source, open_parquet, open_text, open_workbook
from labkit.intake.streams import RowsSource, ids_of, in_local_time
from labkit.schema import TABLES
from labkit.store import Manifest, is_store


def open_sources(folder: Path, mapping: Mapping) -> tuple[list[Taken], list[Finding]]:
    """Every file that belongs to a table, its columns found.

    Parameters
    ----------
    folder : Path
        A folder, a store, or one file.

    Returns
    -------
    taken, findings

    Raises
    ------
    IntakeError
        If a file cannot be read, or too little is there to begin with.
    """
    taken: list[Taken] = []
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    used: set[str] = set()
    for path, table in _files(folder):
        digest = _digest(path)
        if digest in seen:
            findings.append(repeated_file(path.name, seen[digest], table))
            continue
        seen[digest] = path.name
        for source, its_table, mapped in _sources(path, table, mapping, findings):
            if folder.is_dir():  # files of one name may lie in several folders
                source.name = source.name.replace(path.name, str(path.relative_to(folder)), 1)
            match, more = match_columns(source.name, its_table, source.header, mapped)
            if match.power and (mapped is None or mapped.interval_min is None):
                raise IntakeError(
                    f"{source.name}: holds power [kW]; name `interval_min` in a mapping to make energy of it"
                )
            findings += more
            if mapped is not None and mapped.timezone:
                source, mapped = _localised(source, match, mapped, mapping.about.timezone)
            count = FileCount(source.name, its_table)
            taken.append(Taken(source, its_table, Judge(match, mapped), len(taken), count))
            used.add(mapped.place if mapped else "")
    unread = sorted(set(mapping.files) - used)
    if unread:
        raise IntakeError(f"the mapping names the file {unread[0]}, which is not in {folder.name}; correct its name")
    if mapping.customers_from_readings and not any(item.table == "customers" for item in taken):
        taken += _customers_of(folder, taken)
    _require_tables(folder, {item.table for item in taken}, mapping)
    return taken, findings


def _localised(source: Source, match: Match, mapped: FileMapping, zone: str) -> tuple[Source, FileMapping]:
    """Times of another zone as local ones; the label is the start from here on."""
    at = match.positions.get("ts")
    if at is None or match.slots:
        raise IntakeError(f"{source.name}: `timezone` is for readings with a time a row; write wide days in local time")
    shift = (mapped.interval_min or 0) if mapped.time == "end" else 0
    return in_local_time(source, at, mapped.timezone or zone, zone, shift), replace(mapped, time="start", timezone=None)


def _customers_of(folder: Path, taken: list[Taken]) -> list[Taken]:
    """The customers that the readings name, as a table."""
    ids: set[str] = set()
    for item in (one for one in taken if one.table == "readings"):
        at = item.judge.match.positions.get("customer_id")
        given = item.judge.mapping.customer_id if item.judge.mapping else None
        ids |= {given} if given is not None else ids_of(item.source, at or 0)
    if not ids:
        return []
    source = RowsSource(folder, f"customers found in {folder.name}", rows=pa.table({"customer_id": sorted(ids)}))
    match, _ = match_columns(source.name, "customers", source.header, None)
    return [Taken(source, "customers", Judge(match, None), len(taken), FileCount(source.name, "customers"))]


def _require_tables(folder: Path, tables: set[str], mapping: Mapping) -> None:
    if "customers" not in tables and not mapping.customers:
        raise LayoutError(
            f"{folder.name}: there is no customers table (客户档案); bring customers.csv with at least customer_id, "
            "or name the customers in mapping.yaml"
        )
    if not tables & {"readings", "bills"}:
        raise LayoutError(
            f"{folder.name}: there are neither readings (电表读数) nor bills (电费账单); bring one of them"
        )


def _files(folder: Path) -> Iterator[tuple[Path, str | None]]:
    if folder.is_file():
        yield folder, table_of(folder.stem)
    elif is_store(folder):
        manifest = Manifest.read(folder)
        manifest.verify(folder)
        for table, entry in manifest.tables.items():
            yield from ((folder / file["path"], table) for file in entry.files)
    else:
        for path in sorted(folder.iterdir()):
            if is_data_file(path):
                yield path, table_of(path.stem)
            elif path.is_dir() and table_of(path.name) and not path.name.startswith("."):
                yield from ((inner, table_of(path.name)) for inner in sorted(path.rglob("*")) if is_data_file(inner))


def _sources(
    path: Path, table: str | None, mapping: Mapping, findings: list[Finding]
) -> Iterator[tuple[Source, str, FileMapping | None]]:
    ending = path.suffix.lower()
    mapped = mapping.entry_of(path.name)
    table = mapped.table if mapped else table
    if ending in (".xlsx", ".xlsm", ".xls"):
        yield from _sheets(path, table, mapping, findings)
    elif table is None:
        findings.append(unknown_file(path.name))
    elif ending == ".parquet":
        yield open_parquet(path), table, mapped
    else:
        header_row, has_header = (mapped.header_row, mapped.header) if mapped else (None, True)
        yield open_text(path, known_headers(table), header_row, has_header=has_header), table, mapped


def _sheets(
    path: Path, table: str | None, mapping: Mapping, findings: list[Finding]
) -> Iterator[tuple[Source, str, FileMapping | None]]:
    entries = [entry for entry in mapping.files.values() if entry.file == path.name]
    rows = {entry.sheet or "": entry.header_row for entry in entries if entry.header_row}
    sheets = open_workbook(path, {name: known_headers(name) for name in TABLES}, rows)
    for title, sheet in sheets:
        mapped = mapping.entry_of(path.name, title)
        several = sheet.name != path.name
        if mapped is None and entries and all(entry.sheet for entry in entries):
            continue  # a mapping that names sheets means these and no others
        its = mapped.table if mapped and mapped.sheet else (table_of(title) if several else None) or table
        if its:
            yield sheet, its, mapped
        else:
            findings.append(unknown_file(sheet.name))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
