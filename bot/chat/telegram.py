"""The connection to Telegram: it comes up whenever Telegram does, notices when it is deaf, ends in order."""

import asyncio
import contextlib
import logging
import math
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from telegram import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats, Update
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, TelegramError
from telegram.ext import CallbackQueryHandler, ChatMemberHandler, MessageHandler, filters

from bot.chat.group.groups import Groups
from bot.chat.noc import Asked, Noc, Setup, Shared
from bot.chat.screens.attention import Attention
from bot.chat.screens.pages.status import ProgramFacts
from bot.chat.screens.posting import Posting
from bot.chat.screens.words import Words
from bot.chat.taps.absence import AWAY, Absence
from bot.chat.taps.commands import COMMANDS
from bot.chat.taps.desk import Desk
from bot.chat.wire.access import UNTOLD, Names
from bot.chat.wire.budget import LIMIT, WINDOW, Budgets, InAll
from bot.chat.wire.connection import Account, Connection, Poller, application, is_news
from bot.chat.wire.link import Link
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Declined
from bot.ports import Clock, History, Ledger, NocChat, Notice, Pictures, Reload, Reports, Reread

__all__ = ["Account", "Telegram"]

log = logging.getLogger(__name__)

UPDATES = ("message", "callback_query", "my_chat_member", "chat_member")
MAX_BACKOFF = 30.0
EVERYTHING = Attention()
STOP_SECONDS = 3.0  # for each step of the stop: Telegram may be away


async def _nothing_new(_who: Who) -> Reread:
    return Reread()


