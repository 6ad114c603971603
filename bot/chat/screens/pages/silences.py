"""Planned work in words: where no cards come from, until when, and the buttons that end it early."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from bot.chat.screens.arguments import LONGER
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
    """The silences that last, the first to end first; of several regions' OLTs in the list of each."""
    shown = (s for s in book.lasting if any(book.shows_at(scope.olt) for scope in s.scopes))
    return sorted((s for s in shown if s.until > now), key=lambda s: (s.until, s.id))


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


def end_facts(silence: Silence, book: Book, now: datetime) -> dict[str, object]:
    """What is told of one that ends soon; `n` are the cases there that ask for a decision again."""
    there = (case for case in (book.cases[number] for number in book.open) if case.undecided)
    n = sum(any(map(silence.covers, case.ports)) for case in there)
    facts = {"where": where(silence.scopes), "until": silence.until, "left": silence.until - now}
    return {**facts, "by": silence.by, "reason": silence.reason, "n": n}


def prolong_rows(silence: Silence, words: Words) -> Rows:
    """The buttons that have one last longer."""
    ends = int(silence.until.timestamp())
    buttons = (
        Button(
            words.plain("button.prolong", hours=minutes // 60),
            Press(Action.PROLONG, 0, f"{silence.id}.{minutes}.{ends}").encode(),
        )
        for minutes in LONGER
    )
    return (tuple(buttons),)


def read_prolong(arg: str) -> tuple[int, timedelta, datetime]:
    """Which silence, how much longer, and when it ended as the button was drawn."""
    number, minutes, ends = map(int, arg.split("."))
    return number, timedelta(minutes=minutes), datetime.fromtimestamp(ends, UTC)


def prolonged(silence: Silence, words: Words, now: datetime) -> Screen:
    """Who had it last longer, and until when."""
    facts = {"where": where(silence.scopes), "until": silence.until, "by": silence.by, "now": now}
    return Screen(str(words.say("status.silence_prolonged", **facts)))


def ended(silence: Silence, by: Who, book: Book, now: datetime, words: Words) -> Screen:
    """Who ended a silence, and those that still last, with their buttons."""
    said = words.say("status.silence_ended", where=where(silence.scopes), by=by, at=now, now=now)
    left = active(book, now)
    head = [words.say("status.silences", n=len(left))] if left else []
    return Screen(
        str(LINE.join([said, *head, *(row(each, words, now) for each in left[:ROWS])])),
        end_rows(book, now, words),
    )
