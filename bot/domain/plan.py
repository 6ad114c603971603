"""The frozen list of who gets what and who is skipped for which reason, and how each one ended."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Literal, NamedTuple

from bot.domain.delivery import NOTHING_KNOWN, Arrival, Arrived, Delivery, count
from bot.domain.incident import Kind
from bot.domain.lookup.places import NOWHERE, Where
from bot.domain.phone import phone_key

LATELY = timedelta(seconds=5)


class Skip(StrEnum):
    """Why somebody in the plan gets no message."""

    ONLINE = "online"
    NO_RECORD = "no_record"
    LOOKUP_FAILED = "lookup_failed"
    NO_PHONE = "no_phone"
    LANDLINE = "landline"
    BAD_PHONE = "bad_phone"
    FOREIGN = "foreign"
    SAME_PHONE = "same_phone"
    COOLDOWN = "cooldown"
    TOLD = "told"
    OVER = "over"
    STOPPED = "stopped"
    CLOSED = "closed"
    STILL_DOWN = "still_down"
    ON_AGAIN = "on_again"
    FORGOTTEN = "forgotten"
    OPTED_OUT = "opted_out"
    BLOCKED = "blocked"
    SUSPENDED = "suspended"
    ENDED = "ended"
    NO_SERVICE = "no_service"


class Outcome(StrEnum):
    """How one send ended, by what can be known (bot/docs/promises.md).

    UNCONFIRMED is an answer of success that does not say whether the message was taken.
    """

    ACCEPTED = "accepted"
    UNCONFIRMED = "unconfirmed"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"


IN_DOUBT = frozenset({Outcome.UNKNOWN, Outcome.UNCONFIRMED})
"""Outcomes after which somebody may have a message, or not: a person decides, or the gateway's own list."""

REACHED = frozenset({Outcome.ACCEPTED, Outcome.HELD}) | IN_DOUBT
"""Outcomes after which somebody may have a message: the cooldown stays."""

ARRIVED = frozenset({Outcome.ACCEPTED, Outcome.HELD})
"""Outcomes after which the gateway surely has a message."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One customer (or one ONU without a customer) of a plan; `skip` is None for who gets a message.

    `ports` are the keys of the ports they are on, where the plan has several; `template` is theirs where no
    kind dominates the case. `person` is what whoever has the phone is called (`Ledger.person`): who was told
    is known by it. Name and phone stand apart from it, and have an end: without them it still holds.
    """

    id: str
    name: str = ""
    serials: tuple[str, ...] = ()
    phone: str | None = None
    skip: Skip | None = None
    ports: tuple[str, ...] = ()
    template: Kind | None = None
    person: str | None = None

    def __post_init__(self) -> None:
        """Whom nobody named is called by their phone."""
        if self.person is None and self.phone is not None:
            object.__setattr__(self, "person", phone_key(self.phone))


@dataclass(frozen=True, slots=True)
class Size:
    """How many customers a plan is for, how many ONUs they have, and how many had been asked about."""

    onus: int
    customers: int
    asked: int = 0


GROWN = "grown"
"""Why a dispatch was given up whose plan was larger than what was asked about."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What may fill a template's variables, as it was when the plan was made (`Message`)."""

    started: datetime | None = None
    eta: datetime | None = None
    ended: datetime | None = None
    cause: str = ""


NO_FACTS = Facts()
RESTORED = "RESTORED"
"""The template that tells that service is back; the others are named after the kind of outage."""


def of_region(family: str, region: str) -> str:
    """What messages call a region's own template for that (`Message.template`)."""
    return f"{family}.{region}"


def family_of(template: str) -> str:
    """What it is for: LOS, POWER or RESTORED."""
    return template.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Used:
    """A template that the case's region has of its own: what messages call it, and its name there."""

    template: str
    name: str


@dataclass(frozen=True, slots=True)
class Message:
    """What a gateway is asked to send: one template to one phone (digits with country code).

    `about` stands for the send in what the gateway tells of it later (`bot.domain.delivery.opaque`).
    `template` is LOS, POWER or RESTORED, or a region's own for that (`of_region`). The rest may fill the
    template's variables: when the outage began and ended, when it is expected to end (None: nobody said), and
    its cause in a person's words (empty: nobody said).
    """

    recipient: str
    phone: str
    name: str
    template: str
    started: datetime | None = None
    eta: datetime | None = None
    ended: datetime | None = None
    cause: str = ""
    about: str = ""


