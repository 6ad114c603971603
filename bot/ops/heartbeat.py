"""The dead man's switch: somebody outside is asked each minute while all is well, and rings when that stops.

The only alarm that works when the whole machine is gone. What is asked (healthchecks.io, Uptime Kuma's push)
is a secret: whoever knows it can keep the alarm silent. It is in no log and no error.
"""

import asyncio
import logging
from collections.abc import Callable

from bot import upstream
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.ports import Clock

EVERY = 60.0  # seconds
LOOK = 1.0  # seconds between two looks at whether all is well for the first time
TOTAL = 10.0  # seconds for one of them
log = logging.getLogger(__name__)


class Heartbeat:
    """Asks `url` as soon as all is `well`, and each minute after that in which it is."""

    def __init__(self, url: str, well: Callable[[], bool], clock: Clock) -> None:
        self._url, self._well, self._clock = url, well, clock
        self._http = upstream.client(limit=1)
        self._failing: str | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """From now on."""
        self._task = asyncio.get_running_loop().create_task(self._on(), name="heartbeat")

    async def stop(self) -> None:
        """No more of them: an orderly stop is told by the silence after it, too."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._http.aclose()

    async def _on(self) -> None:
        while not self._well():
            await self._clock.sleep(LOOK)
        while True:
            if self._well():
                await self._ask()
            await self._clock.sleep(EVERY)

    async def _ask(self) -> None:
        """Ask once. A failure is logged once until it works again: it is the other side that rings."""
        why: str | None = None
        try:
            await upstream.knock(self._http, self._url, total=TOTAL)
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            why = str(error)
        if why is not None and self._failing is None:
            log.warning("HEARTBEAT_URL does not take the heartbeat: %s", why)
        if why is None and self._failing is not None:
            log.info("HEARTBEAT_URL takes the heartbeat again")
        self._failing = why
