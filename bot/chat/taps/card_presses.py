"""Taps on a case's card: its row's rule is committed, or the card asks what the person has to say first."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.chat.screens.arguments import FLAPPING
from bot.chat.screens.cards.late import Late
from bot.chat.screens.cards.room import Short
from bot.chat.screens.press import Press, Question, Tap, Tapped
from bot.chat.taps.absence import Away
from bot.chat.taps.deps import TapDeps
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import Line
from bot.domain.limits.account import LIMIT
from bot.domain.who import Who
from bot.errors import Asked, Declined
from bot.ports import Notice, Write
from bot.steps.decide import find

LATE_STAYS = 3600.0  # seconds that a card asks about a tap that came late
_ASKED: dict[str, Question | None] = {
    "grown": None,  # the card itself asks it, for as long as it is not answered
    "flapping": "flapping",
    "hours": "hours",
    "resume_hours": "resume_hours",
    "restore_hours": "restore_hours",
}
"""By the code of `errors.Asked`."""
_DECIDED = {"over", "already_denied", "already_sent", "already_approved"}


class CardPresses:
    """The buttons of a card. The person is an approver by then (`Presses`)."""

    def __init__(self, deps: TapDeps) -> None:
        self._d = deps

    def known(self, number: int) -> Case:
        """The case. Declined where there is none (any more)."""
        return find(self._d.book, number)

    async def check(self, chat: int, message: int, number: int, *, approver: bool) -> None:
        """The tapped message is the case's card; one whose post is in doubt becomes it for an approver."""
        case = self.known(number).shown_as
        card = self._d.chat.card(case)
        if card is not None and card.message == message:
            return
        known = self._d.browse.wrote(chat, message) or self._d.chat.is_notice(message)
        if known or self._d.chat.is_card(message):
            raise Declined("unknown_button")  # forged: that message never had this button
        if card is not None:
            self._d.beside(self._d.strip(chat, message))
            raise Declined("stale_card")
        if not self._d.chat.in_doubt(case) or not approver:
            raise Declined("unknown_button")
        await self._d.chat.adopt(case, message)

    async def press(self, row: Tap, press: Press, who: Who, away: Away | None) -> str | None:
        """Decide what the row says; the toast, None for none."""
        self._d.check_open()
        if away is not None and row.late != "do":
            await self._ask_whether_it_holds(row, press, who, away)
        if row.sends:
            await self._d.desk.look()
        case = self.known(press.case).shown_as
        try:
            lines = await self._d.decide(row.rule(self._tapped(press, who))) if row.rule else ()
        except Asked as question:
            self._d.chat.ask(case, _question(question.code, press.arg))
            self._d.chat.unfold(case, unfolded=False)
            return self._d.words.plain(f"toast.{question.code}", now=self._d.clock.now(), **question.facts)
        if row.clears:
            self._d.chat.ask(case, row.asks(press) if row.asks is not None else None)
        if row.folds or row.unfolds is not None:
            self._d.chat.unfold(case, unfolded=bool(row.unfolds))
        return row.said(self._tapped(press, who), lines)

    def _tapped(self, press: Press, who: Who) -> Tapped:
        desk, now = self._d.desk, self._d.clock.now()
        asked, need = self._d.chat.asked(press.case), desk.need(press.case)
        about = (self._d.book, now, self._d.rules, self._d.words)
        return Tapped(press, who, *about, asked, desk.inventory, need)

    async def _ask_whether_it_holds(self, row: Tap, press: Press, who: Who, away: Away) -> None:
        """Nothing is done that somebody wanted hours ago: the card asks whether it still holds. Declined."""
        case = self.known(press.case).shown_as
        if row.rule is not None:
            final = {"stale_button", *(_DECIDED if row.decides else ())}
            await self._check_worth_asking(row.rule(self._tapped(press, who)), final)
        late = Late(press, who, away.since, away.until)
        self._d.chat.ask(case, late, seconds=LATE_STAYS)
        facts = {"case": press.case, "by": who, "since": away.since, "until": away.until}
        self._d.chat.say(Notice("late_tap", {**facts, "what": late.what(self._d.words)}))
        raise Declined("late_tap", case=case, since=away.since, until=away.until)

    async def _check_worth_asking(self, rule: Write, final: Collection[str]) -> None:
        """Declined where somebody decided meanwhile; what else forbids it may be over by then."""
        try:
            await self._d.decide(_only_whether(rule))
        except Declined as no:
            if no.code in final:
                raise


def _only_whether(rule: Write) -> Write:
    """Whether it may be decided: the rule declines or asks as it would, and writes nothing."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        rule(book, now)
        return []

    return write


def _question(code: str, arg: str) -> Question | Short | None:
    """The question that a card asks; what was answered already is kept in it."""
    if code == LIMIT:
        return Short(arg)
    return "hours_f" if code == "hours" and FLAPPING in arg else _ASKED[code]
