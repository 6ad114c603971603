"""One desk: a flow over fakes and the ledger in memory, with a language of its own."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from bot.directories.own import Own
from bot.domain.book import Event
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch, Phase
from bot.domain.events import Line, Result
from bot.domain.incident import Incident, Kind
from bot.domain.phone import phone_key
from bot.domain.plan import RESTORED, Tally, family_of
from bot.domain.rules import Rules
from bot.flow.deps import Deps
from bot.ports import Directory
from bot.process.tasks import Tasks
from bot.storage.memory import MemoryLedger
from tests.deciding import DecidingFlow
from tests.fakes import (
    ANA,
    FakeChat,
    FakeClock,
    FakeGateway,
    FakeInbox,
    FakeLimiter,
    FakeSource,
    FakeStaff,
    incident,
    settled,
)
from tests.patience import leap


@dataclass
class Desk:
    """A flow and everything around it. `restart` is a crash: only the ledger's lines live on."""

    clock: FakeClock = field(default_factory=FakeClock)
    source: FakeSource = field(default_factory=FakeSource)
    gateway: FakeGateway = field(default_factory=FakeGateway)
    limiter: FakeLimiter = field(default_factory=FakeLimiter)
    chat: FakeChat = field(default_factory=FakeChat)
    staff: FakeStaff = field(default_factory=FakeStaff)
    inbox: FakeInbox = field(default_factory=FakeInbox)
    directory: Directory | None = None
    rules: Rules = field(default_factory=Rules)
    tasks: Tasks = field(default_factory=Tasks)
    ledger: MemoryLedger = field(init=False)
    flow: DecidingFlow = field(init=False)
    _fallen: int = 0
    _customers: int = 100

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.clock)
        self.build()

    def build(self) -> None:
        deps = Deps(
            self.source,
            self.directory or Own(self.source),
            self.gateway,
            self.limiter,
            self.ledger,
            self.chat,
            self.clock,
            random.Random(1),  # noqa: S311
            self.tasks.spawn,
            self.staff,
            self.inbox,
            (self.source,),
        )
        self.flow = DecidingFlow(deps, self.rules)

    def use(self, **changes: object) -> None:
        self.rules = replace(self.rules, **changes)  # type: ignore[arg-type]
        self.build()

    async def restart(
        self, lines: Iterable[tuple[datetime, Line]] | None = None, *, alive: bool = True
    ) -> None:
        """`alive`: the program wrote until now that it runs."""
        await self.tasks.drain(0)
        if lines is None and alive:
            self.flow.alive()
        self.ledger = MemoryLedger(self.clock, self.ledger.lines if lines is None else lines)
        self.tasks, self.chat = Tasks(), FakeChat()
        self.build()
        await self.flow.start("test")

    async def poll(self) -> None:
        await self.flow.poll()

    def fall(
        self, *places: str, kind: Kind = Kind.LOS, olt: str = "CB 01", customers: int = 3
    ) -> list[Incident]:
        """Ports that go down now, each with customers of its own; incidents and customers in one sequence."""
        made = []
        for place in places:
            self._fallen += 1
            what = incident(self._fallen, kind, place, max(3, customers), started=self.clock.now(), olt=olt)
            made.append(self.source.outage(what, customers, self._customers))
            self._customers += customers
        return made

    async def pass_by(self, seconds: float, *, every: float = 30.0) -> None:
        """Let time pass with its polls, as the scheduler makes them."""
        until = self.clock.ticks + seconds
        while self.clock.ticks < until:
            await self.clock.advance(min(every, until - self.clock.ticks))
            await self.flow.poll()

    async def repair(self, *numbers: int) -> None:
        """Those incidents are over, and as many polls as it takes have seen it."""
        for number in numbers:
            self.source.repair(number)
        for _ in range(self.rules.close_polls):
            await self.pass_by(30)

    async def approve(self, number: int = 1) -> None:
        """Approve and let the whole dispatch run."""
        await self.flow.approve(number, ANA)
        await self.clock.advance(self.rules.undo_seconds)
        await self.finish()

    async def unanswered(self) -> None:
        """Whoever waits for an answer of the gateway has waited for as long as anybody does."""
        await settled()
        leap(self.rules.answer_within)
        await settled()

    async def finish(self) -> None:
        """Whatever runs has ended (time passes where it sleeps)."""
        for _ in range(200):
            await settled()
            book = self.flow.ledger.book
            phases = {book.cases[number].dispatches[-1].phase for number in book.running}
            if not phases - {Phase.INTERRUPTED, Phase.SCHEDULED}:
                return
            await self.clock.advance(1)
            if not self.clock.slept:  # who waits for an answer does so by the loop's own time
                await asyncio.sleep(0.005)
        raise AssertionError("the dispatch does not end")

    def case(self, number: int = 1) -> Case:
        return self.ledger.book.cases[number]

    def dispatch(self, number: int = 1) -> Dispatch:
        return self.case(number).dispatches[-1]

    def tally(self, number: int = 1) -> Tally:
        tally = self.dispatch(number).tally()
        assert tally is not None
        assert tally.planned == sum(tally.outcomes.values()) + sum(tally.skipped.values()) + tally.todo
        return tally

    def nobody_twice(self) -> int:
        """How many customers the gateway was given, each once for each template family."""
        phones = Counter(
            (phone_key(m.phone), family_of(m.template) == RESTORED) for m in self.gateway.received
        )
        assert not [phone for phone, times in phones.items() if times > 1]
        return len(phones)

    def written(self, *kinds: type[Line]) -> list[Line]:
        return [line for _, line in self.ledger.lines if isinstance(line, kinds)]

    def audited(self) -> list[Event]:
        return [entry.line for entry in self.ledger.book.audit]

    def results(self) -> list[Result]:
        return [line for _, line in self.ledger.lines if isinstance(line, Result)]


@pytest.fixture
async def grouping(desk: Desk) -> Desk:
    """A desk with the product's own settings of grouping."""
    desk.use(settle_seconds=10, group_seconds=120, group_power_seconds=300, close_polls=2)
    return desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await made.flow.start("test")
    yield made
    await made.tasks.drain(0)
    await settled()
    assert made.limiter.in_flight == 0, "a place in flight was not given back"
