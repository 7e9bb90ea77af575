"""From text to values: what is accepted, and what to say of what is not.

Nothing is guessed: full-width digits, thousands separators, units behind a
number and marks for "missing" send the row to quarantine with the fix. Dates
are read as 2024-01-05, 2024/1/5, 20240105 or 2024年1月5日.
"""

from __future__ import annotations

import re
import unicodedata
from functools import reduce
from operator import or_
from string import whitespace

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from labkit import terms
from labkit.schema.model import STORAGE, Column, Type

_DATE = r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2})|年(\d{1,2})月(\d{1,2})日)"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
_TRUE = ("1", "true", "yes", "y", "是", "t")
_FALSE = ("0", "false", "no", "n", "否", "f")


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, form: str) -> dt.timestamp:
    """The engine's own: missing where the text has not exactly this form."""


_OLDEST = ibis.literal("1950-01-01").cast("timestamp(6)")


def parse(raw: ir.Column, column: Column, scale: float = 1.0) -> ir.Column:
    """Value of a column; missing where it is empty or cannot be read.

    Parameters
    ----------
    raw : Column
        Text, or values already typed (Parquet, Excel).
    scale : float
        Factor to the column's own unit.
    """
    target = STORAGE[column.type][0]
    if not raw.type().is_string():
        timed = column.type in (Type.DATE, Type.TIMESTAMP)
        # A number is no moment, whatever a cast would make of it.
        value = raw.cast(target) if raw.type().is_temporal() or not timed else ibis.null(target)
    else:
        # Numbers and times are read with spaces around them; a text is what stands between.
        plain = column.type in (Type.NUMBER, Type.INTEGER, Type.TIMESTAMP)
        value = _PARSERS[column.type](raw if plain else strip(raw), column)
    return value * scale if scale != 1.0 else value


def unreadable(raw: ir.Column, value: ir.Column) -> ir.BooleanValue:
    """True where something was written that cannot be read."""
    if not raw.type().is_string():
        return raw.notnull() & value.isnull()
    # A case, not a conjunction: the text is looked at again only where there is no value.
    return ibis.cases((value.notnull(), False), else_=raw.notnull() & (raw.strip() != ""))


def strip(raw: ir.StringValue) -> ir.StringValue:
    """A text without the spaces around it."""
    # The engine strips slowly and most texts have nothing to strip, which is soon seen.
    spaced = (raw <= "!") | reduce(or_, (raw.endswith(space) for space in whitespace))
    return ibis.cases((spaced, raw.strip()), else_=raw)


def _text(raw: ir.StringValue, column: Column) -> ir.StringValue:
    text = raw.nullif("")
    if not column.values:
        return text
    spellings = terms.category_values(column.name, column.values)
    return text.lower().cases(*((spelling.lower(), value) for spelling, value in spellings.items()), else_=text)


def _number(raw: ir.StringValue, _: Column) -> ir.FloatingValue:
    # The engine reads 1_000 as a thousand; nobody writes that in an export.
    value = raw.try_cast("float64")
    return ibis.cases((value.isnull() | raw.contains("_"), ibis.null("float64")), else_=value)


def _integer(raw: ir.StringValue, column: Column) -> ir.IntegerValue:
    number = _number(raw, column)
    whole = number.try_cast("int64")
    return ibis.cases((whole.cast("float64") == number, whole), else_=ibis.null("int64"))


def _boolean(raw: ir.StringValue, _: Column) -> ir.BooleanValue:
    word = raw.lower()
    return ibis.cases((word.isin(_TRUE), True), (word.isin(_FALSE), False), else_=ibis.null("boolean"))


def _iso(raw: ir.StringValue) -> ir.StringValue:
    return raw.re_replace("^" + _DATE, r"\1-\2\4\6\8-\3\5\7\9")


