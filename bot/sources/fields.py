"""What a field of a row may hold, whatever the system: read with a limit, None or empty where it is odd."""

import re
import unicodedata
from datetime import UTC, datetime, tzinfo
from typing import Any

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")  # it becomes a part of a path
_BRAZILIAN = "%d/%m/%Y %H:%M:%S"
ID_AT_MOST, NAME_AT_MOST, WORD_AT_MOST = 40, 120, 40  # characters
COUNT_AT_MOST = 1_000_000  # what says more counts no ONUs
_YEARS = range(
    1970, 9000
)  # some write the year 1 for a time that they do not have; it is none in zones behind


class UnreadRow(Exception):
    """A row that cannot have a card. The text names what could not be read of it: the words' code."""


def identifier(value: Any) -> str | None:
    """An id as text, None where there is none that can be used."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return text if _ID.fullmatch(text) else None


def count_of(value: Any) -> int | None:
    """A count, also where it comes as text; None for null and for what is no count."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        count = int(value)
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count <= COUNT_AT_MOST else None


def moment(value: Any, zone: tzinfo) -> datetime | None:
    """Aware UTC from one of the three spellings, None for any other; an offset, where present, wins."""
    written = word_of(value)
    try:
        at = datetime.strptime(written, _BRAZILIAN) if "/" in written else datetime.fromisoformat(written)  # noqa: DTZ007 - local time; the zone comes next
        at = (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in _YEARS else None


def text_of(value: Any) -> str:
    """A name, cut to what a name has."""
    return value.strip()[:NAME_AT_MOST].strip() if isinstance(value, str) else ""


def word_of(value: Any) -> str:
    """The same, cut to what a word has."""
    return text_of(value)[:WORD_AT_MOST].strip()


def free_text(value: Any, at_most: int | None = NAME_AT_MOST) -> str:
    """A text, also where it comes as a number; cut as a name is (None: not at all)."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    try:
        return str(value).strip()[:at_most].strip()
    except ValueError:  # a number of more digits than Python prints
        return ""


def plain(text: str) -> str:
    """Without accents, case or doubled spaces."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(letters.casefold().split())
