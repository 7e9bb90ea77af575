"""Spark sessions: started here, reached at an address, or joined; each lab has one of its own on it.

A session of its own keeps its tables and settings apart from the caller's. What we
start is quiet, listens on this machine only when it runs on it, keeps its files
in a private folder, and ends, Java included, with the last lab that uses it.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.engine.model import EngineError
from labkit.engine.private import default_memory_mb, private_spill_folder

LEAST_JAVA = 17
_INSTALL_JAVA = (
    "install it (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; conda: openjdk=17), or point JAVA_HOME to it"
)
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"
#: Local wall time without a zone, as the store keeps it; errors instead of silent nulls, as DuckDB gives them.
_SESSION_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "true",
}


@dataclass(frozen=True, eq=False)
class Joined:
    """A session of our own, and how to leave it."""

    session: Any
    leave: Callable[[], None]


@dataclass(eq=False)
class _Started:
    """The one Spark of this process that is ours, while labs use it."""

    master: str
    context: Any
    gateway: Any
    folder: Path
    labs: int = 0
    ended: bool = field(default=False)


_STARTED: dict[str, _Started] = {}


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

    running = SparkContext._active_spark_context
    ours = _STARTED.get("spark")
    if running is not None and (ours is None or ours.context is not running or ours.master != master):
        raise EngineError(
            f"a Spark on {running.master} runs in this process already, and there can be only one: "
            "give its session as engine, or stop it first"
        )
    if ours is None or running is None:
        ours = _STARTED["spark"] = _start(master, memory_limit_mb or min(default_memory_mb(), 4096), config or {})
    from pyspark.sql import SparkSession

    started = ours
    started.labs += 1
    with without_pandas_warning():
        return Joined(_set_up(SparkSession(started.context).newSession()), lambda: _leave(started))


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
    return Joined(own, own.stop if remote else lambda: None)


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


def require_pyspark(*, java: bool = True) -> None:
    """Whether Spark can run here.

    Raises
    ------
    EngineError
        Naming what is missing and how to get it.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise EngineError('Spark needs PySpark, which is not installed: pip install "labkit[spark]" (and Java 17)')
    with without_pandas_warning():
        import ibis.backends.pyspark  # noqa: F401 - warns while it is imported
        import pyspark.testing.utils  # decides, when first imported, whether Spark Connect is there

    if int(pyspark.__version__.split(".")[0]) < 4:
        raise EngineError(f'PySpark is {pyspark.__version__}, 4.0 or newer is needed: pip install -U "labkit[spark]"')
    if not java:
        return
    found = java_version()
    if found is None:
        raise EngineError(f"Spark needs Java {LEAST_JAVA} or newer, and there is no `java`: {_INSTALL_JAVA}")
    if found < LEAST_JAVA:
        raise EngineError(f"Spark needs Java {LEAST_JAVA} or newer, and `java` is version {found}: {_INSTALL_JAVA}")


@contextlib.contextmanager
def without_pandas_warning() -> Iterator[None]:
    """PySpark warns of pandas 3 for its ways by way of pandas; none is taken here, all goes through Arrow."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield


def java_version() -> int | None:
    """Version of the Java that Spark would take; None without one."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # nosec B603 # the Java that Spark itself would start
            [program, "-version"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(told.group(1)) if told else None


def require_listener(address: str, default_port: int) -> None:
    """Whether anybody listens at an address; Spark itself would go on asking for minutes.

    Raises
    ------
    EngineError
        If at none of the hosts named.
    """
    places = address.split("://", 1)[1].split("/")[0].split(",")
    for place in places:
        host, _, port = place.rpartition(":") if ":" in place else (place, "", str(default_port))
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=10):
                return
        except ValueError:
            raise EngineError(
                f"engine is {address!r}, expected host and port such as {address.split(':')[0]}://host:{default_port}"
            ) from None
        except OSError:
            continue
    raise EngineError(
        f"nobody answers at {', '.join(places)}: check host and port (usually {default_port}) and the network"
    )


def _set_up(session: Any) -> Any:
    for name, value in _SESSION_SETTINGS.items():
        session.conf.set(name, value)
    return session


def _settings(master: str, folder: Path, memory_mb: int, config: Mapping[str, str]) -> dict[str, str]:
    cores = os.cpu_count() or 1
    here = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # The default of 200 is for clusters; here every part more is a task more to start.
        "spark.sql.shuffle.partitions": str(2 * cores),
    }
    return {
        "spark.master": master,
        "spark.app.name": "labkit",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.driver.memory": f"{memory_mb}m",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        **(here if master.startswith("local") else {}),
        **config,
        _JAVA_OPTIONS: f'-Djava.io.tmpdir="{folder}" {config.get(_JAVA_OPTIONS, "")}',
    }


def _start(master: str, memory_mb: int, config: Mapping[str, str]) -> _Started:
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    folder = private_spill_folder()
    conf = SparkConf(loadDefaults=False).setAll(list(_settings(master, folder, memory_mb, config).items()))
    launched = SparkContext._gateway is None
    try:
        with _kept_signals(), without_pandas_warning(), (folder / "spark.log").open("w") as log:
            gateway = launch_gateway(conf, {"stdout": log, "stderr": log}) if launched else SparkContext._gateway
            context = SparkContext(conf=conf, gateway=gateway)
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise EngineError(
            f"Spark did not start on {master} ({type(error).__name__}): check the address, and JAVA_HOME and "
            "SPARK_HOME if they are set; its version must be that of PySpark here"
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    started = _Started(master, context, gateway if launched else None, folder)
    atexit.register(_end, started)
    return started


@contextlib.contextmanager
def _kept_signals() -> Iterator[None]:
    """PySpark takes Ctrl-C for itself and never gives it back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(started: _Started) -> None:
    started.labs -= 1
    if started.labs == 0:
        _end(started)


def _end(started: _Started) -> None:
    """Stop Spark and the Java process that was started for it; once."""
    from pyspark import SparkContext

    if started.ended:
        return
    started.ended = True
    _STARTED.pop("spark", None)
    with contextlib.suppress(Exception):  # Java may be gone already
        started.context.stop()
    if started.gateway is not None:
        with contextlib.suppress(Exception):
            started.gateway.shutdown()
        with contextlib.suppress(Exception):
            started.gateway.proc.stdin.close()
            started.gateway.proc.wait(20)
        SparkContext._gateway = SparkContext._jvm = None
    sys.path[:] = [path for path in sys.path if not path.startswith(str(started.folder))]
    shutil.rmtree(started.folder, ignore_errors=True)
