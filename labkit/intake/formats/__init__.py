"""Public data sets and layouts, one module each: licence, source, traps. This table is what the command line offers."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labkit.intake.findings import CheckResult, IntakeError


@dataclass(frozen=True)
class Format:
    """A layout that is read as it was published.

    Attributes
    ----------
    takes : str
        What PATH is.
    pattern : str
        Regular expression that one of the first three lines of such a file begins with.
    zoned : bool
        Whether the time zone of the meters must be named.
    makes : str
        What comes of it: a store, or a table.
    """

    name: str
    title: str
    takes: str
    pattern: str
    zoned: bool = False
    makes: str = "store"

    def load(self) -> Callable[..., CheckResult]:
        """The function that reads it, imported only now."""
        reader: Callable[..., CheckResult] = getattr(
            importlib.import_module(f"labkit.intake.formats.{self.name}"), f"intake_{self.name}"
        )
        return reader


FORMATS = {
    one.name: one
    for one in (
        Format("uci", "UCI electricity load 2011-2014", "LD2011_2014.txt", r'^"";"MT_\d+"'),
        Format("lcl", "Low Carbon London, with its tariff trial", "the CSV", r"^LCLid,stdorToU,DateTime,KWH/hh"),
        Format("cer", "CER smart metering trial, Ireland", "File1.txt … or their folder", r"^\d{4} \d{5} [\d.]+\s*$"),
        Format("ausgrid", "Ausgrid solar homes", "a year's CSV or a folder", r"^Customer,Generator Capacity,Postcode,"),
        Format("bdg2", "Building Data Genome 2", "electricity.csv or the folder", r"^timestamp,[A-Z][a-z]+_[a-z]+_\w+"),
        Format("eemeter", "OpenEEmeter: start,value", "a CSV or a folder of them", r"^\ufeff?start,value\s*$", True),
        Format("greenbutton", "Green Button (ESPI XML)", "an XML file or a folder", r".*http://naesb\.org/espi", True),
        Format("powerco", "churn tables in the PowerCo layout", "the folder", r"^id,(activity_new|channel_sales),", False, "table"),
    )
}  # fmt: skip


def recognise_format(path: Path) -> Format | None:
    """The known layout that a file, or a file of a folder, has; None if it has none.

    Only the beginning is looked at: the reader itself checks the rest.
    """
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())[:200]
    for file in (f for f in files if f.suffix.lower() in (".csv", ".txt", ".xml")):
        with file.open("rb") as opened:
            top = opened.read(20_000).decode("utf-8", "replace").splitlines()
        head = top[:20] if file.suffix.lower() == ".xml" else top[:3]
        for one in FORMATS.values():
            if any(re.match(one.pattern, line) for line in head):
                return one
    return None


def intake_format(name: str, path: Path, out: Path, timezone: str | None = None) -> CheckResult:
    """Take in a file or folder of a known layout.

    Parameters
    ----------
    name : str
        One of `FORMATS`.
    timezone : str, optional
        Time zone of the meters, where the layout's times are UTC.

    Raises
    ------
    IntakeError
        If the path is not there, is of another layout, or a time zone is given that the layout does not need.
    """
    known = FORMATS[name]
    if not path.exists():
        raise IntakeError(f"{path} does not exist: name {known.takes}")
    if known.zoned:
        return known.load()(path, out, timezone)
    if timezone:
        raise IntakeError(
            f"--timezone is for {', '.join(f.name for f in FORMATS.values() if f.zoned)}; {name} knows its own"
        )
    return known.load()(path, out)
