"""The composition root: settings -> adapters -> flow -> chat -> scheduler; started and stopped in order."""

import asyncio
import gc
import logging
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from bot import __version__
from bot.chat.screens.starting import STARTED, start_line
from bot.chat.taps.commands import ProgramFacts
from bot.chat.telegram import Account, Telegram
from bot.directories.own import Own
from bot.domain.book import Doubt
from bot.domain.delivery import News
from bot.domain.plan import Receipt
from bot.errors import Closed, LedgerClosed, StartupError
from bot.flow.deps import Deps
from bot.flow.flow import Flow
from bot.flow.kept import sent
from bot.ops.api import Api
from bot.ops.keys import Keys
from bot.ops.pushed import pushed
from bot.ops.server import Route, Server
from bot.ports import Clock, Notice, Pushed, Tracking
from bot.process.checkpoints import Checkpoints
from bot.process.child import Reports
from bot.process.clock import SystemClock
from bot.process.drawn.pictures import Pictures
from bot.process.nightly import Nightly
from bot.process.reload import Holders, Reload
from bot.process.schedule import Schedule
from bot.process.settings.again import Given
from bot.process.settings.composed import Settings
from bot.process.tasks import Tasks
from bot.process.watched.standing import Standing
from bot.process.watched.watch import Watch
from bot.process.webhook import PATH as WEBHOOK
from bot.process.webhook import webhook
from bot.process.wiring import (
    attention_of,
    open_directory,
    open_fleet,
    open_gateway,
    open_ledger,
    open_lending,
    open_pace,
    open_source,
    rules_of,
    setups_of,
    start_facts,
    webhook_of,
    words_of,
)
from bot.storage.access import troubles
from bot.storage.commands.progress import watched
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.inbox import FileInbox
from bot.storage.kept import Views
from bot.storage.past.chronicle import FileChronicle
from bot.storage.past.history import FileHistory
from bot.storage.postgres.engine import check_extra

if TYPE_CHECKING:
    from bot.ops.panel.site import Site
    from bot.process.cluster.following import Lead
    from bot.process.cluster.sharing import Sharing
    from bot.storage.postgres.warm import Warm

log = logging.getLogger(__name__)

QUICK = 2.0  # seconds that a replay takes before anybody is told how far it is
HEARD = 5.0  # seconds that who leads has to say that its ledger is closed, until it ends
IN_FLIGHT = 35.0  # seconds that a stop waits for sends that have left: above the limit of one send


@contextmanager
def _reading(settings: Settings) -> Iterator[Disk]:
    """The disk to read a ledger with, which says how far it is, while no garbage is looked for."""
    gc.disable()
    try:
        with watched(settings.data_dir, after=QUICK, say=partial(log.info, "the ledger is read: %s")) as disk:
            yield disk
    finally:
        gc.enable()


async def _replayed(
    settings: Settings, clock: Clock, epoch: int | None = None, warm: "Warm | None" = None
) -> FileLedger:
    """The ledger that LEDGER names, out of the garbage collector's sight.

    Each full collection would stop taps for 100 ms. `epoch`: whose turn to write it is, where several might;
    then `warm` is what was read of it before.
    """
    with _reading(settings) as disk:
        ledger = await open_ledger(settings, clock, disk, epoch, warm)
        gc.freeze()
    return ledger


