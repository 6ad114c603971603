"""What the group sees as one outage: opened, grown, over, taken apart, shown.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from typing import Literal

from bot.domain.case import Reminder
from bot.domain.causes.correlation import Grouping
from bot.domain.incident import Incident
from bot.domain.who import Who


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """One or more incidents that the group is asked about, and why they go together.

    They leave the case that they were in. `follows`: late siblings of a case that was decided on before;
    `apart`: a person took them out of that case, so nothing is grouped with them.
    """

    case: int
    incident: Incident
    others: tuple[Incident, ...] = ()
    grouping: Grouping | None = None
    follows: int | None = None
    apart: int | None = None
    kind: Literal["case_opened"] = "case_opened"


@dataclass(frozen=True, slots=True)
class IncidentChanged:
    """The source reports other facts than before; on an ended one: it is back on the list."""

    case: int
    incident: Incident
    kind: Literal["incident_changed"] = "incident_changed"


@dataclass(frozen=True, slots=True)
class IncidentEnded:
    """The incident is no longer reported as open, or was marked as a false positive.

    `incident` is its id; None stands for the only one of its case.
    """

    case: int
    why: Literal["gone", "ignored"] = "gone"
    incident: str | None = None
    kind: Literal["incident_ended"] = "incident_ended"


@dataclass(frozen=True, slots=True)
class CardPosted:
    """The case's card is this message."""

    case: int
    chat: int
    message: int
    kind: Literal["card_posted"] = "card_posted"


@dataclass(frozen=True, slots=True)
class IncidentJoined:
    """One more incident of the case's cause, with why they go together now.

    On a case that was over: it continues.
    """

    case: int
    incident: Incident
    grouping: Grouping | None = None
    kind: Literal["incident_joined"] = "incident_joined"


@dataclass(frozen=True, slots=True)
class Separated:
    """A person took a case apart: the cases opened with it take incidents out of it.

    `grouping` is why those that stay go together. Nothing is grouped with any of them any more.
    """

    case: int
    by: Who
    grouping: Grouping | None = None
    kind: Literal["separated"] = "separated"


@dataclass(frozen=True, slots=True)
class Reminded:
    """Somebody was reminded of the case."""

    case: int
    what: Reminder
    kind: Literal["reminded"] = "reminded"


@dataclass(frozen=True, slots=True)
class DigestPosted:
    """The list of the cases that have no card of their own is this message."""

    chat: int
    message: int
    kind: Literal["digest_posted"] = "digest_posted"
