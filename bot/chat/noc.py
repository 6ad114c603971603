"""One NOC in the chat: its group, who decides there, what is tapped and typed there."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from telegram import Bot

from bot.chat.group.noc_chat import NocChat
from bot.chat.screens.attention import Attention
from bot.chat.screens.pages.status import ProgramFacts
from bot.chat.screens.posting import Posting
from bot.chat.screens.words import Words
from bot.chat.taps.absence import Away
from bot.chat.taps.answers import Answers
from bot.chat.taps.browse import Browse, DecidesIn
from bot.chat.taps.commands import Commands
from bot.chat.taps.deps import TapDeps
from bot.chat.taps.desk import Desk
from bot.chat.taps.note_commands import NoteCommands
from bot.chat.taps.presses import Presses
from bot.chat.taps.replies import Replies
from bot.chat.wire.access import Access, Approvers, Names
from bot.chat.wire.budget import Budgets, InAll
from bot.chat.wire.deps import ChatDeps
from bot.chat.wire.link import Link
from bot.chat.wire.outbox import Outbox
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.ports import Clock, History, Ledger, Pictures, Reload, Reports

Beside = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class Setup:
    """How a NOC is set up: its group and topic, who may decide there, and what the settings say of it."""

    group: int
    topic: int | None
    approvers: Approvers
    attention: Attention
    rules: Rules
    region: str = ""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all NOCs work with: one of each."""

    bot: Bot
    ledger: Ledger
    words: Words
    clock: Clock
    pictures: Pictures | None
    beside: Beside
    link: Link
    names: Names
    in_all: InAll
    budgets: Budgets


@dataclass(frozen=True, slots=True)
class Asked:
    """What taps and commands ask of the rest of the program."""

    desk: Desk
    history: History | None
    reports: Reports | None
    away: Callable[[int], Away | None]
    contested: Callable[[], bool]
    program: Callable[[], ProgramFacts]
    reload: Reload
    panel: Callable[[Who], str] | None
    decides_in: DecidesIn


class Noc:
    """`chat` shows, `presses`, `commands` and `replies` take in (once `attend` gave them a desk)."""

    presses: Presses
    commands: Commands
    replies: Replies

    def __init__(self, setup: Setup, shared: Shared) -> None:
        self.region, self._shared = setup.region, shared
        self.outbox = Outbox(
            shared.bot,
            shared.in_all,
            setup.topic,
            seconds=shared.clock.monotonic,
            topic_lost=lambda lost: self.chat.topic_lost(lost),  # noqa: PLW0108 - it comes to be below
        )
        self.access = Access(
            shared.bot,
            shared.clock,
            setup.approvers,
            lambda: self.chat.group,
            setup.attention.on_call,
            names=shared.names,
        )
        self.deps = ChatDeps(
            shared.ledger,
            self.outbox,
            shared.budgets,
            shared.clock,
            shared.words,
            setup.rules,
            setup.attention,
            self.access,
            setup.group,
            shared.pictures,
            setup.region,
        )
        self.chat = NocChat(self.deps, shared.beside, shared.link)

    def attend(self, asked: Asked) -> None:
        """What is tapped and typed in the group goes to this desk."""
        desk, chat, deps = asked.desk, self.chat, self.deps
        chat.expected, chat.need = desk.expected, desk.need
        answers = Answers(deps, chat)
        of_past = asked.history, asked.reports
        self.browse = Browse(deps, desk, answers, *of_past, decides_in=asked.decides_in)
        taps = TapDeps(
            deps,
            desk,
            chat,
            answers,
            self.browse,
            self._shared.beside,
            asked.away,
            asked.contested,
            lambda: self.outbox.username,
            self._facts(asked.program),
            asked.reload,
            asked.panel,
        )
        typed = NoteCommands(taps)
        self.presses, self.commands, self.replies = Presses(taps, typed), Commands(taps, typed), Replies(taps)

    def _facts(self, program: Callable[[], ProgramFacts]) -> Callable[[], ProgramFacts]:
        """Those of the program, with how this region's own group takes posts."""
        return lambda: replace(program(), posting=self.posting)

    def follow(self, setup: Setup) -> None:
        """From now on this holds, but for the group and topic: they stay."""
        self.deps.rules, self.deps.attention = setup.rules, setup.attention
        self.access.follow(setup.approvers, setup.attention.on_call)
        self._shared.beside(self.access.read_names())

    @property
    def posting(self) -> Posting:
        """Where posts go, and why they are not taken."""
        standing = self.chat.standing
        return Posting(standing.mute, standing.muted_for, self.outbox.topic_is_lost)
