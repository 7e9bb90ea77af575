"""What the formats share: customers found among readings, and the store made of what a format hands on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from labkit.intake.check import take_all
from labkit.intake.findings import CheckResult, FileCount, Finding
from labkit.intake.ledger import Taken
from labkit.intake.mapping import FileMapping, Mapping
from labkit.intake.match import match_columns
from labkit.intake.rows import Judge
from labkit.intake.scan import scan_text
from labkit.intake.sources import Source, TextSource
from labkit.intake.streams import RowsSource
from labkit.store import About


def make_store(
    parts: Sequence[tuple[Source, str, FileMapping | None]], about: About, out: Path, findings: Iterable[Finding] = ()
) -> CheckResult:
    """A store of sources whose headers already are those of the tables.

    Parameters
    ----------
    parts : sequence of (source, table, mapping)
        Cells of a header that are empty are not read.
    findings : iterable of Finding
        What the format has to say of itself.
    """
    told = list(findings)
    taken: list[Taken] = []
    for source, table, mapping in parts:
        match, more = match_columns(source.name, table, source.header, mapping)
        told += more
        taken.append(Taken(source, table, Judge(match, mapping), len(taken), FileCount(source.name, table)))
    return take_all(taken, told, Mapping(), about, Path(out))


def customers_source(path: Path, rows: dict[str, Iterable[object]] | pa.Table) -> RowsSource:
    """The customers that a file names, as a table of its own."""
    table = rows if isinstance(rows, pa.Table) else pa.table({k: pa.array(list(v)) for k, v in rows.items()})
    return RowsSource(path, f"customers found in {path.name}", rows=table.sort_by("customer_id"))


def open_lines(path: Path, delimiter: str, header: list[str], header_line: int) -> TextSource:
    """A text file of a known form.

    Parameters
    ----------
    header : list of str
        The columns by our names, a cell each; empty where a column is not read.
    header_line : int
        Line of the file's own header, 0 where there is none.
    """
    source = TextSource(path, path.name, list(header), scan=scan_text(path), delimiter=delimiter)
    source.header_line, source.data_line = header_line, header_line + 1
    return source


def note(name: str, rule: str, column: str, rows: int, en: str, zh: str, fix: tuple[str, str]) -> Finding:
    """A finding of a format: nothing is lost by it, but it should be known."""
    return Finding(rule, "warning", name, "readings", (column,), rows, None, "", en, zh, *fix)


def data_files(path: Path, endings: Sequence[str]) -> list[Path]:
    """The file itself, or those of a folder with one of the endings, in order of their names."""
    if path.is_file():
        return [path]
    return sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() in endings and p.name[0] not in ".~")


def about_american(name_en: str, name_zh: str, zone: str, file: str) -> tuple[About, Finding]:
    """What a store says of itself where its layout comes from North America and names no country."""
    told = note(
        file, "about.calendar.assumed", "timezone", 0, "no country in the file; holidays of US and USD are assumed", "文件未注明国家，按美国节假日与美元处理",
        ("elsewhere, use a mapping with `about`", "如在其他国家，请用映射文件的 about 说明"),
    )  # fmt: skip
    return About(name_en, name_zh, zone, "US", "USD", "protected"), told
