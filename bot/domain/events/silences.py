"""Planned work: where no cards come from.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from bot.domain.book import Book, Event
from bot.domain.limits.silence import Scope, Silence
from bot.domain.who import Who


@dataclass(frozen=True, slots=True)
class Silenced(Event):
    """Planned work: no cards from there until then; of one that lasts, that it ends at another time."""

    silence: int
    scopes: tuple[Scope, ...]
    until: datetime
    by: Who
    reason: str
    kind: Literal["silenced"] = "silenced"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        known = book.silences.get(self.silence)
        since = at if known is None else known.since
        _keep(book, Silence(self.silence, self.scopes, since, self.until, self.by, self.reason))


@dataclass(frozen=True, slots=True)
class SilenceEnded(Event):
    """A person ended a silence before its time."""

    silence: int
    by: Who
    kind: Literal["silence_ended"] = "silence_ended"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        silence = book.silences.get(self.silence)
        if silence is not None:
            _keep(book, replace(silence, until=min(silence.until, at)))


@dataclass(frozen=True, slots=True)
class SilenceWarned(Event):
    """The group was told that a silence ends soon."""

    silence: int
    kind: Literal["silence_warned"] = "silence_warned"
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        silence = book.silences.get(self.silence)
        if silence is not None:
            _keep(book, replace(silence, warned=True))


def _keep(book: Book, silence: Silence) -> None:
    book.silences[silence.id] = silence
    book.next_silence = max(book.next_silence, silence.id + 1)
    others = (one for one in book.lasting if one.id != silence.id and one.until > book.last_at)
    book.lasting = [*others, silence]


Line = Silenced | SilenceEnded | SilenceWarned
"""Every kind of this file."""
