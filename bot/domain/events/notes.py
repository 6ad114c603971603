"""What people add to a case: who sees to it, what is expected, why it is.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.who import Who


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
