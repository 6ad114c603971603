"""What happened before a shift begins: which ports fell, what did not arrive, the last day in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.causes.falls import lately
from bot.domain.figures.day import Day
from bot.domain.incident import Port


@dataclass(frozen=True, slots=True)
class Before:
    """What happened `since`, and in the last `day`.

    `fallen` are the ports with how often they fell, those that fell most first. `undelivered` are the cases
    of which there was news, by the number that people know, with how many messages did not arrive.
    """

    since: datetime
    fallen: Sequence[tuple[Port, int]]
    undelivered: Mapping[int, int]
    day: Day


def fallen(book: Book, since: datetime) -> list[tuple[Port, int]]:
    """The ports that fell since then, a month ago at most, with how often."""
    return sorted(lately(book.falls, since), key=lambda one: (-one[1], one[0].label))


def undelivered(case: Case, book: Book) -> int:
    """Of how many messages of a case, its second message's too, it is known that they did not arrive."""
    both = (case, book.restored_by(case.id))
    dispatches = (dispatch for one in both if one is not None for dispatch in one.dispatches)
    tallies = (dispatch.tally() for dispatch in dispatches if not dispatch.dry_run)
    return sum(sum(tally.arrived.undelivered.values()) for tally in tallies if tally is not None)
