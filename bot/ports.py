"""The small protocols that the flow needs. Each docstring is the contract its adapters are tested against."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Literal, Protocol, runtime_checkable

from bot.domain.book import AuditEntry, Book
from bot.domain.customer import Affected, Answered, Contact, Link, Onu
from bot.domain.delivery import DeliveryNews, News
from bot.domain.events import Change, Line
from bot.domain.figures.past import Cases, Choices, Past, Which
from bot.domain.incident import Inventory, Poll, Port
from bot.domain.limits.daily import Allowed
from bot.domain.limits.templates import Meaning, Template
from bot.domain.lookup.sought import Customer, Sought
from bot.domain.plan import Message, Receipt, Sent
from bot.domain.regional import Whose
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
    """Who knows more of what is down. Never retries; raises TryLater, AnswerLost, Refused, LoginRefused,
    BadAnswer.
    """

    name: str

    async def affected(self, incident_id: str) -> Affected:
        """One incident's ONUs as they are now. NotFound where the source no longer knows it."""

    async def inventory(self) -> Inventory:
        """Every port that the source knows to have ONUs."""

    async def links(self, port: Port) -> Mapping[str, Link]:
        """The link status, as it is now, of every ONU on a port, by serial."""


class Polled(Source, Protocol):
    """Who says what is down.

    `ids` is how the ids of its incidents begin (`system:account:`), empty where they hold no `:`; the keys of
    its ports begin with the same, `/` for `:`. `every` is the seconds between two polls, None for what the
    settings say. `ahead`: whether it may be asked about outages that nobody has decided on.
    """

    ids: str
    every: float | None
    ahead: bool

    async def open_incidents(self, within: float = 60.0) -> Poll:
        """Every open incident, all pages, within so many seconds.

        A page lost after the first, or not there in time, makes the poll incomplete.
        """


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of what somebody pushed was taken, how much says nothing, whether some found no room."""

    accepted: int
    ignored: int
    full: bool = False


@runtime_checkable
class Pushed(Polled, Protocol):
    """A source that is told what is down (at `path`, over HTTP): a poll brings what it was told."""

    path: str

    async def hear(self, headers: Mapping[str, str], body: bytes) -> Heard:
        """Take in what somebody says; it is durable then. Header names are in small letters.

        Refused where it is not the sender who says it, BadAnswer where nothing of it can be read, TryLater
        where they come too often or it cannot be kept, OSError where the disk does not take it.
        """


@runtime_checkable
class Budgeted(Protocol):
    """A source that tells how many more requests it takes for now."""

    def remaining(self) -> int | None:
        """As its last answer said, None where that is too long ago to say anything."""


class Directory(Protocol):
    """Whose ONU it is, how they are reached, and whether they have service. Never retries.

    `at_once` is how many ONUs it may be asked about at one time.
    """

    name: str
    at_once: int

    def subject(self, onu: Onu) -> str | None:
        """What it knows an ONU by: two with one subject have one record. None: by the source's client id."""

    async def customers(self, onus: Sequence[Onu]) -> Answered:
        """What it says of these ONUs, each with another `Onu.key`; raises nothing.

        A record is that of the one who was asked about, beyond doubt. None says that it has none; who could
        not be asked about, or was answered with something else, is in none of the records. `error` then says
        why: TryLater, AnswerLost, Refused, LoginRefused or BadAnswer.
        """


@runtime_checkable
class ByPort(Protocol):
    """A directory that knows on which port an ONU is. Never retries."""

    async def on_port(self, port: Port) -> Mapping[str, Contact | None]:
        """The records of all that it has on a port now, by their ONU's serial; None: of nobody it knows.

        Who is somewhere else by now is not in it, and it is never a part of them: TryLater, AnswerLost,
        Refused, LoginRefused or BadAnswer where it is not all of them, NotFound where it does not know the
        port beyond doubt.
        """


class Customers(Protocol):
    """Customer records by the source's own client ids. Never retries; raises what a source raises."""

    name: str

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


class Carrier(Protocol):
    """Whatever a message goes by: a gateway, or those of several machines."""

    async def send(self, message: Message) -> Receipt:
        """As `Gateway.send`."""


class Fleet(Carrier, Protocol):
    """Several machines' gateways, of which each message goes by one."""

    @property
    def machines(self) -> int:
        """How many send now."""


