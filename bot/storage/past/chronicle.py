"""Every case there ever was (`ports.Chronicle`), from the rows of the index, in the thread of the history."""

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from typing import TypeVar

from bot.domain.figures.past import Cases, Choices, Past, Which, past_of
from bot.ports import Clock
from bot.storage.past.history import FileHistory
from bot.storage.past.index import Index
from bot.storage.past.recall import Recall
from bot.storage.past.summaries import Summaries
from bot.storage.past.telling import tell

T = TypeVar("T")
FALLS = 10
"""So many ports are told of that fell most."""
_SECONDS = 0.1  # for rows that are not made yet, before an answer: those of what goes on


class FileChronicle:
    """A `Chronicle` of the same ledger as a history."""

    def __init__(self, history: FileHistory, clock: Clock) -> None:
        self._history, self._clock = history, clock

    async def cases(self, which: Which, skip: int, most: int) -> Cases:
        """As `Chronicle.cases`."""
        return await self._asked(lambda rows: rows.cases(which, skip, most))

    async def choices(self) -> Choices:
        """As `Chronicle.choices`."""
        return await self._asked(lambda rows: rows.choices())

    async def figures(self, which: Which, first: date, last: date, zone: tzinfo) -> Past:
        """As `Chronicle.figures`."""
        now: datetime = self._clock.now()

        def work(rows: Summaries) -> Past:
            fallen = rows.fallen(which, now, FALLS)
            return past_of(rows.opened(which), fallen, (first, last), zone=zone, unread=rows.left())

        return await self._asked(work)

    async def _asked(self, work: Callable[[Summaries], T]) -> T:
        def told(index: Index, recall: Recall) -> T:
            tell(index, recall, _SECONDS)
            return work(Summaries(index))

        return await self._history.ask(told)
