"""What people decide: approve, deny, call off, go on, tell that service is back, and what was refused.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.case import Despite
from bot.domain.incident import Kind, Port
from bot.domain.who import Who


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
class Untold:
    """A person decided that those who were warned are not told that service is back."""

    case: int
    by: Who
    kind: Literal["untold"] = "untold"


@dataclass(frozen=True, slots=True)
class DenialExplained:
    """Why nothing is sent, in the words of the person who denied it for another reason than those offered."""

    case: int
    by: Who
    reason: str
    kind: Literal["denial_explained"] = "denial_explained"
