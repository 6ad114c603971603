"""The whole Telegram side against the simulated Bot API, over real HTTP, with time that can run faster."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.chat.taps.absence import AWAY
from bot.chat.taps.commands import ProgramFacts
from bot.chat.telegram import Account, Telegram
from bot.chat.wire.access import Approvers
from bot.directories.own import Own
from bot.domain.customer import Affected, Contact, Found, Link, Onu
from bot.domain.events import CaseOpened, IncidentChanged, Line, TapRefused
from bot.domain.rules import Rules
from bot.errors import BotError
from bot.flow.deps import Deps
from bot.flow.flow import Flow
from bot.process.tasks import Tasks
from bot.simulator.telegram.api import BotApi, Message, User
from bot.storage.memory import MemoryLedger
from tests.chat.screens import PT
from tests.fakes import FakeGateway, FakeInbox, FakeLimiter, FakeSource, incident
from tests.patience import PATIENCE

ANA, BETO, CARLA = 7, 8, 9  # Ana is an administrator of the group
UNDO_SECONDS = 5.0
SCOPES = 2  # the group and the private chats have the commands


class _Passing:
    """Real time, but for what the machine spends on others: while a room is open no turn of the loop is long.

    What comes soon in a room would be late in it else, wherever somebody else has the CPU for a second.
    """

    TURN, MOST = 0.002, 0.005  # seconds: from one turn to the next, and as how much of it counts

    def __init__(self) -> None:
        self.rooms = 0
        self._at = self._seen = time.monotonic()

    def __call__(self) -> float:
        now = time.monotonic()
        passed, self._seen = now - self._seen, now
        self._at += min(passed, self.MOST) if self.rooms else passed
        return self._at

    @asynccontextmanager
    async def turn_by_turn(self) -> AsyncIterator[None]:
        self()
        self.rooms += 1
        turns = asyncio.create_task(self._turns())
        try:
            yield
        finally:
            turns.cancel()
            self.rooms -= 1

    async def _turns(self) -> None:
        while True:
            self()
            await asyncio.sleep(self.TURN)


passing = _Passing()


class FastClock:
    """The clock of a room, `speed` times as fast as time passes there."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start, self._born = datetime.now(UTC), passing()

    def __call__(self) -> float:
        return self.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (passing() - self._born) * self.speed

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:  # noqa: ASYNC110 - it is a clock
            await asyncio.sleep(left / self.speed)
        await asyncio.sleep(0)

    def skip(self, seconds: float) -> None:
        """So much time has passed."""
        self._born -= seconds / self.speed


def customers(count: int = 12) -> Found:
    onus = tuple(Onu(f"ZTEG{n:08d}", str(n), f"Cliente {n}", Link.LOS) for n in range(count))
    contacts = {str(n): Contact(str(n), f"Cliente {n}", f"(61) 9{9000 + n}-{1000 + n}") for n in range(count)}
    return Found(Affected(onus), contacts)


@dataclass
class Lookups(FakeSource):
    """A source that knows who is affected by any incident: `found`, or `error`, once the `gate` is open."""

    found: Found = field(default_factory=customers)
    error: BotError | None = None

    async def affected(self, incident_id: str) -> Affected:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.found.affected

    async def customer(self, client_id: str) -> Contact | None:
        return self.found.contacts.get(client_id)


def flow_of(ledger: MemoryLedger, clock: Any, telegram: Telegram, source: FakeSource, rules: Rules) -> Flow:
    """The real flow, which sends nothing: what is decided is left to its next start."""
    tasks = Tasks()
    deps = Deps(
        source,
        Own(source),
        FakeGateway("matrix"),
        FakeLimiter(),
        ledger,
        telegram.groups,
        clock,
        random.Random(1),  # noqa: S311
        tasks.spawn,
        telegram,
        FakeInbox(),
        (source,),
    )
    flow = Flow(deps, rules)
    flow.drain()
    return flow


