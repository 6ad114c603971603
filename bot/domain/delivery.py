"""What is known of a message behind the gateway's yes: whether the customer's phone has it."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Arrival(StrEnum):
    """What a receipt says of one message, least first: what is known of it never becomes less."""

    SENT = "sent"
    """It has left the gateway: that settles a doubt, and is worth no line without one."""
    UNDELIVERED = "undelivered"
    RECEIVED = "received"
    READ = "read"

    @property
    def rank(self) -> int:
        """How much it says. A phone that has the message has it, whatever was said of it before."""
        return _RANKS.index(self)


_RANKS = (Arrival.SENT, Arrival.UNDELIVERED, Arrival.RECEIVED, Arrival.READ)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was learnt of a message last, when, and why it did not arrive (a code of the words)."""

    arrival: Arrival
    at: datetime
    reason: str | None = None


class Place(NamedTuple):
    """One send: a recipient of a case's `attempt`-th dispatch."""

    case: int
    attempt: int
    recipient: str


def opaque(key: str | None, place: Place) -> str:
    """What stands in a message for its send, so that a receipt can say which it is about.

    `key` is the ledger's (`Book.key`): another bot at the same number counts its cases from 1, too.
    """
    return f"{key or ''}.{place.case}.{place.attempt}.{place.recipient}"


def place_in(text: str, key: str | None) -> Place | None:
    """The send that a text made by `opaque` stands for; None for any other, and another ledger's."""
    parts = text.split(".", 3)
    if len(parts) != 4 or parts[0] != (key or ""):  # noqa: PLR2004 - as many as `opaque` joins
        return None
    try:
        return Place(int(parts[1]), int(parts[2]), parts[3])
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class DeliveryNews:
    """What a gateway told of one message: by its id (`Receipt.reference`), or by our own `opaque` text.

    It says nothing of whom it was for. `at` is when we heard it.
    """

    reference: str
    arrival: Arrival
    at: datetime
    about: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StopNews:
    """A customer (`Ledger.person`) wrote that they want no messages, in this one of the words for it."""

    person: str
    word: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TemplateNews:
    """What a gateway told of a template: what happened to it (its own word) and why; None: its language."""

    name: str
    event: str
    at: datetime
    language: str | None = None
    reason: str | None = None


News: TypeAlias = DeliveryNews | StopNews | TemplateNews
"""What a gateway tells by itself, after the sends."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """How many messages arrived: `received` includes those that were read, `undelivered` counts by reason."""

    received: int = 0
    read: int = 0
    undelivered: Mapping[str, int] = field(default_factory=dict)

    @property
    def known(self) -> int:
        """Of how many anything is known."""
        return self.received + sum(self.undelivered.values())


NOTHING_KNOWN = Arrived()


def count(deliveries: Collection[Delivery]) -> Arrived:
    """The counts."""
    found = Counter(one.arrival for one in deliveries)
    if not found:
        return NOTHING_KNOWN
    failed = Counter(one.reason or "" for one in deliveries if one.arrival is Arrival.UNDELIVERED)
    return Arrived(found[Arrival.RECEIVED] + found[Arrival.READ], found[Arrival.READ], failed)
