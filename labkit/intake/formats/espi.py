"""Green Button files (ESPI, NAESB REQ.21) as a stream of readings, read safely.

A file is a feed of entries that point at each other by ``href``: a MeterReading names its ReadingType, the block of
intervals names its MeterReading as the one above it. The parser expands no entity and loads nothing: a document type
is refused as such, and so is what is too large or too deep to be a meter's export.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat  # nosec B407 # a document type, the way to every entity, is refused before its content is read

from labkit.intake.findings import IntakeError

_CHUNK = 1 << 20
_MOST_BYTES, _MOST_DEPTH, _MOST_TEXT, _MOST_LINKS = 2_000_000_000, 64, 1_000_000, 1000
#: A tag that is still open after so many bytes would be held in memory whole.
_MOST_OPEN = 16 << 20
_POINT = re.compile(r"UsagePoint/([^/]+)")
_OWNER = re.compile(r"(?:RetailCustomer|User)/([^/]+)")
#: What is read of a ReadingType and of a reading, by local name.
_TYPE = ("uom", "powerOfTenMultiplier", "flowDirection")
_READING = ("start", "duration", "value")


@dataclass(frozen=True)
class ReadingType:
    """What the numbers of a series are: unit of measure, power of ten, direction of flow; -1 where it is not said."""

    uom: int = -1
    power_of_ten: int = 0
    flow: int = -1


@dataclass(frozen=True)
class Reading:
    """An interval as it stands in the file; text that is no whole number is None."""

    number: int
    series: str
    start_s: int | None
    duration_s: int | None
    value: int | None
    text: str


@dataclass
class Feed:
    """What the entries of a file say of each other.

    Attributes
    ----------
    types : dict
        href of a ReadingType -> what it says.
    series : dict
        href of a MeterReading -> href of its ReadingType.
    """

    types: dict[str, ReadingType] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)

    def type_of(self, series: str) -> ReadingType | None:
        """Type of a series; the only one there is where entries do not point at each other."""
        found = self.types.get(self.series.get(series, ""))
        return found or (next(iter(self.types.values())) if len(self.types) == 1 else None)


def point_of(href: str, otherwise: str) -> str:
    """Customer that an href belongs to.

    Examples
    --------
    >>> point_of("https://x/espi/1_1/resource/RetailCustomer/9/UsagePoint/3/MeterReading/1", "file")
    '9-3'
    >>> point_of("", "file")
    'file'
    """
    found = [form.search(href) for form in (_OWNER, _POINT)]
    return "-".join(part.group(1) for part in found if part) if found[1] else otherwise


@dataclass
class _Handler:
    name: str
    feed: Feed = field(default_factory=Feed)
    ready: list[Reading] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    links: dict[str, list[str]] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    length: int = 0
    cells: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition(":")[2]
        self.path.append(local)
        if len(self.path) > _MOST_DEPTH:
            raise IntakeError(f"{self.name}: elements lie {_MOST_DEPTH} deep; this is no meter's export")
        self.text, self.length = [], 0
        if local == "entry":
            self.links = {}
        elif local == "link" and "href" in attributes:
            links = self.links.setdefault(attributes.get("rel", ""), [])
            links.append(attributes["href"].rstrip("/"))
            if len(links) + len(self.links) > _MOST_LINKS:
                raise IntakeError(f"{self.name}: an entry has too many links for a meter's export")
        elif local in ("IntervalReading", "ReadingType"):
            self.cells = {}

    def characters(self, text: str) -> None:
        self.text.append(text)
        self.length += len(text)
        if self.length > _MOST_TEXT:
            raise IntakeError(f"{self.name}: a text is too long for a meter's export")

    def end(self, tag: str) -> None:
        local = self.path.pop()
        written = "".join(self.text).strip()
        self.text, self.length = [], 0
        if local in _TYPE or (local in _READING and "IntervalReading" in self.path):
            self.cells[local] = written
        elif local == "ReadingType":
            uom, power, flow = (_whole(self.cells.get(cell, "")) for cell in _TYPE)
            told = ReadingType(-1 if uom is None else uom, power or 0, -1 if flow is None else flow)
            self.feed.types[self._self()] = told
        elif local == "MeterReading":
            related = [href for href in self.links.get("related", []) if "ReadingType" in href]
            self.feed.series[self._self()] = related[0] if related else ""
        elif local == "IntervalReading":
            self.count += 1
            start, duration, value = (_whole(self.cells.get(cell, "")) for cell in _READING)
            text = ",".join(self.cells.get(cell, "") for cell in _READING)
            self.ready.append(Reading(self.count, self._series(), start, duration, value, text))

    def _self(self) -> str:
        return next(iter(self.links.get("self", [])), "")

    def _series(self) -> str:
        """The MeterReading a block belongs to: above it, or the front of its own href."""
        hrefs = [*self.links.get("up", []), *self.links.get("self", [])]
        return next((href.partition("/IntervalBlock")[0] for href in hrefs if "/IntervalBlock" in href), "")


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else None


def stream_readings(path: Path, feed: Feed) -> Iterator[list[Reading]]:
    """Readings of a file, piece by piece; what entries say of each other is entered into `feed`.

    Raises
    ------
    IntakeError
        If the file is no well-formed XML, has a document type, or is too large.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise IntakeError(f"{path.name}: is larger than {_MOST_BYTES / 1e9:.0f} GB; export fewer meters a file")
    handler = _Handler(path.name, feed)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = handler.begin, handler.end
    parser.CharacterDataHandler = handler.characters

    def refuse(*_: object) -> None:
        raise IntakeError(f"{path.name}: has a document type (<!DOCTYPE …>), which no meter's export needs; not read")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    fed = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.Parse(chunk, False)
                fed += len(chunk)
                if fed - parser.CurrentByteIndex > _MOST_OPEN:
                    raise IntakeError(f"{path.name}: a tag does not end within {_MOST_OPEN >> 20} MB; not read")
                if handler.ready:
                    yield handler.ready
                    handler.ready = []
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise IntakeError(
            f"{path.name}:{error.lineno}: not well-formed XML ({expat.errors.messages[error.code]}); download it again"
        ) from error
    if handler.ready:
        yield handler.ready
