"""Time for a story: monotonic time passes only when the story says so, and the wall clock may be set."""

import asyncio
import selectors
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import TypeVar

from tests.fakes import NOON, settled

T = TypeVar("T")


class _Impatient(selectors.DefaultSelector):
    """Real time never helps a story on: whoever waits for it has forgotten to let time pass."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            raise RuntimeError("the story hangs")
        return super().select(0)


class StoryLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still: every timer (also `asyncio.wait`'s) is the story's."""

    ticks = 0.0

    def __init__(self) -> None:
        super().__init__(_Impatient())

    def time(self) -> float:
        """Seconds since the story began."""
        return self.ticks

    def next_timer(self) -> float | None:
        """When the next timer is due, None where none is."""
        return min((t.when() for t in self._scheduled if not t.cancelled()), default=None)  # type: ignore[attr-defined]

    async def advance(self, seconds: float) -> None:
        """Let time pass; whatever is due meanwhile runs, each at its time."""
        until = self.ticks + seconds
        await settled()
        while (due := self.next_timer()) is not None and due <= until:
            self.ticks = max(self.ticks, due)
            await settled()
        self.ticks = until

    async def finish(self, work: Awaitable[T], within: float = 3600) -> T:
        """What `work` brings, with as much time as it takes."""
        task = asyncio.ensure_future(work)
        until = self.ticks + within
        await settled()
        while not task.done():
            due = self.next_timer()
            if due is None or due > until:
                task.cancel()
                raise AssertionError("it does not end")
            await self.advance(due - self.ticks)
        return task.result()


class StoryClock:
    """A `Clock` on a story's loop. `set` moves the wall clock and nothing else."""

    def __init__(self, loop: StoryLoop, start: datetime = NOON) -> None:
        self._loop, self._start = loop, start
        self.latest = start

    def now(self) -> datetime:
        """What the wall clock shows; `latest` remembers the latest that anybody saw."""
        now = self._start + timedelta(seconds=self._loop.ticks)
        self.latest = max(self.latest, now)
        return now

    def monotonic(self) -> float:
        """The story's seconds."""
        return self._loop.ticks

    async def sleep(self, seconds: float) -> None:
        """Until so much time has passed."""
        await asyncio.sleep(seconds)

    def set(self, by: timedelta) -> None:
        """Set the wall clock forward or back."""
        self._start += by
