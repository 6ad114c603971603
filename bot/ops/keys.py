"""`api-keys.json`: who may ask over the API, by what they are called. Of a key no more than a hash is kept.

`python -m bot key` writes it, also while the bot runs, which looks at it again each second. A key is 256 bits
of chance: nobody tries them all, so a plain SHA-256 of it is enough, and is told in no time.
"""

import hmac
import json
import re
import secrets
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import Timeout

from bot.errors import StartupError
from bot.ports import Clock
from bot.storage.access import check_owner
from bot.storage.disk import Disk
from bot.tongue import said

NAME = "api-keys.json"
_LOCK = "api-keys.lock"
_MOST = 100
_BYTES = 32
_PREFIX = "noc_"  # whoever finds one somewhere, a scanner of secrets too, sees what it is
_CALLED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_LARGEST = 64 * 1024  # bytes


class Keys:
    """Those of a data folder, as the running bot sees them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._seen: tuple[int, int, int] | None = None
        self._hashes: dict[str, bytes] = {}

    def read(self) -> None:
        """Look whether they changed. Blocks. OSError or ValueError where they cannot be read: none holds."""
        before, self._seen = self._seen, None
        try:
            found = self._path.stat()
            seen = found.st_ino, found.st_mtime_ns, found.st_size
            if seen != before:
                self._hashes = {name: bytes.fromhex(one["sha256"]) for name, one in _read(self._path).items()}
        except FileNotFoundError:
            self._hashes = {}
        except (OSError, ValueError):
            self._hashes = {}
            raise
        else:
            self._seen = seen

    @property
    def names(self) -> frozenset[str]:
        """Whose there are."""
        return frozenset(self._hashes)

    def whose(self, key: str) -> str | None:
        """What whoever has this key is called, None where nobody has. It takes as long whoever it is."""
        asked, found = sha256(key.encode()).digest(), None
        for name, known in self._hashes.items():
            if hmac.compare_digest(asked, known):
                found = name
        return found


def add(folder: Path, name: str, clock: Clock) -> str:
    """What to print: the key, last and once. StartupError where there is one of that name."""
    if _CALLED.fullmatch(name) is None:
        raise StartupError(said("a key's NAME has up to 40 letters, digits, dots, dashes and underscores"))

    def change(known: dict[str, Any]) -> str:
        if name in known:
            text = said("there is a key {name}: key revoke {name} takes it away", name=name)
            raise StartupError(text, code=1)
        if len(known) >= _MOST:
            raise StartupError(said("there are {count} keys: revoke one first", count=_MOST), code=1)
        key = _PREFIX + secrets.token_urlsafe(_BYTES)
        known[name] = {
            "sha256": sha256(key.encode()).hexdigest(),
            "added": f"{clock.now():%Y-%m-%dT%H:%M:%SZ}",
        }
        return key

    key = _changed(folder, change)
    text = "{name} may ask from now on with this key, which is kept nowhere and shown only now:"
    return f"{said(text, name=name)}\n{key}"


def revoke(folder: Path, name: str) -> str:
    """What to print. StartupError where there is no key of that name."""

    def change(known: dict[str, Any]) -> str:
        if known.pop(name, None) is None:
            raise StartupError(said("there is no key of that name: see python -m bot key list"), code=1)
        return said("{name} may ask no more", name=name)

    return _changed(folder, change)


def listed(folder: Path) -> str:
    """Who has one, and since when."""
    try:
        known = _read(folder / NAME)
    except (OSError, ValueError) as error:
        raise _unread(folder, error) from error
    if not known:
        return said("there is no key: the API answers nobody. python -m bot key add NAME makes one")
    return "\n".join(f"{one['added']}  {name}" for name, one in sorted(known.items()))


def _changed(folder: Path, change: Callable[[dict[str, Any]], str]) -> str:
    """What `change` says of the keys that it changed; one at a time, and whole or not at all."""
    check_owner(folder)
    disk, path = Disk(), folder / NAME
    try:
        disk.make_folder(folder)
        release = disk.lock(folder / _LOCK)
    except Timeout:
        raise StartupError(said("somebody else changes the keys at this moment: try again"), code=1) from None
    except OSError as error:
        raise _unread(folder, error) from error
    try:
        known = _read(path)
        told = change(known)
        disk.replace(path, json.dumps({"keys": known}, indent=1).encode() + b"\n")
    except (OSError, ValueError) as error:
        raise _unread(folder, error) from error
    finally:
        release()
    return told


def _read(path: Path) -> dict[str, Any]:
    """What stands there by name, none where there is no file. OSError; ValueError where it is damaged."""
    try:
        with Disk().reading(path) as file:
            text = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return {}
    found = json.loads(text)
    known = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(known, dict) or not all(map(_is_one, known.values())):
        raise ValueError("not keys")
    return known


def _is_one(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("added"), str):
        return False
    hashed = value.get("sha256")
    return isinstance(hashed, str) and re.fullmatch(r"[0-9a-f]{64}", hashed) is not None


def _unread(folder: Path, error: OSError | ValueError) -> StartupError:
    why = error.strerror if isinstance(error, OSError) else said("damaged: delete it and add new keys")
    return StartupError(f"{folder / NAME}: {why}", code=1)
