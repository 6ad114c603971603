"""One desk: a flow over fakes and the ledger in memory, with a language of its own."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from bot.deps import Deps
from bot.domain.case import Case, Dispatch, Phase
from bot.domain.lines import Line, Result
from bot.domain.plan import Tally
from bot.domain.rules import Rules
from bot.flow import Flow
from bot.storage.memory import MemoryLedger
from bot.tasks import Tasks
from tests.fakes import ANA, FakeChat, FakeClock, FakeGateway, FakeLimiter, FakeSource, settled


@dataclass
class Desk:
    """A flow and everything around it. `restart` is a crash: only the ledger's lines live on."""

    clock: FakeClock = field(default_factory=FakeClock)
    source: FakeSource = field(default_factory=FakeSource)
    gateway: FakeGateway = field(default_factory=FakeGateway)
    limiter: FakeLimiter = field(default_factory=FakeLimiter)
    chat: FakeChat = field(default_factory=FakeChat)
    rules: Rules = field(default_factory=lambda: Rules(answer_within=0.05))
    tasks: Tasks = field(default_factory=Tasks)
    ledger: MemoryLedger = field(init=False)
    flow: Flow = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.clock)
        self.build()

    def build(self) -> None:
        deps = Deps(
            self.source,
            self.source,
            self.gateway,
            self.limiter,
            self.ledger,
            self.chat,
            self.clock,
            random.Random(1),  # noqa: S311
            self.tasks.spawn,
        )
        self.flow = Flow(deps, self.rules)

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

    async def approve(self, number: int = 1) -> None:
        """Approve and let the whole dispatch run."""
        await self.flow.approve(number, ANA)
        await self.clock.advance(self.rules.undo_seconds)
        await self.finish()

    async def finish(self) -> None:
        """Whatever runs has ended (time passes where it sleeps)."""
        for _ in range(200):
            await settled()
            book = self.flow.ledger.book
            phases = {book.cases[number].dispatches[-1].phase for number in book.running}
            if not phases - {Phase.INTERRUPTED}:
                return
            await self.clock.advance(1)
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

    def results(self) -> list[Result]:
        return [line for _, line in self.ledger.lines if isinstance(line, Result)]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await made.flow.start("test")
    yield made
    await made.tasks.drain(0)
    await asyncio.sleep(0)
