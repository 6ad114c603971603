"""Planned work: where no cards come from, and until when."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.incident import Port
from bot.domain.life import Scope
from bot.domain.who import Who


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence, numbered from 1."""

    id: int
    scopes: tuple[Scope, ...]
    since: datetime
    until: datetime
    by: Who
    reason: str

    def covers(self, port: Port) -> bool:
        """Whether the port lies in it."""
        return any(_covers(scope, port) for scope in self.scopes)


def same_olt(one: str, other: str) -> bool:
    """Whether two names, as people write them, are of one OLT."""
    return one.casefold().split() == other.casefold().split()


def _covers(scope: Scope, port: Port) -> bool:
    within = scope.place in {"", port.place} or (bool(port.slot) and scope.place == port.slot)
    return within and same_olt(scope.olt, port.olt)
