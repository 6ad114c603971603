"""What comes round by itself: polls, what else is looked at again and again, who notices that it stops."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

from bot.flow.flow import Flow
from bot.ports import Clock, Notice, Polled
from bot.process.every import Every
from bot.process.nightly import FIRST, HOUR, MINUTE
from bot.process.watched.standing import Standing

log = logging.getLogger(__name__)

LATE = 3  # poll intervals without a poll, and the watchdog re-schedules
ALIVE = 900.0  # seconds between two lines that say so; a start trusts a ledger that ends within an hour
ASK = 300.0  # seconds between two readings of the gateway's list while a send is in doubt
RECEIPTS = 10.0  # seconds between two looks at whose receipts are due
DUE = 60.0  # seconds between two looks at what is to be said because its time has come
OPT_OUTS = 86_400.0  # seconds between two readings of the gateway's own list of who wants no messages
AT_ONCE = 0.5  # seconds until what was pushed is read: what comes at the same moment is read with it
SOON = 60.0  # seconds after a start until the first of each: are people heard, what of those in flight before


class Schedule:
    """When a flow has what to do. `begin` it, and `end` it before the flow drains."""

    def __init__(
        self,
        flow: Flow,
        standing: Standing,
        sources: Sequence[Polled],
        clock: Clock,
        *,
        say: Callable[[Notice], None],
        polled: Callable[[], None],
        nightly: Callable[[], Awaitable[None]],
        zone: tzinfo,
    ) -> None:
        """`polled` is called behind each poll; `nightly` each night there, and soon after the start."""
        self._flow, self._standing, self._sources, self._clock = flow, standing, sources, clock
        self._say, self._behind_a_poll, self._nightly, self._zone = say, polled, nightly, zone
        self._polled_at, self._polling = clock.monotonic(), 0
        self._pushed: set[str] = set()
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._watchdog: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The first poll comes at once."""
        for source in self._sources:
            self._add(f"poll {source.name}", self._poll, self._turns(source), 0, source)
        beside: tuple[tuple[str, Callable[[], Awaitable[object]], float], ...] = (
            ("alive", self._alive, ALIVE),
            ("unknown", self._flow.ask_gateway, ASK),
            ("receipts", self._flow.listing.ask, RECEIPTS),
            ("opted_out", self._flow.listing.ask_who_opted_out, OPT_OUTS),
            ("announce", self._announce, DUE),
        )
        for id_, work, every in beside:
            self._add(id_, _cut_short, Every(seconds=every, timezone=UTC), min(every, SOON), id_, work)
        each_night = CronTrigger(hour=HOUR, minute=MINUTE, timezone=self._zone)
        self._add("verify", _cut_short, each_night, FIRST, "verify", self._nightly)
        self._scheduler.start()
        self._watchdog = asyncio.create_task(self._watch(), name="schedule watch")

    def end(self) -> None:
        """Nothing comes round any more, and what goes on is cut short; harmless before the beginning."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._watchdog is not None:
            self._watchdog.cancel()

    def follow(self, poll_seconds: float) -> None:
        """Sources without a pace of their own are polled so often from now on."""
        self._standing.follow(poll_seconds)
        for source in self._sources:
            if source.every is None:
                self._scheduler.reschedule_job(f"poll {source.name}", trigger=self._turns(source))

    def pushed(self, source: str) -> None:
        """It was told something: it is read soon, and together with what comes at the same moment."""
        self._pushed.add(source)
        job, soon = self._scheduler.get_job(f"poll {source}"), datetime.now(UTC) + timedelta(seconds=AT_ONCE)
        if job is not None and (job.next_run_time is None or job.next_run_time > soon):
            job.modify(next_run_time=soon)

    def _add(
        self,
        id_: str,
        work: Callable[..., Awaitable[None]],
        trigger: BaseTrigger,
        first: float,
        *given: object,
    ) -> None:
        """`first` is how many seconds from now it comes for the first time."""
        self._scheduler.add_job(
            work,
            trigger,
            args=given,
            id=id_,
            name=id_,
            next_run_time=datetime.now(UTC) + timedelta(seconds=first),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )

    def _turns(self, source: Polled) -> Every:
        seconds = self._standing.every[source.name]
        return Every(seconds=seconds, jitter=max(1, int(seconds / 10)), timezone=UTC)

    async def _poll(self, source: Polled) -> None:
        self._polled_at, self._polling = self._clock.monotonic(), self._polling + 1
        self._pushed.discard(source.name)
        try:
            wanted = await self._flow.poll(source.name)
            if wanted is not None and wanted < self._standing.every[source.name]:
                self._look_again(source, wanted)
            if not self._flow.health.of(source.name).failures:
                self._standing.polled(source.name)
        except asyncio.CancelledError:  # as `_cut_short`
            log.info("a poll was cut short by the stop")
        except Exception:  # the edge: a bug in one poll must not end the polling
            log.exception("a poll failed in a way that nobody named")
            self._flow.health.missed(source.name, "error")
        finally:
            self._polling, self._polled_at = self._polling - 1, self._clock.monotonic()
            self._behind_a_poll()
            if source.name in self._pushed:  # meanwhile, and while one goes on no other begins
                self.pushed(source.name)

    def _look_again(self, source: Polled, seconds: float) -> None:
        """What is new has waited for its siblings then. One with a pace of its own is not asked again."""
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        if source.every is None:
            self._scheduler.modify_job(f"poll {source.name}", next_run_time=at)
        else:
            self._scheduler.add_job(
                _cut_short,
                DateTrigger(at),
                args=("gather", self._flow.gather, source.name),
                id=f"gather {source.name}",
                name=f"gather {source.name}",
                misfire_grace_time=None,
                replace_existing=True,
            )

    async def _alive(self) -> None:
        self._flow.alive(heard=self._standing.hears())

    async def _announce(self) -> None:
        self._flow.announce()

    async def _watch(self) -> None:
        """A clock set back leaves the scheduler waiting for a time that was: it is told to poll now."""
        while True:
            await self._clock.sleep(min(self._standing.every.values()))
            silent = self._clock.monotonic() - self._polled_at
            if silent > LATE * min(self._standing.every.values()) and not self._polling:
                log.error("no poll for %.0f s: scheduling one now", silent)
                self._say(Notice("poll_late", {"seconds": silent}))
                self._polled_at = self._clock.monotonic()
                for job in self._scheduler.get_jobs():  # the others wait for that time, too
                    job.modify(next_run_time=datetime.now(UTC))


async def _cut_short(what: str, work: Callable[..., Awaitable[object]], *given: object) -> None:
    """The scheduler's shutdown cancels what goes on, and would log it as an error."""
    try:
        await work(*given)
    except asyncio.CancelledError:
        log.info("cut short by the stop: %s", what)
