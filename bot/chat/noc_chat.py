"""The painter: it shows each case on its one card, as the case is when its turn comes.

Nothing is replayed: what is dirty is drawn from the ledger's state at that moment, the most urgent first,
as fast as the group takes it. What cannot be shown stays dirty.
"""

import asyncio
import contextlib
import logging
import math
from datetime import datetime

from bot.chat import cards
from bot.chat.backlog import Backlog, Job
from bot.chat.budget import Budget, Urgency
from bot.chat.cards import Question
from bot.chat.confirming import NOTICE as UNCONFIRMED
from bot.chat.confirming import confirm_rows
from bot.chat.link import Link
from bot.chat.mends import HALTED, halted_facts
from bot.chat.outbox import Away, Barred, Gone, Moved, Outbox, Paced, Rejected, Unsure
from bot.chat.reasons import ledger_facts
from bot.chat.screen import Screen
from bot.chat.sights import Sight, Sights
from bot.chat.words import Words
from bot.domain.case import Card, Case
from bot.domain.lines import CardPosted, GroupMoved
from bot.domain.rules import Rules
from bot.errors import LedgerClosed
from bot.ports import Clock, Ledger, Notice

log = logging.getLogger(__name__)

EVIDENCE = 60.0  # seconds in which a tap may prove that an unanswered post arrived
QUESTION = 120.0  # seconds that a question stays on a card
BARRED = 60.0  # seconds between tries where a person has to act first
MAX_BACKOFF = 30.0
IDLE = 3600.0


