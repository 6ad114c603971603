"""Attack: who pushed heard 200; the power goes, the program is killed, the disk refuses: it is there.

What stands after a start is what was answered, or that and what was on its way: never less, never a mixture.
"""

import asyncio
import json
import random
from datetime import UTC
from pathlib import Path

import pytest

from bot.errors import TryLater
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.hook import Hook
from bot.storage import rows
from bot.storage.disk import Disk
from tests.fakes import FakeClock
from tests.faults.disk_image import ROOT, Snapshot
from tests.faults.sim_disk import SimDisk, Trouble
from tests.faults.telling import quiet
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack

LIVES, QUICK = 30, 4
PUSHES, OUTAGES = 25, 4
SMALL = 2_000  # bytes of the file after which it is written anew
Known = frozenset[tuple[str, int | None]]
"""What is on, by the outage's own number, with its count."""


class Life:
    """One sender and what it was answered, on a disk that is looked at before and after each step."""

    def __init__(self, tries: Tries, seed: int, trouble: Trouble | None = None) -> None:
        self.tries, self.rng, self.clock = tries, random.Random(seed), FakeClock()  # noqa: S311
        self.disk = SimDisk(Snapshot(), self._look, trouble)
        self.states: list[Known] = [frozenset()]
        self.refused: list[Known] = []
        self.moments: list[tuple[str, Snapshot, int]] = []

    def _look(self, step: str) -> None:
        if step.startswith("after"):
            self.moments.append((step, self.disk.snapshot(), len(self.states)))

    def hook(self, disk: Disk) -> Hook:
        kept = rows.Rows(ROOT / rows.PUSHED / "zbx.jsonl", disk)
        return Hook("zbx", kept, FORMATS["own"], ("t",), mapping={}, zone=UTC, stale=None, clock=self.clock)

    async def push(self) -> None:
        """So many pushes, one after the other; `states` has what was answered, the last one first of all."""
        hook = self.hook(self.disk)
        for n in range(PUSHES):
            on = dict(self.states[-1])
            id_ = str(self.rng.randrange(OUTAGES))
            status = self.rng.choice(("open", "open", "closed"))
            body = {"id": id_, "status": status, "olt": "CB 01", "slot": 1, "pon": 1, "affected": n}
            on.update({id_: n}) if status == "open" else on.pop(id_, None)
            before = self.disk.steps
            try:
                await hook.hear({"authorization": "Bearer t"}, json.dumps(body).encode())
            except (OSError, TryLater):
                self.refused.append(frozenset(on.items()))  # which may be there until another one is written
            else:
                self.states.append(frozenset(on.items()))
                self.refused = [] if self.disk.steps > before else self.refused
            await self.clock.advance(1)
        self.tries.check(await known(hook) == self.states[-1], "it does not know what it answered")
        await hook.aclose()

    async def start(self, disk: Disk, answered: int, what: str) -> None:
        """A start on that disk knows what was answered; the next push is taken, and holds, too."""
        self.tries.runs += 1
        found = await known(hook := self.hook(disk))
        allowed = [*self.states[answered - 1 : answered + 1], *self.refused]
        self.tries.check(found in allowed, f"{what}: {sorted(found)}, not {sorted(allowed[0])}")
        body = {"id": "next", "status": "open", "olt": "CB 01", "slot": 1, "pon": 1, "affected": 7}
        await hook.hear({"authorization": "Bearer t"}, json.dumps(body).encode())
        await hook.aclose()
        again = await known(self.hook(disk))
        self.tries.check(again == found | {("next", 7)}, f"{what}: what comes after it is not kept")


async def known(hook: Hook) -> Known:
    found = await hook.open_incidents()
    return frozenset((i.id.removeprefix(hook.ids).partition("~")[0], i.affected) for i in found.incidents)


async def power_cuts(tries: Tries, seed: int) -> None:
    """After each step of a life, in every way in which it may leave the disk."""
    life = Life(tries, seed)
    await life.push()
    seen = set()
    for step, snapshot, answered in life.moments:
        for what, ruin in (("killed", snapshot), *snapshot.ruins(life.rng)):
            if (key := (ruin.key(), answered)) in seen:
                continue
            seen.add(key)
            tries.kills += 1
            tries.images += what != "killed"
            await life.start(SimDisk(ruin), answered, f"life {seed}, {step}, {what}")


async def refusals(tries: Tries, seed: int) -> None:
    """Each step of a life refused once: what was answered with an error is not there, all else is."""
    steps = Life(tries, seed)
    await steps.push()
    for number in range(1, steps.disk.steps + 1):
        tries.faults += 1
        life = Life(tries, seed, Trouble(number, steps.rng.choice((5, 28)), steps.rng.random()))
        await life.push()
        last = len(life.states)
        await life.start(SimDisk(life.disk.snapshot()), last, f"life {seed}, step {number} refused")


def lives(tries: Tries, many: int) -> None:
    """So many of both, always the same ones."""

    async def play() -> None:
        for seed in range(many):
            await power_cuts(tries, seed)
            await refusals(tries, seed)

    was, rows.MUCH = rows.MUCH, SMALL
    try:
        with quiet():
            asyncio.run(play())
    finally:
        rows.MUCH = was


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    lives(tries, QUICK)
    assert not list(folder.iterdir()), "nothing of it was on the real disk"


def test_what_was_answered_is_there_whatever_happens(tries: Tries) -> None:
    lives(tries, LIVES)
