"""What the group sees as one outage: opened, grown, over, taken apart, shown.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.book import Book, Event
from bot.domain.case import Card, Case, Reminder
from bot.domain.causes.correlation import Grouping
from bot.domain.incident import Incident
from bot.domain.outages import ask_again, came_on, end, held, reopen, take_in
from bot.domain.who import Who


@dataclass(frozen=True, slots=True)
class CaseOpened(Event):
    """One or more incidents that the group is asked about, and why they go together.

    They leave the case that they were in. `follows`: late siblings of a case that was decided on before;
    `apart`: a person took them out of that case, so nothing is grouped with them. `region`: the NOC whose
    case it is, for ever; `beside` are the cases of the same cause in other regions.
    """

    case: int
    incident: Incident
    others: tuple[Incident, ...] = ()
    grouping: Grouping | None = None
    follows: int | None = None
    apart: int | None = None
    region: str = ""
    beside: tuple[int, ...] = ()
    kind: Literal["case_opened"] = "case_opened"
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        case = Case(self.case, self.incident, at, grouping=self.grouping, region=self.region)
        case.follows, case.apart = self.follows, self.apart
        book.cases[self.case] = case
        book.next_case = self.case + 1
        _link(book, case, self.beside)
        for incident in (self.incident, *self.others):
            take_in(book, case, incident)


@dataclass(frozen=True, slots=True)
class IncidentChanged(Event):
    """The source reports other facts than before; on an ended one: it is back on the list."""

    case: int
    incident: Incident
    kind: Literal["incident_changed"] = "incident_changed"
    recounts = True
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        came_on(book, held(book, self.case, self.incident), self.incident)


@dataclass(frozen=True, slots=True)
class IncidentEnded(Event):
    """The incident is no longer reported as open, or was marked as a false positive.

    `incident` is its id; None stands for the only one of its case. `unwatched`: its source is not read any
    more, so nobody knows how it ended.
    """

    case: int
    why: Literal["gone", "ignored", "unwatched"] = "gone"
    incident: str | None = None
    kind: Literal["incident_ended"] = "incident_ended"
    late = True
    recounts = True
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        end(book, book.cases[self.case], self.incident, self.why)


@dataclass(frozen=True, slots=True)
class CardPosted(Event):
    """The case's card is this message."""

    case: int
    chat: int
    message: int
    kind: Literal["card_posted"] = "card_posted"
    late = True
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        for case in (book.cases[self.case], book.restored_by(self.case)):
            if case is not None:
                case.card_size = case.size
                book.show_on(case, Card(self.chat, self.message))


@dataclass(frozen=True, slots=True)
class IncidentJoined(Event):
    """One more incident of the case's cause, with why they go together now.

    On a case that was over: it continues. `beside`: cases of other regions of which it is one cause now.
    """

    case: int
    incident: Incident
    grouping: Grouping | None = None
    beside: tuple[int, ...] = ()
    kind: Literal["incident_joined"] = "incident_joined"
    recounts = True
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        case = held(book, self.case, self.incident)
        if case.ended_at is not None:  # another outage than the one that was denied, or asked about
            case.denied_by = case.denied_at = case.denied_reason = None
            case.denied_words = ""
            case.owner = case.owned_at = case.lapsed = None
            reopen(book, case)
        elif not any(m.incident.port.key == self.incident.port.key for m in case.members.values()):
            case.joined += 1
        take_in(book, case, self.incident)
        case.grouping = self.grouping
        _link(book, case, self.beside)


@dataclass(frozen=True, slots=True)
class Separated(Event):
    """A person took a case apart: the cases opened with it take incidents out of it.

    `grouping` is why those that stay go together. Nothing is grouped with any of them any more.
    """

    case: int
    by: Who
    grouping: Grouping | None = None
    kind: Literal["separated"] = "separated"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        case.apart, case.grouping, case.joined = case.id, self.grouping, 0


@dataclass(frozen=True, slots=True)
class Reminded(Event):
    """Somebody was reminded of the case."""

    case: int
    what: Reminder
    kind: Literal["reminded"] = "reminded"
    late = True
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        if self.what == "grown":  # only now somebody heard of it
            ask_again(book, case)
        case.reminded |= {self.what}


@dataclass(frozen=True, slots=True)
class DigestPosted(Event):
    """A group's list of the cases that have no card of their own is this message."""

    chat: int
    message: int
    kind: Literal["digest_posted"] = "digest_posted"
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        book.digests[self.chat] = Card(self.chat, self.message)


def _link(book: Book, case: Case, others: tuple[int, ...]) -> None:
    """Each of them names the others that are in the book."""
    for other in (book.cases[number] for number in others if number in book.cases):
        case.beside = tuple(sorted({*case.beside, other.id}))
        other.beside = tuple(sorted({*other.beside, case.id}))


Line = (
    CaseOpened
    | IncidentChanged
    | IncidentEnded
    | CardPosted
    | IncidentJoined
    | Separated
    | Reminded
    | DigestPosted
)
"""Every kind of this file."""
