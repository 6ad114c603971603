"""What every part of the chat works with: one of each, made once."""

from dataclasses import dataclass

from bot.chat.screens.attention import Attention
from bot.chat.screens.words import Words
from bot.chat.wire.access import Access
from bot.chat.wire.budget import Budget, Budgets
from bot.chat.wire.outbox import Outbox
from bot.domain.book import Book
from bot.domain.regional import Whose, book_of
from bot.domain.rules import Rules
from bot.ports import Clock, Ledger, Pictures


@dataclass(slots=True)
class ChatDeps:
    """`budgets` are of all chats, `group` is the configured id of its own; cards show what `rules` come to.

    `rules` and `attention` may be others while it runs: they are read from here each time. Without
    `pictures` everything is told in words. Where there are several NOCs this is the `region`'s; empty: that
    of all cases of no region.
    """

    ledger: Ledger
    outbox: Outbox
    budgets: Budgets
    clock: Clock
    words: Words
    rules: Rules
    attention: Attention
    access: Access
    group: int
    pictures: Pictures | None = None
    region: str = ""

    @property
    def budget(self) -> Budget:
        """The group's."""
        return self.budgets[self.group]

    @property
    def book(self) -> Book:
        """The state as of the last line, with this NOC's cases open."""
        return book_of(self.ledger.book, self.whose)

    @property
    def whose(self) -> Whose:
        """What is this NOC's."""
        return Whose(frozenset({self.region}), self.rules)
