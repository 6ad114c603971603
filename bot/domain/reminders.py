"""Whom nobody answered: who is to be asked again now, about which case.

A case may wait for a decision, for a new expected end, for a word whether its customers are told that
service is back, or for somebody who sees to sends that are left undone or in doubt.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, cast

from bot.domain.book import Book
from bot.domain.case import Case, CaseState, Reminder
from bot.domain.claims import LEFT_WITHIN
from bot.domain.restored import waits
from bot.domain.rules import Rules

PAUSES: tuple[tuple[Literal["first", "second", "escalated"], int], ...] = (
    ("first", 1),
    ("second", 3),
    ("escalated", 6),
)
"""After how many times `remind_minutes` who is asked: each pause is longer than the one before."""
LONGEST_FIRST = PAUSES[::-1]
RINGS_WITHIN = timedelta(hours=1)
"""How long after its end an outage is still said to be over: what ended before that is no news."""


def due(book: Book, now: datetime, rules: Rules) -> list[tuple[int, Reminder]]:
    """What is to be said now: of each matter the last reminder whose time came."""
    found: list[tuple[int, Reminder]] = []
    for number in sorted(book.open):
        case = book.cases[number]
        found += ((number, what) for what in _of_open(case, book, now, rules.of(case.region)))
    for number in sorted(book.to_restore):
        case = book.cases[number]
        found += ((number, what) for what in _of_over(case, book, now, rules.of(case.region)))
    for number in sorted(book.left):
        case = book.cases[number]
        found += ((number, what) for what in _of_left(case, now, rules.of(case.region)))
    return found


def stands(case: Case, what: Reminder, book: Book, now: datetime, rules: Rules) -> bool:
    """Whether somebody still is to be told or asked: nobody decided meanwhile, nor was it said already."""
    if what in case.reminded:
        return False
    if what.startswith("left"):
        return is_left(case)
    if book.silence_over(case, now) is not None:
        return False
    if what.startswith("over"):
        return waits(case, book, now, rules) if what != "over" else case.ended_at is not None
    return case.ended_at is None and (what == "eta" or (case.undecided and case.owner is None))


def about(case: Case, what: Reminder) -> datetime | None:
    """The time that it is about: another one is another matter."""
    if what == "eta":
        return case.eta
    if what.startswith("left"):
        return case.dispatch.rests_since if case.dispatch is not None else None
    return case.ended_at if what.startswith("over") else case.asked_at


def is_left(case: Case) -> bool:
    """Whether sends of it are left undone or in doubt, and nobody took that upon themselves."""
    dispatch = case.dispatch
    return dispatch is not None and (case.state is CaseState.INTERRUPTED or bool(dispatch.in_doubt()))


def _of_open(case: Case, book: Book, now: datetime, rules: Rules) -> Iterator[Reminder]:
    if book.silence_over(case, now) is not None:
        return
    if case.eta is not None and case.eta <= now and "eta" not in case.reminded:
        yield "eta"
    small = case.size < rules.sound_from
    if not case.undecided or case.owner is not None or small or case.stale:
        return
    if case.card_size is not None and case.card_size < rules.sound_from and "grown" not in case.reminded:
        yield "grown"
        return
    if case.lapsed is not None and "lapsed" not in case.reminded:
        yield "lapsed"
        return
    step = _step(case, book, now, rules)
    if step is not None:
        yield step


def _of_over(case: Case, book: Book, now: datetime, rules: Rules) -> Iterator[Reminder]:
    """It rings once; then people are reminded as long as somebody has to decide what the customers hear."""
    ended = case.ended_at
    rings = ended is not None and "over" not in case.reminded and now - ended <= RINGS_WITHIN
    step = None if ended is None else _ladder(case, "over", ended, now, rules)
    # Whom it reached is counted last: cases that are over are many, and asked about at each poll.
    asks = step is not None and waits(case, book, now, rules) and case.size >= rules.sound_from
    if not (rings or asks) or not case.accepted() or book.silence_over(case, now) is not None:
        return
    if rings:
        yield "over"
    if asks and step is not None:
        yield step


def _of_left(case: Case, now: datetime, rules: Rules) -> Iterator[Reminder]:
    since = about(case, "left_first")
    if since is not None and now - since <= LEFT_WITHIN:
        step = _ladder(case, "left", since, now, rules)
        if step is not None and is_left(case):
            yield step


def _ladder(
    case: Case, matter: Literal["over", "left"], since: datetime, now: datetime, rules: Rules
) -> Reminder | None:
    step = _passed(now - since, rules)
    what = f"{matter}_{step}"
    return None if step is None or what in case.reminded else cast("Reminder", what)


def _step(case: Case, book: Book, now: datetime, rules: Rules) -> Reminder | None:
    asked = case.asked_at or case.opened_at
    step = _passed(now - asked, rules)
    if step is None or step in case.reminded:
        return None
    silences = (s for s in book.silences.values() if asked < s.until <= now)  # it waits anew after each
    ended = [s.until for s in silences if any(s.covers(port) for port in case.ports)]
    step = _passed(now - max((asked, *ended)), rules)
    return None if step in case.reminded else step


def _passed(waited: timedelta, rules: Rules) -> Literal["first", "second", "escalated"] | None:
    """The last reminder whose time came; none where nobody is to be reminded."""
    if rules.remind_minutes <= 0:
        return None
    pauses = waited / timedelta(minutes=rules.remind_minutes)
    for what, times in LONGEST_FIRST:
        if pauses >= times:
            return what
    return None
