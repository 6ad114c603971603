"""What the audit tells: decisions, refusals, overrides, and dispatches that stopped themselves."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard, get_args

from bot.domain import life
from bot.domain import lines as ln
from bot.domain.events.trials import TrialIntent

AUDITED = (
    ln.Approved
    | ln.Denied
    | ln.Cancelled
    | ln.StopAsked
    | ln.Interrupted
    | ln.Resumed
    | ln.Settled
    | ln.Resolved
    | ln.Resent
    | ln.Confirmed
    | ln.CooldownReleased
    | ln.TapRefused
    | life.Separated
    | life.Proposed
    | life.Begun
    | life.Assumed
    | life.Lapsed
    | life.Untold
    | life.Forecast
    | life.CauseNamed
    | life.DenialExplained
    | life.Silenced
    | life.SilenceEnded
    | TrialIntent
    | life.Unasked
)
OF_A_DISPATCH = (
    ln.Approved
    | ln.Cancelled
    | ln.StopAsked
    | ln.Interrupted
    | ln.Resumed
    | ln.Settled
    | ln.Resolved
    | ln.Resent
    | life.Begun
    | life.Unasked
)
"""Those that are about the last dispatch of their case."""

_KINDS = frozenset(get_args(AUDITED))  # isinstance would ask each of them for every line of a replay


def is_audited(line: ln.Line) -> TypeGuard[AUDITED]:
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
    def by(self) -> ln.Who | None:
        """Who did it, None where nobody did."""
        return getattr(self.line, "by", None)
