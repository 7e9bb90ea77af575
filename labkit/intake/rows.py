"""One scan a table: text to values, every rule at once, rows judged good or bad."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labkit import engine
from labkit.intake import values
from labkit.intake.findings import IntakeError
from labkit.intake.mapping import FileMapping
from labkit.intake.match import Match
from labkit.intake.sources import Source, column_name
from labkit.schema import NEWEST, OLDEST, Column, Rule, Table, Type, spoilt_id_rule, value_rules

_INCOMING = "incoming_rows"
_COMPILED: dict[str, tuple[str, pa.Schema]] = {}
#: Slots of wide readings are judged together: one rule for ninety-six columns.
_SLOTS = ("slots",)


@dataclass(frozen=True)
class Judged:
    """A batch of rows with values and what is wrong with each.

    Attributes
    ----------
    rows : RecordBatch
        Typed columns of the table (and ``s00`` … for wide readings).
    lines : ndarray of int
    broken : ndarray of int64
        Bit i is set where rule i is broken.
    """

    rows: pa.RecordBatch
    lines: np.ndarray
    broken: np.ndarray


class Judge:
    """All rules of a table, as they apply to one file."""

    def __init__(self, match: Match, mapping: FileMapping | None) -> None:
        self.match, self.mapping = match, mapping
        self.table: Table = match.table

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Readable values first, then the table's own rules; bit i belongs to rule i."""
        there = [self.column(name) for name in self.match.positions]
        readable = [_type_rule(self.table.name, column) for column in there]
        if self.match.slots:
            return (*readable, *(r for r in value_rules(self.table) if r.columns == ("customer_id",)), *_slot_rules())
        present = {*self.match.positions, *self._given()}
        own = [rule for rule in value_rules(self.table) if set(rule.columns) <= present]
        key_id = [column for column in there if column.name in self.table.key and column.type is Type.TEXT]
        spoilt = [spoilt_id_rule(self.table.name, column) for column in key_id if self.table.name != "readings"]
        return (*readable, *own, *spoilt)

    @cached_property
    def errors(self) -> int:
        """Bits of the rules that cost a row its place."""
        return sum(1 << i for i, rule in enumerate(self.rules) if rule.severity == "error")

    def _given(self) -> set[str]:
        given = {"customer_id"} if self.mapping and self.mapping.customer_id is not None else set()
        return given | ({"ts"} if self.mapping and self.mapping.start is not None else set())

    def unnamed(self, source: Source) -> tuple[int, ...]:
        """Columns without a name, whose values would be left out without a word."""
        return tuple(i for i, name in enumerate(source.header) if not name and i not in self.match.positions.values())

    def column(self, name: str) -> Column:
        """A column of the table, or the day of wide readings."""
        return Column("day", Type.DATE) if name == "day" else self.table[name]

    def judge(self, source: Source, backend: engine.StoppableBackend) -> Iterator[Judged]:
        """Judge every row of a source, in one stream."""
        schema, stream = _peek(source, self.unnamed(source))
        if stream is None:
            return
        failures: list[Exception] = []
        reader = pa.RecordBatchReader.from_batches(schema, _remembering(stream, failures))
        backend.con.register(_INCOMING, reader)
        try:
            sql, result = self._compile(schema, backend)
            for batch in backend.stream(sql, result, 250_000):
                rows = batch.drop_columns(["line", "broken"])
                yield Judged(rows, batch["line"].to_numpy(), batch["broken"].to_numpy())
        except duckdb.Error as error:
            # The engine gives a failure of the file in its own words, with rows of it among them.
            raise (failures[0] if failures else IntakeError(_beyond(source, error))) from None
        finally:
            with contextlib.suppress(duckdb.Error):  # an engine that failed has let go of it
                backend.con.unregister(_INCOMING)

    def _compile(self, schema: pa.Schema, backend: engine.StoppableBackend) -> tuple[str, pa.Schema]:
        """The scan as SQL; files of the same form share it, a store has thousands."""
        key = repr((self.match, self.mapping, schema.to_string()))
        if key not in _COMPILED:
            expression = self._expression(ibis.table(ibis.schema(schema), name=_INCOMING))
            _COMPILED[key] = backend.compile(expression), expression.schema().to_pyarrow()
        return _COMPILED[key]

    def _expression(self, incoming: ir.Table) -> ir.Table:
        raw = {name: incoming[column_name(at)] for name, at in self.match.positions.items()}
        typed = {name: self._value(name, raw[name], incoming) for name in raw}
        typed |= self._constants(incoming)
        slots = [incoming[column_name(at)] for at in self.match.slots]
        stored = self.match.stored
        scale = 24 / len(slots) if slots and self.mapping and self.mapping.slots == "kw" else 1.0
        scale *= self.match.scales.get("slots", 1.0)
        slot_values = slots if stored else [values.parse(cell, Column("kwh", Type.NUMBER), scale) for cell in slots]
        wide = {f"s{i:02d}": value for i, value in enumerate(slot_values)}
        # Step by step: a value is worked out once, whatever asks for it afterwards.
        texts = {f"raw_{name}": cell for name, cell in raw.items()}
        texts |= {f"raw_s{i:02d}": cell for i, cell in enumerate(slots) if not stored}
        table = incoming.select(line=incoming.line, **typed, **wide, **texts)
        flags = {f"u_{name}": values.unreadable(table[f"raw_{name}"], table[name]) for name in raw}
        if stored:
            flags["u_slots"] = ibis.literal(False)
            flags["bad_slots"] = ibis.least(*(table[name] for name in wide)) < 0
        elif slots:
            flags["u_slots"] = ibis.or_(*(values.unreadable(table[f"raw_{name}"], table[name]) for name in wide))
            high = self.table["kwh"].high
            flags["bad_slots"] = ibis.or_(*((table[n] < 0) | (table[n] > high) | table[n].isnan() for n in wide))
        table = table.mutate(**flags).drop(*texts)
        bad = [self._bad(rule, table) for rule in self.rules]
        bits = reduce(add, (flag.ifelse(1 << i, 0).cast("int64") for i, flag in enumerate(bad)))
        # Most rows break none: for those nothing is added up.
        return table.mutate(broken=ibis.cases((ibis.or_(*bad), bits), else_=ibis.literal(0, "int64"))).drop(*flags)

    @staticmethod
    def _bad(rule: Rule, table: ir.Table) -> ir.BooleanValue:
        bad = rule.bad(table).fill_null(False)
        flag = f"u_{rule.columns[0]}"
        # What cannot be read is not empty: one finding is enough.
        return bad & ~table[flag] if rule.id.endswith(".required") and flag in table.columns else bad

    def _value(self, name: str, raw: ir.Column, incoming: ir.Table) -> ir.Column:
        value = values.parse(raw, self.column(name), self.match.scales.get(name, 1.0))
        mapping = self.mapping
        if name == "kwh" and self.match.power:
            if mapping is None or mapping.interval_min is None:
                return value * ibis.null("float64")
            return value * (mapping.interval_min / 60)
        if name == "ts" and mapping and mapping.time == "end":
            return value - ibis.interval(minutes=mapping.interval_min)
        return value

    def _constants(self, incoming: ir.Table) -> dict[str, ir.Value]:
        mapping, constants = self.mapping, {}
        if mapping and mapping.customer_id is not None:
            constants["customer_id"] = ibis.literal(mapping.customer_id)
        if mapping and mapping.start is not None:
            minutes = (incoming.line - incoming.first_line) * mapping.interval_min
            constants["ts"] = ibis.literal(mapping.start).cast("timestamp(6)") + minutes.as_interval("m")
        return constants


