"""What WhatsApp itself takes, whoever passes it on: a phone, and a variable's value."""

import re
import unicodedata

_PHONE = re.compile("[1-9][0-9]{7,14}")


def is_phone(phone: str) -> bool:
    """Whether these are the digits of a phone with its country code."""
    return _PHONE.fullmatch(phone) is not None


def spell(text: str, longest: int) -> str:
    """The text in one line without what cannot be seen: no line break, tab or several spaces in a row."""
    seen = "".join(map(_spell, unicodedata.normalize("NFC", text)))
    return " ".join(seen.split())[:longest].rstrip()


def _spell(character: str) -> str:
    if character.isprintable():
        return character
    return "" if unicodedata.category(character) == "Cf" else " "  # joiners and marks of direction
