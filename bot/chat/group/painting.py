"""A case's card, and the digest, out to the group as they are now."""

import contextlib
import logging
import math
from collections.abc import Callable
from datetime import datetime

from bot.chat.group.backlog import Backlog
from bot.chat.group.digest import DIGEST, Digest
from bot.chat.group.notices import plain_facts
from bot.chat.group.passing import Passing
from bot.chat.group.posted import Decided, Group, PostedMessage, PostedMessages, decided
from bot.chat.screens.cards import card as cards
from bot.chat.screens.screen import Screen
from bot.chat.wire.budget import Urgency
from bot.chat.wire.deps import ChatDeps
from bot.chat.wire.refusals import Away, Barred, Gone, Moved, Paced, Unsure
from bot.domain.case import Card
from bot.domain.events import CardPosted, DigestPosted, Line
from bot.domain.limits.growth import asked_about
from bot.errors import LedgerClosed
from bot.ports import Notice

log = logging.getLogger(__name__)

EVIDENCE = 60.0  # seconds in which a tap may prove that an unanswered post arrived
BARRED = 60.0  # seconds between tries where a person has to act first
UNDRAWN_LONGEST = 900.0


class Painter:
    """Posts and edits. `paint` raises what the group's chat refuses, for the caller to wait or to follow."""

    def __init__(
        self,
        deps: ChatDeps,
        *,
        where: Group,
        posted: PostedMessages,
        digest: Digest,
        passing: Passing,
        arrived: Callable[[], None],
    ) -> None:
        """`passing` is what a case's card shows for a while; `arrived` hears of each good answer."""
        self._d = deps
        self._where = where
        self._posted = posted
        self._digest = digest
        self._passing = passing
        self._arrived = arrived

    async def paint(self, number: int, backlog: Backlog) -> None:
        """The card shows the case as it is now; a case without a card gets one."""
        urgency, message = backlog.take(number), self._posted.of(number)
        card, now = self._where.card(number), self._d.clock.now()
        try:
            if card is None and not self._worth_a_message(number, now):
                return
            shows, asks = self._decided(number), self._asked(number)
            screen = self._render(number, now)
            if card is not None and self._says_nothing_new(number, message, screen, urgency):
                message.decided, message.asked = shows, asks
                return
            with contextlib.suppress(LedgerClosed):  # what happened is shown all the same
                await self._d.ledger.flush()
            self._d.budget.spend(urgency)
            message.shown_at = self._d.clock.monotonic()
            if card is None:
                message.asked = asks  # also where nobody knows whether it arrived
                await self._post(number, screen)
            else:
                await self._d.outbox.edit(card.chat, card.message, screen)
        except Gone:
            message.screen, message.lost, message.shown_at = None, card, -math.inf
            backlog.mark(number, urgency)
            return
        except (Away, Unsure, Paced, Moved, Barred):
            message.screen = None
            backlog.mark(number, urgency)
            raise
        except Exception:
            # The edge: one card that cannot be shown must not stop the others.
            if not message.pause:
                log.exception("the card of case %s (0: the digest) cannot be shown", number)
            self._tell_plainly(number, message, backlog)
            backlog.mark(number, urgency)
            return
        message.screen, message.drawn_at, message.decided, message.asked = screen, now, shows, asks
        message.pause = 0.0
        self._arrived()

    def _decided(self, number: int) -> Decided | None:
        book = self._d.book
        return None if number == DIGEST else decided(book.cases[number], book)

    def _asked(self, number: int) -> int | None:
        case = self._d.book.cases.get(number)
        return None if case is None else asked_about(case, case.ports)

    def _tell_plainly(self, number: int, message: PostedMessage, backlog: Backlog) -> None:
        """What is known is told once, in a plain notice; the card is tried again, ever more rarely."""
        if not message.pause:
            case = self._d.book.cases.get(number)
            if case is None:
                backlog.say(Notice("undrawn_list", {"n": self._digest.waiting}))
            else:
                backlog.say(Notice("undrawn", plain_facts(case)))
        message.pause = min(UNDRAWN_LONGEST, max(BARRED, 2 * message.pause))
        message.screen, message.not_before = None, self._d.clock.monotonic() + message.pause

    def _says_nothing_new(
        self, number: int, message: PostedMessage, screen: Screen, urgency: Urgency
    ) -> bool:
        """Whether the card shows this already; minutes that passed are news for a refresh alone."""
        if screen == message.screen:
            return True
        if urgency is Urgency.REFRESH or message.screen is None or message.drawn_at is None:
            return False
        return self._render(number, message.drawn_at) == message.screen

    def _render(self, number: int, now: datetime) -> Screen:
        if number == DIGEST:
            return self._digest.screen(self._d.words, now)
        case = self._d.book.cases[number]
        return cards.card(
            case,
            self._d.book,
            now,
            self._d.words,
            rules=self._d.rules,
            expected=self._where.expected(number),
            need=self._where.need(number),
            asking=self._passing.question(number),
            unfolded=self._passing.unfolded(number),
            closed=self._d.ledger.closed is not None,
        )

    async def _post(self, number: int, screen: Screen) -> None:
        message = self._posted.of(number)
        group = self._where.group
        try:
            sent = await self._d.outbox.post(group, screen, silent=self._is_quiet(number))
        except Unsure:
            message.not_before, message.doubt = self._d.clock.monotonic() + EVIDENCE, True
            raise
        await self.record(number, Card(group, sent.message_id))

    async def record(self, number: int, card: Card) -> None:
        """This message is the case's card (0: the digest)."""
        message = self._posted.is_posted(number, card)
        message.not_before, message.screen, message.doubt = -math.inf, None, False
        line: Line = CardPosted(number, card.chat, card.message)
        if number == DIGEST:
            line = DigestPosted(card.chat, card.message)
        with contextlib.suppress(LedgerClosed):  # it stays the card until the next start
            await self._d.ledger.commit(lambda _book, _now: [line])

    def _is_quiet(self, number: int) -> bool:
        """Whether this card, or all that the digest lists, may come without sound."""
        cases = self._digest.listed.values() if number == DIGEST else [self._d.book.cases[number]]
        return all(self._d.attention.is_quiet(case, self._d.clock.now()) for case in cases)

    def _worth_a_message(self, number: int, now: datetime) -> bool:
        """What ended before anything was decided on it has nothing to show; planned work needs no card."""
        if number == DIGEST:
            return bool(self._digest.listed)
        book = self._d.book
        case = book.cases[number]
        if case.dispatch is not None:
            return True
        return case.ended_at is None and (not case.undecided or book.silence_over(case, now) is None)
