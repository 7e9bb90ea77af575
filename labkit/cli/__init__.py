"""The command ``labkit``: sample, check, intake, report, lists, key, tags, notebook."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import duckdb

import labkit
from labkit.cli.files import add_files
from labkit.cli.lists import add_lists
from labkit.cli.reports import GENERATED, add_card, add_notebook, add_report
from labkit.cli.schemes import add_tags
from labkit.engine import EngineError
from labkit.intake.findings import IntakeError
from labkit.store import StoreError

__all__ = ["GENERATED", "main"]

#: What the engine raises when memory or disk does not suffice.
_NO_ROOM = (duckdb.OutOfMemoryException, duckdb.IOException)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all is well, 1 if something was found, 2 if it could not be done, 3 at a fault of ours."""
    options = _parser().parse_args(arguments)
    # Findings and pages are UTF-8 even where the terminal's locale says otherwise.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    # A polite request to end is obeyed like Ctrl-C: half-made things are removed.
    signal.signal(signal.SIGTERM, _stop)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("stopped; nothing was published", file=sys.stderr)
        return 130
    except MemoryError:
        return _say_no_memory()
    except (StoreError, IntakeError, EngineError, ValueError, LookupError, OSError, *_NO_ROOM) as error:
        if getattr(options, "json", False):
            print(json.dumps({"error": str(error)}, ensure_ascii=False))
        print(f"labkit: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if str(error) == "can't start new thread":  # how Python says that a thread's stack finds no room
            return _say_no_memory()
        if type(error).__name__ in ("ReportError", "PageError"):
            print(f"labkit: {error}", file=sys.stderr)
            return 2
        return _confess(error, as_json=getattr(options, "json", False))


def _say_no_memory() -> int:
    print("labkit: not enough memory: end other programs, or use a machine that has more", file=sys.stderr)
    return 2


def _confess(error: Exception, *, as_json: bool) -> int:
    """A fault of ours: its kind and place, never its words, which may quote a customer's data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = (
        f"internal fault: {type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}; "
        "nothing was published; please report it with this line"
    )
    if as_json:
        print(json.dumps({"error": said}))
    print(f"labkit: {said}", file=sys.stderr)
    return 3


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("labkit", description="The analysis of electricity customers (电力营销).")
    parser.add_argument("--version", action="version", version=labkit.__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for add in (add_files, add_report, add_notebook, add_lists, add_tags, add_card):
        add(commands)
    return parser
