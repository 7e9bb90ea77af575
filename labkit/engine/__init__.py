"""Engines that work out Ibis expressions: DuckDB in this process, Spark here or on a cluster.

Both are locked to the machine, quiet, and stop at Ctrl-C. Spark is imported only when it is asked for.
"""

from labkit.engine.choice import open_engine
from labkit.engine.duckdb import StoppableBackend, connect, pattern_of
from labkit.engine.exact import divide, round_to, to_whole
from labkit.engine.model import Engine, EngineError
from labkit.engine.private import default_memory_mb, is_running, private_spill_folder
from labkit.engine.stopping import run_stoppable

__all__ = [
    "Engine",
    "EngineError",
    "StoppableBackend",
    "connect",
    "default_memory_mb",
    "divide",
    "is_running",
    "open_engine",
    "pattern_of",
    "private_spill_folder",
    "round_to",
    "run_stoppable",
    "to_whole",
]
