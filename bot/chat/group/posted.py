"""What is known of the messages that were posted: which is whose card, what it shows, what is in doubt."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.chat.group.digest import DIGEST
from bot.chat.screens.screen import Screen
from bot.domain.book import Book
from bot.domain.case import Card, Case

_REMEMBERED = 500  # notices


Decided = tuple[int, bool, bool, int]


def decided(case: Case, book: Book) -> Decided:
    """What people decided on a case so far: its card shows it, or still offers to decide."""
    restoring = book.restored_by(case.id)
    again = len(restoring.dispatches) if restoring is not None else 0
    return len(case.dispatches), case.denied_by is not None, case.proposal is not None, again


@dataclass(slots=True)
class PostedMessage:
    """What is known of a case's message, or the digest's."""

    screen: Screen | None = None
    drawn_at: datetime | None = None  # the time that the screen tells
    shown_at: float = -math.inf
    not_before: float = -math.inf
    card: Card | None = None  # posted, and perhaps not in the ledger because that is closed
    lost: Card | None = None  # somebody deleted it
    doubt: bool = False  # a post of it went unanswered
    decided: Decided | None = None  # what it shows of decisions
    asked: int | None = None  # how many ONUs it asks about
    pause: float = 0.0  # seconds until one that could not be shown is tried again


class Group(Protocol):
    """Where the group is, and its messages there."""

    @property
    def group(self) -> int:
        """Its id now."""

    def card(self, case: int) -> Card | None:
        """A case's card there (0: the digest), None where none is known."""


class PostedMessages:
    """Which message is what."""

    def __init__(self, book: Book) -> None:
        """A case of this `book` that has no card may have got one just before the program ended."""
        self._posted: dict[int, PostedMessage] = {}
        self._notices: OrderedDict[tuple[int, int], str] = OrderedDict()
        for case in book.cases.values():
            if case.card is None and case.ended_at is None:
                self.of(case.id).doubt = True

    def of(self, case: int) -> PostedMessage:
        """What is known of the case's message."""
        return self._posted.setdefault(case, PostedMessage())

    def card(self, case: int, book: Book, group: int) -> Card | None:
        """The case's card (or the digest) in the group, None where none is known."""
        posted = self._posted.get(case)
        recorded = book.digest if case == DIGEST else book.cases[case].card
        known = (posted.card if posted else None) or recorded
        if known is None or known.chat != group or (posted is not None and known == posted.lost):
            return None
        return known

    def in_doubt(self, case: int) -> bool:
        """Whether an unknown message may be the case's card."""
        return case in self._posted and self._posted[case].doubt

    def add_notice(self, chat: int, message: int, code: str) -> None:
        """This message is a notice with that code."""
        self._notices[chat, message] = code
        while len(self._notices) > _REMEMBERED:
            self._notices.popitem(last=False)

    def notices(self, chat: int, code: str) -> list[int]:
        """The messages that are notices with that code."""
        return [key[1] for key, known in self._notices.items() if (key[0], known) == (chat, code)]

    def is_notice(self, chat: int, message: int) -> bool:
        """Whether this message is a notice."""
        return (chat, message) in self._notices