class Telegram:
    """The Telegram side in one piece: `groups` is for the flow, `attend` takes it, then `start` and `stop`.

    There is one connection, whatever the number of NOCs. `chat` is the group of `Account`, and `nocs` are all
    of them by region.
    """

    def __init__(
        self,
        account: Account,
        ledger: Ledger,
        words: Words,
        clock: Clock,
        *,
        rules: Rules,
        attention: Attention = EVERYTHING,
        history: History | None = None,
        reports: Reports | None = None,
        pictures: Pictures | None = None,
        regions: Sequence[Setup] = (),
        limit: int = LIMIT,
        window: float = WINDOW,
        gap: float = 1.0,
        poll_seconds: float = 25.0,
        deaf_after: float = 90.0,
        quiet_after: float = 60.0,
        away_after: float = AWAY,
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        """`limit` messages in `window` seconds, `gap` apart, for each group; `regions` are the other NOCs.

        Deaf is a poll unanswered for `deaf_after` seconds; a second poller is gone after `quiet_after`
        seconds without a conflict. Taps that waited through `away_after` seconds in which nobody listened
        are asked about instead of carried out. Where it may not speak, nothing is asked of Telegram.
        """
        os.environ.setdefault("PTB_TIMEDELTA", "true")  # else each 429 is a deprecation warning
        # PTB logs each failed poll, and each failed start of one, with its traceback; the link says it once.
        logging.getLogger("telegram.ext.Updater").setLevel(logging.CRITICAL)
        logging.getLogger("telegram.ext").addFilter(is_news)
        self._clock, self._words, self._history, self._reports = clock, words, history, reports
        self._poll_seconds, self._deaf_after = poll_seconds, deaf_after
        self._absence = Absence(clock, ledger.book.heard_at, away_after)
        self.asked: Counter[str] = Counter()
        """How the requests to Telegram ended, by `ASKED`."""
        self._requests = (
            Poller(self._answered, account.proxy, self.asked, may_speak),
            Connection(pool=32, connect=5, proxy=account.proxy, asked=self.asked, may_speak=may_speak),
        )
        self._app = application(account, *self._requests)
        self.link = Link(clock, self._back)
        used = self._app.bot, ledger, words, clock, pictures, self._beside, self.link
        budgets = Budgets(clock, limit=limit, window=window, gap=gap)
        shared = Shared(*used, Names(), InAll(clock), budgets)
        first = Setup(account.group, account.topic, account.approvers, attention, rules)
        self.nocs = {setup.region: Noc(setup, shared) for setup in (first, *regions)}
        self._home = self.nocs[""]
        self.chat, self.access = self._home.chat, self._home.access
        chats = {region: noc.chat for region, noc in self.nocs.items()}
        self._groups = Groups(chats, lambda: ledger.book, lambda: self._home.deps.rules)
        self._good_at: float | None = None
        self._polling_since = -math.inf
        self._deaf = False
        self._second_poller, self._conflict_at = False, -math.inf
        self._has_panel = False
        self._quiet_after = quiet_after
        self._background: set[asyncio.Task[None]] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._painters: set[asyncio.Task[None]] = set()

    def attend(
        self,
        desk: Desk,
        program: Callable[[], ProgramFacts],
        reload: Reload | None = None,
        panel: Callable[[Who], str] | None = None,
    ) -> None:
        """Taps and commands go to this desk.

        `reload` reads the settings again (None: they stay), `panel` gives a person their link to it, where
        there is one.
        """
        self._has_panel = panel is not None
        app = self._app
        asked = Asked(
            desk,
            self._history,
            self._reports,
            self._absence.of,
            self.contested,
            program,
            reload or _nothing_new,
            panel,
            self._decides_in,
        )
        for noc in self.nocs.values():
            noc.attend(asked)
        app.add_handler(CallbackQueryHandler(self._tapped))
        app.add_handler(MessageHandler(filters.UpdateType.MESSAGE & filters.COMMAND, self._typed))
        talk = filters.UpdateType.MESSAGE & filters.REPLY & filters.TEXT & ~filters.COMMAND
        app.add_handler(MessageHandler(talk, self._replied))
        app.add_handler(MessageHandler(filters.StatusUpdate.MIGRATE, self._migrated))
        app.add_handler(ChatMemberHandler(self._membership, ChatMemberHandler.MY_CHAT_MEMBER))
        app.add_handler(ChatMemberHandler(self._member, ChatMemberHandler.CHAT_MEMBER))
        app.add_error_handler(_unexpected)

    def follow(self, setups: Iterable[Setup]) -> None:
        """From now on these hold, one a region: for who taps, for cards, for whom they are about."""
        for setup in setups:
            self.nocs[setup.region].follow(setup)

    async def start(self) -> None:
        """Connect in the background, however long that takes; returns at once."""
        _keep(self._background, self._connect())

    def fresh(self) -> float | None:
        """Seconds since the last good getUpdates, None before the first."""
        return None if self._good_at is None else self._clock.monotonic() - self._good_at

    @property
    def posting(self) -> Posting:
        """Where posts go, and why they are not taken; of several groups, where that is so for longest."""
        if len(self.nocs) == 1:
            return self._home.posting
        all_ = [noc.posting for noc in self.nocs.values()]
        lost = any(one.topic_lost for one in all_)
        return replace(max(all_, key=lambda one: one.seconds), topic_lost=lost)

    def waiting(self) -> dict[str, tuple[int, int, int]]:
        """How many new cards, changed ones and notices wait for the budget of each region's group."""
        return {region: noc.chat.waiting() for region, noc in self.nocs.items()}

    @property
    def groups(self) -> NocChat:
        """The groups of all NOCs as one; of a single one that itself."""
        return self._groups if len(self.nocs) > 1 else self.chat

    async def still_may(self, who: Who, region: str = "") -> bool | None:
        """Whether this person may decide there (`ports.Staff`)."""
        return await self.nocs.get(region, self._home).access.still_may(who)

    async def still_decides(self, who: Who) -> bool | None:
        """The same of any of the NOCs."""
        found: list[bool | None] = []
        for noc in await self._listed_in(who.id) or [self._home]:
            found.append(await noc.access.still_may(who))
            if found[-1]:
                return True
        return None if None in found else False

    def contested(self) -> bool:
        """Whether a second program polls with this token, as far as is known (`ports.Staff`)."""
        return self._clock.monotonic() - self._conflict_at <= self._quiet_after

    async def stop(self) -> None:
        """Fetched updates are worked off, what is urgent is shown; within seconds, whatever Telegram does."""
        await _end(self._background, 0)
        if self._app.updater is not None and self._app.updater.running:
            await _within(STOP_SECONDS, self._app.updater.stop())
        if self._app.running:
            await _within(STOP_SECONDS, self._app.stop())
        await _end(self._work, STOP_SECONDS)
        for noc in self.nocs.values():
            noc.chat.close()
        await _end(self._painters, STOP_SECONDS)
        await _within(STOP_SECONDS, self._app.shutdown())
        for request in self._requests:
            await _within(STOP_SECONDS, request.shutdown())

    def _back(self, since: datetime) -> None:
        for noc in self.nocs.values():
            noc.chat.back(since)

    def _noc(self, chat: int) -> Noc | None:
        """Whose group that is."""
        return next((noc for noc in self.nocs.values() if noc.chat.group == chat), None)

    async def _noc_of(self, update: Update) -> Noc:
        """Who is to take it in: of several NOCs that of the group; in private whose page it is, or the first
        in which the person may decide: a list of people may be that of several groups.
        """
        chat, user, message = update.effective_chat, update.effective_user, update.effective_message
        if len(self.nocs) == 1 or chat is None:
            return self._home
        if (noc := self._noc(chat.id)) is not None:
            return noc
        nocs = list(self.nocs.values())
        if message is not None:
            wrote = (noc for noc in nocs if noc.browse.wrote(chat.id, message.message_id))
            if update.callback_query is not None and (noc := next(wrote, None)) is not None:
                return noc
        if user is None:
            return self._home
        listed = await self._listed_in(user.id)
        for noc in listed:
            with contextlib.suppress(Declined):
                await noc.access.check_in_group(user.id)
                return noc
        return next(iter(listed), self._home)

    async def _listed_in(self, user: int) -> list[Noc]:
        """The NOCs in which somebody may decide, if they are in its group; then those where nobody knows."""
        nocs = list(self.nocs.values())
        may = await asyncio.gather(*(noc.access.listed(user) for noc in nocs))
        return [noc for so in (True, None) for noc, is_ in zip(nocs, may, strict=True) if is_ is so]

    async def _decides_in(self, user: int) -> tuple[frozenset[str], frozenset[str]]:
        """The regions in whose groups somebody is who may decide there, and those of which Telegram does not
        tell it now; asked of all groups at once.
        """

        async def may(noc: Noc) -> bool | None:
            if (listed := await noc.access.listed(user)) is not True:
                return listed
            try:
                await noc.access.check_in_group(user)
            except Declined as no:
                return None if no.code in UNTOLD else False
            return True

        nocs = list(self.nocs.values()) if len(self.nocs) > 1 else []
        there = list(zip(nocs, await asyncio.gather(*map(may, nocs)), strict=True))
        theirs, unknown = (frozenset(noc.region for noc, is_ in there if is_ is so) for so in (True, None))
        return theirs, unknown

    async def _tapped(self, update: Update, context: object) -> None:
        await (await self._noc_of(update)).presses.tap(update, context)

    async def _typed(self, update: Update, context: object) -> None:
        await (await self._noc_of(update)).commands.typed(update, context)

    async def _replied(self, update: Update, context: object) -> None:
        await (await self._noc_of(update)).replies.said(update, context)

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        _keep(self._work, work)

    async def _connect(self) -> None:
        await self._persist(self._app.initialize)
        for noc in self.nocs.values():
            _keep(self._painters, noc.chat.run())
        await self._app.start()
        for noc in self.nocs.values():
            _keep(self._background, noc.access.keep_warm())
        await self._persist(self._poll)
        _keep(self._background, self._watch())
        await self._persist(self._introduce)

    async def _persist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do it, again and again until it works."""
        pause, logged = 1.0, False
        while True:
            try:
                await step()
            except ChatMigrated as moved:
                await self.chat.follow(moved.new_chat_id)
            except TelegramError as error:
                if not isinstance(error, (BadRequest, Forbidden)):
                    self.link.broken("poll", error)
                elif not logged:  # Telegram is there, and refuses this: once is enough
                    log.warning("Telegram refuses a part of the start (%s): trying on", type(error).__name__)
                    logged = True
                await self._clock.sleep(pause)
                pause = min(MAX_BACKOFF, pause * 2)
            else:
                self.link.works("poll")
                return

    async def _poll(self) -> None:
        if self._app.updater is None:  # only for the type: the builder makes one
            return
        self._polling_since = self._clock.monotonic()
        # In a quiet group the first long poll takes its whole time; this one shows at once that all is well.
        with contextlib.suppress(Conflict):
            await self._app.bot.get_updates(limit=1, timeout=0)
        await self._app.updater.start_polling(
            timeout=timedelta(seconds=self._poll_seconds),
            allowed_updates=UPDATES,
            drop_pending_updates=False,
            error_callback=self._poll_failed,
        )

    async def _introduce(self) -> None:
        """The commands with their descriptions, for groups (their ids may change) and private chats."""
        words = self._words
        commands = [
            BotCommand(words.plain(f"menu.{name}"), words.plain(f"command.{name}"))
            for name in COMMANDS
            if name != "painel" or self._has_panel
        ]
        for scope in (BotCommandScopeAllGroupChats(), BotCommandScopeAllPrivateChats()):
            await self._app.bot.set_my_commands(commands, scope=scope)

    def _poll_failed(self, error: TelegramError) -> None:
        if isinstance(error, Conflict):
            if not self._second_poller:
                log.error("a second program polls with this bot's token: taps may go to it")
                self.groups.say(Notice("second_poller"))
            self._second_poller, self._conflict_at = True, self._clock.monotonic()
            return
        self.link.broken("poll", error)

    def _answered(self, body: bytes, limit: int | None, waited: float) -> None:
        self._absence.answered(body, limit, waited)
        self._good_at = self._clock.monotonic()
        if self._second_poller and self._good_at - self._conflict_at > self._quiet_after:
            # Two pollers take turns: one good answer does not prove that the other is gone.
            log.warning("no second program polls any more")
            self._second_poller = False
            self.groups.say(Notice("second_poller_gone"))
        if self.link.away_since is not None:
            for noc in self.nocs.values():
                noc.chat.retry()
        self.link.works("poll")
        if self._deaf:
            self._deaf = False
            self.groups.say(Notice("deaf"))

    async def _watch(self) -> None:
        """A half-open connection gives no error and no update: poll anew."""
        while True:
            silent = self._clock.monotonic() - max(self._good_at or -math.inf, self._polling_since)
            if silent < self._deaf_after:
                await self._clock.sleep(self._deaf_after - silent)
                continue
            log.error("no answer to getUpdates for %.0f s: polling anew", silent)
            self._deaf = self.link.away_since is None  # else it is not deaf but away, and that is said
            if self._app.updater is not None and self._app.updater.running:
                await _within(STOP_SECONDS, self._app.updater.stop())
            await self._persist(self._poll)

    async def _migrated(self, update: Update, _context: object) -> None:
        message = update.message
        noc = None if message is None else self._noc(message.chat.id)
        if noc is not None and message is not None and message.migrate_to_chat_id:
            await noc.chat.follow(message.migrate_to_chat_id)

    async def _membership(self, update: Update, _context: object) -> None:
        """The bot was put back into the group, or got or lost a right there."""
        changed = update.my_chat_member
        noc = None if changed is None else self._noc(changed.chat.id)
        if noc is not None:
            noc.chat.retry()

    async def _member(self, update: Update, _context: object) -> None:
        """Somebody came, left, or got or lost a right; told where the bot is an administrator."""
        changed = update.chat_member
        noc = None if changed is None else self._noc(changed.chat.id)
        if noc is not None and changed is not None:
            noc.access.heard(changed.new_chat_member)


async def _unexpected(update: object, context: Any) -> None:
    """The edge: a bug in one handler is logged, its button stops spinning, the next tap is handled."""
    log.error("a tap or command could not be handled", exc_info=context.error)
    if isinstance(update, Update) and update.callback_query is not None:
        with contextlib.suppress(TelegramError):
            await update.callback_query.answer()


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _end(tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
    """The tasks have ended, by themselves within the time or cancelled."""
    ending = set(tasks)
    if ending and seconds:
        await asyncio.wait(ending, timeout=seconds)
    while running := {task for task in ending if not task.done()}:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=STOP_SECONDS)  # and again: a task may miss it once
    await asyncio.gather(*ending, return_exceptions=True)


async def _within(seconds: float, step: Awaitable[None]) -> None:
    """The step, or as much of it as the time allows. The edge of the stop: it goes on whatever happens."""
    with contextlib.suppress(TimeoutError, TelegramError, RuntimeError):
        async with asyncio.timeout(seconds):
            await step
