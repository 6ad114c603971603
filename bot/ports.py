"""The small protocols that the flow needs. Each docstring is the contract its adapters are tested against."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from bot.domain.book import AuditEntry, Book
from bot.domain.customer import Affected, Contact, Link
from bot.domain.delivery import News
from bot.domain.events import Line
from bot.domain.incident import Inventory, Poll, Port
from bot.domain.limits.daily import Allowed
from bot.domain.limits.templates import Meaning, Template
from bot.domain.lookup.sought import Customer, Sought
from bot.domain.plan import Message, Receipt, Sent
from bot.domain.who import Who

Write = Callable[[Book, datetime], Sequence[Line]]
"""A rule that looks at the state and the time and says which lines to add, or raises `Declined`."""


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """Now, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class Source(Protocol):
    """An OLT manager. Never retries; raises TryLater, AnswerLost, Refused, LoginRefused, BadAnswer."""

    name: str

    async def open_incidents(self, within: float = 60.0) -> Poll:
        """Every open incident, all pages, within so many seconds.

        A page lost after the first, or not there in time, makes the poll incomplete.
        """

    async def affected(self, incident_id: str) -> Affected:
        """One incident's ONUs as they are now. NotFound where the source no longer knows it."""

    async def inventory(self) -> Inventory:
        """Every port that the source knows to have ONUs."""

    async def links(self, port: Port) -> Mapping[str, Link]:
        """The link status, as it is now, of every ONU on a port, by serial."""


class Directory(Protocol):
    """Customer records. Never retries; raises TryLater, AnswerLost, Refused, LoginRefused, BadAnswer."""

    async def customer(self, client_id: str) -> Contact | None:
        """The record of one customer, None where there is none."""


class Gateway(Protocol):
    """A WhatsApp sender. Never retries."""

    name: str

    async def send(self, message: Message) -> Receipt:
        """Send one message, once.

        A receipt says what is known: accepted, held, rejected (`halt` where every other send would be
        refused too) or unknown. TryLater means that nothing was sent and repeating is safe.
        """

    async def sent(self, first: datetime, last: datetime) -> Sequence[Sent] | None:
        """What the gateway itself lists as sent between two times, None where it keeps no list.

        A message that is missing proves nothing: lists lag. TryLater, AnswerLost, Refused, BadAnswer.
        """

    async def probe(self) -> str:
        """Ask whether the gateway can be reached, without sending; what it said, in a few words.

        TryLater where it cannot be reached, Refused where it refuses the key.
        """


@runtime_checkable
class OptOuts(Protocol):
    """A gateway that keeps a list of its own of who wants no messages."""

    async def opted_out(self) -> Sequence[str] | None:
        """Their phones (digits with country code), None where there is no such list here.

        TryLater, AnswerLost, Refused, BadAnswer.
        """


class Webhook(Protocol):
    """What a gateway tells by itself, over HTTP."""

    def challenge(self, query: str) -> str | None:
        """What to answer to who asks whether it is us, None where the one who asks does not know us."""

    def read(
        self, headers: Mapping[str, str], body: bytes, at: datetime, person: Callable[[str], str]
    ) -> Sequence[News]:
        """What a body tells, heard `at`; header names are in small letters, `person` as `Ledger.person`.

        Refused where it is not the gateway who says it, BadAnswer where it cannot be read.
        """


@runtime_checkable
class Templates(Protocol):
    """What is known of the messages' templates: a gateway that has any has this, too. Never retries."""

    async def templates(self) -> Mapping[str, Template] | None:
        """Those that are configured, by `Message.template`; None where the platform cannot be asked.

        It sends nothing. TryLater, AnswerLost, Refused, BadAnswer.
        """

    def fills(self, message: Message) -> Mapping[str, str]:
        """What the message puts into its template, by what stands in the braces there: `1`, or a name."""

    def means(self, event: str) -> Meaning:
        """What a notice (`TemplateNews.event`) says of a template."""


@runtime_checkable
class Allowance(Protocol):
    """How many people a gateway lets us write to: one that says that has this, too. Never retries."""

    async def allowance(self) -> Allowed | None:
        """What it says now, None where it cannot be asked. It sends nothing. Raises as `Templates`."""


