"""Small fakes with a language of their own, for the ports that a test does not drive over real HTTP."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.domain.customer import Affected, Answered, Contact, Link, Onu
from bot.domain.delivery import News
from bot.domain.incident import Incident, Inventory, Kind, OddRow, Poll, Port, Pushes
from bot.domain.limits.daily import Allowed
from bot.domain.limits.templates import Meaning, Template, Trouble
from bot.domain.plan import Message, Outcome, Receipt, Sent
from bot.domain.who import Who
from bot.errors import BadAnswer, BotError, NotFound
from bot.ports import Notice

NOON = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)  # 12:00 in São Paulo
ANA, BRUNO = Who(1, "Ana"), Who(2, "Bruno")


class FakeClock:
    """Time that passes only when a test says so, or at once for whoever sleeps (`auto`)."""

    def __init__(self, start: datetime = NOON, *, auto: bool = False) -> None:
        self.time, self.ticks, self.auto = start, 0.0, auto
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        if self.auto:
            self._pass(seconds)
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.ticks + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass, wake who slept until then, and let everything that follows run."""
        await settled()
        until = self.ticks + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, woken = heapq.heappop(self._sleepers)
            self._pass(at - self.ticks)
            if not woken.done():
                woken.set_result(None)
            await settled()
        self._pass(until - self.ticks)

    @property
    def slept(self) -> int:
        """How many sleep now."""
        return len(self._sleepers)

    def _pass(self, seconds: float) -> None:
        self.ticks += seconds
        self.time += timedelta(seconds=seconds)


async def settled() -> None:
    """Every callback that is ready, and what it makes ready, has run."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(50):  # what wakes itself again and again is no reason to stay
        await asyncio.sleep(0)
        if not ready:
            return


def port(place: str = "6/15", olt: str = "CB 01") -> Port:
    return Port(f"{olt}:{place}", olt, place)


def incident(
    number: int | str = 1,
    kind: Kind = Kind.LOS,
    place: str = "6/15",
    affected: int | None = 3,
    *,
    ignored: bool = False,
    started: datetime = NOON - timedelta(minutes=12),
    olt: str = "CB 01",
) -> Incident:
    alert = {Kind.LOS: "pon_loss", Kind.POWER: "pon_no_power", Kind.OTHER: "pon_attenuation"}[kind]
    return Incident(str(number), kind, alert, port(place, olt), started, affected, 61, None, ignored)


@dataclass
class FakeSource:
    """A source and directory in one. `outage` adds an incident with its customers.

    `unreadable` are incident ids whose alert cannot be read, and port keys whose links cannot. Records come
    once `held` is set; `most_asking` were asked for at one time.
    """

    name: str = "fake"
    ids: str = ""
    every: float | None = None
    ahead: bool = True
    incidents: dict[str, Incident] = field(default_factory=dict)
    onus: dict[str, list[Onu]] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    repaired: set[str] = field(default_factory=set)
    poll_errors: list[Exception] = field(default_factory=list)
    read_errors: list[Exception] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    read: list[str] = field(default_factory=list)
    customer_errors: dict[str, list[Exception]] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    held: asyncio.Event | None = None
    asking: int = 0
    most_asking: int = 0
    gate: asyncio.Event | None = None
    hangs: asyncio.Event | None = None
    complete: bool = True
    skipped: tuple[OddRow, ...] = ()
    nameless: int = 0
    closed: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    pushed: Pushes | None = None
    ports: dict[str, frozenset[str]] = field(default_factory=dict)
    back: set[str] = field(default_factory=set)
    link_errors: list[Exception] = field(default_factory=list)
    known: dict[str, Incident] = field(default_factory=dict)

    def outage(self, what: Incident, customers: int = 3, first: int = 100) -> Incident:
        self.incidents[what.id] = what
        self.repaired.discard(what.id)
        self.onus[what.id] = []
        for n in range(first, first + customers):
            self.contacts[str(n)] = Contact(str(n), f"Cliente {n}", f"(61) 99{n:03d}-{n:04d}")
            self.onus[what.id].append(Onu(f"ZTEG{n:08d}", str(n), f"Cliente {n}", Link.LOS))
        return what

    def repair(self, number: int | str) -> None:
        self.unlist(number)
        self.repaired.add(str(number))

    def unlist(self, number: int | str) -> None:
        """It is on, and the list does not have it."""
        self.known[str(number)] = self.incidents.pop(str(number))

    async def open_incidents(self, within: float = 60.0) -> Poll:
        if self.hangs is not None:
            await self.hangs.wait()
        if self.poll_errors:
            raise self.poll_errors.pop(0)
        seen = frozenset(self.incidents)
        self.repaired -= seen
        self.known |= self.incidents
        incidents = tuple(self.incidents.values())
        known = (self.complete, self.skipped, self.nameless, self.closed, self.unseen, self.away)
        return Poll(incidents, seen, *known, pushed=self.pushed)

    async def affected(self, incident_id: str) -> Affected:
        if self.gate is not None:
            await self.gate.wait()
        self.read.append(incident_id)
        if self.read_errors:
            raise self.read_errors.pop(0)
        if incident_id in self.unreadable:
            raise BadAnswer("html")
        if incident_id not in self.onus:
            raise NotFound("no such alert")
        over = incident_id in self.over or incident_id in self.repaired - self.incidents.keys()
        return Affected(tuple(self.onus[incident_id]), over)

    async def inventory(self) -> Inventory:
        return self.ports

    async def links(self, port: Port) -> dict[str, Link]:
        """The ONUs of the port's incidents, over or not, as they were then; those in `back` are online."""
        if self.gate is not None:
            await self.gate.wait()
        if self.link_errors:
            raise self.link_errors.pop(0)
        if port.key in self.unreadable:
            raise BadAnswer("html")
        here = [what.id for what in (self.known | self.incidents).values() if what.port.key == port.key]
        onus = [onu for number in here for onu in self.onus.get(number, ())]
        return {onu.serial: Link.ONLINE if onu.serial in self.back else onu.link for onu in onus}

    async def customer(self, client_id: str) -> Contact | None:
        self.looked_up.append(client_id)
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        try:
            await (self.held.wait() if self.held is not None else asyncio.sleep(0))
        finally:
            self.asking -= 1
        errors = self.customer_errors.get(client_id)
        if errors:
            raise errors.pop(0)
        return self.contacts.get(client_id)


