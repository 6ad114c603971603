"""What the group is told once: each notice as it reads when its turn comes, if it still holds."""

import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import cast

from bot.chat.group.reminders import REMINDER, Reminders
from bot.chat.screens.cards.advice import HALTED, halted_facts
from bot.chat.screens.cards.head import label
from bot.chat.screens.cards.results import reason_words
from bot.chat.screens.odd_rows import ODD_ROWS, listed
from bot.chat.screens.pages import silences
from bot.chat.screens.pages.confirming import NOTICE as UNCONFIRMED
from bot.chat.screens.pages.confirming import confirm_rows
from bot.chat.screens.reasons import why_closed
from bot.chat.screens.saying import Saying
from bot.chat.screens.screen import Screen
from bot.chat.screens.starting import STARTED, is_news, said_of_start
from bot.chat.screens.words import clean
from bot.chat.wire.deps import ChatDeps
from bot.domain.case import Card, Case
from bot.domain.incident import OddRow
from bot.domain.limits.silence import ending
from bot.flow.due import SILENCE_ENDS
from bot.ports import Notice

REOPENED, NOT_SENT = "reopened", "not_sent"
UNDRAWN = "undrawn"
ELSEWHERE = frozenset({"mute", "mute_over"})
"""Notices for the escalation chat alone: they tell that the group takes none."""
_GROWN = "grown"
HOUR = timedelta(hours=1)


class Notices:
    """Notices in words."""

    def __init__(self, deps: ChatDeps, reminders: Reminders, *, card: Callable[[int], Card | None]) -> None:
        """`card` finds a case's card."""
        self._d = deps
        self._reminders = reminders
        self._card = card

    def saying(self, notice: Notice, waiting: Iterable[Notice], now: datetime) -> Saying | None:
        """The message, perhaps for others `waiting`, too; None where the notice holds no more."""
        if notice.code == REMINDER:
            return self._reminders.saying(notice, waiting, now)
        if notice.code == UNDRAWN:  # nothing else of the case: that may be what cannot be drawn
            return Saying((notice,), Screen(str(self._d.words.say("notice.undrawn", **notice.facts))))
        if notice.code == SILENCE_ENDS:
            return self._silence_ends(notice, now)
        case = self._case(notice)
        card = self._card(case.shown_as) if case is not None else None
        if case is None and isinstance(notice.facts.get("case"), int):
            return None  # it left the book meanwhile, after weeks
        if not self._holds(notice, case, card, now):
            return None
        text = self._d.words.say(f"notice.{notice.code}", **self._facts(notice, case, now))
        screen = Screen(str(text), confirm_rows(self._d.words) if notice.code == UNCONFIRMED else ())
        elsewhere = notice.code in ELSEWHERE
        small = notice.code == REOPENED and case is not None and case.size < self._d.rules.sound_from
        silent = notice.code == STARTED or small
        reply_to = card.message if card else None
        return Saying((notice,), screen, reply_to, silent=silent, elsewhere=elsewhere)

    def _holds(self, notice: Notice, case: Case | None, card: Card | None, now: datetime) -> bool:
        """Whether it is still so, and news."""
        match notice.code:
            case "reopened":
                return case is not None and card is not None and self._rings(case, now)
            case "second_needed":  # the second may have been quick, or somebody denied it
                return case is not None and case.proposal is not None
            case "grown":  # it may be answered, or over
                return case is not None and case.grown is not None and case.ended_at is None
            case "started":
                return is_news(said_of_start(notice), self._d.book, now, self._d.region)
        return True

    def _silence_ends(self, notice: Notice, now: datetime) -> Saying | None:
        """With the buttons that have it last longer; nothing where it ended, or lasts longer, by now."""
        book, words = self._d.book, self._d.words
        silence = book.silences.get(cast("int", notice.facts["silence"]))
        if silence not in ending(book.lasting, now) or silence is None:
            return None
        text = words.say("notice.silence_ends", **silences.end_facts(silence, book, now), now=now)
        return Saying((notice,), Screen(str(text), silences.prolong_rows(silence, words)))

    def _case(self, notice: Notice) -> Case | None:
        number = notice.facts.get("case")
        return self._d.book.cases.get(number) if isinstance(number, int) else None

    def _facts(self, notice: Notice, case: Case | None, now: datetime) -> dict[str, object]:
        facts: dict[str, object] = {**notice.facts, "now": now}
        if notice.code == "ledger_closed":
            facts["why"] = why_closed(notice.facts.get("why"), self._d.words)
        if notice.code == STARTED:
            facts["open"] = len(self._d.book.open)
        if notice.code == UNCONFIRMED:
            facts["doubt"] = self._d.book.doubt
        if notice.code == ODD_ROWS:
            facts["rows"] = listed(cast("tuple[OddRow, ...]", notice.facts["rows"]), self._d.words)
        if notice.code == HALTED:
            facts |= halted_facts(notice.facts, self._d.book, self._d.words, self._d.rules)
        if notice.code == NOT_SENT:
            facts["reason"] = self._why_not(str(notice.facts["reason"]))
            facts["scheduled"] = notice.facts.get("scheduled", True)
        if (
            notice.code == _GROWN
            and case is not None
            and case.grown is not None
            and case.dispatch is not None
        ):
            facts |= {"asked": case.grown.asked, "agreed": case.dispatch.agreed}
            facts |= {"onus": case.grown.onus, "customers": case.grown.customers}
        if case is not None:
            facts |= {"case": case.shown_as, "restores": case.restores is not None}
            facts["port"] = label(case, self._d.words)  # of several ports none stands for all
        if notice.code == REOPENED and case is not None:
            falls = _falls(case)
            facts |= {
                "hour": sum(now - at <= HOUR for at in falls),
                "today": sum(self._d.words.is_same_day(at, now) for at in falls),
                "flaps": self._d.rules.flaps,
            }
        return facts

    def _why_not(self, code: str) -> str:
        """A reason of a dispatch, or of a tap that was declined: what was to begin by itself meets both."""
        refused = f"refused.{code}"
        known = self._d.words.has(refused) and not self._d.words.has(f"reason.{code}")
        return self._d.words.plain(refused) if known else reason_words(code, self._d.words)

    def _rings(self, case: Case, now: datetime) -> bool:
        """Whether it is on, and neither planned work nor so frequent that the card alone tells it."""
        silent = self._d.book.silence_over(case, now) is not None
        often = sum(now - at <= HOUR for at in _falls(case)) > self._d.rules.flaps + 1
        return case.ended_at is None and not silent and not often


def plain_facts(case: Case) -> dict[str, object]:
    """What a case is about, as far as it can be read; of a field that cannot, nothing."""
    facts: dict[str, object] = {"case": case.id, "port": "", "kind": "", "affected": None}
    with contextlib.suppress(Exception):  # the edge: whatever is odd about this case
        port = case.incident.port
        facts |= {"port": clean(f"{port.olt} {port.place}")[:60], "kind": str(case.incident.kind)}
        facts["affected"] = case.affected
    return facts


def _falls(case: Case) -> list[datetime]:
    return [case.opened_at, *case.reopened]
