"""Planned work: where no cards come from, and until when."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from bot.domain.incident import Port
from bot.domain.who import Who

WARNED_BEFORE = timedelta(minutes=15)
"""So long before its end the group is told of it, where it lasts twice as long at least."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where silence is: an OLT by the name that people read, a slot of it (`6`), or a port (`6/15`)."""

    olt: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence, numbered from 1. `warned`: it was said that it ends soon."""

    id: int
    scopes: tuple[Scope, ...]
    since: datetime
    until: datetime
    by: Who
    reason: str
    warned: bool = False

    def covers(self, port: Port) -> bool:
        """Whether the port lies in it."""
        return any(_covers(scope, port) for scope in self.scopes)


def ending(silences: Iterable[Silence], now: datetime) -> list[Silence]:
    """Those that end soon without anybody having been told, the first to end first: none that is short."""
    found = (one for one in silences if not one.warned and timedelta() < one.until - now <= WARNED_BEFORE)
    return sorted(
        (one for one in found if one.until - one.since >= 2 * WARNED_BEFORE), key=lambda one: one.until
    )


def same_olt(one: str, other: str) -> bool:
    """Whether two names, as people write them, are of one OLT."""
    return _folded(one) == _folded(other)


def squeezed(name: str) -> str:
    """An OLT's name without spaces, as a hurried person types it."""
    return _folded(name).replace(" ", "")


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    """Without case, accents and repeated spaces."""
    letters = unicodedata.normalize("NFD", name.casefold())
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


def _covers(scope: Scope, port: Port) -> bool:
    within = scope.place in {"", port.place} or (bool(port.slot) and scope.place == port.slot)
    return within and same_olt(scope.olt, port.olt)
