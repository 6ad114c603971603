"""The last day in numbers, as /status and its picture tell it."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.book import Book
from bot.domain.events import (
    Approved,
    CaseOpened,
    IncidentEnded,
    Intent,
    Line,
    Planned,
    Received,
    Result,
    Settled,
    Undelivered,
)
from bot.domain.figures.day import Counting, Day, cases_of
from bot.domain.figures.told import Told, told_by
from bot.domain.incident import Kind
from bot.domain.plan import Outcome, Recipient
from tests.fakes import ANA, NOON, incident, port

SINCE = NOON - timedelta(hours=23)
LATER = NOON + timedelta(minutes=59)


def booked(*lines: tuple[timedelta, Line]) -> Book:
    """The lines, each so long before noon."""
    book = Book()
    for before, line in lines:
        book.apply(NOON - before, line)
    return book


def counted(book: Book) -> Day:
    counting = Counting(SINCE, LATER)
    for case in cases_of(book, SINCE):
        counting.add(case)
    return counting.day()


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def sent(
    number: int, before: timedelta, *outcomes: Outcome, dry_run: bool = False
) -> list[tuple[timedelta, Line]]:
    """A case that is approved, and each of its customers with one of these outcomes."""
    people = tuple(
        Recipient(f"c{number}-{n}", "Ana", (), f"556199999{number}{n:03}", person=f"p{number}-{n}")
        for n in range(len(outcomes))
    )
    ends: list[Line] = []
    for one, outcome in zip(people, outcomes, strict=True):
        ends += [Intent(number, one.id), Result(number, one.id, outcome)]
    lines = [
        Approved(number, ANA, (port(f"1/{number}"),), dry_run=dry_run),
        Planned(number, len(people), people),
        *ends,
        Settled(number, "done"),
    ]
    return [(before, line) for line in lines]


def opened(number: int, kind: Kind = Kind.LOS, affected: int | None = 10) -> Line:
    found = incident(f"{number}", place=f"1/{number}", affected=affected)
    return CaseOpened(number, replace(found, kind=kind))


def test_outages_stand_in_the_hour_that_they_were_opened_in_by_kind() -> None:
    book = booked(
        (hours(24), opened(1)),  # over before, and not of this day
        (hours(24), IncidentEnded(1)),
        (hours(23), opened(2)),
        (hours(22.5), opened(3, Kind.POWER)),
        (hours(0), opened(4)),
    )
    day = counted(book)
    assert (day.hours[0], day.hours[23]) == ({Kind.LOS: 1, Kind.POWER: 1}, {Kind.LOS: 1})
    assert not any(day.hours[1:23])
    assert day.cases == 3


def test_what_is_on_counts_with_its_onus_however_old_it_is() -> None:
    book = booked(
        (hours(90), opened(1, affected=30)),
        (hours(50), opened(2, affected=7)),
        (hours(49), IncidentEnded(2)),
        (hours(3), opened(3, affected=None)),
        (hours(2), opened(4, affected=5)),
        (hours(1), IncidentEnded(4)),
    )
    day = counted(book)
    assert (day.open, day.off, day.uncounted, day.cases) == (2, 30, 1, 2)


def test_who_was_told_is_who_surely_has_a_message_of_this_day() -> None:
    accepted, unknown = Outcome.ACCEPTED, Outcome.UNKNOWN
    book = booked(
        (hours(30), opened(1)),
        *sent(1, hours(30), accepted),
        (hours(5), opened(2)),
        *sent(2, hours(5), accepted, accepted, accepted, unknown, Outcome.REJECTED),
        (hours(4), opened(3)),
        *sent(3, hours(4), accepted, dry_run=True),
        (hours(2), IncidentEnded(1)),
    )
    day = counted(book)
    assert (day.warned, day.delivered) == (3, None)
    book.apply(NOON, Received(2, ("c2-0",)))
    book.apply(NOON, Undelivered(2, ("c2-1", "c2-4")))
    day = counted(book)
    assert (day.warned, day.delivered) == (2, 1), "who has nothing was not told"


def test_a_plan_of_which_only_counts_are_left_says_the_same() -> None:
    accepted = Outcome.ACCEPTED
    book = booked((hours(5), opened(2)), *sent(2, hours(5), accepted, accepted, accepted))
    book.apply(NOON, Received(2, ("c2-0",)))
    plan = book.cases[2].dispatches[0].sends
    assert told_by(plan) == Told(3, 1)
    book.apply(NOON, Undelivered(2, ("c2-1",)))
    assert told_by(plan) == Told(2, 1)
    plan.shorten()
    assert told_by(plan) == Told(2, 1)


def test_nothing_happened() -> None:
    assert counted(Book()) == Day(SINCE, LATER, ({},) * 24, 0, 0, 0, 0, None)
