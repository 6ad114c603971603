"""Attack 4: every row of the outcome table over real sockets, from the poll to the result line.

The flow, the Matrix adapter and the OLT source with its login are the real ones. What counts is what the
gateway took (`Wire.took`): nobody twice, who was taken is accepted or unknown, who was not and could be
tried again was, and a refusal that hits everybody costs at most what was in flight.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.domain.case import Case, CaseState
from bot.domain.plan import IN_DOUBT, Outcome, Receipt, Recipient
from bot.domain.rules import Rules
from bot.flow.deps import Deps
from bot.gateways.pace import Pace
from bot.process.tasks import Tasks
from bot.simulator.olt import OltApi
from bot.simulator.server import DropAfter, HalfBody, HtmlPage, Throttle
from bot.simulator.world import World
from bot.sources.oltcloud.oltcloud import OltCloud
from bot.storage.memory import MemoryLedger
from tests.deciding import DecidingFlow
from tests.fakes import ANA, FakeChat, FakeClock, FakeInbox, FakeStaff
from tests.faults import wire as wires
from tests.faults.rows import CROSSED, IDLE, LOST, PATIENCE, SAYS_NO, TABLE, THROTTLED, THROTTLED_UNTIL
from tests.faults.tries import Tries
from tests.faults.wire import Row, Wire

pytestmark = pytest.mark.attack
CUSTOMERS, SOME, IN_FLIGHT, BREAKS_AFTER = 9, 4, 3, 5
NEXT_AND_TOLD = 2
RULES = Rules(undo_seconds=0, sends=IN_FLIGHT, send_patience=PATIENCE)
RANDOM_RUNS = 30
ROUNDS = 6  # approvals and resumptions of a random story; in the last one all goes well
LATE = (  # an answer that comes after `answer_within` replaces the unknown, whatever it says
    (Row("accepted", Outcome.ACCEPTED, None, wires.accepted(1), taken=True), (Outcome.ACCEPTED, None)),
    (SAYS_NO[0], (Outcome.REJECTED, "contato invalido")),
    (THROTTLED, (Outcome.FAILED, "throttled")),
    (Row("reset", Outcome.UNKNOWN, "reset", then="reset", taken=True), (Outcome.UNKNOWN, "reset")),
)
HELD = Row("held", Outcome.ACCEPTED, None, wires.accepted(1), taken=True, held=True)


@dataclass
class Site:
    """What all stories share: one outage, its source and the gateway."""

    api: OltApi
    source: OltCloud
    wire: Wire
    phones: list[str]


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    world = World()
    world.outage(CUSTOMERS)
    phones = [f"55{customer.phone_number}" for customer in world.customers.values()]
    async with OltApi(world) as api, wires.opened() as wire:
        zone, clock = ZoneInfo("America/Sao_Paulo"), FakeClock(auto=True)
        source = OltCloud(api.url, f"{api.url}/api/token", api.user, api.password, zone=zone, clock=clock)
        try:
            yield Site(api, source, wire, phones)
        finally:
            await source.aclose()


@dataclass
class Story:
    """One case, from its card to its end. `name` is for the person who reads a violation."""

    name: str
    site: Site
    tries: Tries
    clock: FakeClock = field(default_factory=lambda: FakeClock(auto=True))
    seed: int = 0
    rules: Rules = RULES
    tasks: Tasks = field(default_factory=Tasks)
    pace: Pace | None = None
    before: dict[str, Receipt] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tries.runs += 1
        self.wire = self.site.wire
        self.wire.clear()
        self.ledger = MemoryLedger(self.clock)
        rng = random.Random(self.seed)  # noqa: S311
        source, pace = self.site.source, self.pace or Pace(0, self.clock)
        chat, spawn = FakeChat(), self.tasks.spawn
        deps = Deps(
            source,
            source,
            self.wire,
            pace,
            self.ledger,
            chat,
            self.clock,
            rng,
            spawn,
            FakeStaff(),
            FakeInbox(),
        )
        self.flow = DecidingFlow(deps, self.rules)

    @property
    def case(self) -> Case:
        return self.ledger.book.cases[1]

    @property
    def recipients(self) -> list[Recipient]:
        progress = self.case.dispatches[-1].progress
        everybody = progress.recipients.values() if progress is not None else ()
        return [recipient for recipient in everybody if recipient.skip is None]

    @property
    def results(self) -> dict[str, Receipt]:
        progress = self.case.dispatches[-1].progress
        return progress.results if progress is not None else {}

    async def open(self) -> None:
        await self.flow.start("test")
        await self.flow.poll()

    async def go(self) -> bool:
        """Approve or go on, as a person would; False where the case is at its end."""
        self.wire.met.clear()
        self.before = {}
        if self.case.undecided:
            await self.flow.approve(1, ANA)
        elif self.case.state is CaseState.INTERRUPTED:
            # Whom it never left for is tried again when a person lets it go on; nobody else is.
            self.before = {id_: r for id_, r in self.results.items() if r.outcome is not Outcome.FAILED}
            await self.flow.resume(1, ANA)
        else:
            return False
        return True

    async def through(self) -> None:
        """The dispatch has come to rest."""
        left = await self.tasks.drain(30)
        self.tries.check(left == 0, f"the dispatch hangs: {self.name}")
        self.judge()

    def judge(self) -> None:
        """Hold the book against what the gateway took and what each attempt met."""
        repeated = self.wire.repeated()
        self.tries.check(not repeated, f"the library sent {len(repeated)} a second time: {self.name}")
        self.tries.nobody_twice(self.wire.took.elements(), self.name)
        todo = {recipient.id for recipient in self._todo()}
        missing = [r.id for r in self.recipients if r.id not in self.results and r.id not in todo]
        self.tries.everybody_accounted_for(missing, self.name)
        for recipient in self.recipients:
            self._judge_one(recipient, self.results.get(recipient.id))
        if todo or self.case.dispatches[-1].end == "halted":
            self.tries.check(self._may_halt(), f"{len(todo)} were left out without a reason: {self.name}")

    def _judge_one(self, recipient: Recipient, result: Receipt | None) -> None:
        phone = recipient.phone or ""
        told = result is not None and result.outcome in {Outcome.ACCEPTED, *IN_DOUBT}
        self.tries.check(not self.wire.took[phone] or told, f"told, and called {result}: {self.name}")
        if recipient.id in self.before:
            return self.tries.check(result == self.before[recipient.id], f"changed: {self.name}")
        met = self.wire.met.get(phone, [])
        safe = all(row is not None and row.outcome is None for row in met[:-1])
        self.tries.check(safe, f"repeated after {[row and row.name for row in met]}: {self.name}")
        dispatch = self.case.dispatches[-1]
        left_out = (Outcome.FAILED, dispatch.end_reason) if dispatch.end == "halted" else None
        wanted = [left_out if end is None else end for end in expected(met)]
        said = None if result is None else (result.outcome, result.reason)
        return self.tries.check(said in wanted, f"{said} instead of {wanted}: {self.name}")

    def _todo(self) -> list[Recipient]:
        dispatch = self.case.dispatches[-1]
        return dispatch.progress.todo() if dispatch.progress is not None else []

    def _may_halt(self) -> bool:
        """Whether something was wrong for everybody, or a run of failures opened the breaker."""
        last = [rows[-1] for rows in self.wire.met.values()]
        lost = [row for row in last if row is not None and row.outcome in {None, *IN_DOUBT}]
        return any(row.mend for row in last if row is not None) or len(lost) >= min(BREAKS_AFTER, len(last))


def expected(met: list[Row | None]) -> list[tuple[Outcome, str | None] | None]:
    """What the result may be (None: none yet, still to do) after attempts that met these rows."""
    if not met:
        return [None]
    row = met[-1]
    if row is None:
        return [(Outcome.ACCEPTED, None)]
    if row.outcome is None:  # given up after all tries, or halted
        return [None, *([(Outcome.FAILED, row.reason)] if len(met) == RULES.send_tries else [])]
    if row.mend is not None and row.outcome is Outcome.REJECTED:
        return [None]  # not this customer's fault
    return [(row.outcome, row.reason)]


async def row_story(here: Site, tries: Tries, row: Row, hits: Mapping[str, int]) -> None:
    """The row hits some of the customers; then it is mended, and who was left goes on."""
    story = Story(f"{row.name}, {len(hits)} of {CUSTOMERS}", here, tries)
    await story.open()
    here.wire.draws = {phone: itertools.repeat(row, times) for phone, times in hits.items()}
    await story.go()
    await story.through()
    tries.check(len(story.recipients) == CUSTOMERS, f"not everybody is in the plan: {story.name}")
    arrived, dispatch = len(here.wire.arrived), story.case.dispatches[-1]
    if row.mend is not None:
        tries.check(dispatch.mend == row.mend, f"{dispatch.mend} is to be mended: {story.name}")
        if len(hits) == CUSTOMERS:
            tries.check(arrived <= IN_FLIGHT, f"{arrived} were burnt: {story.name}")
    elif len(hits) < BREAKS_AFTER:
        tries.check(dispatch.end == "done", f"it did not end: {story.name}")
    elif row in LOST and row.outcome is Outcome.UNKNOWN and len(hits) == CUSTOMERS:
        most = BREAKS_AFTER + IN_FLIGHT - 1
        tries.check(len(story.results) <= most, f"{len(story.results)} were burnt: {story.name}")
    here.wire.draws = {}
    ended_well = dispatch.end == "done"
    if not ended_well and await story.go():
        await story.through()
    tries.check(not story._todo(), f"somebody was left behind: {story.name}")


async def rows(here: Site, tries: Tries, table: Iterable[Row], hits: int) -> None:
    """Each row, on so many of the customers: once for each, and again and again where it is tried again."""
    for row in table:
        some = random.Random(hits).sample(here.phones, hits)  # noqa: S311
        await row_story(here, tries, row, dict.fromkeys(some, 1))
        if row.outcome is None and row.mend is None:
            await row_story(here, tries, row, dict.fromkeys(some, RULES.send_tries))


async def shared_pause(here: Site, tries: Tries, row: Row) -> None:
    """`Retry-After` (30 s here) holds back the whole queue, not only who was told so."""
    story = Story(f"a pause for all: {row.name}", here, tries, FakeClock())
    clock, wire = story.clock, here.wire
    await story.open()
    first = iter((row,))
    draws: Mapping[str, Iterator[Row | None]] = {phone: _chain(first) for phone in here.phones}
    wire.draws = draws
    await story.go()
    await _until(
        clock, lambda: len(wire.arrived) >= IN_FLIGHT and (bool(clock._sleepers) or bool(story.results))
    )
    wire.gate.set()  # the others in flight are answered, after the gateway asked for a pause
    # Who was told so sleeps, and so does whoever is next in line, with the others behind.
    await _until(clock, lambda: len(clock._sleepers) == NEXT_AND_TOLD or len(wire.arrived) > IN_FLIGHT)
    await clock.advance(29)
    # Who sleeps on the clock cannot send; who does not has asked by now, however long the wire takes.
    asked, asleep = wire.asked, len(clock._sleepers)
    still = (asked, asleep) == (IN_FLIGHT, NEXT_AND_TOLD)
    tries.check(still, f"{asked} requests in the pause: {story.name}")
    await clock.advance(2)
    await _until(clock, lambda: not story.tasks._running)
    await story.through()
    tries.check(len(wire.took) == CUSTOMERS, f"somebody was left behind: {story.name}")


def _chain(first: Iterator[Row]) -> Iterator[Row | None]:
    """The one fault for whoever asks first, the held answer for who is in flight with it."""
    yield next(first, HELD)


async def _until(clock: FakeClock, holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Let everything run, with no time passing on the clock, until it holds or so long has passed."""
    end = asyncio.get_running_loop().time() + seconds
    while not holds() and asyncio.get_running_loop().time() < end:
        await clock.advance(0)
        await asyncio.sleep(0.001)


