"""Whether people who were warned wait for the word that service is back."""

from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import UNWATCHED, Case
from bot.domain.outages import RESTORED_WITHIN
from bot.domain.rules import Rules


def waits(case: Case, book: Book, now: datetime, rules: Rules) -> bool:
    """Whether those who were warned may still be told that service is back, and nobody decided on it."""
    other = book.restored_by(case.id)
    undecided = (other is None or other.undecided) and case.untold_by is None
    settled = case.dispatch is not None and case.dispatch.at_rest
    if not (rules.restored and undecided and settled and book.unconfirmed is None):
        return False
    if case.ended_why == UNWATCHED:
        return False
    lately = case.ended_at is not None and now - case.ended_at <= RESTORED_WITHIN
    return lately and bool(to_tell(case, book))


def to_tell(case: Case, book: Book) -> int:
    """How many surely were warned and did not ask for no messages since."""
    return sum(r.person not in book.opted_out for r in case.accepted())


def waiting(book: Book, now: datetime, rules: Rules) -> dict[int, int]:
    """The cases of which that is so, and how many people each would tell."""
    found = (book.cases[number] for number in sorted(book.to_restore))
    return {case.id: to_tell(case, book) for case in found if waits(case, book, now, rules)}
