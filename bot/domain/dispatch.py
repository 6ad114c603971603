"""One approval being carried out: where it stands, whom it reached, and what is left of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.domain.incident import Kind, Port
from bot.domain.plan import IN_DOUBT, NO_FACTS, Facts, Mend, Outcome, Progress, Recipient, Size, Skip, Tally
from bot.domain.who import Who

Despite = Literal["flapping", "hours"]
"""What an approver was warned of and overrode: the port oscillates; the customers' hours are over."""
End = Literal["done", "stopped", "halted", "closed", "unread", "cancelled", "over"]

LEFT_OVER: dict[End, Skip | Outcome] = {
    "done": Outcome.FAILED,
    "stopped": Skip.STOPPED,
    "closed": Skip.CLOSED,
    "halted": Outcome.FAILED,
    "unread": Outcome.FAILED,
    "cancelled": Skip.STOPPED,
    "over": Skip.OVER,
}
"""What those count as whom a dispatch never tried, by how it ended."""


class Phase(StrEnum):
    """Where a dispatch stands."""

    SCHEDULED = "scheduled"
    COUNTDOWN = "countdown"
    SENDING = "sending"
    STOPPING = "stopping"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"


@dataclass(slots=True)
class Dispatch:
    """One approval being carried out, the `attempt`-th of its case.

    `last_at` is its last line; `broken`: it broke off by itself, so only a person lets it go on. `mend` is
    what to see to before that. `resent_by` had unknown ones sent again. `begun_at` is when a scheduled one
    (`due`) began, `begun_by` who did not wait for its time, `broke_at` when it last was interrupted.
    `answerable` are those on whose word it goes on: who approved it, or who last had it begin, go on or sent
    again. `size` is as in `events.Settled`. `came_to` is when it first ended, and its counts then; the rest
    is as in `events.Approved`.
    """

    attempt: int
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
    mixed: bool = False
    left_out: tuple[Port, ...] = ()
    despite: tuple[Despite, ...] = ()
    due: datetime | None = None
    first: Who | None = None
    begun_at: datetime | None = None
    begun_by: Who | None = None
    broke_at: datetime | None = None
    facts: Facts = NO_FACTS
    unread: tuple[str, ...] = ()
    asked: int | None = None
    agreed: int | None = None
    most: int | None = None
    size: Size | None = None
    answerable: tuple[Who, ...] = ()
    came_to: tuple[datetime, Tally] | None = None

    @property
    def sends(self) -> Progress:
        """Its plan and what became of it so far. ValueError where it has none yet: nothing can be sent."""
        if self.progress is None:
            raise ValueError("a send without a plan")
        return self.progress

    @property
    def keys(self) -> tuple[str, ...]:
        """Its ports, by their keys."""
        ports = self.ports
        return (ports[0].key,) if len(ports) == 1 else tuple(port.key for port in ports)  # asked at each send

    def tally(self) -> Tally | None:
        """The counts of the plan, None before there is one."""
        return None if self.progress is None else self.progress.tally()

    @property
    def reached(self) -> bool:
        """Whether somebody has, or may have, a message."""
        return self.progress is not None and self.progress.reached

    def ports_of(self, recipients: Iterable[str]) -> set[str]:
        """The keys of the ports that those of the plan (by id) are on: where it has one, they do not say."""
        every = self.keys
        known = {} if self.progress is None else self.progress.recipients
        return {key for id_ in recipients for key in known[id_].ports or every}

    def through(self) -> set[str]:
        """The keys of the ports where somebody has, may have or is to get a message; all until a plan."""
        progress = self.progress
        if progress is None:
            return {port.key for port in self.ports}
        return self.ports_of(
            progress.reached_ids() | progress.intents.keys() | {r.id for r in progress.todo()}
        )

    @property
    def at_rest(self) -> bool:
        """Whether nothing is being sent: it is over, or interrupted."""
        return self.phase is Phase.FINISHED or self.phase is Phase.INTERRUPTED  # no set: enums hash slowly

    @property
    def rests_since(self) -> datetime | None:
        """Since when nothing is being sent; None while something is."""
        return (self.ended_at or self.broke_at) if self.at_rest else None

    def to_call(self, recipient: str) -> bool:
        """Whether somebody said that they call this one, and nothing else is known since."""
        progress = self.progress
        called = progress is not None and recipient in progress.calls
        return called and progress is not None and progress.results[recipient].outcome in IN_DOUBT

    def in_doubt(self) -> list[Recipient]:
        """The unknown ones that a person may decide about: nothing is being sent, and it is no rehearsal."""
        settled = self.progress is not None and self.at_rest and not self.dry_run
        return self.progress.in_doubt() if settled and self.progress is not None else []

    def to_repeat(self) -> int:
        """How many of those still to do may have a message already: a person had them sent again."""
        progress = self.progress
        return 0 if progress is None else sum(bool(progress.doubted.get(r.id)) for r in progress.todo())
