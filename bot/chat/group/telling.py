"""Notices out to the group, and reminders that nobody answered out to the escalation chat."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import cast

from bot.chat.group.backlog import Backlog, Job
from bot.chat.group.handovers import Handovers
from bot.chat.group.notices import ELSEWHERE, REOPENED, Notices
from bot.chat.group.posted import Group, PostedMessages
from bot.chat.group.reminders import REMINDER, Reminders
from bot.chat.screens.saying import Saying
from bot.chat.screens.screen import Screen
from bot.chat.screens.starting import STARTED, said_of_start
from bot.chat.wire.budget import Budget
from bot.chat.wire.deps import ChatDeps
from bot.chat.wire.refusals import Barred, Moved, Paced, Rejected, Unsure
from bot.domain.events import Announced, GroupMoved, SilenceWarned
from bot.errors import LedgerClosed
from bot.flow.due import HANDOVER, SILENCE_ENDS
from bot.ports import Ledger, Notice

log = logging.getLogger(__name__)


class Teller:
    """Says notices. `tell` raises what the group's chat refuses, for the painter to wait or to follow."""

    def __init__(
        self,
        deps: ChatDeps,
        *,
        where: Group,
        posted: PostedMessages,
        handovers: Handovers,
        arrived: Callable[[], None],
        answered: Callable[[], None],
    ) -> None:
        """`arrived` hears of each post that the group took, `answered` of each other answer of Telegram."""
        self._d = deps
        self._where = where
        self._posted = posted
        self._handovers = handovers
        self._arrived, self._answered = arrived, answered
        self._reminders = Reminders(deps, card=where.card)
        self._notices = Notices(deps, self._reminders, card=where.card)

    @property
    def _escalation(self) -> int | None:
        return self._d.attention.escalation

    def budget_of(self, job: Job) -> Budget:
        """The budget of the chat where this is to be shown."""
        elsewhere = isinstance(job, Notice) and self._goes_elsewhere(job)
        return self._budget_elsewhere if elsewhere else self._d.budget

    @property
    def _budget_elsewhere(self) -> Budget:
        """That of the escalation chat, which may be one for many groups, or another NOC's group."""
        return self._d.budgets[self._escalation or 0]

    def _goes_elsewhere(self, notice: Notice) -> bool:
        return notice.code in ELSEWHERE or self._reminders.goes_elsewhere(notice)

    def take(self, notice: Notice, backlog: Backlog) -> None:
        """The notice is to be said.

        But not a reminder that waits already or was just given, nor that a case is on again whose card, which
        says so, is still to come.
        """
        if notice.code == REMINDER:
            notice = self._reminders.dated(notice)
            if not self._reminders.is_news(notice, backlog.waiting(notice), self._d.clock.now()):
                return
        if notice.code in ELSEWHERE and self._escalation is None:
            return
        if notice.code == REOPENED and self._where.card(cast("int", notice.facts["case"])) is None:
            return
        backlog.say(notice)

    async def tell(self, notice: Notice, backlog: Backlog) -> None:
        """Say it, with those of the backlog that go with it; what holds no more is left unsaid."""
        if notice.code == HANDOVER:
            await self._hand_over(notice, backlog)
            return
        saying = self._saying(notice, backlog)
        if saying is None:
            backlog.said(notice)
            return
        try:
            if saying.elsewhere:
                done = await self._escalate(saying, backlog)
            else:
                done = await self._announce(saying, backlog) is not None
        except Unsure:
            await self._was_said([one for one in saying.notices if backlog.unanswered(one)])
            raise
        if done:
            await self._was_said(saying.notices)
            for one in saying.notices:
                backlog.said(one)

    async def _was_said(self, notices: Sequence[Notice]) -> None:
        """The ledger has it, of what is not to be said again after a start."""
        await self._reminders.said(notices)
        for notice in notices:
            if notice.code == STARTED:
                self._d.ledger.note(Announced(said_of_start(notice), self._d.region))
            if notice.code == SILENCE_ENDS:
                self._d.ledger.note(SilenceWarned(cast("int", notice.facts["silence"])))

    async def _hand_over(self, notice: Notice, backlog: Backlog) -> None:
        """Claimed first: where nobody knows whether it arrived it is not said again."""
        found = await self._handovers.saying(notice)
        if found is None or not await self._handovers.claim(notice):
            backlog.said(notice)
            return
        saying, before = found
        try:
            message = await self._announce(saying, backlog)
        except Unsure:
            self._handovers.posted(notice)
            backlog.said(notice)
            raise
        if message is not None:
            self._handovers.posted(notice)
            backlog.said(notice)
            self._handovers.picture(before, message)

    def _saying(self, notice: Notice, backlog: Backlog) -> Saying | None:
        try:
            return self._notices.saying(notice, backlog.notices(), self._d.clock.now())
        except Exception:  # the edge: one notice that cannot be told must not stop the others, nor be hidden
            log.exception("notice %s cannot be told", notice.code)
            case = notice.facts.get("case")
            said = self._d.words.say("notice.untold", code=notice.code, case=case if case != "" else None)
            return Saying((notice,), Screen(str(said)), elsewhere=self._goes_elsewhere(notice))

    async def _announce(self, saying: Saying, backlog: Backlog) -> int | None:
        """Say it to the group; the message. What Telegram does not take (None) is tried again later."""
        self._d.budget.spend()
        group, first = self._where.group, saying.notices[0]
        try:
            message = await self._d.outbox.post(
                group, saying.screen, reply_to=saying.reply_to, silent=saying.silent
            )
        except Rejected as error:
            first_times = [backlog.refused(one) for one in saying.notices]
            if any(first_times):
                log.error("notice %s was refused and waits: %s", first.code, error)  # noqa: TRY400
            self._answered()
            return None
        self._posted.add_notice(group, message.message_id, first.code)
        self._arrived()
        return message.message_id

    async def _escalate(self, saying: Saying, backlog: Backlog) -> bool:
        """Say it in the escalation chat; where that cannot be written to, the group is to hear it."""
        self._budget_elsewhere.spend()
        chat = self._d.book.chat(self._escalation or 0)
        try:
            await self._d.outbox.post(chat, saying.screen, silent=saying.silent, in_topic=False)
        except Paced as wish:
            self._budget_elsewhere.pause(wish.seconds)
            return False
        except Moved as moved:
            await record_move(self._d.ledger, chat, moved.new)
            return False
        except (Barred, Rejected) as error:
            log.error("TELEGRAM_ESCALATION_CHAT_ID cannot be written to: %s", error)  # noqa: TRY400
            about_the_group = saying.notices[0].code in ELSEWHERE  # which hears it by itself
            for one in saying.notices:
                if not about_the_group:
                    backlog.say(self._reminders.astray(one))
            return about_the_group
        self._answered()
        return True


async def record_move(ledger: Ledger, old: int, new: int) -> None:
    """A group has a new id."""
    log.warning("the group moved: chat id %s is now %s", old, new)
    with contextlib.suppress(LedgerClosed):  # then each start is told again
        await ledger.commit(lambda _book, _now: [GroupMoved(old, new)])
