"""A plan carried out: who gets what, each request and its end, and what people said of those in doubt.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.case import Despite, End
from bot.domain.plan import NO_FACTS, Choice, Facts, Mend, Outcome, Recipient, Size, Skip
from bot.domain.who import Who


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
