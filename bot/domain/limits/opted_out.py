"""Customers who asked for no messages."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.who import BOT, Who

ON_THE_LIST = "blacklist"
"""Why somebody gets no messages whom the gateway's own list has."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """Since when a customer is to get no messages, who wrote that down, and why."""

    at: datetime
    by: Who
    reason: str

    @property
    def listed(self) -> bool:
        """Whether nothing but the gateway's own list says so, whatever reason people write."""
        return self.by == BOT and self.reason == ON_THE_LIST
