"""An event loop whose time jumps: with nothing left to do now, it is at once as late as the next timer."""

import asyncio
import selectors
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.month.truth import moment

TURN = 1e-6  # seconds that a turn of the loop takes: who asks again and again must see time pass


class _Jumps(selectors.BaseSelector):
    """Waits for nobody. There are no sockets: whoever would wait for one waits forever, and that is said."""

    def __init__(self) -> None:
        self.time = 0.0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen any more")
        self.time += max(TURN, timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._keys[fileobj] = key = selectors.SelectorKey(fileobj, 0, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time` is in seconds since the start of the month."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.time


class VirtualClock:
    """`bot.ports.Clock` of the running loop."""

    def now(self) -> datetime:
        return moment(self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
