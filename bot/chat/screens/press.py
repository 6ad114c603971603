"""What a button carries, and what a row of the table of taps (`buttons.py`) says about it.

Callback data is `action:case:argument`, at most 64 bytes (Bot API, InlineKeyboardButton). What has something
sent also names how many runs its card showed: `action:case.runs:argument`. None stands for none, as on the
cards of versions that did not count them.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import Line
from bot.domain.incident import Inventory
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Asked, Declined
from bot.ports import Write


@dataclass(frozen=True, slots=True)
class Press:
    """One tap: `case` is 0 where it is about none; `arg` is a page, a reason, a filter or an answer.

    `runs` is how often the case had been set going when the button was drawn, for those that send.
    """

    action: StrEnum
    case: int = 0
    arg: str = ""
    runs: int = 0

    def encode(self) -> str:
        """The callback data of this press."""
        about = f"{self.case}.{self.runs}" if self.runs else f"{self.case}"
        return f"{self.action}:{about}:{self.arg}"


class Kind(StrEnum):
    """What a page shows, and so which buttons it can have."""

    DETAILS = "details"
    AUDIT = "audit"
    COOLDOWN = "cooldown"
    DOUBTS = "doubts"
    STATUS = "status"
    TIME = "time"
    CUSTOMER = "customer"
    MANY = "many"
    OTHER = "other"


class Where(StrEnum):
    """What a tapped message has to be."""

    CARD = "the case's card"
    FROM_CARD = "the case's card, below which a page opens"
    LIST = "the list of cases without a card"
    NOTICE = "what says that the ledger looks old, or a silence ends; or /status"
    PAGE = "a page"


Question = Literal[
    "deny",
    "flapping",
    "hours",
    "hours_f",
    "resume_hours",
    "restore_hours",
    "eta",
    "cause",
    "silence",
    "silence_works",
    "silence_maintenance",
    "silence_known",
    "separate",
]
"""What a card may ask. `silence_...` asks for how long, where the reason is known; `hours_f` is `hours` where
it was answered before that an oscillating port matters not.
"""


@dataclass(frozen=True, slots=True)
class Tapped:
    """A tap on a card, and what it is judged by.

    `asked` is about how many ONUs the card asked, None where nobody knows; `need` as in `Terms`.
    """

    press: Press
    who: Who
    book: Book
    now: datetime
    rules: Rules
    words: Words
    asked: int | None = None
    inventory: Inventory = field(default_factory=dict)
    need: int | None = None

    @property
    def case(self) -> Case:
        """The case that it is about."""
        return self.book.cases[self.press.case]


Said = tuple[str, Mapping[str, object]]
"""A toast of the words and what fills it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """One row: which button it is, where and by whom it may be pressed, and what comes of it.

    `fits` says whether this program writes such an argument, `second` whether it may be about the second
    message of a case (its number is negative then), `decides` whether it says what becomes of a case that
    waits. On a card: `rule` is committed, `toast` told, `asks` then asked by the card; without `clears` a
    question that is open stays, without `folds` the card's other buttons do, and `unfolds` shows or hides
    them. `sends` is what names the case's runs; that, and what is marked `alone`, is declined while a second
    program may have been sent the same taps. What waited through an absence is asked about (`late`: "ask", or
    the action that asks anew), carried out ("do"), or declined ("no").

    `label` is the words' key of its text. A card shows the button where it is `offered` and its rule would
    not decline; `beside` are those that stand behind the ones that decide.
    """

    action: StrEnum
    where: Where
    approver: bool = True
    group: bool = True
    page: Kind | None = None
    reader: bool = False
    fits: Callable[[str], bool] = operator.not_
    second: bool = False
    decides: bool = False
    rule: Callable[[Tapped], Write] | None = None
    toast: Callable[[Tapped, Sequence[Line]], Said] | str = ""
    asks: Callable[[Press], Question] | None = None
    clears: bool = True
    folds: bool = True
    unfolds: bool | None = None
    sends: bool = False
    alone: bool = False
    late: StrEnum | Literal["do", "ask", "no"] = "do"
    label: str | Callable[[Tapped], str] = ""
    beside: bool = False
    offered: Callable[[Tapped], bool] = lambda _tapped: True

    def said(self, tapped: Tapped, lines: Sequence[Line]) -> str | None:
        """The toast, None for none."""
        key, facts = (self.toast, {}) if isinstance(self.toast, str) else self.toast(tapped, lines)
        return tapped.words.plain(f"toast.{key}", **facts) if key else None

    def text(self, tapped: Tapped) -> str:
        """The words' key of the button's text."""
        label = self.label if isinstance(self.label, str) else self.label(tapped)
        return f"button.{label or self.action.name.lower()}"

    def shown(self, tapped: Tapped) -> bool:
        """Whether the case's card has the button now."""
        return self.offered(tapped) and self.declines(tapped) is None

    def declines(self, tapped: Tapped) -> str | None:
        """Why its rule would decline the tap now (`Declined.code`), None where it would not."""
        if self.rule is None:
            return None
        try:
            self.rule(tapped)(tapped.book, tapped.now)
        except Asked:
            return None
        except Declined as no:
            return no.code
        return None
