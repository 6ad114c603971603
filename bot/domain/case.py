"""What the NOC decides on: an incident, its card, its decisions and its dispatches."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.domain.incident import Incident, Kind, Port
from bot.domain.lines import End, Who
from bot.domain.plan import Mend, Outcome, Progress, Recipient, Skip, Tally

LEFT_OVER: dict[End, Skip | Outcome] = {
    "done": Outcome.FAILED,
    "stopped": Skip.STOPPED,
    "closed": Skip.CLOSED,
    "halted": Outcome.FAILED,
    "unread": Outcome.FAILED,
    "cancelled": Skip.STOPPED,
}
"""What those count as whom a dispatch never tried, by how it ended."""


class Phase(StrEnum):
    """Where a dispatch stands."""

    COUNTDOWN = "countdown"
    SENDING = "sending"
    STOPPING = "stopping"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"


class CaseState(StrEnum):
    """What a case's card shows and which taps it takes."""

    WAITING = "waiting"
    DENIED = "denied"
    COUNTDOWN = "countdown"
    SENDING = "sending"
    STOPPING = "stopping"
    INTERRUPTED = "interrupted"
    NOBODY = "nobody"
    REHEARSED = "rehearsed"
    SENT = "sent"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Card:
    """The message that is a case's card."""

    chat: int
    message: int


@dataclass(slots=True)
class Dispatch:
    """One approval being carried out, the `turn`-th of its case.

    `last_at` is its last line; `broken`: it broke off by itself, so only a person lets it go on. `mend` is
    what to see to before that. `resent_by` had unknown ones sent again.
    """

    turn: int
    by: Who
    at: datetime
    last_at: datetime
    ports: tuple[Port, ...]
    dry_run: bool
    template: Kind
    phase: Phase = Phase.COUNTDOWN
    progress: Progress | None = None
    end: End | None = None
    ended_by: Who | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    mend: Mend | None = None
    resumed: int = 0
    resumed_by: Who | None = None
    broken: bool = False
    resent_by: Who | None = None

    def tally(self) -> Tally | None:
        """The counts of the plan, None before there is one."""
        return None if self.progress is None else self.progress.tally()

    @property
    def reached(self) -> bool:
        """Whether somebody has, or may have, a message."""
        return self.progress is not None and (
            any(self.progress.doubted.values()) or self.progress.tally().reached
        )

    @property
    def at_rest(self) -> bool:
        """Whether nothing is being sent: it is over, or interrupted."""
        return self.phase in {Phase.FINISHED, Phase.INTERRUPTED}

    def to_call(self, recipient: str) -> bool:
        """Whether somebody said that they call this one, and nothing else is known since."""
        progress = self.progress
        called = progress is not None and recipient in progress.calls
        return called and progress is not None and progress.results[recipient].outcome is Outcome.UNKNOWN

    def in_doubt(self) -> list[Recipient]:
        """The unknown ones that a person may decide about: nothing is being sent, and it is no rehearsal."""
        settled = self.progress is not None and self.at_rest and not self.dry_run
        return self.progress.in_doubt() if settled and self.progress is not None else []

    def to_repeat(self) -> int:
        """How many of those still to do may have a message already: a person had them sent again."""
        progress = self.progress
        return 0 if progress is None else sum(bool(progress.doubted.get(r.id)) for r in progress.todo())


@dataclass(slots=True)
class Case:
    """One case. `ended_at` is when its outage was over, None while it is on."""

    id: int
    incident: Incident
    opened_at: datetime
    card: Card | None = None
    ended_at: datetime | None = None
    ended_why: str | None = None
    denied_by: Who | None = None
    denied_at: datetime | None = None
    denied_reason: str | None = None
    dispatches: list[Dispatch] = field(default_factory=list)

    @property
    def dispatch(self) -> Dispatch | None:
        """The last approval that was not taken back, None where there was none."""
        return next((d for d in reversed(self.dispatches) if d.end != "cancelled"), None)

    @property
    def undecided(self) -> bool:
        """Whether somebody may still approve or deny it."""
        return self.state in {CaseState.WAITING, CaseState.NOBODY, CaseState.REHEARSED}

    @property
    def running(self) -> bool:
        """Whether a dispatch is unfinished, interrupted ones included."""
        return self.dispatch is not None and self.dispatch.phase is not Phase.FINISHED

    @property
    def state(self) -> CaseState:
        """What the card shows and which taps it takes."""
        dispatch = self.dispatch
        if dispatch is not None and dispatch.phase is not Phase.FINISHED:
            return CaseState(dispatch.phase.value)
        if dispatch is not None and dispatch.reached and not dispatch.dry_run:
            return CaseState.SENT
        if self.denied_by is not None:
            return CaseState.DENIED
        if self.ended_at is not None:
            return CaseState.OVER
        if dispatch is None:
            return CaseState.WAITING
        return CaseState.REHEARSED if dispatch.reached else CaseState.NOBODY

    def at_work(self, turn: int, *phases: Phase) -> bool:
        """Whether dispatch `turn` is the present one and in one of these phases."""
        dispatch = self.dispatch
        return dispatch is not None and dispatch.turn == turn and dispatch.phase in phases
