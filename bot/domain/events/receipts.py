"""What became of messages that had left: what the gateway told later, by itself or on its list.

Each line is about one dispatch; those who were heard of together share one. Field names and `kind` texts are
the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from bot.domain.book import Book, Event
from bot.domain.case import Case
from bot.domain.claims import add_contacts, drop_contact, note_doubts
from bot.domain.delivery import Arrival, Delivery
from bot.domain.dispatch import Dispatch
from bot.domain.plan import REACHED, Outcome, Receipt

BY_RECEIPT = "receipt"
"""Why somebody counts as sent of whom nothing else was proven."""


@dataclass(frozen=True, slots=True)
class Received(Event):
    """Their phones have the message."""

    case: int
    recipients: tuple[str, ...]
    attempt: int = 1
    kind: Literal["received"] = "received"
    late = of_a_send = True
    recounts = True

    def apply(self, book: Book, at: datetime) -> None:
        _learn(book, self.case, self.attempt, self.recipients, Delivery(Arrival.RECEIVED, at))


@dataclass(frozen=True, slots=True)
class Read(Event):
    """They read it."""

    case: int
    recipients: tuple[str, ...]
    attempt: int = 1
    kind: Literal["read"] = "read"
    late = of_a_send = True
    recounts = True

    def apply(self, book: Book, at: datetime) -> None:
        _learn(book, self.case, self.attempt, self.recipients, Delivery(Arrival.READ, at))


@dataclass(frozen=True, slots=True)
class Undelivered(Event):
    """Their phones did not get it, for this reason: they may be told by another case, their ports may not."""

    case: int
    recipients: tuple[str, ...]
    reason: str | None = None
    attempt: int = 1
    kind: Literal["undelivered"] = "undelivered"
    late = of_a_send = True
    recounts = True

    def apply(self, book: Book, at: datetime) -> None:
        learnt = Delivery(Arrival.UNDELIVERED, at, self.reason)
        _learn(book, self.case, self.attempt, self.recipients, learnt)


def _learn(book: Book, number: int, attempt: int, recipients: tuple[str, ...], learnt: Delivery) -> None:
    case = book.cases[number]
    dispatch = case.dispatches[attempt - 1] if 0 < attempt <= len(case.dispatches) else None
    if dispatch is None or dispatch.progress is None:
        return  # written when the case had left the book, and nobody could look
    for recipient in filter(dispatch.progress.recipients.__contains__, recipients):
        before = dispatch.progress.deliveries.get(recipient)
        if before is None or before.arrival.rank < learnt.arrival.rank:
            _learn_one(book, case, dispatch, recipient, learnt)
    if dispatch is case.dispatches[-1]:
        note_doubts(book, case)


def _learn_one(book: Book, case: Case, dispatch: Dispatch, recipient: str, learnt: Delivery) -> None:
    sends = dispatch.sends
    known = sends.results.get(recipient)
    had_it = known is not None and known.outcome in REACHED and not sends.undelivered(recipient)
    sends.deliveries[recipient] = learnt
    if known is None or known.outcome is not Outcome.ACCEPTED:  # whatever the answer was, it had left
        reference = None if known is None else known.reference
        sends.arrived(recipient, Receipt(Outcome.ACCEPTED, reference, BY_RECEIPT))
        sends.calls.pop(recipient, None)
        sends.recipients[recipient] = replace(sends.recipients[recipient], skip=None)  # nor left out after it
    person = sends.recipients[recipient].person
    if learnt.arrival is Arrival.UNDELIVERED:
        if not any(_has_it(other, recipient) for other in case.dispatches if other is not dispatch):
            drop_contact(book, case, recipient, dispatch)
    elif not had_it and person not in book.contacts:  # else a person freed them, who had it then, too
        add_contacts(book, case, (sends.recipients[recipient],), dispatch)


def _has_it(dispatch: Dispatch, recipient: str) -> bool:
    """Whether they have, or may have, a message of another approval of the case."""
    sends = dispatch.progress
    if sends is None or dispatch.dry_run:
        return False
    known = sends.results.get(recipient)
    if known is None:
        return recipient in sends.intents or bool(sends.doubted.get(recipient))
    return known.outcome in REACHED and not sends.undelivered(recipient)


Line = Received | Read | Undelivered
"""Every kind of this file."""
