"""What a card says, and asks, where today's limit may not hold all of a case."""

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.arguments import with_most
from bot.chat.screens.buttons import Action, press_on
from bot.chat.screens.screen import Button
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.limits.account import LIMIT, Room, left_today, limit_today, new_people, room_for
from bot.domain.limits.daily import next_free
from bot.domain.rules import Rules

SCARCE = 5
"""Below a fifth of the day's limit every card says how much is left."""


@dataclass(frozen=True, slots=True)
class Short:
    """A question: to whom to send, as there is not enough for all. `arg` is what the tap said already."""

    arg: str


def room_line(
    case: Case, book: Book, now: datetime, words: Words, rules: Rules, *, need: int | None
) -> list[Markup]:
    """How many people are left today, where that is too few for the case, or few; `need` as in `room_for`."""
    left, limit = left_today(book, rules, now), limit_today(book, rules)
    if left is None or limit is None or case.ended_at is not None:
        return []
    until = next_free(book.written, now) if not left else None
    facts = {"left": left, "limit": limit, "until": until, "now": now}
    if case.state is CaseState.INTERRUPTED:
        progress = case.dispatches[-1].progress
        stopped = case.dispatches[-1].end_reason == LIMIT and progress is not None
        left_over = new_people(book, progress.todo(), now) if stopped and progress is not None else 0
        return [words.say("card.limit", **facts, need=left_over, counted=True)] if stopped else []
    room = room_for(book, case, case.ports, rules, now, need=need) if case.undecided else None
    if room is None or not (room.short or left * SCARCE < limit):
        return []
    return [words.say("card.limit", **facts, need=room.need, counted=room.counted)]


def room_question(
    short: Short, case: Case, room: Room, words: Words
) -> tuple[Markup, tuple[Button, ...]] | None:
    """To whom to send now; None where there is room for all by now, or for nobody any more."""
    if not room.short or not room.parts:
        return None
    facts = {"left": room.left, "limit": room.limit, "need": room.need, "counted": room.counted}
    text = words.say("question.limit", **facts, before=room.before, first=room.first)
    buttons = (_button(n, short, case, room, words) for n in room.parts)
    return text, tuple(buttons)


def _button(n: int, short: Short, case: Case, room: Room, words: Words) -> Button:
    press = press_on(case, Action.APPROVE, with_most(short.arg, n))
    others = n > room.left - room.before  # it takes of what the others need
    return Button(words.plain("button.first_of_them", n=n, others=others), press.encode(), "danger")
