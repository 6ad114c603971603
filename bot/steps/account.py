"""Step 0: what the platform says of our account is written down where it is news.

Beside the running order: a case's way reads what the book has of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.events import LimitTold, Line, TemplateJudged
from bot.domain.limits.daily import Allowed, counted
from bot.domain.limits.templates import Trouble
from bot.ports import Write

CONFIRMED_EACH = timedelta(hours=1)
"""How often it is written that something wrong is still so."""


def judge(found: Mapping[str, tuple[str, Trouble | None]]) -> Write:
    """What was found wrong, or right, by `Message.template`: the template's name there, and the trouble."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        lines: list[Line] = []
        for template, (name, trouble) in found.items():
            known = book.templates.get(template)
            same = (None if known is None else (known.name, known.trouble)) == (trouble and (name, trouble))
            if not same or (known is not None and now - known.at >= CONFIRMED_EACH):
                lines.append(TemplateJudged(template, name, trouble, again=same))
        return lines

    return write


def allow(said: Allowed) -> Write:
    """To how many different people we may write within 24 hours, where that is another number than before."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        people = said.people if said.left is None else counted(book.written, now) + said.left
        return [] if people == book.daily_limit else [LimitTold(people)]

    return write
