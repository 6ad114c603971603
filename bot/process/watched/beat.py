"""Whether the event loop turns, and how late it is."""

import asyncio
from collections import deque

from bot.ports import Clock

EVERY = 1.0  # seconds between two beats
STUCK = 10.0  # seconds without one
KEPT = 60  # beats: a reading each minute misses none


class Beat:
    """A beat a second. `lag` is the most that one of the last minute came late, in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.monotonic()
        self._late: deque[float] = deque(maxlen=KEPT)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Beat from now on."""
        self._at = self._clock.monotonic()
        self._task = asyncio.get_running_loop().create_task(self._on(), name="beat")

    def stop(self) -> None:
        """No more of them."""
        if self._task is not None:
            self._task.cancel()

    @property
    def lag(self) -> float:
        """As above."""
        return max(self._late, default=0.0)

    def wrong(self) -> dict[str, str]:
        """What `/livez` reports: nothing, unless the last beat is long ago."""
        silent = self._clock.monotonic() - self._at
        return {"loop": f"did not turn for {silent:.0f} s"} if silent > STUCK else {}

    async def _on(self) -> None:
        while True:
            await self._clock.sleep(EVERY)
            now = self._clock.monotonic()
            self._late.append(max(0.0, now - self._at - EVERY))
            self._at = now