def _remembering(stream: Iterator[pa.RecordBatch], failures: list[Exception]) -> Iterator[pa.RecordBatch]:
    try:
        yield from stream
    except Exception as error:
        failures.append(error)
        raise


def _beyond(source: Source, error: duckdb.Error) -> str:
    return f"{source.name}: holds a value no rule can work with ({type(error).__name__}); export the file as CSV"


def _peek(source: Source, unnamed: tuple[int, ...]) -> tuple[pa.Schema, Iterator[pa.RecordBatch] | None]:
    """Schema of the batches and the batches, lines as a column; empty rows left out."""
    stream = _with_lines(_noting_unnamed(source, unnamed))
    first = next(stream, None)
    if first is None:
        return pa.schema([]), None
    return first.schema, _chain(first, stream)


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _noting_unnamed(source: Source, unnamed: tuple[int, ...]) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Batches as they come; which of the columns without a name hold something is noted on the way."""
    for batch, lines in source.batches():
        for at in unnamed:
            if at not in source.unnamed and pc.any(pc.not_equal(batch.column(at), "")).as_py():
                source.unnamed.add(at)
        yield batch, lines


def _with_lines(batches: Iterable[tuple[pa.RecordBatch, np.ndarray]]) -> Iterator[pa.RecordBatch]:
    first_line = None
    for batch, lines in batches:
        if not len(batch):
            continue
        first_line = int(lines[0]) if first_line is None else first_line
        batch, lines = _without_blank(batch, lines)
        batch = batch.append_column("line", pa.array(lines, pa.int64()))
        yield batch.append_column("first_line", pa.array(np.full(len(lines), first_line), pa.int64()))


def _without_blank(batch: pa.RecordBatch, lines: np.ndarray) -> tuple[pa.RecordBatch, np.ndarray]:
    """A blank line is no row."""
    blank: np.ndarray | None = None
    for column in batch.columns:
        if not pa.types.is_string(column.type):
            return batch, lines
        empty = pc.equal(column, "").to_numpy(zero_copy_only=False)
        blank = empty if blank is None else blank & empty
        if not blank.any():
            return batch, lines
    keep = ~blank if blank is not None else np.ones(len(lines), bool)
    return batch.filter(pa.array(keep)), lines[keep]


def _type_rule(table: str, column: Column) -> Rule:
    kind_zh = {"date": "日期", "timestamp": "时间", "number": "数值", "integer": "整数", "boolean": "“是”或“否”"}
    article = "an" if column.type is Type.INTEGER else "a"
    return Rule(
        f"{table}.{column.name}.type",
        (column.name,),
        lambda t: t[f"u_{column.name}"],
        f"cannot be read as {article} {column.type}",
        f"无法识别为{kind_zh.get(column.type, '文本')}",
        "",
        "",
    )


def _slot_rules() -> tuple[Rule, ...]:
    known = "check value and unit at the source", "在源系统核对数值与单位"
    return (
        Rule(
            "readings.slots.type",
            _SLOTS,
            lambda t: t.u_slots,
            "a slot cannot be read as a number",
            "有时段无法识别为数值",
            *known,
        ),
        Rule(
            "readings.slots.range",
            _SLOTS,
            lambda t: t.bad_slots,
            "a slot is negative or not finite",
            "有时段为负值或非有限数值",
            *known,
        ),
        Rule(
            "readings.day.range",
            ("day",),
            lambda t: (t.day < OLDEST) | (t.day > NEWEST),
            f"before {OLDEST} or after {NEWEST}",
            f"早于 {OLDEST} 或晚于 {NEWEST}",
            "check the date; 9999-12-31 and 1899-12-31 stand for no date",
            "核对日期；9999-12-31 与 1899-12-31 常表示无日期",
        ),
        Rule(
            "readings.day.required",
            ("day",),
            lambda t: t.day.isnull(),
            "empty, but must be there",
            "为空，此项必填",
            "fill it in at the source",
            "在源系统补填",
        ),
    )
