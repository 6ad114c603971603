"""What the NOC decides on: incidents of one cause, their card, its decisions and its dispatches."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from bot.domain.causes.correlation import Grouping
from bot.domain.dispatch import Despite, Dispatch, Phase
from bot.domain.incident import Incident, Port, affected_of, at_most
from bot.domain.plan import GROWN, Outcome, Recipient, Size
from bot.domain.who import Who

Reminder = Literal[
    "first",
    "second",
    "escalated",
    "eta",
    "lapsed",
    "over",
    "over_first",
    "over_second",
    "over_escalated",
    "left_first",
    "left_second",
    "left_escalated",
    "grown",
]
"""What was said: that a case waits for a decision (to the approvers, again, to the escalation chat), or for a
new expected time; that nobody has it any more; that an outage of which people were warned is over, and waits
for a word whether they are told; that sends are left undone or in doubt; that a small one is small no more.
"""

UNWATCHED = "unwatched"
"""Why an outage ended whose source is not read any more: nobody knows whether service is back."""

SECOND_WITHIN = timedelta(minutes=10)
"""How long the first of two approvals waits for the second."""


def restoring_of(case: int) -> int:
    """The number of the case that tells the customers of this one that service is back: its second message.

    It is the case's, negated: people never see it, and their numbers have no gaps.
    """
    return -case


def restored_of(case: int) -> int | None:
    """The number of the case that this one is the second message of; None for all others."""
    return -case if case < 0 else None


class CaseState(StrEnum):
    """What a case's card shows and which taps it takes."""

    WAITING = "waiting"
    DENIED = "denied"
    SCHEDULED = "scheduled"
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

    @property
    def key(self) -> str:
        """What it is found by."""
        return f"{self.chat}:{self.message}"


@dataclass(slots=True)
class Member:
    """An incident of a case. `ended_at` is when it was over, None while it is on.

    `recounted_at` is when a changed count alone was last written of it.
    """

    incident: Incident
    ended_at: datetime | None = None
    ended_why: str | None = None
    recounted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """The first of two approvals."""

    by: Who
    at: datetime
    despite: tuple[Despite, ...]
    due: datetime | None
    asked: int | None = None
    agreed: int | None = None
    most: int | None = None

    def waits(self, now: datetime) -> bool:
        """Whether the second may still come."""
        return now - self.at <= SECOND_WITHIN


