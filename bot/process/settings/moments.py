"""Times of the day, as people write them in a setting: `07:00`, `mon 07:00`, `seg 07:00, sex 18:00`."""

import re
import unicodedata
from datetime import UTC, time
from typing import Any

from pydantic import ValidationInfo

from bot.domain.shift.times import Times

_DAYS = (
    ("monday", "segunda"),
    ("tuesday", "terca"),
    ("wednesday", "quarta"),
    ("thursday", "quinta"),
    ("friday", "sexta"),
    ("saturday", "sabado"),
    ("sunday", "domingo"),
)
_MOMENT = re.compile(r"(?:([a-z]{3,9})(?:-feira)?\s+)?(\d{1,2}):(\d\d)", re.ASCII)


def local_times(value: Any, info: ValidationInfo) -> Any:
    """Times of TZ; where that is itself wrong, any zone will do to check the rest."""
    if not isinstance(value, str):
        return value
    moments = [moment.strip() for moment in value.split(",")]
    return Times(tuple(map(_moment, moments)), info.data.get("tz", UTC))


def _moment(text: str) -> tuple[int | None, time]:
    letters = unicodedata.normalize("NFD", text.casefold())
    found = _MOMENT.fullmatch("".join(c for c in letters if not unicodedata.combining(c)))
    if found is None:
        raise ValueError("is not written as times of day")
    day, hour, minute = found.groups()
    try:
        at = time(int(hour), int(minute))
    except ValueError:
        raise ValueError("holds a time that no day has") from None
    return None if day is None else _day(day), at


def _day(word: str) -> int:
    for number, names in enumerate(_DAYS):
        if any(name.startswith(word) for name in names):
            return number
    raise ValueError("names no day of the week")
