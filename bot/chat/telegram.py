"""The connection to Telegram: it comes up whenever Telegram does, notices when it is deaf, ends in order."""

import asyncio
import contextlib
import logging
import math
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Any

from telegram import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats, Update
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, TelegramError
from telegram.ext import CallbackQueryHandler, ChatMemberHandler, MessageHandler, filters

from bot.chat.group.noc_chat import NocChat
from bot.chat.screens.attention import Attention
from bot.chat.screens.pages.status import ProgramFacts
from bot.chat.screens.posting import Posting
from bot.chat.screens.words import Words
from bot.chat.taps.absence import AWAY, Absence
from bot.chat.taps.answers import Answers
from bot.chat.taps.browse import Browse
from bot.chat.taps.commands import COMMANDS, Commands
from bot.chat.taps.deps import TapDeps
from bot.chat.taps.desk import Desk
from bot.chat.taps.note_commands import NoteCommands
from bot.chat.taps.presses import Presses
from bot.chat.taps.replies import Replies
from bot.chat.wire.access import Access, Approvers
from bot.chat.wire.budget import LIMIT, WINDOW, Budget
from bot.chat.wire.connection import Account, Connection, Poller, application, is_news
from bot.chat.wire.deps import ChatDeps
from bot.chat.wire.outbox import Outbox
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.ports import Clock, History, Ledger, Notice, Pictures, Reload, Reports, Reread

__all__ = ["Account", "Telegram"]

log = logging.getLogger(__name__)

UPDATES = ("message", "callback_query", "my_chat_member", "chat_member")
MAX_BACKOFF = 30.0
EVERYTHING = Attention()
STOP_SECONDS = 3.0  # for each step of the stop: Telegram may be away


async def _nothing_new(_who: Who) -> Reread:
    return Reread()


