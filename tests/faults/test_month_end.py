"""Attack: sends that go over the end of a month while the night's child packs the month that is over.

The bot and the child are killed on the way, the bot starts again and goes on, real files and real children.
Whatever month a line is in, packed or not: nobody gets two, everybody is accounted for.
"""

import asyncio
import random
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.directories.own import Own
from bot.domain.plan import IN_DOUBT, Outcome
from bot.domain.rules import Rules
from bot.flow.deps import Deps
from bot.gateways.pace import Pace
from bot.process.clock import SystemClock
from bot.process.nightly import Nightly
from bot.process.tasks import Tasks
from bot.storage.checkpoint import renew
from bot.storage.commands.verify import verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.segments import ledger_folder
from tests.deciding import DecidingFlow
from tests.fakes import ANA, FakeInbox, FakeSource, FakeStaff
from tests.faults.soaked import FaultyGateway, QuietChat, source
from tests.faults.tries import Tries

pytestmark = [
    pytest.mark.soak,  # the children take what others leave of the CPU: beside other tests that is little
    pytest.mark.skipif(sys.platform != "linux", reason="as the other soak"),
]

SEED = 20261130
EACH = 300  # customers of an outage
MONTHS = 3  # an outage at the end of each
FIRST = datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)
RULES = Rules(undo_seconds=0, sends=20, answer_within=1.0)
RATE, LATE = 800.0, 0.4
PATIENCE = 300.0  # seconds for a month's end
HELD = ("cases", "open", "running", "contacts", "audit")


class Shifted(SystemClock):
    """Time goes on as it does, from another moment on."""

    def __init__(self, at: datetime) -> None:
        self._shift = timedelta()
        self.put(at)

    def put(self, at: datetime) -> None:
        """It is that time."""
        self._shift = at - super().now()

    def now(self) -> datetime:
        return super().now() + self._shift


@dataclass(frozen=True)
class World:
    """What the bot lives in."""

    folder: Path
    clock: Shifted
    outages: FakeSource
    gateway: FaultyGateway


@dataclass
class Bot:
    """One life of it."""

    ledger: FileLedger
    flow: DecidingFlow
    tasks: Tasks = field(default_factory=Tasks)

    @classmethod
    async def begun(cls, world: World) -> "Bot":
        """It starts, and looks at the source."""
        tasks, clock, outages = Tasks(), world.clock, world.outages
        ledger = FileLedger.open(world.folder, clock)
        pace, rng = Pace(RATE, clock), random.SystemRandom()
        chat, staff = QuietChat(), FakeStaff()
        deps = Deps(
            outages,
            Own(outages),
            world.gateway,
            pace,
            ledger,
            chat,
            clock,
            rng,
            tasks.spawn,
            staff,
            FakeInbox(),
            (outages,),
        )
        made = cls(ledger, DecidingFlow(deps, RULES), tasks)
        await made.flow.start("soak", ledger.recovery.doubt)
        await made.flow.poll()
        return made

    async def killed(self) -> None:
        """Nothing more is written or sent: what is in the files by now is what is left."""
        self.ledger._writer.cancel()
        await asyncio.wait({self.ledger._writer})
        await self.tasks.drain(0)
        self.ledger._thread.shutdown()
        self.ledger._segments.close()
        self.ledger._release()

    async def finished(self) -> None:
        """All that it does beside comes to its end."""
        while running := set(self.tasks._running):
            await asyncio.wait(running)

    async def stopped(self, folder: Path) -> None:
        """In order, with a checkpoint."""
        await self.flow.stopped()
        await self.ledger.close()
        renew(Disk(), folder)


def attack(tries: Tries, folder: Path) -> None:
    """Three months' ends."""
    asyncio.run(_played(tries, folder))


