"""Known vulnerabilities of the packages in requirements.lock, or one sentence on why nothing is known.

A vulnerability fails the check. A service that cannot be reached, does not answer in time or
does not know our packages (as behind a mirror) does not: then nothing was audited, and that is said.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
TIMEOUT_S = 60.0


def ask_service(lock: Path, timeout_s: float) -> tuple[dict[str, Any] | None, str]:
    """What pip-audit found, or None and why not."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--require-hashes"]
    command += ["--progress-spinner", "off", "--format", "json", "--desc", "off", "--timeout", "5"]
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        try:
            told, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, f"the vulnerability service did not answer within {timeout_s:.0f} s"
    try:
        return json.loads(told), ""
    except json.JSONDecodeError:
        return None, "the vulnerability service could not be asked"


def judge(report: dict[str, Any] | None, why: str) -> tuple[int, list[str]]:
    """Exit code and what to say."""
    if report is None:
        return 0, [f"audit: {why}: nothing was audited"]
    packages = report["dependencies"]
    known = [package for package in packages if "skip_reason" not in package]
    bad = [(package, flaw) for package in known for flaw in package.get("vulns", [])]
    if not known:
        return 0, [f"audit: the vulnerability service knows none of {len(packages)} packages: nothing was audited"]
    lines = [
        f"audit: {package['name']} {package['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package, flaw in bad
    ]
    unknown = len(packages) - len(known)
    rest = f"; {unknown} the service does not know" if unknown else ""
    return int(bool(bad)), [*lines, f"audit: {len(bad)} known vulnerabilities in {len(known)} packages{rest}"]


def main() -> int:
    """Audit the lock."""
    code, lines = judge(*ask_service(LOCK, TIMEOUT_S))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
