"""The last day in numbers: outages by hour, what is still on, who was told. What the picture shows.

It is counted from the book, which has every case of the last week whole. Cases are added one by one: a storm
has hundreds of thousands of sends, and who counts them lets others have their turn in between.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.figures.told import told_by
from bot.domain.incident import Kind

HOURS = 24
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Day:
    """`hours` are the cases that were opened in each hour from `since` on, by kind.

    `open` are the cases that are on at `until`, `off` how many ONUs they report; `uncounted` of them report
    none. `warned` are the messages about an outage that surely were taken, of approvals since then; of
    `delivered` of them a phone has it, None where nothing was heard of any.
    """

    since: datetime
    until: datetime
    hours: tuple[Mapping[Kind, int], ...]
    open: int
    off: int
    uncounted: int
    warned: int
    delivered: int | None

    @property
    def cases(self) -> int:
        """How many were opened."""
        return sum(sum(hour.values()) for hour in self.hours)


def cases_of(book: Book, since: datetime) -> list[Case]:
    """The cases of which anything was written since then, and those that are on."""
    found = dict.fromkeys(sorted(book.open))
    for number, at in reversed(book.touched.items()):
        if at < since:
            break
        found[number] = None
    return [book.cases[number] for number in found]


class Counting:
    """Counts a day of `HOURS` hours from `since` on, as it is at `now`."""

    def __init__(self, since: datetime, now: datetime) -> None:
        self._since, self._now = since, now
        self._hours: tuple[Counter[Kind], ...] = tuple(Counter() for _ in range(HOURS))
        self._open = self._off = self._uncounted = self._warned = self._delivered = 0
        self._heard = False

    def add(self, case: Case) -> None:
        """One more case, each once."""
        hour = (case.opened_at - self._since) // HOUR
        if 0 <= hour < HOURS:
            self._hours[hour][case.incident.kind] += 1
        if case.ended_at is None:
            self._open += 1
            affected = case.affected
            self._off += affected or 0
            self._uncounted += affected is None
        for dispatch in case.dispatches:
            progress = dispatch.progress
            if progress is not None and dispatch.at >= self._since and not dispatch.dry_run:
                told = told_by(progress)
                self._warned += told.warned
                self._delivered += told.delivered or 0
                self._heard = self._heard or told.delivered is not None

    def day(self) -> Day:
        """What it comes to."""
        return Day(
            self._since,
            self._now,
            self._hours,
            self._open,
            self._off,
            self._uncounted,
            self._warned,
            self._delivered if self._heard else None,
        )
