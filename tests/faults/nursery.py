"""Starts commands without waiting for imports: a process that has imported labkit forks a child for each.

Reads a line of JSON a command, runs it in a child and answers with its number; asked to wait for it, with how it ended.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from labkit import cli
from labkit.arrears import fit_credit  # noqa: F401
from labkit.intake import intake  # noqa: F401
from labkit.report import run


def command(asked: dict[str, Any]) -> int:
    """Runs in the child: what the shell would do before a command, then the command."""
    os.setsid()  # as a terminal would: Ctrl-C can be sent to the command and its children
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an error then, not the end
    output = os.open(f"{asked['folder']}/said-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if asked["user"]:
        os.setgid(asked["user"])
        os.setuid(asked["user"])
    if asked["cores"]:
        os.sched_setaffinity(0, range(asked["cores"]))
    if asked["umask"] is not None:
        os.umask(asked["umask"])
    for name, most in asked["limits"].items():
        resource.setrlimit(getattr(resource, name), (most, most))
    if asked["notebooks"]:
        assert run.run_report.__kwdefaults__ is not None
        run.run_report.__kwdefaults__["notebooks"] = Path(asked["notebooks"])
    try:
        return cli.main(asked["arguments"])
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def main() -> None:
    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            print(os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1]), flush=True)
            continue
        child = os.fork()
        if child == 0:
            os._exit(command(asked))
        print(child, flush=True)
    os._exit(0)  # what was imported has nothing to say


if __name__ == "__main__":
    main()
