"""Reminders: whom nobody answered is asked again, in the group or in the escalation chat."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from markupsafe import Markup

from bot.chat.group.digest import DIGEST
from bot.chat.screens.cards.head import headline, how_many, label
from bot.chat.screens.fitting import fit
from bot.chat.screens.pages.on_demand import link
from bot.chat.screens.saying import Saying
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words, clean, shorten
from bot.chat.wire.deps import ChatDeps
from bot.domain.case import Card, Case, Reminder
from bot.domain.dispatch import Phase
from bot.domain.events import Reminded
from bot.domain.reminders import about, stands
from bot.domain.restored import to_tell, waits
from bot.domain.who import Who
from bot.errors import LedgerClosed
from bot.ports import Notice

REMINDER = "reminder"
MENTIONED_AT_MOST = 50  # with the text's own: below the 100 entities that a message takes
NAME_AT_MOST = 32
_ASKS: Mapping[Reminder, str] = {
    "first": "reminder.first",
    "second": "reminder.second",
    "escalated": "reminder.escalated",
    "eta": "reminder.eta",
    "lapsed": "reminder.lapsed",
    "grown": "reminder.grown",
    "over": "reminder.over",
    **dict.fromkeys(("over_first", "over_second", "over_escalated"), "reminder.untold"),
    **dict.fromkeys(("left_first", "left_second", "left_escalated"), "reminder.left"),
}
_ELSEWHERE: Mapping[Reminder, str] = {
    "escalated": "reminder.elsewhere",
    "over_escalated": "reminder.elsewhere_over",
    "left_escalated": "reminder.elsewhere_left",
}
_ROWS = {
    "reminder.elsewhere": "reminder.elsewhere_row",
    "reminder.elsewhere_over": "reminder.elsewhere_short_row",
    "reminder.elsewhere_left": "reminder.elsewhere_short_row",
}
_ASTRAY, _ABOUT = "astray", "about"

People = Callable[[], Sequence[Who]]


class Reminders:
    """What is to be said of reminders, and that it was said."""

    def __init__(self, deps: ChatDeps, *, card: Callable[[int], Card | None]) -> None:
        """`card` finds a case's card, or the digest."""
        self._d = deps
        self._card = card
        self._over: set[tuple[int, Reminder, datetime | None]] = set()

    def dated(self, notice: Notice) -> Notice:
        """With the time that it is about: an answer that is asked for anew, or another expected end, is
        another matter.
        """
        return replace(notice, facts={**notice.facts, _ABOUT: about(self._case(notice), _what(notice))})

    def stands(self, notice: Notice, now: datetime) -> bool:
        """Whether somebody still is to be reminded: nobody decided meanwhile, nor was it said already."""
        if notice.facts["case"] not in self._d.book.cases:
            return False  # it left the book meanwhile, after weeks
        case, what = self._case(notice), _what(notice)
        matter = about(case, what)
        if notice.facts[_ABOUT] != matter or (case.id, what, matter) in self._over:
            return False
        return stands(case, what, self._d.book, now, self._d.rules)

    def is_news(self, notice: Notice, waiting: Notice | None, now: datetime) -> bool:
        """Whether it is to be said: it stands, and the same is not waiting already."""
        again = waiting is not None and _what(waiting) == _what(notice) and self.stands(waiting, now)
        return self.stands(notice, now) and not again

    def goes_elsewhere(self, notice: Notice) -> bool:
        """Whether it is for the escalation chat."""
        escalated = notice.code == REMINDER and _what(notice).endswith("escalated")
        return escalated and self._d.attention.escalation is not None and _ASTRAY not in notice.facts

    def saying(self, notice: Notice, waiting: Iterable[Notice], now: datetime) -> Saying | None:
        """One message for this reminder and those `waiting` that go with it; None where it holds no more."""
        if not self.stands(notice, now):
            return None
        elsewhere = self.goes_elsewhere(notice)
        alone = not elsewhere and not self._is_listed(notice)
        together = [notice] if alone else [n for n in waiting if self._goes_with(n, notice, now)]
        cases = [self._case(n) for n in together]
        in_words = self._elsewhere if elsewhere else self._in_group
        return Saying(
            tuple(together),
            in_words(notice, cases, now),
            None if elsewhere else self._reply_to(cases[0]),
            silent=all(self._d.attention.is_quiet(case, now) for case in cases),
            elsewhere=elsewhere,
        )

    def _goes_with(self, other: Notice, notice: Notice, now: datetime) -> bool:
        """Whether both are one message: for the escalation chat, or about cases that the digest lists."""
        if other.code != REMINDER or _what(other) != _what(notice) or not self.stands(other, now):
            return False
        elsewhere = self.goes_elsewhere(notice)
        return self.goes_elsewhere(other) == elsewhere and (elsewhere or self._is_listed(other))

    def _is_listed(self, notice: Notice) -> bool:
        """Whether it is about a decision on a case that the digest lists."""
        here = self._card(self._case(notice).shown_as) is not None
        return not here and not _what(notice).startswith(("over", "left"))

    async def said(self, notices: Iterable[Notice]) -> None:
        """It arrived, or as good as: nobody is reminded of the same again."""
        found = [(self._case(n), _what(n)) for n in notices if n.code == REMINDER]
        if not found:
            return
        try:
            lines = [Reminded(case.id, what) for case, what in found]
            await self._d.ledger.commit(lambda _book, _now: lines)
        except LedgerClosed:  # then each poll asks for it again
            self._over |= {(case.id, what, about(case, what)) for case, what in found}

    @staticmethod
    def astray(notice: Notice) -> Notice:
        """The same for the group, as the escalation chat cannot be written to."""
        return replace(notice, facts={**notice.facts, _ASTRAY: True})

    def _case(self, notice: Notice) -> Case:
        return self._d.book.cases[cast("int", notice.facts["case"])]

    def _reply_to(self, case: Case) -> int | None:
        card = self._card(case.shown_as) or self._card(DIGEST)
        return card.message if card else None

    def _in_group(self, notice: Notice, cases: Sequence[Case], now: datetime) -> Screen:
        what, case, words = _what(notice), cases[0], self._d.words
        longest = max(now - (about(one, what) or one.opened_at) for one in cases)
        facts = {"case": case.shown_as, "port": label(case, words), "waited": longest, "now": now}
        if len(cases) > 1:
            text = words.say("reminder.listed", **facts, n=len(cases))
        else:
            text = words.say(_ASKS[what], **facts, **self._more(case, what, now))
        facts = {"people": mentions(self._whom(case, what, now), words), "text": text, "over": what == "over"}
        return Screen(str(words.say("notice.reminder", **facts, astray=_ASTRAY in notice.facts)))

    def _whom(self, case: Case, what: Reminder, now: datetime) -> Sequence[Who]:
        """Who is mentioned: nobody where there is nothing to decide."""
        if what == "eta":
            return [who for who in (case.owner or case.eta_by,) if who is not None]
        if what == "grown" or (what == "over" and not self._untold(case, now)):
            return []
        if what.startswith("over") and case.owner is not None and not what.endswith("escalated"):
            return [case.owner]
        return self._d.access.approvers() if what.endswith("escalated") else self._d.access.on_duty()

    def _untold(self, case: Case, now: datetime) -> int:
        """How many people wait for a word whether they are told that service is back."""
        book = self._d.book
        return to_tell(case, book) if waits(case, book, now, self._d.rules) else 0

    def _more(self, case: Case, what: Reminder, now: datetime) -> dict[str, object]:
        """What is told of this matter alone."""
        if what == "eta":
            return {"eta": case.eta}
        if what == "lapsed":
            return {"by": case.lapsed}
        if what == "grown":
            known = None if math.isinf(case.size) else int(case.size)
            return {"onus": known, "at_most": case.affected is None and case.grown is None}
        if what.startswith("over"):
            lasted = (case.ended_at or now) - case.started if case.start_known else None
            other = self._d.book.restored_by(case.id)
            asked = other is not None and not other.undecided
            return {"n": self._untold(case, now), "lasted": lasted, "asked": asked}
        if what.startswith("left") and case.dispatch is not None:
            progress, doubts = case.dispatch.progress, len(case.dispatch.in_doubt())
            stopped = case.dispatch.phase is not Phase.FINISHED
            todo = len(progress.todo()) if progress is not None else 0
            facts = {"stopped": stopped, "todo": todo, "doubts": doubts}
            return {**facts, "restores": case.restores is not None}
        return {}

    def _elsewhere(self, notice: Notice, cases: Sequence[Case], now: datetime) -> Screen:
        words, key = self._d.words, _ELSEWHERE[_what(notice)]
        rows = (
            words.say(
                _ROWS[key],
                head=headline(case, words),
                affected=how_many(case, words),
                started=case.started,
                seen=not case.start_known,
                lasted=now - case.started,
                now=now,
                case=case.shown_as,
                url=link(case),
            )
            for case in cases
        )
        head = [words.say(key, n=len(cases))]
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
