"""What is measured runs in a process of its own: simulators in the same one would share its core."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DISK = Path("/var/tmp")  # noqa: S108 - kept over a restart, so on a disk; /tmp is often memory
PATIENCE = 180.0  # seconds; a bench that takes longer is broken
LONGER = {"history": 1800.0}  # it makes an index of years, and rows of 55,000 cases


async def measure(what: str, code: Path = ROOT, /, **facts: object) -> Any:
    """What `tests.bench.measured` found: its function of that name, called with these facts.

    Args:
        what: The function's name.
        code: The folder of the `bot` that is measured, and of the `tests.bench.measured` that knows it.
        facts: Its arguments.

    Raises:
        RuntimeError: It failed; its own words are on the terminal.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.bench.measured", what, json.dumps(facts)),
        cwd=code,  # comes first on the path
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGER.get(what, PATIENCE)):
            out, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    if child.returncode != 0:
        raise RuntimeError(f"{what}: the measured process failed")
    return json.loads(out)


async def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return once it is true; looked at every 10 ms."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - nobody sets an event when a counter moves
            await asyncio.sleep(0.01)


def cores() -> tuple[int, int]:
    """One core for the measured process and one for the simulators; the same where there is only one."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[-1], mine[0]
