"""What the bot says of itself at each start: real or a rehearsal, which templates, who decides, when."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.ports import Notice

STARTED = "started"
AGAIN = timedelta(minutes=10)
"""So long the group is not told the same again: a bot that keeps falling over does not bury the cards."""


def start_line(facts: Mapping[str, object], words: Words, open_cases: int | None) -> str:
    """One line for a terminal or a log; `open_cases` is None where nobody could count them."""
    return words.plain("setup.line", **facts, open=open_cases)


def said_of_start(notice: Notice) -> str:
    """What two starts are compared by."""
    return json.dumps(notice.facts)


def is_news(said: str, book: Book, now: datetime, region: str = "") -> bool:
    """Whether the region's group did not read the same a moment ago."""
    last = book.announced.get(region)
    return last is None or last.said != said or now - last.at >= AGAIN
