"""Putting a finished folder in its place so that no kill, at any moment, leaves the place empty."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from labkit.engine import is_running
from labkit.store.manifest import StoreError

_REPLACED = re.compile(r"\.(?P<target>.+)\.replaced-(?P<owner>\d+)")
_WRITING = ".writing-"
#: Tries to put a folder in its place while other runs do the same.
_TRIES = 50
# linux/fs.h and fcntl.h
_EXCHANGE, _HERE = 2, -100


def swap_in(folder: Path, target: Path) -> None:
    """Put a finished folder in its place; what stood there goes only then.

    Where the system can exchange two names in one step (Linux), a kill leaves either the old
    folder or the new one there. Elsewhere there is a moment between two renames;
    `sweep_unfinished` puts back what such a kill left aside.
    """
    with _to_the_end():
        _swap_in(folder, target)


def _swap_in(folder: Path, target: Path) -> None:
    old = target.parent / f".{target.name}.replaced-{os.getpid()}"
    for _ in range(_TRIES):
        if target.exists() and _exchange(folder, target):
            shutil.rmtree(folder, ignore_errors=True)  # it holds the old content now
            return
        try:
            if target.exists():
                os.rename(target, old)
            os.rename(folder, target)
        except OSError as error:
            # Another run may have put its own there, or moved it away, just now.
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT) and folder.exists():
                if target.exists():
                    shutil.rmtree(old, ignore_errors=True)
                continue
            if old.exists():
                os.rename(old, target)
            raise
        shutil.rmtree(old, ignore_errors=True)
        return
    raise StoreError(f"{target} is being replaced by other runs all the time: end those, then try again")


@contextlib.contextmanager
def _to_the_end() -> Iterator[None]:
    """Ctrl-C comes too late for what takes a moment: who stops a run is told that nothing was published."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def unfinished(parent: Path, mode: int = 0o777) -> Iterator[Path]:
    """A folder for what is being made, beside where it will stand; gone at the end, whatever happens.

    What killed runs left there is swept first.

    Raises
    ------
    StoreError
        If it cannot be made: what cannot be written is said before the work.
    """
    work = parent / f"{_WRITING}{os.getpid()}"
    try:
        sweep_unfinished(parent, _WRITING)
        parent.mkdir(mode, parents=True, exist_ok=True)
        work.mkdir(mode)
    except OSError as error:
        raise StoreError(f"{parent} cannot be written to ({error.strerror}): name another folder with --out") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


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