class Ledger(Protocol):
    """The truth about everything decided and sent."""

    @property
    def book(self) -> Book:
        """The state as of the last line. Only the ledger changes it."""

    @property
    def closed(self) -> str | None:
        """Why nothing may be decided or sent, None while all is well."""

    async def commit(self, write: Write) -> Sequence[Line]:
        """Run `write` on the state, add its lines as one group, return them once they are durable.

        No other line comes between what `write` saw and what it added; `now` is never earlier than the
        last line. What `write` raises passes through and nothing is added; `Declined` comes once the lines
        are durable that it may name. LedgerClosed where the lines could not be made durable, or where
        `closed` and the lines are not observations.
        """

    def note(self, line: Line) -> None:
        """Add a line without waiting: durable with the next group or within 200 ms."""

    async def flush(self) -> None:
        """Return once every line added so far is durable. LedgerClosed where that cannot be."""

    def person(self, phone: str) -> str:
        """What the lines call whoever has a phone (digits with country code): who they are, and not which.

        It is the same with and without the ninth digit. LedgerClosed where that is not known.
        """


@dataclass(frozen=True, slots=True)
class Wish:
    """Which entries of the audit: all, those at a place whose name in small letters `place` takes, or those
    written from the first of two times until before the second.

    Refused taps and the plain ends of dispatches come where `refused` says "also", the former alone by
    "only".
    """

    place: Callable[[str], bool] | None = None
    between: tuple[datetime, datetime] | None = None
    refused: Literal["no", "also", "only"] = "no"


@dataclass(frozen=True, slots=True)
class Recalled:
    """Some of `total` entries of the audit, newest first, and a book that has the cases they are about."""

    book: Book
    entries: tuple[AuditEntry, ...]
    total: int


class History(Protocol):
    """What the ledger says of what the book does not hold any more. Declined where that cannot be told now.

    A book that it gives has a few cases as all of their lines made them; what is going on now is not in it.
    """

    async def case(self, number: int) -> Book:
        """A book with this case and the one of its second message. Declined where there is no such case."""

    async def audit(self, wish: Wish, skip: int, most: int) -> Recalled:
        """At most so many entries, without the newest `skip`."""

    async def customers(self, sought: Sought, called: str | None) -> Sequence[Customer]:
        """Who fits best of those in plans, as far as they are still known, and as far as seconds allow.

        `called` is what the lines call whoever has the phone that is sought, None where that is not known.
        """

    async def outages(self, customer: Customer, called: str | None) -> Book:
        """A book with the newest cases in whose plans a customer is; `called` as above, for theirs."""


class Inbox(Protocol):
    """What was told to us once and is not worked on yet: it outlives a crash."""

    async def keep(self, news: Sequence[News]) -> None:
        """Return once they are durable. OSError where that cannot be, or where too much waits already."""

    def done(self, news: Sequence[News]) -> None:
        """These (the very same objects) are worked on."""


class Limiter(Protocol):
    """The pace of a gateway, shared by everything that sends through it: how often, how many in flight."""

    def take(self) -> bool:
        """Whether one more message may leave right now: it is in flight then, until `landed`."""

    async def acquire(self) -> None:
        """The same, once it may; whoever asks first leaves first."""

    def landed(self, seconds: float | None = None, *, throttled: bool = False) -> None:
        """One is not in flight any more.

        `seconds` is how long the gateway took to accept it, or (`throttled`) to ask for less; None: it never
        left, or what came of it says nothing of the gateway's pace.
        """

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds` (the gateway said so)."""


class Staff(Protocol):
    """The people who may have something sent, as they are now."""

    async def still_may(self, who: Who) -> bool | None:
        """Whether this person may decide: asked now, not remembered. None where nobody can tell.

        Never raises; answers within seconds.
        """

    def contested(self) -> bool:
        """Whether a second program hears this one's people in its stead: it may be sending, too."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to say to the group once: a phrase of the words and what fills it."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


class NocChat(Protocol):
    """The NOC's group. Never raises, never blocks: what cannot be shown now is shown later, as it is then."""

    def show(self, case: int, *, urgent: bool = False) -> None:
        """The case's card is to show the case as it is. Urgent ones (decisions, results) go first."""

    def refresh(self) -> None:
        """Time has passed: open cards may be drawn again where there is room."""

    def say(self, notice: Notice) -> None:
        """Tell the group once."""


Spawn = Callable[[Awaitable[None]], None]
"""Run something beside what goes on; the composition root keeps it and waits for it at the stop."""
