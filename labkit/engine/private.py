"""A private folder for what does not fit in memory, and how much memory there is."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

_SPILL = "labkit-spill-"
#: Where Linux says how much memory a container has.
_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def default_memory_mb() -> int:
    """60 % of the machine's or container's memory [MB], so that the notebook's own data have room."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 2000
    for path in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # not there, or "max"
            total = min(total, int(path.read_text(encoding="ascii")))
    return max(250, int(total * 0.6 / 1e6))


def private_spill_folder() -> Path:
    """A folder only this user can read, for what does not fit in memory.

    What earlier runs left behind after a kill is swept first.
    """
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{_SPILL}*"):
        owner = re.match(rf"{_SPILL}(\d+)-", old.name)
        if owner and not is_running(int(owner.group(1))):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_SPILL}{os.getpid()}-", dir=base))


def is_running(pid: int) -> bool:
    """Whether a process of this number is there."""
    with contextlib.suppress(ProcessLookupError):
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        return True
    return False
