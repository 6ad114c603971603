"""The ledger's lines: everything that must not be forgotten, one frozen dataclass a kind, a file a topic.

Each says what it changes in the book (`apply`) and what else goes for it; `bot.domain.book.Event` says what
there is to say, and what goes where a kind says nothing.
"""

from bot.domain.events import (
    account,
    approvals,
    cases,
    notes,
    people,
    program,
    receipts,
    sends,
    shifts,
    silences,
)
from bot.domain.events.account import LimitTold, TemplateJudged
from bot.domain.events.approvals import (
    Approved,
    Begun,
    Cancelled,
    CooldownReleased,
    DenialExplained,
    Denied,
    Proposed,
    Restoring,
    Resumed,
    StopAsked,
    TapRefused,
    Unasked,
    Untold,
    Withdrawn,
)
from bot.domain.events.cases import (
    CardPosted,
    CaseOpened,
    DigestPosted,
    IncidentChanged,
    IncidentEnded,
    IncidentJoined,
    Reminded,
    Separated,
)
from bot.domain.events.notes import Assumed, CauseNamed, Forecast, Lapsed
from bot.domain.events.people import (
    Listed,
    OptedIn,
    OptedOut,
    PageOpened,
    PersonForgotten,
    PersonShown,
    Upgraded,
)
from bot.domain.events.program import (
    Alive,
    Announced,
    Change,
    Confirmed,
    GroupMoved,
    SettingsChanged,
    Started,
    Stopped,
    TrialIntent,
    TrialResult,
)
from bot.domain.events.receipts import Read, Received, Undelivered
from bot.domain.events.sends import (
    Abandoned,
    Evidence,
    Intent,
    Interrupted,
    Planned,
    Resent,
    Resolved,
    Result,
    Settled,
    Spared,
)
from bot.domain.events.shifts import HandedOver
from bot.domain.events.silences import Silenced, SilenceEnded, SilenceWarned

Line = (
    account.Line
    | approvals.Line
    | cases.Line
    | notes.Line
    | people.Line
    | program.Line
    | receipts.Line
    | sends.Line
    | shifts.Line
    | silences.Line
)

__all__ = [
    "Abandoned",
    "Alive",
    "Announced",
    "Approved",
    "Assumed",
    "Begun",
    "Cancelled",
    "CardPosted",
    "CaseOpened",
    "CauseNamed",
    "Change",
    "Confirmed",
    "CooldownReleased",
    "DenialExplained",
    "Denied",
    "DigestPosted",
    "Evidence",
    "Forecast",
    "GroupMoved",
    "HandedOver",
    "IncidentChanged",
    "IncidentEnded",
    "IncidentJoined",
    "Intent",
    "Interrupted",
    "Lapsed",
    "LimitTold",
    "Line",
    "Listed",
    "OptedIn",
    "OptedOut",
    "PageOpened",
    "PersonForgotten",
    "PersonShown",
    "Planned",
    "Proposed",
    "Read",
    "Received",
    "Reminded",
    "Resent",
    "Resolved",
    "Restoring",
    "Result",
    "Resumed",
    "Separated",
    "SettingsChanged",
    "Settled",
    "SilenceEnded",
    "SilenceWarned",
    "Silenced",
    "Spared",
    "Started",
    "StopAsked",
    "Stopped",
    "TapRefused",
    "TemplateJudged",
    "TrialIntent",
    "TrialResult",
    "Unasked",
    "Undelivered",
    "Untold",
    "Upgraded",
    "Withdrawn",
]
