"""How the group's attention is held: who is asked, when it rings, how many cards there are at once."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.limits.hours import Hours


@dataclass(frozen=True, slots=True)
class Attention:
    """`on_call` are Telegram users, none of them: all approvers; `escalation` is another chat.

    Cases of fewer than `sound_from` ONUs always come without sound; in `quiet_hours`, of fewer than
    `quiet_below`. More than `cards_at_once` undecided cases share a digest. By default nothing is quiet and
    each case has its card.
    """

    on_call: frozenset[int] = frozenset()
    escalation: int | None = None
    quiet_hours: Hours | None = None
    quiet_below: int = 20
    cards_at_once: int | None = None
    sound_from: int = 0

    def is_quiet(self, case: Case, now: datetime) -> bool:
        """Whether a message about this case comes without sound."""
        return self.is_small(case) or (
            self.quiet_hours is not None and self.quiet_hours.include(now) and size(case) < self.quiet_below
        )

    def is_small(self, case: Case) -> bool:
        """Whether it is so small that it never rings."""
        return size(case) < self.sound_from


def waits(case: Case, book: Book, now: datetime) -> bool:
    """Whether it asks for a decision now: it is on, nobody decided, and nothing silences it."""
    return case.undecided and case.ended_at is None and book.silence_over(case, now) is None


def size(case: Case) -> float:
    """How many ONUs the case affects; infinite where something of it does not say, as it may be large."""
    return case.size
