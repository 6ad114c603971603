"""The lines of a NOC that ran for so many days: every day alike, whatever the year.

Each day has its cases: most are approved and told, one is denied, one nobody decides on; customers of some
hear that service is back, a send a day is in doubt until the next one, or as nobody decides. Weekly there is
planned work and a test message.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.case import restoring_of
from bot.domain.events import Line
from bot.domain.incident import Incident, Kind, Port
from bot.domain.limits.silence import Scope
from bot.domain.phone import phone_key
from bot.domain.plan import Outcome, Recipient
from bot.domain.who import Who
from tests.fakes import NOON

Lines = Iterator[tuple[datetime, Line]]
ANA = Who(1, "Ana")
GROUP = -1001234567890
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)


def lived(days: int, cases: int = 4, customers: int = 3, ports: int = 40, *, decided: bool = True) -> Lines:
    """Its lines, in order. Each case is of a customers' list of its own, and of the next port.

    `decided`: somebody decides on what is in doubt.
    """
    yield NOON, ev.Started("1.0.0")
    for day in range(days):
        began = NOON + day * DAY
        for n in range(cases):
            number = day * cases + n + 1
            at = began + n * (DAY - 2 * HOUR) / cases
            yield at, ev.Alive()
            yield from _case(number, n, at, port_of(number % ports), customers)
        end = began + DAY - HOUR
        if day % 7 == 0:
            week = day // 7 + 1
            yield end, ev.Silenced(week, (Scope("CB 99"),), end + 5 * HOUR, ANA, "works")
            yield end, ev.TrialIntent(week, "LOS", 1, "(61) 9****-0001", ANA)
            yield end, ev.TrialResult(week, Outcome.ACCEPTED)
        if day and decided:
            yield (
                end,
                ev.Resolved((day - 1) * cases + 3, (f"c{((day - 1) * cases + 3) * 1000}",), "sent", ANA),
            )


def port_of(number: int) -> Port:
    """The ports of a network, by slot and place."""
    olt, place = f"CB {number // 64:02}", f"{number % 64 // 16}/{number % 16}"
    return Port(f"{number // 64}:{place}", olt, place)


def phone_of(customer: int) -> str:
    """No two have one."""
    return f"55{61 + customer % 30}9{customer // 30:08}"


def incident_of(number: int, at: datetime, port: Port) -> Incident:
    """The alert of a case."""
    return Incident(str(number), Kind.LOS, "pon_loss", port, at - 5 * MINUTE, 3, 61)


def _case(number: int, n: int, at: datetime, port: Port, customers: int) -> Lines:
    yield at, ev.CaseOpened(number, incident_of(number, at, port))
    yield at + SECOND, ev.CardPosted(number, GROUP, number)
    if n == 0:
        yield at + MINUTE, ev.Denied(number, ANA, "maintenance")
    elif n > 1:
        yield from _told(number, at + MINUTE, (port,), customers, doubt=n == 2)
    yield at + HOUR, ev.IncidentEnded(number, "gone", str(number))
    if n > 2:
        second = restoring_of(number)
        yield at + HOUR + MINUTE, ev.Restoring(second, number)
        yield from _told(second, at + HOUR + 2 * MINUTE, (), customers)


def _told(
    number: int, at: datetime, ports: tuple[Port, ...], customers: int, *, doubt: bool = False
) -> Lines:
    first = abs(number) * 1000
    people = [
        Recipient(f"c{n}", serials=(f"ZTEG{n}",), person=phone_key(phone_of(n)))
        for n in range(first, first + customers)
    ]
    yield at, ev.Approved(number, ANA, ports)
    yield at, ev.Planned(number, customers, tuple(people))
    for n, one in enumerate(people):
        unknown = doubt and n == 0
        yield at + SECOND, ev.Intent(number, one.id)
        outcome = Outcome.UNKNOWN if unknown else Outcome.ACCEPTED
        yield at + 2 * SECOND, ev.Result(number, one.id, outcome, None if unknown else f"{number}-{n}")
    yield at + 3 * SECOND, ev.Settled(number, "done")


def folded(lines: Lines, book: Book) -> Book:
    """The book that has taken them in."""
    for seq, (at, line) in enumerate(lines, 1):
        book.apply(at, line)
        book.stands(line, seq, "0" * 64)
    return book
