"""Electricity Load Diagrams 2011-2014 (UCI Machine Learning Repository 321), CC BY 4.0.

370 customers in Portugal, mean power of each quarter-hour [kW].

Traps: semicolons between columns, a comma in decimals, a quoted header whose
first cell is empty; energy is a quarter of the power; the label stands at the
END of the quarter-hour (the first is 00:15); local time of Lisbon, on the day
of the spring change the hour that does not exist is filled with noughts; before
a customer joined all values are nought.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from labkit import engine, privacy
from labkit.intake.check import write_record
from labkit.intake.findings import CheckResult, FileCount, Finding, IntakeError
from labkit.intake.records import Records
from labkit.intake.spool import Spool, judge_duplicates, to_day_rows
from labkit.store import About, StoreWriter, bucket_of, buckets_for

_INTERVAL_MIN = 15
_ABOUT = About("UCI electricity load 2011-2014", "UCI 电力负荷 2011-2014", "Europe/Lisbon", "PT", "euro", "open")


@dataclass
class _Lines:
    """Lines that were not taken, with the reason."""

    bad: dict[int, tuple[str, str, str, str, str]] = field(default_factory=dict)


def intake_uci(path: Path, out: Path) -> CheckResult:
    """Make a store of an ``LD2011_2014.txt`` file.

    Parameters
    ----------
    path : Path
        The file as published, or a part of it.
    out : Path
        The store.

    Raises
    ------
    IntakeError
        If the file does not have this layout.

    Notes
    -----
    Counts are of lines; a line holds one quarter-hour of all customers.
    """
    names = _customers(path)
    ids = pa.array(sorted(names))
    place = {name: i for i, name in enumerate(ids.to_pylist())}
    codes = np.array([place[name] for name in names], dtype=np.int32)
    lines, count = _Lines(), FileCount(path.name, "readings")
    backend = engine.connect()
    try:
        buckets = buckets_for(len(names))
        spool = Spool(backend.spill, ids, np.array([bucket_of(name, buckets) for name in ids.to_pylist()]))
        with StoreWriter(out, About(**{**vars(_ABOUT), "sources": (path.name,)}), buckets) as writer:
            writer.write("customers", pa.table({"customer_id": ids}))
            for first_line, minutes, kw in _blocks(path, len(names), lines, count):
                spool.add(_records(first_line, minutes, kw, codes))
            for bucket, month, records in spool.sorted_parts():
                repeated, conflicting = judge_duplicates(records)
                for line in np.unique(records["line"][conflicting]).tolist():
                    lines.bad[line] = _CONFLICT
                count.duplicates += len(np.unique(records["line"][repeated & ~conflicting]))
                rows = to_day_rows(records[~(repeated | conflicting)], ids, "wh")
                if rows is not None:
                    writer.write_day_rows("readings", month, bucket, rows)
                    writer.close_files("readings")
            count.quarantined = len(lines.bad)
            count.good = count.read - count.quarantined - count.duplicates
            result = _result(path, lines, count)
            write_record(writer, result)
    finally:
        backend.close()
    return result


def _customers(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader([file.readline()], delimiter=";"), [])
    if len(header) < 2 or header[0].strip():
        raise IntakeError(
            f'{path.name}:1: not the layout of LD2011_2014: the header must begin with an empty cell, then MT_001, …, separated by ";"'
        )
    if len(set(header[1:])) != len(header) - 1:
        raise IntakeError(f"{path.name}:1: a customer stands in the header twice")
    return [name.strip() for name in header[1:]]


def _blocks(
    path: Path, customers: int, lines: _Lines, count: FileCount
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Line numbers, minutes since 1970 of the interval's start, and power [kW], block by block."""
    names = ["ts", *(f"c{i}" for i in range(customers))]
    invalid: list[int] = []

    def keep(row: pc.InvalidRow) -> str:
        if row.text.strip():
            lines.bad[row.number] = (
                "readings.line.readable", "line", f"{row.actual_columns} columns where the header has {customers + 1}",
                "列数与表头不符", "restore the line from the source",
            )  # fmt: skip
            count.read += 1
        invalid.append(row.number)
        return "skip"

    reader = pc.open_csv(
        path,
        read_options=pc.ReadOptions(use_threads=False, block_size=8 << 20, column_names=names, skip_rows=1),
        parse_options=pc.ParseOptions(delimiter=";", ignore_empty_lines=False, invalid_row_handler=keep),
        convert_options=pc.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False
        ),
    )
    next_line = 2
    for batch in reader:
        taken = [number for number in invalid if number >= next_line]
        numbers = np.setdiff1d(np.arange(next_line, next_line + len(batch) + len(taken)), taken)[: len(batch)]
        next_line = int(numbers[-1]) + 1 if len(numbers) else next_line
        yield _values(batch, numbers, lines, count)


