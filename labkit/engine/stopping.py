"""Ctrl-C stops what an engine is working on, and the engine goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def run_stoppable(interrupt: Callable[[], object], work: Callable[[], T]) -> T:
    """Run a blocking query so that Ctrl-C stops it within a second.

    Parameters
    ----------
    interrupt : callable
        Asks the engine to give up what it does; called again until it has.
    work : callable
        The query.

    Examples
    --------
    >>> run_stoppable(lambda: None, lambda: 6 * 7)
    42
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    future = _worker().submit(work)
    try:
        # Waiting in short turns: a signal may reach another thread of the process.
        while not wait([future], 0.05).done:
            pass
    except KeyboardInterrupt:
        # An interruption sent before the query has begun is lost: send it until it is heeded.
        while not (future.cancel() or future.done()):
            interrupt()
            with contextlib.suppress(KeyboardInterrupt):
                wait([future], 0.02)
        raise
    return future.result()


@cache
def _worker() -> ThreadPoolExecutor:
    """One lasting thread; a new one for every query would cost 2 ms each."""
    return ThreadPoolExecutor(1, "labkit-query")