def _date(raw: ir.StringValue, _: Column) -> ir.DateValue:
    canonical = (raw.length() == 10) & (raw[4] == "-") & (raw[7] == "-")
    compact = raw.re_replace(r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
    return ibis.cases(
        (canonical, raw.try_cast("date")),
        (raw.re_search(f"^{_DATE}$"), _iso(raw).try_cast("date")),
        (raw.re_search(r"^(19|20)\d{6}$"), compact.try_cast("date")),
        # Midnight of an Excel or database export is a date.
        (raw.re_search(f"^{_DATE}[ T]0{{1,2}}:00(:00(\\.0+)?)?$"), _iso(raw).try_cast("date")),
        else_=ibis.null("date"),
    )


def _timestamp(raw: ir.StringValue, _: Column) -> ir.TimestampValue:
    # The usual form first, by a strict format: a plain cast would read 24:00, time zones and PM wrongly.
    # It reads the words epoch and infinity as 1900, which no meter has lived to see.
    usual = _try_strptime(raw, "%Y-%m-%d %H:%M:%S").cast("timestamp(6)")
    text = raw.strip()
    other = ibis.cases(
        (text.re_search(f"^{_DATE}(?:[ T]{_CLOCK})?$"), _iso(text).try_cast("timestamp(6)")),
        else_=ibis.null("timestamp(6)"),
    )
    return ibis.cases((usual > _OLDEST, usual), else_=other)


def _month(raw: ir.StringValue, _: Column) -> ir.StringValue:
    spelled = raw.re_replace(r"^((?:19|20)\d{2})(?:[-/年.]?)(\d{1,2})(?:月|[-/]01)?$", r"\1-\2")
    return ibis.cases(
        (spelled.length() == 6, spelled[:5] + "0" + spelled[5]), (raw == "", ibis.null("string")), else_=spelled
    )


_PARSERS = {
    Type.TEXT: _text,
    Type.NUMBER: _number,
    Type.INTEGER: _integer,
    Type.BOOLEAN: _boolean,
    Type.DATE: _date,
    Type.TIMESTAMP: _timestamp,
    Type.MONTH: _month,
}

_HINTS: tuple[tuple[str, str, str], ...] = (
    (
        r"^\d{5}(\.\d+)?$",
        "an Excel serial number: format the column as a date before exporting",
        "这是 Excel 日期序列号，请先将该列设为日期格式再导出",
    ),
    (
        r"[ T]24:00",
        "24:00 labels the end of an interval: write 00:00 of the next day, or say `time: end` in the mapping",
        "24:00 是时段终点标记，请改为次日 00:00，或在映射文件中写明 time: end",
    ),
    (
        r"[+-]\d{2}:?\d{2}$|Z$",
        "a time zone stands behind the time: write local wall time without it",
        "时间后带有时区，请改为不带时区的当地时间",
    ),
    (
        r"^\d{4}[-/年]\d",
        "no such day in the calendar, or a form that is not known: write 2024-01-05 00:15",
        "日历上没有这一天或格式不符，请写成 2024-01-05 00:15",
    ),
    (r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$", "remove the thousands separators", "去掉千位分隔符"),
    (
        r"^[-+]?\d+,\d+$",
        "a decimal comma: write a point",
        "小数用了逗号，请改为小数点",
    ),
    (
        r"^[-+]?[\d.]+\s*[^\d\s.,:/-]+$",
        "move the unit into the header, as in 用电量(kWh)",
        "把单位写到表头，例如 用电量(kWh)",
    ),
    (r"^(--?|#?n/?a|null|nan|none|/|无|-)$", "a mark for missing: leave the cell empty", "表示缺失的符号，请留空"),
)


def explain(value: str, column: Column) -> tuple[str, str]:
    """How to mend a value that cannot be read, in English and Chinese.

    Examples
    --------
    >>> from labkit.schema import TABLES
    >>> explain("12.5kWh", TABLES["readings"]["kwh"])[0]
    'move the unit into the header, as in 用电量(kWh)'
    """
    text = value.strip()
    if column.type in (Type.NUMBER, Type.INTEGER) and unicodedata.normalize("NFKC", text) != text:
        return "full-width characters: write the number in plain digits", "含全角字符，请改用半角数字"
    timed = column.type in (Type.DATE, Type.TIMESTAMP)
    for i, (pattern, en, zh) in enumerate(_HINTS):
        if (i < 4) == timed and re.search(pattern, text, re.IGNORECASE):
            return en, zh
    if re.search(_HINTS[-1][0], text, re.IGNORECASE):
        return _HINTS[-1][1:]
    return f"write a {column.type}", {
        "date": "请填写日期",
        "timestamp": "请填写日期和时间",
        "boolean": "请填写是或否",
    }.get(column.type, "请填写数值")


#: Unit in a header -> factor to the unit of the column's name.
_FACTORS: dict[str, dict[str, float]] = {
    "kWh": {"kwh": 1, "千瓦时": 1, "度": 1, "wh": 0.001, "mwh": 1000, "兆瓦时": 1000, "万千瓦时": 10_000, "gwh": 1e6},
    "kvarh": {"kvarh": 1, "千乏时": 1, "varh": 0.001, "mvarh": 1000},
    "kW": {"kw": 1, "千瓦": 1, "w": 0.001, "mw": 1000, "兆瓦": 1000},
    "kVA": {"kva": 1, "千伏安": 1, "va": 0.001, "mva": 1000},
    "kV": {"kv": 1, "千伏": 1, "v": 0.001, "伏": 0.001},
    "yuan": {"yuan": 1, "元": 1, "cny": 1, "rmb": 1, "万元": 10_000},
}


def unit_factors(unit: str) -> dict[str, float]:
    """Units that can be turned into a unit, with their factors; empty where there are none.

    Examples
    --------
    >>> unit_factors("kWh")["mwh"]
    1000
    """
    return _FACTORS.get(unit, {})


def header_scale(column: Column, header: str) -> float | None:
    """Factor from the unit in a header to the column's own; None if it is not understood.

    Examples
    --------
    >>> from labkit.schema import TABLES
    >>> header_scale(TABLES["readings"]["kwh"], "用电量(MWh)")
    1000
    """
    written = terms.header_unit(header)
    known = _FACTORS.get(column.unit, {})
    if not written or not known:
        return 1.0
    return known.get(written)
