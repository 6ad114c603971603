"""The ledger's lines about the life of a case beside its sends: who has it, what is expected, who was asked.

As in `lines`: field names and `kind` texts are the file format.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.causes.correlation import Grouping
from bot.domain.incident import Incident
from bot.domain.who import Who

Despite = Literal["flapping", "hours"]
"""What an approver was warned of and overrode: the port oscillates; the customers' hours are over."""


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
class Proposed:
    """The first of the two approvals that a large dispatch needs. `due`: it is to be sent then.

    `asked` and `agreed` are as in `lines.Approved`.
    """

    case: int
    by: Who
    despite: tuple[Despite, ...] = ()
    due: datetime | None = None
    asked: int | None = None
    agreed: int | None = None
    kind: Literal["proposed"] = "proposed"


@dataclass(frozen=True, slots=True)
class Begun:
    """The time of a scheduled dispatch came, or a person (`by`) did not wait for it."""

    case: int
    by: Who | None = None
    kind: Literal["begun"] = "begun"


@dataclass(frozen=True, slots=True)
class Unasked:
    """Telegram could not be asked whether this person, on whose word customers are told, still may decide."""

    case: int
    by: Who
    kind: Literal["unasked"] = "unasked"


@dataclass(frozen=True, slots=True)
class Restoring:
    """Case `case` is the second message of case `of`: its service is back. It has no card of its own."""

    case: int
    of: int
    kind: Literal["restoring"] = "restoring"


@dataclass(frozen=True, slots=True)
class Assumed:
    """A person sees to the case: nobody is reminded of it any more."""

    case: int
    by: Who
    kind: Literal["assumed"] = "assumed"


@dataclass(frozen=True, slots=True)
class Lapsed:
    """Nobody decided while this person had the case: it is nobody's, and people are reminded again."""

    case: int
    by: Who
    kind: Literal["lapsed"] = "lapsed"


@dataclass(frozen=True, slots=True)
class Untold:
    """A person decided that those who were warned are not told that service is back."""

    case: int
    by: Who
    kind: Literal["untold"] = "untold"


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


@dataclass(frozen=True, slots=True)
class Reminded:
    """Somebody was reminded of the case."""

    case: int
    what: Reminder
    kind: Literal["reminded"] = "reminded"


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a person expects the outage to end; None: nobody can say (any more)."""

    case: int
    by: Who
    eta: datetime | None
    kind: Literal["forecast"] = "forecast"


@dataclass(frozen=True, slots=True)
class CauseNamed:
    """What a person says the cause is, and which team sees to it (empty: not said)."""

    case: int
    by: Who
    cause: str
    team: str = ""
    kind: Literal["cause_named"] = "cause_named"


@dataclass(frozen=True, slots=True)
class DenialExplained:
    """Why nothing is sent, in the words of the person who denied it for another reason than those offered."""

    case: int
    by: Who
    reason: str
    kind: Literal["denial_explained"] = "denial_explained"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where silence is: an OLT by the name that people read, a slot of it (`6`), or a port (`6/15`)."""

    olt: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Silenced:
    """Planned work: no cards from there until then."""

    silence: int
    scopes: tuple[Scope, ...]
    until: datetime
    by: Who
    reason: str
    kind: Literal["silenced"] = "silenced"


@dataclass(frozen=True, slots=True)
class SilenceEnded:
    """A person ended a silence before its time."""

    silence: int
    by: Who
    kind: Literal["silence_ended"] = "silence_ended"


@dataclass(frozen=True, slots=True)
class DigestPosted:
    """The list of the cases that have no card of their own is this message."""

    chat: int
    message: int
    kind: Literal["digest_posted"] = "digest_posted"
