"""Lines of a text file made fit for a parser, each still at its own number.

A parser takes a quote that somebody forgot to close for the start of a long
text and swallows the lines behind it without a word. So where a file has
quotes, broken characters, line ends of an old kind or lines without end, its
lines are looked at first: what cannot be split into columns is set aside and
leaves an empty line in its place.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

#: Stands for a line break within quotes while a record is one line; no text has this character.
LINE_BREAK = "\ufdd0"
#: A record of more lines than this is a quote that somebody forgot to close.
_LINES_A_RECORD = 40
#: No row of a table has more bytes.
LONGEST = 1 << 18
_BLOCK = 1 << 22
_OPEN = "unexpected end of data"
_UNCLOSED = "a quote is opened and not closed"


def read_blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """A file as UTF-8 in blocks of whole lines, each ending in a line feed; broken bytes stay as they are."""
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    rest: list[str] = []
    with path.open(encoding=encoding, errors=errors, newline=None) as file:
        while text := file.read(_BLOCK):
            whole, end, behind = text.rpartition("\n")
            if end:
                yield ("".join(rest) + whole + end).encode("utf-8", "surrogateescape")
                rest = []
            rest.append(behind)
    if last := "".join(rest):
        yield (last + "\n").encode("utf-8", "surrogateescape")


def split_cells(text: str, delimiter: str = ",") -> list[str]:
    """Cells of a record, as well as they can be told; empty where they cannot."""
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def as_csv(cells: list[str], delimiter: str = ",") -> str:
    """Cells as a line of a CSV file."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(cells)
    return out.getvalue()


def strict_cells(text: str, delimiter: str) -> tuple[list[str], str]:
    """Cells of a record whose quotes are beyond doubt, or why they are not."""
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), []), ""
    except csv.Error as error:
        return [], str(error)


def wrong_width(found: int, expected: int) -> str:
    """Reason why a line is no row."""
    return f"{found} columns where the header has {expected}"


def shown_text(raw: bytes) -> str:
    """A line as it is kept in quarantine: bytes that are no character stand as ``\\xe7``."""
    return raw.decode("utf-8", "backslashreplace")


class CleanLines(io.RawIOBase):
    """A text file as the parser may have it: a record a line, at its own number.

    Attributes
    ----------
    invalid : list of (line, text, reason)
        Lines set aside; filled while reading.
    spans : dict
        Line -> how many lines its record has, where it has several.
    lines : int
        Lines read so far.
    """

    def __init__(self, path: Path, encoding: str, delimiter: str, width: int, data_line: int) -> None:
        self.invalid: list[tuple[int, str, str]] = []
        self.spans: dict[int, int] = {}
        self.lines = 0
        self._delimiter, self._width, self._data_line = delimiter, width, data_line
        self._replaced = b"\xef\xbf\xbd" if encoding == "utf-16" else b"\0"
        self._held: list[tuple[int, bytes]] = []
        self._blocks = self._clean_blocks(read_blocks(path, encoding))
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer."""
        while not self._ready:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._ready = memoryview(block)
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _clean_blocks(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            first = self.lines + 1
            self.lines += block.count(b"\n")
            if self._held or first < self._data_line or self._needs_care(block):
                yield b"".join(self._clean(first, block))
            else:
                yield block
        rest: list[bytes] = []
        while self._held:
            rest += self._give_up(_UNCLOSED)
        yield b"".join(rest)

    def _needs_care(self, block: bytes) -> bool:
        if self._replaced in block or b"\0" in block or not _decodes(block):
            return True
        data = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(data == 10)
        if np.diff(ends, prepend=-1).max(initial=0) > LONGEST:
            return True
        quotes = np.flatnonzero(data == 34)
        if not len(quotes):
            return False
        if (np.searchsorted(quotes, ends) & 1).any():
            return True
        # Every quote but a doubled one stands at the edge of its cell.
        edges = (10, 34, ord(self._delimiter))
        before = data[np.maximum(quotes[::2] - 1, 0)]
        opened = np.isin(before, edges) | (quotes[::2] == 0)
        return not (opened.all() and np.isin(data[quotes[1::2] + 1], edges).all())

    def _clean(self, first: int, block: bytes) -> Iterator[bytes]:
        for number, raw in enumerate(block.split(b"\n")[:-1], first):
            if number < self._data_line:
                yield b"\n"
            elif self._held or b'"' in raw or not self._is_fit(raw):
                self._held.append((number, raw))
                yield from self._settle()
            else:
                yield raw + b"\n"

    def _is_fit(self, raw: bytes) -> bool:
        return len(raw) <= LONGEST and b"\0" not in raw and self._replaced not in raw and _decodes(raw)

    def _settle(self) -> Iterator[bytes]:
        """Judge the lines held: a record, the start of one, or none."""
        raw = b"\n".join(line for _, line in self._held)
        lines = len(self._held)
        if not self._is_fit(self._held[0][1]):
            long = len(self._held[0][1]) > LONGEST
            yield from self._give_up("longer than any row" if long else "characters that cannot be read")
            return
        cells, fault = strict_cells(raw.decode("utf-8", "surrogateescape"), self._delimiter)
        if fault == _OPEN and lines <= _LINES_A_RECORD:
            return
        if fault or (lines > 1 and (len(cells) != self._width or not self._is_fit(raw))):
            yield from self._give_up(_UNCLOSED if fault == _OPEN or lines > 1 else "quotes within a quoted cell")
            return
        if lines > 1:
            self.spans[self._held[0][0]] = lines
        self._held = []
        text = as_csv(cells, self._delimiter).replace("\n", LINE_BREAK)
        yield text.encode() + b"\n" * lines

    def _give_up(self, reason: str) -> Iterator[bytes]:
        """Set the first line held aside and read those behind it anew."""
        (number, raw), *behind = self._held
        self.invalid.append((number, shown_text(raw), reason))
        self._held = []
        yield b"\n"
        for place, line in behind:
            yield from self._clean(place, line + b"\n")


def _decodes(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def lines_of_blocks(blocks: Iterator[bytes], wanted: np.ndarray, spans: dict[int, int]) -> dict[int, str]:
    """Text of some records, found by their lines.

    Parameters
    ----------
    wanted : ndarray of int
        Line numbers, sorted.
    spans : dict
        Line -> how many lines its record has, where it has several.
    """
    several = [np.arange(line, line + spans[line]) for line in wanted.tolist() if line in spans]
    every = np.unique(np.concatenate([wanted, *several])) if several else wanted
    found: dict[int, str] = {}
    first = 1
    for block in blocks:
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 10)
        mine = every[(every >= first) & (every < first + len(ends))] - first
        starts = np.where(mine > 0, ends[mine - 1] + 1, 0)
        for line, start, end in zip((mine + first).tolist(), starts.tolist(), ends[mine].tolist(), strict=True):
            found[line] = shown_text(block[start:end])
        first += len(ends)
    for line in [line for line in wanted.tolist() if line in spans]:
        found[line] = "\n".join(found[number] for number in range(line, line + spans[line]))
    return {line: found[line] for line in wanted.tolist() if line in found}