async def _played(tries: Tries, folder: Path) -> None:
    gateway = FaultyGateway(MONTHS * EACH, SEED, LATE)
    world = World(folder, Shifted(FIRST), source(MONTHS, EACH), gateway)
    listed, rng = dict(world.outages.incidents), random.Random(SEED)  # noqa: S311 - as the faults
    for turn, (number, outage) in enumerate(listed.items()):
        tries.runs += 1
        world.outages.incidents = {number: outage}
        async with asyncio.timeout(PATIENCE):
            bot = await _month_end(tries, world, turn)
            await _night(tries, world, bot, rng)
        _judge(tries, bot, gateway, turn)
        await bot.stopped(folder)
        live = bot.ledger.book
        world.clock.put(_end_of_month(world.clock.now()) - timedelta(seconds=30))
    tries.faults += gateway.faults.total()
    names = sorted(path.name for path in ledger_folder(folder).glob("*.jsonl*"))
    packed = ["2026-11.jsonl.gz", "2026-12.jsonl.gz", "2027-01.jsonl.gz", "2027-02.jsonl"]
    tries.check(names == packed, f"the months are not packed: {names}")
    tries.check(verify(folder, full=True).trouble is None, "the ledger is not whole")
    again = FileLedger.open(folder, world.clock)
    tries.check(again.recovery.since > 0, "the checkpoint does not fit what is packed")
    for part in HELD:
        same = getattr(again.book, part) == getattr(live, part)
        tries.check(same, f"the folder gives other {part}")
    await again.close()


async def _month_end(tries: Tries, world: World, turn: int) -> Bot:
    """An outage is approved; a third is sent, the month ends, a second third is sent. Killed after either."""
    bot = await Bot.begun(world)
    await bot.flow.approve(max(bot.ledger.book.open), ANA)
    for step in range(2):
        await _sent(world.gateway, turn * EACH + (step + 1) * EACH // 3)
        if turn == step:
            await bot.killed()
            tries.kills += 1
            bot = await Bot.begun(world)
        if not step:
            world.clock.put(_end_of_month(world.clock.now()) + timedelta(seconds=1))
    return bot


async def _night(tries: Tries, world: World, bot: Bot, rng: random.Random) -> None:
    """Its child is killed at some moment, whatever it is at; the next one comes to its end."""
    said: list[object] = []
    night = Nightly(world.folder, bot.ledger, said.append)
    for _ in range(2):
        checking = asyncio.create_task(night.check())
        await asyncio.sleep(rng.random() * 2)
        await night.stop()
        with suppress(asyncio.CancelledError):
            await checking
        tries.kills += 1
    await bot.finished()
    await night.check()
    tries.check(not said and bot.ledger.closed is None, f"the night found {said} {bot.ledger.closed}")


async def _sent(gateway: FaultyGateway, count: int) -> None:
    while gateway.requests < count:  # noqa: ASYNC110 - a real gateway tells nobody
        await asyncio.sleep(0.005)


def _end_of_month(now: datetime) -> datetime:
    return (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)


def _judge(tries: Tries, bot: Bot, gateway: FaultyGateway, turn: int) -> None:
    what = f"month {turn + 1}, seed {SEED}"
    case = bot.ledger.book.cases[max(bot.ledger.book.cases)]
    [dispatch] = case.dispatches
    tries.check(dispatch.end == "done", f"the dispatch ended {dispatch.end}: {what}")
    assert dispatch.progress is not None
    results = {int(id_.removeprefix("c")): one for id_, one in dispatch.progress.results.items()}
    everybody = range(turn * EACH, (turn + 1) * EACH)
    tries.nobody_twice((str(n) for n, count in enumerate(gateway.delivered) for _ in range(count)), what)
    tries.everybody_accounted_for((str(n) for n in everybody if n not in results), what)
    for n in everybody:
        has, outcome = gateway.delivered[n] > 0, results[n].outcome
        tries.check(not has or outcome in {Outcome.ACCEPTED, *IN_DOUBT}, f"{n} has one, is {outcome}: {what}")
        tries.check(has or outcome is not Outcome.ACCEPTED, f"{n} has none, is {outcome}: {what}")


def test_month_end(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)
