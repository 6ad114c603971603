"""The ledger's lines: everything that must not be forgotten, one frozen dataclass a kind.

Field names and `kind` texts are the file format (design, section 5): add fields with a default, never
rename. What the lines add up to is `book.Book`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.causes.correlation import Grouping
from bot.domain.events.trials import TrialIntent, TrialResult
from bot.domain.incident import Incident, Kind, Port
from bot.domain.life import (
    Assumed,
    Begun,
    CauseNamed,
    DenialExplained,
    Despite,
    DigestPosted,
    Forecast,
    IncidentJoined,
    Lapsed,
    Proposed,
    Reminded,
    Restoring,
    Separated,
    Silenced,
    SilenceEnded,
    Unasked,
    Untold,
)
from bot.domain.plan import NO_FACTS, Choice, Facts, Mend, Outcome, Recipient, Size, Skip
from bot.domain.who import Who as Who  # noqa: PLC0414 - told to others from here

Doubt = Literal["views", "future"]
"""The views are newer than the ledger; the ledger ends later than now."""


@dataclass(frozen=True, slots=True)
class Started:
    """The program started: every dispatch that was running is interrupted, every open intent unknown.

    `doubt` is what about the ledger's end does not fit, so that no later start forgets it.
    """

    version: str
    doubt: Doubt | None = None
    kind: Literal["started"] = "started"


@dataclass(frozen=True, slots=True)
class Announced:
    """The group was told that the program started, in these words (without what changes by itself)."""

    said: str
    kind: Literal["announced"] = "announced"


@dataclass(frozen=True, slots=True)
class Stopped:
    """The program stopped in order: no send was in flight any more. `heard` is as in `Alive`."""

    heard: bool = True
    kind: Literal["stopped"] = "stopped"


@dataclass(frozen=True, slots=True)
class Alive:
    """The program runs. Written every 15 minutes, so that a start can tell an old copy of the ledger.

    `heard`: people's taps came through at the time.
    """

    heard: bool = True
    kind: Literal["alive"] = "alive"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A person confirmed, after a start on a ledger that looked old, that sending may go on.

    `clock` is the time that counts from here on, where the lines before are dated later than that.
    """

    by: Who
    clock: datetime | None = None
    kind: Literal["confirmed"] = "confirmed"


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
class Approved:
    """The claim on a case; it reserves the cooldown of its ports (not in a dry run).

    `template` is what the person saw and decided on: a kind that the source changes later sends no other;
    `mixed`: no kind dominates, so each customer gets the one of their own incident. `left_out` are ports of
    the case that may not be sent to now, `despite` what the person was warned of, `due` when it is to be
    sent (None: now), `first` who approved before, where two had to. `asked` is how many ONUs the card asked
    about (0: the source gave no count; None: written before this was kept), `agreed` the customers of a
    larger plan that the person was asked about and said yes to.
    """

    case: int
    by: Who
    ports: tuple[Port, ...]
    dry_run: bool = False
    template: Kind = Kind.LOS
    mixed: bool = False
    left_out: tuple[Port, ...] = ()
    despite: tuple[Despite, ...] = ()
    due: datetime | None = None
    first: Who | None = None
    asked: int | None = None
    agreed: int | None = None
    kind: Literal["approved"] = "approved"


@dataclass(frozen=True, slots=True)
class Denied:
    """A person decided that nothing is sent."""

    case: int
    by: Who
    reason: str
    kind: Literal["denied"] = "denied"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The approval was taken back before the plan: the case waits again, the cooldown is free."""

    case: int
    by: Who
    kind: Literal["cancelled"] = "cancelled"


@dataclass(frozen=True, slots=True)
class Planned:
    """The whole recipient list of a dispatch; `onus` is how many ONUs its alerts listed.

    `unread` are incidents whose alert could not be read while others could: they are not part of it.
    """

    case: int
    onus: int
    recipients: tuple[Recipient, ...]
    facts: Facts = NO_FACTS
    unread: tuple[str, ...] = ()
    kind: Literal["planned"] = "planned"


@dataclass(frozen=True, slots=True)
class Intent:
    """A send is about to leave."""

    case: int
    recipient: str
    kind: Literal["intent"] = "intent"


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a send. A later one for the same recipient replaces an `unknown` only."""

    case: int
    recipient: str
    outcome: Outcome
    reference: str | None = None
    reason: str | None = None
    kind: Literal["result"] = "result"


