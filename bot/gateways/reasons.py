"""What a platform says of a refusal, fit for people and for the ledger."""

import re
from typing import Any

LONGEST_REASON = 80  # characters
_LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{6,}\d")


def one_line(text: Any) -> str | None:
    """A text in one short line, without any number that may be a phone; None where there is none."""
    if not isinstance(text, str):
        return None
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _LONG_NUMBER.sub("…", line)[:LONGEST_REASON] or None
