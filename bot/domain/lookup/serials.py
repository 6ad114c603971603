"""An ONU's serial as systems write it: twelve characters, or sixteen hex digits, eight of them letters."""

import re
from functools import lru_cache

_HEX = re.compile(r"[0-9A-F]{16}")
_PLAIN = re.compile(r"[A-Z]{4}[0-9A-F]{8}")


@lru_cache(maxsize=20_000)
def normal(serial: str) -> str:
    """The one spelling: `485754435C5A78B9` and `hwtc-5c5a78b9` are `HWTC5C5A78B9`. A MAC stays as it is."""
    text = "".join(c for c in serial if c.isascii() and c.isalnum()).upper()
    if _HEX.fullmatch(text):
        vendor = bytes.fromhex(text[:8])
        if vendor.isalpha():
            return vendor.decode("ascii").upper() + text[8:]
    return text


def spellings(serial: str) -> tuple[str, ...]:
    """How a system may have written it, the usual one first."""
    text = normal(serial)
    if _PLAIN.fullmatch(text) is None:
        return (text,)
    return text, text[:4].encode("ascii").hex().upper() + text[4:]
