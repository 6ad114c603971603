"""What runs beside the main line: kept until it ends, and its unexpected errors are said."""

import asyncio
import logging
from collections.abc import Awaitable

log = logging.getLogger(__name__)


class Tasks:
    """The tasks of one process. Nothing is forgotten: the loop itself holds only weak references."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Awaitable[None]) -> None:
        """Run `work` beside what goes on."""
        task = asyncio.ensure_future(self._guard(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self, seconds: float) -> int:
        """Wait for what runs, and for what that begins, at most `seconds`; cancel the rest and say how many
        that were.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._running:
            _, slow = await asyncio.wait(set(self._running), timeout=max(0.0, until - loop.time()))
            if slow or loop.time() >= until:
                break
        left = list(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return len(left)

    @staticmethod
    async def _guard(work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:  # the edge: nobody awaits this task, so an error nobody named is said here
            log.exception("a task failed")
