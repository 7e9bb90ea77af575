"""Mutation testing of the store, privacy and the rules: does a test notice when the code is changed?

mutmut (configured in pyproject.toml) changes one thing at a time in a copy under mutants/ and runs
the tests that touch it. A part of which fewer than 85 % of changes are caught fails. What the
survivors are is said in tests/mutation.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEAST_SHARE = 0.85
#: Part -> folders of labkit.
PARTS = {"store": ("store",), "privacy": ("privacy",), "rules": ("schema", "intake")}
#: How mutmut notes a failed test (1, 3), a test that ran too long and a crash; anything else was not caught.
CAUGHT = {1, 3, 36, 24, -24, 152, 255, -11, -9}


def outcomes(mutants: Path) -> Iterable[tuple[str, str, int | None]]:
    """Part, name and exit code of every mutant that mutmut has noted."""
    for meta in sorted((mutants / "labkit").rglob("*.meta")):
        folder = meta.relative_to(mutants / "labkit").parts[0]
        part = next((part for part, folders in PARTS.items() if folder in folders), folder)
        for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            yield part, name, code


def judge(found: Iterable[tuple[str, str, int | None]]) -> tuple[int, list[str]]:
    """Exit code and what to say: a part that has too few caught, or none tried, fails."""
    tried: Mapping[str, Counter[bool]] = {part: Counter() for part in PARTS}
    for part, _, code in found:
        tried[part][code in CAUGHT] += 1
    lines, low = [], []
    for part, count in tried.items():
        share = count[True] / max(count.total(), 1)
        lines.append(
            f"mutation: {part}: {count.total()} mutants, {count[True]} caught, {count[False]} survived, {share:.1%} caught"
        )
        if share < LEAST_SHARE:
            low.append(part)
    if low:
        lines.append(
            f"mutation: fewer than {LEAST_SHARE:.0%} caught in {', '.join(low)}: see `mutmut results`, add tests"
        )
    return int(bool(low)), lines


def main() -> int:
    """Mutate anew from the present code and tests, and judge."""
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(os.cpu_count() or 2)]
    done = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603 - our own interpreter
    if done.returncode:
        print(f"mutation: mutmut ended with {done.returncode}: the tests have to pass before anything is changed")
        return 1
    code, lines = judge(outcomes(ROOT / "mutants"))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