class Watched(Pace):
    """The pace as it is shipped; `halved` are its rate before each throttle, and after."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(None, clock, fastest=80, sends=20, follows=True)
        self.halved: list[tuple[float, float]] = []

    def landed(self, seconds: float | None = None, *, throttled: bool = False) -> None:
        before = self.rate
        super().landed(seconds, throttled=throttled)
        if throttled:
            self.halved.append((before, self.rate))


async def halved_pace(here: Site, tries: Tries, row: Row) -> None:
    """A throttle halves the pace at which everybody is sent to, and nobody is left out for it."""
    clock = FakeClock(auto=True)
    pace = Watched(clock)
    story = Story(f"the pace: {row.name}", here, tries, clock, pace=pace)
    await story.open()
    here.wire.draws = {here.phones[0]: iter((row,))}
    await story.go()
    await story.through()
    halved = all(after == before / 2 for before, after in pace.halved)
    tries.check(halved, f"{pace.halved} a second: {story.name}")
    tries.check(len(pace.halved) == 1, f"it heard of {len(pace.halved)} throttles: {story.name}")
    tries.check(len(here.wire.took) == CUSTOMERS, f"somebody was left behind: {story.name}")


async def late_answer(here: Site, tries: Tries, row: Row, end: tuple[Outcome, str | None]) -> None:
    """The dispatch does not wait for it, and nothing is sent again meanwhile."""
    rules = replace(RULES, answer_within=0.2)
    story = Story(f"late: {row.name}", here, tries, rules=rules)
    await story.open()
    phone = here.phones[0]
    here.wire.draws = {phone: iter((row,))}
    await story.go()
    await _until(story.clock, lambda: story.case.dispatches[-1].end == "done")
    [known] = [story.results.get(r.id) for r in story.recipients if r.phone == phone]
    tries.check(known == Receipt(Outcome.UNKNOWN, reason="no_answer"), f"{known} meanwhile: {story.name}")
    here.wire.gate.set()
    tries.check(await story.tasks.drain(30) == 0, f"it hangs: {story.name}")
    [late] = [story.results[r.id] for r in story.recipients if r.phone == phone]
    tries.check((late.outcome, late.reason) == end, f"{late} in the end: {story.name}")
    tries.check(here.wire.arrived.count(phone) == 1, f"sent again: {story.name}")
    tries.nobody_twice(here.wire.took.elements(), story.name)


async def random_story(here: Site, tries: Tries, seed: int) -> None:
    """Each attempt draws its fault at random, look-ups fail too, and people go on until it is over."""
    rng = random.Random(seed)  # noqa: S311
    story = Story(f"random, seed {seed}", here, tries, seed=seed)
    await story.open()
    rate = rng.choice((0.1, 0.3, 0.6, 0.9))

    def draw() -> Iterator[Row | None]:
        while True:
            yield rng.choice(TABLE) if rng.random() < rate else None

    for number in range(ROUNDS):
        last = number == ROUNDS - 1
        here.wire.draws = {} if last else {phone: draw() for phone in here.phones}
        if not last:
            here.api.expire_tokens()
            here.api.faults.always(rng.choice((DropAfter(), HtmlPage(), HalfBody(), Throttle(1))), 0.15)
        if not await story.go():
            break
        await story.through()
        here.api.faults.clear()
    here.api.faults.clear()
    if story.case.dispatches[-1].end == "done":
        tries.check(not story._todo(), f"somebody was left behind: {story.name}")


def kept_connections(tries: Tries, folder: Path) -> None:
    """Each end that a connection can come to while it is kept, on one, some and all."""
    del folder

    async def ends() -> None:
        async with site() as here:
            for hits in (1, SOME, CUSTOMERS):
                await rows(here, tries, (IDLE, *CROSSED), hits)

    asyncio.run(ends())


def attack(tries: Tries, folder: Path) -> None:
    """A pause for all, half the pace, late answers, the table on one, some and all, the table at random."""

    async def everything() -> None:
        async with site() as here:
            for row in (THROTTLED, THROTTLED_UNTIL):
                await shared_pause(here, tries, row)
                await halved_pace(here, tries, row)
            for row, end in LATE:
                await late_answer(here, tries, replace(row, held=True), end)
            await rows(here, tries, LOST[:1], CUSTOMERS)
            await rows(here, tries, TABLE, 1)
            await rows(here, tries, TABLE, CUSTOMERS)
            await rows(here, tries, TABLE, SOME)
            tries.check(here.wire.stale > 0, "no kept connection was used: the row proves nothing")
            unmet = [row.name for row in TABLE if not here.wire.hits[row.name]]
            tries.check(not unmet, f"never met: {unmet}")
            for seed in range(RANDOM_RUNS):
                await random_story(here, tries, seed)
            tries.faults += here.wire.hits.total() - here.wire.hits[HELD.name]

    asyncio.run(everything())


def test_network(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)
