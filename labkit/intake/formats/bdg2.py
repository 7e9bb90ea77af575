"""Building Data Genome Project 2: hourly meters of 1,636 buildings in North America and Europe, 2016 and 2017.

A file a kind of meter; ``electricity.csv`` (or ``electricity_cleaned.csv``) has a column a building [kWh] and a row an
hour, ``metadata.csv`` a row a building. Licence: Creative Commons Attribution-ShareAlike 4.0 by the repository's own file.
Source: https://github.com/buds-lab/building-data-genome-project-2; Miller et al., Scientific Data 7, 368 (2020).

Traps: times are the local time of each building's site, and sites lie in several time zones; meters of chilled water, hot
water, steam, gas, water and irrigation have files of the same form, but what they hold is no electricity, and solar is
generation; empty cells are hours without a reading; a checkout without Git LFS has a pointer of three lines for a file.
What the hour's label means is not said; it is taken as the start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from labkit.intake.findings import CheckResult, Finding, IntakeError
from labkit.intake.formats.taking import customers_source, make_store, note, open_lines
from labkit.intake.mapping import FileMapping
from labkit.intake.sources import Source, TextSource
from labkit.intake.streams import number_matrix
from labkit.schema import Rule
from labkit.store import About

_OTHER = re.compile(r"^(chilledwater|hotwater|steam|gas|water|irrigation|solar)(_cleaned)?$")
_ZONE = "US/Eastern"
_KNOWN = {"building_id", "site_id"}


@dataclass
class _Cells(Source):
    """A reading a cell; numbered by line and column, found again by line."""

    inner: TextSource = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.buildings = pa.array([cell.strip() for cell in self.inner.header[1:]], pa.string())
        self.header = ["customer_id", "ts", "kwh"]
        self._width = len(self.inner.header)

    def batches(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """Readings of all buildings, hour by hour."""
        for batch, lines in self.inner.batches():
            kwh, bad = number_matrix(batch.columns[1:])
            numbers = lines[:, None] * self._width + np.arange(1, self._width)
            self.invalid += [(int(n), "cell", _cell_rule()) for n in numbers[bad]]
            row, building = np.nonzero(np.isfinite(kwh))
            columns = [
                self.buildings.take(pa.array(building)),
                batch.column(0).take(pa.array(row)),
                pa.array(kwh[row, building]),
            ]
            yield pa.RecordBatch.from_arrays(columns, names=["c0", "c1", "c2"]), numbers[row, building]
        # A line that could not be split is one finding of its line.
        self.invalid += [(line * self._width, text, why) for line, text, why in self.inner.invalid]

    def originals(self, lines: set[int]) -> dict[int, str]:
        """Building, time and cell of some readings."""
        wanted: dict[int, list[int]] = {}
        for number in lines:
            wanted.setdefault(self.line_of(number), []).append(number)
        out = {}
        for line, text in self.inner.originals(set(wanted)).items():
            cells = text.split(",")
            for number in wanted[line]:
                at = number % self._width
                whole = at == 0 or at >= len(cells)
                out[number] = text if whole else f"{self.buildings[at - 1].as_py()},{cells[0]},{cells[at]}"
        return out

    def line_of(self, number: int) -> int:
        """Line that a reading stands in."""
        return number // self._width


def intake_bdg2(path: Path, out: Path) -> CheckResult:
    """Make a store of the electricity meters.

    Parameters
    ----------
    path : Path
        ``electricity.csv`` or ``electricity_cleaned.csv``, or a folder with one of them; ``metadata.csv`` is found beside
        it or in ``metadata`` above.
    out : Path
        The store: ``customers`` (``area_id`` is the site) and ``readings``.

    Raises
    ------
    IntakeError
        If the file does not have this layout or is of another kind of meter.

    Notes
    -----
    Counts are of cells that hold something. The time zone of the store is that of most buildings; wall times are each site's own.
    """
    path = Path(path)
    meters = _meters(path)
    source = _open(meters)
    metadata = _metadata(meters)
    customers, zones, findings = _customers(source, metadata)
    zone = zones.idxmax() if len(zones) else _ZONE
    if len(zones) != 1:
        seen = ", ".join(f"{name} ({count})" for name, count in zones.items()) or "none named"
        findings.append(
            note(meters.name, "about.timezone.several", "timezone", int(zones.sum()), f"time zones of the buildings: {seen}; the store says {zone}", f"建筑所在时区：{seen}；库中记为 {zone}", ("compare sites by wall time, or take one site in", "按当地时间比较，或只导入一个站点")),
        )  # fmt: skip
    about = About("Building Data Genome 2", "建筑数据基因组 2", str(zone), "US", "USD", "open")
    readings = (source, "readings", FileMapping("", "readings", interval_min=60))
    return make_store([(customers, "customers", None), readings], about, out, findings)


def _meters(path: Path) -> Path:
    if not path.is_dir():
        if _OTHER.match(path.stem):
            raise IntakeError(f"{path.name}: meters of {path.stem} hold no electricity used; bring electricity.csv")
        return path
    found = sorted(path.rglob("electricity.csv")) or sorted(path.rglob("electricity_cleaned.csv"))
    if not found:
        raise IntakeError(f"{path}: has no electricity.csv or electricity_cleaned.csv")
    return found[0]


def _metadata(meters: Path) -> pd.DataFrame | None:
    above = list(meters.parents)[:4]
    places = [meters.parent / "metadata.csv", *(folder / "metadata" / "metadata.csv" for folder in above)]
    places += [folder / "metadata.csv" for folder in above]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return None
    frame = pd.read_csv(found, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    if not set(frame.columns) >= _KNOWN:
        raise IntakeError(f"{found.name}:1: expected the columns {', '.join(sorted(_KNOWN))}; fetch it anew (Git LFS)")
    if frame["building_id"].duplicated().any():
        raise IntakeError(f"{found.name}: a building_id stands there twice; keep one")
    return frame.set_index("building_id")


def _open(path: Path) -> _Cells:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = [cell.strip() for cell in file.readline().rstrip("\r\n").split(",")]
    if header[0].startswith("version https://git-lfs"):
        raise IntakeError(f"{path.name}: is a Git LFS pointer, not the data; run `git lfs pull` at the source")
    if header[0] != "timestamp" or len(header) < 2:
        raise IntakeError(
            f"{path.name}:1: not the layout of Building Data Genome 2: expected timestamp, then a column a building"
        )
    if len(set(header)) != len(header) or "" in header:
        raise IntakeError(f"{path.name}:1: a building stands in the header twice or has no name")
    return _Cells(path, path.name, inner=open_lines(path, ",", header, 1))


def _customers(source: _Cells, metadata: pd.DataFrame | None) -> tuple[Source, pd.Series, list[Finding]]:
    ids = source.buildings.to_pylist()
    if metadata is None:
        told = note(
            source.name, "customers.metadata.missing", "building_id", len(ids), "no metadata.csv beside the meters: site and use are not known", "未找到 metadata.csv，站点与用途未知",
            ("put metadata.csv beside the file", "将 metadata.csv 放在同一文件夹"),
        )  # fmt: skip
        return customers_source(source.path, {"customer_id": ids}), pd.Series(dtype=int), [told]
    mine = metadata.reindex(ids).fillna("")
    use = mine["primaryspaceusage"] if "primaryspaceusage" in mine else pd.Series("", mine.index)
    residential = use.str.contains("residential", case=False)
    rows = {
        "customer_id": ids, "area_id": mine["site_id"].tolist(),
        "customer_class": ["residential" if home else "commercial" for home in residential],
    }  # fmt: skip
    zones = mine["timezone"][mine["timezone"] != ""].value_counts() if "timezone" in mine else pd.Series(dtype=int)
    return customers_source(source.path, rows), zones.sort_index(), []


def _cell_rule() -> Rule:
    return Rule(
        "readings.kwh.type", ("kwh",), lambda t: t.kwh.isnull(), "a cell cannot be read as a number", "有数值无法识别",
        "restore the cell from the source", "请按源文件恢复",
    )  # fmt: skip
