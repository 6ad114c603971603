"""`people.key`: the secret by which the ledger's lines call people.

What they are called is a keyed hash (HMAC-SHA-256, RFC 2104) of their phone's key: without the secret nobody
can try all phones there are and find who is meant, with it the bot knows whom it told. So without it nothing
may be sent, and it is never made anew beside a ledger that used another.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from bot.domain.phone import phone_key
from bot.storage.disk import Disk
from bot.tongue import said

NAME = "people.key"
_SIZE = 32  # bytes of the secret
_LENGTH = 6
"""Bytes of a hash, 8 characters: they are most of a checkpoint. That any two of 100,000 people share one is 1
in 56,000, of a million 1 in 560. What comes of it is that one is held back for what the other was told, or
asked for, and never that anybody gets two.
"""


_REMEMBERED = 8192
"""Phones whose hash is not made anew: a plan asks three times for each of its customers, 4 µs a hash."""


class Key:
    """A secret and what it calls people."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.id = sha256(b"id of " + secret).hexdigest()[:12]
        """By which a ledger knows its own again; it says nothing of the secret."""
        self._called = lru_cache(_REMEMBERED)(self._call)

    def person(self, phone: str) -> str:
        """What whoever has a phone (digits with country code) is called: 8 characters."""
        return self._called(phone)

    def forget(self) -> None:
        """Have no phone in memory."""
        self._called.cache_clear()

    def _call(self, phone: str) -> str:
        found = hmac.digest(self._secret, phone_key(phone).encode(), "sha256")
        return urlsafe_b64encode(found[:_LENGTH]).decode()


class KeyMissing(Exception):
    """The secret of the lines is not there; the text says why, and what mends it."""


def key_of(
    disk: Disk,
    folder: Path,
    known: str | None,
    *,
    used: bool,
    made: Callable[[int], bytes] = secrets.token_bytes,
) -> Key:
    """The secret of a data folder, made durably where lines never used one (`used`).

    `known` is the id that the ledger has of it. KeyMissing where it is not there or another; OSError.
    """
    path = folder / NAME
    if NAME not in disk.names(folder):
        if known is not None or used:
            raise KeyMissing(said("{path} is missing: {mend}", path=path, mend=said(_MEND)))
        disk.replace(path, made(_SIZE).hex().encode() + b"\n")
    key = read(disk, folder)
    if known is not None and key.id != known:
        raise KeyMissing(said("{path} is the key of another ledger: {mend}", path=path, mend=said(_MEND)))
    return key


def read(disk: Disk, folder: Path) -> Key:
    """The secret that is there. KeyMissing where that is none; OSError where it cannot be read."""
    try:
        secret = bytes.fromhex(disk.read(folder / NAME).decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != _SIZE:
        raise KeyMissing(said("{path} is damaged: {mend}", path=folder / NAME, mend=said(_MEND)))
    return Key(secret)


_MEND = (
    "without it nobody knows who was told, so nothing is sent. Bring it back from a backup (it is in each) "
    "and start anew"
)
