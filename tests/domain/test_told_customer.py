"""What a customer was told in a case, by its dispatches."""

from collections.abc import Sequence

from bot.domain.book import Book
from bot.domain.events import Approved, Cancelled, CaseOpened, Line, Planned, Settled
from bot.domain.lookup.told import message_to, planned
from bot.domain.plan import Recipient
from tests.fakes import ANA, NOON, incident

ANNE = Recipient("c1", "Anne", ("Z1",), "5561999990001", person="p1")
BEN = Recipient("c2", "Ben", ("Z2",), "5561999990002", person="p2")
APPROVED = Approved(1, ANA, (incident().port,))


def book_of(*lines: Line) -> Book:
    book = Book()
    for line in (CaseOpened(1, incident()), *lines):
        book.apply(NOON, line)
    return book


def sent_to(*people: Recipient) -> Sequence[Line]:
    return APPROVED, Planned(1, len(people), people), Settled(1, "stopped")


def test_the_last_dispatch_that_had_them_is_what_counts() -> None:
    book = book_of(*sent_to(ANNE), *sent_to(BEN), APPROVED, Cancelled(1, ANA))
    case = book.cases[1]
    for customer, attempt in (("c1", 0), ("c2", 1)):
        found = message_to(case, customer)
        assert found is not None
        assert found.dispatch is case.dispatches[attempt], "not the one that was taken back"
    assert message_to(case, "c3") is None


def test_an_approval_without_a_plan_has_nobody() -> None:
    book = book_of(*sent_to(ANNE), APPROVED)
    assert [(number, [one.id for one in people]) for number, people in planned(book)] == [(1, ["c1"])]
    assert message_to(book.cases[1], "c1") is not None
