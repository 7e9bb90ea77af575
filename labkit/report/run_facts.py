"""What a published run says of itself, in its file ``run.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import labkit
from labkit import terms
from labkit.store import Manifest, write_whole

RUN_FILE = "run.json"


@dataclass(frozen=True)
class RunFacts:
    """Data and version a run was made of; empty where a run of an older version has not said.

    Attributes
    ----------
    name : str
        Name of the run's folder.
    digest, version : str
        Of the data and of labkit.
    first, last : str
        Period of the data.
    utility_en, utility_zh : str
    disclosure : str
        ``open`` for data that may be told of to the last customer.
    """

    name: str
    digest: str = ""
    version: str = ""
    first: str = ""
    last: str = ""
    utility_en: str = ""
    utility_zh: str = ""
    disclosure: str = ""

    def period(self, language: terms.Language) -> str:
        """Period in words.

        Examples
        --------
        >>> RunFacts("run-1", first="2025-01-01", last="2025-12-31").period("zh")
        '2025-01-01 至 2025-12-31'
        """
        if not self.first:
            return ""
        return f"{self.first} 至 {self.last}" if language == "zh" else f"{self.first} to {self.last}"

    def utility(self, language: terms.Language) -> str:
        """Name of the utility."""
        return self.utility_zh if language == "zh" else self.utility_en


def facts_of(manifest: Manifest, name: str) -> RunFacts:
    """What a run of some data says of itself."""
    first, last = manifest.period or ("", "")
    about = manifest.about
    return RunFacts(
        name, manifest.digest, labkit.__version__, first, last, about.name_en, about.name_zh, about.disclosure
    )


def write_run_facts(facts: RunFacts, folder: Path) -> None:
    """Keep them in the folder of the run."""
    write_whole(folder / RUN_FILE, json.dumps(asdict(facts), ensure_ascii=False, indent=1).encode())


def read_run_facts(folder: Path) -> RunFacts:
    """What a run says of itself; only its name where it says nothing."""
    path = folder / RUN_FILE
    if not path.is_file():
        return RunFacts(folder.resolve().name)
    said = json.loads(path.read_text(encoding="utf-8"))
    known = {key: str(said[key]) for key in RunFacts.__dataclass_fields__ if key in said}
    return RunFacts(**(known | {"name": folder.resolve().name}))
