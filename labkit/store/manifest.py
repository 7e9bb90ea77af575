"""What a store says of itself: names, tables, files with their sha256."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MANIFEST = "manifest.json"
#: What the intake read and set aside; beside the tables.
RECORD = "intake.json"
FORMAT = 1


class StoreError(Exception):
    """A store that is not there, not whole or not ours; the text says what to do."""


@dataclass(frozen=True)
class About:
    """What the store says of itself besides its tables."""

    name_en: str = "Utility"
    name_zh: str = "供电企业"
    timezone: str = "Asia/Shanghai"
    calendar: str = "CN"
    currency: str = "yuan"
    #: "protected": small cells are hidden in every report; "open": public data or one's own premises.
    disclosure: str = "protected"
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableEntry:
    """A table in the manifest: rows, files, first and last moment."""

    rows: int
    files: tuple[dict[str, Any], ...]
    first: str | None
    last: str | None


@dataclass(frozen=True)
class Manifest:
    """What a store holds, with the digest that names its content."""

    about: About
    buckets: int
    tables: dict[str, TableEntry]
    digest: str
    beside: tuple[dict[str, Any], ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Manifest of a store.

        Raises
        ------
        StoreError
            If there is none, it cannot be read, is not as it was written, or is of another format.
        """
        path = Path(folder) / MANIFEST
        if not path.is_file():
            raise StoreError(
                f"{folder} is not a labkit store (no {MANIFEST}): make one with `labkit intake {folder} --out STORE`"
            )
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["labkit_store"] != FORMAT:
                raise StoreError(
                    f"{path} is of store format {raw['labkit_store']}, this labkit reads {FORMAT}: "
                    "make the store anew from its source"
                )
            about = About(**(raw["about"] | {"sources": tuple(raw["about"]["sources"])}))
            tables = {
                n: TableEntry(t["rows"], tuple(t["files"]), t["first"], t["last"]) for n, t in raw["tables"].items()
            }
            if "seal" in raw and raw["seal"] != seal_of(raw):
                raise StoreError(f"{path} is not what was written (seal differs): make the store anew from its source")
            return cls(about, raw["buckets"], tables, raw["digest"], tuple(raw.get("beside", ())))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{path} cannot be read ({type(error).__name__}): make the store anew from its source"
            ) from error

    @property
    def period(self) -> tuple[str, str] | None:
        """First and last day of readings, or else of billed months; None without either."""
        for name in ("readings", "bills"):
            entry = self.tables.get(name)
            if entry and entry.first and entry.last:
                return _day(entry.first, last=False), _day(entry.last, last=True)
        return None

    def verify(self, folder: Path) -> None:
        """Compare every file with its sha256 (about 1 GB a second).

        Raises
        ------
        StoreError
            Naming the first file that is missing or differs.
        """
        for file in (*self.beside, *(file for entry in self.tables.values() for file in entry.files)):
            path = Path(folder) / file["path"]
            if not path.is_file():
                raise StoreError(f"{path} is missing: make the store anew from its source")
            if path.stat().st_size != file["bytes"] or file_sha256(path) != file["sha256"]:
                raise StoreError(
                    f"{path} is not what was written (sha256 differs): make the store anew from its source"
                )


def _day(moment: str, *, last: bool) -> str:
    """A day as it is; a month as its first or last day."""
    if len(moment) > 7:
        return moment[:10]
    month = np.datetime64(moment, "M")
    return str((month + 1).astype("datetime64[D]") - 1 if last else month.astype("datetime64[D]"))


def is_store(folder: Path) -> bool:
    """Whether a folder is a labkit store."""
    return (Path(folder) / MANIFEST).is_file()


def seal_of(manifest: dict[str, Any]) -> str:
    """Digest of all that a manifest says, but for the seal itself."""
    said = {name: value for name, value in manifest.items() if name != "seal"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
