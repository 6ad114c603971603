"""Whether a request carries one of the secrets, or what only its holder can make."""

import hmac
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

SKEW = 300.0  # seconds that a sender's clock may differ from ours, either way


def is_authorized(headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether `Authorization` holds one of the secrets: as a Bearer token, or as Basic's password."""
    scheme, _, rest = headers.get("authorization", "").strip().partition(" ")
    token = rest.strip().encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        token = _password(token)
    elif scheme.lower() != "bearer":
        token = b""
    return any_same((secret.encode() for secret in secrets), token)


def any_same(expected: Iterable[bytes], said: bytes) -> bool:
    """Whether one of them is what was said, in a time that tells nothing of either; nothing said is none."""
    mark = sha256(said).digest()
    return bool(sum([hmac.compare_digest(sha256(one).digest(), mark) for one in expected])) and said != b""


def is_fresh(seconds: str, now: datetime) -> bool:
    """Whether a time in Unix seconds is that of now, give or take `SKEW`."""
    told = seconds if seconds.isascii() and seconds.isdigit() and len(seconds) <= _DIGITS else "0"
    return abs(int(told) - now.timestamp()) <= SKEW


_DIGITS = 12


def _password(token: bytes) -> bytes:
    try:
        return b64decode(token, validate=True).partition(b":")[2]
    except ValueError:
        return b""