@dataclass
class Room:
    """A started bot: what the tests look at, and what happens in the NOC."""

    api: BotApi
    ledger: MemoryLedger
    clock: FastClock
    telegram: Telegram
    flow: Flow
    source: Lookups
    started: datetime
    _given: list[Line] = field(default_factory=list)

    async def line(self, *lines: Line) -> None:
        self._given += lines
        await self.ledger.commit(lambda _book, _now: lines)

    @property
    def decided(self) -> list[tuple[object, ...]]:
        """What people decided in this room: the kind of line, its case, and the reason or choice given."""
        given = [id(line) for line in self._given]
        lines = [line for _, line in self.ledger.lines if id(line) not in given]
        return [
            _told(line) for line in lines if getattr(line, "by", None) and not isinstance(line, TapRefused)
        ]

    @property
    def refusals(self) -> list[tuple[int, str, str, int | None]]:
        """Who was refused what, and why."""
        lines = [line for _, line in self.ledger.lines if isinstance(line, TapRefused)]
        return [(line.by.id, line.action, line.why, line.case) for line in lines]

    async def outage(self, number: int = 1, affected: int = 3) -> None:
        """A case opens and is to be shown."""
        await self.line(CaseOpened(number, self._incident(number, affected)))
        self.telegram.groups.show(number)

    async def grows(self, number: int, affected: int, *, urgent: bool = False) -> None:
        """The outage hits more ONUs."""
        await self.line(IncidentChanged(number, self._incident(number, affected)))
        self.telegram.groups.show(number, urgent=urgent)

    def _incident(self, number: int, affected: int) -> Any:
        return incident(number, place=f"1/{number}", affected=affected, started=self.started)

    async def card(self, number: int = 1) -> Message:
        """The case's card, once it is there and recorded."""
        await until(lambda: self.telegram.chat.card(number))
        known = self.telegram.chat.card(number)
        assert known is not None
        return next(m for m in self.api.messages() if m.id == known.message)

    async def unfolds(self, card: Message, user: int = ANA) -> None:
        """All of the card's buttons are there."""
        await self.api.tap(user, card, "Mais ▾")
        await self.api.wait(lambda _: "Menos ▴" in card.buttons)

    async def shows(self, message: Message, text: str) -> None:
        await self.api.wait(lambda _: text in message.text)


def _told(line: Any) -> tuple[object, ...]:
    said = [getattr(line, name) for name in ("reason", "choice") if getattr(line, name, None)]
    return (line.kind, *([line.case] if hasattr(line, "case") else ()), *said)


async def until(predicate: Callable[[], object]) -> None:
    """The predicate holds; for what the simulated server cannot tell (`BotApi.wait` is for the rest)."""
    async with asyncio.timeout(PATIENCE):
        while not predicate():  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0.005)


def people(api: BotApi) -> dict[int, User]:
    return {
        ANA: api.add_user(ANA, "Ana", admin=True),
        BETO: api.add_user(BETO, "Beto"),
        CARLA: api.add_user(CARLA, "Carla", admin=True),
    }


@asynccontextmanager
async def opened(
    api: BotApi,
    *,
    speed: float = 1.0,
    ledger: MemoryLedger | None = None,
    approvers: Approvers = frozenset(),
    topic: int | None = None,
    connected: bool = True,
    group: int | None = None,
    rules: Rules | None = None,
    **options: Any,
) -> AsyncIterator[Room]:
    """A bot that is `connected` and stopped at the end; without a pace unless options say so."""
    clock = FastClock(speed)
    ledger = ledger or MemoryLedger(clock)
    account = Account(api.token, group or api.group, api.url, topic, approvers)
    given = {"gap": 0.0, "limit": 10_000, "poll_seconds": 1.0, "away_after": AWAY * speed, **options}
    rules = rules or Rules(undo_seconds=UNDO_SECONDS)
    telegram = Telegram(account, ledger, PT, clock, rules=rules, **given)
    source = Lookups(ports={"CB 01": frozenset()})
    flow = flow_of(ledger, clock, telegram, source, rules)

    def program_facts() -> ProgramFacts:
        return ProgramFacts("1.2.3", clock.now(), "matrix", dry_run=False, posting=telegram.posting)

    telegram.attend(flow, program_facts)
    room = Room(
        api,
        ledger,
        clock,
        telegram,
        flow,
        source,
        clock.now() - timedelta(seconds=310),
        [line for _, line in ledger.lines],
    )
    async with passing.turn_by_turn():
        await telegram.start()
        try:
            if connected:
                await until(lambda: len(api.commands) == SCOPES and api.in_flight == 1)  # only the long poll
            yield room
        finally:
            await telegram.stop()
