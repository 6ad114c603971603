"""What a card may ask a person before a tap of theirs is carried out (`errors.Asked`, or a choice)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from bot.chat.screens.arguments import CAUSES, DENY_REASONS, FLAPPING, LATER, MINUTES, NO_ETA, NOW, SILENCES
from bot.chat.screens.buttons import Action, press_on, press_restore
from bot.chat.screens.cards.head import ports_line
from bot.chat.screens.cards.late import Late
from bot.chat.screens.cards.restored import Rows, may_restore
from bot.chat.screens.cards.room import Short, room_question
from bot.chat.screens.cards.rows import agreement, may_separate
from bot.chat.screens.fitting import quoted
from bot.chat.screens.press import Press, Question, Tapped
from bot.chat.screens.screen import Button, Style
from bot.chat.screens.table import find
from bot.chat.screens.words import Words, duration
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.causes.flapping import recent
from bot.domain.limits.account import room_for
from bot.domain.limits.holds import closed_until, flapping
from bot.domain.rules import Rules
from bot.steps.decide import is_over
from bot.steps.describe import scopes_of

Asking = Question | Late | Short
"""What a card asks: a question, whether a tap that came late still holds, whom today's limit is for."""
_MAY_PASS = {"unconfirmed", "cooldown", "port_busy", "second_person", "already_yours", "other_mode"}
"""Why a tap may be declined now and not later, or not of another person: a question about it stays."""
_SCOPES_AT_MOST = 300  # UTF-16 units
Asked = tuple[Markup, Rows]


def asked(
    question: Asking,
    case: Case,
    book: Book,
    now: datetime,
    *,
    words: Words,
    rules: Rules,
    need: int | None = None,
) -> Asked | None:
    """The question's text and its answers; None where it cannot be asked (any more).

    `need` as in `room_for`.
    """
    on = case.ended_at is None
    open_ = on and case.undecided and book.silence_over(case, now) is None
    loud = on and book.silence_over(case, now) is None
    ask = _Ask(case, book, now, words, rules)
    if isinstance(question, Late):
        return ask.late(question)
    if isinstance(question, Short):
        return ask.room(question, need) if open_ else None
    asks: dict[Question, tuple[bool, Callable[[], Asked | None]]] = {
        "deny": (on and case.undecided, ask.deny),
        "flapping": (open_, ask.flapping),
        "hours": (open_, ask.hours),
        "hours_f": (open_, lambda: ask.hours(FLAPPING)),
        "resume_hours": (True, ask.resume_hours),
        "restore_hours": (may_restore(case, book, now, rules), ask.restore_hours),
        "eta": (on, ask.eta),
        "cause": (on, ask.cause),
        "silence": (loud, ask.silence),
        "silence_works": (loud, lambda: ask.silence_for("works")),
        "silence_maintenance": (loud, lambda: ask.silence_for("maintenance")),
        "silence_known": (loud, lambda: ask.silence_for("known")),
        "separate": (may_separate(case, now, rules) > 1, ask.separate),
    }
    may, draw = asks[question]
    return draw() if may else None