@dataclass(slots=True)
class Case:
    """One case.

    `incident` is the one that opened it, `members` are all of its incidents by id, oldest first. `ended_at`
    is when its outage was over, None while any of them is on. `asked_at` is since when it waits for an
    answer, `reminded` what of `Reminder` was said since. `joined` counts the late siblings. `restores`
    is the case whose customers this one tells that service is back: it has no card of its own. `lapsed` had
    it last, `untold_by` decided that its end is not told; `card_size` is its size when its card was posted.
    `past`: it is but a record of itself (`bot.domain.leaving`); `again`: it was, and is a case again.
    `region`: whose it is, where there are several NOCs; `beside` are the cases of one cause in others.
    """

    id: int
    incident: Incident
    opened_at: datetime
    card: Card | None = None
    ended_at: datetime | None = None
    ended_why: str | None = None
    denied_by: Who | None = None
    denied_at: datetime | None = None
    denied_reason: str | None = None
    denied_words: str = ""
    dispatches: list[Dispatch] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    grouping: Grouping | None = None
    follows: int | None = None
    apart: int | None = None
    joined: int = 0
    reopened: list[datetime] = field(default_factory=list)
    restores: int | None = None
    proposal: Proposal | None = None
    owner: Who | None = None
    owned_at: datetime | None = None
    lapsed: Who | None = None
    untold_by: Who | None = None
    untold_at: datetime | None = None
    card_size: float | None = None
    asked_at: datetime | None = None
    reminded: frozenset[str] = frozenset()
    eta: datetime | None = None
    eta_by: Who | None = None
    cause: str = ""
    team: str = ""
    cause_by: Who | None = None
    past: bool = False
    again: bool = False
    region: str = ""
    beside: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.members:
            self.members = {self.incident.id: Member(self.incident)}
        self.asked_at = self.asked_at or self.opened_at

    @property
    def shown_as(self) -> int:
        """The number that people know it by: its card's."""
        return self.id if self.restores is None else self.restores

    @property
    def on(self) -> list[Incident]:
        """Its incidents that are on."""
        return [member.incident for member in self.members.values() if member.ended_at is None]

    @property
    def stale(self) -> bool:
        """Whether nobody says any more that what is on is on."""
        on = self.on
        return bool(on) and all(incident.stale for incident in on)

    @property
    def incidents(self) -> list[Incident]:
        """What it is about now: its incidents that are on, or all of them once it is over."""
        return self.on or [member.incident for member in self.members.values()]

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports of those incidents, each once."""
        return tuple({incident.port.key: incident.port for incident in self.incidents}.values())

    @property
    def affected(self) -> int | None:
        """How many ONUs those incidents report (an estimate unless `counted`), None where none says."""
        return affected_of(self.incidents)

    @property
    def at_most(self) -> int | None:
        """How many ONUs they can affect at most, None where some do not even say that."""
        return at_most(self.incidents)

    @property
    def counted(self) -> bool:
        """Whether `affected` was counted in the alerts themselves."""
        return all(incident.counted for incident in self.incidents)

    @property
    def size(self) -> float:
        """How many ONUs it affects at most, by its alerts or by a plan that waits for a word; infinite where
        some do not even say that: it may be large.
        """
        most, grown = self.at_most, self.grown
        listed = math.inf if most is None else most
        return listed if grown is None else max(listed, grown.onus)

    @property
    def started(self) -> datetime:
        """When the first of its incidents began, or was seen where none names its start."""
        incidents = [member.incident for member in self.members.values()]
        return min(i.started for i in incidents if i.start_known or not self.start_known)

    @property
    def start_known(self) -> bool:
        """Whether any of its incidents names its start."""
        return any(member.incident.start_known for member in self.members.values())

    def to_read(self, ports: Collection[Port]) -> list[str]:
        """The incidents whose customers a dispatch to these ports is for, over or not where all are."""
        keys = {port.key for port in ports}
        here = [member for member in self.members.values() if member.incident.port.key in keys]
        on = [member.incident.id for member in here if member.ended_at is None]
        return on or [member.incident.id for member in here] or [self.incident.id]

    @property
    def places(self) -> dict[str, Port]:
        """The port of each of its incidents, by id."""
        return {id_: member.incident.port for id_, member in self.members.items()}

    @property
    def over_ports(self) -> frozenset[str]:
        """The keys of its ports that are up again."""
        return self.member_ports - {incident.port.key for incident in self.on}

    @property
    def member_ports(self) -> frozenset[str]:
        """The keys of all ports that it is or was about."""
        return frozenset(member.incident.port.key for member in self.members.values())

    def accepted(self) -> list[Recipient]:
        """Those who surely were warned, each once: not those whose message did not arrive."""
        warned: dict[str, Recipient] = {}
        for dispatch in self.dispatches:
            if dispatch.progress is not None and not dispatch.dry_run:
                sends = dispatch.progress
                warned |= {
                    r.person or r.id: r
                    for r in sends.recipients.values()
                    if r.id in sends.results
                    and sends.results[r.id].outcome is Outcome.ACCEPTED
                    and not sends.undelivered(r.id)
                }
        return list(warned.values())

    def reached_people(self) -> Iterator[str | None]:
        """Whoever has, or may have, a message of it."""
        plans = [d.progress for d in self.dispatches if d.progress is not None and not d.dry_run]
        return (plan.recipients[id_].person for plan in plans for id_ in plan.reached_ids())

    @property
    def dispatch(self) -> Dispatch | None:
        """The last approval that was not taken back, None where there was none."""
        for dispatch in reversed(self.dispatches):
            if dispatch.end != "cancelled":
                return dispatch
        return None

    @property
    def planned(self) -> bool:
        """Whether its last dispatch has a plan, and more of it is left than its counts."""
        plan = self.dispatches[-1].progress if self.dispatches else None
        return plan is not None and plan.kept is None

    @property
    def grown(self) -> Size | None:
        """The size of the plan that waits for a person's word, as it was larger than what was asked about."""
        last = self.dispatch
        return last.size if last is not None and last.end_reason == GROWN and self.undecided else None

    @property
    def runs(self) -> int:
        """How often it was set going so far: approved, or had to go on. A button names as many as its card
        showed: a tap that comes twice, and one on a card that lags behind, decide nothing anew.
        """
        return sum(1 + dispatch.resumed for dispatch in self.dispatches)

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

    def at_work(self, attempt: int, *phases: Phase) -> bool:
        """Whether dispatch `attempt` is the present one and in one of these phases."""
        dispatch = self.dispatch
        return dispatch is not None and dispatch.attempt == attempt and dispatch.phase in phases
