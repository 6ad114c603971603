"""The handover that is posted by itself: once for each time, whatever breaks or starts anew in between."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, cast

from bot.chat.group.lately import Lately
from bot.chat.screens.pages.handover import handover
from bot.chat.screens.saying import Saying
from bot.chat.wire.deps import ChatDeps
from bot.domain.book import Book
from bot.domain.events import HandedOver, Line
from bot.domain.shift.lately import Before
from bot.domain.shift.times import LATE
from bot.errors import LedgerClosed
from bot.ports import Notice

Beside = Callable[[Coroutine[Any, Any, None]], None]
"""Does something beside the chat's own work, as long as that goes on."""


class Handovers:
    """What is due is claimed in the ledger, then posted; the picture of the day comes behind it."""

    def __init__(self, deps: ChatDeps, lately: Lately, beside: Beside) -> None:
        self._d, self._lately, self._beside = deps, lately, beside
        self._claimed: datetime | None = None
        self._done: datetime | None = None

    async def saying(self, notice: Notice) -> tuple[Saying, Before] | None:
        """The message, as things stand now; None where it was posted, or comes too late."""
        due, since = _due(notice), cast("datetime", notice.facts["since"])
        told = self._d.book.handed_over.get(self._d.region)
        others = told is not None and told >= due and self._claimed != due
        if others or self._done == due or self._d.clock.now() - due > LATE:
            return None
        before = await self._lately.before(since)
        now, book = self._d.clock.now(), self._d.book
        screen = handover(book, now, self._d.words, before=before, rules=self._d.rules)
        return Saying((notice,), screen, silent=True), before

    async def claim(self, notice: Notice) -> bool:
        """Whether it may be posted: the ledger has it, by this process and for this time."""
        due = _due(notice)
        if self._claimed == due:
            return True
        region = self._d.region

        def rule(book: Book, _now: datetime) -> Sequence[Line]:
            told = book.handed_over.get(region)
            return [] if told is not None and told >= due else [HandedOver(due, region)]

        try:
            lines = await self._d.ledger.commit(rule)
        except LedgerClosed:  # nobody would know after a start that it was posted; /turno tells the same
            return False
        self._claimed = due if lines else self._claimed
        return bool(lines)

    def posted(self, notice: Notice) -> None:
        """It arrived, or may have."""
        self._done = _due(notice)

    def picture(self, before: Before, message: int) -> None:
        """The day as a picture behind it, where the group has room for one."""
        self._beside(self._show(before, message))

    async def _show(self, before: Before, message: int) -> None:
        await self._lately.show(before.day, self._d.book.chat(self._d.group), reply_to=message)


def _due(notice: Notice) -> datetime:
    return cast("datetime", notice.facts["due"])