@dataclass(frozen=True, slots=True)
class Abandoned:
    """It is known that nothing was sent for this intent, and the dispatch stops here: still to do.

    `reason` is the gateway's, where it refused what every other send would be refused for too.
    """

    case: int
    recipient: str
    reason: str | None = None
    kind: Literal["abandoned"] = "abandoned"


@dataclass(frozen=True, slots=True)
class Spared:
    """Somebody of the plan was told by another dispatch meanwhile (this one was interrupted)."""

    case: int
    recipient: str
    skip: Skip = Skip.COOLDOWN
    kind: Literal["spared"] = "spared"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A dispatch broke off while the program ran on: what was in flight is unknown, the rest to do.

    `reason` and `mend` say why and what to see to, where the gateway was the cause.
    """

    case: int
    reason: str | None = None
    mend: Mend | None = None
    kind: Literal["interrupted"] = "interrupted"


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A person stopped a dispatch; what was in flight still counts."""

    case: int
    by: Who
    kind: Literal["stop_asked"] = "stop_asked"


@dataclass(frozen=True, slots=True)
class Resumed:
    """An interrupted dispatch goes on; `by` is None where it went on by itself.

    A person's word also takes up again those who could not be sent to (failed: nothing left).
    """

    case: int
    by: Who | None = None
    kind: Literal["resumed"] = "resumed"


End = Literal["done", "stopped", "halted", "closed", "unread", "cancelled", "over"]


@dataclass(frozen=True, slots=True)
class Settled:
    """A dispatch is over.

    Done, stopped by a person, halted by a refusal that hits every send, closed by a person after an
    interruption, given up because the alert could not be read, or not begun because the outage was over when
    its time came. (`cancelled` is Cancelled's own end.) `size` is that of the plan where it was given up
    because that was larger than what had been asked about.
    """

    case: int
    end: End
    reason: str | None = None
    by: Who | None = None
    mend: Mend | None = None
    size: Size | None = None
    kind: Literal["settled"] = "settled"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A person decided about sends whose end is unknown: they count as sent, or somebody calls."""

    case: int
    recipients: tuple[str, ...]
    choice: Choice
    by: Who
    kind: Literal["resolved"] = "resolved"


@dataclass(frozen=True, slots=True)
class Resent:
    """A person had sends whose end is unknown sent again, knowing that somebody may get two."""

    case: int
    recipients: tuple[str, ...]
    by: Who
    despite: tuple[Despite, ...] = ()
    kind: Literal["resent"] = "resent"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gateway's own list says of a send whose end was unknown.

    With a `reference` it was sent (at `sent_at`, with the gateway's `status`); without, the list did not have
    it when it was asked, which proves nothing.
    """

    case: int
    recipient: str
    reference: str | None = None
    sent_at: datetime | None = None
    status: str | None = None
    kind: Literal["evidence"] = "evidence"


@dataclass(frozen=True, slots=True)
class CooldownReleased:
    """A person freed a port before its time, for them and the customers told through it."""

    port: Port
    by: Who
    reason: str
    kind: Literal["cooldown_released"] = "cooldown_released"


@dataclass(frozen=True, slots=True)
class TapRefused:
    """Somebody tapped or typed what they may not, or what no longer holds."""

    by: Who
    action: str
    why: str
    case: int | None = None
    kind: Literal["tap_refused"] = "tap_refused"


@dataclass(frozen=True, slots=True)
class GroupMoved:
    """Telegram gave the group a new id."""

    old: int
    new: int
    kind: Literal["group_moved"] = "group_moved"


Line = (
    Started
    | Announced
    | Stopped
    | Alive
    | Confirmed
    | CaseOpened
    | IncidentChanged
    | IncidentEnded
    | CardPosted
    | Approved
    | Denied
    | Cancelled
    | Planned
    | Intent
    | Result
    | Abandoned
    | Spared
    | Interrupted
    | StopAsked
    | Resumed
    | Settled
    | Resolved
    | Resent
    | Evidence
    | CooldownReleased
    | TapRefused
    | GroupMoved
    | IncidentJoined
    | Separated
    | Proposed
    | Begun
    | Restoring
    | Assumed
    | Lapsed
    | Untold
    | Reminded
    | Forecast
    | CauseNamed
    | DenialExplained
    | Silenced
    | SilenceEnded
    | DigestPosted
    | TrialIntent
    | TrialResult
    | Unasked
)