@dataclass(frozen=True, slots=True)
class _Ask:
    case: Case
    book: Book
    now: datetime
    words: Words
    rules: Rules

    def deny(self) -> Asked:
        reasons = [
            self._button(f"deny.{reason}", Press(Action.DENY, self.case.id, reason), "danger")
            for reason in DENY_REASONS
        ]
        return self.words.say("card.asking"), (tuple(reasons[:2]), tuple(reasons[2:]), self._back())

    def flapping(self) -> Asked | None:
        ports = flapping(self.case, self.book, self.rules, self.now)
        if not ports:
            return None
        n = max(len(recent(self.book.spells.get(port.key, ()), self.now)) for port in ports)
        press = press_on(self.case, Action.APPROVE, agreement(self.case) + FLAPPING)
        yes = self._button("button.despite", press, "danger")
        return self.words.say("question.flapping", n=n), ((yes,), self._back())

    def hours(self, answered: str = "") -> Asked | None:
        answered = agreement(self.case) + answered  # that was asked before
        later = press_on(self.case, Action.APPROVE, answered + LATER)
        return self._hours(later, press_on(self.case, Action.APPROVE, answered + NOW))

    def restore_hours(self) -> Asked | None:
        later = press_restore(self.case, self.book, LATER)
        return self._hours(later, press_restore(self.case, self.book, NOW))

    def resume_hours(self) -> Asked | None:
        """Of the dispatch that is interrupted and may go on: the case's, or that of its second message."""
        other = self.book.restored_by(self.case.id)
        for one in (self.case, other):
            if one is not None and one.state is CaseState.INTERRUPTED and not is_over(self.book, one):
                return self._hours(None, press_on(one, Action.RESUME, NOW))
        return None

    def eta(self) -> Asked:
        case = self.case.id
        hours = [self._for(minutes, Press(Action.ETA, case, str(minutes))) for minutes in MINUTES]
        nobody = self._button("button.no_eta", Press(Action.ETA, case, NO_ETA))
        text = self.words.say("question.eta", case=case, told=self._tells("eta"))
        return text, (tuple(hours), (nobody,), self._back())

    def cause(self) -> Asked:
        case = self.case.id
        causes = [self._button(f"why.{cause}", Press(Action.CAUSE, case, cause)) for cause in CAUSES]
        pairs = [tuple(causes[n : n + 2]) for n in range(0, len(causes), 2)]
        text = self.words.say("question.cause", case=case, told=self._tells("cause"))
        return text, (*pairs, self._back())

    def _tells(self, what: str) -> bool:
        """Whether the next message to its customers would carry that."""
        before = self.case.undecided or self.case.state in {CaseState.SCHEDULED, CaseState.COUNTDOWN}
        news = self.rules.restored and self.book.restored_by(self.case.id) is None
        return (before and what in self.rules.tells) or (news and what in self.rules.tells_restored)

    def silence(self) -> Asked:
        """Why; then for how long."""
        whys = [
            (self._button(f"mute.{why}", Press(Action.ASK_SILENCE, self.case.id, why)),) for why in SILENCES
        ]
        return self.words.say("question.silence", what=self._scopes()), (*whys, self._back())

    def silence_for(self, why: str) -> Asked:
        times = [
            self._for(minutes, Press(Action.SILENCE, self.case.id, f"{minutes}|{why}")) for minutes in MINUTES
        ]
        reason = self.words.plain(f"mute.{why}")
        text = self.words.say("question.silence_for", what=self._scopes(), reason=reason)
        return text, (tuple(times), self._back())

    def separate(self) -> Asked:
        n = may_separate(self.case, self.now, self.rules)
        yes = self._button(
            "button.separate_yes", Press(Action.SEPARATE, self.case.id, str(len(self.case.on))), "danger"
        )
        return self.words.say("question.separate", n=n), ((yes,), self._back())

    def room(self, short: Short, need: int | None) -> Asked | None:
        room = room_for(self.book, self.case, self.case.ports, self.rules, self.now, need=need)
        asked = None if room is None else room_question(short, self.case, room, self.words)
        return None if asked is None else (asked[0], (asked[1], self._back()))

    def late(self, late: Late) -> Asked | None:
        """Whether what somebody tapped while nobody listened is still to be done; None where it cannot be."""
        now, again = self.now, late.again()
        row, tapped = find(again), Tapped(again, late.by, self.book, now, self.rules, self.words)
        why = None if row is None else row.declines(tapped)
        if row is None or (why is not None and why not in _MAY_PASS):
            return None
        what = late.what(self.words)
        text = self.words.say(
            "question.late", by=late.by, what=what, since=late.since, until=late.until, now=now
        )
        yes = Button(self.words.plain("button.late_yes", what=what), late.again().encode())
        leave = self._button("button.late_leave", Press(Action.BACK, self.case.id))
        return text, ((yes, leave),)

    def _scopes(self) -> Markup:
        """Where it will be silent (`describe.scopes_of`): `CB 01`, `CB 01 slot 6`, `CB 01 6/1-6/8`."""
        first, *others = scopes_of(self.case)
        if not others and first.place not in {"", self.case.ports[0].place}:
            return quoted(f"{first.olt} slot {first.place}")
        if not others:
            return quoted(f"{first.olt} {first.place}")
        ports = ports_line(self.case.ports, self.words, _SCOPES_AT_MOST)
        one = len({port.olt_key for port in self.case.ports}) == 1
        return quoted(first.olt) + " " + ports if one else ports

    def _hours(self, later: Press | None, now: Press) -> Asked | None:
        """Outside the customers' hours: at the next opening (not to resume), or now all the same."""
        until, hours = closed_until(self.rules, self.now), self.rules.customer_hours
        if until is None or hours is None:
            return None
        span = {"first": f"{hours.first:%H:%M}", "last": f"{hours.last:%H:%M}"}
        if later is None:
            resume = self._button("button.resume_now", now, "danger")
            return self.words.say("question.resume_hours", **span), ((resume,), self._back())
        at = self.words.plain("button.send_at", at=until, now=until)  # the next one: the hour says enough
        wait = Button(at, later.encode(), "success")
        at_once = self._button("button.send_now", now, "danger")
        return self.words.say("question.hours", **span), ((wait, at_once), self._back())

    def _for(self, minutes: int, press: Press) -> Button:
        hours = timedelta(minutes=minutes)
        text = self.words.plain("button.hours", n=minutes // 60) if minutes % 60 == 0 else duration(hours)
        return Button(text, press.encode())

    def _back(self) -> tuple[Button, ...]:
        return (self._button("button.back", Press(Action.BACK, self.case.id)),)

    def _button(self, key: str, press: Press, style: Style | None = None) -> Button:
        return Button(self.words.plain(key), press.encode(), style)
