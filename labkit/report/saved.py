"""Where findings are read from: the run under way, a published run, or those committed for the sample."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import labkit
from labkit.findings import FINDINGS_VARIABLE, Finding, Findings, read_findings, to_nine_digits
from labkit.lab import Lab
from labkit.store import Manifest, write_whole

ROOT = Path(labkit.__file__).parents[1]
#: Findings of the notebooks as committed, on the sample.
COMMITTED = ROOT / "notebooks" / "findings.json"


def saved_findings(lab: Lab, runs: Path = ROOT / "reports") -> Findings:
    """What the other notebooks found on these data.

    Within a run of the report: what its notebooks have found so far. In JupyterLab:
    the findings of the published run of the same data, or, for the sample, those
    committed with the notebooks. Nothing if there is neither.

    Parameters
    ----------
    lab : Lab
    runs : Path
        Folder of the published runs.
    """
    within = os.environ.get(FINDINGS_VARIABLE)
    if within:
        return read_findings(Path(within))
    published = runs / run_name(lab.manifest) / "findings"
    if published.is_dir():
        return read_findings(published)
    return read_committed(lab.manifest)


def run_name(manifest: Manifest) -> str:
    """Name of the run of these data."""
    return f"run-{manifest.digest[:8]}"


def read_committed(manifest: Manifest, path: Path = COMMITTED) -> Findings:
    """Findings committed with the notebooks, if they are of these data."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if kept.get("data") != data_facts(manifest):
        return Findings()
    return Findings(Finding(**item) for item in kept["findings"])


def write_committed(found: Findings, manifest: Manifest, path: Path = COMMITTED) -> None:
    """Keep findings with the notebooks, one a line."""
    lines = ",\n".join(json.dumps(_plain(asdict(item)), ensure_ascii=False) for item in found.values())
    head = json.dumps(data_facts(manifest), ensure_ascii=False)
    write_whole(path, f'{{"data": {head},\n"findings": [\n{lines}\n]}}\n'.encode())


def data_facts(manifest: Manifest) -> dict[str, Any]:
    """What tells one data set from another, whatever the machine it was made on."""
    return {
        "name": manifest.about.name_en,
        "period": list(manifest.period or ()),
        "customers": manifest.tables["customers"].rows,
    }


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty, floats to nine digits."""
    return {k: v for k, v in to_nine_digits(item).items() if v is not None and v != ""} | {
        "unit_en": item["unit_en"],
        "unit_zh": item["unit_zh"],
    }