@runtime_checkable
class OptOuts(Protocol):
    """A gateway that keeps a list of its own of who wants no messages."""

    async def opted_out(self) -> Sequence[str] | None:
        """Their phones (digits with country code), None where there is no such list here.

        TryLater, AnswerLost, Refused, BadAnswer.
        """


@runtime_checkable
class Tracking(Protocol):
    """A gateway that says of one message, when it is asked for it, what became of it. Never retries."""

    async def track(self, reference: str, at: datetime) -> DeliveryNews | None:
        """What it says, heard `at`, of the message that it calls so (`Receipt.reference`); None: nothing yet.

        It sends nothing. TryLater, AnswerLost, BadAnswer, Refused; NotFound where it has none of that id.
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
    def patience(self) -> float | None:
        """Seconds after which who decides is told that nobody knows yet; None: a disk answers, or fails."""

    @property
    def closed(self) -> str | None:
        """Why nothing may be decided or sent, None while all is well.

        Where it is so only for now (`Closed.code` is "away") rules wait until it is over.
        """

    @property
    def kept(self) -> Sequence[Sequence[Line]]:
        """Lines that were durable and that the ledger lacks now, by each time that it lost some.

        They wait for who confirms it.
        """

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

    Refused taps, the plain ends of dispatches and who opened a page come where `refused` says "also", the
    first of them alone by "only". `whose`: those about these NOCs' cases and OLTs, and about nobody's.
    """

    place: Callable[[str], bool] | None = None
    between: tuple[datetime, datetime] | None = None
    refused: Literal["no", "also", "only"] = "no"
    whose: Whose | None = None


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

    async def customers(
        self, sought: Sought, called: str | None, whose: Whose | None = None
    ) -> tuple[Sequence[Customer], bool]:
        """Who fits best of those in plans (of cases that are theirs), as far as they are still known, with
        cases of anybody's, and whether older ones were not looked at, as that would have taken more than
        seconds.

        `called` is what the lines call whoever has the phone that is sought, None where that is not known.
        """

    async def outages(self, customer: Customer, called: str | None) -> tuple[Book, bool]:
        """A book with the newest cases in whose plans a customer is, and whether older ones were not looked
        at; `called` as above, for theirs.
        """

    async def regions(self, cases: Collection[int]) -> frozenset[str]:
        """Whose these cases are; the empty name is that of none's."""


class Chronicle(Protocol):
    """Every case there ever was, in rows. Declined where that cannot be told now.

    Rows of before that are not made yet are counted as `unread`: after an update of the program that takes a
    while, the newest come first.
    """

    async def cases(self, which: Which, skip: int, most: int) -> Cases:
        """At most so many of those that are meant, newest first, without the newest `skip`."""

    async def choices(self) -> Choices:
        """What they can be chosen by."""

    async def figures(self, which: Which, first: date, last: date, zone: tzinfo) -> Past:
        """What those that are meant come to, by the local days from `first` to `last`, which they were
        opened on.
        """


class Reports(Protocol):
    """What takes seconds of reading, made beside the program."""

    async def month(self, month: str) -> tuple[str, bytes]:
        """A month's interruptions (`2026-11`): a summary for people, and the rows as CSV. Declined where that
        cannot be had, or one is being made.
        """


class Pictures(Protocol):
    """Drawings as pictures, made beside the program."""

    async def drawn(self, svg: str) -> bytes | None:
        """The drawing as a PNG; None where none can be had now. Never raises; answers within seconds."""


@dataclass(frozen=True, slots=True)
class Reread:
    """What came of reading the settings again: what holds now, and the names of what takes a restart.

    Where there are `problems` (a line each, never with a value) nothing has changed. Of `overruled` the
    environment says something else than `.env`, and wins. `fixed`: there is no `.env` here, so all comes from
    the environment, which stays as it was at the start.
    """

    changes: Sequence[Change] = ()
    restart: Sequence[str] = ()
    problems: Sequence[str] = ()
    overruled: Sequence[str] = ()
    fixed: bool = False


Reload = Callable[[Who], Awaitable[Reread]]
"""Read the settings again, because of that person; LedgerClosed where that cannot be recorded."""


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

    async def still_may(self, who: Who, region: str = "") -> bool | None:
        """Whether this person may decide on a region's cases: asked now, not remembered. None where nobody
        can tell.

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
