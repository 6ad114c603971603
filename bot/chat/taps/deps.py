"""What taps, commands and replies work with."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from bot.chat.group.noc_chat import NocChat
from bot.chat.screens.pages.status import ProgramFacts
from bot.chat.screens.words import Words
from bot.chat.taps.absence import Away
from bot.chat.taps.answers import Answers
from bot.chat.taps.browse import Browse, Page
from bot.chat.taps.desk import Desk
from bot.chat.wire.access import Access
from bot.chat.wire.deps import ChatDeps
from bot.domain.book import Book
from bot.domain.events import Line
from bot.domain.regional import Whose
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import LedgerClosed
from bot.ports import Clock, Ledger, Reload, Write
from bot.steps.within import within

Work = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class TapDeps:
    """One of each.

    `beside` runs what is slow after the answer; `away` says of an update whether it waited for us,
    `contested` whether a second program may hear taps; `username` is the bot's, known once it is connected.
    `panel` gives a person their link to it; None where there is no panel.
    """

    all: ChatDeps
    desk: Desk
    chat: NocChat
    answers: Answers
    browse: Browse
    beside: Callable[[Work], None]
    away: Callable[[int], Away | None]
    contested: Callable[[], bool]
    username: Callable[[], str]
    program: Callable[[], ProgramFacts]
    reload: Reload
    panel: Callable[[Who], str] | None = None

    @property
    def access(self) -> Access:
        """Who may."""
        return self.all.access

    @property
    def words(self) -> Words:
        """How it is said."""
        return self.all.words

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.all.clock

    @property
    def rules(self) -> Rules:
        """What the settings say."""
        return self.all.rules

    @property
    def ledger(self) -> Ledger:
        """Where decisions are written."""
        return self.all.ledger

    @property
    def book(self) -> Book:
        """The state as of the last line."""
        return self.all.book

    async def decide(self, rule: Write, whose: Whose | None = None) -> Sequence[Line]:
        """As `Desk.decide`, for what is theirs (None: this NOC's); Declined for what is another's."""
        return await self.desk.decide(within(whose or self.all.whose, rule))

    def check_open(self) -> None:
        """LedgerClosed before anything is asked that could not be recorded."""
        why = self.ledger.closed
        if why is not None:
            raise LedgerClosed(why)

    def later(self, page: Page, work: Callable[[], Work], toast: str | None = None) -> str | None:
        """A page comes beside, as the group's budget has room for it; the toast says where it has none."""
        self.answers.check(page.chat, page.who.id)
        if self.answers.waits(page.chat):
            toast = "toast.wait"
        self.beside(work())
        return self.words.plain(toast) if toast else None

    async def strip(self, chat: int, message: int) -> None:
        """Take the buttons off a message of the group."""
        if await self.browse.strip(chat, message):
            self.chat.stripped(message)
