"""Customers who asked for no messages."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.who import Who


@dataclass(frozen=True, slots=True)
class OptOut:
    """Since when a customer is to get no messages, who wrote that down, and why."""

    at: datetime
    by: Who
    reason: str
