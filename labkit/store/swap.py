"""Putting a finished folder in its place so that no kill, at any moment, leaves the place empty."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
from pathlib import Path

from labkit.engine import is_running

_REPLACED = re.compile(r"\.(?P<target>.+)\.replaced-(?P<owner>\d+)")
# linux/fs.h and fcntl.h
_EXCHANGE, _HERE = 2, -100


def swap_in(folder: Path, target: Path) -> None:
    """Put a finished folder in its place; what stood there goes only then.

    Where the system can exchange two names in one step (Linux), a kill leaves either the old
    folder or the new one there. Elsewhere there is a moment between two renames;
    `sweep_unfinished` puts back what such a kill left aside.
    """
    if target.exists() and _exchange(folder, target):
        shutil.rmtree(folder, ignore_errors=True)  # it holds the old content now
        return
    old = target.parent / f".{target.name}.replaced-{os.getpid()}"
    if target.exists():
        os.rename(target, old)
    try:
        os.rename(folder, target)
    except OSError:
        if old.exists():
            os.rename(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def sweep_unfinished(parent: Path, prefix: str) -> None:
    """Remove what killed runs left: folders named after a process that is no more."""
    for left in parent.glob(".*.replaced-*"):
        if (said := _REPLACED.fullmatch(left.name)) and _is_left(said["owner"]):
            target = parent / said["target"]
            if target.exists():
                shutil.rmtree(left, ignore_errors=True)
            else:  # killed between two renames: what stood there stands there again
                os.rename(left, target)
    for left in parent.glob(f"{prefix}*"):
        if _is_left(left.name.removeprefix(prefix)):
            shutil.rmtree(left, ignore_errors=True)


def _is_left(owner: str) -> bool:
    return owner.isdigit() and (int(owner) == os.getpid() or not is_running(int(owner)))


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)
