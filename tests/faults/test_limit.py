"""Attack: a day's limit, many cases at once, restarts, failing sends: the gateway never gets more people."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.case import CaseState
from bot.domain.dispatch import Phase
from bot.domain.events import Intent, Line, Resumed
from bot.domain.limits.daily import Allowed
from bot.domain.limits.holds import Terms
from bot.domain.phone import phone_key
from bot.domain.plan import Message, Outcome, Receipt
from bot.errors import Asked, Declined, TryLater
from bot.steps.trial import send_trial
from tests.fakes import ANA, FakeClock, FakeGateway
from tests.faults.telling import quiet
from tests.faults.tries import Tries
from tests.steps.conftest import Desk

pytestmark = pytest.mark.attack

STORIES = 60  # of the quick part
STEPS = 40
PEOPLE = 30
WINDOW = timedelta(hours=24)
MAY_HAVE_IT = (Outcome.ACCEPTED, Outcome.HELD, Outcome.UNKNOWN)


@dataclass
class Portfolio(FakeGateway):
    """Takes messages or does not, and knows who got one when."""

    clock: FakeClock = field(default_factory=FakeClock)
    dice: random.Random = field(default_factory=random.Random)
    taken: list[tuple[datetime, str]] = field(default_factory=list)

    async def send(self, message: Message) -> Receipt:
        await asyncio.sleep(0)
        if self.dice.random() < 0.15:
            raise TryLater("connect_timeout")
        outcome = self.dice.choices((*MAY_HAVE_IT, Outcome.REJECTED), (12, 1, 2, 2))[0]
        if outcome in MAY_HAVE_IT:
            self.taken.append((self.clock.now(), phone_key(message.phone)))
        await asyncio.sleep(0)
        return Receipt(outcome, reason=None if outcome is Outcome.ACCEPTED else "so")


class Story:
    """One story of a few days."""

    def __init__(self, seed: int, tries: Tries) -> None:
        self.dice, self.tries, self.seed = random.Random(seed), tries, seed  # noqa: S311
        self.limit = self.dice.randint(3, 9)
        self.desk = Desk(clock=FakeClock(auto=False))
        self.gateway = Portfolio(clock=self.desk.clock, dice=self.dice)
        self.desk.gateway = self.gateway
        told = self.dice.random() < 0.5
        self.gateway.allowed = Allowed(self.limit) if told else None
        self.desk.use(
            daily_limit=0 if told else self.limit,
            sends=self.dice.choice((1, 3, 10)),
            cooldown_hours=self.dice.choice((1.0, 24.0)),
            restored=True,
            undo_seconds=self.dice.choice((0.0, 5.0)),
        )
        self.story = [f"seed {seed}, limit {self.limit}"]

    async def play(self) -> None:
        self.tries.runs += 1
        await self.desk.flow.start("test")
        await self.desk.flow.look()
        for _ in range(STEPS):
            step = self.dice.choices(list(_STEPS), list(_STEPS.values()))[0]
            self.story.append(step)
            await getattr(self, step)()
            self.holds()
        await self.desk.tasks.drain(0)
        self.desk.flow.drain()

    async def falls(self) -> None:
        [what] = self.desk.fall(f"6/{len(self.desk.source.onus)}", customers=self.dice.randint(1, 8))
        for onu in self.desk.source.onus[what.id]:  # the same people again and again
            one = self.dice.randrange(PEOPLE)
            known, number = self.desk.source.contacts, onu.client_id or ""
            known[number] = replace(known[number], phone=f"(61) 99{one:03d}-{one:04d}")
        if self.dice.random() < 0.3:
            self.desk.source.incidents[what.id] = replace(what, affected=1)
        await self.desk.poll()

    async def approve(self) -> None:
        waiting = [number for number in self.desk.ledger.book.open if self.desk.case(number).undecided]
        for number in self.dice.sample(waiting, min(len(waiting), self.dice.randint(1, 3))):
            await self._tap(number)

    async def _tap(self, number: int) -> None:
        flow, most = self.desk.flow, None
        for _ in range(2):
            try:
                await flow.approve(number, ANA, Terms(flapping=True, most=most))
            except Asked as question:
                most = int(str(question.facts["left"]))
            except Declined:
                return
            else:
                return

    async def resume(self) -> None:
        stopped = [
            n for n in self.desk.ledger.book.running if self.desk.case(n).state is CaseState.INTERRUPTED
        ]
        for number in stopped:
            try:
                await self.desk.flow.resume(number, ANA)
            except Declined:
                continue

    async def restore(self) -> None:
        for number in sorted(self.desk.ledger.book.open)[:1]:
            for id_ in list(self.desk.case(number).members):
                if id_ in self.desk.source.incidents:
                    self.desk.source.back |= {onu.serial for onu in self.desk.source.onus[id_]}
                    self.desk.source.repair(id_)
            await self.desk.poll()
            try:
                await self.desk.flow.restore(number, ANA)
            except Declined:
                continue

    async def some_seconds(self) -> None:
        await self.desk.clock.advance(self.dice.choice((1, 5, 30)))

    async def hours(self) -> None:
        await self.desk.clock.advance(3600 * self.dice.choice((1, 6, 23.95, 24.2)))
        await self.desk.poll()

    async def crash(self) -> None:
        self.tries.kills += 1
        await self.desk.restart()
        await self.desk.poll()

    async def trial(self) -> None:
        if len(self._last_day()) < self.limit:  # nobody asks a person's own test whether there is room
            one = self.dice.randrange(PEOPLE)
            phone = f"556199{one:03d}{one:04d}"
            await send_trial(
                self.desk.ledger, self.gateway, self.desk.clock, template="LOS", hsm=1, phone=phone, by=ANA
            )

    def holds(self) -> None:
        """Nobody above the limit in any 24 hours, nor more of a dispatch than was approved."""
        for at, _ in self.gateway.taken[-20:]:
            people = {who for then, who in self.gateway.taken if at - WINDOW < then <= at}
            what = f"{len(people)} people within 24 hours of {at:%d %H:%M:%S}, {self.limit} are allowed"
            self.tries.check(len(people) <= self.limit, f"{what}: {'; '.join(self.story)}")
        for number, most, intents in self._approved_parts():
            what = f"case {number} was approved for {most}, and {intents} left"
            self.tries.check(intents <= most, f"{what}: {'; '.join(self.story)}")
        busy = [n for n in self.desk.ledger.book.running if self.desk.dispatch(n).phase is Phase.SENDING]
        self.tries.check(len(busy) <= len(self.desk.ledger.book.cases), "more dispatches than cases")

    def _last_day(self) -> set[str]:
        since = self.desk.clock.now() - WINDOW
        return {who for then, who in self.gateway.taken if then > since} | set(self.desk.ledger.book.written)

    def _approved_parts(self) -> Iterator[tuple[int, int, int]]:
        """Each last dispatch that was approved for a part, with how many requests it claimed."""
        most: dict[int, int] = {}
        claimed: Counter[int] = Counter()
        for _, line in self.desk.ledger.lines:
            if line.kind == "approved":
                most.pop(line.case, None)
                claimed[line.case] = 0
                if line.most is not None:
                    most[line.case] = line.most
            elif isinstance(line, Resumed) and line.by is not None:
                most.pop(line.case, None)
            elif isinstance(line, Intent):
                claimed[line.case] += 1
            else:
                _given_back(line, claimed)
        yield from ((number, n, claimed[number]) for number, n in most.items())


def _given_back(line: Line, claimed: Counter[int]) -> None:
    if line.kind == "abandoned":
        claimed[line.case] -= 1


_STEPS = {
    "falls": 6,
    "approve": 8,
    "resume": 4,
    "restore": 2,
    "some_seconds": 10,
    "hours": 3,
    "crash": 3,
    "trial": 1,
}


def stories(tries: Tries, seeds: range) -> None:
    """As many stories as there are seeds."""
    with quiet():
        for seed in seeds:
            asyncio.run(Story(seed, tries).play())


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    del folder
    stories(tries, range(STORIES))


def test_never_more_people_than_the_limit(tries: Tries) -> None:
    stories(tries, range(STORIES))