class NocChat:
    """The NOC's group (`ports.NocChat`), drawn by one task: `run`."""

    def __init__(
        self,
        ledger: Ledger,
        outbox: Outbox,
        budget: Budget,
        clock: Clock,
        words: Words,
        *,
        group: int,
        rules: Rules,
    ) -> None:
        """`group` is the configured id; the cards show what the `rules` come to."""
        self._ledger = ledger
        self._outbox = outbox
        self._budget = budget
        self._clock = clock
        self._words = words
        self._group = group
        self._rules = rules
        self.link = Link(clock, self._back)
        self._sights = Sights(ledger.book)
        self._asking: dict[int, tuple[Question, float]] = {}
        self._barred = False
        self._backoff = 0.0
        self._retry_at = -math.inf
        self._wake = asyncio.Event()
        self._backlog = Backlog(ledger, self._sights, budget, clock, card=self.card, changed=self._wake.set)
        self._stopping = False

    @property
    def group(self) -> int:
        """Where the group is now."""
        return self._ledger.book.chat(self._group)

    def show(self, case: int, *, urgent: bool = False) -> None:
        """The case's card is to show the case as it is."""
        number = self._ledger.book.cases[case].shown_as
        self._backlog.mark(number, Urgency.URGENT if urgent else Urgency.FACT)

    def say(self, notice: Notice) -> None:
        """Tell the group once. Of two that wait on the same matter the newer one is said."""
        self._backlog.say(notice)

    def ask(self, case: int, question: Question | None) -> None:
        """The card asks a question, or (None) no longer does."""
        if question is not None:
            self._asking[case] = (question, self._clock.monotonic() + QUESTION)
        else:
            self._asking.pop(case, None)
        self._backlog.mark(case, Urgency.URGENT)

    def card(self, case: int) -> Card | None:
        """The case's card in the group as it is now, None where none is known."""
        return self._sights.card(case, self._ledger.book, self.group)

    def is_card(self, message: int) -> bool:
        """Whether this message of the group is some case's card."""
        cards = (self.card(case) for case in self._ledger.book.cases)
        return any(card is not None and card.message == message for card in cards)

    def is_notice(self, message: int) -> bool:
        """Whether this message of the group is a notice."""
        return self._sights.is_notice(self.group, message)

    def notices(self, code: str) -> list[int]:
        """The messages of the group that are notices with that code."""
        return self._sights.notices(self.group, code)

    def in_doubt(self, case: int) -> bool:
        """Whether a message that nobody knows may be the case's card: its post went unanswered."""
        return self.card(case) is None and self._sights.in_doubt(case)

    async def adopt(self, case: int, message: int) -> None:
        """A tap proves that this message is the case's card."""
        await self._record(case, Card(self.group, message))
        self._backlog.mark(case, Urgency.FACT)

    def stripped(self, message: int) -> None:
        """This message lost its buttons: where it is a card after all, it is drawn again."""
        for case in self._ledger.book.cases:
            card = self.card(case)
            if card is not None and card.message == message:
                self._sights.of(case).screen = None
                self._backlog.mark(case, Urgency.URGENT)

    async def follow(self, new: int) -> None:
        """The group has a new id: its open cards are posted there."""
        old = self.group
        if new == old:
            return
        log.warning("the group moved: chat id %s is now %s", old, new)
        with contextlib.suppress(LedgerClosed):  # then each start is told again
            await self._ledger.commit(lambda _book, _now: [GroupMoved(old, new)])
        self.say(Notice("group_moved", {"old": old, "new": new}))
        self.redraw()

    def refresh(self) -> None:
        """Time has passed: the minutes on the cards that wait are to be right, when there is room."""
        self._backlog.refresh()

    def redraw(self) -> None:
        """Every card that may not show its case is drawn again from the ledger."""
        self._backlog.redraw()

    def retry(self) -> None:
        """Something changed on Telegram's side: try again now."""
        self._retry_at = -math.inf
        self._wake.set()

    async def run(self) -> None:
        """Show what is dirty, for ever; after `close`, until nothing urgent can be shown."""
        self.redraw()
        while True:
            self._forget_questions()
            job, seconds = self._next()
            if job is not None:
                await self._do(job)
                await asyncio.sleep(0)  # many cards that show nothing new must not keep a tap waiting
            elif self._stopping:
                return
            else:
                await self._nap(seconds)

    def close(self) -> None:
        """Let `run` end."""
        self._stopping = True
        self._wake.set()

    def _back(self, since: datetime) -> None:
        self.say(Notice("telegram_back", {"since": since}))

    def _forget_questions(self) -> None:
        now = self._clock.monotonic()
        for case in [case for case, (_, until) in self._asking.items() if until <= now]:
            self.ask(case, None)

    def _next(self) -> tuple[Job | None, float]:
        """What to show now, or how long nothing can be shown."""
        now = self._clock.monotonic()
        soonest = min([now + IDLE, *(until for _, until in self._asking.values())]) - now
        if self._retry_at > now:
            return None, min(soonest, self._retry_at - now)
        job, seconds = self._backlog.next(stopping=self._stopping)
        return job, min(soonest, seconds)

    async def _nap(self, seconds: float) -> None:
        """Until something is to do or `seconds` are over."""
        self._wake.clear()
        waits = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _do(self, job: Job) -> None:
        """Show one thing; whatever goes wrong, the painter goes on."""
        now = self._clock.monotonic()
        try:
            await (self._tell(job) if isinstance(job, Notice) else self._paint(job))
        except Paced as wish:
            self._budget.pause(wish.seconds)
        except Moved as moved:
            await self.follow(moved.new)
        except (Away, Unsure) as error:
            self.link.broken("send", error)
            self._backoff = min(MAX_BACKOFF, max(1.0, self._backoff * 2))
            self._retry_at = now + self._backoff
        except Barred as error:
            if not self._barred:
                log.error("Telegram refuses the bot in its group (%s): nothing can be shown", error)  # noqa: TRY400
            self._barred = True
            self._retry_at = now + BARRED

    def _arrived(self) -> None:
        self.link.works("send")
        self._backoff, self._barred = 0.0, False

    async def _tell(self, notice: Notice) -> None:
        try:
            text = str(self._words.say(f"notice.{notice.code}", **self._facts(notice)))
            screen = Screen(text, confirm_rows(self._words) if notice.code == UNCONFIRMED else ())
            self._budget.spend()
            group = self.group
            message = await self._outbox.post(group, screen, reply_to=self._about(notice))
            self._sights.told(group, message.message_id, notice.code)
        except Unsure:
            self._backlog.unanswered(notice)
            raise
        except Rejected as error:
            log.error("notice %s was refused: %s", notice.code, error)  # noqa: TRY400
        self._backlog.said(notice)
        self._arrived()

    def _facts(self, notice: Notice) -> dict[str, object]:
        facts = {**notice.facts, "now": self._clock.now()}
        if notice.code == "ledger_closed":
            facts |= ledger_facts(str(notice.facts.get("why", "")))
        if notice.code == HALTED:
            facts |= halted_facts(notice.facts, self._ledger.book, self._words)
        return facts

    def _about(self, notice: Notice) -> int | None:
        """The card that the notice is an answer to: a tap on it leads to the buttons."""
        number = notice.facts.get("case")
        card = self.card(number) if isinstance(number, int) else None
        return card.message if card else None

    async def _paint(self, number: int) -> None:
        """The card shows the case as it is now; a case without a card gets one."""
        urgency = self._backlog.take(number)
        case, sight = self._ledger.book.cases[number], self._sights.of(number)
        card = self.card(number)
        if card is None and not _worth_a_card(case):
            return
        try:
            now = self._clock.now()
            screen = self._render(case, now)
            if card is not None and self._says_nothing_new(case, sight, screen, urgency):
                return
            with contextlib.suppress(LedgerClosed):  # what happened is shown all the same
                await self._ledger.flush()
            self._budget.spend()
            sight.shown_at = self._clock.monotonic()
            if card is None:
                await self._post(number, screen)
            else:
                await self._outbox.edit(card.chat, card.message, screen)
        except Gone:
            sight.screen, sight.lost, sight.shown_at = None, card, -math.inf
            self._backlog.mark(number, urgency)
            return
        except (Away, Unsure, Paced, Moved, Barred):
            sight.screen = None
            self._backlog.mark(number, urgency)
            raise
        except Exception:
            # The edge: one card that cannot be drawn must not stop the others.
            log.exception("the card of case %s cannot be shown", number)
            sight.not_before = self._clock.monotonic() + BARRED
            self._backlog.mark(number, urgency)
            return
        sight.screen, sight.drawn_at = screen, now
        self._arrived()

    def _says_nothing_new(self, case: Case, sight: Sight, screen: Screen, urgency: Urgency) -> bool:
        """Whether the card shows this already; minutes that passed are news for a refresh alone."""
        if screen == sight.screen:
            return True
        if urgency is Urgency.REFRESH or sight.screen is None or sight.drawn_at is None:
            return False
        return self._render(case, sight.drawn_at) == sight.screen

    def _render(self, case: Case, now: datetime) -> Screen:
        return cards.card(
            case,
            self._ledger.book,
            now,
            self._words,
            rules=self._rules,
            asking=self._asking[case.id][0] if case.id in self._asking else None,
            closed=self._ledger.closed is not None,
        )

    async def _post(self, number: int, screen: Screen) -> None:
        sight = self._sights.of(number)
        group = self.group
        try:
            message = await self._outbox.post(group, screen)
        except Unsure:
            sight.not_before, sight.doubt = self._clock.monotonic() + EVIDENCE, True
            raise
        await self._record(number, Card(group, message.message_id))

    async def _record(self, number: int, card: Card) -> None:
        sight = self._sights.of(number)
        sight.card, sight.not_before, sight.screen, sight.doubt = card, -math.inf, None, False
        with contextlib.suppress(LedgerClosed):  # it stays the card until the next start
            posted = CardPosted(number, card.chat, card.message)
            await self._ledger.commit(lambda _book, _now: [posted])


def _worth_a_card(case: Case) -> bool:
    """A case that ended before anything was decided on it has nothing to show."""
    return case.ended_at is None or case.dispatch is not None
