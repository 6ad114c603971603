"""What the audit tells: decisions, refusals, overrides, and dispatches that stopped themselves."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard, get_args

from bot.domain import events
from bot.domain.events import TrialIntent
from bot.domain.who import Who

AUDITED = (
    events.Approved
    | events.Denied
    | events.Cancelled
    | events.StopAsked
    | events.Interrupted
    | events.Resumed
    | events.Settled
    | events.Resolved
    | events.Resent
    | events.Confirmed
    | events.CooldownReleased
    | events.TapRefused
    | events.Separated
    | events.Proposed
    | events.Begun
    | events.Assumed
    | events.Lapsed
    | events.Untold
    | events.Forecast
    | events.CauseNamed
    | events.DenialExplained
    | events.Silenced
    | events.SilenceEnded
    | TrialIntent
    | events.Unasked
)
OF_A_DISPATCH = (
    events.Approved
    | events.Cancelled
    | events.StopAsked
    | events.Interrupted
    | events.Resumed
    | events.Settled
    | events.Resolved
    | events.Resent
    | events.Begun
    | events.Unasked
)
"""Those that are about the last dispatch of their case."""

_KINDS = frozenset(get_args(AUDITED))  # isinstance would ask each of them for every line of a replay


def is_audited(line: events.Line) -> TypeGuard[AUDITED]:
    """Whether the line is told. What the gateway's list proves is not: it is in the counts, and one by one it
    would bury the decisions.
    """
    return type(line) in _KINDS


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One of them: when, and the line that says who and what.

    `turn` is the number of the case's dispatch it is about, 0 where it is about none.
    """

    at: datetime
    line: AUDITED
    turn: int = 0

    @property
    def case(self) -> int | None:
        """The case it is about, None where it is about none."""
        return getattr(self.line, "case", None)

    @property
    def by(self) -> Who | None:
        """Who did it, None where nobody did."""
        return getattr(self.line, "by", None)
