"""Reminders: whom nobody answered is asked again, in the group or in the escalation chat."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from markupsafe import Markup

from bot.chat.attention import Attention
from bot.chat.card_head import headline, label
from bot.chat.digest import DIGEST
from bot.chat.fitting import fit
from bot.chat.pages import link
from bot.chat.saying import Saying
from bot.chat.screen import Screen
from bot.chat.words import Words, clean, shorten
from bot.domain.case import Card, Case
from bot.domain.life import Reminded, Reminder
from bot.domain.lines import Who
from bot.errors import LedgerClosed
from bot.ports import Ledger, Notice

REMINDER = "reminder"
MENTIONED_AT_MOST = 50  # with the text's own: below 100 entities (contracts/telegram.md)
NAME_AT_MOST = 32
_ASKS: Mapping[Reminder, str] = {
    "first": "reminder.first",
    "second": "reminder.second",
    "escalated": "reminder.escalated",
    "eta": "reminder.eta",
}
_ASTRAY, _ABOUT = "astray", "about"

People = Callable[[], Sequence[Who]]


class Reminders:
    """What is to be said of reminders, and that it was said."""

    def __init__(
        self,
        ledger: Ledger,
        words: Words,
        attention: Attention,
        *,
        card: Callable[[int], Card | None],
        on_duty: People,
        approvers: People,
    ) -> None:
        """`card` finds a case's card, or the digest; `on_duty` and `approvers` who is mentioned."""
        self._ledger = ledger
        self._words = words
        self._attention = attention
        self._card = card
        self._on_duty = on_duty
        self._approvers = approvers
        self._over: set[tuple[int, Reminder, datetime | None]] = set()

    def dated(self, notice: Notice) -> Notice:
        """With the time that it is about: an answer that is asked for anew, or another expected end, is
        another matter.
        """
        return replace(notice, facts={**notice.facts, _ABOUT: _about(self._case(notice), _what(notice))})

    def stands(self, notice: Notice, now: datetime) -> bool:
        """Whether somebody still is to be reminded: nobody decided meanwhile, nor was it said already."""
        case, what = self._case(notice), _what(notice)
        about = _about(case, what)
        if case.ended_at is not None or notice.facts[_ABOUT] != about:
            return False
        if what in case.reminded or (case.id, what, about) in self._over:
            return False
        if self._ledger.book.silence_over(case, now) is not None:
            return False
        return what == "eta" or (case.undecided and case.owner is None)

    def is_news(self, notice: Notice, waiting: Notice | None, now: datetime) -> bool:
        """Whether it is to be said: it stands, and the same is not waiting already."""
        again = waiting is not None and _what(waiting) == _what(notice) and self.stands(waiting, now)
        return self.stands(notice, now) and not again

    def goes_elsewhere(self, notice: Notice) -> bool:
        """Whether it is for the escalation chat."""
        escalated = notice.code == REMINDER and _what(notice) == "escalated"
        return escalated and self._attention.escalation is not None and _ASTRAY not in notice.facts

    def saying(self, notice: Notice, waiting: Iterable[Notice], now: datetime) -> Saying | None:
        """One message for this reminder and those `waiting` that go with it; None where it holds no more."""
        if not self.stands(notice, now):
            return None
        elsewhere = self.goes_elsewhere(notice)
        alone = not elsewhere and self._card(self._case(notice).id) is not None
        together = [notice] if alone else [n for n in waiting if self._goes_with(n, notice, now)]
        cases = [self._case(n) for n in together]
        screen = self._elsewhere(cases, now) if elsewhere else self._in_group(notice, cases, now)
        return Saying(
            tuple(together),
            screen,
            None if elsewhere else self._reply_to(cases[0]),
            silent=all(self._attention.is_quiet(case, now) for case in cases),
            elsewhere=elsewhere,
        )

    def _goes_with(self, other: Notice, notice: Notice, now: datetime) -> bool:
        """Whether both are one message: for the escalation chat, or about cases that the digest lists."""
        if other.code != REMINDER or _what(other) != _what(notice) or not self.stands(other, now):
            return False
        elsewhere = self.goes_elsewhere(notice)
        return self.goes_elsewhere(other) == elsewhere and (
            elsewhere or self._card(self._case(other).id) is None
        )

    async def said(self, notices: Iterable[Notice]) -> None:
        """It arrived, or as good as: nobody is reminded of the same again."""
        found = [(self._case(n), _what(n)) for n in notices if n.code == REMINDER]
        if not found:
            return
        try:
            lines = [Reminded(case.id, what) for case, what in found]
            await self._ledger.commit(lambda _book, _now: lines)
        except LedgerClosed:  # then each poll asks for it again
            self._over |= {(case.id, what, _about(case, what)) for case, what in found}

    @staticmethod
    def astray(notice: Notice) -> Notice:
        """The same for the group, as the escalation chat cannot be written to."""
        return replace(notice, facts={**notice.facts, _ASTRAY: True})

    def _case(self, notice: Notice) -> Case:
        return self._ledger.book.cases[cast("int", notice.facts["case"])]

    def _reply_to(self, case: Case) -> int | None:
        card = self._card(case.id) or self._card(DIGEST)
        return card.message if card else None

    def _in_group(self, notice: Notice, cases: Sequence[Case], now: datetime) -> Screen:
        what, case, words = _what(notice), cases[0], self._words
        if what == "eta":
            found = [who for who in (case.owner or case.eta_by,) if who is not None]
        else:
            found = list(self._approvers() if what == "escalated" else self._on_duty())
        longest = max(now - (one.asked_at or one.opened_at) for one in cases)
        text = words.say(
            _ASKS[what] if len(cases) == 1 else "reminder.listed",
            case=case.id,
            port=label(case, words),
            n=len(cases),
            waited=longest,
            eta=case.eta,
            now=now,
        )
        facts = {"people": mentions(found, words), "text": text, "astray": _ASTRAY in notice.facts}
        return Screen(str(words.say("notice.reminder", **facts)))

    def _elsewhere(self, cases: Sequence[Case], now: datetime) -> Screen:
        words = self._words
        rows = (
            words.say(
                "reminder.elsewhere_row",
                head=headline(case, words),
                affected=case.affected,
                at_most=case.at_most,
                started=case.started,
                lasted=now - case.started,
                now=now,
                case=case.id,
                url=link(case),
            )
            for case in cases
        )
        head = [words.say("reminder.elsewhere", n=len(cases))]
        return Screen(str(fit(head, rows, words, of=len(cases))))


def mentions(people: Sequence[Who], words: Words) -> Markup:
    """Links that ring for each of them; empty for nobody."""
    nameless = words.plain("reminder.on_duty")
    return Markup(", ").join(
        words.say("reminder.mention", id=who.id, name=shorten(clean(who.name), NAME_AT_MOST) or nameless)
        for who in people[:MENTIONED_AT_MOST]
    )


def _what(notice: Notice) -> Reminder:
    return cast("Reminder", notice.facts["what"])


def _about(case: Case, what: Reminder) -> datetime | None:
    return case.eta if what == "eta" else case.asked_at
