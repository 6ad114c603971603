"""Taps about the whole life of a case: approvals with their conditions, who has it, what is expected."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from bot.chat.group.noc_chat import NocChat
from bot.chat.screens.buttons import FLAPPING, LATER, NO_ETA, NOW, Action, Press, agreed_in
from bot.chat.screens.cards.card import Question
from bot.chat.screens.pages.silences import ended
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.chat.taps.browse import Browse, Kind, Page
from bot.chat.taps.desk import Desk
from bot.domain.case import SECOND_WITHIN, Case
from bot.domain.limits.holds import Terms
from bot.domain.who import Who
from bot.errors import Asked, Declined
from bot.flow.flow import Approval
from bot.ports import Clock
from bot.steps.describe import parts, scopes_of

ROUNDED_TO = 300  # seconds: an expected end that is tapped is no promise to the second
QUESTIONS: dict[Action, Question] = {
    Action.ASK_ETA: "eta",
    Action.ASK_CAUSE: "cause",
    Action.ASK_SILENCE: "silence",
    Action.ASK_SEPARATE: "separate",
}

_SILENCES: dict[str, Question] = {
    "works": "silence_works",
    "maintenance": "silence_maintenance",
    "known": "silence_known",
}
_ASKED: dict[str, Question | None] = {
    "grown": None,  # the card itself asks it, for as long as it is not answered
    "flapping": "flapping",
    "hours": "hours",
    "resume_hours": "resume_hours",
    "restore_hours": "restore_hours",
}
"""By the code of `errors.Asked`."""


class LifePresses:
    """What a case's card offers beside deny, stop and pages. The person is an approver by then (`Presses`),
    the tapped message the card, and the ledger open.
    """

    def __init__(self, desk: Desk, chat: NocChat, *, words: Words, clock: Clock, undo_seconds: float) -> None:
        """`undo_seconds` is the countdown that an approval begins with."""
        self._desk = desk
        self._chat = chat
        self._words = words
        self._clock = clock
        self._undo_seconds = undo_seconds

    async def press(self, press: Press, who: Who) -> str | None:
        """Do what the button asks for, or have the card ask what is missing; the toast."""
        case = self._desk.ledger.book.cases[press.case]
        if press.action in QUESTIONS:
            await self._check_question(press.action, case)
            known = _SILENCES.get(press.arg) if press.action is Action.ASK_SILENCE else None
            self._chat.ask(case.shown_as, known or QUESTIONS[press.action])
            return None
        try:
            said = await self._carry_out(press, case, who)
        except Asked as question:
            self._chat.ask(case.shown_as, _question(question.code, press.arg))
            return self._words.plain(f"toast.{question.code}", now=self._clock.now(), **question.facts)
        self._chat.ask(case.shown_as, None)
        return said

    async def _carry_out(self, press: Press, case: Case, who: Who) -> str:
        desk, number = self._desk, press.case
        facts: dict[str, object] = {}
        match press.action:
            case Action.APPROVE:
                terms = replace(_terms(press), shown=self._chat.asked(number))
                return self._claimed(await desk.approve(number, who, terms))
            case Action.RESTORE:
                return self._claimed(await desk.restore(number, who, _terms(press)), news=True)
            case Action.UNTOLD:
                await desk.keep_untold(number, who)
                toast = "untold"
            case Action.RESUME:
                await desk.resume(number, who, _terms(press))
                toast = "resumed"
            case Action.BEGIN:
                await desk.begin(number, who, press.attempt)
                toast, facts["seconds"] = "begun", self._undo_seconds
            case Action.SEPARATE:
                toast, facts["n"] = "separated", 1 + await desk.separate(number, who)
            case Action.ASSUME:
                await desk.assume(number, who)
                toast, facts["case"] = "assumed", number
            case _:
                return await self._describe(press, case, who)
        return self._words.plain(f"toast.{toast}", **facts)

    async def _describe(self, press: Press, case: Case, who: Who) -> str:
        """What is expected, why it is, and planned work."""
        now = self._clock.now()
        facts: dict[str, object] = {"now": now}
        match press.action:
            case Action.ETA:
                ahead = None if press.arg == NO_ETA else timedelta(minutes=int(press.arg))
                eta = None if ahead is None else rounded_up(now + ahead)
                await self._desk.forecast(case.id, who, eta)
                toast, facts["until"] = "forecast", eta
            case Action.CAUSE:
                cause = self._words.plain(f"why.{press.arg}")
                await self._desk.name_cause(case.id, who, cause)
                toast, facts["cause"] = "cause_named", cause
            case Action.SILENCE:
                minutes, _, why = press.arg.partition("|")
                until = now + timedelta(minutes=int(minutes))
                reason = self._words.plain(f"mute.{why or 'works'}")  # a button of before had no reason
                await self._desk.silence(scopes_of(case), who, until, reason)
                toast, facts["until"] = "silenced", until
            case _:
                await self._end_silence(case, int(press.arg), who)
                other = self._desk.ledger.book.silence_over(case, self._clock.now())
                toast = "unmuted" if other is None else "still_silent"
                facts["until"] = other.until if other is not None else None
        return self._words.plain(f"toast.{toast}", **facts)

    async def _end_silence(self, case: Case, number: int, who: Who) -> None:
        found = self._desk.ledger.book.silences.get(number)
        if found is None or not any(found.covers(port) for port in case.ports):
            raise Declined("unknown_button")  # forged: this card never had that button
        await self._desk.end_silence(number, who)

    async def _check_question(self, action: Action, case: Case) -> None:
        """Declined where what would be answered cannot be done any more."""
        if action is Action.ASK_SEPARATE:
            await self._desk.check_undecided(case.id)
            first = case.proposal
            if first is not None and first.waits(self._clock.now()):
                raise Declined("already_approved", by=first.by.name, at=first.at)
            if len(parts(case.on)) < 2:  # noqa: PLR2004 - one part is the whole
                raise Declined("nothing_to_separate")
        if case.ended_at is not None:
            raise Declined("over")
        silence = self._desk.ledger.book.silence_over(case, self._clock.now())
        if action is Action.ASK_SILENCE and silence is not None:
            raise Declined("silenced", until=silence.until, by=silence.by.name)

    def _claimed(self, approval: Approval, *, news: bool = False) -> str:
        """What the approver is told that the tap came to; `news`: it is about the second message."""
        if approval.first:
            minutes = SECOND_WITHIN.total_seconds() / 60
            return self._words.plain("toast.proposed", minutes=int(minutes))
        if approval.due is not None:
            toast = "toast.restoring_scheduled" if news else "toast.scheduled"
            return self._words.plain(toast, until=approval.due, now=self._clock.now())
        if self._undo_seconds > 0:
            return self._words.plain(
                "toast.restoring" if news else "toast.approved", seconds=self._undo_seconds
            )
        return self._words.plain("toast.restoring_now" if news else "toast.approved_now")


class SharedPresses:
    """Buttons of what the whole group looks at: the list of cases without a card of their own, and /status.

    Who may tap is checked by then (`Presses`), what was tapped is not.
    """

    def __init__(self, desk: Desk, chat: NocChat, browse: Browse, *, words: Words, clock: Clock) -> None:
        self._desk = desk
        self._chat = chat
        self._browse = browse
        self._words = words
        self._clock = clock

    def list(self, message: int, press: Press) -> str | None:
        """Turn the list's page, or post the card of a case on it; the toast."""
        if not self._chat.is_digest(message):
            raise Declined("unknown_button")
        if press.action is Action.DIGEST:
            self._chat.turn_digest(int(press.arg))
            return None
        case = self._desk.ledger.book.cases.get(press.case)
        if case is None:
            raise Declined("unknown_case")
        if case.ended_at is not None and case.card is None:
            raise Declined("over")
        silence = self._desk.ledger.book.silence_over(case, self._clock.now())
        if silence is not None and case.card is None:
            raise Declined("silenced", until=silence.until, by=silence.by.name)
        self._chat.open_card(press.case)
        return self._words.plain("toast.card_coming", case=press.case)

    async def unmute(self, page: Page, number: int) -> Screen:
        """End a silence from /status; what its page shows then."""
        self._browse.check_page(page, Kind.STATUS, reader=False)
        silence = await self._desk.end_silence(number, page.who)
        return ended(silence, page.who, self._desk.ledger.book, self._clock.now(), self._words)


def rounded_up(at: datetime) -> datetime:
    """The next full five minutes."""
    return datetime.fromtimestamp(math.ceil(at.timestamp() / ROUNDED_TO) * ROUNDED_TO, UTC)


def _terms(press: Press) -> Terms:
    """What the person answered, and which attempt it was about, out of a button."""
    arg = press.arg
    hours: Literal["now", "later"] | None = "now" if NOW in arg else "later" if LATER in arg else None
    return Terms(FLAPPING in arg, hours, agreed_in(arg), press.attempt)


def _question(code: str, arg: str) -> Question | None:
    """The question that a card asks; what was answered already is kept in it."""
    return "hours_f" if code == "hours" and FLAPPING in arg else _ASKED[code]
