"""Signatures of Standard Webhooks."""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from bot.sources.hook.formats.authorization import any_same, is_fresh

KEY = "whsec_"
"""How a key begins; any other secret is a token."""
SHORTEST, LONGEST = 24, 64  # bytes of a key
_VERSION = b"v1,"


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether any signature of a request is that of any of the keys (`whsec_...`), and made just now."""
    id_, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    start = f"{id_}.{at}.".encode("utf-8", "surrogateescape")
    right = []
    for key in filter(None, map(key_of, secrets)):
        signed = hmac.new(key, start, sha256)
        signed.update(body)
        right.append(base64.b64encode(signed.digest()))
    given = headers.get("webhook-signature", "").encode("utf-8", "surrogateescape").split(b" ")
    same = [any_same(right, one.removeprefix(_VERSION)) for one in given if one.startswith(_VERSION)]
    return any(same) and is_fresh(at, now) and bool(id_)


def key_of(secret: str) -> bytes | None:
    """The bytes of a key, None where it is none."""
    if not secret.startswith(KEY):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(KEY), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if SHORTEST <= len(key) <= LONGEST else None
