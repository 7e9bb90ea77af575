"""What is asked of every intake of bad input, whatever is wrong with it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from labkit import cli

#: In the valid folder of `conftest`; nothing that is printed or recorded may show them.
PERSONAL = ("王建国", "李秀英", "东湖机械", "12912345678", "12987654321", "12900000000")


def fingerprint(folder: Path) -> dict[str, tuple[str, int]]:
    """Content and time of change of every file."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass
class Outcome:
    """What a run of ``labkit intake --json`` gave."""

    code: int
    printed: str
    findings: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    error: str
    quarantine: dict[str, pd.DataFrame] = field(default_factory=dict)

    def rules(self) -> list[str]:
        return [finding["rule"] for finding in self.findings]

    def finding(self, rule: str) -> dict[str, Any]:
        found = [finding for finding in self.findings if finding["rule"] == rule]
        assert found, f"{rule} is not among {self.rules()} {self.error}"
        return found[0]

    def count(self, table: str) -> tuple[int, int, int, int]:
        mine = [count for count in self.counts if count["table"] == table]
        return tuple(  # type: ignore[return-value]
            sum(count[name] for count in mine) for name in ("read", "good", "quarantined", "duplicates")
        )


def take(source: Path, out: Path, personal: tuple[str, ...] = PERSONAL) -> Outcome:
    """Take a folder in over an earlier store, and check what holds for every input."""
    before, earlier = fingerprint(source), fingerprint(out)
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = cli.main(["intake", str(source), "--out", str(out), "--json"])
    printed = stdout.getvalue() + stderr.getvalue()
    assert fingerprint(source) == before, "the source was touched"
    assert "Traceback" not in printed and "internal" not in printed
    for name in personal:
        assert name not in printed, f"{name} is shown"
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == [], "half-made things are left"
    said = json.loads(stdout.getvalue())
    if code == 2:
        assert fingerprint(out) == earlier, "the earlier store was touched"
        return Outcome(code, printed, [], [], said["error"])
    record = (out / "intake.json").read_text(encoding="utf-8")
    assert not any(name in record for name in personal)
    folder = out / "quarantine"
    quarantine = {path.stem: pd.read_csv(path, dtype=str, keep_default_na=False) for path in folder.glob("*.csv")}
    outcome = Outcome(code, printed, said["findings"], said["files"], "", quarantine)
    _check_findings(outcome)
    _check_counts(outcome)
    return outcome


def _check_findings(outcome: Outcome) -> None:
    assert outcome.code == 0, "what is good was taken in"
    for finding in outcome.findings:
        assert finding["file"] and finding["rule"] and finding["columns"]
        for text in ("message_en", "message_zh", "fix_en", "fix_zh"):
            assert finding[text], (finding["rule"], text)
        if finding["severity"] == "error":
            assert finding["first_line"] >= 1 and finding["rows"] >= 1


def _check_counts(outcome: Outcome) -> None:
    for count in outcome.counts:
        assert count["read"] == count["good"] + count["quarantined"] + count["duplicates"], count
        rows = outcome.quarantine.get(count["table"])
        mine = 0 if rows is None else int((rows["file"] == count["file"]).sum())
        assert mine == count["quarantined"], count
        if mine and rows is not None:
            assert (rows["original"] != "").all() and (rows["rules"] != "").all()
