"""What is known of the messages that were posted: which is whose card, what it shows, what is in doubt."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.chat.group.digest import DIGEST
from bot.chat.screens.screen import Screen
from bot.domain.book import Book
from bot.domain.case import Card, Case
from bot.domain.plan import Tally

_REMEMBERED = 500  # notices
_SPARE = 100  # cases that left the book and are still known here


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
    """Where the group is, its messages there, and what an approval of a case would come to now.

    `need` is how many of those are people whom today's limit does not count yet.
    """

    expected: Callable[[int], Tally | None]
    need: Callable[[int], int | None]

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
        self._cards: dict[str, int] = {}
        for number in book.open:
            if book.cases[number].card is None:
                self.of(number).doubt = True

    def of(self, case: int) -> PostedMessage:
        """What is known of the case's message."""
        return self._posted.setdefault(case, PostedMessage())

    def card(self, case: int, book: Book, group: int) -> Card | None:
        """The case's card (or the digest) in the group, None where none is known."""
        posted, about = self._posted.get(case), book.cases.get(case)
        recorded = book.digests.get(group) if case == DIGEST else about.card if about is not None else None
        known = (posted.card if posted else None) or recorded
        if case != DIGEST and about is None:
            return None  # it left the book
        if known is None or known.chat != group or (posted is not None and known == posted.lost):
            return None
        return known

    def case_of(self, message: int, book: Book, group: int) -> int | None:
        """The case whose card in the group this message is; None where it is none."""
        number = self._cards.get(Card(group, message).key, book.cards.get(Card(group, message).key))
        card = None if number is None else self.card(number, book, group)
        return number if card is not None and card.message == message else None

    def is_posted(self, case: int, card: Card) -> PostedMessage:
        """This message is the case's from now on."""
        message = self.of(case)
        message.card = card
        if case != DIGEST:
            self._cards[card.key] = case
        return message

    def forget(self, book: Book) -> None:
        """Of cases that left the book, nothing is known any more."""
        if len(self._posted) > len(book.cases) + _SPARE:
            self._posted = {n: known for n, known in self._posted.items() if n == DIGEST or n in book.cases}
            self._cards = {key: number for key, number in self._cards.items() if number in book.cases}

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
