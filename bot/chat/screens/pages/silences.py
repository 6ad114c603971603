"""Planned work in words: where no cards come from, until when, and the buttons that end it early."""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.buttons import Action
from bot.chat.screens.fitting import LINE
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.limits.silence import Scope, Silence
from bot.domain.who import Who

ROWS = 10  # more silences at once have no button here; their cards have one
_PLACES = 6

Rows = tuple[tuple[Button, ...], ...]


def active(book: Book, now: datetime) -> list[Silence]:
    """The silences that last, the first to end first."""
    return sorted((s for s in book.lasting if s.until > now), key=lambda s: (s.until, s.id))


def where(scopes: Sequence[Scope]) -> str:
    """`CB 01 6/15, slot 7; CB 02`: places by OLT, `+ 3` for those that would not fit. Not escaped."""
    by_olt: dict[str, list[str]] = {}
    for scope in scopes[:_PLACES]:
        by_olt.setdefault(scope.olt, []).append(_place(scope))
    shown = "; ".join(f"{olt} {', '.join(places)}".strip() for olt, places in by_olt.items())
    return f"{shown} + {len(scopes) - _PLACES}" if len(scopes) > _PLACES else shown


def _place(scope: Scope) -> str:
    """A slot says so: OLTs' names end in numbers, too."""
    return f"slot {scope.place}" if scope.place.isdecimal() else scope.place


def row(silence: Silence, words: Words, now: datetime) -> Markup:
    """One silence: where, until when, by whom and why."""
    facts = {"until": silence.until, "by": silence.by, "reason": silence.reason, "now": now}
    return words.say("status.silence", where=where(silence.scopes), **facts)


def end_rows(book: Book, now: datetime, words: Words) -> Rows:
    """A button for each silence that ends it."""
    return tuple(
        (
            Button(
                words.plain("status.end_silence", where=where(silence.scopes)),
                Press(Action.UNMUTE, 0, str(silence.id)).encode(),
            ),
        )
        for silence in active(book, now)[:ROWS]
    )


def ended(silence: Silence, by: Who, book: Book, now: datetime, words: Words) -> Screen:
    """Who ended a silence, and those that still last, with their buttons."""
    said = words.say("status.silence_ended", where=where(silence.scopes), by=by, at=now, now=now)
    left = active(book, now)
    head = [words.say("status.silences", n=len(left))] if left else []
    return Screen(
        str(LINE.join([said, *head, *(row(each, words, now) for each in left[:ROWS])])),
        end_rows(book, now, words),
    )
