"""The Spark that is started here: its settings, its Java, and how both end.

It is quiet, listens on this machine only when it runs on it, and keeps its files in a private folder.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.engine.model import EngineError
from labkit.engine.private import private_spill_folder
from labkit.engine.spark_needs import without_pandas_warning

_JAVA_OPTIONS = "spark.driver.extraJavaOptions"
_LOG = "spark.log"
#: By signal 9, for which Windows has no name.
_KILLED = -9
#: Exit code by which Spark says that its heap was full (org.apache.spark.util.SparkExitCode.OOM).
_OUT_OF_MEMORY = 52
#: How long Java may take to end after it has stopped answering [s].
_ENDING_S = 5.0


@dataclass(eq=False)
class Started:
    """A Spark of this process that is ours, while labs use it."""

    master: str
    context: Any
    gateway: Any
    folder: Path
    labs: int = 0
    ended: bool = False


def start_spark(master: str, memory_mb: int, config: Mapping[str, str]) -> Started:
    """Spark on a master, in a Java process of our own unless there is one for this process already.

    Raises
    ------
    EngineError
        If Spark does not start.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    folder = private_spill_folder()
    conf = SparkConf(loadDefaults=False).setAll(list(_settings(master, folder, memory_mb, config).items()))
    launched = SparkContext._gateway is None
    try:
        with _kept_signals(), without_pandas_warning(), (folder / _LOG).open("w") as log:
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
    started = Started(master, context, gateway if launched else None, folder)
    atexit.register(end_spark, started)
    return started


def end_spark(started: Started) -> None:
    """Stop Spark and the Java process that was started for it; once."""
    from pyspark import SparkContext

    if started.ended:
        return
    started.ended = True
    with contextlib.suppress(Exception):  # Java may be gone already
        started.context.stop()
    if started.gateway is not None:
        with contextlib.suppress(Exception):
            started.gateway.shutdown()
        with contextlib.suppress(Exception):
            started.gateway.proc.stdin.close()
            started.gateway.proc.wait(20)
        SparkContext._gateway = SparkContext._jvm = None
    if SparkContext._active_spark_context is started.context:  # PySpark forgets it only if Java still answered
        SparkContext._active_spark_context = None
    sys.path[:] = [path for path in sys.path if not path.startswith(str(started.folder))]
    shutil.rmtree(started.folder, ignore_errors=True)


def is_alive(started: Started) -> bool:
    """Whether its Java still runs, as far as we can know: one that was there before us has no number we know."""
    return started.gateway is None or started.gateway.proc.poll() is None


def tell_end(started: Started) -> str:
    """Why it no longer answers, by how its Java ended, and what to do."""
    if started.gateway is None:
        return tell_unknown_end()
    try:
        code = started.gateway.proc.wait(_ENDING_S)
    except subprocess.TimeoutExpired:
        return tell_unknown_end()
    if code == _KILLED:
        return "its Java was killed, most often because the machine had no memory left; close what else needs memory, and open the lab anew"
    if code == _OUT_OF_MEMORY:
        return "its Java ran out of memory; open the lab anew with a larger memory_limit_mb"
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"its Java ended ({', '.join([how, *_faults(started.folder / _LOG)[-1:]])}); open the lab anew"


def _faults(log: Path) -> list[str]:
    """Names of Java's own errors in its log; what else stands there may show values."""
    try:
        return re.findall(r"^java\.lang\.(\w+Error)\b", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return []


def tell_unknown_end() -> str:
    """What can be said where Java is not ours to look at."""
    return "it was stopped, or ran out of memory; open the lab anew (memory_limit_mb gives it more)"


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
        # Every sort and every hash of a question begins with a page, and load features have dozens: with the 64 MB
        # that Spark takes of a heap of 4 GB they fill it, for sixty customers.
        "spark.buffer.pageSize": "8m",
        "spark.driver.memory": f"{memory_mb}m",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        **(here if master.startswith("local") else {}),
        **config,
        # Spark compiles every question into code of its own; when Java's room for it (48 or 240 MB) is full, Java ends.
        _JAVA_OPTIONS: f'-Djava.io.tmpdir="{folder}" -XX:ReservedCodeCacheSize=512m {config.get(_JAVA_OPTIONS, "")}',
    }


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
