"""What people and polls wait for looks at no more cases in an old book than in a young one, counted."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from bot.chat.screens.pages.audit import audit
from bot.chat.screens.pages.handover import handover
from bot.chat.screens.pages.on_demand import pending
from bot.chat.screens.pages.status import ProgramFacts, status
from bot.domain import reminders
from bot.domain.book import Book
from bot.domain.causes.sightings import Sightings
from bot.domain.incident import Poll
from bot.domain.plan import Progress, Sent
from bot.domain.rules import Rules
from bot.domain.watched.health import AnswerHealth, SourceHealth
from bot.errors import Declined
from bot.flow.lately import before, last_day
from bot.steps import decide, restore, unknown
from bot.steps.compose import compose
from tests.chat.screens import PT
from tests.fakes import ANA, NOON
from tests.lived import MINUTE, folded, incident_of, lived, port_of

YOUNG, OLD = 121, 1003  # days: of the same weekday


class Looked(dict[Any, Any]):
    """What counts how often it is looked at."""

    n = 0

    def __getitem__(self, key: Any) -> Any:
        self.n += 1
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self.n += 1
        return super().get(key, default)

    def __iter__(self) -> Iterator[Any]:
        for key in super().__iter__():
            self.n += 1
            yield key

    def keys(self) -> Any:
        self.n += len(self)
        return super().keys()

    def values(self) -> Any:
        self.n += len(self)
        return super().values()

    def items(self) -> Any:
        self.n += len(self)
        return super().items()


RULES = Rules(restored=True, restored_auto=True, reopen_minutes=60.0)
PROGRAM = ProgramFacts("1", NOON, "matrix", dry_run=False)


def _tried(rule: Any) -> Callable[[Book, datetime], object]:
    def look(book: Book, now: datetime) -> object:
        try:
            return rule(book)(book, now)
        except Declined as no:
            return no.code

    return look


def _polled(book: Book, now: datetime) -> object:
    seen = incident_of(999_999, now, port_of(1))
    poll = Poll((seen,), frozenset({seen.id}))
    return compose(poll, Sightings().saw(poll, (), (seen,), now), {}, RULES)(book, now)


def _asked_gateway(book: Book, now: datetime) -> object:
    doubts = unknown.doubts(book, now)
    rows = [Sent("new", doubt.recipient.phone or "", doubt.claims[-1], "ok") for doubt in doubts]
    return unknown.evidence(doubts, rows)(book, now)


def _handed_over(book: Book, now: datetime) -> object:
    since = now - 24 * 60 * MINUTE
    day = asyncio.run(last_day(book, since, now))
    return handover(book, now, PT, before=asyncio.run(before(book, since, day)), rules=RULES)


LOOKS: dict[str, Callable[[Book, datetime], object]] = {
    "/status": lambda book, now: status(
        [SourceHealth("fake")],
        book,
        now,
        PT,
        hours=24.0,
        program=PROGRAM,
        gateway=AnswerHealth("matrix"),
        ledger_closed=None,
        rules=RULES,
    ),
    "/pendentes": lambda book, now: pending(book, PT, now, rules=RULES),
    "/turno": _handed_over,
    "/auditoria": lambda book, now: audit(book, 0, "", PT, now, hours=24.0),
    "a tap": _tried(lambda book: decide.approve(book.next_case - 1, ANA, RULES)),
    "a tap on an old card": _tried(lambda _book: decide.approve(1, ANA, RULES)),
    "a release": _tried(lambda book: decide.release(next(reversed(book.reservations)), ANA, "x", RULES)),
    "a poll": _polled,
    "reminders": lambda book, now: reminders.due(book, now, RULES),
    "who is told alone": _tried(lambda _book: restore.restore_alone(RULES)),
    "the gateway's list": _asked_gateway,
}


@cache
def books(*, decided: bool) -> tuple[Book, Book]:
    """A young one and an old one. Nothing here changes them."""
    young, old = (folded(lived(days, decided=decided), Book()) for days in (YOUNG, OLD))
    for book in (young, old):
        for plan in plans_of(book):
            plan.recipients, plan.results = Looked(plan.recipients), Looked(plan.results)
        book.cases = Looked(book.cases)
    return young, old


def plans_of(book: Book, *, look: bool = False) -> list[Progress]:
    """All that are held; `look`: as who goes through the cases."""
    cases = book.cases.values() if look else dict.values(book.cases)
    dispatches = [dispatch for case in cases for dispatch in case.dispatches]
    return [dispatch.progress for dispatch in dispatches if dispatch.progress is not None]


def seen(book: Book) -> tuple[int, int]:
    """How many cases, and customers of them, were looked at so far."""
    cases = book.cases.n  # type: ignore[attr-defined]
    plans = plans_of(book)
    return cases, sum(plan.recipients.n + plan.results.n for plan in plans)  # type: ignore[attr-defined]


def looked(book: Book, look: str) -> tuple[int, int]:
    """How many cases it looked at, and how many customers."""
    before = seen(book)
    LOOKS[look](book, book.last_at + MINUTE)
    cases, customers = (now - then for now, then in zip(seen(book), before, strict=True))
    return cases, customers


class TestLooks:
    """What people and polls wait for looks at no more in an old book than in a young one."""

    @pytest.mark.parametrize("decided", [True, False])
    @pytest.mark.parametrize("look", LOOKS)
    def test_no_more_with_age(self, look: str, *, decided: bool) -> None:
        young, old = (looked(book, look) for book in books(decided=decided))
        book = books(decided=decided)[1]
        assert old[0] <= young[0] + 2
        assert old[1] <= young[1] + 2
        if decided:
            assert old[0] < len(book.cases) / 2, "it looks at all that are held"
        else:  # at the cases in doubt, and at few of their customers
            customers = sum(len(plan.recipients) for plan in plans_of(book))
            assert len(book.doubtful) > 90
            most = (
                2 * customers if look == "/pendentes" else customers / 2
            )  # of as many rows as a message has
            assert old[1] < most, "it looks at all that are held"

    def test_it_would_be_seen(self) -> None:
        """That a look goes through all cases is what the numbers above tell, and through their customers."""
        book = books(decided=False)[1]
        before = seen(book)
        assert [plan.in_doubt() for plan in plans_of(book, look=True)]
        cases, customers = (now - then for now, then in zip(seen(book), before, strict=True))
        assert cases == len(book.cases)
        assert customers >= sum(len(plan.recipients) for plan in plans_of(book))
