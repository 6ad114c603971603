"""The composition root: settings -> adapters -> flow -> chat -> scheduler; started and stopped in order."""

import asyncio
import gc
import logging
import random
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from bot import __version__
from bot.chat.screens.starting import STARTED, start_line
from bot.chat.taps.commands import ProgramFacts
from bot.chat.telegram import Account, Telegram
from bot.domain.delivery import News
from bot.errors import StartupError
from bot.flow.deps import Deps
from bot.flow.flow import Flow
from bot.ops.health import PATH as HEALTH
from bot.ops.health import health
from bot.ops.server import Route, Server
from bot.ports import Clock, Notice
from bot.process.checkpoints import Checkpoints
from bot.process.clock import SystemClock
from bot.process.every import Every
from bot.process.healthz import Standing
from bot.process.nightly import FIRST, HOUR, MINUTE, Nightly
from bot.process.settings.composed import Settings
from bot.process.tasks import Tasks
from bot.process.webhook import PATH as WEBHOOK
from bot.process.webhook import webhook
from bot.process.wiring import (
    attention_of,
    open_gateway,
    open_pace,
    open_source,
    rules_of,
    start_facts,
    webhook_of,
    words_of,
)
from bot.storage.access import troubles
from bot.storage.files import FileLedger
from bot.storage.inbox import FileInbox
from bot.storage.kept import Views
from bot.storage.past.history import FileHistory

log = logging.getLogger(__name__)

LATE = 3  # poll intervals without a poll, and the watchdog re-schedules
ALIVE = 900.0  # seconds between two lines that say so; a start trusts a ledger that ends within an hour
ASK = 300.0  # seconds between two readings of the gateway's list while a send is in doubt
RECEIPTS = 10.0  # seconds between two looks at whose receipts are due
OPT_OUTS = 86_400.0  # seconds between two readings of the gateway's own list of who wants no messages
SOON = 60.0  # seconds after a start until the first of each: are people heard, what of those in flight before
IN_FLIGHT = 35.0  # seconds that a stop waits for sends that have left: above the limit of one send


def _replayed(settings: Settings, clock: Clock) -> FileLedger:
    """The ledger, out of the garbage collector's sight: each full collection would stop taps for 100 ms."""
    gc.disable()
    try:
        return FileLedger.open(settings.data_dir, clock)
    finally:
        gc.freeze()
        gc.enable()


