"""What a machine does that leads: it renews its lease, and ends the moment it cannot be sure of it any more.

It ends at once, as if it were killed: what is in flight then is found by the next one exactly as after a
crash, which is the case that is tested most. Stopped in order it would go on for half a minute, and could
write nothing of what it learns.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress

from bot.storage.postgres.lease import Lease
from bot.storage.postgres.talk import Away

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds from one renewal to the next
AGAIN = 0.1  # seconds after one that failed
LOST = 75  # the exit code: it is to be started anew


def end_at_once(why: str) -> None:
    """The process ends here."""
    log.critical("%s: this process ends at once, and is to be started anew (restart: always)", why)
    logging.shutdown()
    os._exit(LOST)


class Leading:
    """One lease that was taken. `end` is called once, with why, when it is lost."""

    def __init__(
        self, lease: Lease, end: Callable[[str], None] = end_at_once, *, every: float = EVERY
    ) -> None:
        self.lease, self._end, self._every = lease, end, every
        self._tasks: list[asyncio.Task[None]] = []

    def held(self) -> bool:
        """Whether nobody else can lead now: asked before anything leaves, as late as can be."""
        return self.lease.held()

    def start(self) -> None:
        """Keep it from now on."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work(), name="lease") for work in (self._keep, self._watch)]

    async def trust(self) -> None:
        """The database is the right one from here on; where that cannot be written now it is asked again."""
        try:
            await self.lease.trust()
        except Away as error:
            log.warning("which database it is could not be written (%s): the next start may ask again", error)

    def lost(self, why: str) -> None:
        """It leads no more, although the lease may be its own still: it ends as where that is lost."""
        end, self._end = self._end, _ended
        end(why)

    async def stop(self) -> None:
        """Give it up: the next one begins at once."""
        self._end = _ended
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.lease.give_up()
        await self.lease.close()

    async def _keep(self) -> None:
        away = False
        while True:
            await asyncio.sleep(AGAIN if away else self._every)
            try:
                if not await self.lease.renew():
                    self.lost("another machine took over")
                    return
            except Away as error:
                if not away:
                    log.error("the database does not answer (%s): nothing is sent until it does", error)  # noqa: TRY400
                away = True
            else:
                if away:
                    log.info("the database answers again")
                away = False

    async def _watch(self) -> None:
        """A renewal may hang; this does not, and comes first where the process was stopped for a while."""
        while not self.lease.expired():  # noqa: ASYNC110 - time passes by another clock than the loop's
            await asyncio.sleep(self.lease.ttl - self.lease.age)
        self.lost("another machine may lead by now: the lease could not be renewed in time")


def _ended(_why: str) -> None:
    """Once is enough."""
