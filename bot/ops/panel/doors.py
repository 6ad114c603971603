"""Who is let in: a link that works once and for minutes, and the session that it opens.

Both are 256 bits of chance, of which no more than a hash is kept, in memory alone: a start ends them all.
"""

import hmac
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from bot.domain.who import Who

LINK = 600.0  # seconds
SESSION = 12 * 3600.0  # seconds
STREAMS = 6  # screens of one session that are kept true: as many as a browser opens to one address
OPENED = 30  # pages with personal data that one session opens in a minute: nobody reads more
OF_ONE = 5  # sessions of a person: a phone, a desk, a wall; with one more the oldest ends
WRONG = 30  # links a minute that are none, whoever tries them: then somebody is guessing
_MINUTE = 60.0
_BYTES = 32


@dataclass(slots=True, eq=False)
class Session:
    """Somebody who is in until `until` (seconds of the clock), unless it `ended` before.

    `opened` is when they last opened personal data, `streams` how many screens of theirs are kept true now.
    """

    who: Who
    until: float
    ended: bool = False
    streams: int = 0
    opened: deque[float] = field(default_factory=lambda: deque(maxlen=OPENED))

    def admit(self, now: float) -> bool:
        """Count one more page with personal data; False where they had too many within a minute."""
        if len(self.opened) == OPENED and now - self.opened[0] < _MINUTE:
            return False
        self.opened.append(now)
        return True


@dataclass(frozen=True, slots=True)
class _Link:
    who: Who
    until: float


T = TypeVar("T", _Link, Session)


class Doors:
    """The links that are out, and the sessions that are on."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._links: dict[bytes, _Link] = {}
        self._sessions: dict[bytes, Session] = {}
        self._wrong: deque[float] = deque(maxlen=WRONG)

    def link(self, who: Who) -> str:
        """What opens a session for this person, once; what they were given before opens none any more."""
        self._links = {key: link for key, link in self._links.items() if link.who.id != who.id}
        self._forget()
        token, key = _made()
        self._links[key] = _Link(who, self._monotonic() + LINK)
        return token

    def whose(self, token: str) -> Who | None:
        """Whom a link is for; it is good as before. None where it is none, or was used, or is too old."""
        found = _found(self._links, token)
        if found is None or found[1].until <= self._monotonic():
            self._wrong.append(self._monotonic())
            return None
        return found[1].who

    @property
    def guessed_at(self) -> bool:
        """Whether somebody tries links; who has a right one need not wait for that."""
        return len(self._wrong) == WRONG and self._monotonic() - self._wrong[0] < _MINUTE

    def enter(self, token: str) -> str | None:
        """Use a link up: what the cookie holds from here on. None as above."""
        found = _found(self._links, token)
        if found is None or found[1].until <= self._monotonic():
            return None
        del self._links[found[0]]
        self._forget()
        who = found[1].who
        theirs = [key for key, one in self._sessions.items() if one.who.id == who.id]
        for key in theirs[: max(0, len(theirs) - OF_ONE + 1)]:
            self._end(key)
        cookie, key = _made()
        self._sessions[key] = Session(who, self._monotonic() + SESSION)
        return cookie

    def session(self, cookie: str) -> Session | None:
        """Whose cookie it is; None where it is nobody's any more."""
        found = _found(self._sessions, cookie)
        return found[1] if found is not None and self.holds(found[1]) else None

    def holds(self, session: Session) -> bool:
        """Whether a session is still on."""
        return not session.ended and session.until > self._monotonic()

    def leave(self, cookie: str) -> None:
        """End this session."""
        found = _found(self._sessions, cookie)
        if found is not None:
            self._end(found[0])

    def shut(self, user: int) -> None:
        """Nothing that this person was given opens anything any more."""
        self._links = {key: link for key, link in self._links.items() if link.who.id != user}
        for key in [key for key, one in self._sessions.items() if one.who.id == user]:
            self._end(key)

    def _end(self, key: bytes) -> None:
        self._sessions.pop(key).ended = True

    def _forget(self) -> None:
        now = self._monotonic()
        self._links = {key: link for key, link in self._links.items() if link.until > now}
        for key in [key for key, one in self._sessions.items() if one.until <= now]:
            self._end(key)


def _made() -> tuple[str, bytes]:
    token = secrets.token_urlsafe(_BYTES)
    return token, sha256(token.encode()).digest()


def _found(known: Mapping[bytes, T], token: str) -> tuple[bytes, T] | None:
    """It takes as long whichever it is."""
    asked, found = sha256(token.encode()).digest(), None
    for key, one in known.items():
        if hmac.compare_digest(key, asked):
            found = key, one
    return found