@dataclass
class FakeErp:
    """A directory by serial that is asked about many at once. `away`: errors, one for each call.

    `unanswered` are serials that it never says anything about, for the reason `why`. `asked` are the serials
    of each call, which is answered once the `gate` is open.
    """

    name: str = "erp"
    at_once: int = 100
    records: dict[str, Contact] = field(default_factory=dict)
    away: list[BotError] = field(default_factory=list)
    unanswered: set[str] = field(default_factory=set)
    why: BotError | None = None
    asked: list[list[str]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    def subject(self, onu: Onu) -> str:
        return f"onu {onu.serial}"

    async def customers(self, onus: Sequence[Onu]) -> Answered:
        self.asked.append([onu.serial for onu in onus])
        await (self.gate.wait() if self.gate is not None else asyncio.sleep(0))
        if self.away:
            return Answered({}, self.away.pop(0))
        told = [onu for onu in onus if onu.serial not in self.unanswered]
        records = {f"onu {onu.serial}": self.records.get(onu.serial) for onu in told}
        return Answered(records, self.why if len(told) < len(onus) else None)


@dataclass
class FakeErpByPort(FakeErp):
    """The same that knows who is on a port, too: serials by place. `port_errors`, one for each call."""

    on: dict[str, list[str]] = field(default_factory=dict)
    port_errors: list[BotError] = field(default_factory=list)
    ports_asked: list[str] = field(default_factory=list)

    async def on_port(self, port: Port) -> dict[str, Contact | None]:
        self.ports_asked.append(port.place)
        if self.port_errors:
            raise self.port_errors.pop(0)
        if port.place not in self.on:
            raise NotFound("no_port")
        return {serial: self.records.get(serial) for serial in self.on[port.place]}


Answer = Receipt | Exception | Callable[[], Awaitable[Receipt]]


@dataclass
class FakeGateway:
    """Counts what arrived. `answers` are given in turn, by phone; then everything is accepted.

    `known` is what it says of the templates, counted in `read`; `hangs` keeps that answer back;
    `allowed` how many people it lets us write to.
    """

    name: str = "fake"
    received: list[Message] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    always: Answer | None = None
    block: asyncio.Event | None = None
    in_flight: int = 0
    listed: list[Sent] | None = None
    known: dict[str, Template] | Exception | None = None
    hangs: asyncio.Event | None = None
    read: int = 0
    allowed: Allowed | Exception | None = None

    async def send(self, message: Message) -> Receipt:
        self.in_flight += 1
        try:
            if self.block is not None:
                await self.block.wait()
            queued = self.answers.get(message.phone)
            answer = queued.pop(0) if queued else self.always
            if isinstance(answer, Exception):
                raise answer
            self.received.append(message)
            if callable(answer):
                return await answer()
            return answer or Receipt(Outcome.ACCEPTED, reference=str(len(self.received)))
        finally:
            self.in_flight -= 1

    async def sent(self, first: datetime, last: datetime) -> list[Sent] | None:
        return None if self.listed is None else [sent for sent in self.listed if first <= sent.at <= last]

    async def templates(self) -> dict[str, Template] | None:
        self.read += 1
        if self.hangs is not None:
            await self.hangs.wait()
        if isinstance(self.known, Exception):
            raise self.known
        return self.known

    def means(self, event: str) -> Meaning:
        known: dict[str, Meaning] = {"GOOD": None, "PAUSED": Trouble("paused")}
        return known.get(event, "nothing")

    async def allowance(self) -> Allowed | None:
        if isinstance(self.allowed, Exception):
            raise self.allowed
        return self.allowed

    def fills(self, message: Message) -> dict[str, str]:
        return {"1": message.name, "2": message.cause or "falha na rede"}

    async def probe(self) -> str:
        return "fake"

    @property
    def phones(self) -> list[str]:
        return [message.phone for message in self.received]


class FakeLimiter:
    """No pace, unless `closed` is set; remembers the pauses it was asked for, and what it `heard` of answers.

    `in_flight` is how many it let leave and that have not landed.
    """

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.heard: list[tuple[float | None, bool]] = []
        self.in_flight = 0
        self.closed: asyncio.Event | None = None

    def take(self) -> bool:
        if self.closed is not None:
            return False
        self.in_flight += 1
        return True

    async def acquire(self) -> None:
        await asyncio.sleep(0)
        if self.closed is not None:
            await self.closed.wait()
        self.in_flight += 1

    def landed(self, seconds: float | None = None, *, throttled: bool = False) -> None:
        self.in_flight -= 1
        self.heard.append((seconds, throttled))

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class FakeInbox:
    """Keeps what was told in memory; `broken` says why it cannot."""

    def __init__(self) -> None:
        self.held: list[News] = []
        self.broken: OSError | None = None

    async def keep(self, news: Sequence[News]) -> None:
        await asyncio.sleep(0)
        if self.broken is not None:
            raise self.broken
        self.held += news

    def done(self, news: Sequence[News]) -> None:
        gone = set(map(id, news))
        self.held = [one for one in self.held if id(one) not in gone]


class FakeStaff:
    """Everyone may decide but those who are `gone`; of the `unknown` nobody can tell."""

    def __init__(self) -> None:
        self.gone: set[int] = set()
        self.unknown: set[int] = set()
        self.asked: list[int] = []
        self.regions: list[str] = []
        self.second = False

    async def still_may(self, who: Who, region: str = "") -> bool | None:
        self.asked.append(who.id)
        self.regions.append(region)
        await asyncio.sleep(0)
        return None if who.id in self.unknown else who.id not in self.gone

    def contested(self) -> bool:
        return self.second


class FakeChat:
    """Remembers which cards were to be shown and what was said."""

    def __init__(self) -> None:
        self.shown: list[int] = []
        self.urgent: list[int] = []
        self.said: list[Notice] = []
        self.refreshed = 0

    def show(self, case: int, *, urgent: bool = False) -> None:
        self.shown.append(case)
        if urgent:
            self.urgent.append(case)

    def refresh(self) -> None:
        self.refreshed += 1

    def say(self, notice: Notice) -> None:
        self.said.append(notice)

    @property
    def codes(self) -> Sequence[str]:
        return [notice.code for notice in self.said]
