"""One store and one Spark for all tests of this folder; the same Spark serves Spark Connect."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import labkit
from labkit.engine import EngineError, spark_needs
from labkit.lab import Lab


@pytest.fixture(scope="session")
def spark_there() -> None:
    """Skips only where Java or PySpark is absent; `.ci/run` installs both."""
    try:
        spark_needs.require_pyspark()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from labkit.sample import make_sample

    folder = tmp_path_factory.mktemp("engines") / "store"
    make_sample(folder, customers=60, seed=7)
    return folder


@pytest.fixture(scope="session")
def duck(store: Path) -> Iterator[Lab]:
    with labkit.open(store, memory_limit_mb=500) as lab:
        yield lab


@pytest.fixture(scope="session")
def connect_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def spark(spark_there: None, store: Path, connect_port: int) -> Iterator[Lab]:
    config = {
        "spark.sql.shuffle.partitions": "2",
        # Compiling well what runs once takes half of the time.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(connect_port),
    }
    with labkit.open(store, engine="local[2]", memory_limit_mb=1500, config=config) as lab:
        yield lab
