"""What people decide: approve, deny, call off, go on, tell that service is back, and what was refused.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.book import Book, Event
from bot.domain.case import Case, Proposal, restored_of
from bot.domain.claims import finish, give_back, reserve
from bot.domain.dispatch import Despite, Dispatch, Phase
from bot.domain.incident import Kind, Port
from bot.domain.outages import ask_again
from bot.domain.plan import Outcome
from bot.domain.who import BOT, Who


@dataclass(frozen=True, slots=True)
class Approved(Event):
    """The claim on a case; it reserves the cooldown of its ports (not in a dry run).

    `template` is what the person saw and decided on: a kind that the source changes later sends no other;
    `mixed`: no kind dominates, so each customer gets the one of their own incident. `left_out` are ports of
    the case that may not be sent to now, `despite` what the person was warned of, `due` when it is to be
    sent (None: now), `first` who approved before, where two had to. `asked` is how many ONUs the card asked
    about (0: the source gave no count; None: written before this was kept), `agreed` the customers of a
    larger plan that the person was asked about and said yes to, `most` to how many of them it is sent, where
    today's limit holds no more.
    """

    case: int
    by: Who
    ports: tuple[Port, ...]
    dry_run: bool = False
    template: Kind = Kind.LOS
    mixed: bool = False
    left_out: tuple[Port, ...] = ()
    despite: tuple[Despite, ...] = ()
    due: datetime | None = None
    first: Who | None = None
    asked: int | None = None
    agreed: int | None = None
    most: int | None = None
    kind: Literal["approved"] = "approved"
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        if self.case not in book.cases and restored_of(self.case) in book.cases:
            Restoring(self.case, -self.case).apply(book, at)  # it left the book with a case that is one again
        case = book.cases[self.case]
        number = len(case.dispatches) + 1
        dispatch = Dispatch(number, self.by, at, at, self.ports, self.dry_run, self.template)
        dispatch.mixed, dispatch.left_out, dispatch.despite = self.mixed, self.left_out, self.despite
        dispatch.due, dispatch.first = self.due, self.first
        dispatch.asked, dispatch.agreed, dispatch.most = self.asked, self.agreed, self.most
        dispatch.answerable = (self.by,) if self.first is None else (self.first, self.by)
        if self.due is not None:
            dispatch.phase = Phase.SCHEDULED
        case.dispatches.append(dispatch)
        case.proposal = None
        book.running.add(self.case)
        reserve(book, case)

    def hears(self) -> bool:
        return self.by != BOT


@dataclass(frozen=True, slots=True)
class Denied(Event):
    """A person decided that nothing is sent."""

    case: int
    by: Who
    reason: str
    kind: Literal["denied"] = "denied"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        case.denied_by, case.denied_at, case.denied_reason = self.by, at, self.reason
        case.denied_words = ""
        case.proposal = None

    def ends(self, book: Book) -> Collection[int]:
        return (self.case,)

    def hears(self) -> bool:
        return self.by != BOT


@dataclass(frozen=True, slots=True)
class Cancelled(Event):
    """The approval was taken back before the plan: the case waits again, the cooldown is free."""

    case: int
    by: Who
    kind: Literal["cancelled"] = "cancelled"
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        give_back(book, case)
        finish(book, case, "cancelled", self.by)
        ask_again(book, case)


@dataclass(frozen=True, slots=True)
class StopAsked(Event):
    """A person stopped a dispatch; what was in flight still counts."""

    case: int
    by: Who
    kind: Literal["stop_asked"] = "stop_asked"
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        dispatch = book.cases[self.case].dispatches[-1]
        dispatch.phase, dispatch.ended_by = Phase.STOPPING, self.by


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """An interrupted dispatch goes on; `by` is None where it went on by itself.

    A person's word also takes up again those who could not be sent to (failed: nothing left).
    """

    case: int
    by: Who | None = None
    kind: Literal["resumed"] = "resumed"
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        dispatch = case.dispatches[-1]
        dispatch.phase = Phase.COUNTDOWN if dispatch.progress is None else Phase.SENDING
        dispatch.resumed, dispatch.last_at = dispatch.resumed + 1, at
        dispatch.resumed_by, dispatch.broken = self.by, False
        dispatch.answerable = dispatch.answerable if self.by is None else (self.by,)
        dispatch.end_reason = dispatch.mend = None
        if self.by is not None:
            dispatch.most = None  # who is left is told, as far as the limit goes by now
        if self.by is not None and dispatch.progress is not None:
            results = dispatch.progress.results.items()
            failed = [id_ for id_, receipt in results if receipt.outcome is Outcome.FAILED]
            dispatch.progress.take_up_again(failed)
        reserve(book, case)


@dataclass(frozen=True, slots=True)
class CooldownReleased(Event):
    """A person freed a port before its time, for them and the customers told through it."""

    port: Port
    by: Who
    reason: str
    kind: Literal["cooldown_released"] = "cooldown_released"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        book.reservations.pop(self.port.key, None)
        for key in [key for key, contact in book.contacts.items() if self.port.key in contact.ports]:
            del book.contacts[key]


@dataclass(frozen=True, slots=True)
class TapRefused(Event):
    """Somebody tapped or typed what they may not, or what no longer holds."""

    by: Who
    action: str
    why: str
    case: int | None = None
    kind: Literal["tap_refused"] = "tap_refused"
    late = True
    audited = True
    observed = True


@dataclass(frozen=True, slots=True)
class Proposed(Event):
    """The first of the two approvals that a large dispatch needs. `due`: it is to be sent then.

    `asked`, `agreed` and `most` are as in `events.Approved`.
    """

    case: int
    by: Who
    despite: tuple[Despite, ...] = ()
    due: datetime | None = None
    asked: int | None = None
    agreed: int | None = None
    most: int | None = None
    kind: Literal["proposed"] = "proposed"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        proposal = Proposal(self.by, at, self.despite, self.due, self.asked, self.agreed, self.most)
        book.cases[self.case].proposal = proposal


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    """The first of two took their approval back before the second came: the case waits as before."""

    case: int
    by: Who
    kind: Literal["withdrawn"] = "withdrawn"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        book.cases[self.case].proposal = None


@dataclass(frozen=True, slots=True)
class Begun(Event):
    """The time of a scheduled dispatch came, or a person (`by`) did not wait for it."""

    case: int
    by: Who | None = None
    kind: Literal["begun"] = "begun"
    audited = True
    of_a_dispatch = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        dispatch = case.dispatches[-1]
        dispatch.phase, dispatch.begun_at, dispatch.begun_by = Phase.COUNTDOWN, at, self.by
        dispatch.last_at = at
        if self.by is not None:
            dispatch.answerable = (self.by,)
        reserve(book, case)


@dataclass(frozen=True, slots=True)
class Unasked(Event):
    """Telegram could not be asked whether this person, on whose word customers are told, still may decide."""

    case: int
    by: Who
    kind: Literal["unasked"] = "unasked"
    audited = True
    of_a_dispatch = True


@dataclass(frozen=True, slots=True)
class Restoring(Event):
    """Case `case` is the second message of case `of`: its service is back. It has no card of its own."""

    case: int
    of: int
    kind: Literal["restoring"] = "restoring"

    def apply(self, book: Book, at: datetime) -> None:
        root = book.cases[self.of]
        book.cases[self.case] = Case(
            self.case, root.incident, at, root.card, members=dict(root.members), restores=self.of
        )
        book.cases[self.case].region = root.region


@dataclass(frozen=True, slots=True)
class Untold(Event):
    """A person decided that those who were warned are not told that service is back."""

    case: int
    by: Who
    kind: Literal["untold"] = "untold"
    late = True
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        case = book.cases[self.case]
        case.untold_by, case.untold_at = self.by, at


@dataclass(frozen=True, slots=True)
class DenialExplained(Event):
    """Why nothing is sent, in the words of the person who denied it for another reason than those offered."""

    case: int
    by: Who
    reason: str
    kind: Literal["denial_explained"] = "denial_explained"
    late = True
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        book.cases[self.case].denied_words = self.reason


Line = (
    Approved
    | Denied
    | Cancelled
    | StopAsked
    | Resumed
    | CooldownReleased
    | TapRefused
    | Proposed
    | Begun
    | Unasked
    | Restoring
    | Untold
    | DenialExplained
    | Withdrawn
)
"""Every kind of this file."""
