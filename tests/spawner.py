"""A process that has imported the bot: whoever asks gets `python -m bot ...` as a fork of it.

That is a process of its own, with its own arguments, variables, folder, files, signals and end. What it does
not do is to import everything once more, which takes longer than most tests. `tests/forks.py` asks it, and
says who does not.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import time
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

MOST = 1 << 20  # bytes of a request


def load() -> None:
    """Everything of the bot is imported, and what its commands import when they run."""
    import bot  # noqa: PLC0415

    for found in pkgutil.walk_packages(bot.__path__, "bot.", onerror=_without):
        if not found.name.endswith("__main__"):
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError as missing:  # a library that not everybody has
                if (missing.name or "bot").partition(".")[0] == "bot":
                    raise
    gc.collect()
    gc.freeze()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    assert threads == 1, (
        f"{threads} threads: what is forked would hold the locks of those that it does not have"
    )


def _without(name: str) -> None:
    """What of a package cannot be imported is said where it is."""


def serve(asked: socket.socket) -> dict[str, Any]:
    """Fork for each request until nobody asks any more; what a fork is to become, in that fork."""
    while True:
        request, files, _, _ = socket.recv_fds(asked, MOST, 3)
        if not request:
            sys.exit(0)
        wanted = json.loads(request)
        told, tells = os.pipe()
        between = os.fork()
        if between == 0:  # it ends at once: its child goes to the process that asked, as one of its own
            child = os.fork()
            if child != 0:
                if wanted["process_group"] >= 0:  # also here: whoever asked may signal the group at once
                    os.setpgid(child, wanted["process_group"])
                os.write(tells, str(child).encode())
                os._exit(0)
            for number, file in enumerate(files):
                os.dup2(file, number)
            os.closerange(3, 1024)
            return dict(wanted)
        os.waitpid(between, 0)
        asked.send(os.read(told, 100))
        for file in (*files, told, tells):
            os.close(file)


def become(wanted: dict[str, Any]) -> None:
    """This process is what the interpreter would have made of the command."""
    if wanted["process_group"] >= 0:
        os.setpgid(0, wanted["process_group"])
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    time.tzset()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.stdin = sys.__stdin__ = _text(0, "r", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text(1, "w", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "w", "backslashreplace", 1)  # type: ignore[misc]
    module, *arguments = wanted["command"]
    sys.argv = [module, *arguments]
    sys.path[0] = str(Path.cwd())
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _text(number: int, mode: str, errors: str, buffering: int = -1) -> TextIOWrapper:
    """As the interpreter opens it where nobody named a language or an encoding."""
    return cast("TextIOWrapper", open(number, mode, buffering, "utf-8", errors, closefd=False))


if __name__ == "__main__":
    load()
    become(serve(socket.socket(fileno=int(sys.argv[1]))))
