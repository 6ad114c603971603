"""A case in one row: what a list of years of them shows, and charts are counted from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.case import Case, CaseState
from bot.domain.figures.told import told_by
from bot.domain.incident import Kind, affected_of
from bot.domain.plan import IN_DOUBT
from bot.domain.who import Who


class Decision(StrEnum):
    """What was decided on a case, and came of it."""

    WAITING = "waiting"
    SENT = "sent"
    RUNNING = "running"
    DENIED = "denied"
    NOBODY = "nobody"
    REHEARSED = "rehearsed"
    UNDECIDED = "undecided"
    """It was over before anybody decided."""


_DECISIONS = {
    CaseState.WAITING: Decision.WAITING,
    CaseState.DENIED: Decision.DENIED,
    CaseState.NOBODY: Decision.NOBODY,
    CaseState.REHEARSED: Decision.REHEARSED,
    CaseState.SENT: Decision.SENT,
    CaseState.OVER: Decision.UNDECIDED,
}


@dataclass(frozen=True, slots=True)
class Fall:
    """A port of a case: `label` is what people read; how long it was down, `ended` None while it is."""

    olt: str
    label: str
    began: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A case. `onus` are as many as it affects by its alerts, None where none says.

    `decided` is when somebody decided first, `who` whose decision holds. `warned` are the messages about the
    outage that surely were taken, `delivered` as in `figures.told.Told`; `doubts` may have arrived or not.
    `restored` were told that service is back.
    """

    case: int
    opened: datetime
    began: datetime
    ended: datetime | None
    kind: Kind
    onus: int | None
    decision: Decision
    decided: datetime | None = None
    who: Who | None = None
    warned: int = 0
    delivered: int | None = None
    doubts: int = 0
    restored: int = 0
    cause: str = ""
    falls: tuple[Fall, ...] = ()

    @property
    def label(self) -> str:
        """Its first port."""
        return self.falls[0].label if self.falls else ""


def summary(case: Case, restoring: Case | None) -> Summary:
    """A case with the one that told its customers that service is back."""
    warned, delivered, doubts = _told(case)
    return Summary(
        case.id,
        case.opened_at,
        case.started,
        case.ended_at,
        case.incident.kind,
        affected_of(member.incident for member in case.members.values()),
        _decision(case),
        min(_decisions(case), default=None),
        _who(case),
        warned,
        delivered,
        doubts,
        0 if restoring is None else _told(restoring)[0],
        case.cause,
        tuple(_falls(case)),
    )


def _decision(case: Case) -> Decision:
    """Of one that is over it is still known that it was approved, and nobody reached."""
    dispatch = case.dispatch
    if case.state is CaseState.OVER and dispatch is not None:
        return Decision.REHEARSED if dispatch.reached else Decision.NOBODY
    return _DECISIONS.get(case.state, Decision.RUNNING)


def _decisions(case: Case) -> Iterator[datetime]:
    yield from (dispatch.at for dispatch in case.dispatches)
    if case.denied_at is not None:
        yield case.denied_at


def _who(case: Case) -> Who | None:
    """Whose decision holds: the denial of a case whose last approval reached nobody is newer than that."""
    dispatch = case.dispatch
    if case.denied_by is not None and case.state is CaseState.DENIED:
        return case.denied_by
    return None if dispatch is None else dispatch.by


def _told(case: Case) -> tuple[int, int | None, int]:
    """Of all its dispatches but rehearsals: each person counts once for each."""
    warned, doubts, delivered = 0, 0, list[int]()
    for dispatch in case.dispatches:
        if dispatch.progress is not None and not dispatch.dry_run:
            told = told_by(dispatch.progress)
            warned += told.warned
            tally = dispatch.progress.tally()
            doubts += sum(tally.outcomes.get(outcome, 0) for outcome in IN_DOUBT)
            delivered += [] if told.delivered is None else [told.delivered]
    return warned, sum(delivered) if delivered else None, doubts


def _falls(case: Case) -> Iterator[Fall]:
    """Each port once, from when it first fell until it was up again for good."""
    found: dict[str, Fall] = {}
    for member in case.members.values():
        port, began = member.incident.port, member.incident.started
        before = found.get(port.key)
        if before is None:
            found[port.key] = Fall(port.olt, port.label, began, member.ended_at)
        else:
            found[port.key] = Fall(
                port.olt, port.label, min(before.began, began), _later(before.ended, member.ended_at)
            )
    yield from found.values()


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """None where one of them has not come."""
    return None if one is None or other is None else max(one, other)
