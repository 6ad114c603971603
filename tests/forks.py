"""`python -m bot ...` as a fork of a process that has imported it, wherever a test starts one.

A start of the interpreter imports for 0.7 s what the test before has imported, too. Who is about the start
itself is marked `start` and gets a new interpreter; so does whoever gives it a variable that Python itself
reads, a path of its own, or something that is done before it begins.
"""

import ctypes
import json
import os
import re
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_SUBREAPER = 36  # prctl(2): what a process left behind is this one's child
_READ_BY_PYTHON = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "GLIBC_")
_AS_EVER = re.compile(rf"PYTHONPATH={re.escape(str(ROOT))}|(LANG|LC_ALL)=.*\.utf-?8", re.IGNORECASE)
_fork_exec = subprocess._fork_exec  # type: ignore[attr-defined]
_turn = threading.Lock()
_off = False


def use(*, on: bool) -> None:
    """From here to the next call every start is a fork, or none is."""
    global _off  # noqa: PLW0603
    _off = not on


def install() -> None:
    """Whatever this process starts is looked at from now on."""
    subprocess._fork_exec = _started  # type: ignore[attr-defined]


def _started(*given: Any) -> int:
    """As `_posixsubprocess.fork_exec`: the new child's id."""
    args, _, _, keep, cwd, env, *rest = given
    read, _, _, write, _, error, *_, session, group, gid, gids, uid, umask, before, _ = rest
    plain = len(keep) == 1 and env is not None and not session and before is None and umask < 0
    if _off or not plain or (gid, gids, uid) != (None, None, None) or not _is_ours(args, env):
        return int(_fork_exec(*given))
    variables = dict(os.fsdecode(pair).split("=", 1) for pair in env)
    wanted = {
        "command": [os.fsdecode(arg) for arg in args[2:]],
        "cwd": os.fsdecode(cwd or "."),
        "env": variables,
        "process_group": group,
    }
    wanted["cwd"] = str(Path(wanted["cwd"]).absolute())
    files = [mine if mine != -1 else number for number, mine in enumerate((read, write, error))]
    with _turn:
        spawner, prctl = _spawner()[0], ctypes.CDLL(None).prctl
        if prctl(_SUBREAPER, 1):  # else its end would be nobody's to hear, and read as a good one
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        try:
            socket.send_fds(spawner, [json.dumps(wanted).encode()], files)
            return int(spawner.recv(100))
        finally:
            prctl(_SUBREAPER, 0)


def _is_ours(args: list[Any], env: list[bytes]) -> bool:
    command = [os.fsdecode(arg) for arg in args[:3]]
    if command[:2] != [sys.executable, "-m"] or command[2].partition(".")[0] != "bot":
        return False
    read = [pair for pair in map(os.fsdecode, env) if pair.startswith(_READ_BY_PYTHON)]
    return f"PYTHONPATH={ROOT}" in read and all(map(_AS_EVER.fullmatch, read))


@cache
def _spawner() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Whom to ask. It ends with this process, as nobody can ask it then."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        made = subprocess.Popen(
            [sys.executable, "-m", "tests.spawner", str(theirs.fileno())],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return ours, made
