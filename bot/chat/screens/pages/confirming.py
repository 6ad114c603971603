"""Letting sending go on after a start on a ledger that looks like an old copy: asked twice, by a person."""

from datetime import datetime

from bot.chat.screens.buttons import Action
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words
from bot.domain.book import Doubt
from bot.domain.who import Who

NOTICE = "unconfirmed"
BACK = "back"

Rows = tuple[tuple[Button, ...], ...]


def confirm_rows(words: Words) -> Rows:
    """The button under whatever says that the ledger is unconfirmed."""
    return ((Button(words.plain("button.confirm"), Press(Action.ASK_CONFIRM).encode(), "danger"),),)


def unconfirmed(since: datetime, doubt: Doubt | None, words: Words, now: datetime) -> Screen:
    """What the group is told; `since` is the ledger's last line before the start, `doubt` as in the book."""
    text = words.say(f"notice.{NOTICE}", since=since, doubt=doubt, now=now)
    return Screen(str(text), confirm_rows(words))


def ask_confirm(since: datetime, doubt: Doubt | None, words: Words, now: datetime) -> Screen:
    """Whether the person is sure."""
    yes = Button(words.plain("button.confirm_yes"), Press(Action.CONFIRM).encode(), "danger")
    back = Button(words.plain("button.back"), Press(Action.ASK_CONFIRM, 0, BACK).encode())
    return Screen(str(words.say("confirm.ask", since=since, doubt=doubt, now=now)), ((yes,), (back,)))


def confirmed(since: datetime, by: Who, at: datetime, words: Words) -> Screen:
    """Who confirmed, and when."""
    return Screen(str(words.say("confirm.done", since=since, by=by, at=at, now=at)))
