"""How often a port came and went: its history within the last hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WITHIN = timedelta(hours=1)
KEPT = 61  # spells a port: one more than FLAPS_PER_HOUR may be


@dataclass(frozen=True, slots=True)
class Spell:
    """A port was down from `first` (when it was seen) until `last`, None while it is."""

    first: datetime
    last: datetime | None = None


def recent(spells: Sequence[Spell], now: datetime) -> list[Spell]:
    """Those that began within the last hour, oldest first."""
    return [spell for spell in spells if now - spell.first <= WITHIN]


def oscillates(spells: Sequence[Spell], now: datetime, flaps: int) -> bool:
    """Whether the port went down more than `flaps` times within the last hour."""
    return len(spells) > flaps and len(recent(spells, now)) > flaps
