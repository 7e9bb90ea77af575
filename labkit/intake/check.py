"""Check and intake: a folder of files to findings, quarantine and a store.

Every row read is good, quarantined or an exact duplicate; the counts are made
to agree for each file before anything is published.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labkit import engine, privacy
from labkit.intake import values
from labkit.intake.findings import CheckResult, FileCount, Finding, IntakeError
from labkit.intake.mapping import FileMapping, Mapping, read_mapping
from labkit.intake.match import is_data_file, known_headers, match_columns, table_of
from labkit.intake.rows import Judge, Judged
from labkit.intake.sources import Source, TextSource, open_parquet, open_text, open_workbook
from labkit.intake.spool import NOTHING, RECORD, Spool, judge_duplicates, to_day_rows
from labkit.schema import TABLES, Rule
from labkit.store import About, Manifest, StoreWriter, arrow_schema, bucket_of, buckets_for, is_store, write_whole

_READINGS = ("readings", "reactive")


@dataclass
class _Input:
    """A source that has found its table, and what became of its rows."""

    source: Source
    table: str
    judge: Judge
    number: int
    count: FileCount
    bad: dict[int, list[Rule]] = field(default_factory=dict)
    warned: dict[str, tuple[Rule, int, int]] = field(default_factory=dict)


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
    return _Intake(Path(path), mapping).run(None)


def intake(path: str | Path, out: str | Path, mapping: str | Path | None = None) -> CheckResult:
    """Check a folder of files and make a store of its good rows.

    Parameters
    ----------
    out : str or Path
        The store; written whole or not at all. Bad rows, with original text,
        line and rule, lie in its folder ``quarantine``: they are as personal as
        the source.

    See Also
    --------
    check : the same without a store.
    """
    run = _Intake(Path(path), mapping)
    return run.run(Path(out))


class _Intake:
    def __init__(self, path: Path, mapping: str | Path | None) -> None:
        if not path.exists():
            raise IntakeError(f"{path} does not exist: name a folder of files, or one file")
        self.path = path
        beside = path / "mapping.yaml" if path.is_dir() else path.with_name("mapping.yaml")
        given = Path(mapping) if mapping else (beside if beside.is_file() else None)
        self.mapping = read_mapping(given) if given else Mapping()
        self.about = self.mapping.about
        self.findings: list[Finding] = []
        self.inputs: list[_Input] = []
        self.good: dict[str, Path] = {}

    def run(self, out: Path | None) -> CheckResult:
        self.backend = engine.connect()
        try:
            self._open_sources()
            with ExitStack() as stack:
                writer = None
                self._small_tables(only="customers")
                customers = self._good_ids("customers")
                if out is not None:
                    sources = tuple(sorted({item.source.path.name for item in self.inputs}))
                    about = About(**{**vars(self.about), "sources": sources})
                    writer = stack.enter_context(StoreWriter(out, about, buckets_for(len(customers))))
                self._readings(customers, writer)
                self._small_tables()
                if writer is not None:
                    self._write_tables(writer)
                result = self._result()
                if writer is not None:
                    write_whole(
                        writer.folder / "intake.json",
                        json.dumps(result.to_json(), ensure_ascii=False, indent=1).encode(),
                    )
                    write_quarantine(writer, result)
            return result
        finally:
            self.backend.close()

    # -- which file is what ----------------------------------------------------------

    def _open_sources(self) -> None:
        seen: dict[str, str] = {}
        for path, table in self._files():
            digest = _digest(path)
            if digest in seen:
                self.findings.append(_same_file(path.name, seen[digest], table))
                continue
            seen[digest] = path.name
            mapped = self.mapping.files.get(path.name)
            for source, its_table in self._sources(path, mapped.table if mapped else table, mapped):
                if self.path.is_dir():  # files of one name may lie in several folders
                    source.name = source.name.replace(path.name, str(path.relative_to(self.path)), 1)
                match, findings = match_columns(source.name, its_table, source.header, mapped)
                if match.power and (mapped is None or mapped.interval_min is None):
                    raise IntakeError(
                        f"{source.name}: holds power [kW]; name `interval_min` in a mapping to make energy of it"
                    )
                self.findings += findings
                count = FileCount(source.name, its_table)
                self.inputs.append(_Input(source, its_table, Judge(match, mapped), len(self.inputs), count))
        tables = {item.table for item in self.inputs}
        if "customers" not in tables and not self.mapping.customers:
            raise IntakeError(
                f"{self.path.name}: there is no customers table (客户档案); bring customers.csv with at least customer_id, "
                "or name the customers in mapping.yaml"
            )
        if not tables & {"readings", "bills"}:
            raise IntakeError(
                f"{self.path.name}: there are neither readings (电表读数) nor bills (电费账单); bring one of them"
            )

    def _files(self) -> Iterator[tuple[Path, str | None]]:
        if self.path.is_file():
            yield self.path, table_of(self.path.stem)
            return
        if is_store(self.path):
            manifest = Manifest.read(self.path)
            manifest.verify(self.path)
            self.about = manifest.about
            for table, entry in manifest.tables.items():
                for file in entry.files:
                    yield self.path / file["path"], table
            return
        for path in sorted(self.path.iterdir()):
            if is_data_file(path):
                yield path, table_of(path.stem)
            elif path.is_dir() and table_of(path.name) and not path.name.startswith("."):
                for inner in sorted(path.rglob("*")):
                    if is_data_file(inner):
                        yield inner, table_of(path.name)

    def _sources(self, path: Path, table: str | None, mapped: FileMapping | None) -> Iterator[tuple[Source, str]]:
        ending = path.suffix.lower()
        if ending in (".xlsx", ".xlsm", ".xls"):
            for sheet in open_workbook(path, {name: known_headers(name) for name in TABLES}):
                title = sheet.name.removeprefix(path.name).strip("[]")
                its = (table_of(title) if title else None) or table
                if its:
                    yield sheet, its
                else:
                    self.findings.append(_unknown_file(sheet.name))
            return
        if table is None:
            self.findings.append(_unknown_file(path.name))
            return
        if ending == ".parquet":
            yield open_parquet(path), table
        else:
            header_row = mapped.header_row if mapped else None
            yield open_text(path, known_headers(table), header_row, has_header=mapped.header if mapped else True), table

    # -- readings --------------------------------------------------------------------

    def _readings(self, customers: pa.Array, writer: StoreWriter | None) -> None:
        mine = [item for item in self.inputs if item.table in _READINGS]
        if not mine:
            return
        buckets = buckets_for(len(customers))
        spool = Spool(self.backend.spill, customers, np.array([bucket_of(c, buckets) for c in customers.to_pylist()]))
        for item in mine:
            for judged in item.judge.judge(item.source, self.backend):
                self._spool_batch(spool, item, judged)
            self._add_invalid(item)
        conflict = _conflict_rule("readings", ("customer_id", "ts"))
        for bucket, month, records in spool.sorted_parts():
            repeated, conflicting = judge_duplicates(records)
            for item in mine:
                here = records["file"] == item.number
                # A wide row is one row of the file, whatever its slots.
                if not item.judge.match.slots:
                    item.count.duplicates += int((repeated & here).sum())
                    item.count.good -= int(((repeated | conflicting) & here).sum())
                for line in np.unique(records["line"][conflicting & here]).tolist():
                    item.bad.setdefault(line, []).append(conflict)
            kept = records[~(repeated | conflicting)]
            if writer is not None:
                for table, value in (("readings", "wh"), ("reactive", "varh")):
                    rows = to_day_rows(kept, customers, value)
                    if rows is not None:
                        writer.write_day_rows(table, month, bucket, rows)
                        writer.close_files(table)
        for item in mine:
            item.count.quarantined = len(item.bad)
            if item.judge.match.slots:
                item.count.good = item.count.read - item.count.quarantined - item.count.duplicates

    def _spool_batch(self, spool: Spool, item: _Input, judged: Judged) -> None:
        item.count.read += len(judged.lines)
        codes = pc.index_in(judged.rows["customer_id"], spool.customers)
        unknown = codes.is_null().to_numpy(zero_copy_only=False)
        self._note(item, judged, unknown & (judged.broken & item.judge.errors == 0))
        fine = ~unknown & (judged.broken & item.judge.errors == 0)
        item.count.good += int(fine.sum())
        rows = judged.rows.filter(pa.array(fine))
        records = _wide_records if item.judge.match.slots else _long_records
        spool.add(records(item, rows, codes.filter(pa.array(fine)).to_numpy(), judged.lines[fine]))

    def _note(self, item: _Input, judged: Judged, unknown: np.ndarray) -> None:
        """Remember what is wrong with the rows of a batch."""
        rules = item.judge.rules
        suspects = np.flatnonzero(judged.broken)
        for line, broken in zip(judged.lines[suspects].tolist(), judged.broken[suspects].tolist(), strict=True):
            mine = [rule for i, rule in enumerate(rules) if broken >> i & 1]
            errors = [rule for rule in mine if rule.severity == "error"]
            if errors:
                item.bad[line] = errors
            for rule in mine:
                if rule.severity == "warning" and not errors:
                    first, rows = (
                        (item.warned[rule.id][1], item.warned[rule.id][2]) if rule.id in item.warned else (line, 0)
                    )
                    item.warned[rule.id] = (rule, first, rows + 1)
        if unknown.any():
            rule = _reference_rule(item.table, "customer_id", "customers")
            for line in judged.lines[unknown].tolist():
                item.bad.setdefault(line, []).append(rule)

    def _add_invalid(self, item: _Input) -> None:
        for line, text, reason in item.source.invalid:
            if text.strip():
                item.count.read += 1
                item.bad[line] = [_line_rule(item.table, reason)]

    # -- all other tables --------------------------------------------------------------

    def _small_tables(self, only: str | None = None) -> None:
        for table in TABLES:
            if table in _READINGS or table in self.good or (only and table != only):
                continue
            mine = [item for item in self.inputs if item.table == table]
            if mine:
                self.good[table] = self._table(table, mine)
            elif table == "customers":
                self.good[table] = self._customers_of_mapping()

    def _customers_of_mapping(self) -> Path:
        path = self.backend.spill / "good-customers.parquet"
        schema = arrow_schema("customers")
        names = list(dict.fromkeys(name for row in self.mapping.customers for name in row))
        text = pa.table(
            {name: pa.array([row.get(name) for row in self.mapping.customers], pa.string()) for name in names}
        )
        typed = ibis.memtable(text)
        typed = typed.select(**{n: values.parse(typed[n], TABLES["customers"][n]) for n in names})
        table = self.backend.to_pyarrow(typed)
        columns = [
            table[n].cast(schema.field(n).type) if n in names else pa.nulls(len(table), schema.field(n).type)
            for n in schema.names
        ]
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)
        return path

    def _table(self, table: str, mine: list[_Input]) -> Path:
        staged = self.backend.spill / f"staged-{table}.parquet"
        schema = arrow_schema(table).append(pa.field("_file", pa.int16())).append(pa.field("_line", pa.int64()))
        with pq.ParquetWriter(staged, schema, compression="lz4") as writer:
            for item in mine:
                for judged in item.judge.judge(item.source, self.backend):
                    item.count.read += len(judged.lines)
                    self._note(item, judged, np.zeros(len(judged.lines), bool))
                    fine = judged.broken & item.judge.errors == 0
                    writer.write_table(_staged(judged, fine, item.number, schema))
                self._add_invalid(item)
        return self._settle(table, staged, {item.number: item for item in mine})

    def _settle(self, table: str, staged: Path, mine: dict[int, _Input]) -> Path:
        """Keys and references, which need other rows; then the good rows, sorted by key."""
        rows = self.backend.read_parquet(engine.pattern_of(staged))
        spec = TABLES[table]
        out = self._duplicates(table, rows, mine)
        for column in (c for c in spec.columns if c.references in self.good):
            parent = self.backend.read_parquet(engine.pattern_of(self.good[column.references]))
            key = TABLES[column.references].key[0]
            lost = (
                rows.filter(rows[column.name].notnull())
                .anti_join(parent, [(column.name, key)])
                .select("_file", "_line")
            )
            rule = _reference_rule(table, column.name, column.references)
            for place in self.backend.to_pyarrow(lost).to_pylist():
                mine[place["_file"]].bad.setdefault(place["_line"], []).append(rule)
                out.add((place["_file"], place["_line"]))
        places = sorted(out)
        excluded = ibis.memtable(
            pa.table(
                {
                    "_file": pa.array([f for f, _ in places], pa.int16()),
                    "_line": pa.array([n for _, n in places], pa.int64()),
                }
            )
        )
        kept = rows.anti_join(excluded, ["_file", "_line"]) if places else rows
        good = self.backend.spill / f"good-{table}.parquet"
        counts = {
            r["_file"]: r["n"]
            for r in self.backend.to_pyarrow(kept.group_by("_file").aggregate(n=kept.count())).to_pylist()
        }
        for item in mine.values():
            item.count.good, item.count.quarantined = counts.get(item.number, 0), len(item.bad)
        ordered = kept.order_by([*spec.key, "_file", "_line"]).select(*spec.column_names)
        names = arrow_schema(table)
        with pq.ParquetWriter(good, names) as writer:
            for batch in self.backend.batches(ordered, 250_000):
                writer.write_table(pa.Table.from_batches([batch]).cast(names))
        return good

    def _duplicates(self, table: str, rows: ibis.Table, mine: dict[int, _Input]) -> set[tuple[int, int]]:
        spec = TABLES[table]
        twice = rows.group_by(list(spec.key)).aggregate(_n=rows.count()).filter(lambda t: t["_n"] > 1)
        frame: pd.DataFrame = self.backend.to_pyarrow(rows.semi_join(twice, list(spec.key))).to_pandas()
        out: set[tuple[int, int]] = set()
        rule = _conflict_rule(table, spec.key)
        for _, group in frame.sort_values(["_file", "_line"]).groupby(list(spec.key)):
            alike = len(group.drop(columns=["_file", "_line"]).astype(str).drop_duplicates()) == 1
            for place in list(group[["_file", "_line"]].itertuples(index=False, name=None))[1 if alike else 0 :]:
                out.add((int(place[0]), int(place[1])))
                if alike:
                    mine[place[0]].count.duplicates += 1
                else:
                    mine[place[0]].bad.setdefault(int(place[1]), []).append(rule)
        return out

    def _good_ids(self, table: str) -> pa.Array:
        ids = pq.read_table(self.good[table], columns=[TABLES[table].key[0]]).column(0).combine_chunks()
        return pc.take(ids, pc.sort_indices(ids)) if len(ids) else ids

    def _write_tables(self, writer: StoreWriter) -> None:
        for table, path in self.good.items():
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(250_000):
                    writer.write(table, pa.Table.from_batches([batch]))

    # -- the outcome -------------------------------------------------------------------

    def _result(self) -> CheckResult:
        quarantine: dict[str, list[pd.DataFrame]] = defaultdict(list)
        for item in self.inputs:
            c = item.count
            if c.read != c.good + c.quarantined + c.duplicates:
                raise AssertionError(
                    f"{c.file}: {c.read} rows read, but {c.good} + {c.quarantined} + {c.duplicates}; nothing is published"
                )
            wanted = set(item.bad) | {first for _, first, _ in item.warned.values()}
            texts = item.source.originals(wanted) if wanted else {}
            self.findings += _findings(item, texts)
            if item.bad:
                quarantine[item.table].append(_quarantined(item, texts))
        order = {name: i for i, name in enumerate((*TABLES, "reactive"))}
        findings = sorted(self.findings, key=lambda f: (f.severity != "error", order.get(f.table, -1), f.file, f.rule))
        counts = tuple(
            item.count for item in sorted(self.inputs, key=lambda item: (order[item.table], item.count.file))
        )
        return CheckResult(counts, tuple(findings), {table: pd.concat(parts) for table, parts in quarantine.items()})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _staged(judged: Judged, fine: np.ndarray, number: int, schema: pa.Schema) -> pa.Table:
    rows = judged.rows.filter(pa.array(fine))
    lines = judged.lines[fine]
    columns = []
    for f in schema:
        if f.name == "_file":
            columns.append(pa.array(np.full(len(rows), number, np.int16)))
        elif f.name == "_line":
            columns.append(pa.array(lines, pa.int64()))
        else:
            columns.append(rows[f.name].cast(f.type) if f.name in rows.schema.names else pa.nulls(len(rows), f.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _long_records(item: _Input, rows: pa.RecordBatch, codes: np.ndarray, lines: np.ndarray) -> np.ndarray:
    records = np.empty(len(rows), RECORD)
    records["customer"], records["line"], records["file"] = codes, lines, item.number
    records["minute"] = rows["ts"].cast(pa.int64()).to_numpy() // 60_000_000
    records["wh"] = np.rint(rows["kwh"].to_numpy() * 1000)
    records["varh"] = NOTHING
    if "kvarh" in rows.schema.names:
        kvarh = rows["kvarh"].to_numpy(zero_copy_only=False).astype(float)
        records["varh"] = np.where(np.isfinite(kvarh), np.rint(np.nan_to_num(kvarh) * 1000), NOTHING)
    mapping = item.judge.mapping
    records["interval"] = (mapping.interval_min or 0) if mapping else 0
    return records


def _wide_records(item: _Input, rows: pa.RecordBatch, codes: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """A record a slot of wide readings."""
    match = item.judge.match
    slots = len(match.slots)
    columns = [rows[f"s{i:02d}"] for i in range(slots)]
    slots = max((i + 1 for i, column in enumerate(columns) if column.null_count < len(column)), default=0)
    table = np.column_stack(
        [c.to_numpy(zero_copy_only=False).astype(float) for c in columns[:slots]] or [np.empty((len(rows), 0))]
    )
    interval = np.full(len(rows), 1440 // len(columns))
    if match.stored:
        # How many slots a stored day has follows from the last that is filled.
        filled = (np.isfinite(table) * np.arange(1, slots + 1)).max(axis=1, initial=0)
        at = item.source.header.index("interval_min") if "interval_min" in item.source.header else None
        interval = (
            _stored_interval(item, lines) if at is not None else np.select([filled <= 24, filled <= 48], [60, 30], 15)
        )
    row, slot = np.nonzero(np.isfinite(table))
    records = np.empty(len(row), RECORD)
    records["customer"], records["line"], records["file"] = codes[row], lines[row], item.number
    day = rows["day"].cast(pa.int32()).to_numpy()
    records["minute"] = day[row] * 1440 + slot * interval[row]
    energy = np.rint(table[row, slot] * (1 if match.stored else 1000))
    records["wh"], records["varh"] = (NOTHING, energy) if item.table == "reactive" else (energy, NOTHING)
    records["interval"] = interval[row]
    return records


def _stored_interval(item: _Input, lines: np.ndarray) -> np.ndarray:
    """Interval of the day rows of a store [min]."""
    column = pq.read_table(item.source.path, columns=["interval_min"], partitioning=None).column(0)
    return column.to_numpy()[lines - 1].astype(int)


def _findings(item: _Input, texts: dict[int, str]) -> list[Finding]:
    by_rule: dict[str, tuple[Rule, int, int]] = dict(item.warned)
    for line in sorted(item.bad):
        for rule in item.bad[line]:
            first, rows = (by_rule[rule.id][1], by_rule[rule.id][2]) if rule.id in by_rule else (line, 0)
            by_rule[rule.id] = (rule, first, rows + 1)
    return [_finding(item, rule, first, rows, texts.get(first, "")) for rule, first, rows in by_rule.values()]


def _finding(item: _Input, rule: Rule, first: int, rows: int, text: str) -> Finding:
    value = _written(item, rule.columns[0], text)
    fix = rule.fix_en, rule.fix_zh
    if rule.id.endswith(".type") and rule.columns[0] in item.judge.match.positions:
        fix = values.explain(value, item.judge._column(rule.columns[0]))
    return Finding(
        rule.id,
        rule.severity,
        item.source.name,
        item.table,
        rule.columns,
        rows,
        first,
        privacy.mask(value),
        rule.en,
        rule.zh,
        *fix,
    )


def _written(item: _Input, column: str, text: str) -> str:
    """What stands in a column of an original line."""
    import csv

    at = item.judge.match.positions.get(column)
    if at is None or not text:
        return ""
    delimiter = item.source.delimiter if isinstance(item.source, TextSource) else ","
    cells = next(csv.reader([text], delimiter=delimiter), [])
    return cells[at] if at < len(cells) else ""


def _quarantined(item: _Input, texts: dict[int, str]) -> pd.DataFrame:
    rows = [
        (item.source.name, line, " ".join(dict.fromkeys(rule.id for rule in rules)), texts.get(line, ""))
        for line, rules in sorted(item.bad.items())
    ]
    return pd.DataFrame(rows, columns=["file", "line", "rules", "original"])


def write_quarantine(writer: StoreWriter, result: CheckResult) -> None:
    """Write the rows set aside into the store being made, readable by its owner only."""
    if not result.quarantine:
        return
    folder = writer.folder / "quarantine"
    folder.mkdir(mode=0o700)
    for table, frame in result.quarantine.items():
        path = folder / f"{table}.csv"
        path.write_bytes(privacy.to_safe_csv(frame))
        path.chmod(0o600)


def _reference_rule(table: str, column: str, parent: str) -> Rule:
    return Rule(
        f"{table}.{column}.reference",
        (column,),
        lambda t: t[column].isnull(),
        f"not found among the good rows of {parent}",
        f"在 {parent} 的有效行中找不到",
        f"add it to {parent}, or correct the number",
        f"在 {parent} 中补充，或更正编号",
    )


def _conflict_rule(table: str, key: tuple[str, ...]) -> Rule:
    return Rule(
        f"{table}.key.unique",
        key,
        lambda t: t[key[0]].isnull(),
        "the same key stands there again with other values; none of them is taken",
        "同一主键出现多次且内容不同，均未采用",
        "keep the right row at the source",
        "在源系统保留正确的一行",
    )


def _line_rule(table: str, reason: str) -> Rule:
    return Rule(
        f"{table}.line.readable",
        ("line",),
        lambda t: t.line.isnull(),
        f"the line cannot be split into columns: {reason}",
        "该行无法按列拆分",
        "correct quotes, delimiters or characters in this line",
        "检查该行的引号、分隔符与字符",
    )


def _same_file(name: str, earlier: str, table: str | None) -> Finding:
    return Finding(
        "file.repeated", "warning", name, table or "", ("file",), 0, None, "",
        f"the same content as {earlier}; read once", f"与 {earlier} 内容相同，只读入一次", "remove one of the two", "删除其中一个",
    )  # fmt: skip


def _unknown_file(name: str) -> Finding:
    tables = ", ".join(TABLES)
    return Finding(
        "file.unknown", "warning", name, "", ("file",), 0, None, "",
        "named after no table; not read", "文件名与任何数据表不符，未读入",
        f"name it after its table ({tables}), or say so in mapping.yaml", "按数据表命名，或在 mapping.yaml 中说明",
    )  # fmt: skip


__all__ = ["check", "intake", "write_quarantine"]
