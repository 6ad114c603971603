"""What follows from a line, wherever it came from: a tap, a poll, a dispatch. Nothing else decides that."""

import logging
from collections.abc import Sequence
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import (
    Approved,
    Begun,
    Cancelled,
    CaseOpened,
    Confirmed,
    CooldownReleased,
    Evidence,
    IncidentChanged,
    IncidentEnded,
    IncidentJoined,
    Interrupted,
    Lapsed,
    LimitTold,
    Line,
    Proposed,
    Resent,
    Resumed,
    Settled,
    Silenced,
    SilenceEnded,
    StopAsked,
    TemplateJudged,
    Unasked,
)
from bot.domain.limits.account import LIMIT
from bot.domain.limits.holds import NO_MORE
from bot.domain.limits.silence import Silence
from bot.domain.plan import GROWN
from bot.domain.who import BOT
from bot.errors import Declined, LedgerClosed
from bot.flow.ahead import LookAhead
from bot.flow.callers import Callers
from bot.flow.dispatch import Dispatcher
from bot.ports import Ledger, NocChat, Notice, Write

log = logging.getLogger(__name__)


class Policy:
    """Commits rules, and has done what their lines bring about: carry out, halt, look up, show, say."""

    def __init__(
        self, ledger: Ledger, chat: NocChat, dispatcher: Dispatcher, ahead: LookAhead, callers: Callers
    ) -> None:
        self._ledger, self._chat, self._dispatcher = ledger, chat, dispatcher
        self._ahead, self._callers = ahead, callers

    async def decide(self, rule: Write) -> Sequence[Line]:
        """The rule's lines, once they are durable and what follows from them is under way.

        What the rule raises passes through, and nothing follows; LedgerClosed as in `Ledger.commit`.
        """
        spells: dict[int, int] = {}  # how often each case that comes on had come on before
        held: dict[str, int] = {}  # the case that a port was held for which is freed

        def counted(book: Book, now: datetime) -> Sequence[Line]:
            lines = rule(book, now)
            freed = (line.port.key for line in lines if isinstance(line, CooldownReleased))
            held.update((key, book.reservations[key].case) for key in freed if key in book.reservations)
            came_on = (line.case for line in lines if isinstance(line, IncidentJoined | IncidentChanged))
            spells.update((number, len(book.cases[number].reopened)) for number in came_on)
            return lines

        lines = await self._ledger.commit(counted)
        for line in lines:
            self._follow(line)
        self._callers.heard(lines)
        if any(isinstance(line, CaseOpened | IncidentJoined) for line in lines):
            self._ahead.look()
        unasked = next((line for line in lines if isinstance(line, Unasked)), None)
        if unasked is not None:  # of several, once
            self._chat.say(Notice("unasked", {"case": unasked.case, "by": unasked.by}))
        for number in set(held.values()) - self._ledger.book.open:
            self._chat.show(number)  # its card said until when
        for number in (n for n, before in spells.items() if len(self._case(n).reopened) > before):
            self._chat.say(Notice("reopened", {"case": number}))
        return lines

    async def observe(self, rule: Write) -> Sequence[Line]:
        """The same for what a closed ledger or a changed state may refuse without anything being lost."""
        try:
            return await self.decide(rule)
        except (LedgerClosed, Declined) as error:
            log.warning("not written: %s", error)
            return []

    def _follow(self, line: Line) -> None:
        match line:
            case Approved(due=None) | Begun() | Resumed() | Resent():
                self._dispatcher.carry_out(line.case)
            case Cancelled() | StopAsked():
                self._dispatcher.halt(line.case)
            case (
                CaseOpened() | IncidentJoined() | IncidentChanged() | IncidentEnded() | Lapsed() | Evidence()
            ):
                self._changed(line.case, *getattr(line, "beside", ()))
            case Proposed():
                self._chat.show(line.case, urgent=True)
                self._chat.say(Notice("second_needed", {"case": line.case, "by": line.by}))
            case Settled() | Interrupted():
                self._chat.show(line.case, urgent=True)
                self._ended(line)
            case Silenced() | SilenceEnded():
                self._silence(self._ledger.book.silences[line.silence])
            case Confirmed():
                self.show_all()
            case CooldownReleased() | TemplateJudged(again=False) | LimitTold():
                self._told_of_none(line)
            case _ if line.audited and (number := getattr(line, "case", None)) is not None:
                self._chat.show(number, urgent=True)  # what else people decide about a case is on its card

    def _changed(self, *cases: int) -> None:
        """A case's card, and those in other regions' groups that name it from now on."""
        for number in cases:
            self._chat.show(number)

    def show_all(self) -> None:
        """Every card that somebody may be waiting at is drawn again."""
        for number in sorted(self._ledger.book.open | self._ledger.book.running):
            self._chat.show(number)

    def _case(self, number: int) -> Case:
        return self._ledger.book.cases[number]

    def _ended(self, line: Settled | Interrupted) -> None:
        """What nobody may be waiting for at the card is said: an edit rings no phone."""
        case = self._case(line.case)
        dispatch = case.dispatches[-1]
        if line.reason is None:
            return
        if line.reason == LIMIT and dispatch.most is not None:
            return  # so it was approved
        facts = {"case": line.case, "port": case.incident.port, "reason": line.reason}
        if dispatch.progress is not None:
            self._chat.say(Notice("halted", {**facts, "mend": line.mend}))
            return
        resumed_alone = dispatch.resumed and dispatch.resumed_by is None
        alone = dispatch.due is not None or dispatch.by == BOT or bool(resumed_alone)
        if alone and line.reason == GROWN:
            self._chat.say(Notice("grown", facts))
        elif alone or line.reason in NO_MORE:
            self._chat.say(Notice("not_sent", {**facts, "scheduled": alone}))

    def _silence(self, silence: Silence) -> None:
        for number in sorted(self._ledger.book.open):
            if any(silence.covers(port) for port in self._case(number).ports):
                self._chat.show(number, urgent=True)

    def _told_of_none(self, line: CooldownReleased | TemplateJudged | LimitTold) -> None:
        """What is about no case is said, and cards that it changes are drawn."""
        if isinstance(line, CooldownReleased):
            self._freed(line)
            return
        if isinstance(line, TemplateJudged):
            holds = line.trouble is not None and line.trouble.holds
            about = {"name": line.name, "trouble": line.trouble, "holds": holds, "template": line.template}
            self._chat.say(Notice("template", about))
        for number in sorted(self._ledger.book.open):
            self._chat.show(number)

    def _freed(self, line: CooldownReleased) -> None:
        self._chat.say(Notice("cooldown_released", {"port": line.port, "by": line.by, "reason": line.reason}))
        for number in sorted(self._ledger.book.open):
            if line.port.key in self._case(number).member_ports:
                self._chat.show(number)
