"""The lines here are brought on as another machine writes them, so that who stands by can lead at once."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path

from filelock import Timeout
from psycopg import Error

from bot.domain.book import Book
from bot.ports import Clock
from bot.process.checkpoints import DAY, written
from bot.process.nightly import FIRST, pack
from bot.storage.checkpoint import EVERY
from bot.storage.disk import Disk
from bot.storage.people.store import day_before, let_go
from bot.storage.postgres.ledger import patiently
from bot.storage.postgres.link import why
from bot.storage.postgres.notices import Notices
from bot.storage.postgres.talk import Away
from bot.storage.postgres.warm import Warm
from bot.storage.replay import Scan

log = logging.getLogger(__name__)

POLL = 2.0  # seconds between two looks for new lines, whatever is told of them
AGAIN = 0.5  # seconds until it is tried again where lines could not be read: nobody leads with them meanwhile
OWNED = 2.0  # seconds between two looks at whether a command is done with the folder
PEOPLE = 60.0  # seconds between two times that names and phones are brought on
DUE = 3600.0  # seconds between two times that those go that are due

Reading = Callable[[], AbstractContextManager[Disk]]


class Copying:
    """One copy.

    `broken` is what does not pass by itself, `owned` who has the folder, `behind` why lines cannot be read.
    """

    def __init__(
        self, url: str, folder: Path, clock: Clock, days: int, reading: Reading | None = None
    ) -> None:
        """Names and phones go after so many `days`, as at who leads.

        `reading` is around the first time, which may have years to read.
        """
        self._url, self._folder, self._clock, self._days = url, folder, clock, days
        self._reading: Reading = reading or _reading
        self._warm: Warm | None = None
        self._listed = self._went = float("-inf")
        self._packed = 0.0
        self._line = 0  # that there is a checkpoint of
        self._news = asyncio.Event()
        self._over = False
        self._notices = Notices(url, self._news.set)
        self._following: asyncio.Task[None] | None = None
        self._beside: asyncio.Task[object] | None = None  # a checkpoint, or months that are packed
        self._had = False  # all lines, once
        self.broken: BaseException | None = None
        self.owned: str | None = None
        self.behind: str | None = None

    @property
    def ready(self) -> bool:
        """Whether who leads with it begins at once: it has all lines, and gets at those that are new."""
        return self._had and self.behind is None and self._warm is not None and self._warm.whole

    def start(self) -> None:
        """From now on."""
        self._following = asyncio.get_running_loop().create_task(self._follow(), name="copying")
        self._notices.start()

    async def hand_over(self) -> Warm:
        """The copy, for whoever leads with it; it is brought on no more."""
        await self._end()
        warm, self._warm = self._warm, None
        assert warm is not None  # noqa: S101 - it is ready
        return warm

    async def stop(self) -> None:
        """The folder is free."""
        await self._end()
        if self._warm is not None:
            self._warm.close()

    async def _end(self) -> None:
        self._over = True
        self._news.set()
        await self._notices.stop()
        if self._following is not None:
            await asyncio.wait({self._following})
        await self._end_beside()

    def _is_writing(self) -> bool:
        return self._beside is not None and not self._beside.done()

    async def _end_beside(self) -> None:
        if self._beside is not None:
            self._beside.cancel()
            await asyncio.wait({self._beside})

    async def _follow(self) -> None:
        while not self._over:
            self._news.clear()
            pause = POLL
            try:
                self._is_brought(await self._bring())
            except Exception as error:  # noqa: BLE001 - whoever waits for its turn hears of it
                if owned(error):
                    pause = OWNED
                    self._is_owned(error)
                elif passes(error):
                    pause = AGAIN
                    self._is_behind(error)
                else:
                    self.broken = error
                    return
            if not self._over:
                await either(self._news, pause)

    async def _bring(self) -> Scan:
        warm = self._warm
        if warm is None:
            with self._reading() as disk:
                warm = await asyncio.to_thread(Warm.open, self._url, self._folder, self._clock, disk)
                self._warm = warm
                found = await patiently(warm.link, partial(warm.bring, disk))
        else:
            found = await self._brought_on(warm)
        if found.trouble is None and self._clock.monotonic() - self._listed >= PEOPLE:
            await patiently(warm.link, partial(warm.bring_people, Disk()))
            self._listed = self._clock.monotonic()
        if found.trouble is None and self._clock.monotonic() - self._went >= DUE:
            self._went = self._clock.monotonic()
            await asyncio.to_thread(self._let_go, found.book)
        return found

    def _let_go(self, book: Book) -> None:
        """It can lead all the same where that fails."""
        try:
            gone = let_go(Disk(), self._folder, day_before(book), self._days)
        except OSError as error:
            log.error("names and phones that are due could not be taken away: %s", error.strerror)  # noqa: TRY400
        else:
            if gone:
                log.info("names and phones of %s are gone (PERSONAL_DAYS)", ", ".join(gone))

    async def _brought_on(self, warm: Warm) -> Scan:
        if self._is_writing():
            if (found := await patiently(warm.link, partial(warm.followed, Disk()))) is not None:
                return found
            # Of lines that are put aside now: it would tell of them at each start.
            await self._end_beside()
        return await patiently(warm.link, partial(warm.bring, Disk()))

    def _is_brought(self, found: Scan) -> None:
        if self.behind is not None:
            log.info("the lines of the ledger can be read again")
        self.owned, self.behind = None, None
        if not self._had:
            self._had, self._line = True, found.since
            self._packed = self._clock.monotonic() - DAY + FIRST
        if found.trouble is not None or self._is_writing() or self._over:
            return
        if found.head.seq - self._line >= EVERY:
            self._line = found.head.seq
            self._beside = asyncio.create_task(written(self._folder, self._line), name="checkpoint")
        elif self._clock.monotonic() - self._packed >= DAY:
            self._packed = self._clock.monotonic()
            self._beside = asyncio.create_task(pack(self._folder), name="packing")

    def _is_owned(self, error: BaseException) -> None:
        if self.owned is None:
            log.warning("%s: this machine waits for it", error)
        self.owned = str(error)

    def _is_behind(self, error: Exception) -> None:
        how = shown(error)
        if self.behind != how:
            log.error("the lines of the ledger cannot be read (%s): this machine tries on", how)
        self.behind = how


def _reading() -> AbstractContextManager[Disk]:
    return nullcontext(Disk())


def passes(error: BaseException) -> bool:
    """Whether it is over by itself: the database does not answer, or a command reads the folder."""
    return isinstance(error, Away | Error) or isinstance(error.__cause__, Error) or owned(error)


def owned(error: BaseException) -> bool:
    """Whether another process has the folder: `ledger show` and the like while they bring the copy on."""
    return isinstance(error.__cause__, Timeout)


def shown(error: BaseException) -> str:
    """What may be said of it. The driver's own words have the address, the port and the user in them."""
    first = error if isinstance(error, Error) else error.__cause__
    return why(first) if isinstance(first, Error) else str(error)


async def either(event: asyncio.Event, seconds: float) -> None:
    """Until it is set, or so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
