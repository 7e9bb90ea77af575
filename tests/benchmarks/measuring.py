"""One piece of work measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass

_WRAPPED = """
import json, resource, sys, time
{before}
started, cpu = time.monotonic(), time.process_time()
{work}
used = resource.getrusage(resource.RUSAGE_SELF)
children = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump([time.monotonic() - started, time.process_time() - cpu + children.ru_utime + children.ru_stime,
           max(used.ru_maxrss, children.ru_maxrss) / 1024], sys.stderr)
"""


@dataclass(frozen=True)
class Case:
    """One thing to measure, with the bound that was promised; `before` is not measured."""

    name: str
    work: str
    bound_s: float | None = None
    bound_mb: float | None = None
    before: str = ""


def measure(case: Case, python: str = sys.executable) -> tuple[float, float, float]:
    """Seconds, CPU seconds, peak MB of one case in a process of its own."""
    code = _WRAPPED.format(work=textwrap.dedent(case.work), before=textwrap.dedent(case.before))
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{case.name} failed:\n{done.stderr}")
    seconds, cpu, memory = json.loads(done.stderr[done.stderr.rindex("[") : done.stderr.rindex("]") + 1])
    return seconds, cpu, memory
