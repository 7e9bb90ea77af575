"""The bytes of a text file before it is parsed: encoding, lines, quotes, NUL.

Encodings are tried strictly and in this order: byte-order mark, UTF-8, GB18030;
never Latin-1, which accepts anything. A file that is UTF-8 but for some broken
lines stays UTF-8, and those lines go to quarantine.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labkit.intake.findings import IntakeError

_BLOCK = 1 << 22
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Scan:
    """What the bytes say.

    Attributes
    ----------
    encoding : str
    lines : int
        Physical lines.
    multiline : bool
        Some quote stands open at the end of a line: read record by record.
    suspect : bool
        Bytes that need a clean copy before parsing (NUL, broken characters).
    """

    encoding: str
    lines: int
    multiline: bool
    suspect: bool


def scan_text(path: Path) -> Scan:
    """Look at every byte once.

    Raises
    ------
    IntakeError
        If the file is empty or its characters fit no encoding.
    """
    if path.stat().st_size == 0:
        raise IntakeError(f"{path.name}: the file is empty; export it again")
    with path.open("rb") as file:
        head = file.read(4)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if encoding == "utf-16":
        return Scan(encoding, 0, True, True)
    broken = False
    if not encoding:
        encoding, broken = _encoding(path)
    lines, multiline, nul = _count(path)
    return Scan(encoding, lines, multiline, nul or broken)


def _encoding(path: Path) -> tuple[str, bool]:
    if _decodes(path, "utf-8"):
        return "utf-8", False
    good, bad = 0, 0
    with path.open("rb") as file:
        for line in file:
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += 1
    if good > bad:
        return "utf-8", True
    if _decodes(path, "gb18030"):
        return "gb18030", False
    raise IntakeError(
        f"{path.name}: the characters fit neither UTF-8 nor GB18030 ({bad:,} lines do not fit UTF-8); "
        "save the file as UTF-8 and try again"
    )


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _count(path: Path) -> tuple[int, bool, bool]:
    """Physical lines, whether a quote stands open at a line's end, whether there is a NUL."""
    lines, inside, nul, parity, last = 0, False, False, 0, b""
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            newlines, quotes = block.count(b"\n"), block.count(b'"')
            nul = nul or b"\0" in block
            if quotes == 0:
                inside = inside or bool(parity and newlines)
            else:
                data = np.frombuffer(block, np.uint8)
                before = np.searchsorted(np.flatnonzero(data == 34), np.flatnonzero(data == 10))
                inside = inside or bool(((before + parity) & 1).any())
                parity = (parity + quotes) & 1
            lines += newlines
            last = block[-1:]
    return lines + (last != b"\n"), inside or bool(parity), nul
