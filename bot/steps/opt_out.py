"""Step 3d: who asked for no messages, and who wants them again. Whoever is on the list is skipped."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.domain.book import Book
from bot.domain.events import Line, Listed, OptedIn, OptedOut
from bot.domain.phone import without_phones
from bot.domain.who import BOT, Who
from bot.errors import Declined
from bot.ports import Write
from bot.steps.describe import one_line

_AT_ONCE = 1000  # people a line


def opt_out(person: str, who: Who, reason: str) -> Write:
    """A customer (`Ledger.person`) gets no messages from now on, nor what has not left yet.

    Phones in the reason are masked: no line has one. Declined, with who and when, for who is on the list.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        before = book.opted_out.get(person)
        if before is not None and not before.listed:  # who leaves the gateway's list stays on ours
            raise Declined("already_opted_out", by=before.by.name, at=before.at)
        why = one_line(without_phones(reason))
        if not why:
            raise Declined("opt_out_no_reason")
        return [OptedOut(person, why, who)]

    return write


def opt_in(person: str, who: Who) -> Write:
    """The customer gets messages again. Declined for who is not on the list."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if person not in book.opted_out:
            raise Declined("not_opted_out")
        return [OptedIn(person, who)]

    return write


def asked_to_stop(person: str, word: str) -> Write:
    """A customer wrote, in this word, that they want no messages: they get none from now on.

    Nothing for who said so, or of whom it was said: they may say so as often as they like.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        before = book.opted_out.get(person)
        return [OptedOut(person, word, BOT)] if before is None or before.listed else []

    return write


def as_listed(people: Collection[str]) -> Write:
    """The gateway's own list, as just read, has these people and no others; a few thousand of them at once.

    Who asked for it otherwise stays on our list.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        known = {person for person, out in book.opted_out.items() if out.listed}
        added = [person for person in dict.fromkeys(people) if person not in book.opted_out]
        gone = [person for person in known if person not in people]
        steps = range(0, max(len(added), len(gone)), _AT_ONCE)
        return [Listed(tuple(added[n : n + _AT_ONCE]), tuple(gone[n : n + _AT_ONCE])) for n in steps]

    return write
