"""Receipts by asking: the gateway's own list, read soon after a send and then less and less often."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.delivery import DeliveryNews
from bot.errors import AnswerLost, BadAnswer, LedgerClosed, Refused, TryLater
from bot.flow.receipts import Receipts
from bot.ports import Clock, Gateway, Ledger, OptOuts
from bot.steps import receipts, unknown
from bot.steps.opt_out import as_listed

log = logging.getLogger(__name__)

FIRST = timedelta(seconds=10)
"""After a send; whoever asks comes by every ten seconds, too, so a list is read within twenty."""
LONGEST = timedelta(hours=6)


@dataclass(slots=True)
class _Asked:
    """When a case is asked about next and the pause after that; `sends` is how many it had."""

    due: datetime
    pause: timedelta
    sends: int


class Listing:
    """One per process. Not in the ledger: after a start everything is asked about anew."""

    def __init__(self, ledger: Ledger, gateway: Gateway, learnt: Receipts, clock: Clock) -> None:
        self._ledger, self._gateway, self._receipts, self._clock = ledger, gateway, learnt, clock
        self._asked: dict[int, _Asked] = {}
        self._listless = False

    async def ask(self) -> None:
        """Read the list where some case's time has come; no more once the gateway was found to keep none."""
        now = self._clock.now()
        due = self._due(now) if not self._listless and self._ledger.closed is None else []
        book = self._ledger.book
        awaited = [one for number in due for one in receipts.awaited_of(book, number, now)]
        for number in due:
            asked = self._asked[number]
            asked.due, asked.pause = now + asked.pause, min(asked.pause * 2, LONGEST)
        if not awaited:
            return
        first = min(one.claimed for one in awaited) - unknown.BEFORE
        try:
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
        except (TryLater, AnswerLost, Refused, BadAnswer, LedgerClosed) as error:
            log.info("the gateway's list could not be read: %s", error)

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
                asked = self._asked[number] = _Asked(
                    soon if asked is None else min(asked.due, soon), FIRST * 2, sends
                )
            if sends and asked.due <= now:
                due.append(number)
        return due


def _sends(book: Book, number: int) -> int:
    both = (book.cases.get(number), book.restored_by(number))
    dispatches = (dispatch for case in both if case is not None for dispatch in case.dispatches)
    return sum(len(d.progress.results) for d in dispatches if d.progress is not None)
