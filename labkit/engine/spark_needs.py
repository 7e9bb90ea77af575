"""What must be there before Spark can run: PySpark, Java, somebody who listens at an address."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

from labkit.engine.model import EngineError

LEAST_JAVA = 17
_INSTALL_JAVA = (
    "install it (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; conda: openjdk=17), or point JAVA_HOME to it"
)


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
