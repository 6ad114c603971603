"""How many people Meta lets an account write to in 24 hours (README.md of this folder)."""

import re
from typing import Any

from bot.domain.limits.daily import Allowed

FIELD = "whatsapp_business_manager_messaging_limit"
_TIER = re.compile(r"TIER_([0-9]{1,6})(K?)")
_UNLIMITED = {"TIER_UNLIMITED", "-1"}


def allowed(number: Any) -> Allowed | None:
    """What a number says of itself; None where it says nothing that can be read."""
    return of_tier(number.get(FIELD) if isinstance(number, dict) else None)


def of_tier(said: Any) -> Allowed | None:
    """A tier, or (as webhooks have it) a number, -1 for no limit; None where it is neither."""
    text = str(said).strip().upper()
    if text in _UNLIMITED:
        return Allowed()
    found = _TIER.fullmatch(text)
    if found is not None:
        return Allowed(int(found[1]) * (1000 if found[2] else 1))
    return Allowed(int(text)) if re.fullmatch("[0-9]{1,9}", text) else None