class Telegram:
    """The Telegram side in one piece: `chat` is for the flow, `attend` takes it, then `start` and `stop`."""

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
        limit: int = LIMIT,
        window: float = WINDOW,
        gap: float = 1.0,
        poll_seconds: float = 25.0,
        deaf_after: float = 90.0,
        quiet_after: float = 60.0,
        away_after: float = AWAY,
    ) -> None:
        """`limit` messages in `window` seconds, `gap` apart.

        Deaf is a poll unanswered for `deaf_after` seconds; a second poller is gone after `quiet_after`
        seconds without a conflict. Taps that waited through `away_after` seconds in which nobody listened
        are asked about instead of carried out.
        """
        os.environ.setdefault("PTB_TIMEDELTA", "true")  # else each 429 is a deprecation warning
        # PTB logs each failed poll, and each failed start of one, with its traceback; the link says it once.
        logging.getLogger("telegram.ext.Updater").setLevel(logging.CRITICAL)
        logging.getLogger("telegram.ext").addFilter(is_news)
        self._clock, self._history, self._reports = clock, history, reports
        self._poll_seconds, self._deaf_after = poll_seconds, deaf_after
        self._absence = Absence(clock, ledger.book.heard_at, away_after)
        self.asked: Counter[str] = Counter()
        """How the requests to Telegram ended, by `ASKED`."""
        self._requests = (
            Poller(self._answered, account.proxy, self.asked),
            Connection(pool=32, connect=5, proxy=account.proxy, asked=self.asked),
        )
        self._app = application(account, *self._requests)
        self._outbox = Outbox(
            self._app.bot,
            account.topic,
            seconds=clock.monotonic,
            topic_lost=self._topic_lost,
        )
        self._budget = Budget(clock, limit=limit, window=window, gap=gap)
        self.access = Access(
            self._app.bot, clock, account.approvers, lambda: self.chat.group, attention.on_call
        )
        self._deps = ChatDeps(
            ledger,
            self._outbox,
            self._budget,
            clock,
            words,
            rules,
            attention,
            self.access,
            account.group,
            pictures,
        )
        self.chat = NocChat(self._deps, self._beside)
        self._good_at: float | None = None
        self._polling_since = -math.inf
        self._deaf = False
        self._second_poller, self._conflict_at = False, -math.inf
        self._has_panel = False
        self._quiet_after = quiet_after
        self._background: set[asyncio.Task[None]] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._painter: asyncio.Task[None] | None = None

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
        self.chat.expected, self.chat.need = desk.expected, desk.need
        answers = Answers(self._deps, self.chat)
        deps = TapDeps(
            self._deps,
            desk,
            self.chat,
            answers,
            Browse(self._deps, desk, answers, self._history, self._reports),
            self._beside,
            self._absence.of,
            self.contested,
            lambda: self._outbox.username,
            program,
            reload or _nothing_new,
            panel,
        )
        typed = NoteCommands(deps)
        presses, commands, replies = Presses(deps, typed), Commands(deps, typed), Replies(deps)
        app.add_handler(CallbackQueryHandler(presses.tap))
        app.add_handler(MessageHandler(filters.UpdateType.MESSAGE & filters.COMMAND, commands.typed))
        talk = filters.UpdateType.MESSAGE & filters.REPLY & filters.TEXT & ~filters.COMMAND
        app.add_handler(MessageHandler(talk, replies.said))
        app.add_handler(MessageHandler(filters.StatusUpdate.MIGRATE, self._migrated))
        app.add_handler(ChatMemberHandler(self._membership, ChatMemberHandler.MY_CHAT_MEMBER))
        app.add_handler(ChatMemberHandler(self._member, ChatMemberHandler.CHAT_MEMBER))
        app.add_error_handler(_unexpected)

    def follow(self, rules: Rules, attention: Attention, approvers: Approvers) -> None:
        """From now on these hold: for who taps, for cards that are drawn, for whom it is about."""
        self._deps.rules, self._deps.attention = rules, attention
        self.access.follow(approvers, attention.on_call)
        self._beside(self.access.read_names())

    async def start(self) -> None:
        """Connect in the background, however long that takes; returns at once."""
        _keep(self._background, self._connect())

    def fresh(self) -> float | None:
        """Seconds since the last good getUpdates, None before the first."""
        return None if self._good_at is None else self._clock.monotonic() - self._good_at

    @property
    def posting(self) -> Posting:
        """Where posts go, and why they are not taken."""
        return Posting(self.chat.standing.mute, self.chat.standing.muted_for, self._outbox.topic_is_lost)

    async def still_may(self, who: Who) -> bool | None:
        """Whether this person may decide (`ports.Staff`)."""
        return await self.access.still_may(who)

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
        self.chat.close()
        if self._painter is not None:
            await _end({self._painter}, STOP_SECONDS)
        await _within(STOP_SECONDS, self._app.shutdown())
        for request in self._requests:
            await _within(STOP_SECONDS, request.shutdown())

    def _topic_lost(self, lost: bool) -> None:
        self.chat.topic_lost(lost)

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        _keep(self._work, work)

    async def _connect(self) -> None:
        await self._persist(self._app.initialize)
        self._painter = asyncio.create_task(self.chat.run())
        await self._app.start()
        _keep(self._background, self.access.keep_warm())
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
                    self.chat.link.broken("poll", error)
                elif not logged:  # Telegram is there, and refuses this: once is enough
                    log.warning("Telegram refuses a part of the start (%s): trying on", type(error).__name__)
                    logged = True
                await self._clock.sleep(pause)
                pause = min(MAX_BACKOFF, pause * 2)
            else:
                self.chat.link.works("poll")
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
        words = self._deps.words
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
                self.chat.say(Notice("second_poller"))
            self._second_poller, self._conflict_at = True, self._clock.monotonic()
            return
        self.chat.link.broken("poll", error)

    def _answered(self, body: bytes, limit: int | None, waited: float) -> None:
        self._absence.answered(body, limit, waited)
        self._good_at = self._clock.monotonic()
        if self._second_poller and self._good_at - self._conflict_at > self._quiet_after:
            # Two pollers take turns: one good answer does not prove that the other is gone.
            log.warning("no second program polls any more")
            self._second_poller = False
            self.chat.say(Notice("second_poller_gone"))
        if self.chat.link.away_since is not None:
            self.chat.retry()
        self.chat.link.works("poll")
        if self._deaf:
            self._deaf = False
            self.chat.say(Notice("deaf"))

    async def _watch(self) -> None:
        """A half-open connection gives no error and no update: poll anew."""
        while True:
            silent = self._clock.monotonic() - max(self._good_at or -math.inf, self._polling_since)
            if silent < self._deaf_after:
                await self._clock.sleep(self._deaf_after - silent)
                continue
            log.error("no answer to getUpdates for %.0f s: polling anew", silent)
            self._deaf = self.chat.link.away_since is None  # else it is not deaf but away, and that is said
            if self._app.updater is not None and self._app.updater.running:
                await _within(STOP_SECONDS, self._app.updater.stop())
            await self._persist(self._poll)

    async def _migrated(self, update: Update, _context: object) -> None:
        message = update.message
        if message is not None and message.migrate_to_chat_id and message.chat.id == self.chat.group:
            await self.chat.follow(message.migrate_to_chat_id)

    async def _membership(self, update: Update, _context: object) -> None:
        """The bot was put back into the group, or got or lost a right there."""
        if update.my_chat_member is not None and update.my_chat_member.chat.id == self.chat.group:
            self.chat.retry()

    async def _member(self, update: Update, _context: object) -> None:
        """Somebody came, left, or got or lost a right; told where the bot is an administrator."""
        changed = update.chat_member
        if changed is not None and changed.chat.id == self.chat.group:
            self.access.heard(changed.new_chat_member)


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
