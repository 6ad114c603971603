"""Planned work: where no cards come from.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.limits.silence import Scope
from bot.domain.who import Who


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