def _values(
    batch: pa.RecordBatch, numbers: np.ndarray, lines: _Lines, count: FileCount
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    text = batch["ts"].to_pylist()
    stamps = np.array([_stamp(cell) for cell in text], dtype="datetime64[m]")
    power = np.column_stack([_numbers(column) for column in batch.columns[1:]])
    blank = np.array([not cell for cell in text])
    late = np.isnat(stamps) | (stamps.astype(np.int64) % _INTERVAL_MIN != 0)
    wrong = ~np.isfinite(power).all(axis=1) | (power < 0).any(axis=1)
    count.read += int((~blank).sum())
    for line in numbers[late & ~blank].tolist():
        lines.bad[line] = (
            "readings.ts.type",
            "ts",
            "not the end of a quarter-hour",
            "不是一刻钟的终点时刻",
            "write 2011-01-01 00:15:00",
        )
    for line in numbers[wrong & ~late & ~blank].tolist():
        lines.bad[line] = (
            "readings.kwh.type",
            "kwh",
            "a value is missing, negative or not a number",
            "有数值缺失、为负或无法识别",
            "restore the line from the source",
        )
    fine = ~(late | wrong | blank)
    return numbers[fine], stamps[fine].astype(np.int64) - _INTERVAL_MIN, power[fine]


def _stamp(cell: str) -> np.datetime64:
    try:
        return np.datetime64(cell.strip().replace(" ", "T"), "m") if cell.strip() else np.datetime64("NaT")
    except ValueError:
        return np.datetime64("NaT")


def _numbers(column: pa.Array) -> np.ndarray:
    """Numbers with a decimal comma; what is none becomes missing."""
    text = pa.compute.replace_substring(column, ",", ".")
    try:
        return text.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return np.array([_number(cell) for cell in text.to_pylist()])


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _records(numbers: np.ndarray, minutes: np.ndarray, kw: np.ndarray, codes: np.ndarray) -> Records:
    rows, customers = kw.shape
    return Records.of(
        rows * customers,
        customer=np.tile(codes, rows),
        minute=np.repeat(minutes, customers),
        wh=np.rint(kw.reshape(-1) * (1000 * _INTERVAL_MIN / 60)),
        line=np.repeat(numbers, customers),
        interval=_INTERVAL_MIN,
    )


_CONFLICT = (
    "readings.key.unique", "ts", "the same time stands there again with other values; none of them is taken",
    "同一时刻出现多次且内容不同，均未采用", "keep the right line",
)  # fmt: skip


def _result(path: Path, lines: _Lines, count: FileCount) -> CheckResult:
    import pandas as pd

    by_rule: dict[tuple[str, str, str, str, str], list[int]] = {}
    for line, what in sorted(lines.bad.items()):
        by_rule.setdefault(what, []).append(line)
    findings = tuple(
        Finding(
            rule,
            "error",
            path.name,
            "readings",
            (column,),
            len(where),
            where[0],
            privacy.mask(""),
            en,
            zh,
            fix,
            "请按源文件恢复",
        )
        for (rule, column, en, zh, fix), where in by_rule.items()
    )
    quarantine = {}
    if lines.bad:
        with path.open(encoding="utf-8", errors="replace") as file:
            texts = {n: text.rstrip("\r\n") for n, text in enumerate(file, 1) if n in lines.bad}
        rows = [(path.name, line, what[0], texts.get(line, "")) for line, what in sorted(lines.bad.items())]
        quarantine["readings"] = pd.DataFrame(rows, columns=["file", "line", "rules", "original"])
    return CheckResult((count,), findings, quarantine)
