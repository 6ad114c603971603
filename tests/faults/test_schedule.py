"""Attack: the jobs that the process does by itself, and clocks set forward and back while it polls."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from unittest import mock

import pytest

from bot.simulator.server import DropAfter
from tests.faults.chatted import lively, place, told
from tests.faults.telling import quiet
from tests.faults.tries import Tries
from tests.isp import until
from tests.scenes.conftest import Noc

HOUR = timedelta(hours=1)
EVERY = 0.3  # seconds between two lines that say so, and between two readings of the gateway's list
WITHIN = 20.0  # seconds in which each job must have come round: of the hour that a clock set back would cost
LATE = "enquanto eu estava fora"
READS_THE_TIME = (
    "bot.process.clock",
    "bot.process.schedule",
    "apscheduler.schedulers.base",
    "apscheduler.triggers.interval",
)


@contextmanager
def soon() -> Iterator[None]:
    """What comes round in minutes comes round at once, and one poll that does not come is late."""
    with (
        mock.patch("bot.process.schedule.ALIVE", EVERY),
        mock.patch("bot.process.schedule.ASK", EVERY),
        mock.patch("bot.process.schedule.LATE", 1),
        lively(),
        quiet(),
    ):
        yield


class Wall(datetime):
    """The wall clock of the bot's machine alone; monotonic time passes as ever."""

    by = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.by


@contextmanager
def wall() -> Iterator[type[Wall]]:
    """A clock that can be set under the bot, and under the scheduler that it uses."""
    with mock.patch.multiple(Wall, by=timedelta(0)):
        patches = [mock.patch(f"{module}.datetime", Wall) for module in READS_THE_TIME]
        for patch in patches:
            patch.start()
        try:
            yield Wall
        finally:
            for patch in patches:
                patch.stop()


def polls(noc: Noc) -> int:
    return sum(1 for request in noc.olt.requests if "/alert/list" in request.path)


def kinds(noc: Noc) -> list[str]:
    return [line["kind"] for line in noc.lines()]


async def comes(tries: Tries, noc: Noc, what: str) -> None:
    """One more poll begins in time."""
    seen = polls(noc)
    try:
        await until(lambda: polls(noc) > seen, WITHIN)
    except TimeoutError:
        tries.check(False, f"no poll for {WITHIN} s: {what}")


async def runs_on(tries: Tries, noc: Noc, what: str) -> None:
    """The ledger goes on to say that the program runs; where that job comes round, they all do."""
    seen = kinds(noc).count("alive")
    try:
        await until(lambda: kinds(noc).count("alive") > seen + 1, WITHIN)
    except TimeoutError:
        tries.check(False, f"no alive line for {WITHIN} s: {what}")


async def jobs(tries: Tries, folder: Path) -> None:
    """The ledger says that the program runs; the gateway's own list settles a send in doubt."""
    async with told(tries, folder, "jobs") as noc:
        noc.world.outage(3)
        await noc.open(HSM_CONCURRENCY="1")
        card = await noc.card()
        try:
            await until(lambda: kinds(noc).count("alive") >= 2, WITHIN)
        except TimeoutError:
            tries.check(False, "the ledger does not say that the program runs")
        tries.check(not asked(noc), "the list is read though nothing is in doubt")
        noc.hsm.faults.inject(DropAfter())
        await noc.chat.tap(noc.ana, card, "Aprovar")
        tries.faults += 1
        try:
            await noc.chat.wait(lambda _: "\n3 enviadas\n" in card.text, WITHIN)
        except TimeoutError:
            tries.check(False, f"the list was read {asked(noc)} times, and the card says: {card.text}")
        tries.check(asked(noc) >= 1, "the doubt was settled without the list")
        tries.check("evidence" in kinds(noc), "the evidence is not in the ledger")
        tries.check(len(noc.hsm.received) == 3, "what was in doubt was sent again")


def asked(noc: Noc) -> int:
    return sum(1 for r in noc.hsm.requests if (r.method, "/hsmEnviadas" in r.path) == ("GET", True))


async def clock_set(tries: Tries, folder: Path, *by: timedelta) -> None:
    """The wall clock is set, again and again: polls go on, and a card's case lives on, and is sent once."""
    story = f"the clock is set by {', '.join(map(str, by))} while it polls"
    with wall() as clock:
        async with told(tries, folder, story) as noc:
            noc.world.outage(3)
            await noc.open()
            card = await noc.card()
            for jump in by:
                clock.by += jump
                await comes(tries, noc, story)
                await runs_on(tries, noc, story)
            await noc.chat.tap(noc.ana, card, "Aprovar")
            await noc.chat.wait(lambda _: any(text in card.text for text in ("3 enviadas", LATE)), WITHIN)
            if LATE in card.text:  # an hour forward is to it an hour in which it heard nobody
                await noc.chat.tap(noc.ana, card, "Aprovar agora")
            await noc.until(card, "3 enviadas")
            tries.check(len(noc.hsm.received) == 3, f"{len(noc.hsm.received)} of 3 were told: {story}")


def attack(tries: Tries, folder: Path) -> None:
    """Each job comes round, whatever the clock does."""
    with soon():
        asyncio.run(jobs(tries, place(folder, "jobs")))
        asyncio.run(clock_set(tries, place(folder, "clock"), -HOUR, HOUR))


@pytest.mark.bug("a clock set back stalled everything scheduled but the poll")
@pytest.mark.attack
def test_schedule(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)
