"""Answers to what people ask: within the group's budget, behind the decisions, and nobody gets too many."""

import logging
from collections.abc import Awaitable, Callable, Hashable

from bot.chat.group.noc_chat import NocChat
from bot.chat.wire.budget import LONGEST_PAUSE, Urgency
from bot.chat.wire.deps import ChatDeps
from bot.chat.wire.refusals import Away, Barred, Gone, Moved, Paced, Rejected, Unsure
from bot.chat.wire.turns import Turns
from bot.errors import Declined

log = logging.getLogger(__name__)

A_MINUTE = 6  # answers for one person: more than anybody reads
AT_ALL = 30  # those in private, and reactions, too: beyond that it is no person any more
AT_ONCE = 3  # answers that leave one after the other while a person waits
WORTH_TELLING = 3.0  # seconds; a shorter wait nobody notices
TRIES = 3


class Answers:
    """The way out for pages and documents. `deliver` never raises: the person can ask again."""

    def __init__(self, deps: ChatDeps, chat: NocChat) -> None:
        self._d = deps
        self._chat = chat
        self._turns: dict[int, Turns] = {}
        self._newest: dict[Hashable, object] = {}

    def admit(self, user: int, most: int = A_MINUTE) -> bool:
        """Count one answer for this person; False where they had as many of them in this minute."""
        return self._turns.setdefault(most, Turns(self._d.clock, most)).take(user)

    def check(self, chat: int, user: int) -> None:
        """Declined for who asks for too much in the group."""
        if chat == self._chat.group and not self.admit(user):
            raise Declined("too_fast")

    def waits(self, chat: int, before: int = 0) -> bool:
        """Whether an answer in this chat comes so late that the person should be told.

        `before` are those which wait already.
        """
        if chat != self._chat.group:
            return False
        return self.late(Urgency.ANSWER) or before >= min(AT_ONCE, self._d.budget.answers_left())

    def late(self, urgency: Urgency) -> bool:
        """Whether what is shown in the group comes so late that a person who waits for it should be told."""
        return self._d.budget.wait(urgency) > WORTH_TELLING or self._chat.standing.mute is not None

    async def deliver(self, chat: int, what: Hashable, send: Callable[[], Awaitable[None]]) -> bool:
        """Whether it was sent; again where Telegram asked for a pause or was not reached.

        Of two that wait on the same matter (`what`) only the newer one is sent.
        """
        ticket = self._newest[what] = object()
        try:
            for _ in range(TRIES):
                if chat == self._chat.group and not await self._has_room(what, ticket):
                    return False
                if await self._try(chat, send):
                    return True
                if self._newest.get(what) is not ticket:
                    return False
        except (Unsure, Gone, Barred, Rejected, Moved) as error:
            if chat == self._chat.group:
                log.warning("a page could not be shown (%s)", error)
            if isinstance(error, Barred) and chat == self._chat.group:
                self._chat.standing.refused(error.why)
            if isinstance(error, Moved):
                await self._chat.follow(error.new)
        finally:
            if self._newest.get(what) is ticket:
                del self._newest[what]
        return False

    async def _has_room(self, what: Hashable, ticket: object) -> bool:
        """Wait for the budget; False where a newer answer took the place."""
        while (seconds := self._d.budget.wait(Urgency.ANSWER)) > 0:
            await self._d.clock.sleep(seconds)
            if self._newest.get(what) is not ticket:
                return False
        self._d.budget.spend(Urgency.ANSWER)
        return True

    async def _try(self, chat: int, send: Callable[[], Awaitable[None]]) -> bool:
        try:
            await send()
        except Paced as wish:
            if chat == self._chat.group:
                self._d.budget.pause(wish.seconds)
            await self._d.clock.sleep(min(wish.seconds, LONGEST_PAUSE))
        except Away:
            await self._d.clock.sleep(1)
        else:
            return True
        return False
