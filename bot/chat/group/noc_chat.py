"""The NOC's group: each case is shown on its one card, as the case is when its turn comes.

Nothing is replayed: what is dirty is drawn from the ledger's state at that moment, the most urgent first,
as fast as the group takes it. What cannot be shown stays dirty.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from datetime import datetime

from bot.chat.group.backlog import Backlog, Job
from bot.chat.group.digest import DIGEST, Digest
from bot.chat.group.handovers import Beside, Handovers
from bot.chat.group.lately import Lately
from bot.chat.group.painting import BARRED, Painter
from bot.chat.group.passing import QUESTION, Passing
from bot.chat.group.posted import PostedMessages
from bot.chat.group.telling import Teller, record_move
from bot.chat.screens.cards.card import Asking
from bot.chat.screens.posting import Mute
from bot.chat.wire.budget import Urgency
from bot.chat.wire.deps import ChatDeps
from bot.chat.wire.link import Link
from bot.chat.wire.refusals import Away, Barred, Moved, Paced, Unsure
from bot.chat.wire.standing import Standing
from bot.domain.case import Card
from bot.domain.limits.holds import closed_until
from bot.domain.plan import Tally
from bot.ports import Notice

log = logging.getLogger(__name__)

MAX_BACKOFF = 30.0


class NocChat:
    """The NOC's group (`ports.NocChat`), drawn by one task: `run`."""

    def __init__(self, deps: ChatDeps, beside: Beside, link: Link | None = None) -> None:
        """`beside` runs what nothing here waits for. Of several groups each has the same `link`."""
        self._d = deps
        self.expected: Callable[[int], Tally | None] = lambda _: None
        self.need: Callable[[int], int | None] = lambda _: None
        self.link = link or Link(deps.clock, self.back)
        self.standing = Standing(deps.clock, self._muted)
        self._posted = PostedMessages(deps.book)
        self.lately = Lately(deps, where=self)
        self._passing = Passing(deps)
        self._digest = Digest(deps, card=self.card)
        self._teller = Teller(
            deps,
            where=self,
            posted=self._posted,
            handovers=Handovers(deps, self.lately, beside),
            arrived=self._arrived,
            answered=self._answered,
        )
        self._painter = Painter(
            deps,
            where=self,
            posted=self._posted,
            digest=self._digest,
            passing=self._passing,
            arrived=self._arrived,
        )
        self._barred_until = -math.inf
        self._backoff = 0.0
        self._retry_at = -math.inf
        self._wake = asyncio.Event()
        self._backlog = Backlog(
            deps,
            self._posted,
            self._digest,
            self._teller.budget_of,
            card=self.card,
            changed=self._wake.set,
        )
        self._stopping = False

    @property
    def group(self) -> int:
        """Where the group is now."""
        return self._d.book.chat(self._d.group)

    def waiting(self) -> tuple[int, int, int]:
        """How many new cards, changed ones and notices wait for the group's budget."""
        return self._backlog.lengths()

    def show(self, case: int, *, urgent: bool = False) -> None:
        """The case's card is to show the case as it is."""
        self._backlog.mark(case, Urgency.URGENT if urgent else Urgency.FACT)

    def say(self, notice: Notice) -> None:
        """Tell the group once. Of two that wait on the same matter the newer one is said."""
        self._teller.take(notice, self._backlog)

    def ask(self, case: int, question: Asking | None, *, seconds: float = QUESTION) -> None:
        """The card asks a question for so long, or (None) no longer does."""
        self._passing.ask(case, question, seconds)
        self._backlog.mark(case, Urgency.URGENT)

    def unfold(self, case: int, *, unfolded: bool) -> None:
        """The card shows all of its buttons for a while, or those that decide alone."""
        if self._passing.unfold(case, unfolded=unfolded):
            self._backlog.mark(case, Urgency.URGENT)

    def closed_until(self) -> datetime | None:
        """When customers may be written to again; None where they may be now."""
        return closed_until(self._d.rules, self._d.clock.now())

    def open_card(self, case: int) -> None:
        """Somebody wants the card of a case that the digest lists."""
        self._digest.want(case)
        self._backlog.mark(case, Urgency.START)

    def turn_digest(self, page: int) -> None:
        """The digest shows another page, numbered from 0, or the nearest there is."""
        self._digest.page = page
        self._backlog.mark(DIGEST, Urgency.ANSWER)

    def is_digest(self, message: int) -> bool:
        """Whether this message of the group is the digest."""
        card = self.card(DIGEST)
        return card is not None and card.message == message

    def card(self, case: int) -> Card | None:
        """The case's card in the group as it is now (0: the digest), None where none is known."""
        return self._posted.card(case, self._d.book, self.group)

    def is_card(self, message: int) -> bool:
        """Whether this message of the group is some case's card."""
        return self.case_of(message) is not None

    def case_of(self, message: int) -> int | None:
        """The case whose card this message of the group is; None where it is no card."""
        return self._posted.case_of(message, self._d.book, self.group)

    def is_notice(self, message: int) -> bool:
        """Whether this message of the group is a notice, or the digest: no card in any case."""
        return self._posted.is_notice(self.group, message) or self.is_digest(message)

    def notices(self, code: str) -> list[int]:
        """The messages of the group that are notices with that code."""
        return self._posted.notices(self.group, code)

    def in_doubt(self, case: int) -> bool:
        """Whether a message that nobody knows may be the case's card: its post went unanswered."""
        return self.card(case) is None and self._posted.in_doubt(case)

    def asked(self, case: int) -> int | None:
        """How many ONUs the case's card asks about, as it was drawn last; None where nobody knows."""
        return self._posted.of(case).asked

    async def adopt(self, case: int, message: int) -> None:
        """A tap proves that this message is the case's card."""
        await self._painter.record(case, Card(self.group, message))
        self._backlog.mark(case, Urgency.FACT)

    def stripped(self, message: int) -> None:
        """This message lost its buttons: where it is a card after all, it is drawn again."""
        case = DIGEST if self.is_digest(message) else self.case_of(message)
        if case is not None:
            self._posted.of(case).screen = None
            self._backlog.mark(case, Urgency.URGENT)

    async def follow(self, new: int) -> None:
        """The group has a new id: its open cards are posted there."""
        old = self.group
        if new == old:
            return
        await record_move(self._d.ledger, old, new)
        region = self._d.region
        name = f"REGION_{region}_TELEGRAM_CHAT_ID" if region else "TELEGRAM_CHAT_ID"
        self.say(Notice("group_moved", {"old": old, "new": new, "name": name}))
        self.redraw()

    def refresh(self) -> None:
        """Time has passed: the minutes on the cards that wait are to be right, when there is room."""
        self._posted.forget(self._d.book)
        self._backlog.refresh()

    def redraw(self) -> None:
        """Every card that may not show its case is drawn again from the ledger."""
        self._backlog.redraw()

    def retry(self) -> None:
        """Something changed on Telegram's side: try again now."""
        self._retry_at = self._barred_until = -math.inf
        self._wake.set()

    def topic_lost(self, lost: bool) -> None:
        """Posts go to the group itself, as the topic takes none; or (False) to the topic again."""
        about = {"why": "topic", "since": self._d.clock.now()}
        self.say(Notice("topic_lost") if lost else Notice("topic_back"))
        self.say(Notice("mute", about) if lost else Notice("mute_over", about))

    async def run(self) -> None:
        """Show what is dirty, for ever; after `close`, until nothing urgent can be shown."""
        self.redraw()
        while True:
            for case in self._passing.over():
                self._posted.of(case).drawn_at = None  # that time has passed is the news
                self._backlog.mark(case, Urgency.URGENT)
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

    def back(self, since: datetime) -> None:
        """Telegram was away since then, and long enough to tell."""
        self.say(Notice("telegram_back", {"since": since}))

    def _muted(self, mute: Mute, begins: bool) -> None:
        """That the group took nothing is the first thing to say there, once it takes something again."""
        facts = {"why": mute.why, "since": mute.since}
        if begins:
            self.say(Notice("posts_back", facts))
        self.say(Notice("mute", facts) if begins else Notice("mute_over", facts))

    def _next(self) -> tuple[Job | None, float]:
        """What to show now, or how long nothing can be shown."""
        now = self._d.clock.monotonic()
        soonest = self._passing.seconds()
        if self._retry_at > now:
            return None, min(soonest, self._retry_at - now)
        barred = self._barred_until - now
        self._d.budget.keep(self._backlog.at_stake())
        job, seconds = self._backlog.next(stopping=self._stopping, elsewhere=barred > 0)
        return job, min(soonest, seconds, barred if barred > 0 else math.inf)

    async def _nap(self, seconds: float) -> None:
        """Until something is to do or `seconds` are over."""
        self._wake.clear()
        waits = [
            asyncio.ensure_future(self._wake.wait()),
            asyncio.ensure_future(self._d.clock.sleep(seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _do(self, job: Job) -> None:
        """Show one thing; whatever goes wrong, it goes on."""
        now = self._d.clock.monotonic()
        try:
            if isinstance(job, Notice):
                await self._teller.tell(job, self._backlog)
            else:
                await self._painter.paint(job, self._backlog)
        except Paced as wish:
            self._answered()
            self._d.budget.pause(wish.seconds)
            self.standing.paced(wish.seconds)
        except Moved as moved:
            await self.follow(moved.new)
        except (Away, Unsure) as error:
            self.link.broken("send", error)
            self._backoff = min(MAX_BACKOFF, max(1.0, self._backoff * 2))
            self._retry_at = now + self._backoff
        except Barred as error:
            self._answered()
            self.standing.refused(error.why)
            self._barred_until = now + BARRED
        except Exception:  # the edge: whatever one notice comes to, the others are said
            log.exception("something could not be shown")
            if isinstance(job, Notice):
                self._backlog.refused(job)
            self._retry_at = now + 1.0

    def _answered(self) -> None:
        self.link.works("send")
        self._backoff = 0.0

    def _arrived(self) -> None:
        self._answered()
        self.standing.arrived()
