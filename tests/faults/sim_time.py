"""Time that leaps: an event loop that never waits, and a writer thread that is none.

Whatever is scheduled happens in the order of its time, at once, on one thread: a story of minutes plays in
milliseconds and plays the same way each time. Nothing here may wait for a socket or another thread.
"""

import asyncio
import random
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Ready = list[tuple[selectors.SelectorKey, int]]


class _Leaps(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        if timeout is None:
            raise AssertionError("everybody waits and nothing is due: a deadlock")
        self.passed += max(timeout, 0.0)
        return super().select(0)


class LeapLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to whatever is due next."""

    def __init__(self) -> None:
        self._leaps = _Leaps()
        super().__init__(self._leaps)

    def time(self) -> float:
        return self._leaps.passed


class LeapClock:
    """The `Clock` of that loop; it shows `start` when it is made."""

    def __init__(self, start: datetime) -> None:
        self._loop = asyncio.get_running_loop()
        self._start, self._began = start, self._loop.time()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._loop.time() - self._began

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class LeapThread(ThreadPoolExecutor):
    """Does each job a little later, in one piece, in the loop's own thread; everybody else runs meanwhile."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(1)
        self._rng = rng

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except OSError as error:
                future.set_exception(error)

        asyncio.get_running_loop().call_later(self._rng.choice((0.0, 0.001, 0.03)), work)
        return future
