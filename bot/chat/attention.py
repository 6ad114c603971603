"""How the group's attention is held: who is asked, when it rings, how many cards there are at once."""

import math
from dataclasses import dataclass
from datetime import datetime

from bot.domain.case import Case
from bot.domain.hours import Hours


@dataclass(frozen=True, slots=True)
class Attention:
    """`on_call` are Telegram users, none of them: all approvers; `escalation` is another chat.

    In `quiet_hours` cases of fewer than `quiet_below` ONUs come without sound. More than `cards_at_once`
    undecided cases share a digest. By default nothing is quiet and each case has its card.
    """

    on_call: frozenset[int] = frozenset()
    escalation: int | None = None
    quiet_hours: Hours | None = None
    quiet_below: int = 20
    cards_at_once: int | None = None

    def is_quiet(self, case: Case, now: datetime) -> bool:
        """Whether a message about this case comes without sound."""
        return (
            self.quiet_hours is not None and self.quiet_hours.include(now) and size(case) < self.quiet_below
        )


def size(case: Case) -> float:
    """How many ONUs the case affects; infinite where something of it does not say, as it may be large."""
    return math.inf if any(i.affected is None for i in case.incidents) else case.affected or 0
