"""The bytes of a text file before it is parsed: encoding, lines, whether they can be taken as they are.

Encodings are tried strictly and in this order: byte-order mark, UTF-8, GB18030;
never Latin-1, which accepts anything. A file that is UTF-8 but for some broken
lines stays UTF-8, and those lines go to quarantine.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from labkit.intake.findings import IntakeError

_BLOCK = 1 << 22
#: Half of the longest line: a longer one fills a window of this width.
_WINDOW = 1 << 17
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Scan:
    """What the bytes say.

    Attributes
    ----------
    encoding : str
    lines : int
        Physical lines of a plain file.
    plain : bool
        A line is a row: no quotes, NUL, broken characters, lone carriage returns or endless lines.
    """

    encoding: str
    lines: int
    plain: bool


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
        head = file.read(4096)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if head.startswith(codecs.BOM_UTF32_LE) or (encoding != "utf-16" and head.count(b"\0") * 4 > len(head)):
        raise IntakeError(
            f"{path.name}: full of NUL bytes, as UTF-32, UTF-16 without its mark or a binary file is; "
            "save it as UTF-8 text"
        )
    if encoding == "utf-16":
        return Scan(encoding, 0, False)
    broken = False
    if not encoding:
        encoding, broken = _encoding(path)
    lines, plain = _count(path)
    return Scan(encoding, lines, plain and not broken and (encoding != "utf-8-sig" or _decodes(path, "utf-8")))


def _encoding(path: Path) -> tuple[str, bool]:
    """Encoding, and whether some lines are broken in it."""
    if _decodes(path, "utf-8"):
        return "utf-8", False
    lines, other = 0, 0
    bad = {"utf-8": 0, "gb18030": 0}
    with path.open("rb") as file:
        for line in file:
            lines += 1
            if line.isascii():
                continue
            other += 1
            for encoding in bad:
                bad[encoding] += not _fits(line, encoding)
    if bad["utf-8"] * 2 < other:
        return "utf-8", True
    if bad["gb18030"] * 2 < other:
        return "gb18030", bad["gb18030"] > 0
    # Plain ASCII but for a few lines.
    if bad["utf-8"] <= max(1, lines // 20):
        return "utf-8", True
    raise IntakeError(
        f"{path.name}: the characters fit neither UTF-8 nor GB18030 ({bad['utf-8']:,} lines do not fit UTF-8); "
        "save the file as UTF-8 and try again"
    )


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


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


def _count(path: Path) -> tuple[int, bool]:
    """Physical lines, and whether each can be taken as it is."""
    lines, plain, last = 0, True, b""
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            lines += block.count(b"\n")
            plain = plain and b'"' not in block and b"\0" not in block
            if b"\r" in block or last == b"\r":
                whole = last + block if last == b"\r" else block
                # The last byte waits for the next block to show what follows it.
                plain = plain and whole[:-1].count(b"\r") == whole.count(b"\r\n")
            windows = range(0, len(block) - _WINDOW + 1, _WINDOW)
            plain = plain and all(block.find(b"\n", at, at + _WINDOW) >= 0 for at in windows)
            last = block[-1:]
    return lines + (last != b"\n"), plain and last != b"\r"