class App:
    """One process. `run` returns its exit code."""

    def __init__(self, settings: Settings, given: Given | None = None) -> None:
        """`given` is where the settings come from, to be read again; None: they stay."""
        self._settings, self._given = settings, given
        self._clock = SystemClock()
        self._rules = rules_of(settings)
        self._words = words_of(settings)
        self._tasks = Tasks()
        self._started_at = self._clock.now()
        self._introduced = self._begun = False
        self._lead: Lead | None = None
        self._fleet: Sharing | None = None
        self._server = Server({})
        self._reloading: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event, again: asyncio.Event | None = None) -> int:
        """Run until `stop` is set, then stop in order; read the settings anew each time `again` is set.

        StartupError where the folder or port is not ours.
        """
        settings, clock = self._settings, self._clock
        if settings.ledger.get_secret_value():
            self._lead = await self._stand_by(stop)
            if self._lead is None:
                return 0
        held = (lambda: True) if self._lead is None else self._lead.leading.held
        self._ledger = ledger = await _replayed(settings, clock) if self._lead is None else self._lead.ledger
        self._source = open_source(settings, clock)
        self._erp = open_directory(settings, clock)
        self._gateway = open_gateway(settings, clock)
        self._gateway.guard(held)
        self._history = FileHistory(settings.data_dir, lambda: ledger.head.seq, clock)
        self._reports = Reports(settings.data_dir, settings.bot_language, settings.credit_min_minutes)
        self._telegram = self._open_telegram(held)
        self._standing = Standing(self._telegram, ledger, clock, self._source.sources, settings.poll_seconds)
        self._inbox = FileInbox(settings.data_dir)
        pace = open_pace(settings, clock)
        if self._lead is not None:
            self._fleet = open_fleet(
                settings, clock, self._gateway, self._lead.leading.lease.epoch, self._left
            )
        deps = Deps(
            self._source,
            self._erp or Own(self._source),
            self._gateway,
            pace,
            ledger,
            self._telegram.groups,
            clock,
            random.SystemRandom(),
            self._tasks.spawn,
            self._telegram,
            self._inbox,
            self._source.sources,
            self._fleet,
        )
        self._flow = Flow(deps, self._rules)
        self._schedule = self._scheduled()
        self._watch = self._watched(deps)
        self._panel = self._open_panel()
        self._server.routes = self._routes()
        self._checkpoints = Checkpoints(settings.data_dir, ledger, clock)
        self._nightly = Nightly(
            settings.data_dir, ledger, self._telegram.groups.say, settings.ledger.get_secret_value()
        )
        self._views = Views(settings.data_dir, ledger, self._rules.cooldown_hours, clock)
        holders = Holders(self._flow, self._telegram, pace, self._views, self._schedule.follow)
        reload = None if self._given is None else Reload(settings, self._given, clock, holders)
        self._telegram.attend(self._flow, self._program, reload, self._panel.link if self._panel else None)
        ledger.on_closed = self._is_closed
        ledger.on_back = lambda: self._flow.follow(self._flow.rules)  # every card as it is by now
        try:
            await self._start()
            if reload is not None and again is not None:
                self._reloading = asyncio.create_task(reload.when_told(again))
            await stop.wait()
        finally:
            await self._stop()
        return 0

    async def _stand_by(self, stop: asyncio.Event) -> "Lead | None":
        """What is needed to lead, once no other machine does; None where `stop` came first."""
        check_extra()  # else the next line would say it less well
        from bot.process.cluster.following import Following  # noqa: PLC0415 - files need no driver

        settings = self._settings
        url, replayed = settings.ledger.get_secret_value(), partial(_replayed, settings, self._clock)
        reading = partial(_reading, settings)
        lending = open_lending(settings, self._clock)
        following = Following(
            url,
            settings.data_dir,
            settings.called,
            self._clock,
            settings.personal_days,
            replayed,
            reading,
            lending,
        )
        self._server.routes = following.routes()
        await self._listen()
        found = None
        try:
            found = await following.until_it_leads(stop)
        finally:
            if lending is not None:
                self._tasks.spawn(lending.stop())  # what it was handed lands while it leads
            if found is None:
                await self._tasks.drain(IN_FLIGHT)
                await self._server.stop()
        return found

    def _is_closed(self, why: str) -> None:
        """The groups hear of it; and who leads makes room for another machine: there it may be open.

        Not where a line in the database is damaged, which is so for all of them.
        """
        self._telegram.groups.say(Notice("ledger_closed", {"why": why}))
        if self._lead is not None and not (isinstance(why, Closed) and why.code == "rows"):
            gone = f"the ledger is closed ({why})"
            asyncio.get_running_loop().call_later(HEARD, self._lead.leading.lost, gone)

    def _routes(self) -> dict[str, Route]:
        told, sources = webhook_of(self._settings), self._source.sources
        told_what = [source for source in sources if isinstance(source, Pushed)]
        names = {source.path: source.name for source in told_what}
        told_on = pushed(told_what, self._not_now, self._schedule.pushed)
        if told is not None:
            names[WEBHOOK] = self._gateway.name
            told_on[WEBHOOK] = webhook(told, self._hear, self._ledger.person, self._clock)
        keys, ask = Keys(self._settings.data_dir), self._flow.callers.ask
        api = Api(keys, ask, self._not_begun, self._clock.monotonic).routes()
        panel = {} if self._panel is None else self._panel.routes()
        return self._watch.routes(self._unready) | panel | api | self._watch.counting(told_on, names)

    def _open_panel(self) -> "Site | None":
        settings = self._settings
        if not settings.panel:
            return None
        from bot.ops.panel.site import Past, Site  # noqa: PLC0415 - a run without it does not pay for it

        url = settings.panel_url or f"http://{settings.ops_host}:{settings.ops_port}"
        telegram, program = self._telegram, self._program
        made = Site(
            url,
            telegram.still_decides,
            self._flow,
            words=self._words,
            clock=self._clock,
            program=program,
            past=Past(self._history, FileChronicle(self._history, self._clock), self._reports),
        )
        self._ledger.listeners.append(made.heard)
        for noc in telegram.nocs.values():
            noc.access.on_change = made.left
        return made

    def _scheduled(self) -> Schedule:
        return Schedule(
            self._flow,
            self._standing,
            self._source.sources,
            self._clock,
            say=self._telegram.groups.say,
            polled=self._say_how_it_is_set_up,
            nightly=self._verify,
            zone=self._settings.tz,
        )

    def _watched(self, deps: Deps) -> Watch:
        return Watch(
            deps,
            self._flow,
            self._ledger,
            self._telegram,
            standing=self._standing,
            every=self._standing.every,
            receipts=isinstance(self._gateway, Tracking) or webhook_of(self._settings) is not None,
            per_olt=self._settings.metrics_per_olt,
            heartbeat=self._settings.heartbeat_url.get_secret_value(),
            lease=None if self._lead is None else self._lead.leading.lease,
        )

    def _unready(self) -> dict[str, str]:
        """What `/readyz` reports: it is no place yet to tell of outages and messages, or no longer."""
        if not self._begun:
            return {"start": "still starting"}
        return {} if self._ledger.closed is None else {"ledger": "closed: nothing can be decided or sent"}

    def _not_now(self) -> str | None:
        """Why who pushes has to come again: what they say is kept, and may not be acted on."""
        return self._not_begun() or self._ledger.closed

    def _not_begun(self) -> str | None:
        return None if self._begun else "the program is only starting"

    async def _left(self, about: str, receipt: Receipt) -> None:
        await self._flow.left(about, receipt)

    async def _hear(self, news: Sequence[News]) -> None:
        """No line before the one of the start, by which it is found out that the ledger is an old copy."""
        if not self._begun:
            raise OSError("the program is only starting")
        await self._flow.receipts.hear(news)

    def _open_telegram(self, may_speak: Callable[[], bool]) -> Telegram:
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
            regions=setups_of(settings)[1:],
            history=self._history,
            reports=self._reports,
            pictures=Pictures(),
            may_speak=may_speak,
        )

    async def _listen(self) -> None:
        settings = self._settings
        if not settings.ops_port:
            return
        try:
            await self._server.start(settings.ops_host, settings.ops_port)
        except OSError as error:
            where = f"{settings.ops_host}:{settings.ops_port}"
            mend = "choose another OPS_PORT (0 turns it off)"
            wrong = f"OPS_PORT: cannot listen on {where} ({error.strerror}): {mend}"
            raise StartupError(wrong, code=1) from None

    async def _start(self) -> None:
        settings = self._settings
        self._watch.start()
        if self._lead is None:  # else it listens already
            await self._listen()
        log.info("%s", start_line(start_facts(settings), self._words, len(self._ledger.book.open)))
        log.info("olt-noc-bot %s: source %s, gateway %s", __version__, self._source.name, self._gateway.name)
        for warning in (*troubles(settings.data_dir), *settings.unprotected()):
            log.warning("%s", warning)
        self._say_recovery()
        await self._let_go()
        await self._flow.start(__version__, self._doubt(), self._ledger.key)
        self._begun = True
        await self._took_over()
        self._flow.receipts.take(self._inbox.left)
        if self._fleet is not None:
            self._fleet.start()
        await self._telegram.start()
        self._schedule.begin()
        self._checkpoints.start()
        self._history.start(rows=self._settings.panel)
        self._watch.begun()
        await self._views.start()  # last: it takes a while, and the first poll need not wait for it

    def _doubt(self) -> Doubt | None:
        """Why the ledger may lack the last that was sent."""
        moved = self._lead is not None and self._lead.moved
        return self._ledger.recovery.doubt or ("database" if moved else None)

    async def _took_over(self) -> None:
        """What is doubted is on record by now, so the database is this one; and who led before is told of.

        Nothing is on record where the ledger is closed, unless that is only for now.
        """
        closed = self._ledger.closed
        if self._lead is None or (closed is not None and not LedgerClosed(closed).away):
            return
        await self._lead.leading.trust()
        node, before = self._settings.called, self._lead.before
        if before not in {None, node}:
            facts = {"node": node, "before": before, "given_up": self._lead.given_up}
            self._telegram.groups.say(Notice("took_over", facts))

    def _say_how_it_is_set_up(self) -> None:
        """Once, behind the cards that the first poll brought."""
        if not self._introduced:
            self._introduced = True
            for region, noc in self._telegram.nocs.items():
                noc.chat.say(Notice(STARTED, start_facts(self._settings.of(region))))

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
        await self._nightly.check()

    def _say_recovery(self) -> None:
        recovery = self._ledger.recovery
        if recovery.corrupt is not None:
            self._telegram.groups.say(Notice("ledger_closed", {"why": recovery.corrupt}))
        elif recovery.quarantined:
            log.warning("a torn tail of %s bytes was put aside: %s", recovery.quarantined, recovery.file)
            self._telegram.groups.say(Notice("ledger_recovered", {"bytes": recovery.quarantined}))
        if kept := self._ledger.kept:
            n = sum(map(len, kept))
            log.warning("the database lacks %s lines that are kept here until somebody confirms", n)
            self._telegram.groups.say(Notice("kept_lines", {"n": n, "messages": sent(kept)}))

    async def _stop(self) -> None:
        """No new sends; those in flight finish; the rest is written and goes on at the next start.

        Where it had not begun nothing is written: what shows that the ledger is an old copy shows the next
        start, too.
        """
        log.info("stopping")
        self._schedule.end()
        if self._reloading is not None:
            self._reloading.cancel()
        self._flow.drain()
        async with AsyncExitStack() as last:  # whatever fails on the way, the others are closed
            if self._lead is not None:
                # The very last: the next one begins at once.
                last.push_async_callback(self._lead.leading.stop)
            last.callback(self._inbox.close)
            last.push_async_callback(self._ledger.close)
            last.push_async_callback(self._nightly.stop)
            if self._begun:
                last.push_async_callback(self._checkpoints.stop)
            adapters = [self._gateway.aclose, self._source.aclose, self._server.stop, self._watch.stop]
            adapters += [] if self._fleet is None else [self._fleet.stop]
            adapters += [] if self._erp is None else [self._erp.aclose]
            adapters += [] if self._panel is None else [self._panel.stop]
            for close in (*adapters, self._history.close, self._views.close):
                last.push_async_callback(close)
            cut_off = await self._tasks.drain(IN_FLIGHT)
            await self._telegram.stop()
            if self._begun and not cut_off:
                await self._flow.stopped(heard=self._standing.hears())
        log.info("stopped")

    def _program(self) -> ProgramFacts:
        dry_run, login = self._settings.rehearses, self._source.login
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


async def serve(settings: Settings, given: Given) -> int:
    """Run until SIGTERM or SIGINT; the exit code. At a SIGHUP the settings are read anew from where they were
    `given`; one that comes while it starts waits for that.
    """
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    return await App(settings, given).run(stop, again)
