"""What the gateway tells after the sends: kept on disk, sorted into lines, drawn on the cards."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.delivery import DeliveryNews, News, Place, StopNews, TemplateNews
from bot.domain.events import Line
from bot.errors import LedgerClosed, NotConfirmed
from bot.flow.policy import Policy
from bot.ports import Clock, Inbox, Ledger, NocChat, Notice, Spawn
from bot.steps import receipts
from bot.steps.opt_out import asked_to_stop

log = logging.getLogger(__name__)

TOGETHER = 0.2  # seconds in which news are gathered: those that come together are a line
AGAIN = 5.0  # seconds after which what waits is looked at anew
WAITS = timedelta(hours=1)
"""So long news wait for the send that they are about; another program may send by the same number."""
MOST_WAITING = 10_000
FRESH = timedelta(seconds=1)
WARNED = 86_400.0  # seconds in which the group is warned once
AT_ONCE = 500  # news that are sorted in one turn of the event loop
GAPS = (2.0, 4.0, 8.0, 16.0, 28.0)
"""Seconds before a card is drawn with what came, in turn and then the last: six edits in two minutes."""


class Receipts:
    """One per process. `hear` takes what a gateway pushes, `take` what an earlier process had kept."""

    def __init__(
        self,
        ledger: Ledger,
        policy: Policy,
        chat: NocChat,
        inbox: Inbox,
        *,
        clock: Clock,
        spawn: Spawn,
        of_a_template: Callable[[TemplateNews], Awaitable[None]],
    ) -> None:
        """`of_a_template` takes what is told of one."""
        self._ledger, self._policy, self._chat, self._inbox = ledger, policy, chat, inbox
        self._clock, self._spawn, self._of_a_template = clock, spawn, of_a_template
        self._queue: deque[News] = deque()
        self._waiting: list[DeliveryNews] = []
        self._working = False
        self._fresh: dict[int, bool] = {}
        self._stop = asyncio.Event()
        self._warned: float | None = None
        self._places: tuple[datetime, dict[str, Place]] | None = None

    async def hear(self, news: Sequence[News]) -> None:
        """Return once they are kept: nobody tells them again. OSError, LedgerClosed where they cannot be.

        Where the ledger outlives this machine, a customer's stop is a line of it by then.
        """
        if self._ledger.closed is not None:
            raise LedgerClosed(self._ledger.closed)
        if self._ledger.patience is not None:  # another machine may lead next, with its own inbox
            await self._write_stops([one for one in news if isinstance(one, StopNews)])
            news = [one for one in news if not isinstance(one, StopNews)]
        await self._inbox.keep(news)
        self.take(news)

    async def _write_stops(self, stops: Sequence[StopNews]) -> None:
        """Return once they are on record. LedgerClosed, also where nobody knows that within its patience."""
        words = {one.person: one.word for one in stops}
        if not words:
            return

        def rule(book: Book, now: datetime) -> Sequence[Line]:
            return [line for who, word in words.items() for line in asked_to_stop(who, word)(book, now)]

        try:
            async with asyncio.timeout(self._ledger.patience):
                if not await self._policy.decide(rule):  # it was told before, and may be on its way
                    await self._ledger.flush()
        except TimeoutError:
            raise NotConfirmed("no answer in time") from None

    def take(self, news: Sequence[News]) -> None:
        """Work on news that are kept already, beside what goes on."""
        self._queue += news
        if not self._working and self._queue and not self._stop.is_set():
            self._working = True
            self._spawn(self._work())

    async def learn(self, news: Sequence[DeliveryNews]) -> None:
        """The same for news that may be asked for again, and so are not kept. LedgerClosed."""
        await self._sort(news)

    def drain(self) -> None:
        """Stop: what is not worked on is kept, and taken up by the next start."""
        self._stop.set()

    async def _work(self) -> None:
        try:
            while (self._queue or self._waiting) and await self._rest(TOGETHER if self._queue else AGAIN):
                news = [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]
                await self._work_on(news)
        except LedgerClosed as error:  # they are kept: the next start takes them up
            log.warning("what the gateway told waits for a ledger that takes lines: %s", error)
        finally:
            self._working = False

    async def _work_on(self, news: Sequence[News]) -> None:
        for other in (one for one in news if not isinstance(one, DeliveryNews)):
            await self._heed(other)
        receipts = [*self._waiting, *(one for one in news if isinstance(one, DeliveryNews))]
        self._waiting = []
        since = self._clock.now() - WAITS
        waiting = await self._sort(receipts)
        self._waiting = [one for one in waiting if one.at >= since][-MOST_WAITING:]
        if len(self._waiting) < len(waiting):
            log.info("%d receipts are about no message of ours", len(waiting) - len(self._waiting))
        kept = set(map(id, self._waiting))
        self._inbox.done([one for one in (*receipts, *news) if id(one) not in kept])

    async def _heed(self, news: StopNews | TemplateNews) -> None:
        if isinstance(news, StopNews):
            await self._policy.decide(asked_to_stop(news.person, news.word))
            return
        if not news.name:
            self._warn(news)
        await self._of_a_template(news)

    def _warn(self, news: TemplateNews) -> None:
        """A message met what befalls marketing alone: the group hears of it, once a day."""
        now = self._clock.monotonic()
        if self._warned is None or now - self._warned >= WARNED:
            self._warned = now
            self._chat.say(Notice("marketed", {"reason": news.reason}))

    async def _sort(self, news: Sequence[DeliveryNews]) -> Sequence[DeliveryNews]:
        places = self._by_reference() if any(not one.about for one in news) else {}
        waiting: Sequence[DeliveryNews] = ()

        def rule(book: Book, _now: datetime) -> Sequence[Line]:
            nonlocal waiting
            lines, waiting = receipts.sort(book, news, places)
            return lines

        for line in await self._policy.decide(rule):
            self._draw(getattr(line, "case", 0))
        return waiting

    def _by_reference(self) -> dict[str, Place]:
        """The sends that receipts may be about, by the gateway's ids; a second old at most."""
        now = self._clock.now()
        if self._places is None or now - self._places[0] >= FRESH:
            self._places = now, {a.reference: a.place for a in receipts.awaited(self._ledger.book, now)}
        return self._places[1]

    def _draw(self, number: int) -> None:
        """The case's card shows it soon; of what comes in a burst not each is an edit."""
        drawing = number in self._fresh
        self._fresh[number] = True
        if not drawing:
            self._spawn(self._draw_on(number))

    async def _draw_on(self, number: int) -> None:
        gaps = iter(GAPS)
        try:
            while await self._rest(next(gaps, GAPS[-1])) and self._fresh[number]:
                self._fresh[number] = False
                self._chat.show(number)
        finally:
            del self._fresh[number]

    async def _rest(self, seconds: float) -> bool:
        """Sleep; False at a stop, at once."""
        nap, stop = (
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._stop.wait()),
        )
        try:
            await asyncio.wait({nap, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            stop.cancel()
        return not self._stop.is_set()
