"""What became of the messages to one customer: in each case, as its card, its lists and its sheet say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch
from bot.domain.lookup.sought import identity
from bot.domain.plan import Outcome, Recipient, Skip


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a customer, or why there was none."""

    dispatch: Dispatch
    recipient: Recipient

    @property
    def left_at(self) -> datetime | None:
        """When it was sent; None where it was not."""
        return self.dispatch.sends.intents.get(self.recipient.id)

    @property
    def known_at(self) -> datetime | None:
        """When it was last heard what became of it."""
        known = self.dispatch.sends.deliveries.get(self.recipient.id)
        return None if known is None else known.at

    @property
    def warned(self) -> bool:
        """Whether they surely were warned: whom it is told that service is back."""
        sends, id_ = self.dispatch.sends, self.recipient.id
        known = sends.results.get(id_)
        taken = known is not None and known.outcome is Outcome.ACCEPTED
        return taken and not sends.undelivered(id_) and not self.dispatch.dry_run

    @property
    def caller(self) -> str | None:
        """Who said that they call them, and nothing else is known since."""
        called = self.dispatch.to_call(self.recipient.id)
        return self.dispatch.sends.calls[self.recipient.id] if called else None

    @property
    def instead(self) -> Recipient | None:
        """Who has the same phone and stands for both in the plan."""
        if self.recipient.skip is not Skip.SAME_PHONE:
            return None
        same = (r for r in self.dispatch.sends.recipients.values() if r.person == self.recipient.person)
        return next((r for r in same if r.skip is not Skip.SAME_PHONE), None)


@dataclass(frozen=True, slots=True)
class Told:
    """A case that a customer is in: its message (None: there was no send), and that service is back."""

    case: Case
    message: Message | None
    back: Message | None
    restoring: Case | None


def told(book: Book, number: int, customer: str) -> Told:
    """What a customer (`identity`) was told in a case."""
    case, other = book.cases[number], book.restored_by(number)
    back = None if other is None else message_to(other, customer)
    return Told(case, message_to(case, customer), back, other)


def message_to(case: Case, customer: str) -> Message | None:
    """The last message of a case to a customer, by the dispatches that were not taken back."""
    for dispatch in reversed(case.dispatches):
        if dispatch.progress is not None and dispatch.end != "cancelled":
            for one in dispatch.progress.recipients.values():
                if identity(one) == customer:
                    return Message(dispatch, one)
    return None


def planned(book: Book) -> Iterator[tuple[int, tuple[Recipient, ...]]]:
    """Who is in the plans of each case of a book, second messages apart, newest case first."""
    for number in sorted((n for n in book.cases if n > 0), reverse=True):
        for dispatch in book.cases[number].dispatches:
            if dispatch.progress is not None:
                yield number, tuple(dispatch.progress.recipients.values())
