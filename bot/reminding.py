"""Whom nobody answered: who is to be asked again now, about which case."""

from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.life import Reminder
from bot.domain.rules import Rules

PAUSES: tuple[tuple[Reminder, int], ...] = (("first", 1), ("second", 3), ("escalated", 6))
"""After how many times `remind_minutes` who is asked: each pause is longer than the one before."""


def due(book: Book, now: datetime, rules: Rules) -> list[tuple[int, Reminder]]:
    """The cases that nobody decided on or took upon them, with the last reminder whose time came; and those
    whose expected end has passed.
    """
    found: list[tuple[int, Reminder]] = []
    for number in sorted(book.open):
        case = book.cases[number]
        if book.silence_over(case, now) is not None:
            continue
        if case.eta is not None and case.eta <= now and "eta" not in case.reminded:
            found.append((number, "eta"))
        step = _step(case, book, now, rules)
        if step is not None:
            found.append((number, step))
    return found


def _step(case: Case, book: Book, now: datetime, rules: Rules) -> Reminder | None:
    if not case.undecided or case.owner is not None or rules.remind_minutes <= 0:
        return None
    asked = case.asked_at or case.opened_at
    step = _passed(now - asked, rules)
    if step is None or step in case.reminded:
        return None
    silences = (s for s in book.silences.values() if asked < s.until <= now)  # it waits anew after each
    ended = [s.until for s in silences if any(s.covers(port) for port in case.ports)]
    step = _passed(now - max((asked, *ended)), rules)
    return None if step in case.reminded else step


def _passed(waited: timedelta, rules: Rules) -> Reminder | None:
    """The last reminder whose time came."""
    passed = [what for what, times in PAUSES if waited >= timedelta(minutes=rules.remind_minutes * times)]
    return passed[-1] if passed else None
