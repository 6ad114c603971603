"""What people add to a case: who sees to it, what is expected, why it is.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.book import Book, Event
from bot.domain.outages import ask_again
from bot.domain.who import Who


class Note(Event):
    """What a person adds to a case."""

    __slots__ = ()
    audited = True
    late = True


@dataclass(frozen=True, slots=True)
class Assumed(Note):
    """A person sees to the case: nobody is reminded of it any more."""

    case: int
    by: Who
    kind: Literal["assumed"] = "assumed"

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        case.owner, case.owned_at, case.lapsed = self.by, at, None


@dataclass(frozen=True, slots=True)
class Lapsed(Event):
    """Nobody decided while this person had the case: it is nobody's, and people are reminded again."""

    case: int
    by: Who
    kind: Literal["lapsed"] = "lapsed"
    late = True
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        case.owner, case.owned_at, case.lapsed = None, None, self.by
        ask_again(book, case)


@dataclass(frozen=True, slots=True)
class Forecast(Note):
    """When a person expects the outage to end; None: nobody can say (any more)."""

    case: int
    by: Who
    eta: datetime | None
    kind: Literal["forecast"] = "forecast"

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        case.eta, case.eta_by = self.eta, self.by
        case.reminded -= {"eta"}


@dataclass(frozen=True, slots=True)
class CauseNamed(Note):
    """What a person says the cause is, and which team sees to it (empty: not said)."""

    case: int
    by: Who
    cause: str
    team: str = ""
    kind: Literal["cause_named"] = "cause_named"

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        case.cause, case.cause_by = self.cause, self.by
        case.team = self.team or case.team


Line = Assumed | Lapsed | Forecast | CauseNamed
"""Every kind of this file."""