class App:
    """One process. `run` returns its exit code."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._rules = rules_of(settings)
        self._words = words_of(settings)
        self._tasks = Tasks()
        self._started_at = self._clock.now()
        self._polled_at, self._polling = self._clock.monotonic(), False
        self._introduced = self._begun = False
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._watchdog: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event) -> int:
        """Run until `stop` is set, then stop in order. StartupError where the folder or port is not ours."""
        settings, clock = self._settings, self._clock
        self._ledger = ledger = _replayed(settings, clock)
        self._source = open_source(settings, clock)
        self._gateway = open_gateway(settings, clock)
        self._history = FileHistory(settings.data_dir, lambda: ledger.head.seq, clock)
        self._telegram = self._open_telegram()
        self._standing = Standing(self._telegram, ledger, clock, settings.poll_seconds)
        self._inbox = FileInbox(settings.data_dir)
        deps = Deps(
            self._source,
            self._source,
            self._gateway,
            open_pace(settings, clock),
            ledger,
            self._telegram.chat,
            clock,
            random.SystemRandom(),
            self._tasks.spawn,
            self._telegram,
            self._inbox,
        )
        self._flow = Flow(deps, self._rules)
        self._server = Server(self._routes())
        self._telegram.attend(self._flow, self._program)
        self._checkpoints = Checkpoints(settings.data_dir, ledger, clock)
        self._nightly = Nightly(settings.data_dir, ledger, self._telegram.chat.say)
        self._views = Views(settings.data_dir, ledger, self._rules.cooldown_hours, clock)
        ledger.on_closed = lambda why: self._telegram.chat.say(Notice("ledger_closed", {"why": why}))
        try:
            await self._start()
            await stop.wait()
        finally:
            await self._stop()
        return 0

    def _routes(self) -> dict[str, Route]:
        routes = {HEALTH: health(self._standing.wrong, self._standing.noted)}
        told = webhook_of(self._settings)
        if told is not None:
            routes[WEBHOOK] = webhook(told, self._hear, self._ledger.person, self._clock)
        return routes

    async def _hear(self, news: Sequence[News]) -> None:
        """No line before the one of the start, by which it is found out that the ledger is an old copy."""
        if not self._begun:
            raise OSError("the program is only starting")
        await self._flow.receipts.hear(news)

    def _open_telegram(self) -> Telegram:
        settings = self._settings
        account = Account(
            settings.telegram_token.get_secret_value(),
            settings.telegram_chat_id,
            settings.telegram_api_url,
            settings.telegram_topic_id,
            settings.telegram_approvers,
            settings.telegram_proxy.get_secret_value() or None,
        )
        return Telegram(
            account,
            self._ledger,
            self._words,
            self._clock,
            rules=self._rules,
            attention=attention_of(settings),
            history=self._history,
        )

    async def _start(self) -> None:
        settings = self._settings
        if settings.ops_port:
            try:
                await self._server.start(settings.ops_host, settings.ops_port)
            except OSError as error:
                where = f"{settings.ops_host}:{settings.ops_port}"
                mend = "choose another OPS_PORT (0 turns it off)"
                wrong = f"OPS_PORT: cannot listen on {where} ({error.strerror}): {mend}"
                raise StartupError(wrong, code=1) from None
        log.info("%s", start_line(start_facts(settings), self._words, len(self._ledger.book.open)))
        log.info("olt-noc-bot %s: source %s, gateway %s", __version__, self._source.name, self._gateway.name)
        for warning in (*troubles(settings.data_dir), *settings.unprotected()):
            log.warning("%s", warning)
        self._say_recovery()
        await self._let_go()
        await self._flow.start(__version__, self._ledger.recovery.doubt, self._ledger.key)
        self._begun = True
        self._flow.receipts.take(self._inbox.left)
        await self._telegram.start()
        self._schedule()
        self._watchdog = asyncio.create_task(self._watch_the_schedule())
        self._checkpoints.start()
        self._history.start()
        await self._views.start()  # last: it takes a while, and the first poll need not wait for it

    def _schedule(self) -> None:
        seconds = self._settings.poll_seconds
        self._scheduler.add_job(
            self._poll,
            Every(seconds=seconds, jitter=max(1, int(seconds / 10)), timezone=UTC),
            id="poll",
            next_run_time=datetime.now(UTC),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        beside = (
            ("alive", self._alive, ALIVE),
            ("unknown", self._ask, ASK),
            ("receipts", self._ask_for_receipts, RECEIPTS),
            ("opted_out", self._ask_who_opted_out, OPT_OUTS),
        )
        for id_, work, every in beside:
            self._scheduler.add_job(
                work,
                Every(seconds=every, timezone=UTC),
                id=id_,
                next_run_time=datetime.now(UTC) + timedelta(seconds=min(every, SOON)),
                misfire_grace_time=None,
                coalesce=True,
                max_instances=1,
            )
        self._scheduler.add_job(
            self._verify,
            CronTrigger(hour=HOUR, minute=MINUTE, timezone=self._settings.tz),
            id="verify",
            next_run_time=datetime.now(UTC) + timedelta(seconds=FIRST),
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        self._scheduler.start()

    async def _poll(self) -> None:
        self._polled_at, self._polling = self._clock.monotonic(), True
        try:
            wanted = await self._flow.poll()
            if wanted is not None and wanted < self._settings.poll_seconds:
                soon = datetime.now(UTC) + timedelta(seconds=wanted)
                self._scheduler.modify_job("poll", next_run_time=soon)
            if not self._flow.source_health.failures:
                self._standing.polled()
        except asyncio.CancelledError:  # the scheduler's shutdown; passed on, it would log it as an error
            log.info("a poll was cut short by the stop")
        except Exception:  # the edge: a bug in one poll must not end the polling
            log.exception("a poll failed in a way that nobody named")
            self._flow.health.missed("error")
        finally:
            self._polling, self._polled_at = False, self._clock.monotonic()
            self._say_how_it_is_set_up()

    def _say_how_it_is_set_up(self) -> None:
        """Once, behind the cards that the first poll brought."""
        if not self._introduced:
            self._introduced = True
            self._telegram.chat.say(Notice(STARTED, start_facts(self._settings)))

    async def _alive(self) -> None:
        self._flow.alive(heard=self._standing.hears())

    async def _ask(self) -> None:
        try:
            await self._flow.ask_gateway()
        except asyncio.CancelledError:  # the scheduler's shutdown, as above
            log.info("a reading of the gateway's list was cut short by the stop")

    async def _ask_for_receipts(self) -> None:
        try:
            await self._flow.listing.ask()
        except asyncio.CancelledError:  # the scheduler's shutdown, as above
            log.info("a reading of the gateway's list was cut short by the stop")

    async def _ask_who_opted_out(self) -> None:
        try:
            await self._flow.listing.ask_who_opted_out()
        except asyncio.CancelledError:  # the scheduler's shutdown, as above
            log.info("a reading of the gateway's list was cut short by the stop")

    async def _let_go(self) -> None:
        try:
            gone = await self._ledger.let_go(self._settings.personal_days)
        except OSError as error:
            log.error("names and phones that are due could not be taken away: %s", error.strerror)  # noqa: TRY400
        else:
            if gone:
                log.info("names and phones of %s are gone (PERSONAL_DAYS)", ", ".join(gone))

    async def _verify(self) -> None:
        await self._let_go()
        try:
            await self._nightly.check()
        except asyncio.CancelledError:  # the scheduler's shutdown, as above
            log.info("a check of the ledger was cut short by the stop")

    async def _watch_the_schedule(self) -> None:
        """A clock set back leaves the scheduler waiting for a time that was: it is told to poll now."""
        late = self._settings.poll_seconds * LATE
        while True:
            await self._clock.sleep(self._settings.poll_seconds)
            silent = self._clock.monotonic() - self._polled_at
            if silent > late and not self._polling:
                log.error("no poll for %.0f s: scheduling one now", silent)
                self._telegram.chat.say(Notice("poll_late", {"seconds": silent}))
                self._polled_at = self._clock.monotonic()
                for job in self._scheduler.get_jobs():  # the others wait for that time, too
                    job.modify(next_run_time=datetime.now(UTC))

    def _say_recovery(self) -> None:
        recovery = self._ledger.recovery
        if recovery.corrupt is not None:
            self._telegram.chat.say(Notice("ledger_closed", {"why": recovery.corrupt}))
        elif recovery.quarantined:
            log.warning("a torn tail of %s bytes was put aside: %s", recovery.quarantined, recovery.file)
            self._telegram.chat.say(Notice("ledger_recovered", {"bytes": recovery.quarantined}))

    async def _stop(self) -> None:
        """No new sends; those in flight finish; the rest is written and goes on at the next start.

        Where it had not begun nothing is written: what shows that the ledger is an old copy shows the next
        start, too.
        """
        log.info("stopping")
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._flow.drain()
        async with AsyncExitStack() as last:  # whatever fails on the way, the others are closed
            last.callback(self._inbox.close)
            last.push_async_callback(self._ledger.close)
            last.push_async_callback(self._nightly.stop)
            if self._begun:
                last.push_async_callback(self._checkpoints.stop)
            adapters = (self._gateway.aclose, self._source.aclose, self._server.stop)
            for close in (*adapters, self._history.close, self._views.close):
                last.push_async_callback(close)
            cut_off = await self._tasks.drain(IN_FLIGHT)
            await self._telegram.stop()
            if self._begun and not cut_off:
                await self._flow.stopped(heard=self._standing.hears())
        log.info("stopped")

    def _program(self) -> ProgramFacts:
        dry_run, login = self._rules.dry_run, self._source.login.state
        posting = self._telegram.posting
        return ProgramFacts(
            __version__,
            self._started_at,
            self._gateway.name,
            dry_run,
            login,
            posting,
            self._standing.stale_after,
        )


async def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return await App(settings).run(stop)
