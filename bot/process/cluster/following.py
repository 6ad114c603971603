"""What a machine does that stands by: it takes in what the one writes that leads, and waits for its place."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex

from bot.ops.health import LIVE, READY, health
from bot.ops.health import PATH as HEALTH
from bot.ops.metrics import PATH as METRICS
from bot.ops.metrics import Family, metrics
from bot.ops.server import Route
from bot.ports import Clock
from bot.process.cluster.copying import Copying, Reading, either, passes, shown
from bot.process.cluster.leading import Leading
from bot.process.cluster.lending import Lending
from bot.process.watched.beat import Beat
from bot.process.watched.led import led
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.postgres.lease import Lease, Taken
from bot.storage.postgres.warm import Warm
from bot.storage.rows import put_aside

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks at whether the lease is free


Replayed = Callable[[int, Warm], Awaitable[FileLedger]]


@dataclass(frozen=True, slots=True)
class Lead:
    """The ledger of who leads, fenced and with all lines taken in, and the lease, which is being renewed.

    `before` is the machine that led last, None where none ever did, and `given_up` says whether that ended in
    order. `moved`: it is another database than the one that was trusted last.
    """

    ledger: FileLedger
    leading: Leading
    before: str | None
    given_up: bool
    moved: bool


class Following:
    """One process that does not lead, yet."""

    def __init__(  # noqa: PLR0917 - what a process has
        self,
        url: str,
        folder: Path,
        node: str,
        clock: Clock,
        days: int,
        replayed: Replayed,
        reading: Reading | None = None,
        lending: Lending | None = None,
    ) -> None:
        """`replayed` opens the ledger under an epoch, from what was read of it; `lending` is what sends for
        who leads meanwhile; `days` and `reading` as in `Copying`.
        """
        self._folder, self._clock, self._replayed = folder, clock, replayed
        self._lending = lending
        self._copied = partial(Copying, url, folder, clock, days, reading)
        self._copying: Copying | None = None
        self._lease = Lease(url, f"{node} {token_hex(8)}")
        self._beat = Beat(clock)
        self._away: str | None = "not asked yet"
        self._leader: str | None = None
        self._led: str | None = None

    def routes(self) -> dict[str, Route]:
        """Where it is asked for. Standing by is what it is for, so `/healthz` finds no fault with it."""
        return {
            HEALTH: health(self._wrong, self._noted, ("database", "folder")),
            LIVE: health(self._beat.wrong, parts=("loop",)),
            READY: health(self._unready, parts=("lead",)),
            METRICS: metrics(self._numbers, self._clock.monotonic),
        }

    async def until_it_leads(self, stop: asyncio.Event) -> Lead | None:
        """What is needed to lead, once it does; None where it is to stop before.

        StartupError where the ledger cannot be opened for a reason that does not pass by itself.
        """
        self._beat.start()
        if self._lending is not None:
            self._lending.start()
        found = None
        try:
            while not stop.is_set() and found is None:
                try:
                    found = await self._look()
                except Exception as error:
                    if not passes(error):
                        raise
                    self._is_away(shown(error))
                if found is None:
                    await either(stop, LOOK)
        finally:
            self._beat.stop()
            if self._lending is not None:
                self._lending.retire()
            if found is None:
                await self._leave()
        return found

    async def _look(self) -> Lead | None:
        copying = self._copying
        if copying is None:  # at the start: then nothing is missing when it is to lead
            copying = self._copying = self._copied()
            copying.start()
        if copying.broken is not None:
            raise copying.broken
        taken = await self._lease.take() if copying.ready else None
        if taken is None:
            self._follows(await self._lease.holder())
            return None
        log.info("this machine leads from here on (epoch %s)", taken.epoch)
        leading, ledger = Leading(self._lease), None
        leading.start()
        try:
            self._copying = None
            ledger = await self._replayed(taken.epoch, await copying.hand_over())
            moved = await self._lease.moved()
            before = self._before(taken)
            if before not in {None, name_of(self._lease.owner)}:
                await asyncio.to_thread(self._forget_what_was_pushed)
        except BaseException:
            if ledger is not None:  # else it would own the folder in front of the next try
                await ledger.close()
            await leading.stop()
            raise
        return Lead(ledger, leading, before, taken.given_up, moved)

    def _before(self, taken: Taken) -> str | None:
        whose = taken.before
        if whose == self._lease.owner:  # taken before that, and its answer was lost
            whose = self._led
        return None if whose is None else name_of(whose)

    def _forget_what_was_pushed(self) -> None:
        """It was pushed here when this machine led before: how it ended was told to the other one."""
        if names := put_aside(Disk(), self._folder):
            log.warning("another machine led meanwhile: what was pushed here is put aside (%s)", names)

    async def _leave(self) -> None:
        if self._copying is not None:
            await self._copying.stop()
        await self._lease.give_up()
        await self._lease.close()

    def _follows(self, owner: str | None) -> None:
        if owner not in {None, self._lease.owner}:
            self._led = owner
        name = None if owner is None else name_of(owner)
        if name is not None and (name != self._leader or self._away is not None):
            log.info("%s leads, this machine stands by", name)
        self._leader, self._away = name, None

    def _is_away(self, how: str) -> None:
        if self._away is None or self._away != how:
            log.error("the database does not answer (%s): this machine waits for it", how)
        self._away, self._leader = how, None

    def _wrong(self) -> Mapping[str, str]:
        away, copying = self._away, self._copying
        wrong = {} if away is None else {"database": f"does not answer ({away})"}
        if copying is not None and copying.behind is not None:
            wrong.setdefault("database", f"the lines cannot be read ({copying.behind})")
        if copying is not None and copying.owned is not None:
            wrong["folder"] = copying.owned
        return wrong

    def _noted(self) -> Mapping[str, str]:
        return {} if self._leader is None else {"lead": self._stands_by()}

    def _unready(self) -> Mapping[str, str]:
        return self._wrong() or {"lead": self._stands_by()}

    def _stands_by(self) -> str:
        if self._leader is None:
            return "nobody leads yet"
        ready = self._copying is not None and self._copying.ready
        return f"{self._leader} leads, this machine {'stands by' if ready else 'reads the ledger first'}"

    async def _numbers(self) -> Sequence[Family]:
        return led(None, away=self._away is not None, lent=self._lending.count if self._lending else 0)


def name_of(owner: str) -> str:
    """What the machine is called of which this is a process."""
    return owner.partition(" ")[0]
