"""How long a test waits for what comes at once.

How long it really takes says more about the machine, and who else works on it, than about the code. Whatever
is about a limit of time has a clock of its own, lets the loop's own leap, or says why its limit can stand. A
short one is right where nothing has to happen within it, however long the machine stands still.
"""

import asyncio
import time
from collections.abc import Callable

from bot.simulator.server import PATIENCE

__all__ = ["PATIENCE", "leap", "quickest"]


def quickest(work: Callable[[], object]) -> float:
    """Seconds of the CPU that it takes, of three times the shortest: the machine's own may count as ours."""

    def once() -> float:
        before = time.process_time()
        work()
        return time.process_time() - before

    return min(once() for _ in range(3))


def leap(seconds: float) -> None:
    """So many seconds pass at once for all that waits by the running loop's time, whoever waits for it too.

    A limit that is to run out can be as long as in the product then, and does so when the test says it: what
    has to happen before has happened.
    """
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]