Mend = Literal["key", "template", "url", "gateway", "answers", "refusal"]
"""What a person has to see to before a dispatch that stopped itself can go on: also answers that say nothing,
and a refusal that is not known here.
"""


Choice = Literal["sent", "call"]
"""What a person may decide about a send whose end is unknown: it counts as sent, or they call."""


class Receipt(NamedTuple):
    """What a gateway's answer says. `reference` is its id; `halt`: what every other send fails for."""

    outcome: Outcome
    reference: str | None = None
    reason: str | None = None
    halt: Mend | None = None


BROKEN_OFF = Receipt(Outcome.UNKNOWN, reason="interrupted")
"""What is known of a send whose machine was lost with it: it may have left. It is no news of the gateway."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on the gateway's own list of what it sent: its id, to whom, when (UTC), its state there.

    `arrival` is what that state says, None where nobody knows what it means.
    """

    reference: str
    phone: str
    at: datetime
    status: str
    arrival: Arrival | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts that add up to the plan. `arrived` says of how many of those sent more is known.

    `where` its customers are that were down.
    """

    planned: int
    outcomes: Mapping[Outcome, int]
    skipped: Mapping[Skip, int]
    todo: int
    arrived: Arrived = NOTHING_KNOWN
    where: Where = NOWHERE

    @property
    def done(self) -> int:
        """How many sends have an outcome."""
        return sum(self.outcomes.values())

    @property
    def to_send(self) -> int:
        """How many were meant to get a message."""
        return self.done + self.todo


class Doubts(NamedTuple):
    """How many sends of a plan may have arrived: `undecided` ones, of which `unconfirmed` brought an answer
    of success that does not say so, and those of whom somebody said that they call.
    """

    undecided: int = 0
    unconfirmed: int = 0
    calls: int = 0


NO_DOUBTS = Doubts()


@dataclass(slots=True)
class Progress:
    """A plan and what became of it so far.

    `intents` holds when each request was claimed; `calls` who calls an unknown one (a name), `unlisted`
    when the gateway's own list was found not to have them. `doubted` are the claims and receipts of unknown
    sends that were repeated: where a repetition comes to nothing, the doubt about the one before is back.
    `refused` are those at whose send the dispatch stopped itself: they come last when it goes on, so that one
    customer whom the gateway takes for no reason that we know keeps nobody else waiting. `deliveries` is what
    receipts said, `repeated` who was sent to again after a send that may have arrived. `templates` are those
    that the case's region had of its own when the plan was made. `kept` are the counts of a plan of which
    nothing else is left.
    """

    recipients: dict[str, Recipient]
    onus: int
    intents: dict[str, datetime] = field(default_factory=dict)
    results: dict[str, Receipt] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    unlisted: dict[str, datetime] = field(default_factory=dict)
    doubted: dict[str, list[tuple[datetime, Receipt]]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    repeated: dict[str, None] = field(default_factory=dict)
    kept: Tally | None = None
    where: Where = NOWHERE
    templates: tuple[Used, ...] = ()

    def called(self, family: str) -> str:
        """What the plan calls the template for that, whether or not there still is one of that name."""
        return next((one.template for one in self.templates if family_of(one.template) == family), family)

    def pace(self, now: datetime) -> float:
        """How many a second left lately; 0 where that was for less than a second, which tells nothing."""
        lately = list(takewhile(lambda at: now - at <= LATELY, reversed(self.intents.values())))
        seconds = (now - lately[-1]).total_seconds() if lately else 0.0
        return (len(lately) - 1) / seconds if seconds >= 1 else 0.0

    def shorten(self) -> None:
        """Nothing is left of it but its counts."""
        self.kept = self.tally()
        of_recipients = (self.recipients, self.intents, self.results, self.calls, self.unlisted)
        for part in (*of_recipients, self.doubted, self.deliveries, self.repeated):
            part.clear()
        self.refused.clear()

    def todo(self) -> list[Recipient]:
        """Those who should get a message, for whom no intent was written and nothing else is known."""
        tried = self.intents.keys() | self.results.keys()
        left = [r for r in self.recipients.values() if r.skip is None and r.id not in tried]
        return sorted(left, key=lambda r: r.id in self.refused) if self.refused else left

    def in_doubt(self) -> list[Recipient]:
        """Those whose send may have arrived and about whom nobody decided yet, in the plan's order."""
        unknown = {id_ for id_, receipt in self.results.items() if receipt.outcome in IN_DOUBT}
        return [r for r in self.recipients.values() if r.id in unknown and r.id not in self.calls]

    def doubts(self) -> Doubts:
        """How many those are; who is to be called is counted apart."""
        unknown = {id_: one.outcome for id_, one in self.results.items() if one.outcome in IN_DOUBT}
        open_ = [outcome for id_, outcome in unknown.items() if id_ not in self.calls]
        return Doubts(len(open_), open_.count(Outcome.UNCONFIRMED), len(unknown) - len(open_))

    def undelivered(self, recipient: str) -> bool:
        """Whether a receipt said that the message did not arrive, and none that it did."""
        known = self.deliveries.get(recipient)
        return known is not None and known.arrival is Arrival.UNDELIVERED

    def take_up_again(self, recipients: Iterable[str]) -> None:
        """They are to do again, as if no request had been claimed for them."""
        for recipient in recipients:
            claimed, known = self.intents.pop(recipient, None), self.results.pop(recipient)
            if known.outcome in IN_DOUBT and claimed is not None:
                self.doubted.setdefault(recipient, []).append((claimed, known))
                self.repeated[recipient] = None
            self.calls.pop(recipient, None)
            self.unlisted.pop(recipient, None)

    def back_in_doubt(self, recipient: str) -> bool:
        """Whether a send before this one may have arrived: then that is what is known of them again."""
        before = self.doubted.get(recipient)
        if not before:
            return False
        self.intents[recipient], self.results[recipient] = before.pop()
        return True

    def arrived(self, recipient: str, receipt: Receipt) -> None:
        """One of the sends to them arrived: no doubt is left, and nothing to do."""
        self.doubted.pop(recipient, None)
        self.results[recipient] = receipt

    def claims(self, recipient: str) -> tuple[datetime, ...]:
        """When each send to them that may have arrived was claimed; empty where none may."""
        known = self.results.get(recipient)
        doubtful = known is not None and known.outcome in IN_DOUBT
        before = tuple(claimed for claimed, _ in self.doubted.get(recipient, ()))
        return (*before, self.intents[recipient]) if doubtful else before if known is None else ()

    def close(self, left_over: Skip | Outcome, reason: str | None) -> list[Recipient]:
        """What those never tried count as from now on; gives those of them who surely have no message."""
        untried = [r for r in self.todo() if not self.back_in_doubt(r.id)]
        for r in untried:
            if isinstance(left_over, Skip):
                self.recipients[r.id] = replace(r, skip=left_over)
            else:
                self.results[r.id] = Receipt(left_over, reason=reason)
        return untried

    @property
    def doubtful(self) -> bool:
        """Whether a send of it may have arrived, or not: somebody may call, or the gateway be asked."""
        return any(self.doubted.values()) or any(r.outcome in IN_DOUBT for r in self.results.values())

    @property
    def reached(self) -> bool:
        """Whether somebody has, or may have, a message. Asked at each poll: it counts nobody."""
        if self.kept is not None:
            return not REACHED.isdisjoint(self.kept.outcomes)
        return any(self.doubted.values()) or any(r.outcome in REACHED for r in self.results.values())

    def reached_ids(self) -> set[str]:
        """Who has, or may have, a message."""
        reached = {id_ for id_, receipt in self.results.items() if receipt.outcome in REACHED}
        return reached | {id_ for id_, before in self.doubted.items() if before}

    def tally(self) -> Tally:
        """The counts."""
        if self.kept is not None:
            return self.kept
        skipped = Counter(r.skip for r in self.recipients.values() if r.skip is not None)
        outcomes = Counter(receipt.outcome for receipt in self.results.values())
        todo = len(self.recipients) - skipped.total() - outcomes.total()
        arrived = count(self.deliveries.values())
        return Tally(len(self.recipients), outcomes, skipped, todo, arrived, self.where)


def reasons(receipts: Iterable[Receipt], outcome: Outcome) -> Counter[str]:
    """How often each reason was given for an outcome."""
    return Counter(r.reason or "" for r in receipts if r.outcome is outcome)
