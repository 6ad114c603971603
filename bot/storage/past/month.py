"""A month's interruptions, read from the lines that matter through the index: a few cases at a time."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

from bot.domain.book import WholeBook
from bot.domain.events import CaseOpened
from bot.domain.interruptions.counting import Interruptions, Month, counted
from bot.domain.interruptions.rows import Interruption, rows_of
from bot.domain.interruptions.told import Told
from bot.domain.limits.silence import Silence
from bot.storage.disk import Disk
from bot.storage.past.history import Archive
from bot.storage.past.index import Index
from bot.storage.past.recall import Recall
from bot.storage.people.store import known

_AT_ONCE = 20  # cases in memory
_HANDS = 1  # cases that had an incident before, for each: of an id that names a place there is always one
_TAKERS = 3  # cases that took an incident of one while it was on: of such an id there are as many as ever
_LATE = timedelta(days=31)  # how long after its beginning an outage may have got its case


@dataclass(frozen=True, slots=True)
class MonthReader:
    """Reads a month's interruptions. `still_on` are the cases whose outage is on, at `upto`."""

    disk: Disk
    folder: Path
    month: Month
    still_on: Collection[int]
    upto: datetime

    def read(self, archive: Archive) -> Interruptions:
        """Names are put in as far as they are kept. OSError, and `history.Anew` as by `Archive.ask`."""
        cases = archive.ask(self._cases)
        silences = archive.ask(lambda _, recall: _silences(recall))
        rows = (
            row
            for first in range(0, len(cases), _AT_ONCE)
            for row in self._rows(archive, cases[first : first + _AT_ONCE])
        )
        return Interruptions(self.month, self.upto, counted(rows, silences, self.month))

    def _cases(self, index: Index, recall: Recall) -> list[int]:
        """The cases that may have had an outage on in the month."""
        begin, end = (ceil(at.timestamp()) for at in (self.month.first, self.month.next))
        since = self.month.first.astimezone(UTC)
        told = index.told_of_since(since.year * 100 + since.month, end)
        on = set(self.still_on).intersection(index.opened(0, begin))
        late = index.opened(end, end + int(_LATE.total_seconds()))
        lines = (entry.line for entry in recall.first(late))
        began = {one.case for one in lines if isinstance(one, CaseOpened) and self._began(one)}
        return index.together(_with_holders(index, {*told, *on, *began}))  # so few are folded twice

    def _began(self, line: CaseOpened) -> bool:
        incidents = (line.incident, *line.others)
        return any(one.started < self.month.next for one in incidents)

    def _rows(self, archive: Archive, cases: Collection[int]) -> list[Interruption]:
        def work(index: Index, recall: Recall) -> list[Interruption]:
            told = Told()
            book = recall.fold(_with_holders(index, cases), watch=told.take, shared=_TAKERS).book
            people = known(self.disk, self.folder)
            if people is not None:
                with suppress(FileNotFoundError):  # its time was over at this moment
                    people.fill(book)
            there = (number for number in cases if number in book.cases)
            return [row for number in there for row in rows_of(book, number, told, self.upto)]

        return archive.ask(work)


def _with_holders(index: Index, cases: Collection[int]) -> set[int]:
    """With those that had their incidents before: such a one may have gone on here, or be over already."""
    found = set(cases)
    for _ in range(_HANDS):
        found.update(index.held_before(found))
    return found


def _silences(recall: Recall) -> list[Silence]:
    book = WholeBook()
    for entry in recall.silences():
        book.apply(entry.at, entry.line)
    return list(book.silences.values())
