"""Which engine: by name, by the address of a cluster, or a session that is there already."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labkit.engine.duckdb import connect
from labkit.engine.model import Engine

#: Spark as ``engine=`` names it: here, or the masters of its own documentation.
_MASTERS = ("local", "spark://", "k8s://", "yarn")
_CONNECT = "sc://"


def open_engine(
    engine: object = None, paths: Iterable[Path] = (), *, memory_limit_mb: int | None = None, **options: Any
) -> Engine:
    """An engine that reads the given files and folders.

    Parameters
    ----------
    engine : str or SparkSession, optional
        ``"duckdb"`` (the default); ``"spark"`` for Spark on all cores of this machine;
        ``"local[2]"``, ``"spark://host:7077"``, ``"k8s://…"``, ``"yarn"`` for a master;
        ``"sc://host:15002"`` for a Spark Connect server; or a session.
    paths : iterable of Path
        Files and folders that DuckDB may read; Spark reads what its user may.
    memory_limit_mb : int, optional
        Limit of the engine's memory [MB].
    **options
        ``threads`` of DuckDB; ``config`` of Spark, a mapping of its own settings.

    Raises
    ------
    ValueError
        If the engine is not known.
    EngineError
        If Spark is not installed or cannot be reached.

    Examples
    --------
    >>> backend = open_engine("duckdb")
    >>> backend.takes_whole
    False
    >>> backend.close()
    """
    if engine in (None, "duckdb"):
        return connect(paths, memory_limit_mb=memory_limit_mb, **options)
    from labkit.engine import spark_session

    if isinstance(engine, str):
        if engine.startswith(_CONNECT):
            joined = spark_session.reach_server(engine)
        elif engine == "spark" or engine.startswith(_MASTERS):
            master = "local[*]" if engine == "spark" else engine
            joined = spark_session.start_session(master, memory_limit_mb=memory_limit_mb, **options)
        else:
            raise ValueError(_explain(engine))
    elif all(hasattr(engine, name) for name in ("createDataFrame", "sql", "conf")):
        joined = spark_session.join_session(engine)
    else:
        raise ValueError(_explain(type(engine).__name__))
    from labkit.engine.spark import open_spark

    return open_spark(joined)


def _explain(engine: str) -> str:
    return (
        f"engine is {engine!r}, expected None or 'duckdb', 'spark', a Spark master such as 'local[2]' or "
        "'spark://host:7077', a Spark Connect address 'sc://host:15002', or a SparkSession"
    )
