"""What the platform says of our account: its templates, and how many people we may write to.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.book import Book, Event
from bot.domain.limits.templates import Judged, Trouble


@dataclass(frozen=True, slots=True)
class TemplateJudged(Event):
    """What the platform says is wrong with a template (by `Message.template`), None: nothing any more.

    `name` is what it is called there. `again`: nothing new, it was seen once more.
    """

    template: str
    name: str
    trouble: Trouble | None = None
    again: bool = False
    kind: Literal["template_judged"] = "template_judged"
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        if self.trouble is None:
            book.templates.pop(self.template, None)
        else:
            book.templates[self.template] = Judged(self.name, self.trouble, at)


@dataclass(frozen=True, slots=True)
class LimitTold(Event):
    """The platform lets us write to so many different people within 24 hours (None: to any number)."""

    people: int | None = None
    kind: Literal["limit_told"] = "limit_told"
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        book.daily_limit = self.people


Line = TemplateJudged | LimitTold
"""Every kind of this file."""
