"""A month through the real flow: polls, cases, people who tap, messages; around it nothing is real."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

from bot.directories.own import Own
from bot.domain.limits.hours import Hours
from bot.domain.rules import Rules
from bot.flow.deps import Deps
from bot.gateways.pace import Pace
from bot.process.tasks import Tasks
from bot.storage.memory import MemoryLedger
from tests.deciding import DecidingFlow
from tests.fakes import FakeInbox, FakeStaff
from tests.month.people import People
from tests.month.timeline import POLL, Played, Timeline
from tests.month.truth import DAY, Month
from tests.month.virtual import VirtualClock, VirtualLoop
from tests.month.world import MonthChat, MonthGateway, MonthSource

RATE = 10.0  # messages a second, HSM_RATE
RULES = Rules(
    settle_seconds=10,
    close_polls=2,
    group_seconds=120,
    group_power_seconds=300,
    customer_hours=Hours(time(8), time(21), ZoneInfo("America/Sao_Paulo")),
    restored=True,
    restored_auto=True,
)
"""The product's defaults, with a template for "voltou" that is sent by itself, and hours for customers."""


@dataclass(frozen=True, slots=True, repr=False)
class Lived:
    """What became of a month. `waiting` is the most cards that waited for an answer at one time."""

    month: Month
    ledger: MemoryLedger
    gateway: MonthGateway
    chat: MonthChat
    heard: Counter[str]
    polls: int
    waiting: int


def live(month: Month, rules: Rules = RULES) -> Lived:
    """Live through a month, and a day after it."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_live(month, rules))


async def _live(month: Month, rules: Rules) -> Lived:
    clock, tasks, rng = VirtualClock(), Tasks(), random.Random(month.seed)  # noqa: S311 - to be lived again
    ledger, timeline = MemoryLedger(clock), Timeline(month)
    source = MonthSource(timeline=timeline)
    gateway, chat = MonthGateway(ledger, timeline, rng), MonthChat(ledger)
    deps = Deps(
        source,
        Own(source),
        gateway,
        Pace(RATE, clock),
        ledger,
        chat,
        clock,
        rng,
        tasks.spawn,
        FakeStaff(),
        FakeInbox(),
        (source,),
    )
    flow = DecidingFlow(deps, rules)
    people, played = People(flow, month, rng), Played(timeline, source)
    await flow.start("month")
    people.announce()
    polls = waiting = 0
    end = max(cause.end for cause in month.causes.values()) + DAY
    while clock.monotonic() < end:
        played.go(clock.monotonic())
        wanted = await flow.poll()
        people.look()
        polls += 1
        waiting = max(waiting, sum(ledger.book.cases[number].undecided for number in ledger.book.open))
        await clock.sleep(POLL if wanted is None else min(wanted, POLL))
    await tasks.drain(60)
    return Lived(month, ledger, gateway, chat, people.heard, polls, waiting)
