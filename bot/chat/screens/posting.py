"""How posting to the group goes, as its screens tell it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Why = Literal["removed", "rights", "restricted", "topic", "token", "flood"]


@dataclass(frozen=True, slots=True)
class Mute:
    """Nothing that the bot posts is taken in its group: why, and since when."""

    why: Why
    since: datetime


@dataclass(frozen=True, slots=True)
class Posting:
    """How posting goes: `mute` (for `seconds`) where the group takes nothing, `topic_lost` where they go to
    the group itself.
    """

    mute: Mute | None = None
    seconds: float = 0.0
    topic_lost: bool = False


POSTING = Posting()
