"""How many people may still be written to today, as Opa! Suite counts it (README.md of this folder)."""

import re
from typing import Any

from bot.domain.limits.daily import Allowed
from bot.errors import BadAnswer


def allowed(body: Any) -> Allowed:
    """What `limites-diarios-envio` says; an empty object: there is no limit. BadAnswer for anything else."""
    if body == {}:
        return Allowed()
    if not isinstance(body, dict):
        raise BadAnswer("no_object")
    people, left = _number(body.get("dailyLimit")), _number(body.get("availableAmount"))
    if people is None or left is None:
        raise BadAnswer("no_object")
    return Allowed(people, left)


def _number(value: Any) -> int | None:
    """A number, as one or as text; what is below 0 is nothing left."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return max(0, int(text)) if re.fullmatch("-?[0-9]{1,9}", text) else None
