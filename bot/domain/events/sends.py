"""A plan carried out: who gets what, each request and its end, and what people said of those in doubt.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from bot.domain.book import Book, Event
from bot.domain.case import Case
from bot.domain.claims import (
    add_contacts,
    drop_contact,
    finish,
    give_back,
    leave_out,
    left_undone,
    note_doubts,
    reserve,
)
from bot.domain.dispatch import LEFT_OVER, Despite, End, Phase
from bot.domain.limits.daily import spend, take_back
from bot.domain.lookup.places import NOWHERE, Where
from bot.domain.outages import ask_again
from bot.domain.plan import (
    ARRIVED,
    IN_DOUBT,
    NO_DOUBTS,
    NO_FACTS,
    Choice,
    Facts,
    Mend,
    Outcome,
    Progress,
    Receipt,
    Recipient,
    Size,
    Skip,
    Used,
)
from bot.domain.who import Who

_UNCONFIRMED_BEFORE = Receipt(Outcome.ACCEPTED, reason="unconfirmed")
"""What ledgers said of a send that was not confirmed before that was an outcome of its own."""
_receipt: Callable[[tuple[object, ...]], Receipt] = partial(tuple.__new__, Receipt)  # as `contact`


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """The whole recipient list of a dispatch; `onus` is how many ONUs its alerts listed.

    `unread` are incidents whose alert could not be read while others could: they are not part of it.
    `where` its ONUs are, in counts. `templates`: those that the case's region has of its own.
    """

    case: int
    onus: int
    recipients: tuple[Recipient, ...]
    facts: Facts = NO_FACTS
    unread: tuple[str, ...] = ()
    where: Where = NOWHERE
    templates: tuple[Used, ...] = ()
    kind: Literal["planned"] = "planned"
    recounts = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        dispatch = case.dispatches[-1]
        before = [d.progress for d in case.dispatches if d.progress is not None]
        dispatch.progress = Progress({r.id: r for r in self.recipients}, self.onus)
        dispatch.progress.where, dispatch.progress.templates = self.where, self.templates
        dispatch.progress.refused.update(*(progress.refused for progress in before))
        dispatch.phase, dispatch.last_at = Phase.SENDING, at
        dispatch.facts = self.facts
        if self.unread:
            leave_out(book, case, self.unread)
        add_contacts(book, case, [recipient for recipient in self.recipients if recipient.skip is None])


@dataclass(frozen=True, slots=True)
class Intent(Event):
    """A send is about to leave. `claimed` is when, where a ledger that had lost that has it written again."""

    case: int
    recipient: str
    claimed: datetime | None = None
    kind: Literal["intent"] = "intent"

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        dispatch, id_ = case.dispatches[-1], self.recipient
        sends = dispatch.sends
        sends.intents[id_] = self.claimed or at
        sends.unlisted.pop(id_, None)
        dispatch.last_at = at
        recipient = sends.recipients[id_]
        add_contacts(book, case, (recipient,), dispatch)
        if not dispatch.dry_run and recipient.person is not None:
            spend(book.written, recipient.person, at)


@dataclass(frozen=True, slots=True)
class Result(Event):
    """What is known of a send. A later one for the same recipient replaces an `unknown` only."""

    case: int
    recipient: str
    outcome: Outcome
    reference: str | None = None
    reason: str | None = None
    kind: Literal["result"] = "result"
    late = of_a_send = True
    recounts = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        dispatch = case.dispatches[-1]
        sends = dispatch.sends
        known = sends.results.get(self.recipient)
        if known is not None and known.outcome is not Outcome.UNKNOWN:
            return
        dispatch.last_at = at
        receipt = _receipt((self.outcome, self.reference, self.reason, None))
        if self.reason == _UNCONFIRMED_BEFORE.reason and receipt == _UNCONFIRMED_BEFORE:
            receipt = receipt._replace(outcome=Outcome.UNCONFIRMED)
        if receipt.outcome in ARRIVED:
            sends.arrived(self.recipient, receipt)
        elif receipt.outcome in IN_DOUBT:
            sends.results[self.recipient] = receipt
            book.doubtful.setdefault(self.case, NO_DOUBTS)  # counted at the end
        else:
            self._did_not_leave(book, case, receipt)
        if dispatch.at_rest or known is not None:
            note_doubts(book, case)

    def _did_not_leave(self, book: Book, case: Case, receipt: Receipt) -> None:
        dispatch, sends = case.dispatches[-1], case.dispatches[-1].sends
        take_back(book.written, sends.recipients[self.recipient].person, sends.intents.get(self.recipient))
        if not sends.back_in_doubt(self.recipient):  # else a send before this one may have arrived
            sends.results[self.recipient] = receipt
            drop_contact(book, case, self.recipient)
            if dispatch.phase is Phase.FINISHED:  # an answer after the end
                give_back(book, case)


@dataclass(frozen=True, slots=True)
class Abandoned(Event):
    """It is known that nothing was sent for this intent, and the dispatch stops here: still to do.

    `reason` is the gateway's, where it refused what every other send would be refused for too.
    """

    case: int
    recipient: str
    reason: str | None = None
    kind: Literal["abandoned"] = "abandoned"
    late = of_a_send = True

    def apply(self, book: Book, at: datetime) -> None:
        sends = book.cases[self.case].dispatches[-1].sends
        person = sends.recipients[self.recipient].person if self.recipient in sends.recipients else None
        take_back(book.written, person, sends.intents.pop(self.recipient, None))
        if self.reason is not None:
            sends.refused.add(self.recipient)


@dataclass(frozen=True, slots=True)
class Spared(Event):
    """Somebody of the plan gets no message after all, for what came up since (`skip`)."""

    case: int
    recipient: str
    skip: Skip = Skip.COOLDOWN
    kind: Literal["spared"] = "spared"
    late = of_a_send = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        sends = case.dispatches[-1].sends
        if not sends.back_in_doubt(self.recipient):
            spared = replace(sends.recipients[self.recipient], skip=self.skip)
            sends.recipients[self.recipient] = spared
            drop_contact(book, case, self.recipient)


@dataclass(frozen=True, slots=True)
class Interrupted(Event):
    """A dispatch broke off while the program ran on: what was in flight is unknown, the rest to do.

    `reason` and `mend` say why and what to see to, where the gateway was the cause.
    """

    case: int
    reason: str | None = None
    mend: Mend | None = None
    kind: Literal["interrupted"] = "interrupted"
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        interrupt(book, case)
        dispatch = case.dispatches[-1]
        dispatch.broken, dispatch.end_reason, dispatch.mend = True, self.reason, self.mend


@dataclass(frozen=True, slots=True)
class Settled(Event):
    """A dispatch is over.

    Done, stopped by a person, halted by a refusal that hits every send, closed by a person after an
    interruption, given up because the alert could not be read, or not begun because the outage was over when
    its time came. (`cancelled` is Cancelled's own end.) `size` is that of the plan where it was given up
    because that was larger than what had been asked about.
    """

    case: int
    end: End
    reason: str | None = None
    by: Who | None = None
    mend: Mend | None = None
    size: Size | None = None
    kind: Literal["settled"] = "settled"
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        dispatch = finish(book, case, self.end, self.by, self.reason)
        dispatch.mend, dispatch.size = self.mend, self.size
        if dispatch.progress is not None:
            for recipient in dispatch.progress.close(LEFT_OVER[self.end], self.reason):
                drop_contact(book, case, recipient.id)
            dispatch.came_to = dispatch.came_to or (at, dispatch.progress.tally())
        give_back(book, case)
        note_doubts(book, case)
        if not dispatch.reached:
            ask_again(book, case)

    def ends(self, book: Book) -> Collection[int]:
        return (self.case,)


@dataclass(frozen=True, slots=True)
class Resolved(Event):
    """A person decided about sends whose end is unknown: they count as sent, or somebody calls."""

    case: int
    recipients: tuple[str, ...]
    choice: Choice
    by: Who
    kind: Literal["resolved"] = "resolved"
    late = of_a_send = True
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        sends = case.dispatches[-1].sends
        for recipient in self.recipients:
            if self.choice == "call":
                sends.calls[recipient] = self.by.name
            else:
                sends.arrived(recipient, Receipt(Outcome.ACCEPTED, reason="considered_sent"))
        note_doubts(book, case)

    def ends(self, book: Book) -> Collection[int]:
        return (self.case,)


@dataclass(frozen=True, slots=True)
class Resent(Event):
    """A person had sends whose end is unknown sent again, knowing that somebody may get two."""

    case: int
    recipients: tuple[str, ...]
    by: Who
    despite: tuple[Despite, ...] = ()
    kind: Literal["resent"] = "resent"
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        dispatch = case.dispatches[-1]
        dispatch.phase, dispatch.last_at, dispatch.resent_by = Phase.SENDING, at, self.by
        dispatch.end = dispatch.ended_at = dispatch.ended_by = dispatch.end_reason = dispatch.mend = None
        dispatch.answerable = (self.by,)
        dispatch.broken = False
        book.running.add(self.case)
        reserve(book, case, dispatch.ports_of(self.recipients))
        dispatch.sends.take_up_again(self.recipients)
        note_doubts(book, case)


@dataclass(frozen=True, slots=True)
class Evidence(Event):
    """What the gateway's own list says of a send whose end was unknown.

    With a `reference` it was sent (at `sent_at`, with the gateway's `status`); without, the list did not have
    it when it was asked, which proves nothing.
    """

    case: int
    recipient: str
    reference: str | None = None
    sent_at: datetime | None = None
    status: str | None = None
    kind: Literal["evidence"] = "evidence"
    late = of_a_send = True
    recounts = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        sends = case.dispatches[-1].sends
        if self.reference is None:
            sends.unlisted[self.recipient] = at
        elif sends.claims(self.recipient):
            sends.arrived(self.recipient, Receipt(Outcome.ACCEPTED, self.reference, "listed"))
            note_doubts(book, case)


def interrupt(book: Book, case: Case) -> None:
    """The case's dispatch breaks off: what is in flight is unknown. It ends where nothing is to do."""
    dispatch, progress = case.dispatches[-1], case.dispatches[-1].progress
    if progress is not None:
        # In their order: from a set the book, and a checkpoint of it, would be another in each process.
        for recipient in [one for one in progress.intents if one not in progress.results]:
            progress.results[recipient] = Receipt(Outcome.UNKNOWN, reason="interrupted")
        note_doubts(book, case)
    if dispatch.phase is Phase.STOPPING:  # a person stopped it: it does not go on
        book.take(Settled(case.id, "stopped"))
    elif progress is not None and not progress.todo():  # only its end was not written
        book.take(Settled(case.id, "done"))
    elif dispatch.phase is not Phase.INTERRUPTED:
        dispatch.phase = Phase.INTERRUPTED
        left_undone(book, case)


Line = Planned | Intent | Result | Abandoned | Spared | Interrupted | Settled | Resolved | Resent | Evidence
"""Every kind of this file."""
