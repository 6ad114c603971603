"""Flap damping: one send per port, and per customer, within `hours`.

A reservation is made with the claim on a case and lapses where nobody was reached.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from bot.domain.incident import Port
from bot.domain.who import Who

LONGEST_DAYS = 90
"""The longest cooldown that can be set: so long who was told is known, whatever is set today."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A port that was sent to, or is being sent to, since `at`."""

    port: Port
    at: datetime
    case: int
    by: Who


class Contact(NamedTuple):
    """A customer who has, may have, or is about to get a message: one for each send, so quickly made."""

    at: datetime
    case: int
    ports: tuple[str, ...]


contact: Callable[[tuple[datetime, int, tuple[str, ...]]], Contact] = partial(tuple.__new__, Contact)
"""Makes one in half the time of its own call."""


def free_at(since: Reservation | Contact | None, now: datetime, hours: float) -> datetime | None:
    """When a port or customer frees up; None where it is free now (the last second is not free)."""
    if since is None:
        return None
    until = since.at + timedelta(hours=hours)
    return until if until > now else None
