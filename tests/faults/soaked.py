"""What the soak needs: a gateway with faults that knows what it delivered, and what a process uses."""

import asyncio
import os
import random
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bot.domain.book import Book
from bot.domain.customer import Contact, Link, Onu
from bot.domain.plan import Message, Outcome, Receipt, Sent
from bot.errors import TryLater
from bot.ports import Notice
from tests.fakes import FakeSource, incident

LATENCY = 0.005  # seconds of an answer
LATE = 6.0  # seconds of one that is too late; far above what a busy machine takes for the others
# In a thousand requests; the others are accepted.
FAULTS = {
    "rejected": 30,
    "429": 2,
    "never left": 5,
    "lost answer": 10,
    "5xx": 10,
    "late answer": 2,
}
FIRST = 980_000_000  # the first customer's mobile, without country and area code


def source(dispatches: int, each: int) -> FakeSource:
    """So many outages with so many customers each, nobody in two of them."""
    made = FakeSource()
    for number in range(dispatches):
        what = incident(number + 1, place=f"1/{number + 1}", affected=each)
        made.incidents[what.id], made.onus[what.id] = what, []
        for n in range(number * each, (number + 1) * each):
            made.contacts[str(n)] = Contact(str(n), f"Cliente {n}", f"(61) {FIRST + n}")
            made.onus[what.id].append(Onu(f"ZTEG{n:08d}", str(n), f"Cliente {n}", Link.LOS))
    return made


class FaultyGateway:
    """Delivers what arrives, and answers as badly as gateways do. It is the truth about who has what.

    `delivered` counts by customer, `answered` is what the sender can know of each. Both have their size from
    the beginning, so that what grows is the bot's.
    """

    name = "faulty"

    def __init__(self, customers: int, seed: int, late: float = LATE) -> None:
        self.delivered, self.answered = bytearray(customers), [""] * customers
        self.faults: Counter[str] = Counter()
        self.requests = 0
        self._late = late
        self._rng = random.Random(seed)  # noqa: S311 - the same faults each time
        self._kinds, self._weights = list(FAULTS), list(FAULTS.values())

    async def send(self, message: Message) -> Receipt:
        """Deliver or not, answer or not."""
        customer = int(message.phone.removeprefix("5561")) - FIRST
        self.requests += 1
        kind = "accepted"
        if self._rng.random() * 1000 < sum(self._weights):
            [kind] = self._rng.choices(self._kinds, self._weights)
            self.faults[kind] += 1
        await asyncio.sleep(LATENCY)
        if kind == "429":
            raise TryLater("throttled", retry_after=0.05)
        if kind == "never left":
            raise TryLater("connect_timeout")
        if kind == "rejected":
            return self._answer(customer, Receipt(Outcome.REJECTED, reason="telefone invalido"))
        lost = kind in {"lost answer", "5xx"}
        if not lost or self._rng.random() < 0.5:
            self.delivered[customer] += 1
        if kind == "late answer":
            await asyncio.sleep(self._late)
        if lost:
            reason = "http_503" if kind == "5xx" else "reset"
            return self._answer(customer, Receipt(Outcome.UNKNOWN, reason=reason))
        return self._answer(customer, Receipt(Outcome.ACCEPTED, reference=str(self.requests)))

    def _answer(self, customer: int, receipt: Receipt) -> Receipt:
        self.answered[customer] = receipt.outcome
        return receipt

    async def sent(self, first: datetime, last: datetime) -> list[Sent] | None:
        """It keeps no list."""
        return None

    async def probe(self) -> str:
        """It is there."""
        return "faulty"


class QuietChat:
    """A group that nobody reads; counts what was to be shown."""

    def __init__(self) -> None:
        self.shown = 0

    def show(self, case: int, *, urgent: bool = False) -> None:
        """Count it."""
        self.shown += 1

    def refresh(self) -> None:
        """Nothing."""

    def say(self, notice: Notice) -> None:
        """Count it."""
        self.shown += 1


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process uses, and how many requests the gateway had by then."""

    at: float
    sent: int
    resident: int
    descriptors: int

    @classmethod
    def take(cls, at: float, sent: int) -> "Sample":
        """Of this process, now."""
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return cls(at, sent, pages * resource.getpagesize(), len(os.listdir("/proc/self/fd")))  # noqa: PTH208


@dataclass(frozen=True, slots=True)
class Growth:
    """From the median of the second quarter to that of the last."""

    sent: float
    resident: float
    descriptors: float

    @classmethod
    def of(cls, samples: list[Sample]) -> "Growth":
        """At least eight samples."""
        quarter = len(samples) // 4
        parts = samples[quarter : 2 * quarter], samples[-quarter:]

        def grown(use: Callable[[Sample], int]) -> float:
            before, after = (median(map(use, part)) for part in parts)
            return after - before

        return cls(grown(lambda s: s.sent), grown(lambda s: s.resident), grown(lambda s: s.descriptors))


def kept(book: Book) -> int:
    """Bytes of what a book remembers of its sends: intents, results, who was told. Nothing twice."""
    seen: set[int] = set()
    dispatches = [dispatch for case in book.cases.values() for dispatch in case.dispatches]
    plans = [dispatch.progress for dispatch in dispatches if dispatch.progress is not None]
    roots = [part for plan in plans for part in (plan.intents, plan.results)] + [book.contacts]
    return sum(_size(root, seen) for root in roots)


def _size(thing: Any, seen: set[int]) -> int:
    if id(thing) in seen or thing is None or isinstance(thing, Outcome):
        return 0
    seen.add(id(thing))
    return sys.getsizeof(thing) + sum(_size(part, seen) for part in _parts(thing))


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, dict):
        yield from thing.keys()
        yield from thing.values()
    elif isinstance(thing, tuple):
        yield from thing
    else:
        yield from (getattr(thing, name) for name in getattr(type(thing), "__slots__", ()))
