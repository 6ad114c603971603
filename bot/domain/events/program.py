"""The program itself: its starts and stops, what its group and ledger are, and its test messages.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.plan import Outcome
from bot.domain.redated import Doubt
from bot.domain.who import Who


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
class GroupMoved:
    """Telegram gave the group a new id."""

    old: int
    new: int
    kind: Literal["group_moved"] = "group_moved"


@dataclass(frozen=True, slots=True)
class TrialIntent:
    """A test message is about to leave. It belongs to no case and takes no cooldown.

    `template` is the `Message.template`, `hsm` its id as configured then.
    """

    trial: int
    template: str
    hsm: int
    phone: str
    by: Who
    kind: Literal["trial_intent"] = "trial_intent"


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What is known of a test message."""

    trial: int
    outcome: Outcome
    reference: str | None = None
    reason: str | None = None
    kind: Literal["trial_result"] = "trial_result"


TRIAL = (TrialIntent, TrialResult)
"""Lines of another process than the bot's: they prove nothing of how fresh the ledger is."""
