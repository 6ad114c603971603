"""Who wants no messages; what was done with one person's data at the server; the ledger's beginning anew.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.book import Book, Event
from bot.domain.limits.opted_out import ON_THE_LIST, OptOut
from bot.domain.who import BOT, Who


@dataclass(frozen=True, slots=True)
class OptedOut(Event):
    """One customer (`Recipient.person`) gets no messages any more."""

    person: str
    reason: str
    by: Who
    kind: Literal["opted_out"] = "opted_out"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        book.opted_out[self.person] = OptOut(at, self.by, self.reason)


@dataclass(frozen=True, slots=True)
class OptedIn(Event):
    """The customer gets messages again."""

    person: str
    by: Who
    kind: Literal["opted_in"] = "opted_in"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        book.opted_out.pop(self.person, None)


@dataclass(frozen=True, slots=True)
class Listed(Event):
    """The gateway's own list of who wants no messages (`Recipient.person`) has these, and not those any more.

    Not audited: the first reading may bring thousands.
    """

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    kind: Literal["listed"] = "listed"

    def apply(self, book: Book, at: datetime) -> None:
        for person in self.added:
            book.opted_out.setdefault(person, OptOut(at, BOT, ON_THE_LIST))
        for person in self.gone:
            if person in book.opted_out and book.opted_out[person].listed:
                del book.opted_out[person]


@dataclass(frozen=True, slots=True)
class PersonForgotten(Event):
    """Names and phones of one customer (`Recipient.person`) were taken away, from so many plans."""

    person: str
    plans: int
    by: Who
    kind: Literal["person_forgotten"] = "person_forgotten"
    audited = True
    by_the_bot = False


@dataclass(frozen=True, slots=True)
class PersonShown(Event):
    """All that is known of one customer (`Recipient.person`) was shown."""

    person: str
    by: Who
    kind: Literal["person_shown"] = "person_shown"
    audited = True
    by_the_bot = False


@dataclass(frozen=True, slots=True)
class Upgraded(Event):
    """The ledger goes on one of a version before, of so many lines, whose last one has this hash.

    It is the first line; those behind it are that one's. `key` is as in `Started`.
    """

    head: str
    lines: int
    key: str
    kind: Literal["upgraded"] = "upgraded"
    by_the_bot = False

    def apply(self, book: Book, at: datetime) -> None:
        book.key = self.key


@dataclass(frozen=True, slots=True)
class PageOpened(Event):
    """A page with customers' names and phones was opened in the panel, `of` a case where it is about one.

    Nobody decides by it: in the chat it stands in the audit's documents alone.
    """

    by: Who
    page: str
    of: int | None = None
    kind: Literal["page_opened"] = "page_opened"
    audited = True


Line = OptedOut | OptedIn | Listed | PersonForgotten | PersonShown | Upgraded | PageOpened
"""Every kind of this file."""
