"""Spark sessions: started here, reached at an address, or joined; each lab has one of its own on it.

A session of its own keeps its tables and settings apart from the caller's. What we
start ends, Java included, with the last lab that uses it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from labkit.engine.model import EngineError
from labkit.engine.private import default_memory_mb
from labkit.engine.spark_needs import require_listener, require_pyspark, without_pandas_warning
from labkit.engine.spark_process import Started, end_spark, is_alive, start_spark, tell_end, tell_unknown_end

#: Local wall time without a zone, as the store keeps it; errors instead of silent nulls, as DuckDB gives them.
_SESSION_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
}


#: The one Spark of this process that is ours, while labs use it.
_STARTED: dict[str, Started] = {}


def _leave_nothing() -> None:
    """What is not ours goes on."""


@dataclass(frozen=True, eq=False)
class Joined:
    """A session of our own, how to leave it, and why it no longer answers when it does not."""

    session: Any
    leave: Callable[[], None] = _leave_nothing
    tell_end: Callable[[], str] = tell_unknown_end


def start_session(
    master: str, *, memory_limit_mb: int | None = None, config: Mapping[str, str] | None = None
) -> Joined:
    """A session on a master, starting Spark unless it runs in this process.

    Parameters
    ----------
    master : str
        ``local[*]``, ``local[2]``, ``spark://host:7077`` …
    memory_limit_mb : int, optional
        Heap of the Java process started here [MB]; by default 60 % of the machine's
        memory, at most 4 GB: more would only put off its cleaning up.
    config : mapping of str to str, optional
        Further settings of Spark.

    Raises
    ------
    EngineError
        If PySpark or Java is missing, or Spark does not start.
    """
    require_pyspark()
    if master.startswith("spark://"):
        require_listener(master, 7077)
    from pyspark import SparkContext

    ours = _STARTED.get("spark")
    if ours is not None and not is_alive(ours):  # its labs can only be closed; a new one needs a new Spark
        _end(ours)
        ours = None
    running = SparkContext._active_spark_context
    if running is not None and (ours is None or ours.context is not running or ours.master != master):
        raise EngineError(
            f"a Spark on {running.master} runs in this process already, and there can be only one: "
            "give its session as engine, or stop it first"
        )
    if ours is None or running is None:
        ours = _STARTED["spark"] = start_spark(master, memory_limit_mb or min(default_memory_mb(), 4096), config or {})
    from pyspark.sql import SparkSession

    started = ours
    started.labs += 1
    with without_pandas_warning():
        session = _set_up(SparkSession(started.context).newSession())
    return Joined(session, partial(_leave, started), partial(tell_end, started))


def join_session(session: Any) -> Joined:
    """A session beside one that is there already; leaving it leaves the other running.

    Raises
    ------
    EngineError
        If the session has been stopped, or its PySpark is too old.
    """
    require_pyspark(java=False)
    own = session
    try:
        # Spark Connect knows it from 4.3 on; before, our tables stand among the caller's.
        with without_pandas_warning(), contextlib.suppress(AttributeError, NotImplementedError):
            own = session.newSession()
        _set_up(own)
    except Exception as error:
        raise EngineError(
            f"the session given as engine does not answer ({type(error).__name__}): it may have been stopped; start one anew"
        ) from None
    remote = own is not session and "connect" in type(own).__module__
    return Joined(own, own.stop) if remote else Joined(own)


def reach_server(address: str) -> Joined:
    """A session on a Spark Connect server.

    Raises
    ------
    EngineError
        If the server does not answer.
    """
    require_pyspark(java=False)
    require_listener(address, 15002)
    try:
        with without_pandas_warning():
            from pyspark.sql.connect.session import SparkSession

            session = SparkSession.builder.remote(address).create()
            _set_up(session)
    except ImportError as error:
        raise EngineError(f'Spark Connect needs more packages ({error.name}): pip install "labkit[spark]"') from None
    except Exception as error:
        raise EngineError(
            f"what answers at {address.split(';')[0]} is no Spark Connect server for this PySpark ({type(error).__name__}): "
            "check the port, and that its version is that of PySpark here"
        ) from None
    return Joined(session, session.stop)


def _set_up(session: Any) -> Any:
    for name, value in _SESSION_SETTINGS.items():
        session.conf.set(name, value)
    return session


def _leave(started: Started) -> None:
    started.labs -= 1
    if started.labs == 0:
        _end(started)


def _end(started: Started) -> None:
    if _STARTED.get("spark") is started:
        del _STARTED["spark"]
    end_spark(started)
