"""What a machine does that stands by: it takes in what the one writes that leads, and waits for its place."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from filelock import Timeout
from psycopg import Error

from bot.ops.health import LIVE, READY, health
from bot.ops.health import PATH as HEALTH
from bot.ops.metrics import PATH as METRICS
from bot.ops.metrics import Family, metrics
from bot.ops.server import Route
from bot.ports import Clock
from bot.process.cluster.leading import Leading
from bot.process.watched.beat import Beat
from bot.process.watched.led import led
from bot.storage.checkpoint import EVERY, renew
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.postgres.lease import Away, Lease, Taken
from bot.storage.rows import put_aside

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks at whether the lease is free
OWNED = 2.0  # seconds between two looks at whether a command is done with the folder
CATCH_UP = 60.0  # seconds between two times that the lines here are brought up to the last one


Replayed = Callable[[int | None], Awaitable[FileLedger]]


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

    def __init__(self, url: str, folder: Path, node: str, clock: Clock, replayed: Replayed) -> None:
        """`replayed` opens the ledger under an epoch: the lines in the folder are up to the last one then."""
        self._folder, self._clock, self._replayed = folder, clock, replayed
        self._lease = Lease(url, f"{node} {token_hex(8)}")
        self._beat = Beat(clock)
        self._away: str | None = "not asked yet"
        self._leader: str | None = None
        self._led: str | None = None
        self._catching_up: asyncio.Future[None] | None = None
        self._caught_up = 0.0
        self._broken: BaseException | None = None
        self._owned: str | None = None

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
        found = None
        try:
            while not stop.is_set() and found is None:
                if self._broken is not None:
                    raise self._broken
                pause = LOOK
                try:
                    found = await self._look()
                except Exception as error:
                    if not passes(error):
                        raise
                    if owned(error):
                        self._is_owned(error)
                        pause = OWNED
                    else:
                        self._is_away(str(error))
                if found is None:
                    await _either(stop, pause)
        finally:
            self._beat.stop()
            if found is None:
                await self._leave()
        return found

    async def _look(self) -> Lead | None:
        if self._catching_up is None:  # at the start: then little is missing when it is to lead
            self._catch_up()
        if self._catching_up is not None and not self._catching_up.done():
            self._follows(await self._lease.holder())
            return None
        taken = await self._lease.take()
        if taken is None:
            self._follows(await self._lease.holder())
            if self._clock.monotonic() - self._caught_up >= CATCH_UP:
                self._catch_up()
            return None
        log.info("this machine leads from here on (epoch %s)", taken.epoch)
        leading = Leading(self._lease)
        leading.start()
        try:
            ledger = await self._replayed(taken.epoch)
            moved = await self._lease.moved()
            before = self._before(taken)
            if before not in {None, name_of(self._lease.owner)}:
                await asyncio.to_thread(self._forget_what_was_pushed)
        except BaseException:
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

    def _catch_up(self) -> None:
        self._caught_up = self._clock.monotonic()
        self._catching_up = asyncio.ensure_future(self._copied())
        self._catching_up.add_done_callback(self._was_copied)

    async def _copied(self) -> None:
        """The lines here are brought up to the last one, with a checkpoint where there is much to replay."""
        ledger = await self._replayed(None)
        try:
            if ledger.closed is None and ledger.head.seq - ledger.recovery.since >= EVERY:
                await asyncio.to_thread(renew, Disk(), self._folder, ledger.head.seq)
        finally:
            await ledger.close()

    def _was_copied(self, work: "asyncio.Future[None]") -> None:
        error = None if work.cancelled() else work.exception()
        if error is None:
            self._owned = None
        elif owned(error):
            self._is_owned(error)
            self._caught_up += OWNED - CATCH_UP
        elif not passes(error):
            self._broken = error

    async def _leave(self) -> None:
        if self._catching_up is not None:
            await asyncio.wait({self._catching_up})
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

    def _is_owned(self, error: BaseException) -> None:
        log.warning("%s: this machine waits for it", error)
        self._owned = str(error)

    def _wrong(self) -> Mapping[str, str]:
        away = {} if self._away is None else {"database": f"does not answer ({self._away})"}
        return away if self._owned is None else {**away, "folder": self._owned}

    def _noted(self) -> Mapping[str, str]:
        return {} if self._leader is None else {"lead": self._stands_by()}

    def _unready(self) -> Mapping[str, str]:
        return self._wrong() or {"lead": self._stands_by()}

    def _stands_by(self) -> str:
        return f"{self._leader} leads, this machine stands by" if self._leader else "nobody leads yet"

    async def _numbers(self) -> Sequence[Family]:
        return led(None, away=self._away is not None)


def passes(error: BaseException) -> bool:
    """Whether it is over by itself: the database does not answer, or a command reads the folder."""
    return isinstance(error, Away | Error) or isinstance(error.__cause__, Error) or owned(error)


def owned(error: BaseException) -> bool:
    """Whether another process has the folder: `ledger show` and the like while they bring the copy on."""
    return isinstance(error.__cause__, Timeout)


def name_of(owner: str) -> str:
    """What the machine is called of which this is a process."""
    return owner.partition(" ")[0]


async def _either(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
