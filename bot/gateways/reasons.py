"""What a platform says of a refusal, fit for people and for the ledger."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

LONGEST_REASON = 80  # characters
SHOWN = 5  # of a list that a person is shown
_LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{6,}\d")


def one_line(text: Any) -> str | None:
    """A text in one short line, without any number that may be a phone; None where there is none."""
    if not isinstance(text, str):
        return None
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _LONG_NUMBER.sub("…", line)[:LONGEST_REASON] or None


def plain_words(text: str) -> str:
    """The words of a text without accents, capitals and punctuation."""
    letters = unicodedata.normalize("NFKD", text[:300]).casefold()
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", plain))


def listed(names: Sequence[str]) -> str:
    """A few of them in a line, fit for people: they are another system's words."""
    shown = [re.sub(r"[^\w .-]", "", name)[:60] for name in names[:SHOWN]]
    return ", ".join([*filter(None, shown), *(["…"] if len(names) > SHOWN else [])])
