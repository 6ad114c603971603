"""Attack: customers looked up ahead while the source fails, phones change, alerts grow and people tap.

Whatever is remembered: nobody gets two, everybody of the alert as it is now is in the plan, nobody counts as
without a record who has one, nobody is written to at a phone that is older than a record may be, and the
number on a card is that of its plan.
"""

import asyncio
import logging
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.domain.customer import FRESH, Contact, Link, Onu
from bot.domain.events import Planned
from bot.domain.phone import Phone, parse_phone
from bot.domain.plan import Skip, Tally
from bot.errors import AnswerLost, Throttled, TryLater
from bot.flow.ahead import KEPT
from tests.fakes import incident, settled
from tests.faults.tries import Tries
from tests.steps.conftest import Desk

pytestmark = pytest.mark.attack

RUNS, STEPS, EVERY = 60, 24, 6
ALERTS, CUSTOMERS = 4, 14
AHEAD, LOOK_UPS = 3, 5
ERRORS = (AnswerLost("http_502"), TryLater("refused"), Throttled("throttled", 5.0))


@dataclass
class Story:
    """A desk with its customers, who hang on several alerts at times; `left` is when they gave a phone up."""

    tries: Tries
    random: random.Random
    desk: Desk = field(default_factory=Desk)
    left: dict[tuple[str, str], float] = field(default_factory=dict)
    changed: int = 0
    most_ahead: int = 0

    async def play(self) -> None:
        self.desk.use(look_ahead=AHEAD, look_ups=LOOK_UPS, undo_seconds=0, cooldown_hours=2000)
        await self.desk.flow.start("test")
        for customer in range(CUSTOMERS):
            self.move(str(customer))
        for number in range(1, ALERTS + 1):
            self.desk.source.outage(incident(number, place=f"6/{number}", affected=20), 0)
            self.grow(number)
        moves = (
            self.fail,
            self.change,
            self.alert_grows,
            self.alert_shrinks,
            self.wait,
            self.wait,
            self.look,
        )
        for step in range(STEPS):
            await self.random.choice(moves)()
            if step % EVERY == EVERY - 1:
                await self.approve()
        await self.desk.tasks.drain(0)

    def move(self, customer: str) -> None:
        """A new phone; now and then none."""
        self.changed += 1
        now, before = self.desk.clock.ticks, self.desk.source.contacts.get(customer)
        if before is not None:
            self.left[customer, before.phone] = now
        text = f"(61) 9{8000 + int(customer)}-{self.changed:04d}" if self.random.random() < 0.9 else "a pedir"
        self.desk.source.contacts[customer] = Contact(customer, "", text)

    def grow(self, number: int) -> None:
        customers = self.random.sample(range(CUSTOMERS), 5)
        self.desk.source.onus[str(number)] = [Onu(f"Z{n}", str(n), "", Link.LOS) for n in customers]

    async def fail(self) -> None:
        """Some records do not come, once or for good."""
        for customer in self.random.sample(range(CUSTOMERS), 3):
            times = self.random.choice((1, 2, 9))
            self.desk.source.customer_errors[str(customer)] = [self.random.choice(ERRORS)] * times
            self.tries.faults += times

    async def change(self) -> None:
        self.move(str(self.random.randrange(CUSTOMERS)))

    async def alert_grows(self) -> None:
        onus = self.desk.source.onus[str(self.random.randint(1, ALERTS))]
        new = self.random.randrange(CUSTOMERS)
        if f"Z{new}" not in {onu.serial for onu in onus}:
            onus.append(Onu(f"Z{new}", str(new), "", Link.LOS))
        self.list_counts()

    async def alert_shrinks(self) -> None:
        onus = self.desk.source.onus[str(self.random.randint(1, ALERTS))]
        place = self.random.randrange(len(onus))
        onus[place] = onus[place]._replace(link=Link.ONLINE)
        self.list_counts()

    def list_counts(self) -> None:
        for id_, what in self.desk.source.incidents.items():
            down = sum(onu.link is Link.LOS for onu in self.desk.source.onus[id_])
            self.desk.source.incidents[id_] = replace(what, affected=down or 1)

    async def wait(self) -> None:
        """Time passes with its polls."""
        source = self.desk.source
        source.most_asking = 0
        await self.desk.pass_by(self.random.choice((30, 60, 300, FRESH)), every=60)
        await settled()
        self.most_ahead = max(self.most_ahead, source.most_asking)

    async def look(self) -> None:
        """Somebody taps on Detalhes, and meanwhile a poll finds more to look up."""
        waiting = self.waiting()
        if not waiting:
            return
        await self.alert_grows()
        await self.desk.clock.advance(FRESH)  # so there is something to ask, and without a poll
        self.desk.source.held = asyncio.Event()
        details = asyncio.ensure_future(self.desk.flow.details(self.random.choice(waiting)))
        await settled()
        before = self.asked()
        await self.desk.poll()
        await settled()
        stands_back = details.done() or self.asked() == before
        self.tries.check(stands_back, "what nobody waits for is asked beside what somebody does")
        self.desk.source.held.set()
        while not details.done():
            await self.desk.clock.advance(10)
        self.desk.source.held = None
        found = details.result()
        gone = {onu.client_id for onu in found.affected.onus} - found.contacts.keys() - found.failed
        self.tries.check(not gone, f"{gone} have no record in Detalhes, and have one")

    async def approve(self) -> None:
        """One of the cases, as things are, or once all has been quiet for hours: then the number holds."""
        waiting = self.waiting()
        if not waiting:
            return
        number = self.random.choice(waiting)
        quiet = self.random.random() < 0.5
        if quiet:
            self.desk.source.customer_errors.clear()
            await self.desk.pass_by(KEPT, every=1800)
            await settled()
        told, before = self.desk.flow.expected(number), len(self.desk.written(Planned))
        await self.desk.approve(number)
        plans = self.desk.written(Planned)[before:]
        for plan in plans:
            assert isinstance(plan, Planned)
            self.judge(plan)
            if quiet:
                skips = Counter(r.skip for r in plan.recipients if r.skip is not None)
                came = Tally(len(plan.recipients), {}, skips, len(plan.recipients) - skips.total())
                self.tries.check(told == came, f"the card said {told}, and the plan is {came}")

    def asked(self) -> int:
        return len(self.desk.source.looked_up) + len(self.desk.source.read)

    def waiting(self) -> list[int]:
        return [number for number in self.desk.ledger.book.open if self.desk.case(number).undecided]

    def judge(self, plan: Planned) -> None:
        """By what is true of the customers now."""
        now, source = self.desk.clock.ticks, self.desk.source
        there = {onu.client_id or "" for i in self.desk.case(plan.case).on for onu in source.onus[i.id]}
        planned = {recipient.id.removeprefix("c") for recipient in plan.recipients}
        self.tries.everybody_accounted_for(there - planned, f"{plan.case}")
        for one in plan.recipients:
            self.tries.check(one.skip is not Skip.NO_RECORD, f"{one.id} has a record, and counts as without")
            if one.skip is None:
                phones = {
                    text
                    for (customer, text), left in self.left.items()
                    if customer == one.id.removeprefix("c") and now - left <= FRESH
                }
                phones.add(source.contacts[one.id.removeprefix("c")].phone)
                known = {phone.digits for text in phones if isinstance(phone := parse_phone(text), Phone)}
                self.tries.check(one.phone in known, f"{one.id} is written to at a phone of long ago")

    def over(self) -> None:
        self.tries.nobody_twice(self.desk.gateway.phones, "looked up ahead")
        self.tries.check(self.most_ahead <= AHEAD, f"{self.most_ahead} at one time, and nobody waits")


async def _attack(tries: Tries, runs: int, seed: int) -> None:
    for run in range(runs):
        tries.runs += 1
        story = Story(tries, random.Random(seed + run))  # noqa: S311
        await story.play()
        story.over()


def attack(tries: Tries, folder: Path, runs: int = RUNS, seed: int = 1) -> None:
    """So many stories, in memory."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(_attack(tries, runs, seed))
    finally:
        logging.disable(before)
    assert not list(folder.iterdir()), "nothing of it was on the real disk"


def test_ahead(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)
