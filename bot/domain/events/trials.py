"""The ledger's lines about a template that is sent to one's own phone, before customers get it.

As in `lines`: field names and `kind` texts are the file format.
"""

from dataclasses import dataclass
from typing import Literal

from bot.domain.plan import Outcome
from bot.domain.who import Who


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
