"""The last day in numbers, and what a shift is told, counted while others have their turn."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.figures.day import Counting, Day, cases_of
from bot.domain.shift.lately import Before, fallen, undelivered

_AT_ONCE = 3000  # sends that are counted between two turns of the loop: a millisecond


async def last_day(book: Book, since: datetime, now: datetime) -> Day:
    """The day that began then, as it is now."""
    counting = Counting(since, now)
    async for case in _in_turns(book, since):
        counting.add(case)
    return counting.day()


async def before(book: Book, since: datetime, day: Day) -> Before:
    """What happened since then; `day` is the last one."""
    lost = {case.id: n async for case in _in_turns(book, since) if (n := undelivered(case, book))}
    return Before(since, fallen(book, since), lost, day)


async def _in_turns(book: Book, since: datetime) -> AsyncIterator[Case]:
    """The cases with news, a few at a time."""
    counted = 0
    for case in cases_of(book, since):
        yield case
        counted += 1 + sum(
            len(one.progress.recipients) for one in case.dispatches if one.progress is not None
        )
        if counted > _AT_ONCE:
            counted = 0
            await asyncio.sleep(0)
