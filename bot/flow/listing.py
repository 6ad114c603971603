"""Receipts by asking: soon after a send and then less and less often, until all is known or it is too late.

A gateway with a list is asked for that, one that answers for each message (`Tracking`) for those that wait.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.delivery import DeliveryNews, opaque
from bot.errors import AnswerLost, BadAnswer, LedgerClosed, NotFound, Refused, TryLater
from bot.flow.receipts import Receipts
from bot.ports import Clock, Gateway, Ledger, OptOuts, Tracking
from bot.steps import receipts, unknown
from bot.steps.opt_out import as_listed
from bot.steps.receipts import Awaited

log = logging.getLogger(__name__)

FIRST = timedelta(seconds=10)
"""After a send; whoever asks comes by every ten seconds, too, so it is asked about within twenty."""
LONGEST = timedelta(hours=6)
AT_ONCE = 4
"""Messages that are asked for at one time, and how many fail in a row before the rest waits."""
TOGETHER = 40  # messages whose news are one group of lines


@dataclass(slots=True)
class _Asked:
    """When a case is asked about next and the pause after that; `sends` is how many it had.

    `last` is when all its messages were asked for that were due then.
    """

    due: datetime
    pause: timedelta
    sends: int
    last: datetime | None = None


class Listing:
    """One per process. Not in the ledger: after a start everything is asked about anew."""

    def __init__(self, ledger: Ledger, gateway: Gateway, learnt: Receipts, clock: Clock) -> None:
        self._ledger, self._gateway, self._receipts, self._clock = ledger, gateway, learnt, clock
        self._asked: dict[int, _Asked] = {}
        self._listless = False

    async def ask(self) -> None:
        """Ask where some case's time has come; no more once the gateway was found to have no answer."""
        now = self._clock.now()
        due = self._due(now) if not self._listless and self._ledger.closed is None else []
        for number in due:
            asked = self._asked[number]
            asked.due, asked.pause = now + asked.pause, min(asked.pause * 2, LONGEST)
        try:
            if isinstance(self._gateway, Tracking):
                await self._track(self._gateway, due, now)
            else:
                await self._read_list(due, now)
        except (TryLater, AnswerLost, Refused, BadAnswer, LedgerClosed) as error:
            log.info("what became of messages could not be asked: %s", error)

    async def _read_list(self, due: Sequence[int], now: datetime) -> None:
        book = self._ledger.book
        awaited = [one for number in due for one in receipts.awaited_of(book, number, now)]
        if not awaited:
            return
        first = min(one.claimed for one in awaited) - unknown.BEFORE
        listed = await self._gateway.sent(first, self._clock.now() + unknown.BEFORE)
        if listed is None:
            self._listless = True
            return
        mine = {one.reference for one in awaited}
        heard = self._clock.now()
        told = [
            DeliveryNews(row.reference, row.arrival, heard, reason=row.status or None)
            for row in listed
            if row.arrival is not None and row.reference in mine
        ]
        await self._receipts.learn(told)

    async def _track(self, gateway: Tracking, due: Sequence[int], now: datetime) -> None:
        """Ask for the messages of these cases whose time has come, the newest case first."""
        for number in due:
            asked = self._asked[number]
            awaited = receipts.awaited_of(self._ledger.book, number, now)
            wanted = [one for one in awaited if _is_due(one, asked.last, now)]
            for n in range(0, len(wanted), TOGETHER):
                await self._receipts.learn(await self._told(gateway, wanted[n : n + TOGETHER]))
            asked.last = now

    async def _told(self, gateway: Tracking, wanted: Sequence[Awaited]) -> Sequence[DeliveryNews]:
        """What the gateway says of these. Raises once it seems to answer no more; what it said is learnt.

        One that it does not know, or whose answer is lost, keeps nobody else waiting: its time comes again.
        """
        told: list[DeliveryNews] = []
        failed: list[TryLater | AnswerLost | Refused | BadAnswer] = []  # in a row
        queue = iter(wanted)

        async def ask() -> None:
            while len(failed) < AT_ONCE and (one := next(queue, None)) is not None:
                news = None
                try:
                    news = await gateway.track(one.reference, self._clock.now())
                    failed.clear()
                except NotFound:
                    failed.clear()
                except (TryLater, AnswerLost, Refused, BadAnswer) as error:
                    failed.append(error)
                if news is not None:
                    told.append(replace(news, about=opaque(self._ledger.book.key, one.place)))

        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
        if len(failed) >= AT_ONCE:
            await self._receipts.learn(told)
            raise failed[-1]
        return told

    async def ask_who_opted_out(self) -> None:
        """Read the gateway's own list of who wants no messages, where it keeps one."""
        gateway, ledger = self._gateway, self._ledger
        if not isinstance(gateway, OptOuts) or ledger.closed is not None:
            return
        try:
            phones = await gateway.opted_out()
            if phones is not None:
                await ledger.commit(as_listed({ledger.person(phone): None for phone in phones}))
        except (TryLater, AnswerLost, Refused, BadAnswer, LedgerClosed) as error:
            log.info("who opted out at the gateway could not be read: %s", error)

    def _due(self, now: datetime) -> list[int]:
        """The cases whose time has come, among those that were sent lately."""
        book, due = self._ledger.book, []
        recent = list(receipts.recent(book, now))
        self._asked = {number: self._asked[number] for number in recent if number in self._asked}
        for number in recent:
            sends, asked = _sends(book, number), self._asked.get(number)
            if asked is None or asked.sends != sends:
                soon = now + FIRST
                asked = self._asked[number] = (
                    _Asked(soon, FIRST * 2, sends)
                    if asked is None
                    else _Asked(min(asked.due, soon), FIRST * 2, sends, asked.last)
                )
            if sends and asked.due <= now:
                due.append(number)
        return due


def _sends(book: Book, number: int) -> int:
    both = (book.cases.get(number), book.restored_by(number))
    dispatches = (dispatch for case in both if case is not None for dispatch in case.dispatches)
    return sum(len(d.progress.results) for d in dispatches if d.progress is not None)


def _is_due(one: Awaited, last: datetime | None, now: datetime) -> bool:
    """Whether it is `FIRST` since its send, or twice, four times as long ..., and was not yet at `last`."""
    return _times(one, now) > (0 if last is None else _times(one, last))


def _times(one: Awaited, at: datetime) -> int:
    return max(0, (at - one.claimed) // FIRST).bit_length()
