"""Attack 4: every row of the outcome table over real sockets, for each gateway (`spoken/`).

What counts is what the gateway took: nobody twice, who was taken is accepted, held or unknown, who was not
and could be tried again was, and a refusal that hits everybody costs at most what was in flight (wired.py).
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.plan import Outcome, Receipt
from bot.gateways import DRY_RUN, GATEWAYS
from bot.gateways.pace import Pace
from bot.simulator.server import DropAfter, HalfBody, HtmlPage, Throttle
from tests.fakes import FakeClock
from tests.faults.rows import THROTTLED, THROTTLED_UNTIL
from tests.faults.spoken import SPEECHES
from tests.faults.spoken.row import Row
from tests.faults.tries import Tries
from tests.faults.wired import BREAKS_AFTER, CUSTOMERS, IN_FLIGHT, RULES, SOME, Site, Story, site
from tests.patience import leap

pytestmark = pytest.mark.attack
NEXT_AND_TOLD = 2
RANDOM_RUNS = 30
WITHIN = 5.0  # seconds, of the 10 that the wire waits
ROUNDS = 6  # approvals and resumptions of a random story; in the last one all goes well


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
    elif row in here.table.lost and row.outcome is Outcome.UNKNOWN and len(hits) == CUSTOMERS:
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
    draws: Mapping[str, Iterator[Row | None]] = {
        phone: _chain(first, here.table.held) for phone in here.phones
    }
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


def _chain(first: Iterator[Row], held: Row) -> Iterator[Row | None]:
    """The one fault for whoever asks first, the held answer for who is in flight with it."""
    yield next(first, held)


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


async def late_answer(here: Site, tries: Tries, row: Row) -> None:
    """The dispatch does not wait for it, and nothing is sent again meanwhile."""
    rules = replace(RULES, answer_within=WITHIN)
    story = Story(f"late: {row.name}", here, tries, rules=rules)
    await story.open()
    phone = here.phones[0]
    here.wire.draws = {phone: iter((row,))}
    await story.go()
    await _until(story.clock, lambda: len(story.results) == CUSTOMERS - 1)
    leap(WITHIN)
    await _until(story.clock, lambda: story.case.dispatches[-1].end == "done")
    [known] = [story.results.get(r.id) for r in story.recipients if r.phone == phone]
    tries.check(known == Receipt(Outcome.UNKNOWN, reason="no_answer"), f"{known} meanwhile: {story.name}")
    here.wire.gate.set()
    tries.check(await story.tasks.drain(30) == 0, f"it hangs: {story.name}")
    end = (row.outcome or Outcome.FAILED, row.reason)
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
            yield rng.choice(here.table.rows) if rng.random() < rate else None

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
        async with site("matrix") as here:
            for hits in (1, SOME, CUSTOMERS):
                await rows(here, tries, here.table.kept, hits)

    asyncio.run(ends())


def attack(tries: Tries, folder: Path, gateway: str = "matrix") -> None:
    """A pause for all, half the pace, late answers, the table on one, some and all, the table at random."""
    del folder

    async def everything() -> None:
        async with site(gateway) as here:
            table = here.table
            for row in (THROTTLED, THROTTLED_UNTIL):
                await shared_pause(here, tries, row)
                await halved_pace(here, tries, row)
            for row in table.late:
                await late_answer(here, tries, replace(row, held=True))
            await rows(here, tries, table.lost[:1], CUSTOMERS)
            await rows(here, tries, table.rows, 1)
            await rows(here, tries, table.rows, CUSTOMERS)
            await rows(here, tries, table.rows, SOME)
            tries.check(here.wire.stale > 0, "no kept connection was used: the row proves nothing")
            unmet = [row.name for row in table.rows if not here.wire.hits[row.name]]
            tries.check(not unmet, f"never met: {unmet}")
            for seed in range(RANDOM_RUNS):
                await random_story(here, tries, seed)
            tries.faults += here.wire.hits.total() - here.wire.hits[table.held.name]

    asyncio.run(everything())


def cloud(tries: Tries, folder: Path) -> None:
    """The same on the Cloud API."""
    attack(tries, folder, "cloud")


def opa(tries: Tries, folder: Path) -> None:
    """The same on Opa! Suite."""
    attack(tries, folder, "opa")


@pytest.mark.parametrize("gateway", SPEECHES)
def test_network(tries: Tries, tmp_path: Path, gateway: str) -> None:
    attack(tries, tmp_path, gateway)


def test_every_gateway_that_sends_is_attacked() -> None:
    assert SPEECHES.keys() == GATEWAYS.keys() - {DRY_RUN}
